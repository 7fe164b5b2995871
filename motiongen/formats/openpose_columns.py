"""What the columns of a table of OpenPose's points mean: told by their names, or their number."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from motiongen.formats.base import FormatError
from motiongen.formats.detections import BY_COUNT
from motiongen.formats.openpose_parts import BODY, EXTRA, Parts
from motiongen.layouts import get

#: stands for the column of a joint that the table lacks, and of a confidence that it lacks
NO_JOINT, NO_SCORE = -1, -2
_ENDS = ("", "id", "idx", "index", "no", "num", "number")
#: names of columns of one number a row, without blanks and the like; "row" is what pandas and R
#: call the numbers of rows
_KINDS = {
    **{f"frame{end}": "frame" for end in _ENDS},
    **{f"person{end}": "person" for end in _ENDS},
    **dict.fromkeys(("track", "trackid", "trackingid"), "track"),
    **dict.fromkeys(("", "unnamed0", "index"), "row"),
    **dict.fromkeys(("time", "timestamp"), "time"),
}
_AXES = {"x": 0, "y": 1} | dict.fromkeys(
    ("c", "conf", "confidence", "score", "likelihood", "p", "prob", "probability"), 2
)
_PARTS = dict.fromkeys(("", "pose", "body", "joint", "point", "kp"), BODY) | {
    "face": "face_keypoints_2d",
    **dict.fromkeys(("handleft", "lefthand", "lhand"), "hand_left_keypoints_2d"),
    **dict.fromkeys(("handright", "righthand", "rhand"), "hand_right_keypoints_2d"),
}
_TITLE = re.compile(r"[A-Za-z0-9 _.:()\[\]-]*")
_WORDS = re.compile(r"[a-z]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KEYPOINTS = re.compile(r"keypoints?(_2_d)?")
_FORMS = "Nose_x, x0, 0_x, pose_0_x or pose_keypoints_2d_0"
_BODIES = ("body25", "body25b", "coco18", "coco17", "halpe26")


def _names() -> dict[str, str]:
    """What joints are called, without blanks and the like -> their names here."""
    found = {"midhip": "pelvis", "upperneck": "neck", "headtop": "head"}
    for joint in {joint for layout in _BODIES for joint in get(layout).joints}:
        side, _, rest = joint.partition("_")
        found[joint.replace("_", "")] = joint
        if rest:
            found[side[0] + rest.replace("_", "")] = joint
    return found


_NAMES = _names()


@dataclass(frozen=True)
class Columns:
    """Where in a row what is.

    Args:
        frame: column of the frame's number; None if there is none.
        person: column of the person's number; None if there is none.
        tracked: whether that number is the same person's in all frames.
        cells: columns of x, y and confidence of each point, body first; `NO_JOINT`, `NO_SCORE`.
        points: what messages call the points.
        titles: the names of all columns; none if the table has no header.
        layout: of the body; None if it is to be told by the poses.
    """

    frame: int | None
    person: int | None
    tracked: bool
    cells: tuple[int, ...]
    points: tuple[str, ...]
    titles: tuple[str, ...]
    layout: str | None

    @property
    def width(self) -> int:
        """Cells in a row."""
        return len(self.titles) or max(self.cells) + 1

    @property
    def scored(self) -> bool:
        """Whether the table has confidences."""
        return NO_SCORE not in self.cells


class Point(NamedTuple):
    """One number of one point.

    Args:
        part: name of OpenPose's list.
        joint: its name, or its number in that list.
        axis: 0 for x, 1 for y, 2 for confidence; None where the number is a place in the list.
    """

    part: str
    joint: str | int
    axis: int | None


def read_columns(
    first: Sequence[str], path: str, *, parts: Parts, layout: str | None, skip: Sequence[str]
) -> Columns:
    """The columns of a table.

    Args:
        first: cells of its first row, a header or not.
        path: what messages call the file.
        parts: which points are wanted.
        layout: of the body, the user's choice.
        skip: names of columns to leave unread.

    Raises:
        FormatError: if a column is unknown, doubled or missing, or the number of columns tells
            no layout.
    """
    if _is_header(first):
        return _Header(first, path).columns(parts, layout, skip)
    if skip:
        raise FormatError(path, f"line 1: no column {skip[0]!r:.40}, for there are no names")
    points, others = divmod(len(first), 3)
    wanted = {get(layout).num_joints} if layout else set(BY_COUNT)
    if parts != "body" or points not in wanted:
        raise FormatError(
            path,
            f"line 1: {len(first)} numbers without names; allowed are 3 for each of "
            f"{' or '.join(map(str, sorted(wanted)))} joints, after at most the numbers of frame "
            "and person; other layouts need the option `layout`, hands and face names of columns",
        )
    return Columns(
        frame=0 if others else None,
        person=1 if others == 2 else None,
        tracked=False,
        cells=tuple(range(others, len(first))),
        points=tuple(map(str, range(points))),
        titles=(),
        layout=layout,
    )


def _is_header(row: Sequence[str]) -> bool:
    """Whether a row is names: pandas calls columns without names 0, 1, 2, ..."""
    counted = row[1:] if not row[0].strip() else row
    if [cell.strip() for cell in counted] == [str(number) for number in range(len(counted))]:
        return True
    return any(cell.strip() and not _is_number(cell) for cell in row)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Header:
    """The names of columns: what each of them is, and what all of them make."""

    def __init__(self, titles: Sequence[str], path: str) -> None:
        self.titles, self.path = tuple(titles), path
        self.others: dict[str, int] = {}
        self.points: dict[Point, int] = {}

    def columns(self, parts: Parts, layout: str | None, skip: Sequence[str]) -> Columns:
        """What all of them mean together."""
        if absent := [title for title in skip if title not in self.titles]:
            raise self._error(f"no column {absent[0]!r:.40}, which `skip` names")
        for column, title in enumerate(self.titles):
            if title not in skip:
                self._add(column, title)
        frame, person = self._frame_and_person()
        body = self._part(BODY)
        joints, layout = self._joints(body, layout)
        cells, names = self._cells(BODY, body, joints), list(map(repr, joints))
        for part, count in EXTRA[parts].items():
            found = self._part(part)
            cells += self._cells(part, found, range(count))
            names += [f"{part} {number}" for number in range(count)]
        self._check_scores(cells, names)
        tracked = "track" in self.others
        return Columns(frame, person, tracked, tuple(cells), tuple(names), self.titles, layout)

    def _add(self, column: int, title: str) -> None:
        """Tells what one column is."""
        words = _WORDS.findall(_CAMEL.sub("_", title).lower())
        kind = _KINDS.get("".join(words)) if title.strip() or not column else None
        found: dict = self.others if kind else self.points
        key = kind or _point(words)
        if key is None or not _TITLE.fullmatch(title):
            raise self._error(
                f"column {column + 1}, {title!r:.40}, is unknown; allowed are names like "
                f"{_FORMS}, and frame, person, track_id, time; `skip` leaves others unread"
            )
        if key in found:
            raise self._error(
                f"columns {self.titles[found[key]]!r:.40} and {title!r:.40} mean the same"
            )
        found[key] = column

    def _frame_and_person(self) -> tuple[int | None, int | None]:
        """The columns of their numbers."""
        frame = self.others.get("frame")
        person = self.others.get("track", self.others.get("person"))
        if person is not None and frame is None:
            raise self._error(
                f"column {self.titles[person]!r:.40} needs a column frame: rows do not count them"
            )
        return self.others.get("row") if frame is None else frame, person

    def _part(self, part: str) -> dict[tuple[str | int, int], int]:
        """(joint, axis) -> column; numbers begin with 0."""
        own = {(one.joint, one.axis): at for one, at in self.points.items() if one.part == part}
        numbers = sorted({joint for joint, _ in own if isinstance(joint, int)})
        flat = {joint for joint, axis in own if axis is None}
        if not numbers:
            return {(joint, axis): at for (joint, axis), at in own.items() if axis is not None}
        first = numbers[0]
        if first > 1 or numbers[-1] - first >= len(numbers):
            lost = min({*range(min(first, 1), numbers[-1])} - {*numbers})
            raise self._error(f"{part}: no number {lost}; allowed are all from 0 or 1 on")
        if {joint for joint, _ in own} != set(numbers) or flat and len(flat) < len(own):
            raise self._error(f"{part}: found several ways of naming; allowed is one of {_FORMS}")
        found: dict[tuple[str | int, int], int] = {}
        for (joint, axis), at in own.items():
            number = int(joint) - first
            found[divmod(number, 3) if axis is None else (number, axis)] = at
        return found

    def _joints(
        self, body: Mapping[tuple[str | int, int], int], layout: str | None
    ) -> tuple[Sequence[str | int], str | None]:
        """The joints of the body in their order, and their layout where it is known."""
        found = {joint for joint, _ in body}
        if not found:
            raise self._error(f"no joint of the body; allowed are names like {_FORMS}")
        if 0 in found:
            return range(len(found)), layout
        layout = layout or self._layout({str(joint) for joint in found})
        joints = get(layout).joints
        if strange := sorted(map(str, found - set(joints))):
            raise self._error(f"joint {strange[0]!r} is none of layout {layout!r}")
        return joints, layout

    def _layout(self, found: set[str]) -> str:
        """The layout that has just these joints."""
        nearest = min(_BODIES, key=lambda name: len(found ^ set(get(name).joints)))
        joints = set(get(nearest).joints)
        if found != joints:
            raise self._error(
                f"joints nearly as in {nearest!r}, but for {', '.join(sorted(found ^ joints))}; "
                "with the option `layout`, joints without a column are not seen"
            )
        return nearest

    def _cells(
        self, part: str, found: Mapping[tuple[str | int, int], int], joints: Sequence[str | int]
    ) -> list[int]:
        """The columns of x, y, confidence of each joint."""
        if strange := {joint for joint, _ in found} - set(joints):
            raise self._error(f"{part}: more than the {len(joints)} points allowed: {strange}")
        cells = []
        for joint in joints:
            x, y, score = (found.get((joint, axis)) for axis in range(3))
            if x is not None and y is not None:
                cells += [x, y, NO_SCORE if score is None else score]
            elif x is None and y is None and score is None and isinstance(joint, str):
                cells += [NO_JOINT] * 3
            else:
                raise self._error(f"{part}, joint {joint!r}: no column of its x or y")
        return cells

    def _check_scores(self, cells: Sequence[int], names: Sequence[str]) -> None:
        """Refuses confidences of some joints only."""
        scores = cells[2::3]
        if NO_SCORE in scores and any(at >= 0 for at in scores):
            raise self._error(
                f"joint {names[scores.index(NO_SCORE)]} has no column of its confidence, but "
                "others have"
            )

    def _error(self, reason: str) -> FormatError:
        return FormatError(self.path, f"line 1: {reason}")


def _point(words: Sequence[str]) -> Point | None:
    """What the words of a name say of a point; None if they are no such name."""
    words = [word for word in _KEYPOINTS.sub("", "_".join(words)).split("_") if word]
    axes = [word for word in words if word in _AXES]
    numbers = [int(word) for word in words if word.isdigit() and len(word) < 5]
    name = "".join(word for word in words if word not in _AXES and not word.isdigit())
    if len(axes) + len(numbers) != sum(word in _AXES or word.isdigit() for word in words):
        return None
    axis = _AXES[axes[0]] if len(axes) == 1 else None
    if len(numbers) == 1 and len(axes) < 2 and name in _PARTS:
        return Point(_PARTS[name], numbers[0], axis)
    if not numbers and axis is not None and name in _NAMES:
        return Point(BODY, _NAMES[name], axis)
    return None
