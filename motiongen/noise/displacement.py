"""Joints in the wrong place: jitter, drift, outliers, left and right confused."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.noise.base import check_positive, check_share, draw_runs, keep_target, limb_pairs
from motiongen.stature import body_height


@dataclass(frozen=True)
class Jitter:
    """Gaussian error of each joint, correlated in time as AR(1).

    Args:
        scale: distance of a joint from its place (root mean square), as a share of body height.
        correlation: of one frame with the next.
        distal: how much larger it is for each bone away from the root, as a share of `scale`; the
            mean over the joints stays `scale`.

    Raises:
        ValueError: if `scale` or `distal` is negative, or `correlation` not in [0,1].
    """

    scale: float = 0.006
    correlation: float = 0.7
    distal: float = 0.0

    def __post_init__(self) -> None:
        check_positive(self, scale=self.scale, distal=self.distal)
        check_share(self, correlation=self.correlation)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Shakes every joint."""
        if self.scale == 0:
            return motion
        skeleton, height = layouts.get(motion.layout), body_height(motion)
        if height == 0:
            return motion
        depth = torch.tensor(skeleton.hops[skeleton.root], dtype=torch.float32)
        weight = 1.0 + self.distal * depth
        weight = self.scale * height * weight / weight.mean()
        wave = autoregressive(motion.joints.shape, self.correlation, rng)
        wave = wave / math.sqrt(motion.joints.shape[-1])
        return displace(motion, weight[:, None] * wave, height, rng)


@dataclass(frozen=True)
class Drift:
    """A slow common shift of the whole body, as of a camera that moves: a random walk.

    Args:
        scale: standard deviation of a coordinate after one second, as a share of body height
            (after 30 frames where the frame rate is unknown).

    Raises:
        ValueError: if `scale` is negative.
    """

    scale: float = 0.01

    def __post_init__(self) -> None:
        check_positive(self, scale=self.scale)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Shifts all joints alike; the first frame stays, and so does the confidence."""
        height = body_height(motion)
        if self.scale == 0 or height == 0:
            return motion
        step = self.scale * height / math.sqrt(motion.fps or 30.0)
        frames, _, channels = motion.joints.shape
        steps = step * torch.randn(frames, 1, channels, generator=rng)
        walk = torch.cumsum(steps, dim=0) - steps[:1]
        return motion.replace(joints=motion.joints + walk, target=keep_target(motion))


@dataclass(frozen=True)
class Outliers:
    """Single joints that jump away for a single frame.

    Args:
        rate: share of joints and frames that jump.
        scale: size of a jump, as a share of body height: its length is uniform between half
            and one and a half times this.

    Raises:
        ValueError: if `rate` is not in [0,1] or `scale` is negative.
    """

    rate: float = 0.01
    scale: float = 0.15

    def __post_init__(self) -> None:
        check_share(self, rate=self.rate)
        check_positive(self, scale=self.scale)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Moves the chosen joints in random directions."""
        height = body_height(motion)
        if self.rate == 0 or self.scale == 0 or height == 0:
            return motion
        hit = torch.rand(motion.confidence.shape, generator=rng) < self.rate
        direction = torch.randn(motion.joints.shape, generator=rng)
        direction = direction / direction.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        length = self.scale * height * (0.5 + torch.rand(hit.shape, generator=rng))
        offset = direction * (length * hit)[..., None]
        return displace(motion, offset, height, rng)


@dataclass(frozen=True)
class Swap:
    """Left and right confused over short runs of frames.

    Args:
        rate: share of the frames in which a limb is confused with its counterpart.
        length: mean length of a run, in frames.

    Raises:
        ValueError: if `rate` is not in [0,1] or `length` is negative.
    """

    rate: float = 0.005
    length: float = 3.0

    def __post_init__(self) -> None:
        check_share(self, rate=self.rate)
        check_positive(self, length=self.length)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Exchanges arms, legs, or other pairs; both sides are doubted a little."""
        if self.rate == 0:
            return motion
        skeleton = layouts.get(motion.layout)
        groups = [[*left, *right] for left, right in limb_pairs(skeleton)]
        runs = draw_runs(motion.num_frames, len(groups), self.rate, self.length, rng)
        hit = torch.zeros_like(motion.mask)
        for column, group in enumerate(groups):
            hit[:, group] |= runs[:, column, None]
        mirror = torch.tensor(skeleton.mirror)
        # a joint that was never seen has no true place, so nothing may be put there
        hit &= motion.mask & motion.mask[:, mirror]
        joints = torch.where(hit[..., None], motion.joints[:, mirror], motion.joints)
        confidence = torch.where(hit, motion.confidence[:, mirror], motion.confidence)
        doubt = 0.6 + 0.4 * torch.rand(hit.shape, generator=rng)
        return motion.replace(
            joints=joints,
            confidence=torch.where(hit, confidence * doubt, confidence),
            target=keep_target(motion),
        )


def displace(
    motion: Motion, offset: Float[Tensor, "T J C"], height: float, rng: torch.Generator
) -> Motion:
    """Adds an offset where joints are seen and doubts them accordingly.

    Offset and body height are in the motion's unit.
    """
    error = offset.norm(dim=-1) / (0.05 * height)
    return motion.replace(
        joints=motion.joints + offset,
        confidence=motion.confidence * doubt(error, rng),
        target=keep_target(motion),
    )


def doubt(error: Float[Tensor, "*shape"], rng: torch.Generator) -> Float[Tensor, "*shape"]:
    """Confidence that falls with the error (in units of 5 % of the height), but not reliably.

    An estimator does not see its error: the factor is off by a log-normal spread of 0.5, so that
    some large errors pass unnoticed and some small ones are doubted.
    """
    misjudged = torch.exp(0.5 * torch.randn(error.shape, generator=rng))
    return torch.exp(-error * misjudged).clamp(0.05, 1.0)


def autoregressive(
    shape: Sequence[int], coefficient: float, rng: torch.Generator
) -> Float[Tensor, "T J C"]:
    """AR(1) noise of unit variance along the first axis."""
    wave = torch.randn(*shape, generator=rng)
    # a view of the same memory: stepping through frames is many times faster in numpy
    rows = wave.numpy()
    rows[1:] *= math.sqrt(1.0 - coefficient**2)
    for frame in range(1, len(rows)):
        rows[frame] += coefficient * rows[frame - 1]
    return wave
