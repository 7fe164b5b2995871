"""One trained generator: what its clips teach a classifier, alone and beside real ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen.augmentation.checks import check_counts, check_leak, labelled
from motiongen.classifier import fit_classifier, predict
from motiongen.encoders import CNN, EncoderFactory
from motiongen.evaluation.drawing import joined
from motiongen.metrics.intervals import (
    Interval,
    PairedComparison,
    holm,
    paired_comparison,
    student_interval,
)
from motiongen.metrics.metric import Metric
from motiongen.metrics.recognition import ACCURACY, MACRO_F1, accuracy, macro_f1
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.report import Column, Row, Table, Value

#: draws clips with the given labels, others for each seed
DrawClips = Callable[[list[int], int], MotionBatch]
REAL, SYNTHETIC, BOTH = "real", "synthetic only", "real + synthetic"
BATCH_SIZE = 32
#: below this p value a difference is not put down to the seeds
SIGNIFICANT = 0.05
_RECORDS: dict[str, Metric] = {"accuracy": ACCURACY, "macro_f1": MACRO_F1}
_TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1"}


def augmentation_study(
    train: MotionBatch,
    test: MotionBatch,
    spec: MotionSpec,
    draw: DrawClips,
    *,
    seeds: int = 5,
    ratio: float = 1.0,
    steps: int = 300,
    encoder: EncoderFactory = CNN,
    progress: Callable[[], object] | None = None,
) -> Table:
    """Trains a classifier on real, synthetic and both kinds of clips and tests it on real ones.

    All arms take the same number of optimiser steps of the same batch size, without early
    stopping; for each seed the arms share the classifier's seed, and synthetic clips are drawn
    anew. Nothing of `test` is used but to score.

    Args:
        train: real clips, of the people that the generator was fitted on.
        test: real clips of people that neither generator nor classifier has seen.
        spec: the contract of all clips.
        draw: gives clips with these labels; called once a seed.
        seeds: repetitions, with seeds 0 to seeds-1.
        ratio: synthetic clips a real one, in each class.
        steps: optimiser steps of each classifier.
        encoder: builds the classifier's encoder.
        progress: called after each of the 3 x seeds x steps steps.

    Raises:
        ValueError: if a number is too small, clips have no labels, a test clip is among the train
            or synthetic clips, or `draw` gives other labels than asked for.

    Source: the comparison of arms: Petrovich, Black and Varol, Action-Conditioned 3D Human Motion
        Synthesis with Transformer VAE, ICCV 2021.
    """
    train, test = labelled(train, "train"), labelled(test, "test")
    _check_numbers(seeds, ratio, steps)
    check_leak(train, test, "train")
    labels = synthetic_labels(train, ratio)
    batch_size = min(BATCH_SIZE, len(train), len(labels))
    scores: dict[str, list[dict[str, float]]] = {REAL: [], SYNTHETIC: [], BOTH: []}
    for seed in range(seeds):
        drawn = _drawn(draw, labels, seed)
        check_leak(drawn, test, f"synthetic (seed {seed})")
        arms = {REAL: train, SYNTHETIC: drawn, BOTH: joined([train, drawn])}
        for name, clips in arms.items():
            model = fit_classifier(
                clips,
                spec,
                encoder=encoder,
                steps=steps,
                batch_size=batch_size,
                seed=seed,
                progress=progress,
            )
            predicted = predict(model, test)[1].argmax(1).numpy()
            scores[name].append(_scores(test.label.numpy(), predicted))
    found = _Findings.of(scores)
    counts = {REAL: len(train), SYNTHETIC: len(labels), BOTH: len(train) + len(labels)}
    facts = f"{steps} steps of {batch_size} clips in every arm; {len(test)} test clips."
    return found.table(counts, facts)


def synthetic_labels(train: MotionBatch, ratio: float) -> list[int]:
    """The labels to draw: `ratio` times the count of each class, at least one of each."""
    labels, counts = train.label.unique(return_counts=True)
    wanted = [max(1, round(ratio * count)) for count in counts.tolist()]
    pairs = zip(labels.tolist(), wanted, strict=True)
    return [label for label, count in pairs for _ in range(count)]


# ---- checks -------------------------------------------------------------------------------------


def _check_numbers(seeds: int, ratio: float, steps: int) -> None:
    if seeds < 2:
        raise ValueError(f"seeds: found {seeds}, at least 2 are needed for an interval")
    if not 0 < ratio < float("inf"):
        raise ValueError(f"ratio: found {ratio}, must be above 0")
    if steps < 1:
        raise ValueError(f"steps: found {steps}, at least 1 is needed")


def _drawn(draw: DrawClips, labels: list[int], seed: int) -> MotionBatch:
    clips = draw(list(labels), seed).to("cpu")
    check_counts(labels, clips, seed)
    return clips


def _scores(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {"accuracy": accuracy(labels, predicted), "macro_f1": macro_f1(labels, predicted)}


# ---- what was found -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Findings:
    """Means of each arm and its paired differences to the real arm, by arm and score."""

    means: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Mapping[str, PairedComparison]]
    p_values: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, scores: Mapping[str, Sequence[Mapping[str, float]]]) -> "_Findings":
        values = {
            arm: {name: [each[name] for each in found] for name in _RECORDS}
            for arm, found in scores.items()
        }
        means = {
            arm: {name: student_interval(v, over="seeds") for name, v in found.items()}
            for arm, found in values.items()
        }
        gains = {
            arm: {
                name: paired_comparison(values[arm][name], values[REAL][name], over="seeds")
                for name in _RECORDS
            }
            for arm in (SYNTHETIC, BOTH)
        }
        p_values = {arm: {} for arm in gains}
        for name in _RECORDS:
            corrected = holm([gains[arm][name].p_value for arm in gains])
            for arm, p_value in zip(gains, corrected, strict=True):
                p_values[arm][name] = p_value
        return cls(means, gains, p_values)

    def table(self, counts: Mapping[str, int], facts: str) -> Table:
        """The arms as rows."""
        kinds = {REAL: "reference", SYNTHETIC: "generated", BOTH: "generated"}
        rows = [
            Row(arm, kinds[arm], self._values(arm), counts[arm])  # pyright: ignore
            for arm in self.means
        ]
        repeats = self.means[REAL]["accuracy"].n
        return Table(
            title="Training a classifier with synthetic clips",
            columns=[column for name in _RECORDS for column in _columns(name)],
            rows=rows,
            caption=" ".join([*self._words(), facts]),
            interval=f"{self.means[REAL]['accuracy'].kind}: of training and drawing, not of other "
            f"test people; p values from paired t-tests over {repeats} seeds, corrected for two "
            "comparisons (Holm)",
            reference=REAL,
        )

    def _values(self, arm: str) -> dict[str, Value]:
        values = {name: _value(mean) for name, mean in self.means[arm].items()}
        for name, gain in self.gains.get(arm, {}).items():
            values[f"{name}_gain"] = _value(gain.difference)
            values[f"{name}_p"] = Value(self.p_values[arm][name])
        return values

    def _words(self) -> list[str]:
        gain, p_value = self.gains[BOTH]["accuracy"].difference, self.p_values[BOTH]["accuracy"]
        points = f"{100 * gain.mean:+.1f} points [{100 * gain.low:.1f}, {100 * gain.high:.1f}]"
        change = f"changes accuracy on unseen people by {points}, p = {p_value:.2g}"
        verdict = "a gain" if gain.mean > 0 else "a loss"
        if p_value >= SIGNIFICANT:
            verdict = "no gain that these seeds can tell from chance"
        alone, real = (100 * self.means[arm]["accuracy"].mean for arm in (SYNTHETIC, REAL))
        return [
            f"Adding synthetic clips to the real ones {change}: {verdict}.",
            f"Trained on synthetic clips alone the classifier reaches {alone:.1f} %, on real ones "
            f"{real:.1f} %.",
        ]


def _value(interval: Interval) -> Value:
    return Value(interval.mean, interval.low, interval.high)


def _columns(name: str) -> list[Column]:
    record, title = _RECORDS[name], _TITLES[name]
    gain = f"Difference in {title} to the real arm, seed by seed."
    test = "Probability of such a difference if there were none, corrected for two comparisons."
    return [
        Column(name, title, record.unit, "high", record.meaning, record.source),
        Column(f"{name}_gain", f"{title}, gain", "", "high", gain, "motiongen"),
        Column(
            f"{name}_p", f"{title}, p", "", "none", test, "paired t-test with Holm's correction"
        ),
    ]
