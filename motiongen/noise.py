"""Corruptions that make clean motion look like an estimator's: Motion -> Motion.

Every corruption leaves its input as it is, draws only from the generator that it is given, lowers
the confidence where it does harm (as an estimator does: often, not always), and keeps the clean
joints as the motion's target. Strengths are shares: of the body's height for lengths, of all
joints and frames for how often. At strength zero the motion comes back bit by bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton
from motiongen.stature import body_height

_LIMBS = (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))


@runtime_checkable
class Noise(Protocol):
    """A corruption of motion."""

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Corrupts a copy of the motion; all randomness comes from `rng`."""
        ...


def _keep_target(motion: Motion) -> Tensor:
    return motion.joints if motion.target is None else motion.target


def _doubt(error: Tensor, rng: torch.Generator) -> Tensor:
    """Confidence that falls with the error (in units of 5 % of the height), but not reliably.

    An estimator does not see its error: the factor is off by a log-normal spread of 0.5, so that
    some large errors pass unnoticed and some small ones are doubted.
    """
    misjudged = torch.exp(0.5 * torch.randn(error.shape, generator=rng))
    return torch.exp(-error * misjudged).clamp(0.05, 1.0)


def _displace(motion: Motion, offset: Tensor, height: float, rng: torch.Generator) -> Motion:
    """Adds an offset [T,J,C] where joints are seen and doubts them accordingly."""
    error = offset.norm(dim=-1) / (0.05 * height)
    return motion.replace(
        joints=motion.joints + offset,
        confidence=motion.confidence * _doubt(error, rng),
        target=_keep_target(motion),
    )


def _autoregressive(
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


def _runs(
    frames: int, columns: int, rate: float, length: float, rng: torch.Generator
) -> Bool[Tensor, "T N"]:
    """Runs of True of a mean length that cover a share `rate` of the frames in expectation.

    A two-state Markov chain in each column that starts in its stationary distribution.
    """
    if rate <= 0 or frames == 0:
        return torch.zeros(frames, columns, dtype=torch.bool)
    leave = 1.0 / max(length, 1.0)
    enter = min(leave * rate / max(1.0 - rate, 1e-9), 1.0)
    leave = enter * (1.0 - rate) / rate  # keeps the share exact where `enter` was cut off
    draws = torch.rand(frames, columns, generator=rng).numpy()
    begins, stays = draws < enter, draws < 1.0 - leave
    runs = draws < rate
    for frame in range(1, frames):
        before = runs[frame - 1]
        runs[frame] = (before & stays[frame]) | (~before & begins[frame])
    return torch.from_numpy(runs)


def _check_share(owner: object, **shares: float) -> None:
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{type(owner).__name__}.{name}: found {value}, allowed 0 to 1")


def _check_positive(owner: object, **values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{type(owner).__name__}.{name}: found {value}, allowed 0 or above")


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
        _check_positive(self, scale=self.scale, distal=self.distal)
        _check_share(self, correlation=self.correlation)

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
        wave = _autoregressive(motion.joints.shape, self.correlation, rng)
        wave = wave / math.sqrt(motion.joints.shape[-1])
        return _displace(motion, weight[:, None] * wave, height, rng)


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
        _check_positive(self, scale=self.scale)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Shifts all joints alike; the first frame stays, and so does the confidence."""
        height = body_height(motion)
        if self.scale == 0 or height == 0:
            return motion
        step = self.scale * height / math.sqrt(motion.fps or 30.0)
        frames, _, channels = motion.joints.shape
        steps = step * torch.randn(frames, 1, channels, generator=rng)
        walk = torch.cumsum(steps, dim=0) - steps[:1]
        return motion.replace(joints=motion.joints + walk, target=_keep_target(motion))


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
        _check_share(self, rate=self.rate)
        _check_positive(self, scale=self.scale)

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
        return _displace(motion, offset, height, rng)


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
        _check_share(self, rate=self.rate)
        _check_positive(self, length=self.length)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Exchanges arms, legs, or other pairs; both sides are doubted a little."""
        if self.rate == 0:
            return motion
        skeleton = layouts.get(motion.layout)
        groups = [[*left, *right] for left, right in _limb_pairs(skeleton)]
        runs = _runs(motion.num_frames, len(groups), self.rate, self.length, rng)
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
            target=_keep_target(motion),
        )


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
        _check_share(self, share=self.share)
        _check_positive(self, length=self.length)
        if self.share == 1:
            raise ValueError("Occlusion.share: found 1, must be below 1: nothing would be left")

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 where a joint is hidden."""
        if self.share == 0:
            return motion
        skeleton = layouts.get(motion.layout)
        limbs = [limb for pair in _limb_pairs(skeleton) for limb in pair if len(limb) > 1]
        by_limb = 0.5 * self.share
        runs = _runs(motion.num_frames, len(limbs), by_limb, self.length, rng)
        hidden = torch.zeros_like(motion.mask)
        for column, limb in enumerate(limbs):
            hidden[:, limb] |= runs[:, column, None]
        # what single joints must add to reach the share in each joint, in a limb or not
        in_limb = torch.zeros(skeleton.num_joints, dtype=torch.bool)
        in_limb[[joint for limb in limbs for joint in limb]] = True
        alone = 1.0 - (1.0 - self.share) / (1.0 - by_limb)
        for members, rate in ((in_limb, alone), (~in_limb, self.share)):
            count = int(members.sum())
            hidden[:, members] |= _runs(motion.num_frames, count, rate, self.length, rng)
        return _hide(motion, hidden)


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
        _check_share(self, rate=self.rate)
        if self.rate == 1:
            raise ValueError("FrameLoss.rate: found 1, must be below 1: nothing would be left")

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 in the dropped frames."""
        if self.rate == 0:
            return motion
        lost = torch.rand(motion.num_frames, 1, generator=rng) < self.rate
        return _hide(motion, lost.expand_as(motion.confidence))


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
        _check_share(self, rate=self.rate)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Sets confidence to 0 at the missed joints."""
        if self.rate == 0:
            return motion
        return _hide(motion, torch.rand(motion.confidence.shape, generator=rng) < self.rate)


def _hide(motion: Motion, hidden: Tensor) -> Motion:
    return motion.replace(
        confidence=motion.confidence.masked_fill(hidden, 0.0), target=_keep_target(motion)
    )


def _limb_pairs(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """Arms and legs as (left, right); a pair of joints that is in no limb stands alone."""
    pairs = []
    for parts in _LIMBS:
        roles = [part for part in parts if f"left_{part}" in skeleton.roles]
        left = dict.fromkeys(skeleton.roles[f"left_{part}"] for part in roles)
        if left:
            pairs.append((list(left), [skeleton.mirror[joint] for joint in left]))
    used = {joint for left, right in pairs for joint in (*left, *right)}
    for joint, other in enumerate(skeleton.mirror):
        if joint < other and joint not in used:
            pairs.append(([joint], [other]))
    return pairs


@dataclass(frozen=True)
class Compose:
    """Several corruptions, one after the other.

    Args:
        parts: in the order in which they happen.
    """

    parts: tuple[Noise, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Applies every part."""
        for part in self.parts:
            motion = part(motion, rng)
        return motion


# jitter (share of body height); outliers, swaps, occlusion, dropped frames (shares); size of an
# outlier (share of body height)
_SEVERITIES = {
    1: (0.003, 0.005, 0.002, 0.03, 0.005, 0.05),
    2: (0.006, 0.010, 0.005, 0.08, 0.010, 0.06),
    3: (0.012, 0.020, 0.010, 0.15, 0.020, 0.08),
    4: (0.020, 0.040, 0.020, 0.25, 0.040, 0.12),
    5: (0.030, 0.080, 0.040, 0.35, 0.080, 0.16),
}


def estimator(severity: int) -> Compose:
    """The corruptions of a skeleton estimator, from 1 (good) over 2 (a Kinect) to 5 (poor).

    Raises:
        ValueError: if the severity is not 0 (none) to 5.
    """
    if severity == 0:
        return Compose()
    if severity not in _SEVERITIES:
        raise ValueError(f"severity: found {severity!r}, allowed 0 to {max(_SEVERITIES)}")
    jitter, outliers, swaps, occlusion, lost, jump = _SEVERITIES[severity]
    return Compose(
        (
            Swap(swaps),
            Jitter(jitter),
            Outliers(outliers, jump),
            Occlusion(occlusion),
            FrameLoss(lost),
        )
    )


@dataclass(frozen=True)
class Estimator:
    """The noise of `estimator`, as an object that a configuration can name.

    Args:
        severity: 0 (none) to 5 (poor); 2 is about a Kinect.

    Raises:
        ValueError: if the severity is not 0 to 5.
    """

    severity: int = 2

    def __post_init__(self) -> None:
        estimator(self.severity)

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Corrupts a copy of the motion."""
        return estimator(self.severity)(motion, rng)


def noisy_view(motion: Motion, noise: Noise, seed: int, index: int, epoch: int = 0) -> Motion:
    """The motion as clip `index` looks in an epoch: the same in any worker and any order.

    Args:
        motion: the clean clip.
        noise: what is done to it.
        seed: of the whole data set.
        index: number of the clip in its data set.
        epoch: 0 for a view that is fixed once; another number gives another view.
    """
    key = np.random.SeedSequence(seed, spawn_key=(epoch, index))
    word = np.random.Philox(key).random_raw()
    return noise(motion, torch.Generator().manual_seed(int(word) & (2**63 - 1)))
