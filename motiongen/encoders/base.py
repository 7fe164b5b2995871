"""The one network interface, and what its implementations share."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.skeleton import Skeleton


class Encoder(nn.Module, ABC):
    """Maps motion-shaped input and a condition to features of the same [B,T,J] shape.

    An adapter of `motiongen.networks` calls it with input that is already zero where `mask` is
    False and that carries the confidence as its last channel. The encoder may therefore ignore
    `mask`; it must obey `length`: frames beyond it never change an output, and what it returns
    there has no meaning. Features are defined on every existing frame and joint, seen or not.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input, Cin.
        condition: size of the condition vector, D.
    """

    #: channels of the output, F
    features: int

    def __init__(self, skeleton: Skeleton, in_channels: int, condition: int) -> None:
        super().__init__()
        self.num_joints = skeleton.num_joints
        self.in_channels = in_channels

    @abstractmethod
    def forward(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B T J F"]:
        """Computes the features."""

    def pooled(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
        weight: Float[Tensor, "B T K"],
    ) -> Float[Tensor, "B K JF"]:
        """Sums of the features over time, frames weighted; weights beyond the length are 0.

        Who ends with a linear layer may sum before it, which saves features of single frames.
        """
        h = self(x, mask, length, condition).flatten(2)
        # frames beyond the length have weight 0, but 0 * NaN is NaN: cut them off
        h = torch.where(frame_mask(length, x.shape[1])[..., None], h, 0.0)
        return weight.transpose(1, 2) @ h


#: what generators take: an encoder class, or a partial of one with its own options set
EncoderFactory = Callable[[Skeleton, int, int], Encoder]


class Film(nn.Module):
    """Feature-wise linear modulation: the one way in which a condition enters an encoder.

    Starts near the identity.

    Shapes: x [B,...,F], condition [B,D] -> [B,...,F].
    Source: Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer, AAAI 2018.
    """

    def __init__(self, condition: int, features: int) -> None:
        super().__init__()
        self.project = nn.Linear(condition, 2 * features)
        nn.init.normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def forward(
        self, x: Float[Tensor, "B *between F"], condition: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B *between F"]:
        """Scales and shifts every feature by a function of the condition."""
        gain, shift = self.project(condition).chunk(2, dim=-1)
        between = (1,) * (x.ndim - 2)
        return x * (1 + gain.view(len(gain), *between, -1)) + shift.view(len(shift), *between, -1)


def frame_mask(length: Tensor, frames: int) -> Tensor:
    """True where a frame exists. Shapes: [B] -> [B,T]."""
    return torch.arange(frames, device=length.device)[None] < length[:, None]


def fold(x: Tensor, length: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    """Joins `patch` consecutive frames into one step; frames beyond the length count as zero.

    Shapes: x [B,T,...,C], length [B] -> [B,ceil(T/patch),...,patch*C], steps that exist [B].
    """
    frames = x.shape[1]
    exists = frame_mask(length, frames).view(*x.shape[:2], *(1,) * (x.ndim - 2))
    x = torch.where(exists, x, 0.0)
    if missing := -frames % patch:
        x = torch.cat([x, x.new_zeros(len(x), missing, *x.shape[2:])], dim=1)
    x = x.unflatten(1, (-1, patch)).movedim(2, -2).flatten(-2)
    return x, (length + patch - 1) // patch


def unfold(x: Tensor, steps: Tensor, frames: int, patch: int) -> Tensor:
    """From steps of `patch` frames back to frames, by overlap and add.

    Each step speaks for twice as many frames as it was made of, with weights that fall linearly
    towards its ends: frames change smoothly from one step to the next. Without the overlap each
    border between steps would be a little jump, and motion would shake at that rate.

    Shapes: x [B,S,...,2*patch*C], steps that exist [B] -> [B,frames,...,C].
    """
    spread = _spread(steps, x.shape[1], patch, x.dtype)
    spread = spread.view(*x.shape[:2], *(1,) * (x.ndim - 3), 2 * patch, 1)
    x = spread * x.unflatten(-1, (2 * patch, -1))
    total = _overlapped(spread.expand(*spread.shape[:-1], 1), patch)
    out = _overlapped(x, patch) / total.clamp(min=1e-6)
    return out[:, patch // 2 : patch // 2 + frames]


def pooled_unfold(
    h: Tensor, leave: nn.Linear, weight: Tensor, steps: Tensor, patch: int
) -> Tensor:
    """Weighted sums over the frames of `unfold(leave(h), ...)`, without making the frames.

    Shapes: h [B,S,...,W], weight [B,T,K], steps [B] -> [B,K,...,C]; leave makes 2*patch*C of W.
    """
    spread = _spread(steps, h.shape[1], patch, h.dtype)
    total = _overlapped(spread[..., None], patch)[..., 0].clamp(min=1e-6)
    before = patch // 2
    weight = F.pad(weight, (0, 0, before, total.shape[1] - before - weight.shape[1]))
    # the share of step s in sum k that reaches it through its frame i: [B,S,K,2p]
    share = (weight / total[..., None]).unfold(1, 2 * patch, patch) * spread[:, :, None]
    sums = share.flatten(2).transpose(1, 2) @ h.flatten(2)
    sums = sums.unflatten(1, (-1, 2 * patch)).unflatten(-1, h.shape[2:]).movedim(2, -2)
    own = leave.weight.unflatten(0, (2 * patch, -1)).transpose(0, 1).flatten(1)
    bias = share.sum(1) @ leave.bias.unflatten(0, (2 * patch, -1))
    return F.linear(sums.flatten(-2), own) + bias.view(*bias.shape[:2], *(1,) * (h.ndim - 3), -1)


def _spread(steps: Tensor, number: int, patch: int, dtype: torch.dtype) -> Tensor:
    """How loudly each step speaks for its 2*patch frames. Shapes: [B] -> [B,number,2*patch]."""
    rise = (torch.arange(2 * patch, device=steps.device) + 0.5) / patch
    return frame_mask(steps, number)[..., None] * torch.minimum(rise, 2 - rise).to(dtype)


def _overlapped(x: Tensor, patch: int) -> Tensor:
    """Adds the second half of each step to the first half of the next. [B,S,...,2p,C]."""
    first, second = x.movedim(-2, 2).split(patch, dim=2)
    nothing = first.new_zeros(len(first), 1, *first.shape[2:])
    return (torch.cat([first, nothing], 1) + torch.cat([nothing, second], 1)).flatten(1, 2)


def fourier(position: Tensor, bands: int, lowest: float = 0.5) -> Tensor:
    """Sines and cosines of `position` at frequencies lowest * 2^k, k < bands.

    Shapes: [...] -> [...,2*bands].
    """
    frequency = lowest * 2.0 ** torch.arange(bands, device=position.device)
    angle = 2 * torch.pi * position[..., None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
