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

    On the sphere of directions a loss has a dead point opposite its aim: an arm that hangs feels
    no pull to be raised. In training bones may therefore stretch at first and stiffen later:
    u / |u|^`stiffness` in place of u / |u|. Outside training they are always rigid. Weights that
    were learned with rigid bones say nothing by |u|: whoever adapts them keeps bones rigid.

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
        #: 0: bones stretch as the network says, 1: not at all; a trainer may change it
        self.stiffness = 1.0

    def forward(self, out: Tensor, condition: Tensor) -> Tensor:
        """Shapes: out [B,T,J,3], condition [B,D] -> [B,T,J,3]."""
        (body,) = self.shared
        rest = F.normalize(body.mean - body.mean[self.parents], dim=-1)
        # people differ from the median body by 40 % at most
        length = body.bone_length / body.scale * (0.33 * self.stretch(condition).tanh()).exp()
        bones = self._bones(rest + out) * length[:, None, :, None]
        root = out[:, :, self.root] + body.mean[self.root] / body.scale
        return root[:, :, None] + self.ancestors @ bones - body.mean / body.scale

    def _bones(self, out: Tensor) -> Tensor:
        if not self.training or self.stiffness == 1:
            return F.normalize(out, dim=-1, eps=1e-4)
        return out / out.norm(dim=-1, keepdim=True).clamp(min=1e-4) ** self.stiffness


#: steps of Newton's method: on samples of a flow a fourth changes the ninth digit
NEWTON_STEPS = 3


class ConstantBones(nn.Module):
    """Gives every bone one length a clip and moves joints no more than that needs.

    The length is the mean over the frames that exist. Keeping the directions of the bones instead
    would add up what each of them is stretched by until it reaches hands and feet. So first the
    smallest sum of squared moves is looked for, by Newton's method on the constraints; forward
    kinematics along the directions that are then found makes the lengths exact. Clips whose bones
    are constant already come back unchanged. Nothing is learned.

    Args:
        skeleton: joints and bones.
        standardizer: tells where the joints are.
        steps: of Newton's method; where bones hardly stretch one does.

    Shapes: standardised positions [B,T,J,3], exists [B,T] -> [B,T,J,3].
    Source: projection of positions onto distance constraints, solved as one system: Goldenthal et
        al., Efficient Simulation of Inextensible Cloth, SIGGRAPH 2007, section 4.
    """

    ancestors: Tensor
    ends: Tensor

    def __init__(
        self, skeleton: Skeleton, standardizer: Standardizer, steps: int = NEWTON_STEPS
    ) -> None:
        super().__init__()
        self.shared, self.steps = (standardizer,), steps
        self.root = skeleton.root
        self.parents = [skeleton.root if p < 0 else p for p in skeleton.parents]
        self.register_buffer("ancestors", torch.as_tensor(skeleton.ancestors), persistent=False)
        ends = torch.eye(skeleton.num_joints)
        ends = ends - ends[self.parents]
        # ends @ positions: from each joint's parent to the joint; nothing at the root
        self.register_buffer("ends", ends, persistent=False)

    def forward(
        self, x: Float[Tensor, "B T J 3"], exists: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T J 3"]:
        """Projects; frames that do not exist take the lengths of the others."""
        (body,) = self.shared
        offset = body.mean / body.scale
        position = x + offset
        # a joint that was never seen may be anywhere: what hangs on it stays where it is
        known = body.support > 0
        known = known & known[self.parents]
        known[self.root] = False
        length = self._bones(position).norm(dim=-1)
        weight = exists[..., None].to(x.dtype)
        mean = (length * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
        for _ in range(self.steps):
            position = position + self._move(position, mean, known)
        bones = self._bones(position)
        rigid = F.normalize(bones, dim=-1, eps=1e-6) * mean[..., None]
        rigid = torch.where(known[:, None], rigid, bones)
        return position[:, :, self.root, None] + self.ancestors @ rigid - offset

    def _bones(self, position: Tensor) -> Tensor:
        """From each joint's parent to the joint; 0 at the root."""
        return position - position[:, :, self.parents]

    def _move(self, position: Tensor, mean: Tensor, known: Tensor) -> Tensor:
        """The smallest move that, to first order, gives known bones their length. [B,T,J,3]."""
        bones = self._bones(position)
        way = torch.where(known[:, None], F.normalize(bones, dim=-1, eps=1e-6), 0.0)
        lacks = torch.where(known, mean - bones.norm(dim=-1), 0.0)
        # bone b asks for way_b . (move of its joint - move of its parent) = lacks_b
        both = (self.ends @ self.ends.T) * (way @ way.transpose(-1, -2))
        # what asks for nothing, such as a bone without a direction, is a row of its own
        both = both + torch.diag_embed(1 - (way**2).sum(-1).round())
        pull = torch.linalg.solve(both, lacks[..., None]) * way
        return self.ends.T @ pull
