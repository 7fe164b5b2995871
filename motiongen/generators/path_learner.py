"""What families share that cannot model an estimator's noise: they learn from paths."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.generators.base import Generator
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.observation import WindowFactors

#: clips that tell how joints move together, at most
MOST_CLIPS = 256


class PathLearner(Generator):
    """A generator whose batches come with their `path`: where the joints most likely were.

    The noise is taken off joint by joint (`Observation.clean`). Where a joint was not seen that is
    a guess, calmer than people move, and a family that takes it for data learns it: there, the
    other joints tell where it went (`WindowFactors`).

    Args:
        spec: the contract with the data.
        options: of `Generator`.
    """

    learns_from_paths = True

    def __init__(self, spec: MotionSpec | dict[str, Any], **options: Any) -> None:
        super().__init__(spec, **options)
        joints = self.skeleton.num_joints
        self.factors = WindowFactors(self.skeleton.root, joints, self.spec.channels)

    def fit_statistics(self, batch: MotionBatch) -> None:
        """Also learns how joints move together, where any is ever missing."""
        super().fit_statistics(batch)
        self.factors.forget()
        if bool((batch.mask | ~batch.frame_mask[..., None]).all()):
            return
        rows = torch.linspace(0, len(batch) - 1, min(len(batch), MOST_CLIPS)).round().long()
        clips = batch.select(rows.to(batch.label.device))
        path = self.standardizer(self.find_path(clips))
        self.factors.fit(path, clips.mask, clips.frame_mask)

    def most_likely(
        self,
        joints: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        exists: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B T J C"]:
        """Noise taken off joint by joint, gaps as the whole body tells."""
        return self.factors(super().most_likely(joints, mask, exists), mask, exists)
