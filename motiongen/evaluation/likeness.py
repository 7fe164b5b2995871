"""How like real clips the sets are, as the extractor sees them; all sets at one n."""

import warnings
from collections.abc import Sequence

import numpy as np

from motiongen.evaluation.columns import INTERVAL, Draw, Entry, column, mean_value, with_columns
from motiongen.evaluation.drawing import halves, stratified_order
from motiongen.evaluation.sets import ClipSet
from motiongen.metrics.diversity import apd
from motiongen.metrics.fidelity import fid, neighbour_scores
from motiongen.metrics.memorisation import inner_nn_ratio
from motiongen.report import Row, Table, Value

_OF_SETS = ("fid", "density", "coverage", "inner_nn_ratio")
_OF_SAMPLES = ("accuracy", "apd", "apd_ratio")


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
    names = [*_OF_SETS, *_OF_SAMPLES] if samples else _OF_SETS[:3]
    return Table(
        title=title,
        columns=[column(name) for name in names],
        rows=[with_columns(row, names) for row in rows],
        caption=_caption(reference, entries, size, draw),
        interval=INTERVAL if samples else "",
        reference=rows[0].name,
    )


def _caption(reference: ClipSet, entries: Sequence[Entry], size: int, draw: Draw) -> str:
    text = (
        f"FID, density, coverage and sample-to-sample distance compare {size} clips of a set "
        f"with {size} of the {len(reference)} of {reference.name}, and are means over "
        f"{draw.turns} such draws (by class, k = {draw.k}); they have no interval."
    )
    larger = [f"{e.clips.name} ({len(e.clips)})" for e in entries if len(e.clips) > size]
    return text + (f" Larger sets were subsampled: {', '.join(larger)}." if larger else "")


def _half_row(own: Entry, size: int, draw: Draw, samples: bool) -> Row:
    """Real against real: what scores an honest model cannot be expected to beat."""
    clips, found = own.clips, []
    for turn in range(draw.turns):
        first, second = halves(clips.labels, draw.rng(0, turn))
        found.append(_scores(clips.features[first[:size]], clips.features[second[:size]], draw.k))
    values = _averaged(found)
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
        found.append(_scores(real, fake, draw.k))
    few = f"{size} clips; more than {draw.k} are needed"
    values = _averaged(found) if found else {name: Value(None, note=few) for name in _OF_SETS}
    if samples:
        values |= _sample_scores(clips, reference, draw)
    return entry.row(values, size)


def _scores(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    with warnings.catch_warnings():
        # the report says it in its own words
        warnings.filterwarnings("ignore", message="fid: ")
        distance = fid(real, fake)
    near = neighbour_scores(real, fake, k)
    try:
        inner = inner_nn_ratio(real, fake)
    except ValueError:  # most real rows are doubled
        inner = float("nan")
    return dict(zip(_OF_SETS, (distance, near.density, near.coverage, inner), strict=True))


def _averaged(found: Sequence[dict[str, float]]) -> dict[str, Value]:
    return {name: Value(float(np.mean([each[name] for each in found]))) for name in found[0]}


def _sample_scores(clips: ClipSet, reference: ClipSet, draw: Draw) -> dict[str, Value]:
    """What is measured on the whole set."""
    right = np.where(clips.labels >= 0, clips.predicted == clips.labels, np.nan)
    count = len(clips)
    spread = apd(clips.features, draw.rng(3)) if count > 1 else np.nan
    real = apd(reference.features, draw.rng(3))
    return {
        "accuracy": mean_value(right, draw, clips.people),
        "apd": Value(spread, n=count),
        "apd_ratio": Value(spread / real if real > 0 else None, n=count),
    }
