"""Draws shards on a Ray cluster, one shard a task; they are written here, as those drawn here."""

import functools
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motiongen import generators
from motiongen.checkpoint import find, load
from motiongen.motion import MotionBatch
from motiongen.sharding.plan import Plan
from motiongen.sharding.writing import Draw

#: shards that are drawn ahead of the one that is written, for each processor of the cluster
AHEAD = 2


def drawn_on_ray(
    model: generators.Generator,
    checkpoint: Path,
    plan: Plan,
    *,
    address: str | None = None,
    trust_code: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Draw:
    """Draws shards as tasks of a Ray cluster. Nothing but Ray is shared: no folder is needed.

    Args:
        model: is sampled, by each task on a device like this one's.
        checkpoint: that it was loaded from; its bytes go to the workers.
        plan: what is drawn.
        address: of a cluster that runs. None: the one that Ray finds, or a new one here.
        trust_code: see `load`.
        progress: called with the number of clips drawn at each step.

    Raises:
        ValueError: if Ray is not installed.
    """
    header = plan.header(model)
    ray = _ray()

    def draw(numbers: Sequence[int]) -> Generator[MotionBatch, None, None]:
        if not numbers:
            return
        with connected(address):
            gpus = 1 if header["device"] == "cuda" else 0
            task = ray.remote(num_cpus=1, num_gpus=gpus)(_draw)
            given = (ray.put(find(checkpoint).read_bytes()), trust_code, plan, header)
            ahead = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            started: deque[Any] = deque()
            rest = iter(numbers)
            for number in numbers:
                for later in rest:
                    started.append(task.remote(later, *given))
                    if len(started) >= ahead:
                        break
                yield _received(ray, number, started.popleft())
                if progress is not None:
                    progress(len(plan.samples(number)))

    return draw


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ValueError("--on ray: Ray is missing; pip install 'motiongen[cluster]'") from error
    return ray


@contextmanager
def connected(address: str | None, **options: Any) -> Iterator[None]:
    """A connection to the cluster; one that was there before stays.

    Args:
        address: of the cluster; None: one that is found, else one that is started here.
        options: more of `ray.init`.

    Raises:
        ValueError: if Ray is not installed, or there is no cluster at the address.
    """
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(
            address=address,
            include_dashboard=None if address else False,
            log_to_driver=False,
            **options,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"--address: no Ray cluster at {address or 'hand'}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _received(ray: Any, number: int, reference: Any) -> MotionBatch:
    try:
        arrays = ray.get(reference)
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        raise ValueError(f"--on ray: shard {number} could not be drawn: {lines[0]}") from error
    # what Ray hands over is read-only
    return MotionBatch(**{name: torch.from_numpy(value.copy()) for name, value in arrays.items()})


# ---- what a worker does -------------------------------------------------------------------------


def _draw(
    number: int, content: bytes, trust_code: bool, plan: Plan, header: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The samples of a shard as arrays.

    Raises:
        ValueError: if this worker would draw other ones than the process that asks for them.
    """
    model = _model(content, trust_code, header["device"])
    own = plan.header(model)
    if other := [name for name in header if own[name] != header[name]]:
        told = "; ".join(f"{name} {own[name]}, asked for {header[name]}" for name in other)
        raise ValueError(f"a worker has {told}")
    batch = plan.draw(model, number)
    names = ("joints", "confidence", "length", "label", "index")
    return {name: getattr(batch, name).numpy() for name in names}


@functools.lru_cache(maxsize=1)
def _model(content: bytes, trust_code: bool, device: str) -> generators.Generator:
    """The model of a checkpoint, loaded once in each worker."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ckpt"
        path.write_bytes(content)
        return load(path, trust_code=trust_code, device=device)
