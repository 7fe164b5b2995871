"""What a corruption is, how a clip's own view is drawn, and what several of them share."""

import math
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

LIMBS = (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"))


@runtime_checkable
class Noise(Protocol):
    """A corruption of motion."""

    def __call__(self, motion: Motion, rng: torch.Generator) -> Motion:
        """Corrupts a copy of the motion; all randomness comes from `rng`."""
        ...


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


def keep_target(motion: Motion) -> Float[Tensor, "T J C"]:
    """The clean joints: what the motion already knows of them, or its own."""
    return motion.joints if motion.target is None else motion.target


def draw_runs(
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


def limb_pairs(skeleton: Skeleton) -> list[tuple[list[int], list[int]]]:
    """Arms and legs as (left, right); a pair of joints that is in no limb stands alone."""
    pairs = []
    for parts in LIMBS:
        roles = [part for part in parts if f"left_{part}" in skeleton.roles]
        left = dict.fromkeys(skeleton.roles[f"left_{part}"] for part in roles)
        if left:
            pairs.append((list(left), [skeleton.mirror[joint] for joint in left]))
    used = {joint for left, right in pairs for joint in (*left, *right)}
    for joint, other in enumerate(skeleton.mirror):
        if joint < other and joint not in used:
            pairs.append(([joint], [other]))
    return pairs


def check_share(owner: object, **shares: float) -> None:
    """Refuses values outside [0,1].

    Raises:
        ValueError: names the class and the field.
    """
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{type(owner).__name__}.{name}: found {value}, allowed 0 to 1")


def check_positive(owner: object, **values: float) -> None:
    """Refuses values below 0 and those that are not finite.

    Raises:
        ValueError: names the class and the field.
    """
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{type(owner).__name__}.{name}: found {value}, allowed 0 or above")
