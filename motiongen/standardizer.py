"""Physical units outside a generator, standardised units inside."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.skeleton import Skeleton

#: of the largest coordinate: what varies less does not vary
LEAST_SPREAD = 1e-6


class Standardizer(nn.Module):
    """Physical to standardised units and back; fitted on the train split only.

    Subtracts the mean position of each joint and divides by one number for all, so that a
    body keeps its proportions.

    Shapes: [...,J,C] -> [...,J,C].
    """

    mean: Float[Tensor, "J C"]
    scale: Float[Tensor, ""]
    support: Float[Tensor, "J"]
    bone_length: Float[Tensor, "J"]

    def __init__(self, skeleton: Skeleton, channels: int) -> None:
        super().__init__()
        joints = skeleton.num_joints
        self.bones = torch.as_tensor(skeleton.bones)
        self.register_buffer("mean", torch.zeros(joints, channels))
        self.register_buffer("scale", torch.ones(()))
        #: share of frames in which each joint was seen
        self.register_buffer("support", torch.ones(joints))
        #: median length of the bone that ends at each joint, 0 at the root; physical units
        self.register_buffer("bone_length", torch.ones(joints))

    @torch.no_grad()
    def fit(self, joints: Float[Tensor, "N J C"], mask: Bool[Tensor, "N J"]) -> None:
        """Measures the train split, all of its frames in one array.

        Raises:
            ValueError: if no joint is seen at all, or nothing ever moves.
        """
        if not mask.any():
            raise ValueError("standardizer: no joint is seen in any frame of the train split")
        seen = mask.sum(0)
        mean = torch.where(mask[..., None], joints, 0.0).sum(0) / seen.clamp(min=1)[:, None]
        # a joint that is never seen gets the mean of the others: any place will do
        mean[seen == 0] = mean[seen > 0].mean(0)
        spread = ((joints - mean)[mask] ** 2).mean().sqrt()
        # what is left of nobody moving is what rounding leaves
        if not spread > LEAST_SPREAD * joints[mask].abs().max():
            raise ValueError("standardizer: all positions of the train split are the same")
        self.mean.copy_(mean)
        self.scale.copy_(spread)
        self.support.copy_(mask.float().mean(0))
        self.bone_length.copy_(self._bone_lengths(joints, mask))

    def _bone_lengths(self, joints: Tensor, mask: Tensor) -> Tensor:
        length = torch.zeros(len(self.mean), device=joints.device)
        for child, parent in self.bones.tolist():
            both = mask[:, child] & mask[:, parent]
            if both.any():
                length[child] = (joints[both, child] - joints[both, parent]).norm(dim=-1).median()
        unknown = length == 0
        unknown[self.root_of(self.bones)] = False
        if unknown.any() and (length > 0).any():
            length[unknown] = length[length > 0].median()
        return length

    @staticmethod
    def root_of(bones: Int[Tensor, "E 2"]) -> int:
        """The one joint that is never a child."""
        return int((set(bones[:, 1].tolist()) - set(bones[:, 0].tolist())).pop())

    def forward(self, joints: Float[Tensor, "*batch J C"]) -> Float[Tensor, "*batch J C"]:
        """Physical to standardised units."""
        return (joints - self.mean) / self.scale

    def inverse(self, joints: Float[Tensor, "*batch J C"]) -> Float[Tensor, "*batch J C"]:
        """Standardised to physical units."""
        return joints * self.scale + self.mean
