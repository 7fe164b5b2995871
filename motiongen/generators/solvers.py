"""Plain functions that integrate a velocity field from noise (time 0) to a clip (time 1)."""

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor

#: the velocity at a point and a time
Velocity = Callable[[Tensor, float], Tensor]
Solver = Literal["euler", "midpoint", "heun"]


def euler(velocity: Velocity, x: Tensor, times: Sequence[float]) -> Tensor:
    """First order, one evaluation a step."""
    for now, then in zip(times, times[1:], strict=False):
        x = x + (then - now) * velocity(x, now)
    return x


def midpoint(velocity: Velocity, x: Tensor, times: Sequence[float]) -> Tensor:
    """Second order, two evaluations a step, none at its end."""
    for now, then in zip(times, times[1:], strict=False):
        half = x + 0.5 * (then - now) * velocity(x, now)
        x = x + (then - now) * velocity(half, 0.5 * (now + then))
    return x


def heun(velocity: Velocity, x: Tensor, times: Sequence[float]) -> Tensor:
    """Second order, two evaluations a step, the second at its end."""
    for now, then in zip(times, times[1:], strict=False):
        first = velocity(x, now)
        second = velocity(x + (then - now) * first, then)
        x = x + 0.5 * (then - now) * (first + second)
    return x


SOLVERS: dict[str, Callable[[Velocity, Tensor, Sequence[float]], Tensor]] = {
    "euler": euler,
    "midpoint": midpoint,
    "heun": heun,
}
