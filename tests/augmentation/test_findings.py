"""What a study says: differences draw by draw, tests corrected for each other, no more."""

import numpy as np
import pytest
from scipy import stats

from motiongen.augmentation.arms import ARMS, Treatment
from motiongen.augmentation.curve import as_html, as_svg, learning_curve
from motiongen.augmentation.design import Design, Fold, Size
from motiongen.augmentation.findings import found
from motiongen.augmentation.ledger import Result
from motiongen.augmentation.reporting import costs
from motiongen.metrics.intervals import holm

FOLDS = (Fold(("1",), ("2",)), Fold(("2",), ("1",)))
DESIGN = Design(FOLDS, (Size(5), Size()), ("RNN", "CNN"), ratios=(1.0, 2.0), seeds=4)
#: mean accuracy of each arm
LEVELS = {"real": 0.5, "classical": 0.6, "both": 0.66, "synthetic": 0.55, "tstr": 0.3}


def results(design=DESIGN, balanced=0):
    rng, made = np.random.default_rng(0), {}
    for draw in design.draws:
        level = rng.normal(0, 0.05)
        for name in design.recognisers:
            for treatment in design.treatments:
                arm = treatment.arm
                accuracy = LEVELS.get(arm.name, 0.5) + level + rng.normal(0, 0.005)
                synthetic = 10 * round(treatment.ratio or 0) + balanced * (arm.name == "balanced")
                made[draw, name, treatment] = Result(
                    accuracy, accuracy / 2, 10, synthetic, 7, None, 1.5
                )
    return made


def rows(table):
    return {row.name: row for row in table.rows}


def test_differences_are_taken_draw_by_draw():
    made = results()
    first = found(DESIGN, made)[0]
    assert (first.size, first.recogniser, first.folds) == (Size(5), "RNN", 2)
    draws = [draw for draw in DESIGN.draws if draw.size == Size(5)]
    for name, reference in (("real", "real"), ("classical", "classical")):
        one, other = (
            [made[draw, "RNN", treatment].accuracy for draw in draws]
            for treatment in (Treatment(ARMS["both"], 2.0), Treatment(ARMS[reference]))
        )
        value = rows(first.table())["real + classical + synthetic ×2"].values[f"gain_{name}"]
        assert value.value == pytest.approx(np.mean(one) - np.mean(other))
        low, high = stats.ttest_rel(one, other).confidence_interval()
        assert (value.low, value.high) == (pytest.approx(low), pytest.approx(high))
        # the common level of a draw drops out
        assert value.high - value.low < 0.02 < np.std(one)


def test_what_is_compared_with_what_and_corrected_for():
    first = found(DESIGN, results())[0]
    compared = first.comparisons()
    named = {(treatment.name, reference) for treatment, reference in compared}
    assert named == {
        *((n, "real") for n in ("classical", "synthetic-x1", "synthetic-x2", "tstr-x1")),
        *((n, "real") for n in ("tstr-x2", "both-x1", "both-x2")),
        *((n, "classical") for n in ("both-x1", "both-x2")),
    }
    raw = [comparison.p_value for comparison, _ in compared.values()]
    assert [p for _, p in compared.values()] == pytest.approx(holm(raw))
    assert "corrected for 9 comparisons (Holm)" in first.table().interval
    assert "repetitions (2 folds × 4 seeds)" in first.table().interval


def test_two_seeds_give_no_accuracy_above_one():
    design = Design(FOLDS[:1], arms=("real",), seeds=2)
    scores = dict(zip(design.draws, (0.9, 0.98), strict=True))
    made = {
        (draw, "RNN", treatment): Result(scores[draw], 0.03 * draw.seed, 10, 0, 7, None, 1.0)
        for draw in design.draws
        for treatment in design.treatments
    }
    values = rows(found(design, made)[0].table())["real"].values
    # a Student t interval of two values is 12.7 standard errors wide to each side
    assert values["accuracy"].low == pytest.approx(0.94 - 12.706 * 0.04, abs=1e-3)
    assert values["accuracy"].high == 1
    assert values["macro_f1"].low == 0


def test_balancing_is_compared_where_it_adds_clips():
    first = found(DESIGN, results(balanced=3))[0]
    assert (Treatment(ARMS["balanced"]), "real") in first.comparisons()
    assert rows(first.table())["real, balanced with synthetic"].n == 13


def test_the_reverse_test_has_no_gain_and_never_is_the_best():
    table = found(DESIGN, results())[0].table()
    reverse = rows(table)["real, tested on synthetic"]
    assert set(reverse.values) == {"accuracy", "macro_f1"} and reverse.kind == "baseline"
    best = table.best(table.columns[0])
    assert best and all("synthetic ×" in name and "classical" in name for name in best)


def test_words_say_what_classical_gives_and_what_samples_add():
    caption = found(DESIGN, results())[0].table().caption
    assert "“real + classical” differs from “real” by +" in caption
    assert "“real + classical + synthetic ×2” differs from “real + classical” by +" in caption
    assert caption.count("a gain") == 3
    few = Design(FOLDS, arms=("tstr",), seeds=4)
    caption = found(few, results(few))[0].table().caption
    assert "“synthetic only ×1” differs from “real” by -" in caption and "a loss" in caption


def test_says_plainly_when_nothing_can_be_told():
    same = {
        cell: Result(0.5 + 0.1 * (cell[0].seed % 2), 0.5, 10, 0, 7, None, 1.0)
        for cell in results()
    }
    caption = found(DESIGN, same)[0].table().caption
    assert "nothing that these repetitions can tell from chance" in caption


def test_a_missing_result_is_named():
    made = results()
    del made[DESIGN.draws[0], "CNN", Treatment(ARMS["tstr"], 1.0)]
    message = "1 results are missing, the first: synthetic only ×1 of CNN, fold 0, 5 clips"
    with pytest.raises(ValueError, match=message):
        found(DESIGN, made)


def test_the_learning_curve_has_a_line_an_arm_and_repeats_byte_by_byte():
    every = found(DESIGN, results())
    figure = learning_curve(every)
    assert [axes.get_title() for axes in figure.axes] == ["RNN", "CNN"]
    _, titles = figure.axes[0].get_legend_handles_labels()
    shown = [t.title for t in DESIGN.treatments if not t.arm.reverse]
    assert titles == shown
    svg = as_svg(figure)
    assert svg == as_svg(learning_curve(every))
    page = as_html(svg)
    assert page.count("<svg") == 1 and "<?xml" not in page
    with pytest.raises(ValueError, match="no findings"):
        learning_curve([])


def test_costs_are_summed_by_recogniser_and_arm():
    spent = costs(results())
    assert set(spent) == {"RNN", "CNN"}
    assert spent["RNN"]["real"] == 16 * 1.5
