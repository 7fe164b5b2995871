"""Tables of numbers in text files: read within limits, every fault named by frame and joint."""

import gzip
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motiongen.formats.base import FormatError

MAX_FILE_BYTES = 256 * 2**20
MAX_RATIO = 100
# Below this a high expansion ratio does no harm (a small file of zeros packs well).
SMALL_BYTES = 2**20
# No camera and no room has such a coordinate, in any unit.
MAX_VALUE = 1e6

#: what ends a line for `str.splitlines`, in UTF-8
LINE_ENDS = [end.encode() for end in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"]

#: (row, column) of a table -> the place in words, e.g. "frame 3, joint 'head'"
Where = Callable[[int, int], str]


def read_bytes(file: Path, name: str) -> bytes:
    """A whole file, unpacked if its name ends in ``.gz``.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if it cannot be read, is damaged, or is larger (or expands further) than
            allowed.
    """
    try:
        size = file.stat().st_size
        limit = MAX_FILE_BYTES
        if file.suffix == ".gz":
            limit = min(limit, max(MAX_RATIO * size, SMALL_BYTES))
            with gzip.open(file) as stream:
                data = stream.read(limit + 1)
        else:
            with file.open("rb") as stream:
                # what is asked for is set aside first, however short the file is
                data = stream.read(min(size, limit) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(name, f"cannot be read: {error}") from error
    if len(data) > limit:
        raise FormatError(name, f"holds more than the {limit} bytes allowed ({size} on disk)")
    return data


def read_lines(file: Path, name: str, *, most: int | None = None) -> list[str]:
    """The lines of a text file without the empty ones at its end.

    Args:
        file: where it lies.
        name: what messages call it.
        most: lines that are allowed, counted before there is a text for each.

    Raises:
        FormatError: as `read_bytes`; also if the file is empty, no text, or has too many lines.
    """
    data = read_bytes(file, name)
    if most is not None and sum(map(data.count, LINE_ENDS)) - data.count(b"\r\n") > most:
        raise FormatError(name, f"holds more than the {most} lines allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(name, f"is no text: byte {error.start} is not UTF-8") from error
    lines = text.rstrip().splitlines()
    if not lines:
        raise FormatError(name, "is empty")
    return lines


def parse_rows(
    lines: Sequence[str],
    name: str,
    *,
    columns: int,
    where: Where,
    separator: str | None = ",",
    missing: str | None = None,
) -> np.ndarray:
    """Numbers of a table.

    Args:
        lines: one row each.
        name: what messages call the file.
        columns: numbers a row.
        where: names a place.
        separator: what stands between numbers; None for blanks.
        missing: what the format writes for a number that was not measured; it becomes NaN.

    Shapes: -> [R, columns], float64.

    Raises:
        FormatError: for a row of another length, text that is no number, NaN, inf, or a value
            beyond `MAX_VALUE`.
    """
    rows = [line.split(separator) for line in lines]
    for number, row in enumerate(rows):
        if len(row) != columns:
            raise FormatError(
                name,
                f"{where(number, 0)}: {len(row)} numbers in the row, allowed exactly {columns}",
            )
    unseen = None
    if missing is not None:
        unseen = np.array([[text == missing for text in row] for row in rows], dtype=bool)
        rows = [["0" if text == missing else text for text in row] for row in rows]
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise _not_a_number(rows, name, where) from error
    check_values(values, name, where)
    return values if unseen is None else np.where(unseen, np.nan, values)


def _not_a_number(rows: Sequence[Sequence[str]], name: str, where: Where) -> FormatError:
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            try:
                float(text)
            except ValueError:
                place = where(number, column)
                return FormatError(name, f"{place}: found {text[:40]!r}, not a number")
    return FormatError(name, "holds text that is not a number")


def check_values(values: np.ndarray, name: str, where: Where) -> None:
    """Refuses values that cannot be coordinates.

    Shapes: values [R, columns].

    Raises:
        FormatError: for NaN, inf, or a value beyond `MAX_VALUE`; names its place.
    """
    bad = ~(np.abs(values) <= MAX_VALUE)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise FormatError(
            name,
            f"{where(int(row), int(column))}: found {values[row, column]}, allowed are finite "
            f"values up to {MAX_VALUE:g}",
        )


def by_joint(joints: Sequence[str], columns_each: int) -> Where:
    """Places in a table with one row a frame and `columns_each` numbers a joint."""

    def where(row: int, column: int) -> str:
        joint = column // columns_each
        what = f"joint {joints[joint]!r}" if joint < len(joints) else f"column {column}"
        return f"frame {row}, {what}"

    return where
