"""One training step by several processes: together they do what one process would.

Each has its own rows of the step's clips, and averages its gradient with the others'. The
average is that of the whole batch if a process draws the random numbers of its own clips, and
divides its sums by what all clips together show.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch import distributed as dist


@dataclass(frozen=True)
class Process:
    """One of the processes that share each step.

    Args:
        rank: its number.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    def rows(self, size: int) -> slice:
        """Its rows of the clips of a step.

        Raises:
            ValueError: if they cannot be shared evenly.
        """
        if size % self.count:
            raise ValueError(
                f"data.batch_size: {size} clips a step cannot be shared evenly by {self.count} "
                f"processes; allowed are multiples of {self.count}"
            )
        own = size // self.count
        return slice(self.rank * own, (self.rank + 1) * own)


ALONE = Process()
_CURRENT: ContextVar[Process] = ContextVar("process")


@contextmanager
def sharing(process: Process) -> Iterator[None]:
    """What is computed meanwhile is the part of one process in a step."""
    token = _CURRENT.set(process)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def own_rows(draw: Callable[..., Tensor], *shape: int, sets: int = 1) -> Tensor:
    """Random numbers for the rows of this process, of those for the whole batch.

    Args:
        draw: such as `torch.randn`; every process calls it alike.
        shape: of the result; the first number counts rows.
        sets: sets of rows, one after the other, of which each holds all clips once.

    Shapes: -> [*shape].
    """
    process, rows = _CURRENT.get(ALONE), shape[0] // sets
    whole = draw(shape[0] * process.count, *shape[1:])
    if process.count == 1:
        return whole
    first = process.rank * rows
    return whole.unflatten(0, (sets, -1))[:, first : first + rows].flatten(0, 1)


def own_normal(
    like: Float[Tensor, "*shape"], generator: torch.Generator | None = None, *, sets: int = 1
) -> Float[Tensor, "*shape"]:
    """Normal numbers of the shape and kind of a tensor, see `own_rows`."""
    draw = functools.partial(
        torch.randn, generator=generator, device=like.device, dtype=like.dtype
    )
    return own_rows(draw, *like.shape, sets=sets)


def whole_size(rows: int) -> int:
    """Clips of the whole step, of which `rows` are those of this process."""
    return rows * _CURRENT.get(ALONE).count


def mean_of_all(value: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """The mean over the processes, without a gradient; the value itself where there is one.

    A sum of one process, divided by the mean count of all, averages to the sum of all over the
    count of all.
    """
    process = _CURRENT.get(ALONE)
    if process.count == 1:
        return value
    total = value.detach().to(torch.get_default_dtype(), copy=True)
    dist.all_reduce(total)
    return total / process.count


def largest_of_all(value: Shaped[Tensor, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """The largest over the processes, without a gradient."""
    if _CURRENT.get(ALONE).count == 1:
        return value
    largest = value.detach().clone()
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest
