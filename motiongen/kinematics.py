"""Bones of constant length: heads that cannot stretch them, and the projection onto them."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from motiongen.skeleton import Skeleton
from motiongen.standardizer import Standardizer


def wants_rigid(rigid: bool | None, channels: int) -> bool:
    """Whether bones keep their length: as asked for, and by default in 3-D.

    Raises:
        ValueError: if it is asked for in 2-D, where bones change by foreshortening.
    """
    if rigid and channels != 3:
        raise ValueError(f"rigid bones need 3 channels, the spec has {channels}")
    return channels == 3 if rigid is None else rigid


class FreeHead(nn.Module):
    """Takes the network's output as positions. For 2-D, where bones change by foreshortening."""

    def forward(self, out: Tensor, condition: Tensor) -> Tensor:
        """Shapes: out [B,T,J,C], condition [B,D] -> [B,T,J,C]."""
        return out


class KinematicHead(nn.Module):
    """Bone directions and one set of bone lengths a clip, by forward kinematics to positions.

    A skeleton's bones do not stretch: what an estimator shows of it is noise, so a generator
    that cannot stretch them cannot learn that noise either. Positions = root + ancestors @ bones:
    one matrix product for all frames.

    Shapes: out [B,T,J,3] (root: position, others: change of bone direction), condition [B,D]
        -> standardised positions [B,T,J,3].
    """

    ancestors: Tensor

    def __init__(self, skeleton: Skeleton, standardizer: Standardizer, condition: int) -> None:
        super().__init__()
        # in a tuple, so that its buffers are not counted twice
        self.shared = (standardizer,)
        self.root = skeleton.root
        self.parents = [skeleton.root if p < 0 else p for p in skeleton.parents]
        self.register_buffer("ancestors", torch.as_tensor(skeleton.ancestors), persistent=False)
        self.stretch = nn.Linear(condition, skeleton.num_joints)
        nn.init.normal_(self.stretch.weight, std=0.01)
        nn.init.zeros_(self.stretch.bias)

    def forward(self, out: Tensor, condition: Tensor) -> Tensor:
        """Shapes: out [B,T,J,3], condition [B,D] -> [B,T,J,3]."""
        (body,) = self.shared
        rest = F.normalize(body.mean - body.mean[self.parents], dim=-1)
        # people differ from the median body by 40 % at most
        length = body.bone_length / body.scale * (0.33 * self.stretch(condition).tanh()).exp()
        bones = F.normalize(rest + out, dim=-1, eps=1e-4) * length[:, None, :, None]
        root = out[:, :, self.root] + body.mean[self.root] / body.scale
        return root[:, :, None] + self.ancestors @ bones - body.mean / body.scale


class ConstantBones(nn.Module):
    """Gives every bone one length a clip and keeps its directions: a projection, nothing learned.

    The length is the mean over the frames that exist, and forward kinematics from the root, whose
    path stays, gives the positions. Clips whose bones are constant already come back unchanged.

    Shapes: standardised positions [B,T,J,3], exists [B,T] -> [B,T,J,3].
    """

    ancestors: Tensor

    def __init__(self, skeleton: Skeleton, standardizer: Standardizer) -> None:
        super().__init__()
        self.shared = (standardizer,)
        self.root = skeleton.root
        self.parents = [skeleton.root if p < 0 else p for p in skeleton.parents]
        self.register_buffer("ancestors", torch.as_tensor(skeleton.ancestors), persistent=False)

    def forward(
        self, x: Float[Tensor, "B T J 3"], exists: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T J 3"]:
        """Projects; frames that do not exist take the lengths of the others."""
        (body,) = self.shared
        offset = body.mean / body.scale
        position = x + offset
        bones = position - position[:, :, self.parents]
        length = bones.norm(dim=-1, keepdim=True)
        weight = exists[..., None, None].to(x.dtype)
        mean = (length * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
        rigid = bones / length.clamp(min=1e-6) * mean
        # a joint that was never seen may be anywhere: what hangs on it stays where it is
        known = body.support > 0
        rigid = torch.where((known & known[self.parents])[:, None], rigid, bones)
        root = position[:, :, self.root, None]
        return root + self.ancestors @ rigid - offset
