"""Small changes of view and body that leave the action as it is, drawn anew for each batch."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from motiongen.motion import MotionBatch


@dataclass(frozen=True)
class Variation:
    """Turns a clip about the vertical and scales it a little: another view, a larger person.

    A generator that sees few people learns from this that heading and size vary; it does not
    mirror, as that may change the class.

    Args:
        degrees: largest turn to either side (3-D only).
        scale: largest change of size, as a share.

    Raises:
        ValueError: if a value is negative, or `scale` is not below 1.
    """

    degrees: float = 10.0
    scale: float = 0.06

    def __post_init__(self) -> None:
        if self.degrees < 0 or not 0 <= self.scale < 1:
            raise ValueError(
                f"variation: found degrees {self.degrees} and scale {self.scale}; allowed are at "
                "least 0, and a scale below 1"
            )

    def __call__(self, batch: MotionBatch, rng: np.random.Generator) -> MotionBatch:
        """A changed copy; joints, target and path change alike."""
        draws = torch.from_numpy(rng.uniform(-1, 1, (2, len(batch)))).float()
        matrix = torch.eye(batch.joints.shape[-1]).repeat(len(batch), 1, 1)
        if matrix.shape[-1] == 3:
            angle = math.radians(self.degrees) * draws[0]
            matrix[:, 0, 0] = matrix[:, 2, 2] = angle.cos()
            matrix[:, 0, 2], matrix[:, 2, 0] = angle.sin(), -angle.sin()
        matrix = matrix * (1 + self.scale * draws[1])[:, None, None]

        def change(joints: torch.Tensor) -> torch.Tensor:
            return joints @ matrix.transpose(1, 2)[:, None]

        others = {"target": batch.target, "path": batch.path}
        known = {name: change(value) for name, value in others.items() if value is not None}
        return batch.replace(joints=change(batch.joints), **known)
