"""What must hold before clips may be compared: labels, and nobody on both sides."""

from motiongen.evaluation.drawing import digests
from motiongen.motion import NO_LABEL, MotionBatch


def labelled(clips: MotionBatch, name: str) -> MotionBatch:
    """The clips that have a label, on the CPU.

    Raises:
        ValueError: if none has.
    """
    clips = clips.to("cpu")
    clips = clips.select(clips.label != NO_LABEL)
    if not len(clips):
        raise ValueError(f"{name}: no clip has a label")
    return clips


def check_leak(clips: MotionBatch, test: MotionBatch, name: str) -> None:
    """Refuses test clips that are also among clips to learn from.

    Raises:
        ValueError: if there are any.
    """
    known = set(digests(clips))
    found = [row for row, mark in enumerate(digests(test)) if mark in known]
    if found:
        raise ValueError(
            f"{len(found)} of {len(test)} test clips (first: {found[0]}) are also among the "
            f"{name} clips; people in the test set must be unseen"
        )


def check_counts(asked: list[int], drawn: MotionBatch, seed: int) -> None:
    """Refuses clips that are not those asked for.

    Raises:
        ValueError: if labels or their order differ.
    """
    if drawn.label.tolist() != asked:
        raise ValueError(
            f"draw (seed {seed}): {len(asked)} labels were asked for, and {len(drawn)} clips "
            "came with other labels or in another order"
        )
