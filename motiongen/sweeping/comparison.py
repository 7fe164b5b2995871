"""Which differences between cells are more than chance: ranks and paired tests over seeds."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from scipy import stats

from motiongen.metrics.intervals import holm
from motiongen.viewer.page import render

LEVEL = 0.05
#: of the drawing, in its own units
LEFT, WIDTH, TOP, LINE, BAR = 220.0, 600.0, 30.0, 22.0, 8.0


@dataclass(frozen=True)
class Comparison:
    """Several cells over the same repetitions.

    Args:
        names: of the cells, the best mean rank first.
        ranks: mean rank of each, 1 the best.
        wins: share of the repetitions in which one is better than another; half for a tie.
        p_values: of each pair, Wilcoxon's signed-rank test corrected by Holm.
        overall: p value of Friedman's test that all are alike; None for two cells.
        repetitions: over which all of them were measured.
        needed: repetitions below which no pair can be told apart, however large the difference.
    """

    names: list[str]
    ranks: dict[str, float]
    wins: dict[tuple[str, str], float]
    p_values: dict[tuple[str, str], float]
    overall: float | None
    repetitions: int
    needed: int

    @property
    def can_tell(self) -> bool:
        """Whether there are enough repetitions to tell any pair apart."""
        return self.repetitions >= self.needed

    def cliques(self) -> list[tuple[int, int]]:
        """Places, first and last, of neighbours in rank that cannot be told apart."""
        count, found = len(self.names), []
        for first in range(count):
            last = first
            while last + 1 < count and self._alike(first, last + 1):
                last += 1
            if last > first and not any(last <= other for _, other in found):
                found.append((first, last))
        return found

    def _alike(self, first: int, last: int) -> bool:
        pairs = itertools.combinations(self.names[first : last + 1], 2)
        return all(self.p_values[pair] > LEVEL for pair in pairs)

    def in_words(self, over: str) -> str:
        """What can be said, and what cannot.

        Args:
            over: what was repeated.
        """
        text = f"{len(self.names)} cells over {self.repetitions} {over}."
        if self.overall is not None:
            text += f" Friedman's test that all are alike: p = {self.overall:.2g}."
        if not self.can_tell:
            return (
                f"{text} Too few to tell any two of them apart at {LEVEL:.0%}: Wilcoxon's "
                f"signed-rank test with Holm's correction for {len(self.p_values) // 2} pairs "
                f"needs at least {self.needed} {over}. Ranks and wins are shown without it."
            )
        apart = sum(p <= LEVEL for p in self.p_values.values()) // 2
        return (
            f"{text} {apart} of {len(self.p_values) // 2} pairs differ at {LEVEL:.0%} "
            "(Wilcoxon's signed-rank test, Holm's correction)."
        )


def compare(losses: Mapping[str, Mapping[object, float]]) -> Comparison | None:
    """Compares cells over the repetitions that all of them have.

    Args:
        losses: of each cell by repetition; lower is better.

    Returns:
        None for fewer than two cells or two common repetitions.

    Source: Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 2006;
        Benavoli, Corani and Mangili, Should we really use post-hoc tests based on mean-ranks?,
        JMLR 2016 (why pairs are compared with Wilcoxon's test).
    """
    first, *others = losses.values() if losses else [{}]
    common = [key for key in first if all(key in values for values in others)]
    if len(losses) < 2 or len(common) < 2:
        return None
    table = np.array([[values[key] for values in losses.values()] for key in common])
    ranks = dict(zip(losses, stats.rankdata(table, axis=1).mean(0).tolist(), strict=True))
    names = sorted(losses, key=lambda name: (ranks[name], name))
    columns = dict(zip(losses, table.T, strict=True))
    pairs = list(itertools.combinations(names, 2))
    corrected = holm([_wilcoxon(columns[a] - columns[b]) for a, b in pairs])
    p_values, wins = {}, {}
    for (a, b), p in zip(pairs, corrected, strict=True):
        p_values[a, b] = p_values[b, a] = p
        ahead = float(((columns[a] < columns[b]) + 0.5 * (columns[a] == columns[b])).mean())
        wins[a, b], wins[b, a] = ahead, 1 - ahead
    return Comparison(
        names, ranks, wins, p_values, _friedman(table), len(common), needed(len(pairs))
    )


def needed(pairs: int) -> int:
    """Repetitions from which the smallest p value of the exact test survives the correction."""
    return next(n for n in itertools.count(2) if pairs * 2.0 ** (1 - n) <= LEVEL)


def _wilcoxon(difference: np.ndarray) -> float:
    difference = difference[difference != 0]
    if len(difference) == 0:
        return 1.0
    return float(stats.wilcoxon(difference, method="auto").pvalue)  # pyright: ignore


def _friedman(table: np.ndarray) -> float | None:
    if table.shape[1] < 3:
        return None
    if (table == table[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*table.T).pvalue)


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Two of the sorted values, and the probability that the true median lies between them.

    The narrowest symmetric pair that reaches `level`; the smallest and the largest value if none
    does. Nothing is assumed of the distribution.

    Source: Conover, Practical Nonparametric Statistics, 1999, section 3.2.
    """
    ordered, count = sorted(values), len(values)
    at = 0
    while 2 * (at + 2) <= count and _coverage(at + 1, count) >= level:
        at += 1
    return ordered[at], ordered[count - 1 - at], _coverage(at, count)


def _coverage(at: int, count: int) -> float:
    return max(0.0, 1 - 2 * float(stats.binom.cdf(at, count, 0.5)))


def ranks_html(comparison: Comparison, over: str) -> Markup:
    """A line of mean ranks, with bars over cells that cannot be told apart."""
    count = len(comparison.names)
    scale = WIDTH / max(1, count - 1)

    def place(rank: float) -> float:
        return round(LEFT + (rank - 1) * scale, 1)

    bars = comparison.cliques() if comparison.can_tell else []
    shown = [
        {
            "from": place(comparison.ranks[comparison.names[first]]) - 4,
            "to": place(comparison.ranks[comparison.names[last]]) + 4,
            "y": TOP + 12 + BAR * number,
        }
        for number, (first, last) in enumerate(bars)
    ]
    half, below = (count + 1) // 2, TOP + 28 + BAR * len(bars)
    cells = []
    for number, name in enumerate(comparison.names):
        # the better half hangs to the left, the other one to the right
        left = number < half
        row = number if left else count - 1 - number
        cells.append(
            {
                "name": name,
                "rank": f"{comparison.ranks[name]:.2f}",
                "x": place(comparison.ranks[name]),
                "y": below + LINE * row,
                "end": 8 if left else LEFT * 2 + WIDTH - 8,
                "anchor": "start" if left else "end",
            }
        )
    return render(
        "ranks.html",
        cells=cells,
        bars=shown,
        ticks=[(rank, place(float(rank))) for rank in range(1, count + 1)],
        size=(LEFT * 2 + WIDTH, below + LINE * half),
        top=TOP,
        repeated=f"{comparison.repetitions} {over}",
    )
