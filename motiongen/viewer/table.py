"""A table of scores: values with intervals, what they mean, and how the page shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from markupsafe import Markup

from motiongen.viewer.page import render
from motiongen.viewer.strip import Axis

Kind = Literal["generated", "reference", "baseline"]
#: "none": says something about other columns, and no row is best in it
Better = Literal["low", "high", "match", "none"]
ARROWS: dict[str, str] = {"low": "↓", "high": "↑", "match": "≈", "none": ""}


@dataclass(frozen=True)
class Value:
    """One score. What is not finite becomes None, so that no file ever holds a NaN.

    Args:
        value: the score; None where it could not be measured (`note` says why).
        low: lower end of its interval.
        high: upper end of its interval.
        n: how many clips it was measured on, where that differs from the row's n.
        note: a remark for the reader.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _finite(getattr(self, name)))


@dataclass(frozen=True)
class Row:
    """What is scored, e.g. a model, real against real clips, or a trivial baseline.

    Raises:
        ValueError: if `kind` is unknown.
    """

    name: str
    kind: Kind
    values: Mapping[str, Value]
    n: int | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"row {self.name!r}: kind is {self.kind!r}, allowed {get_args(Kind)}")


@dataclass(frozen=True)
class Column:
    """A score, and what a reader must know about it; "match" is best near the reference row.

    Raises:
        ValueError: if `better` is unknown.
    """

    name: str
    title: str
    unit: str
    better: Better
    meaning: str
    source: str = ""

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise ValueError(
                f"column {self.name!r}: better is {self.better!r}, allowed {get_args(Better)}"
            )


@dataclass(frozen=True)
class Table:
    """Rows against columns.

    Args:
        title: heading.
        columns: the scores.
        rows: what is scored; a row may lack columns but has no others.
        caption: a line above the table.
        interval: what `low` and `high` are, e.g. "95 % bootstrap over clips".
        reference: name of the row that "match" columns should come near; without it the first
            row of kind "reference".

    Raises:
        ValueError: if names repeat, a value has no column, or `reference` names no row.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str = ""
    interval: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        rows = [row.name for row in self.rows]
        for what, found in (("column", names), ("row", rows)):
            if len(set(found)) != len(found):
                raise ValueError(f"table {self.title!r}: {what} names are not unique: {found}")
        for row in self.rows:
            if unknown := set(row.values) - set(names):
                raise ValueError(
                    f"table {self.title!r}, row {row.name!r}: no column {sorted(unknown)}; "
                    f"columns: {', '.join(names)}"
                )
        if self.reference and self.reference not in rows:
            raise ValueError(
                f"table {self.title!r}: no row {self.reference!r} to refer to; rows: {rows}"
            )

    @property
    def reference_row(self) -> Row | None:
        """The row that "match" columns should come near."""
        if self.reference:
            return next(row for row in self.rows if row.name == self.reference)
        return next((row for row in self.rows if row.kind == "reference"), None)

    def goal(self, column: Column) -> float | None:
        """The reference row's value."""
        row = self.reference_row
        return None if row is None else row.values.get(column.name, Value(None)).value

    def best(self, column: Column) -> set[str]:
        """Names of the generated rows with the best value; none unless two can be compared."""
        found = {
            row.name: value.value
            for row in self.rows
            if row.kind == "generated"
            and (value := row.values.get(column.name)) is not None
            and value.value is not None
        }
        goal = self.goal(column)
        if len(found) < 2 or column.better == "none":
            return set()
        if column.better == "match" and goal is None:
            return set()
        far = {"low": lambda v: v, "high": lambda v: -v, "match": lambda v: abs(v - goal)}
        distance = {name: far[column.better](value) for name, value in found.items()}
        return {name for name, value in distance.items() if value == min(distance.values())}


def number(value: float, like: float | None = None) -> str:
    """Three significant digits; with `like` as many decimals as that number has."""
    size = abs(value if like is None else like)
    if size != 0 and not 1e-3 <= size < 1e6:
        return f"{value:.2e}"
    decimals = 2 if size == 0 else min(4, max(0, 2 - math.floor(math.log10(size))))
    return f"{value:.{decimals}f}"


def interval(value: Value, n: int | None) -> str:
    """The interval in brackets, and the value's own n where it differs from the row's."""
    text = ""
    if value.low is not None and value.high is not None:
        text = f"[{number(value.low, value.value)}, {number(value.high, value.value)}]"
    return f"{text} n = {value.n}".strip() if value.n not in (None, n) else text


def table_html(table: Table) -> Markup:
    """The table with its meanings, each value with a strip that shows it among the others."""
    return render("report.html", part="scores", table=_shown(table))


def _shown(table: Table) -> dict[str, Any]:
    """A table as the template wants it."""
    axes = {column.name: _axis(table, column) for column in table.columns}
    best = {column.name: table.best(column) for column in table.columns}
    reference = table.reference_row
    return {
        "title": table.title,
        "caption": table.caption,
        "interval": table.interval,
        "reference": reference.name if reference else "",
        "columns": [
            {**asdict(c), "arrow": ARROWS[c.better], "logarithmic": axes[c.name].logarithmic}
            for c in table.columns
        ],
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "n": row.n,
                "meaning": row.meaning,
                "cells": [
                    _cell(row, axes[c.name], row.name in best[c.name], table.goal(c), c.name)
                    for c in table.columns
                ],
            }
            for row in table.rows
        ],
    }


def _axis(table: Table, column: Column) -> Axis:
    values = [row.values.get(column.name, Value(None)) for row in table.rows]
    ends = [end for v in values for end in (v.value, v.low, v.high) if end is not None]
    return Axis.around(ends)


def _cell(row: Row, axis: Axis, best: bool, goal: float | None, column: str) -> dict[str, Any]:
    """One number, its interval, and where both lie on the strip, in percent."""
    value = row.values.get(column, Value(None))
    if value.value is None:
        return {"text": None, "note": value.note}
    ranged = value.low is not None and value.high is not None
    return {
        "text": number(value.value),
        "interval": interval(value, row.n),
        "note": value.note,
        "best": best,
        "dot": round(axis(value.value), 2),
        "low": round(axis(value.low), 2) if ranged and value.low is not None else None,
        "high": round(axis(value.high), 2) if ranged and value.high is not None else None,
        "goal": None if goal is None else round(axis(goal), 2),
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
