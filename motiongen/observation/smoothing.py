"""The path that a joint most likely took, given noisy and incomplete sight of it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

#: what lies farther from the path, in standard deviations of the noise, was not seen but made up
OUTLIER = 4.0
#: rounds in which outliers and the local tempo are found
PASSES = 3
#: frames over which a tempo is taken, and how many times the usual tempo counts what they show
WINDOW, WEIGHT = 5, 9.0
#: how much the prior on speed counts: little, it only keeps long gaps and ends from running away
SLOWNESS = 0.2


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
    one linear system a clip. What then lies too far from the path is left out, how fast the
    velocity changes is taken from the path around each frame, and the path is found once more.

    Args:
        joints: positions of one joint.
        mask: frames in which it was seen.
        exists: frames of the clip.
        level: standard deviation of the noise.
        correlation: r.
        speed: root mean square of first differences of clean motion.
        turn: root mean square of its second differences.

    Source: Whittaker, On a New Method of Graduation, 1923; with an autoregressive error: Kohn,
        Ansley and Wong, Nonparametric Spline Regression with Autoregressive Moving Average
        Errors, Biometrika 1992.
    """
    turns = joints.new_full((*exists.shape,), turn).double()
    kept = mask
    for _ in range(PASSES):
        path = _solve(_prior(exists, speed, turns, level), joints, kept, correlation)
        kept = _without_outliers(joints, path, mask, level)
        turns = _turns(path, exists, turn)
    return torch.where((mask.any(1)[:, None] & exists)[..., None], path, 0.0)


def _without_outliers(joints: Tensor, path: Tensor, mask: Tensor, level: float) -> Tensor:
    far = ((joints - path) ** 2).mean(-1).sqrt() > OUTLIER * level
    kept = mask & ~far
    # a clip that is nothing but outliers was noisier than the estimate: it is believed
    return torch.where((2 * kept.sum(1) > mask.sum(1))[:, None], kept, mask)


def _turns(path: Tensor, exists: Tensor, turn: float) -> Tensor:
    """How fast the velocity changes around each frame: people rest, then kick. -> [B,T]."""
    bend = path.double().diff(dim=1, n=2).square().mean(-1)
    bend = F.pad(torch.where(exists[:, 2:], bend, 0.0), (1, 1))
    around = F.avg_pool1d(bend[:, None], WINDOW, 1, WINDOW // 2, count_include_pad=False)[:, 0]
    # what was found so far, and the usual value as one more observation
    return ((WEIGHT * around + turn**2) / (WEIGHT + 1)).sqrt()


def _prior(exists: Tensor, speed: float, turns: Tensor, level: float) -> Tensor:
    """Precision of a path times level^2. Shapes: [B,T], turns [B,T] -> [B,T,T]."""
    frames = exists.shape[1]
    eye = torch.eye(frames, dtype=torch.float64, device=exists.device)
    first, second = eye.diff(dim=0), eye.diff(dim=0, n=2)
    along = (exists[:, 1:] & exists[:, :-1]).double() * SLOWNESS / max(speed, 1e-9) ** 2
    bend = exists[:, 2:].double() / turns[:, 1:-1].clamp(min=1e-9) ** 2
    moving = first.T @ (along[..., None] * first)
    turning = second.T @ (bend[..., None] * second)
    # a frame that does not exist stands alone, at 0
    return level**2 * (moving + turning) + torch.diag_embed((~exists).double())


def _solve(prior: Tensor, joints: Tensor, mask: Tensor, correlation: float) -> Tensor:
    noise = _noise_precision(mask, correlation)
    empty = ~mask.any(1)
    eye = torch.eye(mask.shape[1], dtype=torch.float64, device=mask.device)
    # where nothing was seen any path will do
    system = prior + noise + eye * (1e-9 + empty.double())[:, None, None]
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
