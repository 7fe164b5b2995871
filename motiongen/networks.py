"""The adapters that turn any encoder into every network any generator needs."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import EncoderFactory, fourier, frame_mask
from motiongen.kinematics import FreeHead, KinematicHead
from motiongen.skeleton import Skeleton
from motiongen.standardizer import Standardizer

#: Fourier features of time: periods from two clips down to a 16th of one, and from 128 frames
#: down to 4
BANDS = 6
#: a running mean [1 2 1] / 4, and the same once more of what that leaves over: passes 98 % of what
#: swings once in 8 frames, 75 % of once in 4, nothing of what changes its sign with every frame
TWICING = (-1 / 16, 4 / 16, 10 / 16, 4 / 16, -1 / 16)


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


def without_shaking(
    x: Float[Tensor, "B T J C"], length: Int[Tensor, "B"]
) -> Float[Tensor, "B T J C"]:
    """Takes off what swings faster than once in about four frames; zero beyond the length.

    In the first and last two frames of a clip the weights of those that exist make up for the
    others: poses that rest stay as they are, motion is cut less sharply.

    Source: Tukey, Exploratory Data Analysis, 1977, chapter 16 (hanning, and twicing:
        frequency response 1 - sin(w / 2)^4).
    """
    frames, dtype = x.shape[1], x.dtype
    exists = frame_mask(length, frames)[..., None]

    def weighted(values: Tensor) -> Tensor:
        reach = len(TWICING) // 2
        padded = F.pad(values, (0, 0, reach, reach))
        parts = [tap * padded[:, k : k + frames] for k, tap in enumerate(TWICING)]
        return torch.stack(parts).sum(0)

    # in halves rounding would put back what is taken off
    single = torch.promote_types(dtype, torch.float32)
    total = weighted(torch.where(exists, x.flatten(2).to(single), 0.0))
    weight = torch.where(exists, weighted(exists.to(single)), 1.0)
    return torch.where(exists, total / weight, 0.0).to(dtype).view_as(x)


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
        weight = hats(length, x.shape[1], self.segments)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
        seen, x = confidence > 0, masked_input(x, confidence)
        pooled = self.encoder.pooled(x, seen, length, condition, weight.to(x.dtype))
        return self.project(self.norm(pooled.flatten(1)))


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


class Queries(nn.Module):
    """What tells an encoder which joint of which frame it looks at.

    The query of frame t and joint j is the sum of Fourier features of t, relative to the clip
    and absolute, a learned vector of j, and a plan: a few vectors spread over the clip, linear
    in the condition.

    Args:
        skeleton: joints.
        condition: size of the condition.
        query: channels of a query.
        knots: vectors of the plan.
        bands: Fourier features of relative and of absolute time, each; one less halves the
            fastest.

    Shapes: condition [B,D], length [B] -> [B,T,J,query].
    """

    def __init__(
        self, skeleton: Skeleton, condition: int, query: int, knots: int, bands: int = BANDS
    ) -> None:
        super().__init__()
        self.knots, self.query, self.bands = knots, query, bands
        self.time = nn.Linear(4 * bands, query)
        self.joint = nn.Parameter(torch.randn(skeleton.num_joints, query))
        self.plan = nn.Linear(condition, knots * query)

    def forward(
        self,
        condition: Float[Tensor, "B D"],
        length: Int[Tensor, "B"],
        frames: int,
        every: int = 1,
    ) -> Float[Tensor, "B _steps J query"]:
        """Builds the queries of all frames, or of every second, third, ..."""
        at = torch.arange(0, frames, every, device=length.device)[None].expand(len(length), -1)
        relative = at / (length[:, None] - 1).clamp(min=1)
        bands = [fourier(relative, self.bands), fourier(at.float(), self.bands, 1 / 128)]
        plan = self.plan(condition).unflatten(1, (self.knots, self.query))
        near = hats(length, frames, self.knots)[:, ::every]
        over_time = self.time(torch.cat(bands, -1)) + near @ plan
        return over_time[:, :, None] + self.joint


class Decoder(nn.Module):
    """From a vector to a clip: an encoder reads `Queries` under that vector.

    All frames come at once, none depends on an earlier one. An encoder that says every coordinate
    of every frame errs a little in each: a joint at rest trembles, by less than a likelihood
    cares for and more than an eye forgives. So its output passes `without_shaking` before it
    becomes positions, in training as well: quick motion is then learned through the filter.

    Args:
        encoder: builds the encoder.
        skeleton: joints and bones.
        standardizer: shared with the generator; the kinematic head reads body sizes from it.
        channels: coordinates a joint.
        condition: size of the vector.
        rigid: bones of constant length by construction (3-D only); see `KinematicHead`.
        query: channels of a query.
        knots: vectors of the plan.
        bands: see `Queries`.
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
        bands: int = BANDS,
    ) -> None:
        super().__init__()
        self.queries = Queries(skeleton, condition, query, knots, bands)
        self.per_joint = PerJoint(encoder, skeleton, query, condition, channels)
        self.head = KinematicHead(skeleton, standardizer, condition) if rigid else FreeHead()

    def forward(
        self, condition: Float[Tensor, "B D"], length: Int[Tensor, "B"], frames: int
    ) -> Float[Tensor, "B T J C"]:
        """Decodes to standardised positions; values beyond the length have no meaning."""
        x = self.queries(condition, length, frames)
        confidence = frame_mask(length, frames)[..., None].expand(x.shape[:3]).to(x.dtype)
        out = self.per_joint(x, confidence, length, condition)
        return self.head(without_shaking(out, length), condition)

    def stiffen(self, stiffness: float) -> None:
        """How rigid bones are in training, from 0 to 1; see `KinematicHead`."""
        if isinstance(self.head, KinematicHead):
            self.head.stiffness = stiffness
