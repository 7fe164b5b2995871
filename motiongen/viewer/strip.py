"""A small axis on which the values of one score are drawn next to their numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

#: largest over smallest value from which an axis is logarithmic
_LOG_RATIO = 50.0
#: what is left free at both ends, in percent
_MARGIN = 6.0


@dataclass(frozen=True)
class Axis:
    """Maps values to 0..100 percent of a strip's width."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def around(cls, values: Iterable[float]) -> "Axis":
        """The axis that holds all values; logarithmic where positive values differ widely."""
        found = list(values)
        if not found:
            return cls(0.0, 1.0)
        low, high = min(found), max(found)
        logarithmic = low > 0 and high / low > _LOG_RATIO
        if not logarithmic and 0 < low:
            # Scores count from zero, unless that would squeeze them into one corner.
            low = 0.0 if low < 0.7 * high else low
        return cls(low, high, logarithmic)

    def __call__(self, value: float) -> float:
        """Where a value lies, in percent, kept inside the margins."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        part = 0.5 if high == low else (self._scaled(value) - low) / (high - low)
        return _MARGIN + (100 - 2 * _MARGIN) * min(1.0, max(0.0, part))

    def _scaled(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.logarithmic else value
