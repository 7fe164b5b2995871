"""The seam of a recogniser: fitted on clips for a number of steps, it gives probabilities."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from motiongen.classifier import Augment, fill_gaps
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec

#: clips a step
BATCH_SIZE = 32


@runtime_checkable
class Fitted(Protocol):
    """A recogniser that has learned."""

    def probabilities(self, clips: MotionBatch, /) -> Float[np.ndarray, "N K"]:
        """The probability of each class of the spec; the rows sum to 1."""
        ...


@runtime_checkable
class Recogniser(Protocol):
    """What learns to tell classes apart. It sees clips whose gaps are filled, no confidences."""

    def fit(
        self,
        clips: MotionBatch,
        spec: MotionSpec,
        *,
        steps: int,
        seed: int,
        batch_size: int = BATCH_SIZE,
        augment: Augment | None = None,
        progress: Callable[[], object] | None = None,
    ) -> Fitted:
        """Learns from labelled clips; the same arguments give the same result, bit for bit.

        Args:
            clips: what to learn from; those without a label are left out.
            spec: the contract with the data.
            steps: optimiser steps, for recognisers that take steps.
            seed: of all that is random.
            batch_size: clips a step, for recognisers that take steps.
            augment: changes clips a little. None: they are learned as they are.
            progress: called `steps` times.

        Raises:
            ValueError: if fewer than two classes have clips.
        """
        ...


def labelled(clips: MotionBatch) -> MotionBatch:
    """The clips that have a label.

    Raises:
        ValueError: if these are of fewer than two classes.
    """
    clips = clips.select(clips.label != NO_LABEL)
    if len(clips.label.unique()) < 2:
        raise ValueError("a recogniser needs clips of at least 2 classes")
    return clips


def filled(clips: MotionBatch) -> MotionBatch:
    """The clips with their gaps filled, so that nobody tells real ones by their gaps."""
    joints, known = fill_gaps(clips.joints, clips.mask, clips.frame_mask)
    return clips.replace(joints=joints, confidence=known.float(), target=None, path=None)
