"""Corruptions that make clean motion look like an estimator's: Motion -> Motion.

Every corruption leaves its input as it is, draws only from the generator that it is given, lowers
the confidence where it does harm (as an estimator does: often, not always), and keeps the clean
joints as the motion's target. Strengths are shares: of the body's height for lengths, of all
joints and frames for how often. At strength zero the motion comes back bit by bit.
"""

from motiongen.noise.absence import Dropout, FrameLoss, Occlusion
from motiongen.noise.base import Noise, noisy_view
from motiongen.noise.displacement import Drift, Jitter, Outliers, Swap
from motiongen.noise.severity import Compose, Estimator, estimator

__all__ = [
    "Compose",
    "Drift",
    "Dropout",
    "Estimator",
    "FrameLoss",
    "Jitter",
    "Noise",
    "Occlusion",
    "Outliers",
    "Swap",
    "estimator",
    "noisy_view",
]
