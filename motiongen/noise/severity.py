"""Corruptions in a row, and how strong those of a skeleton estimator are."""

from dataclasses import dataclass

import torch

from motiongen.motion import Motion
from motiongen.noise.absence import FrameLoss, Occlusion
from motiongen.noise.base import Noise
from motiongen.noise.displacement import Jitter, Outliers, Swap


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
SEVERITIES = {
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
    if severity not in SEVERITIES:
        raise ValueError(f"severity: found {severity!r}, allowed 0 to {max(SEVERITIES)}")
    jitter, outliers, swaps, occlusion, lost, jump = SEVERITIES[severity]
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
