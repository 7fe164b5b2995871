"""JSON files: read within limits, every number checked, every fault named by its place."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from motiongen.formats.base import FormatError
from motiongen.formats.table import MAX_VALUE, read_bytes

#: frames between a clip's first and last number; beyond it a number is wrong
MAX_FRAMES = 200_000


def read_json(file: Path, name: str) -> Any:
    """The content of a JSON file.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if it cannot be read, is too large, or is no JSON.
    """
    try:
        return json.loads(read_bytes(file, name))
    except (ValueError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(name, f"is no JSON: {error}") from error


def field(record: Any, key: str, kind: type | tuple[type, ...], name: str, place: str) -> Any:
    """The value of a key.

    Args:
        record: what should be a mapping that has the key.
        key: the key.
        kind: types allowed for its value; a bool is no int.
        name: what messages call the file.
        place: where the mapping stands in the file.

    Raises:
        FormatError: if there is no such value; names place and key.
    """
    value = record.get(key) if isinstance(record, dict) else None
    if value is None or isinstance(value, bool) or not isinstance(value, kind):
        raise FormatError(name, f"{place}: key {key!r} is missing or holds no {_kind_name(kind)}")
    return value


def numbers(values: Any, count: int, name: str, place: str) -> list[float]:
    """A list of exactly `count` coordinates.

    Raises:
        FormatError: for anything else, and for NaN, infinity or a value beyond `MAX_VALUE`.
    """
    if not isinstance(values, list) or len(values) != count:
        found = f"{len(values)} values" if isinstance(values, list) else f"{values!r:.40}"
        raise FormatError(name, f"{place}: found {found}, allowed exactly {count} numbers")
    for value in values:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not -MAX_VALUE <= value <= MAX_VALUE:
            raise FormatError(
                name,
                f"{place}: found {value!r:.40}, allowed are finite values up to {MAX_VALUE:g}",
            )
    return [float(value) for value in values]


def triples(values: Any, name: str, place: str, high: float) -> np.ndarray:
    """x, y, confidence of each point of a flat list; confidence 0 where missing or at (0,0).

    Args:
        values: the list.
        name: what messages call the file.
        place: where the list stands in the file.
        high: largest score allowed.

    Shapes: -> [J,3].

    Raises:
        FormatError: if it is no such list; names the joint of a bad value.
    """
    if not isinstance(values, list) or len(values) % 3:
        raise FormatError(name, f"{place}: missing, or no list of x, y, confidence triples")
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
        raise FormatError(name, f"{place}: holds something that is not a number")
    try:
        points = np.array(values, dtype=np.float64).reshape(-1, 3)
    except OverflowError as error:  # JSON's integers have no limit
        raise FormatError(name, f"{place}: {error}") from error
    bad = ~((points >= [-MAX_VALUE, -MAX_VALUE, 0]) & (points <= [MAX_VALUE, MAX_VALUE, high]))
    if bad.any():
        joint, column = np.argwhere(bad)[0].tolist()
        raise FormatError(
            name,
            f"{place}, joint {joint}: {'xyc'[column]} is {points[joint, column]}, allowed are "
            f"positions up to {MAX_VALUE:g} and confidences from 0 to {high}",
        )
    points[(points[:, :2] == 0).all(1), 2] = 0
    return points


def frame_span(frames: Sequence[int] | Mapping[int, object], name: str) -> tuple[int, int]:
    """First frame number, and how many frames there are from it to the last.

    Raises:
        FormatError: if there is no frame, or they span more than `MAX_FRAMES`.
    """
    if not frames:
        raise FormatError(name, "holds no frames")
    first, count = min(frames), max(frames) - min(frames) + 1
    if count > MAX_FRAMES:
        raise FormatError(name, f"frame numbers span {count} frames, allowed {MAX_FRAMES}")
    return first, count


def _kind_name(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = {int: "whole number", float: "number", str: "text", list: "list", dict: "mapping"}
    return " or ".join(names[one] for one in kinds)
