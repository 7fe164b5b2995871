"""Rows and values of a leaderboard: medians over seeds of what the results of trials say."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from motiongen.metrics import METRICS
from motiongen.report import Column, Row, Value
from motiongen.sweeping.comparison import median_interval


def over_seeds(values: Sequence[float]) -> Value:
    """Median and interval; no interval for one value."""
    if len(values) < 2:
        return Value(values[0] if values else None)
    low, high, _ = median_interval(values)
    return Value(statistics.median(values), low, high)


def best_of_each(results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The best of each cell and seed, the first of those that are equally good."""
    best: dict[tuple[str, int], Mapping[str, Any]] = {}
    for result in results:
        key = result["cell"], result["seed"]
        if key not in best or result["score"]["loss"] < best[key]["score"]["loss"]:
            best[key] = result
    return list(best.values())


def cell_row(
    name: str, kind: Any, source: str, title: str, results: Sequence[Mapping[str, Any]]
) -> Row | None:
    """Medians over results of one row of their tables; None without any."""
    having = [r for r in results if source in r["scores"][title]["rows"]]
    if not having:
        return None
    values: dict[str, list[tuple[int, float | None]]] = {}
    for result in having:
        for column, value in result["scores"][title]["rows"][source]["values"].items():
            known = [v for v in (value if isinstance(value, list) else [value]) if v is not None]
            mean = statistics.fmean(known) if known else None
            values.setdefault(column, []).append((result["seed"], mean))
    shown = {column: over_seeds(by_seed(pairs)) for column, pairs in values.items()}
    return Row(name, kind, shown, len({r["seed"] for r in having}))


def by_seed(pairs: Iterable[tuple[int, float | None]]) -> list[float]:
    """One value a seed: real clips are measured again by every trial of a seed."""
    found: dict[int, list[float]] = {}
    for seed, value in pairs:
        if value is not None:
            found.setdefault(seed, []).append(value)
    return [statistics.median(values) for values in found.values()]


def score_column(name: str, about: Mapping[str, Any]) -> Column:
    """A column of the evaluation, with what its metric says of itself."""
    metric = METRICS.get(name)
    meaning, source = (metric.meaning, metric.source) if metric else (about["title"], "")
    return Column(name, about["title"], about["unit"], about["better"], meaning, source)


def sampled_values(result: Mapping[str, Any]) -> str:
    """The values that a search has given a trial."""
    own = {k: v for k, v in result["varied"].items() if k not in result["labels"]}
    parts = [
        f"{key.rpartition('.')[2]} {value:.3g}"
        if isinstance(value, float)
        else f"{key.rpartition('.')[2]} {value}"
        for key, value in own.items()
    ]
    return ", ".join(parts)
