"""How the learning rate rises and falls."""

import math
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LambdaLR

WARM_UP_STEPS = 100
#: of what begins later than the training: at most this share of its own span
LATE_WARM_UP = 0.25
#: share of the peak rate that is left at the end
LEAST = 0.02


def one_cycle(optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """A short linear rise, then half a cosine down, for each group over its "span".

    Args:
        optimizer: its groups may have a "span": shares of the training at which their rate begins
            and at which it has fallen. Without one it is the whole training.
        steps: of the whole training.
    """
    spans = [group.get("span", (0.0, 1.0)) for group in optimizer.param_groups]
    return LambdaLR(optimizer, [_rate(begin * steps, end * steps) for begin, end in spans])


def _rate(begin: float, end: float) -> Callable[[int], float]:
    """Share of the peak rate at each step."""
    # what begins late has no time to lose
    warm_up = WARM_UP_STEPS if begin == 0 else min(WARM_UP_STEPS, LATE_WARM_UP * (end - begin))

    def share(step: int) -> float:
        done = min(1.0, max(0.0, (step - begin) / max(1.0, end - begin)))
        rise = min(1.0, max(0.0, step - begin + 1) / max(1.0, warm_up))
        return rise * (LEAST + (1 - LEAST) * 0.5 * (1 + math.cos(math.pi * done)))

    return share
