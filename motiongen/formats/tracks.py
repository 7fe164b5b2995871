"""Who is who over time: detections of several people in each frame, put together to tracks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

#: frames for which somebody may be out of sight and still be the same person afterwards
MAX_GAP = 30
# How far joints may move on average, in sizes of the body: in one frame, and in any gap.
_REACH, _MAX_REACH = 0.5, 1.5


class Detection(NamedTuple):
    """One person in one frame.

    Args:
        points: x, y, confidence. Shapes: [J,3].
        person: the estimator's own number for this person; None if it gives none.
    """

    points: np.ndarray
    person: int | None = None


#: frame number -> that person's points there
Track = dict[int, Float[np.ndarray, "_J 3"]]


def tracks(frames: Mapping[int, Sequence[Detection]]) -> list[Track]:
    """The people of a clip in the order in which they appear, then from left to right.

    Where every detection has the estimator's own number, that decides. Otherwise the detections of
    each frame are assigned to the people known so far such that their joints move least in total
    (linear sum assignment); nobody moves further than half a body from frame to frame, and who
    is out of sight for more than `MAX_GAP` frames comes back as somebody else. Detections without
    any seen joint are left out.

    Shapes: frames -> each of its detections [J,3].
    """
    seen = {
        number: [one for one in frames[number] if one.points[:, 2].any()]
        for number in sorted(frames)
    }
    numbered = all(one.person is not None for found in seen.values() for one in found)
    found = _by_number(seen) if numbered else _by_distance(seen)
    return sorted(found, key=lambda track: (min(track), centre(track[min(track)])[0]))


def main_person(found: Sequence[Track]) -> Track:
    """The person seen longest and best, and fragments of nobody else in the frames between.

    A fragment begins and ends while the person is out of sight: somebody lost and found again,
    as far as the clip can tell.
    """
    whole: Track = {}
    for track in sorted(found, key=_weight, reverse=True):
        low, high = min(track), max(track)
        if not any(low <= number <= high for number in whole):
            whole |= track
    return dict(sorted(whole.items()))


def centre(points: np.ndarray) -> np.ndarray:
    """Mean of the seen joints. Shapes: [J,3] -> [2]."""
    return points[points[:, 2] > 0, :2].mean(0)


def _weight(track: Track) -> float:
    return sum(float(points[:, 2].mean()) for points in track.values())


def _by_number(frames: Mapping[int, Sequence[Detection]]) -> list[Track]:
    found: dict[int | None, Track] = {}
    for number, detections in frames.items():
        for one in detections:
            # One number twice in a frame: the better detection is the person.
            track = found.setdefault(one.person, {})
            before = track.get(number)
            if before is None or one.points[:, 2].mean() > before[:, 2].mean():
                track[number] = one.points
    return list(found.values())


def _by_distance(frames: Mapping[int, Sequence[Detection]]) -> list[Track]:
    # Imported here: it costs more than the rest of this package together.
    from scipy.optimize import linear_sum_assignment

    found: list[Track] = []
    last: list[int] = []  # frame in which each of them was seen last
    for number, detections in frames.items():
        live = [k for k in range(len(found)) if number - last[k] <= MAX_GAP]
        before = [found[k][last[k]] for k in live]
        limits = np.array([_limit(number - last[k]) for k in live])
        cost = _moves(before, [one.points for one in detections]) / limits
        rows, columns = linear_sum_assignment(np.minimum(cost, 2.0))
        taken = {r: live[c] for r, c in zip(rows, columns, strict=True) if cost[r, c] <= 1}
        for row, one in enumerate(detections):
            if row in taken:
                found[taken[row]][number], last[taken[row]] = one.points, number
            else:
                found.append({number: one.points})
                last.append(number)
    return found


def _limit(frames: int) -> float:
    return min(_REACH * frames, _MAX_REACH)


def _moves(before: Sequence[np.ndarray], now: Sequence[np.ndarray]) -> np.ndarray:
    """How far joints moved on average, in sizes of the body, from each person to each.

    Shapes: L people [J,3], D people [J,3] -> [D,L].
    """
    if not before or not now:
        return np.zeros((len(now), len(before)))
    old = np.stack(before)
    seen, sizes = old[..., 2] > 0, _sizes(old)
    middles = (old[..., :2] * seen[..., None]).sum(1) / seen.sum(1)[:, None]
    moves = []
    # A crowd of many short tracks is compared one by one with all of them at once.
    for points, size in zip(now, _sizes(np.stack(now)), strict=True):
        both = seen & (points[:, 2] > 0)
        steps = np.hypot(old[..., 0] - points[:, 0], old[..., 1] - points[:, 1])
        far = (steps * both).sum(1) / both.sum(1).clip(1)
        apart = np.linalg.norm(middles - centre(points), axis=1)
        far = np.where(both.any(1), far, apart)
        moves.append(far / np.maximum(sizes, size).clip(1))
    return np.stack(moves)


def _sizes(poses: np.ndarray) -> np.ndarray:
    """Diagonals of the boxes around the seen joints. Shapes: [N,J,3] -> [N]."""
    seen = poses[..., 2:] > 0
    low = np.where(seen, poses[..., :2], np.inf).min(1)
    high = np.where(seen, poses[..., :2], -np.inf).max(1)
    return np.linalg.norm(high - low, axis=1)
