"""The path that a joint most likely took, given noisy and incomplete sight of it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from scipy.linalg import solveh_banded
from torch import Tensor

#: what lies farther from the path, in standard deviations of the noise, was not seen but made up
OUTLIER = 4.0
#: rounds in which outliers and the local tempo are found
PASSES = 3
#: frames over which a tempo is taken, and how many times the usual tempo counts what they show
WINDOW, WEIGHT = 5, 9.0
#: how much the prior on speed counts beside that on turns: it keeps long gaps and ends from
#: running away
SLOWNESS = 0.2


def smooth(
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    exists: Bool[Tensor, "B T"],
    *,
    level: Float[Tensor, "B"],
    correlation: float,
    speed: Float[Tensor, "B"],
    turn: Float[Tensor, "B"],
    size: Float[Tensor, "B"] | None = None,
    doubts: bool = True,
    passes: int = PASSES,
) -> Float[Tensor, "B T C"]:
    """Posterior mean of paths under a smooth prior; also where a joint was not seen.

    The prior says how fast a joint moves and how fast its velocity changes. The noise is
    autoregressive: x_t = z_t + n_t, n_t = r^g n_s + e_t with e_t ~ N(0, level^2 (1 - r^2g)), s
    being the frame seen before t and g the frames between. Both are Gaussian, so the mean solves
    one linear system a path. What then lies too far from the path is left out, how fast the
    velocity changes is taken from the path around each frame, and the path is found once more. A
    mean is calmer than the paths that it is the mean of, and calmer still with the tempo of a
    mean: what the path is not sure of counts as movement, as in expectation maximisation.

    Args:
        joints: positions, one joint of one clip a row.
        mask: frames in which it was seen.
        exists: frames of the clip.
        level: standard deviation of the noise.
        correlation: r.
        speed: root mean square of first differences of clean motion.
        turn: root mean square of its second differences.
        size: root mean square of clean positions about 0, where they are about it. None: a path
            is as likely anywhere.
        doubts: whether the tempo knows how sure the path is; faster without.
        passes: rounds in which outliers and tempo are found; in one, the tempo is the usual one.

    Source: Whittaker, On a New Method of Graduation, 1923; with an autoregressive error: Kohn,
        Ansley and Wong, Nonparametric Spline Regression with Autoregressive Moving Average
        Errors, Biometrika 1992; tempo: Shumway and Stoffer, An Approach to Time Series Smoothing
        and Forecasting Using the EM Algorithm, Journal of Time Series Analysis 1982.
    """
    turns = turn.double()[:, None].expand(exists.shape)
    kept = mask
    for _ in range(passes):
        prior, variance = path_prior(exists, speed, turns, level, size), 0.0
        if doubts:
            path, covariance = posterior(prior, joints, kept, correlation)
            variance = level.double()[:, None] ** 2 * _bend_variance(covariance)
        else:
            path = solve(prior, joints, kept, correlation)
        kept = _without_outliers(joints, path, mask, level)
        turns = _turns(path, variance, exists, turn)
    return torch.where((mask.any(1)[:, None] & exists)[..., None], path, 0.0)


def _without_outliers(joints: Tensor, path: Tensor, mask: Tensor, level: Tensor) -> Tensor:
    far = ((joints - path) ** 2).mean(-1).sqrt() > OUTLIER * level[:, None]
    kept = mask & ~far
    # a clip that is nothing but outliers was noisier than the estimate: it is believed
    return torch.where((2 * kept.sum(1) > mask.sum(1))[:, None], kept, mask)


def _turns(path: Tensor, variance: Tensor | float, exists: Tensor, turn: Tensor) -> Tensor:
    """How fast the velocity changes around each frame: people rest, then kick. -> [B,T]."""
    bend = path.double().diff(dim=1, n=2).square().mean(-1) + variance
    bend = F.pad(torch.where(exists[:, 2:], bend, 0.0), (1, 1))
    around = F.avg_pool1d(bend[:, None], WINDOW, 1, WINDOW // 2, count_include_pad=False)[:, 0]
    # what was found so far, and the usual value as one more observation
    return ((WEIGHT * around + turn.double()[:, None] ** 2) / (WEIGHT + 1)).sqrt()


def _bend_variance(covariance: Float[Tensor, "B 3 T"]) -> Float[Tensor, "B _bends"]:
    """Of second differences of a path, from diagonals of its covariance. Shapes: -> [B,T-2]."""
    own, next_, second = covariance.unbind(1)
    outer = own[:, :-2] + own[:, 2:] + 2 * second[:, :-2]
    return outer + 4 * own[:, 1:-1] - 4 * (next_[:, :-2] + next_[:, 1:-1])


def path_prior(
    exists: Bool[Tensor, "B T"],
    speed: Float[Tensor, "B"],
    turns: Float[Tensor, "B T"],
    level: Float[Tensor, "B"],
    size: Float[Tensor, "B"] | None = None,
) -> Float[Tensor, "B 3 T"]:
    """Diagonals of the precision of a path times level^2: main, first, second; ends padded."""
    square = level.double()[:, None] ** 2
    along = (exists[:, 1:] & exists[:, :-1]).double() * SLOWNESS * square
    along = along / speed.double().clamp(min=1e-9)[:, None] ** 2
    bend = exists[:, 2:].double() * square / turns[:, 1:-1].clamp(min=1e-9) ** 2
    main = F.pad(along, (0, 1)) + F.pad(along, (1, 0))
    main = main + F.pad(bend, (0, 2)) + 4 * F.pad(bend, (1, 1)) + F.pad(bend, (2, 0))
    first = -F.pad(along, (0, 1)) - 2 * (F.pad(bend, (0, 2)) + F.pad(bend, (1, 1)))
    if size is not None:
        main = main + exists * square / size.double().clamp(min=1e-9)[:, None] ** 2
    # a frame that does not exist stands alone, at 0
    return torch.stack([main + (~exists).double(), first, F.pad(bend, (0, 2))], dim=1)


def solve(
    prior: Float[Tensor, "B 3 T"],
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    correlation: float,
) -> Float[Tensor, "B T C"]:
    """The mean path, given the diagonals of `path_prior` and what was seen."""
    if correlation > 0:
        return dense_posterior(prior, joints, mask, correlation)[0]
    seen = torch.where(mask[..., None], joints, 0.0).double()
    return _solve_banded(_bands(prior, mask), seen).to(joints.dtype)


def posterior(
    prior: Float[Tensor, "B 3 T"],
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    correlation: float,
) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B 3 T"]]:
    """The mean path, see `solve`, and diagonals of its covariance in units of level^2.

    Main, first, second, ends padded. Noise that is not correlated in time takes time that grows
    with the number of frames, other noise with its cube.
    """
    if correlation == 0:
        path = solve(prior, joints, mask, correlation)
        return path, _inverse_bands(_bands(prior, mask))
    path, covariance = dense_posterior(prior, joints, mask, correlation)
    bands = [F.pad(covariance.diagonal(k, dim1=1, dim2=2), (0, k)) for k in (0, 1, 2)]
    return path, torch.stack(bands, dim=1)


def dense_posterior(
    prior: Float[Tensor, "B 3 T"],
    joints: Float[Tensor, "B T C"],
    mask: Bool[Tensor, "B T"],
    correlation: float,
) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B T T"]]:
    """The mean path and all of its covariance in units of level^2."""
    noise = noise_precision(mask, correlation)
    main, first, second = _anywhere(prior, mask).unbind(1)
    system = torch.diag_embed(main) + noise
    for away, band in ((1, first[:, :-1]), (2, second[:, :-2])):
        system = system + torch.diag_embed(band, away) + torch.diag_embed(band, -away)
    factor, failed = torch.linalg.cholesky_ex(system)
    # a clip whose numbers are none takes no other with it
    factor = torch.where((failed == 0)[:, None, None], factor, torch.nan)
    covariance = torch.cholesky_inverse(factor)
    seen = torch.where(mask[..., None], joints, 0.0).double()
    return (covariance @ (noise @ seen)).to(joints.dtype), covariance


def _anywhere(prior: Tensor, mask: Tensor) -> Tensor:
    """Where nothing was seen any path will do."""
    least = 1e-9 + (~mask.any(1)).double()[:, None]
    return torch.cat([prior[:, :1] + least[:, None], prior[:, 1:]], dim=1)


def _bands(prior: Tensor, mask: Tensor) -> Float[Tensor, "B 3 T"]:
    """Diagonals of the system where noise is not correlated in time."""
    main, first, second = _anywhere(prior, mask).unbind(1)
    return torch.stack([main + mask.double(), first, second], dim=1)


def _inverse_bands(bands: Float[Tensor, "B 3 T"]) -> Float[Tensor, "B 3 T"]:
    """Main, first and second diagonal of the inverse of a symmetric matrix of such diagonals.

    Source: Takahashi, Fagan and Chin, Formation of a Sparse Bus Impedance Matrix, 1973, with the
        factors L D L^T.
    """
    main, first, second = (band.T.contiguous() for band in bands.unbind(1))
    frames, none = len(main), torch.zeros_like(main[0])
    pivot, one, two = [], [none, none], [none, none]
    for t in range(frames):
        own = main[t]
        if t > 0:
            own = own - one[-1] ** 2 * pivot[-1]
        if t > 1:
            own = own - two[-2] ** 2 * pivot[-2]
        step = first[t] - (two[-1] * one[-1] * pivot[-1] if t > 0 else 0.0)
        pivot.append(own)
        one.append(step / own)
        two.append(second[t] / own)
    one, two = one[2:], two[2:]
    found = [(none, none, none)] * 2
    for t in reversed(range(frames)):
        (next_own, next_first, _), (second_own, _, _) = found[-1], found[-2]
        across = -one[t] * next_first - two[t] * second_own
        beside = -one[t] * next_own - two[t] * next_first
        found.append((1 / pivot[t] - one[t] * beside - two[t] * across, beside, across))
    rows = found[:1:-1]
    return torch.stack([torch.stack(column, dim=1) for column in zip(*rows, strict=True)], dim=1)


def _solve_banded(
    bands: Float[Tensor, "B 3 T"], right: Float[Tensor, "B T C"]
) -> Float[Tensor, "B T C"]:
    """Solves symmetric systems that are given by three diagonals, all as one long one.

    Between two of them the diagonals are 0, so none touches another: unless by a number that is
    none, so rows that hold such numbers are taken out.
    """
    finite = bands.isfinite().all(2).all(1) & right.isfinite().all(2).all(1)
    bands = torch.where(finite[:, None, None], bands, bands.new_tensor([[1.0], [0.0], [0.0]]))
    lower = bands.transpose(0, 1).flatten(1).cpu().numpy()
    safe = torch.where(finite[:, None, None], right, 0.0).flatten(0, 1).cpu().numpy()
    found = solveh_banded(lower, safe, overwrite_b=True, lower=True, check_finite=False)
    path = torch.from_numpy(found).to(right.device).view_as(right)
    return torch.where(finite[:, None, None], path, torch.nan)


def noise_precision(mask: Bool[Tensor, "B T"], correlation: float) -> Float[Tensor, "B T T"]:
    """Precision of autoregressive noise of variance 1 at the frames that were seen."""
    frames = mask.shape[1]
    place = torch.arange(frames, device=mask.device).expand_as(mask)
    latest = torch.where(mask, place, -1).cummax(1).values
    before = torch.cat([torch.full_like(latest[:, :1], -1), latest[:, :-1]], dim=1)
    share = correlation ** (place - before).double()
    share = torch.where(mask & (before >= 0), share, 0.0)
    weight = mask.double() / (1 - share**2).clamp(min=1e-6)
    # each frame that was seen and the one before it: e_t^2 / var(e_t), written out
    before = before.clamp(min=0)
    main = weight.scatter_add(1, before, weight * share**2)
    beside = weight.new_zeros(*mask.shape, frames)
    beside.scatter_(2, before[..., None], -(weight * share)[..., None])
    return torch.diag_embed(main) + beside + beside.transpose(1, 2)
