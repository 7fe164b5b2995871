"""Joints that jump away for a moment: what no path of a body goes through."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.observation.smoothing import (
    OUTLIER,
    WEIGHT,
    dense_posterior,
    noise_precision,
    path_prior,
    posterior,
    solve,
)

#: frames whose median tempo a spike, which bends three of them, hardly changes
WINDOW = 7
#: frames around the largest residual in which no other counts: a spike pulls its neighbours along
NEAR = 5
#: rounds in which spikes are found: one may hide behind another
ROUNDS = 2
#: noise below this share of the usual second difference is none, and what is sharp is motion
QUIET = 0.05
#: median of a chi-squared variable by its mean, at 1, 2 and 3 degrees of freedom
MEDIAN_BY_MEAN = (0.455, 0.693, 0.789)


def without_spikes(
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    exists: Bool[Tensor, "B T"],
    *,
    level: Float[Tensor, "B"],
    correlation: float,
    speed: Float[Tensor, "B"],
    turn: Float[Tensor, "B"],
    size: Float[Tensor, "B"] | None = None,
) -> Bool[Tensor, "B T"]:
    """Frames in which a joint was seen, less those that all others speak against.

    A smoother that knows motion to be quick beside the noise follows any jump, so what it leaves
    does not tell one. What a frame is against a forecast from all other frames does: it is left
    out where the two are too far apart for the noise of the frame and the doubt of the forecast.
    How quick the motion is around each frame is said by a median, which a single jump hardly
    changes, but near the ends of a clip, and a kick, quick for longer, does. Joints without noise
    are believed, and so are clips of fewer than `WINDOW` frames.

    Args:
        joints: positions, one joint of one clip a row.
        mask: frames in which it was seen.
        exists: frames of the clip.
        level: standard deviation of the noise.
        correlation: of the noise of a frame with that of the next.
        speed: root mean square of first differences of clean motion.
        turn: root mean square of its second differences.
        size: see `smooth`.

    Source: residuals of forecasts from all other values: Cook and Weisberg, Residuals and
        Influence in Regression, 1982, section 2.2; of correlated ones: Rasmussen and Williams,
        Gaussian Processes for Machine Learning, 2006, eq. 5.12.
    """
    noisy = level >= QUIET * turn
    if mask.shape[1] < WINDOW or not noisy.any():
        return mask
    kept = mask
    usual = turn.double()[:, None].expand(exists.shape)
    for _ in range(ROUNDS):
        path = solve(path_prior(exists, speed, usual, level, size), joints, kept, correlation)
        prior = path_prior(exists, speed, _calm_turns(path, exists, turn), level, size)
        far = _surprise(prior, joints, kept, correlation) / level.double()[:, None]
        largest = F.max_pool1d(far[:, None], NEAR, 1, NEAR // 2)[:, 0]
        kept = kept & ~((far > OUTLIER) & (far == largest))
    # a clip that is nothing but outliers was noisier than the estimate: it is believed
    sure = noisy & (2 * kept.sum(1) > mask.sum(1))
    return torch.where(sure[:, None], kept, mask)


def _calm_turns(path: Tensor, exists: Tensor, turn: Tensor) -> Float[Tensor, "B T"]:
    """How fast the velocity changes around each frame, no jump counted."""
    bend = path.double().diff(dim=1, n=2).square().mean(-1)
    bend = F.pad(torch.where(exists[:, 2:], bend, torch.nan), (WINDOW // 2,) * 2, value=torch.nan)
    # on a GPU the median of torch refuses to be deterministic
    ordered = bend.unfold(1, WINDOW, 1).sort(-1).values
    place = ((~ordered.isnan()).sum(-1, keepdim=True) - 1).clamp(min=0) // 2
    middle = ordered.gather(-1, place)[..., 0].nan_to_num(0.0)
    mean = middle / MEDIAN_BY_MEAN[path.shape[-1] - 1]
    around = F.pad(mean[:, None], (1, 1), mode="replicate")[:, 0]
    return ((WEIGHT * around + turn.double()[:, None] ** 2) / (WEIGHT + 1)).sqrt()


def _surprise(prior: Tensor, joints: Tensor, mask: Tensor, correlation: float) -> Tensor:
    """How far each seen frame is from its forecast, in units of the noise. -> [B,T].

    With K the covariance of what was seen, a frame differs from the forecast by (K^-1 x)_t /
    (K^-1)_tt, with a variance of 1 / (K^-1)_tt. With the precisions P of paths and N of noise,
    K^-1 = N - N (P + N)^-1 N, and (P + N)^-1 N x is the path.
    """
    seen = torch.where(mask[..., None], joints, 0.0)
    if correlation == 0:
        path, covariance = posterior(prior, joints, mask, correlation)
        away, certainty = (seen - path).double(), 1 - covariance[:, 0]
    else:
        noise = noise_precision(mask, correlation)
        path, whole = dense_posterior(prior, joints, mask, correlation)
        away = noise @ (seen - path).double()
        certainty = noise.diagonal(dim1=1, dim2=2) - ((noise @ whole) * noise).sum(2)
    far = away.square().mean(-1) / certainty.clamp(min=1e-12)
    return torch.where(mask, far.sqrt(), 0.0)
