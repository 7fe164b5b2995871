"""Clips of a store, brought to a spec: layout, rate, length, place."""

import warnings
from collections.abc import Callable, Sequence

from motiongen import transforms
from motiongen.data import splits
from motiongen.data.store import Store
from motiongen.motion import Motion, MotionBatch, MotionSpec, collate


def conform(motion: Motion, spec: MotionSpec) -> Motion:
    """Brings a clip to the spec's layout and rate and moves the body's centre to the origin.

    Raises:
        ValueError: if dimensions or units differ, fewer than 2 frames remain, or nothing that
            the spec's layout has was seen; names the clip.
    """
    name = motion.source or motion.id
    if motion.joints.shape[-1] != spec.channels:
        raise ValueError(
            f"clip {name}: has {motion.joints.shape[-1]} coordinates a joint, "
            f"the spec {spec.channels}"
        )
    if motion.unit != spec.unit:
        raise ValueError(f"clip {name}: is in {motion.unit!r}, the spec in {spec.unit!r}")
    if motion.layout != spec.layout:
        motion = transforms.relayout(motion, spec.layout)
    motion = transforms.resample(motion, spec.fps)
    if motion.num_frames < 2:
        raise ValueError(f"clip {name}: has {motion.num_frames} frame(s) at {spec.fps} frames/s")
    return transforms.centre(motion)


def fit_length(motion: Motion, frames: int, share: float = 0.5) -> Motion:
    """Cuts a clip that is too long; `share` places the window, see `window_start`."""
    if motion.num_frames <= frames:
        return motion
    return cut(motion, window_start(motion, frames, share), frames)


def window_start(motion: Motion, frames: int, share: float) -> int:
    """First frame of a window, from the start (share 0) to the end (1) of a longer clip.

    Where the window would show nothing at all, the nearest one that shows something is taken.
    """
    spare = motion.num_frames - frames
    start = round(share * spare)
    shown = motion.mask.any(1).nonzero()[:, 0]
    if not ((shown >= start) & (shown < start + frames)).any():
        nearest = int(shown[(shown - start - frames // 2).abs().argmin()])
        start = min(max(nearest - frames // 2, 0), spare)
    return start


def cut(motion: Motion, start: int, frames: int) -> Motion:
    """A window of a clip, the body's centre moved to the origin."""
    return transforms.centre(transforms.crop(motion, start, frames))


def load_clips(
    store: Store,
    spec: MotionSpec,
    *,
    subjects: Sequence[str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Motion]:
    """The clips of the spec's classes (and of some subjects), conformed, uncut, in order.

    Clips that cannot be brought to the spec are left out with a warning.

    Raises:
        ValueError: if a subject or class is unknown, or nothing is left.
    """
    classes = list(spec.classes) if spec.classes != store.classes else None
    rows = splits.select(store.records, subjects, classes)
    if not rows:
        raise ValueError(f"store {store.path}: no clip of subjects {subjects} and {classes}")
    numbers = {name: number for number, name in enumerate(spec.classes)}
    motions, reasons = [], []
    for row in rows:
        label = store.records[row].label
        motion = store[row].replace(label=None if label is None else numbers.get(label))
        try:
            motions.append(conform(motion, spec))
        except ValueError as error:
            reasons.append(str(error))
        if progress is not None:
            progress(1)
    if not motions:
        raise ValueError(f"store {store.path}: no clip fits the spec; the first: {reasons[0]}")
    if reasons:
        warnings.warn(f"{len(reasons)} clips left out; the first: {reasons[0]}", stacklevel=2)
    return motions


def as_batch(motions: Sequence[Motion], spec: MotionSpec) -> MotionBatch:
    """All clips in one batch; long ones are cut in the middle."""
    return collate([fit_length(motion, spec.frames) for motion in motions], spec.frames)
