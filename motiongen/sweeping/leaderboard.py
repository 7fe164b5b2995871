"""From the results of trials to a leaderboard: what is best, how sure that is, and what mattered.

It is a function of the results alone. How long things took is in another file, so that the same
sweep gives the same bytes again.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from motiongen.metrics import METRICS
from motiongen.report import Column, Report, Row, Table, Value
from motiongen.sweeping.comparison import Comparison, compare, median_interval
from motiongen.sweeping.effects import OVER, effect_tables, pairs_table
from motiongen.sweeping.options import Score
from motiongen.sweeping.rows import (
    best_of_each,
    by_seed,
    cell_row,
    over_seeds,
    sampled_values,
    score_column,
)
from motiongen.sweeping.space import SEED, Sweep

#: trials of a search that are listed
LISTED = 20


@dataclass(frozen=True)
class Missing:
    """A trial without a result, and why."""

    cell: str
    labels: Mapping[str, str]
    why: str


@dataclass(frozen=True)
class Board:
    """Results of a sweep, ordered.

    Args:
        name: of the sweep.
        results: of the trials; of a search the best for each cell and seed.
        missing: trials without one.
        searched: all results of a search.
        about: what the sweep was asked for, as plain values.
    """

    name: str
    results: Sequence[Mapping[str, Any]]
    missing: Sequence[Missing] = ()
    searched: Sequence[Mapping[str, Any]] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, sweep: Sweep, results: Sequence[Mapping[str, Any]], missing: Sequence[Missing] = ()
    ) -> "Board":
        """The board of a sweep."""
        search = None if sweep.search is None else asdict(sweep.search)
        about = {
            "fit": {"config": list(sweep.base.files), **dict(sweep.base.keys)},
            "grid": {axis.name: list(axis.alternatives) for axis in sweep.grid},
            "search": search,
            "score": asdict(sweep.score),
            "stop": None if sweep.stop is None else asdict(sweep.stop),
        }
        if search is None:
            return cls(sweep.name, results, missing, (), about)
        return cls(sweep.name, best_of_each(results), missing, results, about)

    @property
    def score(self) -> Score:
        """How all of them were scored."""
        return Score(**self.results[0]["scoring"])

    def cells(self) -> dict[str, list[Mapping[str, Any]]]:
        """Results by cell, the lowest median loss first, cells that lack results last."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for result in self.results:
            found.setdefault(result["cell"], []).append(result)

        most = max((len(results) for results in found.values()), default=0)

        def median_loss(cell: str) -> tuple[bool, float, str]:
            # what was stopped or failed may have been the worst: a median of the rest flatters
            lacks = len(found[cell]) < most
            return lacks, statistics.median(r["score"]["loss"] for r in found[cell]), cell

        return {cell: found[cell] for cell in sorted(found, key=median_loss)}

    def comparison(self) -> Comparison | None:
        """Ranks and tests of the cells over their common seeds."""
        losses = {
            cell: {r["seed"]: r["score"]["loss"] for r in results}
            for cell, results in self.cells().items()
        }
        return compare(losses)

    def report(self) -> Report:
        """All that was found."""
        title = f"Sweep {self.name}"
        if not self.results:
            return Report(title=title, warnings=self._gaps(), context=dict(self.about))
        comparison = self.comparison()
        tables = [self._first_table(comparison)]
        if comparison is not None:
            tables.append(pairs_table(comparison, OVER))
        tables += effect_tables(self.results)
        if self.searched:
            tables.append(self._search_table())
        tables += [self._scores_of(title) for title in self._titles()]
        return Report(
            title=title,
            summary=self._summary(comparison),
            warnings=[*self._gaps(), *self._cautions()],
            tables=tables,
            context={**self.about, **self._origin()},
        )

    # ---- tables -------------------------------------------------------------------------------

    def _first_table(self, comparison: Comparison | None) -> Table:
        decides = self.results[0]["score"]
        metric = METRICS[decides["metric"]]
        columns = [
            Column(
                metric.name,
                self._title_of(metric.name),
                metric.unit,
                metric.better,
                f"{metric.meaning} From the table “{decides['table']}”; the score that decides.",
                metric.source,
            ),
            Column("rank", "mean rank", "", "low", f"among the cells, over common {OVER}"),
            Column("parameters", "parameters", "", "low", "trained weights"),
        ]
        rows = []
        for cell, results in self.cells().items():
            values = {
                metric.name: over_seeds([r["score"]["value"] for r in results]),
                "parameters": Value(float(statistics.median(r["parameters"] for r in results))),
            }
            if comparison is not None:
                values["rank"] = Value(comparison.ranks[cell])
            rows.append(Row(cell, "generated", values, len(results)))
        if real := by_seed((r["seed"], r["score"]["real"]) for r in self.results):
            rows.append(Row("real clips", "reference", {metric.name: over_seeds(real)}, len(real)))
        return Table(
            title="Leaderboard",
            columns=columns if comparison is not None else [columns[0], *columns[2:]],
            rows=rows,
            caption=f"Median over n {OVER} of the mean over sampling seeds, the best cell first.",
            interval=self._interval(),
        )

    def _interval(self) -> str:
        """What the brackets are."""
        counts = sorted({len(results) for results in self.cells().values()})
        shares = [f"{median_interval([0.0] * n)[2]:.0%} for n = {n}" for n in counts if n > 1]
        if not shares:
            return ""
        return (
            f"order statistics of the values of the {OVER}; the true median lies between them "
            f"with a probability of {', '.join(shares)}"
        )

    def _title_of(self, name: str) -> str:
        table = self.results[0]["scores"][self.results[0]["score"]["table"]]
        return table["columns"][name]["title"]

    def _titles(self) -> list[str]:
        return list(dict.fromkeys(title for r in self.results for title in r["scores"]))

    def _scores_of(self, title: str) -> Table:
        """One table of the evaluation, with a row for each cell."""
        having = [r for r in self.results if title in r["scores"]]
        columns: dict[str, Mapping[str, str]] = {}
        for result in having:
            columns.update(result["scores"][title]["columns"])
        rows = [
            cell_row(cell, "generated", "samples", title, [r for r in results if r in having])
            for cell, results in self.cells().items()
        ]
        others: dict[str, str] = {}
        for result in having:
            others.update({n: r["kind"] for n, r in result["scores"][title]["rows"].items()})
        del others["samples"]
        rows += [cell_row(name, kind, name, title, having) for name, kind in others.items()]
        goal = having[0]["scores"][title]["reference"]
        return Table(
            title=title,
            columns=[score_column(name, about) for name, about in columns.items()],
            rows=[row for row in rows if row is not None],
            caption=f"Median over n {OVER}; of samples each is a mean over sampling seeds.",
            interval=self._interval(),
            reference=goal or "",
        )

    def _search_table(self) -> Table:
        decides = self.searched[0]["score"]
        metric = METRICS[decides["metric"]]
        listed = sorted(self.searched, key=lambda r: (r["score"]["loss"], sampled_values(r)))[
            :LISTED
        ]
        rows: dict[str, Row] = {}
        for result in listed:
            name = f"{result['cell']}, seed {result['seed']}: {sampled_values(result)}"
            values = {metric.name: Value(result["score"]["value"])}
            rows.setdefault(name, Row(name, "generated", values))
        column = Column(
            *(metric.name, self._title_of(metric.name), metric.unit, metric.better),
            *(metric.meaning, metric.source),
        )
        return Table(
            title="The search",
            columns=[column],
            rows=list(rows.values()),
            caption=f"The best {len(rows)} of {len(self.searched)} finished trials.",
        )

    # ---- words --------------------------------------------------------------------------------

    def _summary(self, comparison: Comparison | None) -> list[str]:
        cells, decides = self.cells(), self.results[0]["score"]
        best, results = next(iter(cells.items()))
        value = statistics.median(r["score"]["value"] for r in results)
        text = (
            f"{len(cells)} cells, {len(self.results)} results. By "
            f"{self._title_of(decides['metric'])} (“{decides['table']}”) {best} is best: "
            f"{value:.3g}, the median of n = {len(results)} {OVER}."
        )
        return [text] if comparison is None else [text, comparison.in_words(OVER)]

    def _gaps(self) -> list[str]:
        """One line for each reason why results are missing."""
        reasons: dict[str, list[str]] = {}
        for each in self.missing:
            seed = f" seed {each.labels[SEED]}" if SEED in each.labels else ""
            reasons.setdefault(each.why, []).append(each.cell + seed)
        return [f"{', '.join(cells)}: {why}" for why, cells in reasons.items()]

    def _cautions(self) -> list[str]:
        """What a reader must know before trusting the order."""
        found = [
            "The people held back from each training are whom it is scored on; they also chose "
            "its checkpoint. A seed sets weights, order and who is held back. Judge the winner "
            "on people whom no training of the sweep was given."
        ]
        counts = {cell: len(results) for cell, results in self.cells().items()}
        if short := [cell for cell, count in counts.items() if count < max(counts.values())]:
            found.append(
                f"{', '.join(short)}: fewer results than other cells, so these stand last, "
                "whatever their score."
            )
        if max(counts.values()) < 2:
            found.append("One seed a cell: differences may be those of seeds.")
        if self.searched:
            found.append(
                "Each cell shows the best trial of a search, chosen by the score that is shown: "
                "it is optimistic, the more so the more trials were made."
            )
        for name in ("version", "commit"):
            if len(several := sorted({str(r[name]) for r in self.results})) > 1:
                found.append(f"Results are of several {name}s: {', '.join(several)}.")
        if len(stores := {r["data"]["manifest_sha256"] for r in self.results}) > 1:
            found.append(f"Results are of {len(stores)} different stores.")
        return found

    def _origin(self) -> dict[str, Any]:
        """Data and code that the results come from."""
        return {
            "data": sorted({r["data"]["store"] for r in self.results}),
            "data sha256": sorted({r["data"]["manifest_sha256"] for r in self.results}),
            "steps": {
                cell: sorted({r["steps"] for r in results})
                for cell, results in self.cells().items()
            },
            "held back": {
                f"seed {r['seed']}": r["data"]["validation_subjects"] for r in self.results
            },
            "versions": self.results[0]["versions"],
            "commit": sorted({str(r["commit"]) for r in self.results}),
        }
