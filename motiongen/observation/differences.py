"""How far joints move from frame to frame, where they were seen."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

#: steps that a quantile is taken of: more change nothing
MOST_STEPS = 10**6


def calm_mean_square(
    joints: Float[Tensor, "N T J C"], shown: Bool[Tensor, "N T J"], order: int
) -> Float[Tensor, "J"]:
    """Mean square of differences in time where all their frames are shown; 0 where none is.

    Outliers are no motion: the largest 1 % of each joint are cut to their least.
    """
    steps = _steps(joints, shown, order)
    return torch.stack([_calm_mean(step.square().mean(-1)) for step in steps])


def mean_size(
    joints: Float[Tensor, "N T J C"], shown: Bool[Tensor, "N T J"], order: int
) -> Float[Tensor, "J"]:
    """Mean length of differences in time where all their frames are shown; 0 where none is.

    Where the mean square is made by the quickest moves, this one is made by all frames alike.
    """
    steps = [step.norm(dim=-1) for step in _steps(joints, shown, order)]
    return torch.stack([s.mean() if len(s) else s.new_zeros(()) for s in steps])


def seen_near(mask: Bool[Tensor, "B T J"], frames: int) -> Bool[Tensor, "B T J"]:
    """Where a joint is seen in one of so many frames before and after, or there."""
    shown = mask.float().transpose(1, 2)
    return F.max_pool1d(shown, 2 * frames + 1, 1, frames).transpose(1, 2) > 0


def shown_in_a_row(shown: Bool[Tensor, "N T J"], order: int) -> Bool[Tensor, "J"]:
    """Whether any difference of each joint lies in shown frames."""
    return _in_a_row(shown, order).flatten(0, 1).any(0)


def _in_a_row(shown: Bool[Tensor, "N T J"], order: int) -> Bool[Tensor, "N S J"]:
    """Where all frames of a difference are shown."""
    for _ in range(order):
        shown = shown[:, 1:] & shown[:, :-1]
    return shown


def _steps(joints: Tensor, shown: Tensor, order: int) -> list[Tensor]:
    """Differences of each joint that lie in shown frames. -> J of [_n,C]."""
    shown = _in_a_row(shown, order)
    step, shown = joints.diff(dim=1, n=order).flatten(0, 1), shown.flatten(0, 1)
    return [step[shown[:, j], j] for j in range(step.shape[1])]


def _calm_mean(step: Tensor) -> Tensor:
    if len(step) == 0:
        return step.new_zeros(())
    few = step[:: len(step) // MOST_STEPS + 1]
    return step.minimum(torch.quantile(few.float(), 0.99)).mean()
