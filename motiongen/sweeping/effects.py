"""Tables of comparisons: cells in pairs, and each choice with everything else alike."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from motiongen.report import Column, Row, Table, Value
from motiongen.sweeping.comparison import Comparison, compare
from motiongen.sweeping.space import SEED

#: cells up to which each is shown against each
SHOWN = 12
#: what matched trials have in common
MATCHED = "matched groups"


def pairs_table(comparison: Comparison, over: str) -> Table:
    """How often each cell is better than each other one, and whether that can be chance.

    Args:
        comparison: of the cells.
        over: what was repeated.
    """
    names, best = comparison.names, comparison.names[0]
    columns = [Column("rank", "mean rank", "", "low", f"over common {over}")]
    shown = names if len(names) <= SHOWN else [best]
    columns += [
        Column(
            f"wins {name}",
            f"wins against {name}",
            "",
            "high",
            f"share of the {over} in which the cell of the row is better than {name}",
        )
        for name in shown
    ]
    rows = []
    for name in names:
        values = {"rank": Value(comparison.ranks[name])}
        for other in shown:
            if other != name:
                values[f"wins {other}"] = _win(comparison, name, other)
        rows.append(Row(name, "generated", values, comparison.repetitions))
    return Table(
        title="Cells in pairs",
        columns=columns,
        rows=rows,
        caption=comparison.in_words(over),
    )


def _win(comparison: Comparison, name: str, other: str) -> Value:
    p = comparison.p_values[name, other]
    return Value(comparison.wins[name, other], note=f"p = {p:.2g}" if comparison.can_tell else "")


def effect_tables(results: Sequence[Mapping[str, Any]]) -> list[Table]:
    """For each choice a table of its alternatives, compared where all else is alike."""
    axes = [axis for axis in results[0]["labels"] if axis != SEED]
    if len(axes) < 2:
        return []
    found = (_effect(axis, results) for axis in axes)
    return [table for table in found if table is not None]


def _effect(axis: str, results: Sequence[Mapping[str, Any]]) -> Table | None:
    losses: dict[str, dict[object, float]] = {}
    for result in results:
        labels = dict(result["labels"])
        label = labels.pop(axis)
        losses.setdefault(label, {})[(*labels.items(), result["seed"])] = result["score"]["loss"]
    comparison = compare(losses)
    if comparison is None:
        return None
    rows = [
        Row(
            label,
            "generated",
            {
                "rank": Value(comparison.ranks[label]),
                "best": Value(_share_best(label, losses)),
                "first": _against_best(comparison, label),
            },
            comparison.repetitions,
        )
        for label in comparison.names
    ]
    best = comparison.names[0]
    columns = [
        Column("rank", "mean rank", "", "low", "among the alternatives, all else alike"),
        Column("best", "share best", "", "high", "of the groups in which it is the best"),
        Column("first", f"wins against {best}", "", "high", "share of the groups"),
    ]
    words = comparison.in_words(MATCHED).replace("cells", "alternatives", 1)
    return Table(
        title=f"What {axis} changes",
        columns=columns,
        rows=rows,
        caption=f"Groups of trials with the same seed and the same other choices: {words}",
    )


def _against_best(comparison: Comparison, label: str) -> Value:
    best = comparison.names[0]
    return Value(None) if label == best else _win(comparison, label, best)


def _share_best(label: str, losses: Mapping[str, Mapping[object, float]]) -> float:
    common = [key for key in losses[label] if all(key in values for values in losses.values())]
    best = [losses[label][key] <= min(v[key] for v in losses.values()) for key in common]
    return statistics.fmean(best)
