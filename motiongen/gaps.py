"""Joints that were not seen, between frames in which they were."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def fill_gaps(
    joints: Float[Tensor, "B T J C"], seen: Bool[Tensor, "B T J"], exists: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T J C"], Bool[Tensor, "B T J"]]:
    """Fills unseen joints linearly in time, ends held.

    Returns the filled joints, and a mask that is False only beyond the clip and at joints that
    its clip never shows.
    """
    known = seen.any(1, keepdim=True) & exists[..., None]
    if bool((seen | ~known).all()):
        # no gap: nothing to look for
        return joints if bool(known.all()) else torch.where(known[..., None], joints, 0.0), known
    frames = joints.shape[1]
    at = torch.arange(frames, device=joints.device)[None, :, None].expand(seen.shape)
    before = torch.where(seen, at, -1).cummax(1).values
    after = torch.where(seen, at, frames).flip(1).cummin(1).values.flip(1)
    first, last = before.clamp(min=0), after.clamp(max=frames - 1)
    first = torch.where(before < 0, last, first)
    last = torch.where(after >= frames, first, last)
    share = (at - first) / (last - first).clamp(min=1)
    low, high = _frames(joints, first), _frames(joints, last)
    return torch.where(known[..., None], low + share[..., None] * (high - low), 0.0), known


def _frames(joints: Tensor, at: Tensor) -> Tensor:
    """Takes frame at[b,t,j] of each joint."""
    return joints.gather(1, at[..., None].expand(*at.shape, joints.shape[-1]))
