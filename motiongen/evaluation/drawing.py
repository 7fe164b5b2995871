"""Which clips are compared: draws that depend on a seed and on the clips, never on their order."""

import hashlib

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from motiongen.motion import MotionBatch

Rows = Int[np.ndarray, "_n"]


def digests(clips: MotionBatch) -> list[str]:
    """A fingerprint of what each clip shows: joints where seen, confidence, length, label.

    Padding and whatever lies under confidence 0 take no part.
    """
    joints = torch.where(clips.mask[..., None], clips.joints, 0.0).float().cpu().numpy()
    confidence = clips.confidence.float().cpu().numpy()
    keys = zip(clips.length.tolist(), clips.label.tolist(), strict=True)
    found = []
    for row, (frames, label) in enumerate(keys):
        mark = hashlib.blake2b(f"{frames} {label} ".encode(), digest_size=16)
        mark.update(np.ascontiguousarray(joints[row, :frames]).tobytes())
        mark.update(np.ascontiguousarray(confidence[row, :frames]).tobytes())
        found.append(mark.hexdigest())
    return found


def canonical_order(clips: MotionBatch) -> Int[Tensor, "_n"]:
    """Rows in an order that depends on the clips alone.

    Sorting by content once makes every later draw, batch and sum independent of the order in
    which the clips came.
    """
    marks = digests(clips)
    return torch.tensor(sorted(range(len(marks)), key=marks.__getitem__), dtype=torch.long)


def joined(parts: list[MotionBatch]) -> MotionBatch:
    """Several batches of one padded length as one, without targets and numbers."""
    return MotionBatch(
        joints=torch.cat([part.joints for part in parts]),
        confidence=torch.cat([part.confidence for part in parts]),
        length=torch.cat([part.length for part in parts]),
        label=torch.cat([part.label for part in parts]),
    )


def stratified_order(labels: Rows, rng: np.random.Generator) -> Rows:
    """All rows in an order of which every beginning holds the classes in their proportions."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        place[rows] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
    return np.argsort(place, kind="stable")


def halves(labels: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Two disjoint halves with the same classes, each in stratified order."""
    sides: tuple[list[int], list[int]] = ([], [])
    for label in np.unique(labels):
        for row in rng.permutation(np.flatnonzero(labels == label)).tolist():
            # an odd clip goes to the smaller side, so that the halves differ by one at most
            sides[len(sides[0]) > len(sides[1])].append(row)
    first, second = (np.array(side, dtype=np.int64) for side in sides)
    return (
        first[stratified_order(labels[first], rng)],
        second[stratified_order(labels[second], rng)],
    )


def rows_by_label(wanted: Rows, labels: Rows, rng: np.random.Generator) -> Rows:
    """For each wanted label a row that has it; none twice before all were taken.

    Raises:
        ValueError: if no row has a wanted label.
    """
    chosen = np.empty(len(wanted), dtype=np.int64)
    for label in np.unique(wanted):
        have, places = np.flatnonzero(labels == label), np.flatnonzero(wanted == label)
        if not len(have):
            raise ValueError(f"label {label}: no clip has it; labels found: {np.unique(labels)}")
        rounds = -(-len(places) // len(have))
        chosen[places] = np.concatenate([rng.permutation(have) for _ in range(rounds)])[
            : len(places)
        ]
    return chosen
