"""How sure a mean is: intervals over repetitions or over clips, and paired comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped
from scipy import stats

MIN_GROUPS = 8
#: differences that differ by less than this share of the values are the same
ALIKE = 1e-12
#: from so many on, a spread over repetitions says something
MIN_REPETITIONS = 5
BOOTSTRAP_DRAWS = 2000
# Bounds the memory of one block of draws to 32 MB.
BLOCK_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Args:
        mean: of the values.
        low: lower end.
        high: upper end.
        kind: what the interval is, in words for a report.
        n: number of values (repetitions or clips) behind it.
    """

    mean: float
    low: float
    high: float
    kind: str
    n: int


@dataclass(frozen=True)
class PairedComparison:
    """The difference first - second of two models over the same seeds or folds.

    Args:
        difference: mean difference with its interval.
        effect: mean difference in standard deviations of the differences (Cohen's d_z).
        p_value: of the two-sided test that the mean difference is 0.
        test: name of the test.
    """

    difference: Interval
    effect: float
    p_value: float
    test: str


def student_interval(
    values: Float[np.ndarray, "_R"] | Sequence[float],
    *,
    over: str = "repetitions",
    level: float = 0.95,
) -> Interval:
    """Mean +- t(R-1) s / sqrt(R), with s of divisor R-1.

    Args:
        values: one a repetition; five or more are advisable.
        over: what was repeated, for the label: "training seeds", "sampling seeds", "folds".
        level: probability that such intervals cover the true mean.

    Raises:
        ValueError: for fewer than 2 values, values that are not finite, or a level outside (0,1).

    Source: Student, The Probable Error of a Mean, Biometrika 1908.
    """
    values = _finite(values, "values")
    count, mean = len(values), float(values.mean())
    half = stats.t.ppf(_upper(level), count - 1) * values.std(ddof=1) / np.sqrt(count)
    kind = f"{level:.0%} Student t over {count} {over}"
    return Interval(mean, float(mean - half), float(mean + half), kind, count)


def bootstrap_interval(
    values: Float[np.ndarray, "_N"],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    groups: Shaped[np.ndarray, "_N"] | Sequence[str] | None = None,
) -> Interval:
    """Percentile interval of the mean over clips.

    Clips of one subject resemble each other, so whole subjects are drawn where there are at least
    eight. Not for neighbour metrics, fid or kid: rows drawn twice have distance 0.

    Args:
        values: one a clip; NaN where the metric is not defined for a clip (left out).
        rng: draws the clips or subjects.
        level: share of the drawn means inside the interval.
        groups: subject of each clip.

    Raises:
        ValueError: for fewer than 2 values, infinity, other numbers of groups, or a level outside
            (0,1).

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    values = np.asarray(values, dtype=np.float64)
    names = np.arange(len(values)) if groups is None else np.asarray(groups)
    if names.shape != values.shape:
        raise ValueError(f"groups: found {names.shape} for {values.shape} values")
    defined = ~np.isnan(values)
    values, names = _finite(values[defined], "values"), names[defined]
    _, member = np.unique(names, return_inverse=True)
    unit = f"{member.max() + 1} subjects"
    if groups is None or member.max() + 1 < MIN_GROUPS:
        member, unit = np.arange(len(values)), f"{len(values)} clips"
    means = _drawn_means(values, member, rng)
    tail = 1 - _upper(level)
    low, high = np.quantile(means, [tail, 1 - tail])
    kind = f"{level:.0%} bootstrap over {unit}"
    return Interval(float(values.mean()), float(low), float(high), kind, len(values))


def _drawn_means(
    values: np.ndarray, member: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "draws"]:
    """Means over groups drawn with replacement, each with all its values."""
    sums, counts = np.bincount(member, values), np.bincount(member)
    groups, means = len(counts), []
    step = max(1, BLOCK_NUMBERS // groups)
    for start in range(0, BOOTSTRAP_DRAWS, step):
        drawn = rng.integers(groups, size=(min(step, BOOTSTRAP_DRAWS - start), groups))
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    return np.concatenate(means)


def paired_comparison(
    first: Float[np.ndarray, "_R"] | Sequence[float],
    second: Float[np.ndarray, "_R"] | Sequence[float],
    *,
    over: str = "repetitions",
    level: float = 0.95,
) -> PairedComparison:
    """Compares two models over the same seeds or folds with a paired t-test.

    With fewer than 5 repetitions, or where the difference is the same each time, the spread that
    the test divides by is not known: p is then at least what as many signs alone can show.

    Args:
        first: values of one model.
        second: values of the other, in the same order.
        over: what was repeated, for the label.
        level: of the interval.

    Raises:
        ValueError: if the numbers of values differ, or as `student_interval`.

    Source: Student, The Probable Error of a Mean, Biometrika 1908; signs: Fisher, The Design of
        Experiments, 1935, section 21.
    """
    first, second = _finite(first, "first"), _finite(second, "second")
    if len(first) != len(second):
        raise ValueError(f"first has {len(first)} values, but second has {len(second)}")
    difference = student_interval(first - second, over=over, level=level)
    spread = float((first - second).std(ddof=1))
    test = f"paired t-test over {len(first)} {over}, two-sided"
    # two-sided: of the 2^n ways to set the signs two are as extreme as all alike
    least = 2.0 ** (1 - len(first))
    # differences of rounded scores, such as accuracies, are alike but for the last digit
    if spread <= ALIKE * max(np.abs(first).max(), np.abs(second).max()):
        none = difference.mean == 0
        effect = 0.0 if none else float(np.copysign(np.inf, difference.mean))
        return PairedComparison(difference, effect, 1.0 if none else least, test)
    p_value = float(stats.ttest_rel(first, second).pvalue)  # pyright: ignore
    if len(first) < MIN_REPETITIONS:
        p_value = max(p_value, least)
    return PairedComparison(difference, difference.mean / spread, p_value, test)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p values for their number, in the same order.

    Raises:
        ValueError: if one is outside [0,1].

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p values must lie in [0,1], found {list(p_values)}")
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected.tolist()


def _finite(
    values: Float[np.ndarray, "_R"] | Sequence[float], name: str
) -> Float[np.ndarray, "R"]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name}: at least 2 are needed in a row, found shape {array.shape}")
    if not np.isfinite(array).all():
        place = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}: number {place} is {array[place]}, allowed are finite values")
    return array


def _upper(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level: found {level}, allowed are values between 0 and 1")
    return (1 + level) / 2
