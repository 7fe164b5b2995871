"""Couplings of the motion-space flow, whose conditioners are encoders.

All of them obey the mask: a coordinate that is not seen passes as it is, changes no other one and
has no part in the log-determinant.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from motiongen.encoders import EncoderFactory
from motiongen.generators.flow_layers import (
    PRIOR_FRAMES,
    SCALE_BOUND,
    SHIFT_BOUND,
    SMALLEST_SCALE,
    Context,
    Whitening,
    soft_clamp,
)
from motiongen.networks import PerJoint, Queries
from motiongen.skeleton import Skeleton

#: a conditioner reads at least so many frames of the longest clip: encoders fold frames together,
#: and in what then is one step nothing can be recurrent
FEWEST_FRAMES = 8


class Step(NamedTuple):
    """Output of a step, its log-determinant, and its largest change of a log-scale."""

    out: Float[Tensor, "B S J C"]
    log_det: Float[Tensor, "B"]
    extreme: Float[Tensor, ""]


class Conditioner(nn.Module):
    """A network that is given every `spacing`-th frame; it says nothing at first.

    Where these are few, the encoder also sees frames between them, as not seen.

    Shapes: values [B,S,J,channels], known [B,S,J] -> [B,S,J,out] with S = ceil(T/spacing); with
        `between` only steps that have a halfway frame.
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        out: int,
        frames: int,
        spacing: int,
        between: bool = False,
        query: int = 8,
        knots: int = 8,
    ) -> None:
        super().__init__()
        self.read = spacing
        while self.read > 1 and -(-frames // self.read) < FEWEST_FRAMES:
            self.read //= 2
        #: frames read for each one that is given
        self.stride = spacing // self.read
        # what is asked for lies halfway to the next: narrow encoders do not see the given frames
        # from there, and in the first of these an encoder that is recurrent remembers nothing
        self.offset = self.stride // 2 if between else 0
        self.queries = Queries(skeleton, condition, query, knots)
        self.per_joint = PerJoint(encoder, skeleton, channels + query, condition, out)
        nn.init.zeros_(self.per_joint.project.weight)
        nn.init.zeros_(self.per_joint.project.bias)

    def forward(
        self,
        values: Float[Tensor, "B S J channels"],
        known: Bool[Tensor, "B S J"],
        context: Context,
    ) -> Float[Tensor, "B _steps J out"]:
        """The encoder sees a short clip, of only these frames."""
        condition, length = context.condition, context.length
        queries = self.queries(condition, length, context.frames, self.read)
        steps = (length + self.read - 1) // self.read
        inside = torch.cat([values, queries[:, :: self.stride]], dim=-1)
        spread = inside.new_zeros(*queries.shape[:3], inside.shape[-1])
        spread[:, :: self.stride] = inside
        confidence = spread.new_zeros(spread.shape[:3])
        confidence[:, :: self.stride] = known.to(spread.dtype)
        # of mixed precision the networks have the half, and the density the whole
        out = self.per_joint(spread, confidence, steps, condition).to(values.dtype)
        given = out[:, :: self.stride]
        if not self.offset:
            return given
        halfway = out[:, self.offset :: self.stride]
        return given[:, : halfway.shape[1]] + halfway


class JointCoupling(nn.Module):
    """Some joints shift and scale the others, over all frames at once.

    Shapes: x [B,S,J,C], seen [B,S,J] -> [B,S,J,C].

    Args:
        encoder: builds the encoder of the conditioner.
        skeleton: joints and bones.
        channels: coordinates a joint.
        condition: size of the condition vector.
        frames: of the longest clip.
        spacing: frames of the clip from one step to the next.
        keep: joints that stay.

    Source: Dinh, Sohl-Dickstein and Bengio, Density Estimation using Real NVP, ICLR 2017.
    """

    keep: Bool[Tensor, "J"]

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        frames: int,
        spacing: int,
        keep: Bool[Tensor, "J"],
    ) -> None:
        super().__init__()
        self.conditioner = Conditioner(
            encoder, skeleton, channels, condition, 2 * channels, frames, spacing
        )
        self.register_buffer("keep", keep, persistent=False)

    def forward(
        self, x: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"], context: Context
    ) -> Step:
        """Towards the noise."""
        shift, scale = self._affine(x, seen, context)
        return Step((x - shift) * (-scale).exp(), -scale.flatten(1).sum(1), scale.abs().amax())

    def inverse(
        self, z: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"], context: Context
    ) -> Float[Tensor, "B S J C"]:
        """Towards the clip."""
        shift, scale = self._affine(z, seen, context)
        return z * scale.exp() + shift

    def _affine(self, x: Tensor, seen: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        out = self.conditioner(x, seen & self.keep, context)
        moves = (seen & ~self.keep)[..., None]
        shift, scale = torch.where(moves, out, 0.0).chunk(2, dim=-1)
        return soft_clamp(shift, SHIFT_BOUND), soft_clamp(scale, SCALE_BOUND)


class Lifting(nn.Module):
    """Every second frame, given the frames between which it lies.

    The odd frames are foretold from the even ones, which stay: linearly, with weights fitted to
    the data, and by a network. What remains is scaled, by what is usual and by what the network
    says, and whitened over the coordinates of a pose.

    Shapes: x [B,S,J,C], seen [B,S,J] -> noise of the odd frames [B,floor(S/2),J,C].

    Args:
        encoder: builds the encoder of the conditioner.
        skeleton: joints and bones.
        channels: coordinates a joint.
        condition: size of the condition vector.
        frames: of the longest clip.
        spacing: frames of the clip from one step of x to the next.

    Source: Sweldens, The Lifting Scheme, SIAM Journal on Mathematical Analysis 1998; as a flow:
        Yu, Derpanis and Brubaker, Wavelet Flow, NeurIPS 2020.
    """

    gain: Float[Tensor, "J C 4"]
    usual: Float[Tensor, "3 J C"]

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        frames: int,
        spacing: int,
    ) -> None:
        super().__init__()
        joints = skeleton.num_joints
        self.conditioner = Conditioner(
            encoder,
            skeleton,
            2 * channels,
            condition,
            2 * channels,
            frames,
            2 * spacing,
            between=True,
        )
        self.whitening = Whitening(joints, channels)
        #: weights of the terms of `evidence`; at first cubic interpolation, and held ends
        gain = torch.tensor([1.0, 1 / 16, 1.0, 0.0])
        self.register_buffer("gain", gain.repeat(joints, channels, 1))
        #: log-scale of what remains, where no neighbour was seen, one, or both
        self.register_buffer("usual", torch.zeros(3, joints, channels))

    def forward(
        self, x: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"], context: Context
    ) -> Step:
        """The noise of the odd frames."""
        shift, usual, change = self._affine(x[:, ::2], seen, context)
        rest = (x[:, 1::2] - shift) * (-usual - change).exp()
        noise, growth = self.whitening(rest, seen[:, 1::2])
        extreme = change.abs().amax() if change.numel() else change.new_zeros(())
        return Step(noise, growth - (usual + change).flatten(1).sum(1), extreme)

    def inverse(
        self,
        even: Float[Tensor, "B _even J C"],
        noise: Float[Tensor, "B _odd J C"],
        seen: Bool[Tensor, "B S J"],
        context: Context,
    ) -> Float[Tensor, "B S J C"]:
        """All frames, from the even ones and the noise of the odd ones."""
        shift, usual, change = self._affine(even, seen, context)
        rest = self.whitening.inverse(noise, seen[:, 1::2])
        return interleave(even, rest * (usual + change).exp() + shift)

    def _affine(
        self, even: Tensor, seen: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Shift, usual log-scale, and its change; all 0 where the odd frame was not seen."""
        terms, neighbours = evidence(even, seen)
        joint = torch.arange(seen.shape[2], device=seen.device)
        usual = self.usual[neighbours, joint]
        known = seen[:, ::2]
        after = torch.nn.functional.pad(known[:, 1:], (0, 0, 0, 1))
        values = torch.where(known[..., None], even, 0.0)
        values = torch.cat([values, torch.nn.functional.pad(values[:, 1:], (0,) * 5 + (1,))], -1)
        out = self.conditioner(values, known | after, context)[:, : usual.shape[1]]
        shift, change = out.chunk(2, dim=-1)
        shift = (terms * self.gain).sum(-1) + usual.exp() * soft_clamp(shift, SHIFT_BOUND)
        moves = seen[:, 1::2, :, None]
        parts = (shift, usual, soft_clamp(change, SCALE_BOUND))
        return tuple(torch.where(moves, part, 0.0) for part in parts)  # type: ignore[return-value]

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"]) -> None:
        """Weights by least squares, and scales and correlations of what they leave."""
        terms, neighbours = evidence(x[:, ::2], seen)
        odd, known = x[:, 1::2], seen[:, 1::2]
        terms = terms * known[..., None, None]
        square = torch.einsum("bsjcf,bsjcg->jcfg", terms, terms)
        product = torch.einsum("bsjcf,bsjc->jcf", terms, torch.where(known[..., None], odd, 0.0))
        usual = x.new_tensor([1.0, 1 / 16, 1.0, 0.0]).expand_as(product)
        # a prior as strong as a few frames of usual size
        ridge = PRIOR_FRAMES * torch.eye(4, device=x.device, dtype=x.dtype)
        ridge = (
            ridge
            * square.diagonal(dim1=-2, dim2=-1).mean((0, 1)).clamp(min=1e-6)
            / max(1.0, float(known.sum()) / known.shape[2])
        )
        self.gain.copy_(torch.linalg.solve(square + ridge, product + usual @ ridge))
        rest = torch.where(known[..., None], odd - (terms * self.gain).sum(-1), 0.0)
        self._fit_scales(rest, known, neighbours)
        joint = torch.arange(seen.shape[2], device=x.device)
        self.whitening.fit(rest * (-self.usual[neighbours, joint]).exp(), known)

    def _fit_scales(self, rest: Tensor, known: Tensor, neighbours: Tensor) -> None:
        everywhere = rest.square().sum((0, 1)) / known.sum((0, 1)).clamp(min=1)[:, None]
        for count in range(3):
            case = known & (neighbours == count)
            total = (rest.square() * case[..., None]).sum((0, 1)) + PRIOR_FRAMES * everywhere
            variance = total / (case.sum((0, 1)) + PRIOR_FRAMES)[:, None]
            self.usual[count] = variance.clamp(min=SMALLEST_SCALE**2).log() / 2


def evidence(even: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """What the even frames say of each odd one: four terms, and how many neighbours were seen.

    The terms are the mean of both neighbours and by how much the path bends there, where both
    were seen; or the one that was seen and the step that led to it.

    Shapes: even [B,ceil(S/2),J,C], seen [B,S,J] -> [B,floor(S/2),J,C,4], [B,floor(S/2),J].
    """
    known, count = seen[:, ::2], seen.shape[1] // 2
    known = torch.nn.functional.pad(known, (0, 0, 1, 2))[..., None]
    value = torch.nn.functional.pad(even, (0, 0, 0, 0, 1, 2))
    value = torch.where(known, value, 0.0)
    at = [(value[:, o : o + count], known[:, o : o + count]) for o in range(4)]
    (far_left, saw_far_left), (left, saw_left), (right, saw_right), (far_right, saw_far_right) = at
    bend = (left - far_left) * (saw_left & saw_far_left)
    bend = bend + (right - far_right) * (saw_right & saw_far_right)
    both, one = saw_left & saw_right, saw_left ^ saw_right
    nearest = left + right
    terms = torch.stack([nearest / 2 * both, bend * both, nearest * one, bend * one], dim=-1)
    return terms, (saw_left.long() + saw_right.long())[..., 0]


def interleave(
    even: Float[Tensor, "B M J C"], odd: Float[Tensor, "B N J C"]
) -> Float[Tensor, "B M+N J C"]:
    """Frames in turn: undoes `[:, ::2]` and `[:, 1::2]`."""
    shape = (len(even), even.shape[1] + odd.shape[1], *even.shape[2:])
    odd = torch.nn.functional.pad(odd, (0,) * 5 + (even.shape[1] - odd.shape[1],))
    return torch.stack([even, odd], dim=2).flatten(1, 2)[:, : shape[1]]
