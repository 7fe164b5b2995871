"""How like real clips the sets are, as the extractor sees them; all sets at one n."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen.evaluation.columns import (
    INTERVAL,
    RANGE,
    Draw,
    Entry,
    column,
    mean_value,
    or_nan,
    over_draws,
    with_columns,
)
from motiongen.evaluation.drawing import halves, stratified_order
from motiongen.evaluation.sets import ClipSet
from motiongen.metrics.diversity import acpd, apd, multimodality
from motiongen.metrics.fidelity import kid, mms, neighbour_scores
from motiongen.metrics.frechet import fid, fid_extrapolated, fid_per_class
from motiongen.metrics.kernels import mmd2_rbf
from motiongen.metrics.memorisation import inner_nn_ratio
from motiongen.report import Row, Table, Value

#: averaged over draws of equally many clips of both sets
_OF_SETS = (
    *("fid", "kid", "mmd", "precision", "recall", "density", "coverage", "mms"),
    *("inner_nn_ratio",),
)
#: of all clips of both sets
_OF_WHOLE_SETS = ("fid_extrapolated", "fid_per_class")
#: of all clips of a set, by themselves
_OF_SAMPLES = ("accuracy", "apd", "acpd", "apd_ratio", "multimodality")
#: between clips of a set: says nothing about another reference
_INNER = "inner_nn_ratio"


def common_size(reference: ClipSet, entries: Sequence[Entry]) -> int:
    """Clips compared: as many as the smallest generated set and half of the real ones have."""
    sizes = [len(entry.clips) for entry in entries if entry.kind == "generated"]
    return min(len(reference) // 2, *sizes)


def likeness_table(
    reference: ClipSet, entries: Sequence[Entry], draw: Draw, *, title: str, samples: bool
) -> Table:
    """Scores against the clips of `reference`.

    Args:
        reference: real clips.
        entries: what is scored.
        draw: see `Draw`.
        title: of the table.
        samples: with the scores that need no reference: accuracy and diversity.

    Raises:
        ValueError: if k or fewer clips can be compared.
    """
    size = common_size(reference, entries)
    if size <= draw.k:
        raise ValueError(
            f"only {size} clips of each set can be compared with {reference.name}: that needs "
            f"more than k = {draw.k} clips in every generated set and in each half of "
            f"{reference.name}, which has {len(reference)}"
        )
    own = Entry(reference, "reference")
    rows = [
        _half_row(own, size, draw, samples),
        *(_row(reference, entry, size, draw, samples) for entry in entries),
    ]
    names = [name for name in _OF_SETS if samples or name != _INNER]
    names += [*_OF_WHOLE_SETS, *(_OF_SAMPLES if samples else ())]
    # what is defined for no row would be a column of dashes; a note says why, once
    known = {n for row in rows for n, v in row.values.items() if v.value is not None}
    lacking = {n: v.note for row in rows for n, v in row.values.items() if n not in known}
    names = [name for name in names if name in known]
    return Table(
        title=title,
        columns=[column(name) for name in names],
        rows=[with_columns(row, names) for row in rows],
        caption=_caption(reference, entries, size, draw, lacking),
        interval=INTERVAL if samples else RANGE,
        reference=rows[0].name,
    )


def _caption(
    reference: ClipSet,
    entries: Sequence[Entry],
    size: int,
    draw: Draw,
    lacking: Mapping[str, str],
) -> str:
    text = (
        f"Scores of whole sets, FID to sample-to-sample distance, compare {size} clips of a set "
        f"with {size} of the {len(reference)} of {reference.name}, and are means over "
        f"{draw.turns} such draws (by class, k = {draw.k}), in brackets their range."
    )
    text += "".join(f" {column(n).title}: {note}." for n, note in lacking.items() if note)
    larger = [f"{e.clips.name} ({len(e.clips)})" for e in entries if len(e.clips) > size]
    return text + (f" Larger sets were subsampled: {', '.join(larger)}." if larger else "")


def _half_row(own: Entry, size: int, draw: Draw, samples: bool) -> Row:
    """Real against real: what scores an honest model cannot be expected to beat."""
    clips, found = own.clips, []
    for turn in range(draw.turns):
        first, second = halves(clips.labels, draw.rng(0, turn))
        parts = clips.features[first[:size]], clips.features[second[:size]]
        found.append(_scores(*parts, draw))
    values = over_draws(found)
    first, second = halves(clips.labels, draw.rng(0, 0))
    values |= _whole_scores(_Rows.of(clips, first), _Rows.of(clips, second), draw)
    if samples:
        values |= _sample_scores(clips, clips, draw)
    meaning = f"two disjoint halves of {clips.name}, against each other"
    return Row(f"{clips.name}, other half", "reference", values, size, meaning)


def _row(reference: ClipSet, entry: Entry, size: int, draw: Draw, samples: bool) -> Row:
    clips, found = entry.clips, []
    size = min(size, len(clips))
    for turn in range(draw.turns if size > draw.k else 0):
        first, _ = halves(reference.labels, draw.rng(0, turn))
        second = stratified_order(clips.labels, draw.rng(2, turn))
        real, fake = reference.features[first[:size]], clips.features[second[:size]]
        found.append(_scores(real, fake, draw))
    few = f"{size} clips; more than {draw.k} are needed"
    values = over_draws(found) if found else {name: Value(None, note=few) for name in _OF_SETS}
    values |= _whole_scores(_Rows.of(reference), _Rows.of(clips), draw)
    if samples:
        values |= _sample_scores(clips, reference, draw)
    return entry.row(values, size)


def _scores(real: np.ndarray, fake: np.ndarray, draw: Draw) -> dict[str, float]:
    """The scores of whole sets for one draw; NaN where one is not defined."""
    with warnings.catch_warnings():
        # the report says it in its own words
        warnings.filterwarnings("ignore", message="fid: ")
        distance = fid(real, fake)
    near = neighbour_scores(real, fake, draw.k)
    return {
        "fid": distance,
        "kid": kid(real, fake),
        "mmd": or_nan(lambda: mmd2_rbf(real, fake, rng=draw.rng(8))),
        "precision": near.precision,
        "recall": near.recall,
        "density": near.density,
        "coverage": near.coverage,
        "mms": mms(real, fake),
        # not defined where most real rows are doubled
        "inner_nn_ratio": or_nan(lambda: inner_nn_ratio(real, fake)),
    }


@dataclass(frozen=True)
class _Rows:
    """Features and their labels."""

    features: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, clips: ClipSet, rows: np.ndarray | None = None) -> "_Rows":
        use = np.arange(len(clips)) if rows is None else rows
        return cls(clips.features[use], clips.labels[use])


def _whole_scores(real: _Rows, fake: _Rows, draw: Draw) -> dict[str, Value]:
    """What needs many clips: with few there is a note instead of a value."""
    count, columns = min(len(real.labels), len(fake.labels)), real.features.shape[1]
    shared = np.intersect1d(real.labels[real.labels >= 0], fake.labels[fake.labels >= 0])
    least = min((int((p.labels == c).sum()) for p in (real, fake) for c in shared), default=0)
    found = {
        "fid_extrapolated": Value(None, note=f"needs {4 * columns} clips of each set"),
        "fid_per_class": Value(None, note=f"needs {2 * columns} clips of each class in each set"),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="fid: ")
        if count >= 4 * columns:
            lines = [
                fid_extrapolated(real.features, fake.features, draw.rng(9, turn))
                for turn in range(draw.turns)
            ]
            found["fid_extrapolated"] = Value(
                float(np.mean(lines)), min(lines), max(lines), n=count
            )
        if least >= 2 * columns:
            parts = [(p.features[p.labels >= 0], p.labels[p.labels >= 0]) for p in (real, fake)]
            each = list(fid_per_class(*parts[0], *parts[1]).values())
            found["fid_per_class"] = Value(
                float(np.mean(each)), min(each), max(each), n=count, note="range: over classes"
            )
    return found


def _sample_scores(clips: ClipSet, reference: ClipSet, draw: Draw) -> dict[str, Value]:
    """What is measured on the whole set, and its range over draws of half of its clips."""
    right = np.where(clips.labels >= 0, clips.predicted == clips.labels, np.nan)
    real = apd(reference.features, draw.rng(3))
    whole = _spreads(_Rows.of(clips), real, draw, 0)
    parts = []
    for turn in range(draw.turns):
        rows = stratified_order(clips.labels, draw.rng(12, turn))[: (len(clips) + 1) // 2]
        parts.append(_spreads(_Rows.of(clips, rows), real, draw, turn))
    found = {"accuracy": mean_value(right, draw, clips.people)}
    for name, value in whole.items():
        # a half may lack pairs that the whole has
        seen = [value, *(part[name] for part in parts if np.isfinite(part[name]))]
        found[name] = Value(value, min(seen), max(seen), n=len(clips))
    return found


def _spreads(clips: _Rows, real: float, draw: Draw, turn: int) -> dict[str, float]:
    """How far clips lie from each other; NaN where that is not defined."""
    known = clips.labels >= 0
    own = clips.features[known], clips.labels[known]
    spread = or_nan(lambda: apd(clips.features, draw.rng(3, turn)))
    return {
        "apd": spread,
        "acpd": or_nan(lambda: acpd(*own, draw.rng(10, turn))),
        "apd_ratio": spread / real if real > 0 else np.nan,
        "multimodality": or_nan(lambda: multimodality(*own, draw.rng(11, turn))),
    }
