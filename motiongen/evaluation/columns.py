"""What all tables share: rows to fill, columns from metric records, values with intervals."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from motiongen.evaluation.sets import ClipSet
from motiongen.metrics import METRICS
from motiongen.metrics.intervals import bootstrap_interval
from motiongen.report import Column, Row, Value
from motiongen.viewer.table import Kind

UNDEFINED = "not defined for these clips"
#: of scores of whole sets: drawing a clip twice would give it a neighbour at distance 0
RANGE = "the range over the draws of clips, for scores of a whole set (no confidence interval)"
INTERVAL = f"95 % bootstrap over clips, or over people where at least 8 are known; {RANGE}"
_TITLES = {
    "fid": "FID",
    "fid_extrapolated": "FID, unlimited n",
    "fid_per_class": "FID per class",
    "kid": "KID",
    "mmd": "MMD",
    "mms": "MMS",
    "acpd": "ACPD",
    "wpd": "WPD",
    "wpd_class": "WPD per class",
    "root_jerk": "jerk of the centre",
    "ground_penetration": "feet below ground",
    "self_intersection": "limbs that cross",
    "joint_limits": "unusual joint angles",
    "static_share": "clips that hardly move",
    "speed_distance": "speeds",
    "acceleration_distance": "accelerations",
    "bone_length_distance": "bone lengths",
    "spectrum_distance": "spectrum",
    "apd": "APD",
    "apd_ratio": "APD / real",
    "inner_nn_ratio": "sample-to-sample distance / real",
    "bone_length_cv": "bone-length variation",
    "bone_symmetry": "bone asymmetry",
    "mean_speed": "mean speed",
    "foot_skate": "foot skating",
    "nearest_training": "nearest train clip",
    "copy_share": "copies",
    "feature_copy_share": "copies (features)",
    "nn_ratio": "distance to train / to unseen people",
}


@dataclass(frozen=True)
class Entry:
    """A set of clips and what it is in the tables."""

    clips: ClipSet
    kind: Kind
    meaning: str = ""

    def row(self, values: dict[str, Value], n: int) -> Row:
        """The set's row of a table, measured on n clips."""
        return Row(self.clips.name, self.kind, values, n, self.meaning)


@dataclass(frozen=True)
class Draw:
    """How clips are drawn.

    Args:
        k: the radius of a clip is its distance to its k-th nearest other clip.
        turns: seeded pairs of subsets over which the scores of whole sets are averaged.
        seed: of draws and intervals.
        wanted: names of the scores to measure; None: all.
    """

    k: int
    turns: int
    seed: int
    wanted: frozenset[str] | None = None

    def wants(self, name: str) -> bool:
        """Whether a score is to be measured."""
        return self.wanted is None or name in self.wanted

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of one purpose."""
        return np.random.default_rng((self.seed, *key))


def column(
    name: str, *, unit: str | None = None, meaning: str | None = None, more: str = ""
) -> Column:
    """A column as its metric's record describes it; `more` adds a sentence to the meaning."""
    metric = METRICS[name]
    return Column(
        name=name,
        title=_TITLES.get(name, name),
        unit=metric.unit if unit is None else unit,
        better=metric.better,
        meaning=f"{meaning or metric.meaning} {more}".strip(),
        source=metric.source,
    )


def mean_value(
    values: Float[np.ndarray, "n"], draw: Draw, people: Shaped[np.ndarray, "n"] | None = None
) -> Value:
    """Mean over the clips that have a value, with a bootstrap interval."""
    defined = np.isfinite(values)
    count = int(defined.sum())
    if count < 2:
        only = float(values[defined][0]) if count else None
        return Value(only, n=count, note="" if count else UNDEFINED)
    kept = np.where(defined, values, np.nan)
    found = bootstrap_interval(kept, draw.rng(1), groups=people)
    return Value(found.mean, found.low, found.high, n=count)


def over_draws(found: Sequence[dict[str, float]]) -> dict[str, Value]:
    """Means over draws of clips, and between which values they lie."""
    values = {name: np.array([each[name] for each in found]) for name in found[0]}
    lacking = {n: "" if np.isfinite(v).all() else UNDEFINED for n, v in values.items()}
    return {
        n: Value(float(v.mean()), float(v.min()), float(v.max()), note=lacking[n])
        for n, v in values.items()
    }


def or_nan(score: Callable[[], float]) -> float:
    """A score, or NaN where it is not defined for these clips."""
    try:
        return score()
    except ValueError:
        return float("nan")


def with_columns(row: Row, names: Collection[str]) -> Row:
    """A row without its other values."""
    values = {name: value for name, value in row.values.items() if name in names}
    return Row(row.name, row.kind, values, row.n, row.meaning)
