"""What a sample starts from: random numbers that depend on its own number alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from motiongen.motion import MotionBatch

#: largest seed or number of a sample
HIGHEST_KEY = 2**63 - 1
#: largest temperature and guidance: far beyond what makes sense, and before numbers overflow
MOST_TURNED = 100.0


@dataclass(frozen=True)
class SampleOptions:
    """What a user can turn when sampling.

    Args:
        temperature: how far samples may lie from what is typical of their class; below 1 they
            are less diverse, at 0 all alike.
        guidance: how strongly a label pulls, for families that can be guided: 1 is the model as
            trained, more is more typical of the class. None: the model's own.
        steps: steps of the solver, for families that integrate. None: the model's own.
        observed: how much of the estimator's noise, as the model measured it on the clips that
            it learned from, is put on samples: 0 leaves them clean, 1 makes them look as
            recordings do. Joints stay visible.

    Raises:
        ValueError: if a number is outside what is allowed; names it.
    """

    temperature: float = 1.0
    guidance: float | None = None
    steps: int | None = None
    observed: float = 0.0

    def __post_init__(self) -> None:
        for name in ("temperature", "guidance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= MOST_TURNED:
                raise ValueError(f"{name}: found {value}, allowed 0 to {MOST_TURNED:g}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps: found {self.steps}, at least 1 is needed")
        if not 0 <= self.observed <= 1:
            raise ValueError(f"observed: found {self.observed}, allowed 0 to 1")


def require_counts(**numbers: Any) -> None:
    """Refuses a number of clips, a seed or a start that is none.

    Raises:
        ValueError: if one is not whole, below 0 (of "n": below 1), or too large; names it.
    """
    for name, number in numbers.items():
        least = 1 if name == "n" else 0
        # Python counts rows with integers alone, 2.0 is none
        whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not whole or not least <= number <= HIGHEST_KEY:
            raise ValueError(
                f"{name}: found {number}, allowed are whole numbers from {least} to {HIGHEST_KEY}"
            )


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of whatever type."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(value % 1 == 0)


def key(seed: int, number: int, stream: int) -> np.random.Generator:
    """The random numbers of one sample: a function of (seed, number, stream) alone."""
    bits = np.random.Philox(key=np.array([seed, number], np.uint64), counter=[0, 0, 0, stream])
    return np.random.Generator(bits)


def normal_rows(keys: Sequence[np.random.Generator], *shape: int) -> Tensor:
    """Standard normal numbers, one row a key. Shapes: -> [B,*shape]."""
    rows = [source.standard_normal(shape, dtype=np.float32) for source in keys]
    return torch.from_numpy(np.stack(rows))


def gamma_rows(keys: Sequence[np.random.Generator], alpha: float, *shape: int) -> Tensor:
    """Standard gamma numbers of shape parameter alpha, one row a key. Shapes: -> [B,*shape]."""
    rows = [source.standard_gamma(alpha, shape, dtype=np.float32) for source in keys]
    return torch.from_numpy(np.stack(rows))


def draw_count(counts: Int[Tensor, "N"], source: np.random.Generator) -> int:
    """Draws an index as often as it was counted.

    Raises:
        ValueError: if nothing was counted.
    """
    total = torch.cumsum(counts, 0)
    if total[-1] == 0:
        raise ValueError("the model was never fitted: it knows no labels and lengths")
    at = int(source.integers(int(total[-1])))
    return int(torch.searchsorted(total.cpu(), at, right=True))


def given(name: str, value: Any, n: int, low: int, high: int) -> list[int | None]:
    """One value for each of n samples, of one for all or one for each; None: the model chooses.

    Raises:
        ValueError: if there are not n values, or one is not in low..high.
    """
    if value is None:
        return [None] * n
    values = [value] * n if np.ndim(value) == 0 else list(value)
    if len(values) != n:
        raise ValueError(f"{name}: {len(values)} values were given for {n} samples")
    for one in values:
        if not is_whole(one) or not low <= one <= high:
            allowed = f"{low} to {high}" if high >= low else "none: the model has no classes"
            raise ValueError(f"{name}: found {one}, allowed {allowed}")
    return [int(one) for one in values]


def given_labels(
    classes: Sequence[str],
    value: str | int | np.integer | Sequence[str | int | np.integer] | None,
    n: int,
) -> list[int | None]:
    """The number of a class for each of n samples, of names or numbers; None: the model chooses.

    Raises:
        ValueError: if there are not n values, or one is no class.
    """
    if value is None or isinstance(value, (int, float, np.integer)):
        return given("label", value, n, 0, len(classes) - 1)
    numbers: list[int | np.integer] = []
    for one in [value] * n if isinstance(value, str) else value:
        if isinstance(one, str) and one not in classes:
            raise ValueError(f"label: {one!r} is unknown; known: {', '.join(classes)}")
        numbers.append(list(classes).index(one) if isinstance(one, str) else one)
    return given("label", numbers, n, 0, len(classes) - 1)


def concatenate(parts: Sequence[MotionBatch]) -> MotionBatch:
    """Joins batches of the same number of frames."""
    values: dict[str, Any] = {}
    for name in parts[0].__dataclass_fields__:
        columns = [getattr(part, name) for part in parts]
        values[name] = None if columns[0] is None else torch.cat(columns)
    return MotionBatch(**values)


def parts_of(clips: MotionBatch, size: int) -> list[MotionBatch]:
    """Batches of at most `size` clips, in order."""
    return [clips.select(slice(at, at + size)) for at in range(0, len(clips), size)]
