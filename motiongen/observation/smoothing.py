"""The path that a joint most likely took, given noisy and incomplete sight of it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

#: what lies farther from the path, in standard deviations of the noise, was not seen but made up
OUTLIER = 4.0


def smooth(
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    exists: Bool[Tensor, "B T"],
    *,
    level: float,
    correlation: float,
    speed: float,
    turn: float,
) -> Float[Tensor, "B T C"]:
    """Posterior mean of one joint's path under a smooth prior; also where it was not seen.

    The prior says how fast the joint moves and how fast its velocity changes. The noise is
    autoregressive: x_t = z_t + n_t, n_t = r^g n_s + e_t with e_t ~ N(0, level^2 (1 - r^2g)), s
    being the frame seen before t and g the frames between. Both are Gaussian, so the mean solves
    one linear system a clip. What then lies too far from the path is left out, and the path found
    once more.

    Args:
        joints: positions of one joint.
        mask: frames in which it was seen.
        exists: frames of the clip.
        level: standard deviation of the noise.
        correlation: r.
        speed: root mean square of first differences of clean motion.
        turn: root mean square of its second differences.

    Source: Whittaker, On a New Method of Graduation, 1923; as a Gaussian process with an
        autoregressive error: Kohn and Ansley, A New Algorithm for Spline Smoothing, 1987.
    """
    prior = _prior(exists, speed, turn, level)
    path = _solve(prior, joints, mask, correlation)
    far = ((joints - path) ** 2).mean(-1).sqrt() > OUTLIER * level
    kept = mask & ~far
    # a clip that is nothing but outliers was noisier than the estimate: it is believed
    kept = torch.where((2 * kept.sum(1) > mask.sum(1))[:, None], kept, mask)
    path = _solve(prior, joints, kept, correlation)
    return torch.where((mask.any(1)[:, None] & exists)[..., None], path, 0.0)


def _prior(exists: Tensor, speed: float, turn: float, level: float) -> Tensor:
    """Precision of a path times level^2. Shapes: [B,T] -> [B,T,T]."""
    frames = exists.shape[1]
    eye = torch.eye(frames, dtype=torch.float64, device=exists.device)
    first, second = eye.diff(dim=0), eye.diff(dim=0, n=2)
    along, bend = (exists[:, 1:] & exists[:, :-1]).double(), exists[:, 2:].double()
    moving = torch.einsum("ti,bt,tj->bij", first, along, first) / max(speed, 1e-9) ** 2
    turning = torch.einsum("ti,bt,tj->bij", second, bend, second) / max(turn, 1e-9) ** 2
    # a frame that does not exist stands alone, at 0
    alone = torch.diag_embed((~exists).double())
    # both priors hold at once: each gets half of what a difference tells
    return level**2 * (0.1 * moving + turning) + alone


def _solve(prior: Tensor, joints: Tensor, mask: Tensor, correlation: float) -> Tensor:
    noise = _noise_precision(mask, correlation)
    empty = ~mask.any(1)
    ridge = 1e-6 + empty.double()
    eye = torch.eye(mask.shape[1], dtype=torch.float64, device=mask.device)
    system = prior + noise + 1e-9 * eye + eye * (empty.double() * ridge)[:, None, None]
    seen = torch.where(mask[..., None], joints, 0.0).double()
    return torch.linalg.solve(system, noise @ seen).to(joints.dtype)


def _noise_precision(mask: Tensor, correlation: float) -> Tensor:
    """Precision of autoregressive noise of variance 1 at the frames that were seen. [B,T,T]."""
    frames = mask.shape[1]
    place = torch.arange(frames, device=mask.device).expand_as(mask)
    latest = torch.where(mask, place, -1).cummax(1).values
    before = torch.cat([torch.full_like(latest[:, :1], -1), latest[:, :-1]], dim=1)
    share = correlation ** (place - before).double()
    share = torch.where(mask & (before >= 0), share, 0.0)
    step = torch.diag_embed(mask.double())
    back = torch.zeros_like(step).scatter_(2, before.clamp(min=0)[..., None], share[..., None])
    step = step - back
    weight = mask.double() / (1 - share**2).clamp(min=1e-6)
    return step.transpose(1, 2) @ (weight[..., None] * step)
