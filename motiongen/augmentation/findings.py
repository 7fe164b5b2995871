"""What a study found: means, paired differences with intervals, corrected tests, plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen.augmentation.arms import BALANCED, BOTH, CLASSICAL, REAL, Treatment
from motiongen.augmentation.design import Design, Size
from motiongen.augmentation.study import Results
from motiongen.metrics.intervals import (
    Interval,
    PairedComparison,
    holm,
    paired_comparison,
    student_interval,
)
from motiongen.metrics.recognition import ACCURACY, MACRO_F1
from motiongen.report import Column, Row, Table, Value

#: below this p value a difference is not put down to chance
SIGNIFICANT = 0.05
#: what arms are compared with: column, arm
REFERENCES = {"real": REAL, "classical": CLASSICAL}


@dataclass(frozen=True)
class Findings:
    """One size and one recogniser: every arm over all folds and seeds.

    Args:
        size: how much real data.
        recogniser: its name.
        folds: number of folds.
        results: accuracies of each arm, in the order of fold and seed.
        macro: macro F1 alike.
        clips: clips that an arm learned from, on average.
        real: real clips of a draw, on average.
    """

    size: Size
    recogniser: str
    folds: int
    results: Mapping[Treatment, Sequence[float]]
    macro: Mapping[Treatment, Sequence[float]]
    clips: Mapping[Treatment, float]
    real: float

    @property
    def over(self) -> str:
        """What was repeated."""
        seeds = len(next(iter(self.results.values()))) // self.folds
        return f"{self.folds} folds × {seeds} seeds" if self.folds > 1 else "seeds"

    @property
    def label(self) -> str:
        """What intervals and tests call the repetitions."""
        return f"repetitions ({self.over})" if self.folds > 1 else "seeds"

    def mean(self, treatment: Treatment) -> Interval:
        """Mean accuracy of an arm."""
        return student_interval(self.results[treatment], over=self.label)

    def comparisons(self) -> dict[tuple[Treatment, str], tuple[PairedComparison, float]]:
        """Paired differences to the references, each with its p value corrected for them all."""
        found = {
            (treatment, name): paired_comparison(
                self.results[treatment], self.results[Treatment(arm)], over=self.label
            )
            for treatment in self.results
            for name, arm in REFERENCES.items()
            if self._compared(treatment, name)
        }
        p_values = holm([each.p_value for each in found.values()])
        pairs = zip(found.items(), p_values, strict=True)
        return {key: (each, p_value) for (key, each), p_value in pairs}

    def _compared(self, treatment: Treatment, name: str) -> bool:
        """Arms on unseen people with `real`; those with classical, with `real + classical`."""
        arm, reference = treatment.arm, REFERENCES[name]
        if arm.reverse or arm == reference or Treatment(reference) not in self.results:
            return False
        # where every class has as many clips, balancing adds none: no comparison to correct for
        if arm == BALANCED and self.clips[treatment] == self.clips[Treatment(REAL)]:
            return False
        return name == "real" or arm.classical

    def table(self, facts: str = "") -> Table:
        """The arms as rows."""
        compared = self.comparisons()
        rows = [
            Row(
                treatment.title,
                # the best is looked for among what is tested alike
                "baseline" if _is_baseline(treatment) else "generated",
                self._values(treatment, compared),
                round(self.clips[treatment]),
            )
            for treatment in self.results
        ]
        interval = self.mean(Treatment(REAL))
        shared = "; folds share people to learn from" if self.folds > 1 else ""
        return Table(
            title=f"{self.recogniser}, {self.size.title}",
            columns=_columns(),
            rows=rows,
            caption=" ".join([*self.words(compared), facts]).strip(),
            interval=f"{interval.kind}, of accuracy and F1 cut at 0 and 1: of draws, generators "
            f"and trainings{shared}; p values from paired t-tests, corrected for {len(compared)} "
            "comparisons (Holm)",
        )

    def _values(
        self,
        treatment: Treatment,
        compared: Mapping[tuple[Treatment, str], tuple[PairedComparison, float]],
    ) -> dict[str, Value]:
        values = {"accuracy": _share(self.mean(treatment))}
        for name in REFERENCES:
            if (treatment, name) in compared:
                comparison, p_value = compared[treatment, name]
                values[f"gain_{name}"] = _value(comparison.difference)
                values[f"p_{name}"] = Value(p_value)
        values["macro_f1"] = _share(student_interval(self.macro[treatment], over=self.label))
        return values

    def words(
        self, compared: Mapping[tuple[Treatment, str], tuple[PairedComparison, float]]
    ) -> list[str]:
        """What classical augmentation gives, and what samples add to it."""
        real = f"On real clips alone {100 * self.mean(Treatment(REAL)).mean:.1f} % are recognised."
        told = [real]
        asked = [(Treatment(CLASSICAL), "real"), *((t, "classical") for t in self.results)]
        if not any(treatment.arm == BOTH for treatment in self.results):
            asked += [(treatment, "real") for treatment in self.results]
        for treatment, name in dict.fromkeys(asked):
            if (treatment, name) in compared:
                told.append(_sentence(treatment, name, *compared[treatment, name]))
        return told


def found(design: Design, results: Results) -> list[Findings]:
    """The findings of every size and recogniser, in the order of the design.

    Raises:
        ValueError: if a result is missing.
    """
    return [
        _findings(design, results, size, name)
        for size in design.sizes
        for name in design.recognisers
    ]


def _findings(design: Design, results: Results, size: Size, name: str) -> Findings:
    draws = [draw for draw in design.draws if draw.size == size]
    missing = [
        f"{treatment.title} of {name}, {draw.title}"
        for draw in draws
        for treatment in design.treatments
        if (draw, name, treatment) not in results
    ]
    if missing:
        raise ValueError(f"{len(missing)} results are missing, the first: {missing[0]}")
    rows = {t: [results[draw, name, t] for draw in draws] for t in design.treatments}
    return Findings(
        size=size,
        recogniser=name,
        folds=len(design.folds),
        results={t: [each.accuracy for each in own] for t, own in rows.items()},
        macro={t: [each.macro_f1 for each in own] for t, own in rows.items()},
        clips={t: float(np.mean([e.real + e.synthetic for e in own])) for t, own in rows.items()},
        real=float(np.mean([each.real for each in rows[Treatment(REAL)]])),
    )


def _sentence(
    treatment: Treatment, name: str, comparison: PairedComparison, p_value: float
) -> str:
    gain = comparison.difference
    points = f"{100 * gain.mean:+.1f} points [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"
    verdict = "a gain" if gain.mean > 0 else "a loss"
    if p_value >= SIGNIFICANT:
        verdict = "nothing that these repetitions can tell from chance"
    return (
        f"“{treatment.title}” differs from “{REFERENCES[name].title}” by {points}, "
        f"p = {p_value:.2g}: {verdict}."
    )


def _is_baseline(treatment: Treatment) -> bool:
    return treatment.arm.reverse or not treatment.arm.needs_generator


def _value(interval: Interval) -> Value:
    return Value(interval.mean, interval.low, interval.high)


def _share(interval: Interval) -> Value:
    """Of a score between 0 and 1: few repetitions make intervals that leave what it can be."""
    return Value(interval.mean, max(interval.low, 0.0), min(interval.high, 1.0))


def _columns() -> list[Column]:
    """What the rows of a table hold."""
    columns = [_column(ACCURACY.name, "accuracy", ACCURACY.meaning, ACCURACY.source)]
    for name, arm in REFERENCES.items():
        gain = f"Difference in accuracy to “{arm.title}”, draw by draw."
        test = "Probability of such a difference if there were none, corrected for all of a table."
        columns += [
            _column(f"gain_{name}", f"over {arm.title}", gain, "motiongen"),
            Column(f"p_{name}", "p", "", "none", test, "paired t-test with Holm's correction"),
        ]
    return [*columns, _column(MACRO_F1.name, "macro F1", MACRO_F1.meaning, MACRO_F1.source)]


def _column(name: str, title: str, meaning: str, source: str) -> Column:
    return Column(name, title, "", "high", meaning, source)
