"""Splits by subject, made from the table alone, before anything is fitted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen.data.store import ClipRecord


@dataclass(frozen=True)
class Split:
    """Two disjoint lists of clip numbers, ascending. Unpacks as `train, held = split`.

    Args:
        train: clips to learn from.
        held: clips kept apart.
        note: what is not as asked (no subjects to split by); "" if all is.
    """

    train: list[int]
    held: list[int]
    note: str = ""

    def __iter__(self) -> Iterator[list[int]]:
        return iter((self.train, self.held))


def by_subject(
    subjects: Sequence[str],
    share: float,
    seed: int,
    *,
    labels: Sequence[str | int | None] | None = None,
) -> Split:
    """Holds out whole subjects whose share of the clips comes closest to `share`.

    With fewer than two subjects single clips are held out instead, as evenly over `labels` as
    possible, and `note` says so. Clips of unknown subject ("") count as one subject.

    Args:
        subjects: one name a clip.
        share: wanted share of held clips, above 0 and below 1.
        seed: which of the equally good choices.
        labels: one class a clip; used only where there are no subjects to split by.

    Raises:
        ValueError: for fewer than two clips or a share outside ]0, 1[.
    """
    if len(subjects) < 2:
        hint = "; to learn from a single one, hold none back: --data.validation 0"
        raise ValueError(
            f"by_subject: found {len(subjects)} clips, at least 2 are needed"
            f"{hint if subjects else ''}"
        )
    if not 0 < share < 1:
        raise ValueError(f"by_subject: share is {share}, allowed is above 0 and below 1")
    rng = np.random.default_rng(seed)
    names, counts = _count(subjects)
    if len(names) < 2:
        held = _spread_clips(labels or [None] * len(subjects), share, rng)
        note = f"{len(names)} subject only: split by clip, so both sides show the same person"
        return _split(len(subjects), held, note)
    order = rng.permutation(len(names))
    chosen = _closest_sum([int(counts[at]) for at in order], share * len(subjects))
    held_names = {names[order[at]] for at in chosen}
    return _split(len(subjects), [i for i, s in enumerate(subjects) if s in held_names])


def folds(subjects: Sequence[str], k: int, seed: int) -> list[Split]:
    """Divides the subjects into `k` folds of about as many clips; each is held out once.

    With `k` equal to the number of subjects each subject is left out once.

    Raises:
        ValueError: if `k` is below 2 or above the number of subjects.
    """
    names, counts = _count(subjects)
    if not 2 <= k <= len(names):
        raise ValueError(f"folds: k is {k}, allowed 2 to {len(names)}, the number of subjects")
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    sizes = np.zeros(k, dtype=np.int64)
    members: dict[str, int] = {}
    for at in order:
        fold = int(sizes.argmin())
        members[names[at]] = fold
        sizes[fold] += counts[at]
    fold_of = [members[subject] for subject in subjects]
    return [
        _split(len(subjects), [i for i, own in enumerate(fold_of) if own == fold])
        for fold in range(k)
    ]


def select(
    records: Sequence[ClipRecord],
    subjects: Iterable[str] | None = None,
    classes: Iterable[str] | None = None,
) -> list[int]:
    """Numbers of the clips of the given subjects and classes; None takes all.

    Raises:
        ValueError: if a subject or class is unknown; names the known ones.
    """
    wanted_subjects = _known("subject", subjects, {record.subject for record in records})
    wanted_classes = _known("class", classes, {record.label or "" for record in records})
    return [
        number
        for number, record in enumerate(records)
        if record.subject in wanted_subjects and (record.label or "") in wanted_classes
    ]


def _count(subjects: Sequence[str]) -> tuple[list[str], np.ndarray]:
    counts = Counter(subjects)
    names = sorted(counts)
    return names, np.array([counts[name] for name in names], dtype=np.int64)


def _known(kind: str, wanted: Iterable[str] | None, known: set[str]) -> set[str]:
    if wanted is None:
        return known
    if isinstance(wanted, str):
        raise ValueError(f"{kind}: found the text {wanted!r}, expected a list of names")
    chosen = set(wanted)
    if unknown := chosen - known:
        raise ValueError(f"{kind} {sorted(unknown)} unknown; known: {', '.join(sorted(known))}")
    return chosen


def _split(count: int, held: Iterable[int], note: str = "") -> Split:
    apart = set(held)
    return Split([i for i in range(count) if i not in apart], sorted(apart), note)


def _closest_sum(counts: Sequence[int], goal: float) -> list[int]:
    """Positions whose counts add up as near to `goal` as possible; neither none nor all."""
    # Bit s of reach[i] tells whether some of the first i counts add up to s.
    reach = [1]
    for count in counts:
        reach.append(reach[-1] | reach[-1] << count)
    bits = bin(reach[-1])[:1:-1]
    sums = (total for total in range(1, sum(counts)) if bits[total] == "1")
    rest = min(sums, key=lambda total: abs(total - goal))
    chosen = []
    for at in range(len(counts) - 1, -1, -1):
        if not reach[at] >> rest & 1:
            chosen.append(at)
            rest -= counts[at]
    return chosen


def _spread_clips(
    labels: Sequence[str | int | None], share: float, rng: np.random.Generator
) -> list[int]:
    """About `share` of the clips of every label; at least one clip on each side."""
    order = [int(clip) for clip in rng.permutation(len(labels))]
    order.sort(key=lambda clip: str(labels[clip]))
    # Every 1/share-th clip of the order by label: each label gives its share, within one clip.
    steps = np.floor((np.arange(len(order) + 1)) * share + rng.random())
    held = [clip for clip, step in zip(order, np.diff(steps), strict=True) if step > 0]
    if not held:
        return order[:1]
    return held[:-1] if len(held) == len(order) else held
