"""Tables of comparisons: cells in pairs, and each choice with everything else alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from motiongen.report import Column, Row, Table, Value
from motiongen.sweeping.comparison import Comparison, compare
from motiongen.sweeping.space import SEED

#: cells up to which each is shown against each
SHOWN = 12
#: what comparisons are repeated over
OVER = "training seeds"


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
    labels = list(dict.fromkeys(result["labels"][axis] for result in results))
    groups = [group for group in _groups(axis, results) if len(group.losses) == len(labels)]
    # the settings of a seed share its people and its order: they are no repetitions
    ranks = {label: _by_seed(groups, lambda group, of=label: group.rank(of)) for label in labels}
    comparison = compare(ranks)
    if comparison is None:
        return None
    rows = [
        Row(
            label,
            "generated",
            {
                "rank": Value(statistics.fmean(ranks[label].values())),
                "best": Value(statistics.fmean(group.is_best(label) for group in groups)),
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
        Column("first", f"wins against {best}", "", "high", f"share of the {OVER}"),
    ]
    words = comparison.in_words(OVER).replace("cells", "alternatives", 1)
    return Table(
        title=f"What {axis} changes",
        columns=columns,
        rows=rows,
        caption=(
            f"Alternatives are ranked in {len(groups)} groups of trials with the same seed and "
            f"the same other choices; a seed counts once, with its mean ranks: {words}"
        ),
    )


@dataclass(frozen=True)
class _Group:
    """Trials that differ in one choice: losses by its alternatives."""

    seed: int
    losses: dict[str, float]

    def rank(self, label: str) -> float:
        """Among the alternatives; those that are equally good share their ranks."""
        values = list(self.losses.values())
        return float(stats.rankdata(values)[list(self.losses).index(label)])

    def is_best(self, label: str) -> bool:
        """Whether no other is better."""
        return self.losses[label] <= min(self.losses.values())


def _groups(axis: str, results: Sequence[Mapping[str, Any]]) -> list[_Group]:
    found: dict[object, _Group] = {}
    for result in results:
        labels = {name: label for name, label in result["labels"].items() if name != axis}
        key = (*labels.items(), result["seed"])
        group = found.setdefault(key, _Group(result["seed"], {}))
        group.losses[result["labels"][axis]] = result["score"]["loss"]
    return list(found.values())


def _by_seed(groups: Sequence[_Group], value: Callable[[_Group], float]) -> dict[object, float]:
    """The mean over the groups of each seed."""
    found: dict[object, list[float]] = {}
    for group in groups:
        found.setdefault(group.seed, []).append(value(group))
    return {seed: statistics.fmean(values) for seed, values in found.items()}


def _against_best(comparison: Comparison, label: str) -> Value:
    best = comparison.names[0]
    return Value(None) if label == best else _win(comparison, label, best)
