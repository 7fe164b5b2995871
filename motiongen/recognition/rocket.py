"""Random convolutional kernels and a ridge: a strong and fast baseline, computed by aeon."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import softmax
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from motiongen.classifier import Augment, with_draws
from motiongen.evaluation.drawing import joined
from motiongen.evaluation.paths import stretched
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.recognition.base import BATCH_SIZE, filled, labelled

INSTALL = "pip install 'motiongen[recognise]'"
#: the kernels are this long
SHORTEST = 9
#: strengths of the ridge that are tried
ALPHAS = np.logspace(-3, 3, 10)
#: the seed of numpy's older generators, which the kernels use, has 32 bits
SEED_LIMIT = 2**32


@dataclass(frozen=True)
class Rocket:
    """MiniRocket or MultiRocket: features of thousands of kernels, then ridge regression.

    Clips have their gaps filled and are stretched to the spec's frames. The ridge is solved, not
    stepped: `steps` and `batch_size` change nothing. With `augment` it learns from the clips and
    from `copies` changed copies of each of them.

    Args:
        kind: which set of kernels and features.
        kernels: number of kernels. None: aeon's own.
        copies: changed copies of each clip, where clips are augmented.

    Raises:
        ValueError: if aeon is not installed, or a number is out of range.

    Source: Dempster, Schmidt and Webb, MiniRocket, KDD 2021; Tan et al., MultiRocket, Data Mining
        and Knowledge Discovery 2022.
    """

    kind: Literal["MiniRocket", "MultiRocket"] = "MiniRocket"
    kernels: int | None = None
    copies: int = 4

    def __post_init__(self) -> None:
        if importlib.util.find_spec("aeon") is None:
            raise ValueError(f"{self.kind} needs aeon, which is not installed: {INSTALL}")
        if self.kernels is not None and self.kernels < 84:
            raise ValueError(f"{self.kind}: found {self.kernels} kernels, at least 84 are needed")
        if self.copies < 1:
            raise ValueError(f"{self.kind}: found {self.copies} copies, at least 1 is needed")

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
    ) -> "FittedRocket":
        """Computes the features and solves the ridge; see `Recogniser`."""
        clips = filled(labelled(clips))
        if (change := with_draws(augment, seed)) is not None:
            clips = joined([clips, *(change(clips) for _ in range(self.copies))])
        frames = max(SHORTEST, spec.frames)
        pipeline = make_pipeline(
            self._kernels(seed),
            # as its authors do: features are shares, and zero means something
            StandardScaler(with_mean=False),
            RidgeClassifierCV(alphas=ALPHAS),
        )
        with _own_threads():
            pipeline.fit(_series(clips, frames), clips.label.numpy())
        for _ in range(steps if progress is not None else 0):
            progress()  # pyright: ignore[reportOptionalCall]
        return FittedRocket(pipeline, frames, len(spec.classes))

    def _kernels(self, seed: int) -> Any:
        # numba takes seconds to import: only who fits one pays
        from aeon.transformations.collection import convolution_based

        number = {} if self.kernels is None else {"n_kernels": self.kernels}
        kind = getattr(convolution_based, self.kind)
        return kind(random_state=seed % SEED_LIMIT, **number)


@dataclass(frozen=True)
class FittedRocket:
    """Kernels with their ridge."""

    pipeline: Pipeline
    frames: int
    num_classes: int

    def probabilities(self, clips: MotionBatch) -> Float[np.ndarray, "N K"]:
        """The softmax of the ridge's scores: in their order, but not calibrated; see `Fitted`.

        Classes without a training clip have probability 0.
        """
        series = _series(filled(clips), self.frames)
        with _own_threads():
            scores = self.pipeline.decision_function(series)
        scores = np.stack([-scores, scores], 1) if scores.ndim == 1 else scores
        found = np.zeros((len(clips), self.num_classes))
        found[:, self.pipeline.classes_] = softmax(scores, axis=1)
        return found


@contextmanager
def _own_threads() -> Iterator[None]:
    """Gives torch its number of threads back: numba changes it for the whole process.

    Small networks would else train many times as slowly on a busy machine.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _series(clips: MotionBatch, frames: int) -> Float[np.ndarray, "N channels T"]:
    """Every coordinate of every joint as a channel."""
    stretched_joints = stretched(clips.joints, clips.length, frames)
    return torch.flatten(stretched_joints, 2).transpose(1, 2).numpy().astype(np.float32)
