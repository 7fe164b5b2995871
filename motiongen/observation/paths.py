"""Paths of joints beside other paths: those of their parents, or those that a model expects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.observation.differences import seen_near
from motiongen.observation.smoothing import PASSES, smooth
from motiongen.observation.spikes import without_spikes

#: frames for which a hidden parent's path can be believed
NEAR = 8
#: entries of the systems that are solved together: more do not fit into a processor's cache
ENTRIES_AT_ONCE = 2**17


@dataclass(frozen=True)
class Tempo:
    """How joints move, each of one clip or of all, in standardised units.

    Args:
        speed: root mean square of first differences of clean motion.
        turn: root mean square of its second differences.
        size: root mean square of its distance from where it is expected. None: nowhere.
    """

    speed: Float[Tensor, "*B J"]
    turn: Float[Tensor, "*B J"]
    size: Float[Tensor, "*B J"] | None = None

    def of(self, joints: list[int]) -> "Tempo":
        """That of some joints."""
        return Tempo(*(part[..., joints] for part in self._parts()))

    def rows(self, clips: int) -> dict[str, Tensor]:
        """One row a joint of a clip, as `smooth` takes it. Shapes: -> [B*J]."""
        rows = [part.expand(clips, -1).flatten() for part in self._parts()]
        return dict(zip(("speed", "turn", "size"), rows, strict=False))

    def _parts(self) -> list[Tensor]:
        return [part for part in (self.speed, self.turn, self.size) if part is not None]


def together(
    joints: Sequence[int], mask: Bool[Tensor, "B T J"], correlation: float
) -> Iterator[list[int]]:
    """Parts of joints whose paths know nothing of each other, to be found at once.

    Noise that is correlated in time makes systems as large as the square of a clip.
    """
    batch, frames = mask.shape[:2]
    entries = batch * frames * (frames if correlation > 0 else 3)
    part = max(1, ENTRIES_AT_ONCE // max(1, entries))
    for start in range(0, len(joints), part):
        yield list(joints[start : start + part])


def path_beside(
    beside: Float[Tensor, "B T J C"],
    joints: Float[Tensor, "B T J C"],
    mask: Bool[Tensor, "B T J"],
    exists: Bool[Tensor, "B T"],
    *,
    tempo: Tempo,
    level: Float[Tensor, "J"],
    correlation: float,
) -> Float[Tensor, "B T J C"]:
    """Where joints most likely were, each beside another path; 0 where a clip never shows one.

    What jumps away for a moment is left out (`without_spikes`), the rest smoothed (`smooth`); of
    joints that are about where they are expected in one pass: how quickly they depart from that
    depends little on how quickly they move.

    Args:
        beside: the other paths.
        joints: positions.
        mask: True where a joint was seen.
        exists: frames of the clips.
        tempo: how joints move beside these paths.
        level: standard deviation of the noise, above 0.
        correlation: of the noise of a frame with that of the next.
    """
    clips, frames, count = mask.shape
    options = {
        "level": level.expand(clips, -1).flatten(),
        "correlation": correlation,
        **tempo.rows(clips),
    }
    rows, there = _as_rows(joints - beside), exists.repeat_interleave(count, 0)
    kept = without_spikes(rows, _as_rows(mask), there, **options)
    passes = PASSES if tempo.size is None else 1
    own = smooth(rows, kept, there, **options, passes=passes)
    path = beside + own.unflatten(0, (clips, count)).transpose(1, 2)
    return torch.where((mask.any(1, keepdim=True) & exists[..., None])[..., None], path, 0.0)


def share_beside(
    shown: Bool[Tensor, "B T J"], parent: Bool[Tensor, "B T J"]
) -> Float[Tensor, "B J"]:
    """In how many of a joint's seen frames the parent is shown in one of the `NEAR` around."""
    near = seen_near(parent, NEAR)
    return (near & shown).sum(1) / shown.sum(1).clamp(min=1)


def between(
    usual: Float[Tensor, "J"], own: Float[Tensor, "J"], share: Float[Tensor, "B J"]
) -> Float[Tensor, "B J"]:
    """Root of the mean square, a share of it beside the parent."""
    return (share * own**2 + (1 - share) * usual**2).sqrt()


def _as_rows(values: Tensor) -> Tensor:
    """Every joint of every clip a row. Shapes: [B,T,J,...] -> [B*J,T,...]."""
    return values.transpose(1, 2).flatten(0, 1)
