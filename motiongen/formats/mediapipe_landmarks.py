"""Landmarks of MediaPipe out of vectors, tables and JSON: body, face, left hand, right hand."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from motiongen.formats.base import FormatError
from motiongen.formats.json_values import field, numbers, read_json
from motiongen.formats.table import MAX_VALUE, read_lines

#: part -> its first point and how many it has
PARTS = {
    "pose": (0, 33),
    "face": (33, 468),
    "left_hand": (501, 21),
    "right_hand": (522, 21),
}
#: points, and x, y, z, confidence
POINTS = (543, 4)
# Lengths of vectors and what they hold, in this order.
_VECTORS = {
    1662: ("pose", "face", "left_hand", "right_hand"),
    258: ("pose", "left_hand", "right_hand"),
    132: ("pose",),
}
_COLUMN = re.compile(r"([xyzv])_?(\d+)")


@dataclass(frozen=True)
class Landmarks:
    """What a clip's files hold.

    Args:
        frames: numbers of the frames.
        values: x, y, z, confidence; confidence 0 where not found. Shapes: [frames,543,4].
        hands: whether the files speak of hands at all.
    """

    frames: tuple[int, ...]
    values: np.ndarray
    hands: bool


def parse_vectors(
    vectors: Mapping[int, Shaped[np.ndarray, "..."]], files: Mapping[int, str]
) -> Landmarks:
    """Frames as vectors of 1662, 258 or 132 numbers.

    Args:
        vectors: by the number of the frame.
        files: which file each of them is from.

    Raises:
        FormatError: for another or a changing length, or a value that cannot be.
    """
    size = next((vector.size for vector in vectors.values() if vector.size in _VECTORS), 0)
    values = np.zeros((len(vectors), *POINTS))
    for row, (number, vector) in enumerate(vectors.items()):
        if vector.ndim != 1 or vector.size != size or not size:
            raise FormatError(
                files[number],
                f"frame {number}: shape {vector.shape}, allowed is a vector of "
                f"{', '.join(map(str, _VECTORS))} numbers, the same in all frames",
            )
        at = 0
        for part in _VECTORS[vector.size]:
            start, count = PARTS[part]
            width = 4 if part == "pose" else 3
            points = vector[at : at + count * width].reshape(count, width)
            at += count * width
            confidence = points[:, 3:] if part == "pose" else np.ones((count, 1))
            whole = np.concatenate([points[:, :3], confidence], 1) * bool((points != 0).any())
            place = f"frame {number}, {part}"
            values[row, start : start + count] = checked(whole, files[number], place)
    return Landmarks(tuple(vectors), values, size != 132)


def checked(points: np.ndarray, name: str, place: str) -> np.ndarray:
    """The points of a part, if they can be positions and a confidence. Shapes: [N,4] -> [N,4].

    Raises:
        FormatError: for a value that is not finite or too large, or a visibility outside [0,1].
    """
    bad = ~(np.abs(points) <= MAX_VALUE)
    bad[:, 3] |= (points[:, 3] < 0) | (points[:, 3] > 1)
    if bad.any():
        landmark, column = np.argwhere(bad)[0].tolist()
        what = ("x", "y", "z", "visibility")[column]
        allowed = "0 to 1" if column == 3 else f"finite values up to {MAX_VALUE:g}"
        raise FormatError(
            name,
            f"{place}, landmark {landmark}: {what} is {points[landmark, column]}, "
            f"allowed {allowed}",
        )
    return points


def parse_json(file: Path, name: str) -> Landmarks:
    """A list of frames with lists of landmarks.

    Raises:
        FormatError: if it is damaged; names frame and landmark.
    """
    content = read_json(file, name)
    records = content.get("frames") if isinstance(content, dict) else content
    if not isinstance(records, list) or not records:
        raise FormatError(name, "is no list of frames, nor has one under the key 'frames'")
    values, frames, hands = np.zeros((len(records), *POINTS)), [], False
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            raise FormatError(name, f"entry {row} is no mapping")
        number = field(record, "frame", int, name, f"entry {row}") if "frame" in record else row
        frames.append(number)
        known = {f"{part}_landmarks": part for part in PARTS}
        if not set(record) & set(known):
            raise FormatError(name, f"frame {number}: none of the keys {', '.join(known)}")
        hands |= bool({"left_hand_landmarks", "right_hand_landmarks"} & set(record))
        for key, part in known.items():
            if record.get(key):
                start, count = PARTS[part]
                place = f"frame {number}, {part}"
                points = _json_points(record[key], count, name, place)
                values[row, start : start + count] = checked(points, name, place)
    return Landmarks(_distinct(frames, name), values, hands)


def _json_points(points: Any, count: int, name: str, place: str) -> np.ndarray:
    """The landmarks of one part. Shapes: -> [N,4]."""
    if not isinstance(points, list) or len(points) != count:
        found = len(points) if isinstance(points, list) else "no list"
        raise FormatError(name, f"{place}: {found} landmarks, allowed exactly {count}")
    rows = []
    for landmark, point in enumerate(points):
        if isinstance(point, dict):
            point = [point.get("x"), point.get("y"), point.get("z", 0), point.get("visibility", 1)]
        elif isinstance(point, list) and 2 <= len(point) <= 4:
            point = [*point, *(0, 1)[len(point) - 2 :]]
        rows.append(numbers(point, 4, name, f"{place}, landmark {landmark}"))
    return np.array(rows)


def parse_csv(file: Path, name: str) -> Landmarks:
    """A table with a row a landmark, or with a row a frame.

    Raises:
        FormatError: if it is damaged; names frame and landmark.
    """
    header, *rows = csv.reader(read_lines(file, name))
    names = [column.strip().lower() for column in header]
    if not rows or len(set(names)) != len(names):
        raise FormatError(name, "holds no rows, or two columns have one name")
    if wrong := [line for line, row in enumerate(rows) if len(row) != len(names)]:
        raise FormatError(
            name,
            f"row {wrong[0]}: {len(rows[wrong[0]])} values, allowed exactly {len(names)}",
        )
    if {"frame", "landmark_index", "x", "y"} <= set(names):
        return _long_table([dict(zip(names, row, strict=True)) for row in rows], name)
    return _wide_table(names, rows, name)


def _long_table(rows: Sequence[Mapping[str, str]], name: str) -> Landmarks:
    frames: dict[int, np.ndarray] = {}
    filled: set[tuple[int, int]] = set()
    for line, row in enumerate(rows):
        number, part = _whole(row["frame"], name, f"row {line}, frame"), row.get("type") or "pose"
        landmark = _whole(row["landmark_index"], name, f"row {line}, landmark_index")
        if part not in PARTS or not 0 <= landmark < PARTS[part][1]:
            raise FormatError(name, f"row {line}: no landmark {landmark} of {part!r}")
        at = PARTS[part][0] + landmark
        if (number, at) in filled:
            raise FormatError(name, f"row {line}: frame {number}, {part} {landmark} is doubled")
        filled.add((number, at))
        place = f"frame {number}, {part}, landmark {landmark}"
        values = frames.setdefault(number, np.zeros(POINTS))
        # Tables leave the cells of what was not found empty.
        if row["x"].strip() and row["y"].strip() and row["x"].strip().lower() != "nan":
            cells = (row["x"], row["y"], row.get("z") or "0", row.get("visibility") or "1")
            point = np.array([[_real(cell, name, place) for cell in cells]])
            values[at] = checked(point, name, place)[0]
    hands = any((row.get("type") or "").endswith("hand") for row in rows)
    return Landmarks(tuple(frames), np.stack([*frames.values()]), hands)


def _wide_table(names: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Landmarks:
    """The pose alone: x0 y0 z0 v0 ..., counted from 0 or from 1."""
    columns = {
        (match[1], int(match[2])): at
        for at, text in enumerate(names)
        if (match := _COLUMN.fullmatch(text))
    }
    first = min((number for _, number in columns), default=0)
    wanted = {(axis, first + landmark) for axis in "xy" for landmark in range(PARTS["pose"][1])}
    allowed = wanted | {(axis, number) for axis in "zv" for _, number in wanted}
    if first not in (0, 1) or not wanted <= set(columns) <= allowed:
        raise FormatError(
            name,
            "the columns are neither frame, landmark_index, x, y nor x0, y0 to x32, y32 "
            "(or x1 to x33)",
        )
    values, frames = np.zeros((len(rows), *POINTS)), []
    values[:, : PARTS["pose"][1], 3] = 1
    for line, row in enumerate(rows):
        at = names.index("frame") if "frame" in names else None
        frames.append(line if at is None else _whole(row[at], name, f"row {line}, frame"))
        for (axis, number), column in columns.items():
            place = f"frame {frames[-1]}, landmark {number - first}"
            values[line, number - first, "xyzv".index(axis)] = _real(row[column], name, place)
        checked(values[line], name, f"frame {frames[-1]}")
        if not values[line, : PARTS["pose"][1], :3].any():
            values[line] = 0
    return Landmarks(_distinct(frames, name), values, hands=False)


def _distinct(frames: Sequence[int], name: str) -> tuple[int, ...]:
    if len(set(frames)) != len(frames):
        doubled = next(number for number in frames if frames.count(number) > 1)
        raise FormatError(name, f"frame {doubled} is doubled")
    return tuple(frames)


def _whole(text: str, name: str, place: str) -> int:
    if not re.fullmatch(r"\s*\d{1,9}\s*", text):
        raise FormatError(name, f"{place}: found {text[:40]!r}, allowed is a whole number")
    return int(text)


def _real(text: str, name: str, place: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise FormatError(name, f"{place}: found {text[:40]!r}, not a number") from error
