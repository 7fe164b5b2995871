"""The adapters that turn any encoder into every network a generator needs, and what they share."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import EncoderFactory, fourier, frame_mask
from motiongen.skeleton import Skeleton


class Standardizer(nn.Module):
    """Physical to standardised units and back; fitted on the train split only.

    Subtracts the mean position of each joint and divides by one number for all, so that a
    body keeps its proportions.

    Shapes: [...,J,C] -> [...,J,C].
    """

    mean: Tensor
    scale: Tensor
    support: Tensor
    bone_length: Tensor

    def __init__(self, skeleton: Skeleton, channels: int) -> None:
        super().__init__()
        joints = skeleton.num_joints
        self.bones = torch.as_tensor(skeleton.bones)
        self.register_buffer("mean", torch.zeros(joints, channels))
        self.register_buffer("scale", torch.ones(()))
        #: share of frames in which each joint was seen
        self.register_buffer("support", torch.ones(joints))
        #: median length of the bone that ends at each joint, 0 at the root
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
        if not spread > 0:
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
    def root_of(bones: Tensor) -> int:
        """The one joint that is never a child."""
        return int((set(bones[:, 1].tolist()) - set(bones[:, 0].tolist())).pop())

    def forward(self, joints: Tensor) -> Tensor:
        """Physical to standardised units."""
        return (joints - self.mean) / self.scale

    def inverse(self, joints: Tensor) -> Tensor:
        """Standardised to physical units."""
        return joints * self.scale + self.mean


def masked_input(x: Tensor, confidence: Tensor) -> Tensor:
    """The mask as a wall: zeros what was not seen and appends the confidence as a channel.

    Shapes: x [B,T,J,C], confidence [B,T,J] -> [B,T,J,C+1].
    """
    seen = (confidence > 0)[..., None]
    return torch.cat([torch.where(seen, x, 0.0), confidence[..., None]], dim=-1)


def hats(length: Tensor, frames: int, knots: int) -> Tensor:
    """Linear interpolation weights of each frame between `knots` points spread over its clip.

    Shapes: length [B] -> [B,frames,knots]; rows of existing frames sum to 1, others are 0.
    """
    at = torch.arange(frames, device=length.device)[None] / (length[:, None] - 1).clamp(min=1)
    knot = torch.arange(knots, device=length.device)
    weight = (1 - (at[..., None] * (knots - 1) - knot).abs()).clamp(min=0)
    return weight * frame_mask(length, frames)[..., None]


class Pool(nn.Module):
    """Encoder, then one vector a clip.

    Features are averaged over time around a few points spread over the clip, so that what
    happened early and what happened late stay apart even for an encoder that knows no time.

    Shapes: x [B,T,J,C], confidence [B,T,J], length [B], condition [B,D] -> [B,out].
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        out: int,
        segments: int = 8,
    ) -> None:
        super().__init__()
        self.encoder = encoder(skeleton, channels + 1, condition)
        self.segments = segments
        size = segments * skeleton.num_joints * self.encoder.features
        self.norm = nn.LayerNorm(size)
        self.project = nn.Linear(size, out)

    def forward(
        self,
        x: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B out"]:
        """Encodes and pools."""
        h = self.encoder(masked_input(x, confidence), confidence > 0, length, condition)
        weight = hats(length, x.shape[1], self.segments)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
        # frames beyond the length have weight 0, but 0 * NaN is NaN: cut them off
        h = torch.where(frame_mask(length, x.shape[1])[..., None], h.flatten(2), 0.0)
        return self.project(self.norm((weight.transpose(1, 2) @ h).flatten(1)))


class PerJoint(nn.Module):
    """Encoder, then a linear layer at each joint of each frame.

    Shapes: x [B,T,J,C], confidence [B,T,J], length [B], condition [B,D] -> [B,T,J,out].
    """

    def __init__(
        self, encoder: EncoderFactory, skeleton: Skeleton, channels: int, condition: int, out: int
    ) -> None:
        super().__init__()
        self.encoder = encoder(skeleton, channels + 1, condition)
        self.project = nn.Linear(self.encoder.features, out)

    def forward(
        self,
        x: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B T J out"]:
        """Encodes and projects; zero beyond the length."""
        h = self.encoder(masked_input(x, confidence), confidence > 0, length, condition)
        exists = frame_mask(length, x.shape[1])[..., None, None]
        return torch.where(exists, self.project(h), 0.0)


class Decoder(nn.Module):
    """From a vector to a clip: an encoder reads (time, joint) queries under that vector.

    The query of frame t and joint j is the sum of Fourier features of t, relative to the clip
    and absolute, a learned vector of j, and a plan: a few vectors spread over the clip, linear
    in the condition. All frames come at once, none depends on an earlier one.

    Args:
        encoder: builds the encoder.
        skeleton: joints and bones.
        standardizer: shared with the generator; the kinematic head reads body sizes from it.
        channels: coordinates a joint.
        condition: size of the vector.
        rigid: bones of constant length by construction (3-D only); see `KinematicHead`.
        query: channels of a query.
        knots: vectors of the plan.
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        standardizer: Standardizer,
        *,
        channels: int,
        condition: int,
        rigid: bool,
        query: int = 24,
        knots: int = 8,
    ) -> None:
        super().__init__()
        self.knots, self.query = knots, query
        self.time = nn.Linear(2 * (RELATIVE_BANDS + ABSOLUTE_BANDS), query)
        self.joint = nn.Parameter(torch.randn(skeleton.num_joints, query))
        self.plan = nn.Linear(condition, knots * query)
        self.per_joint = PerJoint(encoder, skeleton, query, condition, channels)
        self.head = KinematicHead(skeleton, standardizer, condition) if rigid else FreeHead()

    def forward(
        self, condition: Float[Tensor, "B D"], length: Int[Tensor, "B"], frames: int
    ) -> Float[Tensor, "B T J C"]:
        """Decodes to standardised positions; values beyond the length have no meaning."""
        at = torch.arange(frames, device=length.device)[None].expand(len(length), -1)
        relative = at / (length[:, None] - 1).clamp(min=1)
        bands = [fourier(relative, RELATIVE_BANDS), fourier(at.float(), ABSOLUTE_BANDS, 1 / 128)]
        plan = self.plan(condition).unflatten(1, (self.knots, self.query))
        over_time = self.time(torch.cat(bands, -1)) + hats(length, frames, self.knots) @ plan
        x = over_time[:, :, None] + self.joint
        confidence = frame_mask(length, frames)[..., None].expand(x.shape[:3]).to(x.dtype)
        return self.head(self.per_joint(x, confidence, length, condition), condition)


#: half a period to 16 periods a clip
RELATIVE_BANDS = 6
#: periods from 128 frames down to 4
ABSOLUTE_BANDS = 6


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
