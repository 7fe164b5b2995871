"""Feature spaces of the scores: classifiers trained on the real clips, and their cache."""

import functools
import hashlib
import inspect
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from tqdm import tqdm

from motiongen import encoders
from motiongen.classifier import FeatureSpace, MotionClassifier, fit_classifier, predict
from motiongen.evaluation.drawing import digests
from motiongen.motion import MotionBatch, MotionSpec

EXTRACTOR_STEPS = 400
#: architectures that a report compares; the first fills the tables, as most published ones do
ARCHITECTURES = ("RNN", "CNN")
#: encoders by name
ENCODERS = {
    name: kind
    for name in encoders.__all__
    if inspect.isclass(kind := getattr(encoders, name))
    and issubclass(kind, encoders.Encoder)
    and not inspect.isabstract(kind)
}


@dataclass(frozen=True)
class Cache:
    """Keeps what was made of real clips: extractors, and their features.

    Args:
        folder: is created when something is kept.
    """

    folder: Path

    @classmethod
    def usual(cls) -> "Cache":
        """The folder named by MOTIONGEN_CACHE, or one below the user's own cache."""
        home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "motiongen"
        return cls(Path(os.environ.get("MOTIONGEN_CACHE", home)) / "features")

    def get(
        self, key: str, make: Callable[[], dict[str, Shaped[Tensor, "..."]]]
    ) -> dict[str, Shaped[Tensor, "..."]]:
        """What was kept under a key, or what `make` gives; a damaged file is made again."""
        path = self.folder / f"{key}.npz"
        try:
            # numpy leaves a file open that it cannot read
            with np.load(BytesIO(path.read_bytes())) as kept:
                return {name: torch.from_numpy(kept[name]) for name in kept.files}
        except (OSError, ValueError, EOFError, BadZipFile):
            pass
        made = make()
        try:
            self._keep(path, made)
        except OSError as error:
            # minutes of work are not lost because a folder cannot be written
            logging.getLogger(__name__).warning("%s: not kept: %s", path, error)
        return made

    def _keep(self, path: Path, made: dict[str, Tensor]) -> None:
        """Writes a file whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in made.items()}
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, path)


def fit_extractor(
    clips: MotionBatch,
    spec: MotionSpec,
    seed: int,
    steps: int = EXTRACTOR_STEPS,
    *,
    architecture: str = ARCHITECTURES[0],
    cache: Cache | None = None,
) -> MotionClassifier:
    """Trains a feature space of the scores, with a progress bar.

    Args:
        clips: real clips that generators learned from, in memory.
        spec: the contract with the data.
        seed: of weights and order.
        steps: optimiser steps.
        architecture: name of an encoder, such as "RNN".
        cache: where one that was trained alike is taken from. None: it is trained.

    Raises:
        ValueError: if there is no such encoder, or fewer than two classes have clips.
    """
    if architecture not in ENCODERS:
        raise ValueError(f"extractor: found {architecture!r}, allowed {', '.join(ENCODERS)}")
    encoder = ENCODERS[architecture]

    def train() -> dict[str, Tensor]:
        with bar(steps, f"feature extractor ({architecture})") as step:
            made = fit_classifier(
                clips, spec, encoder=encoder, steps=steps, seed=seed, progress=step
            )
        return dict(made.state_dict())

    key = _key(json.dumps(spec.as_dict()), architecture, seed, steps, *digests(clips))
    weights = train() if cache is None else cache.get(key, train)
    with torch.random.fork_rng(devices=[]):
        model = MotionClassifier(spec, encoder)
    model.load_state_dict(weights)
    return model.eval()


def features_of(
    space: FeatureSpace, clips: MotionBatch, cache: Cache | None = None
) -> tuple[Float[np.ndarray, "_n _f"], Float[np.ndarray, "_n _k"]]:
    """Features and class scores of all clips, in float64, kept if there is a cache."""
    device = device_of(space)

    def compute() -> dict[str, Tensor]:
        found, scores = predict(space, clips.to(device))
        return {"features": found.double().cpu(), "scores": scores.double().cpu()}

    # another class may make other features of the same weights, and its code is not in the key
    if cache is not None and type(space) is MotionClassifier:
        encoder = type(space.pool.encoder)
        name = f"{encoder.__module__}.{encoder.__qualname__}"
        found = cache.get(_key(name, weights_hash(space), device, *digests(clips)), compute)
    else:
        found = compute()
    return found["features"].numpy(), found["scores"].numpy()


def device_of(space: FeatureSpace) -> torch.device:
    """Where a feature space computes; the CPU for what is no module of torch."""
    parameters = space.parameters() if isinstance(space, nn.Module) else iter(())
    return next((p.device for p in parameters), torch.device("cpu"))


def weights_hash(model: nn.Module) -> str:
    """SHA-256 of names and values of all weights and buffers."""
    mark = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        mark.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        mark.update(value.detach().cpu().contiguous().numpy().tobytes())
    return mark.hexdigest()


def described(space: FeatureSpace) -> dict[str, Any]:
    """Which feature space it is, for the report."""
    encoder = getattr(getattr(space, "pool", None), "encoder", space)
    known = {"encoder": type(encoder).__name__}
    return known | (
        {"weights sha256": weights_hash(space)} if isinstance(space, nn.Module) else {}
    )


def _key(*parts: object) -> str:
    """Changes with the parts, and with the code and the library that computed."""
    text = "\n".join(map(str, (_code(), torch.__version__, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


@functools.cache
def _code() -> str:
    """Changes when what makes features changes, between versions, too."""
    package = Path(encoders.__file__).parents[1]
    names = ("classifier", "networks", "standardizer", "skeleton")
    files = [*sorted((package / "encoders").glob("*.py")), *(package / f"{n}.py" for n in names)]
    files += sorted((package / "layouts").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@contextmanager
def bar(total: int, text: str) -> Iterator[Callable[[], object]]:
    """A progress bar on a terminal; gives what advances it by one."""
    with tqdm(total=total, desc=text, disable=None) as shown:
        yield shown.update
