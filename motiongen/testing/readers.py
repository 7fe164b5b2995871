"""What every reader promises about the files that it is given."""

import torch

from motiongen import layouts
from motiongen.formats.base import Reader
from motiongen.motion import Motion
from motiongen.testing.contract import (
    Check,
    check,
    require,
    require_equal,
    require_finite,
    run_all,
)

#: clips of a large source that are read, spread over its index
MOST_CLIPS = 20


def check_reader(reader: Reader) -> None:
    """Runs every check of `reader_checks` on a reader and its files.

    Args:
        reader: of a source with at least one clip, better some of several people and classes.

    Raises:
        ContractError: with one line for each promise that is not kept.
    """
    run_all(reader_checks(), reader)


def reader_checks() -> list[Check]:
    """The checks; each takes a reader of some files."""
    return [
        index_is_fixed,
        labels_are_among_the_classes,
        layout_matches,
        values_are_finite_where_seen,
        clip_is_what_the_index_says,
        reading_is_repeatable,
    ]


def motions(reader: Reader) -> list[Motion]:
    """At most `MOST_CLIPS` clips, spread over the index."""
    index = reader.index()
    return [reader.load(clip) for clip in index[:: max(1, -(-len(index) // MOST_CLIPS))]]


@check
def index_is_fixed(reader: Reader) -> None:
    """The same clips in the same order each time, each with an id of its own."""
    clips = reader.index()
    require(len(clips) > 0, "the index is empty")
    require(reader.index() == clips, "a second index differs from the first")
    ids = [clip.id for clip in clips]
    doubled = sorted({name for name in ids if ids.count(name) > 1})
    require(not doubled, f"ids {doubled} belong to several clips")
    require(all(ids), "a clip has no id")
    paths = [clip.path for clip in clips if clip.path.startswith("/") or ".." in clip.path]
    require(not paths, f"paths {paths[:3]} are not relative to the source")


@check
def labels_are_among_the_classes(reader: Reader) -> None:
    """A label in the index is a class's name, in a motion its number."""
    clips = reader.index()
    classes = reader.classes
    unknown = sorted({clip.label for clip in clips if clip.label is not None} - set(classes))
    require(not unknown, f"labels {unknown} are not among the classes {classes}")
    require(len(set(classes)) == len(classes), f"classes are not unique: {classes}")
    for motion in motions(reader):
        allowed = motion.label is None or 0 <= motion.label < len(classes)
        require(allowed, f"clip {motion.id!r}: label {motion.label}, {len(classes)} classes")


@check
def layout_matches(reader: Reader) -> None:
    """A known layout with its number of joints, 2 or 3 coordinates, at least one frame."""
    for motion in motions(reader):
        known = layouts.names()
        require(motion.layout in known, f"clip {motion.id!r}: layout {motion.layout!r} unknown")
        frames, joints, channels = motion.joints.shape
        expected = layouts.get(motion.layout).num_joints
        require(
            joints == expected,
            f"clip {motion.id!r}: {joints} joints, layout {motion.layout} has {expected}",
        )
        require(channels in (2, 3), f"clip {motion.id!r}: {channels} coordinates a joint")
        require(frames > 0, f"clip {motion.id!r}: no frames")
        rate = motion.fps
        require(rate is None or 0 < rate < 1e4, f"clip {motion.id!r}: {rate} frames per second")


@check
def values_are_finite_where_seen(reader: Reader) -> None:
    """Confidence in [0,1]; positions finite, 0 where nothing was seen; something was seen."""
    for motion in motions(reader):
        require_finite(motion.joints, f"clip {motion.id!r}: joints")
        confidence = motion.confidence
        inside = bool(((confidence >= 0) & (confidence <= 1)).all())
        require(inside, f"clip {motion.id!r}: confidence leaves [0,1]")
        require(not motion.joints[~motion.mask].any(), f"clip {motion.id!r}: unseen, but not 0")
        dtypes = (motion.joints.dtype, confidence.dtype)
        require(dtypes == (torch.float32,) * 2, f"clip {motion.id!r}: {dtypes}, not float32")


@check
def clip_is_what_the_index_says(reader: Reader) -> None:
    """Id, subject and class of a motion are those of its entry in the index."""
    entries = {clip.id: clip for clip in reader.index()}
    for motion in motions(reader):
        require(motion.id in entries, f"clip {motion.id!r} is not in the index")
        clip = entries[motion.id]
        label = None if motion.label is None else reader.classes[motion.label]
        found, expected = (motion.subject, label), (clip.subject, clip.label)
        require(found == expected, f"clip {clip.id!r}: {found}, the index has {expected}")


@check
def reading_is_repeatable(reader: Reader) -> None:
    """Reading a clip again, after others, gives the same numbers."""
    first = motions(reader)
    for clip, again in zip(first, motions(reader), strict=True):
        require_equal(again.joints, clip.joints, f"clip {clip.id!r} read again: joints")
        require_equal(again.confidence, clip.confidence, f"clip {clip.id!r}: confidence")
