"""Joints that are not seen: occlusion, lost frames, dropout."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.noise.base import check_positive, check_share, draw_runs, keep_target, limb_pairs


@dataclass(frozen=True)
class Occlusion:
    """Joints and whole limbs that are out of sight over runs of frames.

    Args:
        share: share of joints and frames that are missing, in expectation (where all limbs of a
            skeleton are known; half of it is due to whole limbs).
        length: mean length of a run, in frames.

    Raises:
        ValueError: if `share` is not in [0,1) or `length` is negative.
    """

    share: float = 0.08
    length: float = 8.0

    def __post_init__(self) -> None:
        check_share(self, share=self.share)
        check_positive(self, length=self.length)
        if self.share == 1:
            raise ValueError("Occlusion.share: found 1, must be below 1: nothing would be left")

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 where a joint is hidden."""
        if self.share == 0:
            return motion
        skeleton = layouts.get(motion.layout)
        limbs = [limb for pair in limb_pairs(skeleton) for limb in pair if len(limb) > 1]
        by_limb = 0.5 * self.share
        runs = draw_runs(motion.num_frames, len(limbs), by_limb, self.length, rng)
        hidden = torch.zeros_like(motion.mask)
        for column, limb in enumerate(limbs):
            hidden[:, limb] |= runs[:, column, None]
        # what single joints must add to reach the share in each joint, in a limb or not
        in_limb = torch.zeros(skeleton.num_joints, dtype=torch.bool)
        in_limb[[joint for limb in limbs for joint in limb]] = True
        alone = 1.0 - (1.0 - self.share) / (1.0 - by_limb)
        for members, rate in ((in_limb, alone), (~in_limb, self.share)):
            count = int(members.sum())
            hidden[:, members] |= draw_runs(motion.num_frames, count, rate, self.length, rng)
        return hide(motion, hidden)


@dataclass(frozen=True)
class FrameLoss:
    """Whole frames that were dropped: no joint is seen in them.

    Args:
        rate: share of the frames.

    Raises:
        ValueError: if `rate` is not in [0,1).
    """

    rate: float = 0.01

    def __post_init__(self) -> None:
        check_share(self, rate=self.rate)
        if self.rate == 1:
            raise ValueError("FrameLoss.rate: found 1, must be below 1: nothing would be left")

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 in the dropped frames."""
        if self.rate == 0:
            return motion
        lost = torch.rand(motion.num_frames, 1, generator=rng) < self.rate
        return hide(motion, lost.expand_as(motion.confidence))


@dataclass(frozen=True)
class Dropout:
    """Single joints missed in single frames, independently.

    Args:
        rate: share of joints and frames.

    Raises:
        ValueError: if `rate` is not in [0,1].
    """

    rate: float = 0.05

    def __post_init__(self) -> None:
        check_share(self, rate=self.rate)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 at the missed joints."""
        if self.rate == 0:
            return motion
        return hide(motion, torch.rand(motion.confidence.shape, generator=rng) < self.rate)


def hide(motion: Motion, hidden: Bool[Tensor, "T J"]) -> Motion:
    """Sets confidence to 0 where `hidden` is True."""
    return motion.replace(
        confidence=motion.confidence.masked_fill(hidden, 0.0), target=keep_target(motion)
    )
