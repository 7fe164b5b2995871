"""How the sets move, and whether they are copies of training clips."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from motiongen.evaluation.columns import INTERVAL, Draw, Entry, column, mean_value, with_columns
from motiongen.evaluation.drawing import Rows, halves
from motiongen.evaluation.paths import Paths, Shown, nearest
from motiongen.evaluation.sets import ClipSet, Ruler
from motiongen.metrics.memorisation import feature_copy_share
from motiongen.report import Column, Row, Table, Value

#: a clip stands out if it is nearer than this share of the distance to the second nearest
SINGLED_OUT = 0.5
_MOVEMENT = (
    *("bone_length_cv", "bone_symmetry", "jitter", "jerk", "mean_speed", "root_jerk"),
    *("foot_skate", "ground_penetration", "self_intersection", "joint_limits"),
)
_FLAT = "In 2-D bones also change by foreshortening: it means something only beside real clips."


def movement_columns(length: str, *, flat: bool) -> list[Column]:
    """Columns of what single clips are measured by; `length` is the unit of lengths."""
    units = {
        **{"jerk": f"{length}/s^3", "root_jerk": f"{length}/s^3", "mean_speed": f"{length}/s"},
        "ground_penetration": length,
    }
    more = {"bone_length_cv": _FLAT} if flat else {}
    found = [column(n, unit=units.get(n), more=more.get(n, "")) for n in _MOVEMENT]
    # true bones do not stretch, whatever those of the real clips' estimator do
    rigid = {} if flat else {"bone_length_cv"}
    return [replace(c, better="low") if c.name in rigid else c for c in found]


def movement_table(
    entries: Sequence[Entry], ruler: Ruler, draw: Draw, *, reference: str, flat: bool
) -> Table:
    """Means over all clips of each set; what no set has a value for is left out."""
    rows = []
    for entry in entries:
        clips = entry.clips
        values = {
            name: mean_value(clips.movement[name], draw, clips.people)
            for name in _MOVEMENT
            if name in clips.movement
        }
        rows.append(entry.row(values, len(clips)))
    known = {name for row in rows for name, value in row.values.items() if value.value is not None}
    return Table(
        title="Movement",
        columns=[c for c in movement_columns(ruler.length, flat=flat) if c.name in known],
        rows=[with_columns(row, known) for row in rows],
        caption="All clips of each set; only joints that were seen count. Real clips are "
        "estimates: less shaking and stretching than theirs is no fault, less speed is one.",
        interval=INTERVAL,
        reference=reference,
    )


# ---- copies -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Copies:
    """Measures distances to training clips and to people that no model has seen.

    Args:
        train: what the models were fitted on.
        unseen: clips of some unseen people, to compare with; None where people are not known.
        ruler: unit of lengths, and below which distance a clip is a copy.
        draw: of the intervals.
    """

    train: ClipSet
    unseen: tuple[Paths, Shown] | None
    ruler: Ruler
    draw: Draw

    def values(
        self, clips: ClipSet, rows: Rows, train_rows: Rows, others: Rows
    ) -> dict[str, Value]:
        """Scores of some clips against some train clips; `others` are of people not in unseen."""
        near = nearest(clips.paths_of(rows), self.train.paths_of(train_rows), 2)
        to_train, compared = near[:, 0], np.isfinite(near[:, 0])
        copied = np.where(compared, to_train < self.ruler.copy, np.nan)
        # a second neighbour at infinity says nothing
        single = np.where(np.isfinite(near[:, 1]), to_train < SINGLED_OUT * near[:, 1], np.nan)
        people = None if clips.people is None else clips.people[rows]
        features = clips.features[rows], self.train.features[train_rows]
        return {
            "nearest_training": _median(100 * to_train),
            "copy_share": mean_value(copied, self.draw, people),
            "singled_out": mean_value(single.astype(np.float64), self.draw, people),
            "feature_copy_share": Value(feature_copy_share(*features)),
            "nn_ratio": self._ratio(clips, others, train_rows),
        }

    def _ratio(self, clips: ClipSet, rows: np.ndarray, train_rows: np.ndarray) -> Value:
        if self.unseen is None:
            return Value(None, note="needs test clips of two people")
        paths = clips.paths_of(rows)
        to_train = nearest(paths, self.train.paths_of(train_rows))[:, 0]
        to_unseen = nearest(paths, self.unseen)[:, 0]
        compared = np.isfinite(to_train) & np.isfinite(to_unseen) & (to_unseen > 0)
        return _median(to_train[compared] / to_unseen[compared])


def copies_table(
    train: ClipSet, test: ClipSet | None, entries: Sequence[Entry], ruler: Ruler, draw: Draw
) -> Table:
    """How near each set comes to the training clips; `test` may be among the entries."""
    split = unseen_people(test, draw)
    unseen = test.paths_of(split[0]) if test is not None and split is not None else None
    judge = Copies(train, unseen, ruler, draw)
    first, second = halves(train.labels, draw.rng(0, 0))
    half = Row(
        f"{train.name}, other half",
        "reference",
        judge.values(train, second, first, second),
        len(second),
        f"one half of {train.name} against the other",
    )
    rows, everything = [half], np.arange(len(train))
    for entry in entries:
        own = np.arange(len(entry.clips))
        others = split[1] if entry.clips is test and split is not None else own
        rows.append(entry.row(judge.values(entry.clips, own, everything, others), len(own)))
    return Table(
        title="Copies of training clips",
        columns=_copies_columns(ruler),
        rows=rows,
        caption="All clips of each set; gaps filled, clips stretched to 60 frames and "
        "smoothed, over the joints that both clips show. Unseen people are half of the test "
        "people; what the other half has stands in the row of the test clips.",
        interval=INTERVAL,
        reference=half.name if test is None else test.name,
    )


def _copies_columns(ruler: Ruler) -> list[Column]:
    limit = f"{100 * ruler.copy:g} {ruler.near}"
    return [
        column("nearest_training", unit=ruler.near),
        column("copy_share", meaning=f"Share of clips within {limit} of a training clip."),
        Column(
            "singled_out",
            "one train clip stands out",
            "",
            "match",
            "Share of clips less than half as far from their nearest training clip as from the "
            "second nearest: noise does not hide such copies.",
            "the ratio test of Lowe, Distinctive Image Features from Scale-Invariant Keypoints, "
            "IJCV 2004, section 7.1",
        ),
        column("feature_copy_share"),
        column("nn_ratio", more="Suspicious below half of what the test clips have."),
    ]


def unseen_people(test: ClipSet | None, draw: Draw) -> tuple[Rows, Rows] | None:
    """Rows of test clips, divided by people: those to measure distances to, and the others."""
    if test is None or test.people is None:
        return None
    names = draw.rng(4).permutation(np.unique(test.people))
    if len(names) < 2:
        return None
    measured_to = np.isin(test.people, names[: len(names) // 2])
    return np.flatnonzero(measured_to), np.flatnonzero(~measured_to)


def _median(values: np.ndarray) -> Value:
    values = values[np.isfinite(values)]
    if not len(values):
        return Value(None, note="no clips that can be compared")
    return Value(float(np.median(values)), n=len(values))
