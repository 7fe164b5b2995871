"""Whether samples are cleaner than the noisy clips a model learned from, where truth is known."""

from collections.abc import Mapping

from motiongen.evaluation.columns import Draw, mean_value
from motiongen.evaluation.drawing import canonical_order
from motiongen.evaluation.sets import check_clips, movement
from motiongen.evaluation.tables import movement_columns
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.report import Column, Row, Table, Value

_NAMES = ("jitter", "bone_length_cv", "mean_speed", "jerk")
TRUTH, NOISY = "clean truth", "noisy clips"


def clean_truth(clips: MotionBatch) -> MotionBatch:
    """The targets of clips as clips of their own, seen wherever the truth says something.

    Raises:
        ValueError: if the clips have no targets.
    """
    if clips.target is None:
        raise ValueError("the clips have no target: their clean truth is not known")
    known = clips.frame_mask[..., None] & (clips.target != 0).any(-1)
    return clips.replace(joints=clips.target, confidence=known.float(), target=None)


def compare_to_truth(
    clean: MotionBatch,
    noisy: MotionBatch,
    generated: Mapping[str, MotionBatch] | MotionBatch,
    spec: MotionSpec,
    *,
    seed: int = 0,
) -> Table:
    """Compares how clean, noisy and generated clips move, and says which is nearer to clean.

    Args:
        clean: true motion; `clean_truth` makes it from targets.
        noisy: what the models were fitted on.
        generated: samples, of one model or of several by name.
        spec: skeleton, unit and frames per second.
        seed: of the intervals.

    Raises:
        ValueError: if a set does not fit the spec; names it.
    """
    sets = {"generated": generated} if isinstance(generated, MotionBatch) else dict(generated)
    if taken := {TRUTH, NOISY} & set(sets):
        raise ValueError(f"generated: the names {sorted(taken)} are those of real clips")
    draw = Draw(k=1, turns=1, seed=seed)
    measured = {
        name: _means(name, clips, spec, draw)
        for name, clips in {TRUTH: clean, NOISY: noisy, **sets}.items()
    }
    columns = [c for c in movement_columns(spec.unit, flat=spec.channels == 2) if c.name in _NAMES]
    columns.sort(key=lambda c: _NAMES.index(c.name))
    rows = []
    for name, clips in {TRUTH: clean, NOISY: noisy, **sets}.items():
        kind = {TRUTH: "reference", NOISY: "baseline"}.get(name, "generated")
        values = _with_distances(measured, name)
        rows.append(Row(name, kind, values, len(clips)))  # pyright: ignore[reportArgumentType]
    return Table(
        title="Against the clean truth",
        columns=[each for c in columns for each in (c, _distance_column(c))],
        rows=rows,
        caption=" ".join(_verdict(name, measured, columns) for name in sets),
        interval="95 % bootstrap over clips",
        reference=TRUTH,
    )


def _means(name: str, clips: MotionBatch, spec: MotionSpec, draw: Draw) -> dict[str, Value]:
    check_clips(name, clips, spec)
    found = movement(clips.select(canonical_order(clips)), spec)
    return {metric: mean_value(found[metric], draw) for metric in _NAMES}


def _distance(measured: Mapping[str, dict[str, Value]], name: str, metric: str) -> float | None:
    own, truth = measured[name][metric].value, measured[TRUTH][metric].value
    return None if own is None or truth is None else abs(own - truth)


def _with_distances(measured: Mapping[str, dict[str, Value]], name: str) -> dict[str, Value]:
    values = dict(measured[name])
    for metric in _NAMES:
        if name != TRUTH:
            nearer = _nearer(measured, name, metric) if name != NOISY else None
            note = {True: "nearer than noisy", False: "not nearer than noisy", None: ""}[nearer]
            values[f"{metric}_off"] = Value(_distance(measured, name, metric), note=note)
    return values


def _nearer(measured: Mapping[str, dict[str, Value]], name: str, metric: str) -> bool | None:
    own, noisy = (_distance(measured, each, metric) for each in (name, NOISY))
    return None if own is None or noisy is None else own < noisy


def _distance_column(of: Column) -> Column:
    meaning = f"Absolute difference of {of.title} to that of the clean truth."
    return Column(f"{of.name}_off", f"{of.title}, off by", of.unit, "low", meaning, "motiongen")


def _verdict(name: str, measured: Mapping[str, dict[str, Value]], columns: list[Column]) -> str:
    nearer = [c.title for c in columns if _nearer(measured, name, c.name)]
    other = [c.title for c in columns if _nearer(measured, name, c.name) is False]
    if not other:
        return f"{name} is nearer to the clean truth than the noisy clips in all of these."
    if not nearer:
        return f"{name} is nearer to the clean truth than the noisy clips in none of these."
    return (
        f"{name} is nearer to the clean truth than the noisy clips in {', '.join(nearer)}; "
        f"it is not in {', '.join(other)}."
    )
