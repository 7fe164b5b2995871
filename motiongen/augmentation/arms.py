"""The arms of a study: what a recogniser learns from, and what it is tested on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from motiongen.evaluation.drawing import joined
from motiongen.motion import MotionBatch

#: which synthetic clips an arm learns from: none, a multiple of the real ones of each class, or
#: as many as bring each class to the size of the largest
Synthetic = Literal["none", "ratio", "balance"]


@dataclass(frozen=True)
class Arm:
    """One way to train a recogniser.

    Args:
        name: for the command line and for files.
        title: for reports.
        real: whether it learns from the real clips.
        synthetic: which synthetic clips it learns from.
        classical: whether clips are turned, scaled and warped anew at each step.
        reverse: whether it is tested on synthetic clips, and not on those of unseen people.
    """

    name: str
    title: str
    real: bool = True
    synthetic: Synthetic = "none"
    classical: bool = False
    reverse: bool = False

    @property
    def needs_generator(self) -> bool:
        """Whether synthetic clips take part."""
        return self.reverse or self.synthetic != "none"


REAL = Arm("real", "real")
CLASSICAL = Arm("classical", "real + classical", classical=True)
SYNTHETIC = Arm("synthetic", "real + synthetic", synthetic="ratio")
BOTH = Arm("both", "real + classical + synthetic", synthetic="ratio", classical=True)
BALANCED = Arm("balanced", "real, balanced with synthetic", synthetic="balance")
#: train on synthetic, test on real
TSTR = Arm("tstr", "synthetic only", real=False, synthetic="ratio")
#: train on real, test on synthetic
TRTS = Arm("trts", "real, tested on synthetic", reverse=True)
ARMS = {arm.name: arm for arm in (REAL, CLASSICAL, SYNTHETIC, BOTH, BALANCED, TSTR, TRTS)}


@dataclass(frozen=True)
class Treatment:
    """An arm and, where it takes one, its ratio of synthetic to real clips."""

    arm: Arm
    ratio: float | None = None

    @property
    def name(self) -> str:
        """For files."""
        return self.arm.name if self.ratio is None else f"{self.arm.name}-x{self.ratio:g}"

    @property
    def title(self) -> str:
        """For reports."""
        return self.arm.title if self.ratio is None else f"{self.arm.title} ×{self.ratio:g}"


def treatments(arms: Sequence[str], ratios: Sequence[float]) -> list[Treatment]:
    """Every arm at every ratio that it takes; the arms that others are compared with are added.

    Raises:
        ValueError: if an arm is unknown, or a ratio is not above 0.
    """
    if unknown := [name for name in arms if name not in ARMS]:
        raise ValueError(f"arms: found {unknown[0]!r}, allowed {', '.join(ARMS)}")
    if bad := [ratio for ratio in ratios if not 0 < ratio < float("inf")]:
        raise ValueError(f"ratio: found {bad[0]}, must be above 0")
    wanted = {REAL.name, *arms} | ({CLASSICAL.name} if BOTH.name in arms else set())
    found = []
    for arm in (arm for name, arm in ARMS.items() if name in wanted):
        each = sorted(set(ratios)) if arm.synthetic == "ratio" else [None]
        found += [Treatment(arm, ratio) for ratio in each]
    return found


def wanted_counts(treatment: Treatment, real: Int[Tensor, "K"]) -> Int[Tensor, "K"]:
    """Synthetic clips of each class that a treatment learns from; `real` counts the real ones."""
    if treatment.arm.synthetic == "balance":
        return torch.where(real > 0, real.max() - real, 0)
    if treatment.ratio is None:
        return torch.zeros_like(real)
    share = (treatment.ratio * real).round().long()
    return torch.where(real > 0, share.clamp(min=1), 0)


def training_clips(
    treatment: Treatment,
    real: MotionBatch,
    pool: MotionBatch | None,
    real_share: float | None = None,
) -> tuple[MotionBatch, int]:
    """What a recogniser learns from, and how many synthetic clips are among it.

    Args:
        treatment: what is wanted.
        real: the real clips.
        pool: synthetic clips; of each class the first ones are taken, all where there are fewer.
        real_share: where synthetic clips are more than the real ones, real clips are repeated so
            that they make up at least this share of what is learned. None: they are not.

    Raises:
        ValueError: if nothing is left to learn from.
    """
    parts = [real] if treatment.arm.real else []
    rows = torch.empty(0, dtype=torch.long)
    if pool is not None and treatment.arm.synthetic != "none":
        classes = int(torch.cat([real.label, pool.label]).max()) + 1
        counts = wanted_counts(treatment, real.label.bincount(minlength=classes))
        rows = first_of_each(pool.label, counts)
        parts += [pool.select(rows)] if len(rows) else []
    if treatment.arm.real and real_share is not None and len(rows):
        parts += [real] * (repeats(len(real), len(rows), real_share) - 1)
    if not parts:
        raise ValueError(f"{treatment.title}: no synthetic clip passed the filter; loosen it")
    return joined(parts), len(rows)


def first_of_each(labels: Int[Tensor, "N"], counts: Int[Tensor, "K"]) -> Int[Tensor, "M"]:
    """Rows of the first clips of each class, at most as many as `counts` says."""
    found = [(labels == k).nonzero()[:count, 0] for k, count in enumerate(counts.tolist())]
    return torch.cat(found)


def repeats(real: int, synthetic: int, share: float) -> int:
    """How often real clips are learned for each time that synthetic ones are: at least once.

    Raises:
        ValueError: if `share` is outside [0,1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"real share: found {share}, allowed 0 to below 1")
    return max(1, math.ceil(share * synthetic / ((1 - share) * real)))
