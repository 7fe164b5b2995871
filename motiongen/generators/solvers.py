"""Plain functions that integrate a velocity field from noise (time 0) to a clip (time 1)."""

from collections.abc import Callable, Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor

#: the velocity at a point and a time
Velocity = Callable[[Float[Tensor, "*shape"], float], Float[Tensor, "*shape"]]
Solver = Literal["euler", "midpoint", "heun"]


def euler(
    velocity: Velocity, x: Float[Tensor, "*shape"], times: Sequence[float]
) -> Float[Tensor, "*shape"]:
    """First order, one evaluation a step."""
    for now, then in zip(times, times[1:], strict=False):
        x = x + (then - now) * velocity(x, now)
    return x


def midpoint(
    velocity: Velocity, x: Float[Tensor, "*shape"], times: Sequence[float]
) -> Float[Tensor, "*shape"]:
    """Second order, two evaluations a step, none at its end."""
    for now, then in zip(times, times[1:], strict=False):
        half = x + 0.5 * (then - now) * velocity(x, now)
        x = x + (then - now) * velocity(half, 0.5 * (now + then))
    return x


def heun(
    velocity: Velocity, x: Float[Tensor, "*shape"], times: Sequence[float]
) -> Float[Tensor, "*shape"]:
    """Second order, two evaluations a step, the second at its end."""
    for now, then in zip(times, times[1:], strict=False):
        first = velocity(x, now)
        second = velocity(x + (then - now) * first, then)
        x = x + 0.5 * (then - now) * (first + second)
    return x


Integrate = Callable[[Velocity, Float[Tensor, "*shape"], Sequence[float]], Float[Tensor, "*shape"]]
SOLVERS: dict[str, Integrate] = {
    "euler": euler,
    "midpoint": midpoint,
    "heun": heun,
}
