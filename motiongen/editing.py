"""Clips of a store as a model sees them, varied, interpolated and filled in."""

import warnings
from collections.abc import Callable

from motiongen.data.clips import conform, fit_length
from motiongen.data.store import Store
from motiongen.generators import Generator
from motiongen.generators.protocols import Fills, Interpolates, Varies
from motiongen.motion import Motion, MotionBatch, MotionSpec, collate

#: clips filled at a time
PART = 32


def vary(
    model: Generator, store: Store, clip: str, *, n: int, strength: float, seed: int
) -> list[Motion]:
    """Clips like one of a store.

    Args:
        model: of a family that `Varies`.
        store: holds the clip.
        clip: its id.
        n: number of variations.
        strength: 0 is the clip as the model sees it, 1 a sample of its class.
        seed: of the variations.

    Raises:
        ValueError: if the family cannot, or the store has no such clip or does not fit the model.
    """
    if not isinstance(model, Varies):
        raise _cannot(model, "--like")
    given = one_clip(model.spec, store, clip, "--clip")
    made = model.like(given, n, strength=strength, seed=seed)
    return _generated(model.spec, made, f"{clip}-seed{seed}")


def between(model: Generator, store: Store, first: str, second: str, *, n: int) -> list[Motion]:
    """Clips on the way from one clip of a store to another, both included.

    Raises:
        ValueError: see `vary`; also if n is below 2.
    """
    if not isinstance(model, Interpolates):
        raise _cannot(model, "--between")
    start, end = (one_clip(model.spec, store, name, "--between") for name in (first, second))
    return _generated(model.spec, model.interpolate(start, end, n), f"{first}-to-{second}")


def fill(
    model: Generator,
    store: Store,
    *,
    n: int = 1,
    seed: int = 0,
    keep: bool = True,
    temperature: float = 1.0,
    progress: Callable[[int], object] | None = None,
) -> list[Motion]:
    """All clips of a store, completed, in the model's layout and rate, the body at the origin.

    Args:
        model: of a family that `Fills`.
        store: the clips.
        n: fillings of each clip; more than one have numbered ids.
        seed: of the fillings.
        keep: what was seen stays as it is.
        temperature: 0 fills in what is most likely, 1 what may be.
        progress: called with the number of clips finished at each step.

    Raises:
        ValueError: if the family cannot, or nothing in the store fits the model.
    """
    if not isinstance(model, Fills):
        raise _cannot(model, "--fill")
    spec = model.spec
    motions = _all_clips(spec, store)
    filled = []
    for first in range(0, len(motions), PART):
        part = motions[first : first + PART]
        rows = range(first, first + len(part))
        clips = collate(part, spec.frames, rows)
        made = model.fill(clips, n=n, seed=seed, keep=keep, temperature=temperature)
        for row, motion in enumerate(made.to("cpu").unbind(spec)):
            old, turn = part[row // n], row % n
            name = old.id if n == 1 else f"{old.id}-{turn}"
            filled.append(old.replace(joints=motion.joints, confidence=motion.confidence, id=name))
        if progress is not None:
            progress(len(part))
    return filled


def one_clip(spec: MotionSpec, store: Store, name: str, option: str) -> MotionBatch:
    """A clip of a store as a model sees it.

    Raises:
        ValueError: if the store does not fit the model, or has no such clip; names the option.
    """
    _check_store(spec, store)
    for number, record in enumerate(store.records):
        if record.id == name:
            return collate([_adopted(spec, store, number)], spec.frames)
    some = ", ".join(repr(record.id) for record in store.records[:3])
    raise ValueError(
        f"{option}: {name!r} is no clip of {store.path}; its {len(store)} clips are {some}, ..."
    )


def _all_clips(spec: MotionSpec, store: Store) -> list[Motion]:
    _check_store(spec, store)
    motions, reasons = [], []
    for number in range(len(store)):
        try:
            motions.append(_adopted(spec, store, number))
        except ValueError as error:
            reasons.append(str(error))
    if not motions:
        raise ValueError(f"store {store.path}: no clip fits the model; the first: {reasons[0]}")
    if reasons:
        warnings.warn(f"{len(reasons)} clips left out; the first: {reasons[0]}", stacklevel=3)
    return motions


def _adopted(spec: MotionSpec, store: Store, number: int) -> Motion:
    """A clip in the model's layout, rate and classes, cut where it is too long."""
    label = store.records[number].label
    known = label in spec.classes
    motion = store[number].replace(label=spec.classes.index(str(label)) if known else None)
    motion = conform(motion, spec)
    if motion.num_frames > spec.frames:
        warnings.warn(
            f"clip {motion.id!r} has {motion.num_frames} frames and is cut to the "
            f"{spec.frames} that the model knows",
            stacklevel=4,
        )
    return fit_length(motion, spec.frames)


def _check_store(spec: MotionSpec, store: Store) -> None:
    for name in ("layout", "channels", "unit"):
        found, needed = getattr(store.spec, name), getattr(spec, name)
        if found != needed:
            raise ValueError(
                f"store {store.path}: its {name} is {found!r}, the model's is {needed!r}"
            )


def _generated(spec: MotionSpec, made: MotionBatch, prefix: str) -> list[Motion]:
    motions = made.to("cpu").unbind(spec, prefix)
    return [motion.replace(subject="generated") for motion in motions]


def _cannot(model: Generator, option: str) -> ValueError:
    return ValueError(f"{option}: {type(model).__name__} cannot do that")
