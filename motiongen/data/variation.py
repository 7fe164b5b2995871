"""Small changes of view and body that leave the action as it is, drawn anew for each batch."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from motiongen.motion import MotionBatch


@dataclass(frozen=True)
class Variation:
    """Turns a clip about the vertical, scales and warps it a little: another view, another person.

    A generator that sees few people learns from this that heading, size and timing vary; it does
    not mirror, as that may change the class.

    Args:
        degrees: largest turn to either side (3-D only).
        scale: largest change of size, as a share.
        warp: largest change of pace: at .3 the middle of a clip passes up to 1.3 times as slowly
            as its ends, or as fast; its length stays.

    Raises:
        ValueError: if a value is negative, or `scale` or `warp` is not below 1.
    """

    degrees: float = 10.0
    scale: float = 0.06
    warp: float = 0.0

    def __post_init__(self) -> None:
        if self.degrees < 0 or not 0 <= self.scale < 1 or not 0 <= self.warp < 1:
            raise ValueError(
                f"variation: found degrees {self.degrees}, scale {self.scale} and warp "
                f"{self.warp}; allowed are at least 0, and a scale and a warp below 1"
            )

    def __call__(self, batch: MotionBatch, rng: np.random.Generator) -> MotionBatch:
        """A changed copy; joints, target and path change alike."""
        draws = torch.from_numpy(rng.uniform(-1, 1, (3, len(batch)))).float()
        batch = warped(batch, self.warp * draws[2]) if self.warp else batch
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


def warped(batch: MotionBatch, bend: Float[torch.Tensor, "B"]) -> MotionBatch:
    """Clips performed unevenly: faster here, slower there, from the first frame to the last.

    Time s in [0,1] becomes s + w sin(2 pi s) / (2 pi). What was not seen is not made up from its
    neighbours: a frame between a seen and an unseen one is unseen.

    Args:
        batch: clips; joints, target and path change alike.
        bend: w of each clip, between -1 and 1.
    """
    last = (batch.length[:, None] - 1).clamp(min=1)
    frames = batch.joints.shape[1]
    share = (torch.arange(frames, device=batch.length.device) / last).clamp(max=1)
    at = last * (share + bend[:, None] * torch.sin(2 * torch.pi * share) / (2 * torch.pi))
    low = at.floor().long().clamp(0, frames - 1)
    high = torch.minimum(low + 1, last)

    def ends(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = torch.arange(len(values), device=values.device)[:, None]
        return values[rows, low], values[rows, high]

    def change(values: torch.Tensor) -> torch.Tensor:
        return torch.lerp(*ends(values), (at - low)[..., None, None])

    confidence = torch.minimum(*ends(batch.confidence)) * batch.frame_mask[..., None]
    joints = torch.where((confidence > 0)[..., None], change(batch.joints), 0.0)
    others = {"target": batch.target, "path": batch.path}
    known = {name: change(value) for name, value in others.items() if value is not None}
    return batch.replace(joints=joints, confidence=confidence, **known)
