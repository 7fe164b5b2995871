"""Rules of GUIDELINES.md that ask many models at once: ranks and paired tests over conditions.

One model, trained once, seldom tells two conditions or two families apart; all of them together
may. Each test pairs values of the same other factors, so it needs no repeated trainings.
"""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from guidelines_rules import Sentence, cell, listed
from guidelines_tables import CONDITIONS, ENCODERS, FAMILIES, Column, Row, Table, number

from motiongen.metrics.intervals import holm
from motiongen.sweeping.comparison import LEVEL, Comparison, compare

#: what conditions, families and encoders are compared by
SCORES = ("fid", "coverage_train", "accuracy")
#: conditions that change one thing of the centre; a Kinect's clips are another data set
CHANGED = ("few", "gaps", "noisy")
TEST = "Wilcoxon's signed-rank test"


def costs(table: Table) -> dict[str, list[Sentence]]:
    """What each change of the data costs, by condition: all models with it against without it."""
    found = {}
    for condition in CHANGED:
        for key in SCORES:
            pairs = paired(table, key, condition)
            sides = [[table.column(key).loss(row.values[key].mean) for row in pair]
                      for pair in pairs]  # fmt: skip
            own: dict[str, dict[object, float]] = {
                name: dict(enumerate(side))
                for name, side in zip("ab", zip(*sides, strict=True), strict=False)
            }
            if (comparison := compare(own)) is not None:
                found[condition, key] = (pairs, comparison)
    corrected = holm([comparison.p_values["a", "b"] for _, comparison in found.values()])
    said: dict[str, list[Sentence]] = {condition: [] for condition in CHANGED}
    for ((condition, key), (pairs, comparison)), p in zip(found.items(), corrected, strict=True):
        told = _cost(table.column(key), condition, pairs, comparison, p, len(found))
        said[condition].append(told)
    return said


def paired(table: Table, key: str, condition: str) -> list[tuple[Row, Row]]:
    """Rows of the same model at the centre and under a condition."""
    pairs = [
        (before, row)
        for row in table.models(key, condition=condition)
        for before in table.models(key, condition="centre", cell=cell(row))
    ]
    return sorted(pairs, key=lambda pair: cell(pair[1]))


def _cost(
    column: Column,
    condition: str,
    pairs: list[tuple[Row, Row]],
    comparison: Comparison,
    p: float,
    tests: int,
) -> Sentence:
    means = [[row.values[column.key].mean for row in pair] for pair in pairs]
    ratios = sorted(
        (after / before if before else math.inf, cell(row))
        for (before, after), (_, row) in zip(means, pairs, strict=True)
    )
    middle = statistics.median(ratio for ratio, _ in ratios)
    worse = round(comparison.wins["a", "b"] * len(pairs))
    verdict = "more than chance" if p <= LEVEL else "no more than chance"
    text = (
        f"{CONDITIONS[condition]} instead of {CONDITIONS['centre']}: {column.heading} is worse in "
        f"{worse} of {len(pairs)} models, {number(middle)} times in the median, from "
        f"{number(ratios[0][0])} ({ratios[0][1]}) to {number(ratios[-1][0])} ({ratios[-1][1]}); "
        f"{verdict} over all of them (p = {p:.2g}, {TEST}, Holm's correction for {tests} such "
        "tests)."
    )
    return Sentence(text, [row for pair in pairs for row in pair])


def over_conditions(table: Table, key: str, factor: str, over: str) -> list[Sentence]:
    """Families over conditions and encoders, or encoders over conditions and families."""
    levels: dict[str, dict[Any, Row]] = {}
    for row in table.models(key):
        block = (row.facts["condition"], row.facts[over])
        levels.setdefault(row.facts[factor], {})[block] = row
    order = [name for name in (FAMILIES if factor == "family" else ENCODERS) if name in levels]
    column = table.column(key)
    losses = {
        name: {block: column.loss(row.values[key].mean) for block, row in levels[name].items()}
        for name in order
    }
    comparison = compare(losses)
    if comparison is None:
        return []
    ranks = ", ".join(f"{name} {number(comparison.ranks[name])}" for name in comparison.names)
    text = (
        f"{column.heading}, mean rank over {comparison.repetitions} pairs of condition and "
        f"{over}: {ranks}; {_apart(comparison)}."
    )
    return [Sentence(text, [row for rows in levels.values() for row in rows.values()])]


def _apart(comparison: Comparison) -> str:
    """Which are behind the first by more than chance, and which are not."""
    first, *others = comparison.names
    behind = [name for name in others if comparison.p_values[first, name] <= LEVEL]
    alike = [name for name in others if name not in behind]
    if not comparison.can_tell:
        return "too few pairs to tell any apart"
    parts = [f"{first} is better than {listed(behind)}"] if behind else []
    if alike:
        parts.append(f"{listed(alike)} cannot be told apart from {'it' if behind else first}")
    return f"{'; '.join(parts)} ({TEST}, Holm's correction)"


def of_factors(table: Table) -> Mapping[str, list[Sentence]]:
    """Families and encoders, over all conditions."""
    return {
        factor: [said for key in SCORES for said in over_conditions(table, key, factor, over)]
        for factor, over in (("family", "encoder"), ("encoder", "family"))
    }
