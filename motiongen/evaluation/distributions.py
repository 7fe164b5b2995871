"""How far the distributions of speed, acceleration, bone length and timing are from real ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen import layouts
from motiongen.evaluation.columns import (
    RANGE,
    Draw,
    Entry,
    column,
    or_nan,
    over_draws,
    with_columns,
)
from motiongen.evaluation.drawing import Rows, halves, stratified_order
from motiongen.evaluation.likeness import common_size
from motiongen.evaluation.sets import ClipSet, Ruler
from motiongen.metrics.marginals import acceleration_distance, bone_length_distance
from motiongen.metrics.movement import (
    mean_speed_per_clip,
    speed_distance,
    static_share,
)
from motiongen.metrics.spectrum import spectrum_distance
from motiongen.metrics.timing import wpd, wpd_class
from motiongen.motion import MotionSpec
from motiongen.report import Column, Row, Table

#: pairs of clips whose timing is compared, of all and of each class
PAIRS, CLASS_PAIRS = 100, 5


@dataclass(frozen=True)
class Distributions:
    """Compares the movement of sets of clips.

    Args:
        spec: skeleton and frames per second.
        ruler: unit of lengths.
        draw: of the compared clips.
    """

    spec: MotionSpec
    ruler: Ruler
    draw: Draw

    def columns(self) -> list[Column]:
        """The scores that are wanted."""
        length = self.ruler.length
        units = {
            "speed_distance": f"{length}/s",
            "acceleration_distance": f"{length}/s^2",
            "bone_length_distance": length,
        }
        names = [*units, "spectrum_distance", "static_share", "wpd", "wpd_class"]
        return [column(n, unit=units.get(n)) for n in names if self.draw.wants(n)]

    def values(
        self, real: ClipSet, real_rows: Rows, fake: ClipSet, fake_rows: Rows, turn: int
    ) -> dict[str, float]:
        """Scores of some clips against some real ones; NaN where one is not defined."""
        known, new = self._arrays(real, real_rows), self._arrays(fake, fake_rows)
        fps, skeleton = self.spec.fps, layouts.get(self.spec.layout)
        paths, _ = fake.paths_of(fake_rows)
        labels = fake.labels[fake_rows]
        labelled = paths[labels >= 0], labels[labels >= 0]
        root = skeleton.root
        rng = self.draw.rng
        scores: dict[str, Callable[[], float]] = {
            "speed_distance": lambda: speed_distance(*known, *new, fps=fps),
            "acceleration_distance": lambda: acceleration_distance(*known, *new, fps=fps),
            "bone_length_distance": lambda: bone_length_distance(*known, *new, skeleton=skeleton),
            "spectrum_distance": lambda: spectrum_distance(*known, *new),
            "static_share": lambda: static_share(
                *new, fps, float(np.nanmedian(mean_speed_per_clip(*known, fps)))
            ),
            "wpd": lambda: wpd(paths, rng(12, turn), pairs=PAIRS, runs=1),
            "wpd_class": lambda: wpd_class(*labelled, rng(13, turn), root=root, pairs=CLASS_PAIRS),
        }
        return {name: or_nan(scores[name]) for name in scores if self.draw.wants(name)}

    def _arrays(self, clips: ClipSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joints = clips.clips.joints[rows].double().cpu().numpy() * self.ruler.scale
        return joints, clips.clips.mask[rows].cpu().numpy()


def distributions_table(
    reference: ClipSet, entries: Sequence[Entry], judge: Distributions
) -> Table:
    """Scores at one n, means over draws; what no set has a value for is left out.

    Args:
        reference: real clips, or their clean truth.
        entries: what is compared with them.
        judge: how.
    """
    size, draw = common_size(reference, entries), judge.draw
    rows = [_half(reference, size, judge)]
    for entry in entries:
        clips, count = entry.clips, min(size, len(entry.clips))
        found = []
        for turn in range(draw.turns):
            first, _ = halves(reference.labels, draw.rng(0, turn))
            second = stratified_order(clips.labels, draw.rng(2, turn))
            found.append(judge.values(reference, first[:count], clips, second[:count], turn))
        rows.append(entry.row(over_draws(found), count))
    known = {name for row in rows for name, value in row.values.items() if value.value is not None}
    return Table(
        title="Distributions of movement",
        columns=[c for c in judge.columns() if c.name in known],
        rows=[with_columns(row, known) for row in rows],
        caption=f"{size} clips of a set against {size} of {reference.name}, means over "
        f"{draw.turns} draws. Timing: alignment of {PAIRS} pairs of clips, stretched to 60 frames "
        f"with gaps filled, and of {CLASS_PAIRS} pairs of each class.",
        interval=RANGE,
        reference=rows[0].name,
    )


def _half(reference: ClipSet, size: int, judge: Distributions) -> Row:
    found = []
    for turn in range(judge.draw.turns):
        first, second = halves(reference.labels, judge.draw.rng(0, turn))
        found.append(judge.values(reference, first[:size], reference, second[:size], turn))
    meaning = f"two disjoint halves of {reference.name}, against each other"
    return Row(f"{reference.name}, other half", "reference", over_draws(found), size, meaning)
