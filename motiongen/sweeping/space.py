"""What a sweep varies: axes, the points of their grid, and the base that all points share."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from motiongen.sweeping.options import Resources, Score, Search, Stop
from motiongen.sweeping.settings import Settings

#: the axis over which a cell is repeated
SEED = "seed"


@dataclass(frozen=True)
class Axis:
    """One thing that is varied: alternatives by the label that tables show."""

    name: str
    alternatives: Mapping[str, tuple[Any, Settings]]


@dataclass(frozen=True)
class Point:
    """One alternative of each axis.

    Args:
        labels: of the alternatives, by axis.
        varied: the same as plain values.
        settings: what `fit` is told, base included.
    """

    labels: dict[str, str]
    varied: dict[str, Any]
    settings: Settings

    @property
    def cell(self) -> str:
        """What is repeated over seeds."""
        parts = [_shown(axis, label) for axis, label in self.labels.items() if axis != SEED]
        return " ".join(parts) or "all"


@dataclass(frozen=True)
class Sweep:
    """A sweep file, read and checked."""

    name: str
    base: Settings
    grid: tuple[Axis, ...]
    search: Search | None
    score: Score
    stop: Stop | None
    cluster: Resources

    def points(self) -> list[Point]:
        """All points of the grid, the last axis fastest."""
        found = []
        for chosen in itertools.product(*(axis.alternatives.items() for axis in self.grid)):
            pairs = list(zip([axis.name for axis in self.grid], chosen, strict=True))
            found.append(
                Point(
                    {axis: label for axis, (label, _) in pairs},
                    {axis: value for axis, (_, (value, _)) in pairs},
                    sum((settings for _, (_, (_, settings)) in pairs), self.base),
                )
            )
        return found

    @property
    def fingerprint(self) -> str:
        """Changes with all that decides what a study of this sweep means, and with no count."""
        search = None if self.search is None else {**asdict(self.search), "trials": None}
        points = [point.settings.fingerprint() for point in self.points()]
        stop = None if self.stop is None else asdict(self.stop)
        return Settings().fingerprint(points, search, asdict(self.score), stop)


def _shown(axis: str, label: str) -> str:
    """A label that says what it is of: names speak for themselves, numbers do not."""
    speaks = label not in ("none", "true", "false") and not label[:1].isdigit()
    speaks = speaks and label[:1] not in '-.[{"'
    return label if speaks else f"{axis.rpartition('.')[2]}={label}"
