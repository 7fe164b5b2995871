"""How large an estimator's noise is, measured on its own output, without any truth."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import optimize, stats
from torch import Tensor

from motiongen.skeleton import Skeleton

#: degrees of freedom outside this range cannot be told from its ends by few clips
DEGREES = (2.5, 30.0)
#: bones that change less than this share of the usual are as the estimator built them
SMALLEST_SPREAD = 0.1
#: values that tails are fitted to: more change nothing
MOST_VALUES = 20_000


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of an estimator.

    Args:
        level: standard deviation of one coordinate without its tails, in the unit of the joints.
            Shapes: [J].
        correlation: of the noise of one frame with that of the next.
        degrees: degrees of freedom of the Student-t that has such tails.
    """

    level: Float[Tensor, "J"]
    correlation: float
    degrees: float


def estimate_noise(
    joints: Float[Tensor, "N T J C"], mask: Bool[Tensor, "N T J"], skeleton: Skeleton
) -> NoiseEstimate:
    """Measures the noise of clips.

    In 3-D bones tell: they do not stretch, so any change of their length within a clip is noise
    of the two joints along the bone, however the person moves. In 2-D bones do change, by
    foreshortening; there third differences tell, in which smooth motion nearly vanishes and
    noise that is independent from frame to frame grows by the square root of 20. Slow noise
    cannot be told from motion in 2-D, so none is claimed.

    Args:
        joints: positions in any unit; what was not seen has no meaning.
        mask: True where a joint was seen.
        skeleton: joints and bones.
    """
    values = joints.double().masked_fill(~mask[..., None], torch.nan).cpu().numpy()
    if joints.shape[-1] == 3:
        return _from_bones(values, skeleton)
    return _from_differences(values)


def _from_bones(joints: np.ndarray, skeleton: Skeleton) -> NoiseEstimate:
    child, parent = np.asarray(skeleton.bones).T
    length = np.linalg.norm(joints[:, :, child] - joints[:, :, parent], axis=-1)  # [N,T,E]
    change = length - _median(length, axis=1, keepdims=True)
    # a median hides the middle value of a short clip: what was measured in 3 frames is none
    change[np.broadcast_to((~np.isnan(change)).sum(1, keepdims=True) < 4, change.shape)] = np.nan
    spread = _spread(change)
    level = _of_joints(spread, child, parent, joints.shape[2])
    # what hardly ever changes, as bones that an estimator builds in, tells nothing of the rest
    usual = np.sqrt(np.nanmean(spread**2)) if np.isfinite(spread).any() else np.nan
    tells = spread > SMALLEST_SPREAD * usual
    return _estimate(level, change[..., tells] / spread[tells])


def _from_differences(joints: np.ndarray) -> NoiseEstimate:
    jerk = np.diff(joints, n=3, axis=1) / np.sqrt(20)
    spread = _spread(jerk.swapaxes(2, 3).reshape(-1, 1, joints.shape[2]))
    level = np.where(np.isnan(spread), np.nanmean(spread) if (spread > 0).any() else 0.0, spread)
    scaled = (jerk / np.maximum(level, 1e-12)[:, None]).reshape(-1)
    return NoiseEstimate(torch.from_numpy(level).float(), 0.0, _tails(scaled))


def _estimate(level: np.ndarray, scaled: np.ndarray) -> NoiseEstimate:
    # outliers would swamp the correlation
    calm = np.where(np.abs(scaled) < 4, scaled, np.nan)
    both = calm[:, 1:] * calm[:, :-1]
    square = np.nanmean(calm**2) if np.isfinite(calm).any() else 0.0
    known = square > 0 and np.isfinite(both).any()
    correlation = float(np.nanmean(both) / square) if known else 0.0
    tails = _tails(scaled.reshape(-1))
    return NoiseEstimate(torch.from_numpy(level).float(), min(max(correlation, 0.0), 0.98), tails)


def _of_joints(
    spread: np.ndarray, child: np.ndarray, parent: np.ndarray, joints: int
) -> np.ndarray:
    """Noise of joints from that of bones: s_bone^2 = s_child^2 + s_parent^2, none negative.

    A tree has one joint more than bones, and bones are not quite what their ends are: so each
    joint is pulled towards half of what the bones around it have on average.
    """
    known = ~np.isnan(spread)
    if not known.any():
        return np.zeros(joints)
    squares, ends = spread[known] ** 2, np.stack([child[known], parent[known]], axis=1)
    rows = np.zeros((len(ends), joints))
    np.put_along_axis(rows, ends, 1.0, axis=1)
    bones = rows.sum(0)
    around = np.where(bones > 0, (rows.T @ squares) / np.maximum(bones, 1) / 2, squares.mean() / 2)
    system = np.concatenate([rows, np.eye(joints)])
    solution, _ = optimize.nnls(system, np.append(squares, around))
    return np.sqrt(solution)


def _spread(values: np.ndarray) -> np.ndarray:
    """Robust standard deviation over all but the last axis: [N,T,E] -> [E]."""
    return 1.4826 * _median(np.abs(values).reshape(-1, values.shape[-1]), axis=0)


def _median(values: np.ndarray, axis: int, keepdims: bool = False) -> np.ndarray:
    """Median of what is known; NaN where nothing is."""
    empty = np.isnan(values).all(axis, keepdims=True)
    filled = np.where(empty, 0.0, values)
    found = np.nanmedian(filled, axis=axis, keepdims=True)
    found = np.where(empty, np.nan, found)
    return found if keepdims else found.squeeze(axis)


def _tails(scaled: np.ndarray) -> float:
    values = scaled[np.isfinite(scaled)]
    if len(values) < 100 or not values.any():
        return DEGREES[1]
    values = values[:: max(1, len(values) // MOST_VALUES)]
    degrees, _, _ = stats.t.fit(values, floc=0)
    return float(np.clip(degrees, *DEGREES))
