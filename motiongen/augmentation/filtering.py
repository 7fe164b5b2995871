"""Which synthetic clips are learned from: no doubtful ones, no copies, no outliers."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from motiongen.evaluation.paths import Paths, Shown, as_paths, nearest
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.recognition import Fitted


@dataclass(frozen=True)
class Filter:
    """What a synthetic clip must be like; what is not is dropped, and fewer clips are left.

    Args:
        confidence: least probability that a recogniser trained on the same real clips gives the
            clip's class. 0: any.
        nearest: least distance to the nearest real clip of its class, against copies; in medians
            of the distance of real clips to the nearest other one of their class. 0: any.
        farthest: largest such distance, against outliers.
        candidates: clips drawn for each that is wanted; the first that pass are taken.

    Raises:
        ValueError: if a value is out of range.
    """

    confidence: float = 0.0
    nearest: float = 0.0
    farthest: float = math.inf
    candidates: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.confidence < 1:
            raise ValueError(f"confidence: found {self.confidence}, allowed 0 to below 1")
        if not 0 <= self.nearest < self.farthest:
            raise ValueError(
                f"nearest: found {self.nearest}, allowed 0 to below farthest, {self.farthest}"
            )
        if self.candidates < 1:
            raise ValueError(f"candidates: found {self.candidates}, at least 1 is needed")

    @property
    def by_distance(self) -> bool:
        """Whether distances take part."""
        return self.nearest > 0 or self.farthest < math.inf

    @property
    def active(self) -> bool:
        """Whether a clip can be dropped at all."""
        return self.by_distance or self.confidence > 0

    def passed(
        self, clips: MotionBatch, real: MotionBatch, spec: MotionSpec, judge: Fitted | None
    ) -> Bool[np.ndarray, "N"]:
        """Which clips pass.

        Args:
            clips: synthetic clips.
            real: the real clips that the generator learned from.
            spec: the contract of both.
            judge: a recogniser that learned from `real`; needed for `confidence`.

        Raises:
            ValueError: if no class has two real clips to measure distances with.
        """
        passed: np.ndarray = np.ones(len(clips), dtype=bool)
        if self.confidence:
            assert judge is not None
            own = judge.probabilities(clips)[np.arange(len(clips)), clips.label.numpy()]
            passed &= own >= self.confidence
        if self.by_distance:
            found = relative_distances(clips, real, spec)
            passed &= (found >= self.nearest) & (found <= self.farthest)
        return passed


def relative_distances(
    clips: MotionBatch, real: MotionBatch, spec: MotionSpec
) -> Float[np.ndarray, "N"]:
    """Distance of each clip to the nearest real clip of its class, in medians of the real ones'.

    Infinite where the class has no real clip.

    Raises:
        ValueError: if no class has two real clips.
    """
    ours, theirs = as_paths(clips, spec), as_paths(real, spec)
    between, apart = np.full(len(clips), np.inf), np.full(len(real), np.inf)
    for label in real.label.unique():
        rows = (real.label == label).numpy()
        known = _rows(theirs, rows)
        # the nearest of all is the clip itself
        apart[rows] = nearest(known, known, 2)[:, 1]
        same = (clips.label == label).numpy()
        if same.any():
            between[same] = nearest(_rows(ours, same), known)[:, 0]
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        raise ValueError("nearest, farthest: no class has 2 real clips to measure distances with")
    return between / max(float(np.median(apart)), 1e-9)


def _rows(paths: tuple[Paths, Shown], rows: np.ndarray) -> tuple[Paths, Shown]:
    return paths[0][rows], paths[1][rows]


def kept(clips: MotionBatch, passed: Bool[np.ndarray, "N"]) -> MotionBatch:
    """The clips that passed, in their order."""
    return clips.select(torch.from_numpy(np.flatnonzero(passed)))
