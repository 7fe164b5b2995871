"""What a set of shards is to hold: with the model it determines every byte of the set."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from motiongen import __version__
from motiongen.checkpoint import fingerprint
from motiongen.data.shards import SHARDS_VERSION, STORE
from motiongen.data.table import ITEM_BYTES
from motiongen.generators import Generator, SampleOptions
from motiongen.generators.base import MICRO_BATCH
from motiongen.motion import MotionBatch
from motiongen.sampling import Wanted, origin

#: clips of a shard, some 20 MB of common skeletons
SHARD_SIZE = 32 * MICRO_BATCH
#: formats whose clips are padded to the longest
PADDED = ("npz", "ctrgcn", "aeon")
#: what the other fields of a row of text take, in bytes of numbers
TEXT_NUMBERS = 16
#: larger sets are written in shards unless told otherwise
LARGE = 10_000


@dataclass(frozen=True)
class Plan:
    """Which clips go into a set of shards, and how they are written.

    Sample i is the same for every `shard_size`: it depends on (seed, i), its label and its
    length alone.

    Args:
        wanted: how many clips of which class.
        shard_size: clips of a shard; the last one may have fewer.
        format: "store" or one of `formats.WRITERS`.
        seed: first half of every sample's key.
        length: frames of every clip; None draws them as in training.
        frames: to how many frames clips are stretched. None: not at all.
        options: see `SampleOptions`.

    Raises:
        ValueError: if there is no clip to draw, or a shard would have none.
    """

    wanted: Wanted
    shard_size: int = SHARD_SIZE
    format: str = STORE
    seed: int = 0
    length: int | None = None
    frames: int | None = None
    options: SampleOptions = SampleOptions()

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise ValueError(f"--shard-size: found {self.shard_size}, at least 1 is needed")
        if self.wanted.count < 1:
            raise ValueError(f"{self.wanted.count} clips are wanted, at least 1 is needed")

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return -(-self.wanted.count // self.shard_size)

    def samples(self, number: int) -> range:
        """Numbers of the samples in a shard."""
        first = number * self.shard_size
        return range(first, min(first + self.shard_size, self.wanted.count))

    def draw(
        self, model: Generator, number: int, progress: Callable[[int], object] | None = None
    ) -> MotionBatch:
        """Draws the samples of a shard, wherever it is called.

        Raises:
            ValueError: see `Generator.sample`.
        """
        samples = self.samples(number)
        # whole micro-batches of the set: in another row, or beside other samples, one could
        # differ in its last bits
        first = samples.start - samples.start % MICRO_BATCH
        stop = min(-(-samples.stop // MICRO_BATCH) * MICRO_BATCH, self.wanted.count)
        batch = model.sample(
            stop - first,
            label=self.wanted.labels(first, stop - first),
            length=self.length,
            seed=self.seed,
            start=first,
            options=self.options,
            progress=None if progress is None else _at_most(len(samples), progress),
        )
        return batch.select(slice(samples.start - first, samples.stop - first)).to("cpu")

    def header(self, model: Generator) -> dict[str, Any]:
        """The first line of the manifest: all that the bytes of the set depend on.

        What computes is part of it: another version or device may round otherwise.
        """
        return {
            "shards": SHARDS_VERSION,
            "motiongen": __version__,
            "torch": str(torch.__version__),
            "device": model.standardizer.mean.device.type,
            "format": self.format,
            "clips": self.wanted.count,
            "shard_size": self.shard_size,
            "counts": None if self.wanted.counts is None else list(self.wanted.counts),
            "in_turn": self.wanted.in_turn,
            "seed": self.seed,
            "length": self.length,
            "frames": self.frames,
            **asdict(self.options),
            "model_sha256": fingerprint(model.state_dict()),
            "spec": model.spec.as_dict(),
            "origin": origin(model),
        }

    def bytes_a_clip(self, model: Generator) -> int:
        """About how much disk a clip takes, from the lengths that the model learned."""
        counts = model.length_counts.sum(0).double().cpu()
        mean = float((counts * torch.arange(len(counts))).sum() / counts.sum().clamp(min=1))
        # without --frames, files hold clips of all lengths padded to the longest
        padded = model.spec.frames if self.format in PADDED else None
        frames = self.frames or padded or self.length or mean
        channels = model.spec.channels
        # with the confidence; two bodies; positions alone
        numbers = {"ctrgcn": 2 * channels, "aeon": channels, "csv": TEXT_NUMBERS + 3 * channels}
        a_joint = numbers.get(self.format, channels + 1)
        return round(frames * model.skeleton.num_joints * a_joint * ITEM_BYTES)


def _at_most(total: int, progress: Callable[[int], object]) -> Callable[[int], object]:
    """Counts samples for a progress bar, but not those that are drawn beside a shard's own."""
    left = total

    def told(count: int) -> None:
        nonlocal left
        progress(min(count, left))
        left -= min(count, left)

    return told
