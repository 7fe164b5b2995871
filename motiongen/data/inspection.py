"""What a store holds and how good it is: counts, lengths, what is missing, noise, odd clips."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from motiongen import layouts
from motiongen.data.store import ClipRecord, Store, StoreError
from motiongen.data.summary import Inspection
from motiongen.data.validation import findings_in
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

__all__ = ["Inspection", "inspect"]

_Number = int | float | np.integer | np.floating

NO_CLASS, NO_SUBJECT, NO_RATE = "(no class)", "(unknown)", "unknown"
# Out and back, not the single step: at 15 fps a waving hand moves half a torso a frame.
JUMP_TORSOS = 0.5
JUMP_DEVIATIONS = 12
SHORT_FRAMES = 8
MANY_JUMPS = 0.01
MANY_MISSING = 0.2
WIDE_SPREAD = 0.5
ODD_SIZE = 3.0


def inspect(store: Store) -> Inspection:
    """Reads every clip once, one at a time, and reports what the store holds."""
    layout_names = Counter(record.layout for record in store.records)
    found = [_examine(store, number) for number in range(len(store))]
    readable = [clip for clip in found if clip is not None]
    by_layout: dict[str, list[_Measures]] = defaultdict(list)
    for clip in readable:
        by_layout[clip.record.layout].append(clip)
    counts = _counts(store)
    lengths = [record.frames for record in store.records]
    return Inspection(
        path=str(store.path),
        bytes=store.num_bytes,
        clips=len(store),
        frames=sum(lengths),
        spec=store.spec.as_dict(),
        fps_assumed=bool(store.manifest["fps_assumed"]),
        classes=list(store.classes),
        absent=[name for name in store.classes if not sum(counts[name].values())],
        subjects=_natural({record.subject for record in store.records} - {""}),
        counts=counts,
        layouts=dict(layout_names),
        units=dict(Counter(record.unit for record in store.records)),
        rates=dict(Counter(_rate(record) for record in store.records)),
        length=_quantiles(lengths, min=0, p5=5, median=50, p95=95, max=100),
        missing={name: _missing(clips) for name, clips in by_layout.items()},
        missing_joints=_share(
            sum(clip.missing.sum() for clip in readable),
            sum(clip.record.frames * clip.record.joints for clip in readable),
        ),
        missing_frames=_share(
            sum(clip.empty for clip in readable), sum(clip.record.frames for clip in readable)
        ),
        bone_spread={name: _bone_spread(clips) for name, clips in by_layout.items()},
        jitter=_quantiles([clip.jitter for clip in readable], median=50, p95=95),
        jumps=_share(sum(clip.jumps for clip in readable), sum(clip.steps for clip in readable)),
        suspicious=list(_suspicious(store, found)),
        dropped=[dict(entry) for entry in store.dropped],
        findings=findings_in(store.manifest["origin"]),
    )


# --- one clip --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measures:
    """Of one clip. `missing` counts frames by joint; `spread` is by bone; `up` is in torsos."""

    record: ClipRecord
    skeleton: Skeleton | None
    missing: np.ndarray
    empty: int
    spread: np.ndarray
    size: float
    jitter: float
    jumps: int
    steps: int
    still: bool
    up: float
    digest: bytes


def _examine(store: Store, number: int) -> _Measures | None:
    try:
        motion = store[number]
    except StoreError:
        return None
    return _measure(motion, store.records[number])


def _measure(motion: Motion, record: ClipRecord) -> _Measures:
    joints, mask = motion.joints.numpy(), motion.mask.numpy()
    skeleton = _skeleton(record)
    size, spread = np.nan, np.empty(0)
    if skeleton is not None:
        size, spread = _bones(joints, mask, skeleton)
    torso, up = _torso(joints, mask, skeleton)
    seen = mask[1:] & mask[:-1]
    step = np.where(seen[..., None], np.diff(joints, axis=0), 0)
    thrice = seen[1:] & seen[:-1]
    bent = np.linalg.norm(np.diff(step, axis=0), axis=-1)[thrice]
    return _Measures(
        record=record,
        skeleton=skeleton,
        missing=(~mask).sum(0),
        empty=int((~mask.any(1)).sum()),
        spread=spread if record.channels == 3 else np.full_like(spread, np.nan),
        size=size,
        jitter=_share(bent.mean() if bent.size else np.nan, size),
        jumps=_jumps(step, seen, torso),
        steps=bent.size,
        still=bool(seen.any()) and not step.any(),
        up=_share(up, torso),
        digest=hashlib.blake2b(joints.tobytes() + mask.tobytes(), digest_size=16).digest(),
    )


def _skeleton(record: ClipRecord) -> Skeleton | None:
    """The layout's skeleton, if it is known and has as many joints as the clip."""
    if record.layout not in layouts.names():
        return None
    skeleton = layouts.get(record.layout)
    return skeleton if skeleton.num_joints == record.joints else None


def _bones(joints: np.ndarray, mask: np.ndarray, skeleton: Skeleton) -> tuple[float, np.ndarray]:
    """Sum of the median bone lengths, and each bone's spread over time. Shapes: -> [], [E]."""
    child, parent = skeleton.bones.T
    lengths = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
    seen = mask[:, child] & mask[:, parent]
    count = seen.sum(0)
    # NaN sorts to the end: much faster than nanmedian, which loops in Python.
    ordered = np.sort(np.where(seen, lengths, np.nan), axis=0)
    last, bone = np.maximum(count, 1), np.arange(len(count))
    median = (ordered[(last - 1) // 2, bone] + ordered[last // 2, bone]) / 2
    mean = np.where(seen, lengths, 0).sum(0) / last
    deviation = np.sqrt((np.where(seen, lengths - mean, 0) ** 2).sum(0) / last)
    usable = (count >= 2) & (median > 0)
    spread = np.divide(deviation, median, out=np.full(len(count), np.nan), where=usable)
    return float(np.nansum(median)), spread


def _torso(joints: np.ndarray, mask: np.ndarray, skeleton: Skeleton | None) -> tuple[float, float]:
    """Median length from the hips to the shoulders and how far up it leads; NaN if unseen."""
    if skeleton is None or not skeleton.has_roles("left_shoulder", "right_shoulder"):
        return np.nan, np.nan
    low = list(skeleton.anchor)
    high = [skeleton.roles["left_shoulder"], skeleton.roles["right_shoulder"]]
    seen = mask[:, low + high].all(1)
    if not seen.any():
        return np.nan, np.nan
    torso = joints[seen][:, high].mean(1) - joints[seen][:, low].mean(1)
    length = float(np.median(np.linalg.norm(torso, axis=-1)))
    return (length or np.nan), float(np.median(torso[:, 1]))


def _jumps(step: np.ndarray, seen: np.ndarray, torso: float) -> int:
    """Counts steps out and back. Steps that were not seen are 0. Shapes: [T-1,J,C], [T-1,J]."""
    length = np.linalg.norm(step, axis=-1)
    limit = JUMP_TORSOS * torso
    if not np.isfinite(torso) and seen.any():
        middle = np.median(length[seen])
        limit = middle + JUMP_DEVIATIONS * np.median(np.abs(length[seen] - middle))
    far = length > limit
    back = (step[1:] * step[:-1]).sum(-1) < 0
    return int((far[1:] & far[:-1] & back).sum())


# --- all clips -------------------------------------------------------------------------------


def _suspicious(store: Store, found: Sequence[_Measures | None]) -> Iterator[dict[str, str]]:
    sizes: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clip in found:
        if clip is not None:
            sizes[clip.record.layout, clip.record.unit].append(clip.size)
    usual = {key: _median(values) for key, values in sizes.items()}
    first: dict[bytes, str] = {}
    for record, clip in zip(store.records, found, strict=True):
        reasons = ["cannot be read: the file is damaged"]
        if clip is not None:
            reasons = list(_oddities(clip, usual[record.layout, record.unit]))
            twin = first.setdefault(clip.digest, record.id)
            if twin != record.id:
                reasons.append(f"equal to clip {twin}")
        if reasons:
            reason = "; ".join(reasons)
            yield {"id": record.id, "source": record.source or record.id, "reason": reason}


def _oddities(clip: _Measures, usual_size: float) -> Iterator[str]:
    """Every reason why a clip is worth a look. Comparisons with NaN are False."""
    record = clip.record
    spread = _median(clip.spread)
    empty = clip.empty / record.frames
    jumps = _share(clip.jumps, clip.steps)
    checks: list[tuple[bool, Callable[[], str]]] = [
        (clip.skeleton is None, lambda: f"layout {record.layout} unknown or of another size"),
        (record.frames < SHORT_FRAMES, lambda: f"only {record.frames} frames"),
        (clip.missing.sum() == record.frames * record.joints, lambda: "nothing seen"),
        (empty > MANY_MISSING, lambda: f"{clip.empty} of {record.frames} frames have no joint"),
        (clip.still, lambda: "never moves"),
        (jumps > MANY_JUMPS, lambda: f"{jumps:.0%} of the joint positions jump"),
        (spread > WIDE_SPREAD, lambda: f"bone lengths vary by {spread:.0%}"),
        (
            not 1 / ODD_SIZE <= _share(clip.size, usual_size) <= ODD_SIZE
            and np.isfinite(usual_size),
            lambda: (
                f"body {_share(clip.size, usual_size):.2g} times the usual size: another unit?"
            ),
        ),
        (clip.up < -JUMP_TORSOS, lambda: "shoulders below the hips: does y point up?"),
    ]
    return (reason() for odd, reason in checks if odd)


def _counts(store: Store) -> dict[str, dict[str, int]]:
    """Clips by class (also absent ones) and subject, in a fixed order."""
    pairs = Counter((r.label or NO_CLASS, r.subject or NO_SUBJECT) for r in store.records)
    subjects = _natural({subject for _, subject in pairs})
    unlabelled = [NO_CLASS] if any(name == NO_CLASS for name, _ in pairs) else []
    return {
        name: {subject: pairs[name, subject] for subject in subjects}
        for name in (*store.classes, *unlabelled)
    }


def _missing(clips: Sequence[_Measures]) -> dict[str, float]:
    names = _joint_names(clips[0])
    alike = [clip for clip in clips if len(clip.missing) == len(names)]
    frames = sum(clip.record.frames for clip in alike)
    total = np.sum([clip.missing for clip in alike], axis=0)
    return {name: _share(count, frames) for name, count in zip(names, total, strict=True)}


def _bone_spread(clips: Sequence[_Measures]) -> dict[str, float]:
    alike = [clip for clip in clips if clip.skeleton is not None and clip.record.channels == 3]
    if not alike or alike[0].skeleton is None:
        return {}
    spreads = np.stack([clip.spread for clip in alike])
    known = np.isfinite(spreads)
    names = [alike[0].skeleton.joints[child] for child, _ in alike[0].skeleton.bones]
    totals = zip(names, np.where(known, spreads, 0).sum(0), known.sum(0), strict=True)
    return {name: _share(total, count) for name, total, count in totals}


def _joint_names(clip: _Measures) -> Sequence[str]:
    if clip.skeleton is not None:
        return clip.skeleton.joints
    return [f"joint {number}" for number in range(clip.record.joints)]


def _rate(record: ClipRecord) -> str:
    return NO_RATE if record.fps is None else f"{record.fps:g}"


def _natural(names: Iterable[str]) -> list[str]:
    """Sorted, numbers by value."""
    return sorted(names, key=lambda n: (not n.isdecimal(), int(n) if n.isdecimal() else 0, n))


def _share(part: _Number, whole: _Number) -> float:
    return float(part / whole) if whole > 0 else np.nan


def _median(values: Sequence[_Number] | np.ndarray) -> float:
    return _quantiles(values, median=50)["median"]


def _quantiles(values: Sequence[_Number] | np.ndarray, **percentiles: int) -> dict[str, float]:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return dict.fromkeys(percentiles, np.nan)
    found = np.percentile(known, list(percentiles.values()))
    return dict(zip(percentiles, map(float, found), strict=True))
