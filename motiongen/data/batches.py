"""Rows of the table for the clips of a batch."""

from collections.abc import Iterator, Mapping, Sequence

from motiongen.data.table import ClipRecord
from motiongen.motion import MotionBatch, MotionSpec


def batch_records(
    batch: MotionBatch,
    spec: MotionSpec,
    ids: Sequence[str],
    subject: str,
    classes: Sequence[str],
    counts: Mapping[str, int],
) -> Iterator[ClipRecord]:
    """One record a clip, without a target, whose frames follow each other in the arrays.

    Args:
        batch: the clips.
        spec: their layout, unit and rate.
        ids: of the clips; also their source.
        subject: who moves in all of them.
        classes: names of the labels.
        counts: numbers that are in each array before the first clip.

    Raises:
        ValueError: if there is not one id a clip, or a label without a class; names the clip.
    """
    joints, channels = batch.joints.shape[2:]
    at = dict(counts)
    # the last name is that of -1, which stands for none
    names = (*classes, None)
    for id, frames, label in zip(ids, batch.length.tolist(), batch.label.tolist(), strict=True):
        if not -1 <= label < len(classes):
            raise ValueError(f"clip {id!r}: label {label} is not among {tuple(classes)}")
        record = ClipRecord(
            id=id,
            label=names[label],
            subject=subject,
            source=id,
            layout=spec.layout,
            unit=spec.unit,
            fps=float(spec.fps),
            frames=frames,
            joints=joints,
            channels=channels,
            joints_offset=at["joints.npy"],
            confidence_offset=at["confidence.npy"],
            target_offset=None,
        )
        for name, (_, stop) in record.spans().items():
            at[name] = stop
        yield record
