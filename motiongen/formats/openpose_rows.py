"""The rows of a table of OpenPose's points as arrays, every cell checked."""

import csv
import warnings
from collections.abc import Sequence
from operator import itemgetter
from typing import Literal

import numpy as np

from motiongen.formats.base import FormatError
from motiongen.formats.openpose_columns import Columns
from motiongen.formats.openpose_parts import MAX_SCORE
from motiongen.formats.table import MAX_VALUE

Gaps = Literal["refuse", "missing"]

MAX_LINE = 2**16
#: what columns say that a table lacks, in the order of `NO_SCORE` and `NO_JOINT`
_LACKING = ("1", "")


def split(line: str, path: str, number: int) -> list[str]:
    """The cells of a line, at least one.

    Raises:
        FormatError: if it is no line of CSV, or too long.
    """
    if len(line) > MAX_LINE:
        raise FormatError(path, f"line {number}: more than {MAX_LINE} characters")
    try:
        return next(csv.reader([line], strict=True), []) or [""]
    except csv.Error as error:
        raise FormatError(path, f"line {number}: {error}") from error


class Rows:
    """Reads the rows of one file.

    Args:
        columns: what is where in a row.
        path: what messages call the file.
    """

    def __init__(self, columns: Columns, path: str) -> None:
        self.columns, self.path = columns, path
        own = [column for column in (columns.frame, columns.person) if column is not None]
        self.numbered = len(own)
        #: column of each number that is read
        self.places = (*own, *columns.cells)
        self.pick = itemgetter(*self.places)
        self.header = bool(columns.titles)

    def read(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Frame and person, and the points, confidence 0 where missing.

        Shapes: -> [R,2], [R,J,3].

        Raises:
            FormatError: for a row of another length, a cell that is no number or out of range.
        """
        if not lines:
            raise FormatError(self.path, "holds no rows")
        values = np.empty((len(lines), len(self.places)))
        for row, line in enumerate(lines):
            values[row] = self._row(row, line)
        numbers = np.full((len(lines), 2), -1)
        if self.columns.frame is None:
            numbers[:, 0] = np.arange(len(lines))
        for at in range(self.numbered):
            numbers[:, at] = self._whole(values, at)
        return numbers, self._points(values[:, self.numbered :], numbers[:, 0])

    def _row(self, row: int, line: str) -> np.ndarray:
        """The numbers of a row, NaN where a cell is empty."""
        cells = split(line, self.path, row + 1 + self.header)
        if len(cells) != self.columns.width:
            place = self._place(row, cells, min(len(cells), self.columns.width - 1))
            raise FormatError(
                self.path,
                f"{place}: {len(cells)} numbers in the row, allowed exactly {self.columns.width}",
            )
        texts = self.pick([*cells, *_LACKING])
        try:
            values = np.array([*map(float, texts)])
        except ValueError:
            return self._checked(row, cells, texts)
        fine = _is_plain("".join(texts)) and (np.abs(values) <= MAX_VALUE).all()
        return values if fine else self._checked(row, cells, texts)

    def _checked(self, row: int, cells: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """As `_row`, cell by cell, to find empty ones and to name a bad one."""
        values = np.full(len(texts), np.nan)
        for at, text in enumerate(texts):
            if not text.strip():
                continue
            try:
                values[at] = _number(text)
            except ValueError as error:
                place = self._place(row, cells, self.places[at])
                raise FormatError(
                    self.path, f"{place}: found {text[:40]!r}, not a number"
                ) from error
            if not abs(values[at]) <= MAX_VALUE:
                raise FormatError(
                    self.path,
                    f"{self._place(row, cells, self.places[at])}: found {values[at]}, allowed are "
                    f"finite values up to {MAX_VALUE:g}",
                )
        return values

    def _whole(self, values: np.ndarray, at: int) -> np.ndarray:
        """A column of whole numbers: frames from 0, people from -1. Shapes: -> [R]."""
        column, low = values[:, at], -at
        bad = np.flatnonzero(~((column >= low) & (column % 1 == 0)))
        if bad.size:
            row = int(bad[0])
            found = "an empty cell" if np.isnan(column[row]) else f"{column[row]:g}"
            raise FormatError(
                self.path,
                f"{self._line(row)}{self._column(self.places[at])}: found {found}, allowed "
                f"are whole numbers from {low}",
            )
        return column.astype(int)

    def _points(self, values: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """x, y, confidence; 0 where missing. Shapes: [R,3J], [R] -> [R,J,3]."""
        points = values.reshape(len(values), -1, 3)
        empty = np.isnan(points)
        # Where the table has no confidences, that of an empty joint is 1 all the same.
        told = empty[..., : 3 if self.columns.scored else 2]
        bad = np.argwhere(told.any(2) & ~told.all(2))
        if bad.size:
            row, joint = bad[0].tolist()
            cell = self.columns.cells[3 * joint + int(empty[row, joint].argmax())]
            place = f"{self._line(row)}, frame {frames[row]}{self._column(cell)}"
            raise FormatError(
                self.path, f"{place}: found an empty cell, allowed is a joint of empty cells only"
            )
        score = points[..., 2]
        bad = np.argwhere((score < 0) | (score > MAX_SCORE))
        if bad.size:
            row, joint = bad[0].tolist()
            cell = self._column(self.columns.cells[3 * joint + 2])
            raise FormatError(
                self.path,
                f"{self._line(row)}, frame {frames[row]}{cell}: found confidence "
                f"{score[row, joint]:g}, allowed 0 to 1 (from 1 to {MAX_SCORE} it is read as 1)",
            )
        if high := int((score > 1).sum()):
            warnings.warn(
                f"{self.path}: {high} confidences above 1, up to {np.nanmax(score):g}, are read "
                "as 1",
                stacklevel=2,
            )
        points[told.any(2) | (points[..., :2] == 0).all(2)] = 0
        points[..., 2] = points[..., 2].clip(0, 1)
        return points

    def _place(self, row: int, cells: Sequence[str], column: int) -> str:
        """A cell in words; the frame as the row calls it, which may be damaged."""
        at = self.columns.frame
        frame = row if at is None else cells[at].strip()[:20] if at < len(cells) else "?"
        return f"{self._line(row)}, frame {frame}{self._column(column)}"

    def _line(self, row: int) -> str:
        return f"line {row + 1 + self.header}"

    def _column(self, column: int) -> str:
        """Joint and name of a column, as far as it has them."""
        title = f", column {self.columns.titles[column]!r:.40}" if self.header else ""
        if column not in self.columns.cells:
            return title or f", column {column + 1}"
        return f", joint {self.columns.points[self.columns.cells.index(column) // 3]}{title}"


def check_frames(numbers: np.ndarray, columns: Columns, gaps: Gaps, path: str) -> None:
    """Refuses frames that are doubled or out of order, or lack where that may not be.

    Args:
        numbers: of frame and person.
        columns: of the table.
        gaps: whether frames may lack where there is a row a frame.
        path: what messages call the file.

    Shapes: numbers [R,2].

    Raises:
        FormatError: names the line.
    """
    line = 2 if columns.titles else 1
    if columns.person is not None:
        _check_people(numbers, line, path)
        return
    frames = numbers[:, 0]
    steps = np.diff(frames)
    bad = np.flatnonzero((steps != 1) if gaps == "refuse" else (steps < 1))
    if not bad.size:
        return
    before, now = frames[bad[0] : bad[0] + 2]
    hint = "; several people in a frame need a column person"
    if now > before:
        hint = ", or the option gaps=missing, which takes the frames between as not seen"
    raise FormatError(
        path,
        f"line {bad[0] + 1 + line}: frame {now} follows frame {before}, allowed is frame "
        f"{before + 1}{hint}",
    )


def _check_people(numbers: np.ndarray, line: int, path: str) -> None:
    """Refuses two rows of one frame and one person; -1 is nobody's number."""
    known = np.flatnonzero(numbers[:, 1] >= 0)
    _, first = np.unique(numbers[known], axis=0, return_index=True)
    doubled = np.setdiff1d(known, known[first])
    if doubled.size:
        frame, person = numbers[doubled[0]]
        raise FormatError(
            path, f"line {doubled[0] + line}: frame {frame}, person {person} is doubled"
        )


def _number(text: str) -> float:
    if not _is_plain(text):
        raise ValueError(text)
    return float(text)


def _is_plain(text: str) -> bool:
    """Python would also read digits of any script, and underscores between them."""
    return "_" not in text and text.isascii()
