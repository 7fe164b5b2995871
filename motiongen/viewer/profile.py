"""All scores of a report at a glance: parallel axes, each relative to the row of real clips."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from motiongen.viewer.page import render
from motiongen.viewer.table import ARROWS, Better, Row, Table, Value, number

#: of generated sets; apart for colour-blind readers, too (Okabe and Ito, Color Universal Design)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("", "7 4", "2 3")
#: of a drawing, in its own units
WIDTH, HEIGHT, TOP, LEFT, APART = 1060, 240, 40, 46, 830
#: below the axes, for their names
NAMES = 185
#: axes side by side whose names can still be read
MOST_AXES = 14


@dataclass(frozen=True)
class ProfileAxis:
    """One score, and the value of real clips that it is relative to."""

    table: str
    title: str
    better: Better
    goal: float


def closeness(value: float, goal: float, better: Better) -> float:
    """How near a score is to that of real clips: 1 as good as theirs, 0 infinitely worse.

    Where low is good, what real clips have divided by the value; where high is good, the other
    way round; what should match is divided so that the result is at most 1.

    Args:
        value: of the set that is looked at; not negative.
        goal: of real clips; above 0.
        better: what is good.
    """
    ratio = {"low": _share(goal, value), "high": _share(value, goal)}
    return min(ratio.values()) if better == "match" else ratio[better]


def _share(top: float, bottom: float) -> float:
    return 1.0 if top >= bottom else max(0.0, top) / bottom


def profile_html(tables: Sequence[Table]) -> Markup | None:
    """The drawing; None unless three scores can be related to real clips."""
    axes = [axis for table in tables for axis in _axes(table)]
    if len(axes) < 3:
        return None
    rows = _rows(tables)
    kinds = {row.name: row.kind for table in tables for row in table.rows}
    names = sorted(rows, key=lambda name: kinds[name] != "generated")
    styles = {name: _style(name, kinds[name], order) for order, name in enumerate(names)}
    return render(
        "report.html",
        part="profile",
        size=(WIDTH, HEIGHT + NAMES),
        levels=[(share, _height(share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)],
        ends=(LEFT, LEFT + APART, TOP, HEIGHT),
        drawings=[_drawing(part, rows, styles) for part in _parts(axes)],
        names=list(styles.values()),
    )


def _parts(axes: Sequence[ProfileAxis]) -> list[list[ProfileAxis]]:
    """Axes of one drawing each: whole tables as long as they fit, a large one in even parts."""
    parts: list[list[ProfileAxis]] = [[]]
    for name in dict.fromkeys(axis.table for axis in axes):
        own = [axis for axis in axes if axis.table == name]
        if len(parts[-1]) + len(own) <= MOST_AXES:
            parts[-1] += own
            continue
        count = math.ceil(len(own) / MOST_AXES)
        ends = [round(len(own) * part / count) for part in range(count + 1)]
        parts += [own[first:last] for first, last in pairwise(ends)]
    return [part for part in parts if part]


def _drawing(
    axes: Sequence[ProfileAxis],
    rows: Mapping[str, Mapping[tuple[str, str], float]],
    styles: Mapping[str, dict[str, str]],
) -> dict[str, object]:
    step = APART / max(len(axes) - 1, 1)
    lines = []
    for name, style in styles.items():
        values = [rows[name].get((axis.table, axis.title)) for axis in axes]
        points = [
            (LEFT + at * step, _height(closeness(value, axis.goal, axis.better)), axis, value)
            for at, (axis, value) in enumerate(zip(axes, values, strict=True))
            if value is not None
        ]
        lines.append(style | _line(name, points))
    places = [
        {
            **{"x": LEFT + at * step, "title": axis.title, "table": axis.table},
            **{"arrow": ARROWS[axis.better], "goal": number(axis.goal)},
        }
        for at, axis in enumerate(axes)
    ]
    return {"axes": places, "groups": _groups(axes, step), "lines": lines}


def _axes(table: Table) -> list[ProfileAxis]:
    """Columns in which real clips have a value above 0 to divide by."""
    goals = [(column, table.goal(column) or 0.0) for column in table.columns]
    return [
        ProfileAxis(table.title, c.title, c.better, goal)
        for c, goal in goals
        if goal > 0 and c.better != "none"
    ]


def _groups(axes: Sequence[ProfileAxis], step: float) -> list[dict[str, object]]:
    """The tables, and from where to where their axes stand."""
    names = [axis.table for axis in axes]
    found = []
    for name in dict.fromkeys(names):
        first, last = names.index(name), len(names) - 1 - names[::-1].index(name)
        ends = (LEFT + (first - 0.4) * step, LEFT + (last + 0.4) * step)
        found.append({"name": name, "ends": ends, "middle": sum(ends) / 2, "y": TOP - 16})
    return found


def _rows(tables: Sequence[Table]) -> dict[str, dict[tuple[str, str], float]]:
    """Values of what is no reference, by row, table and column."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for table in tables:
        for row in table.rows:
            if row.kind != "reference":
                found.setdefault(row.name, {}).update(_values(table, row))
    return found


def _values(table: Table, row: Row) -> dict[tuple[str, str], float]:
    values = {c.title: row.values.get(c.name, Value(None)).value for c in table.columns}
    return {(table.title, title): v for title, v in values.items() if v is not None}


def _height(share: float) -> float:
    return round(HEIGHT - share * (HEIGHT - TOP), 1)


def _style(name: str, kind: str, order: int) -> dict[str, str]:
    """How a set is drawn."""
    own = kind == "generated"
    return {
        "name": name,
        "kind": kind,
        "colour": COLOURS[order % len(COLOURS)] if own else "currentColor",
        "dash": DASHES[order // len(COLOURS) % len(DASHES)] if own else "1 4",
    }


def _line(
    name: str, points: Sequence[tuple[float, float, ProfileAxis, float]]
) -> dict[str, object]:
    """Where a set's values stand, and what they say when pointed at."""
    return {
        "path": " ".join(f"{x:.1f},{y}" for x, y, *_ in points),
        "points": [
            {
                **{"x": round(x, 1), "y": y},
                "text": f"{name}, {axis.title}: {number(value)}; real clips: {number(axis.goal)}",
            }
            for x, y, axis, value in points
        ],
    }
