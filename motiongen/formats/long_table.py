"""CSV in long form: a row for each joint of each frame of each clip.

==============  ===============================================================================
column          meaning
==============  ===============================================================================
``frame``       number of the frame from 0; always needed, as are ``joint``, ``x`` and ``y``
``joint``       name of the joint in the layout
``x y z``       position, y up; ``z`` only in 3-D; empty where nothing was seen
``confidence``  0 (not seen) to 1; without the column, 1 where there is a position
``id``          unique name of the clip; without it, the file is one clip of the file's name
``label``       name of the class; empty without one
``subject``     who moves
``layout``      name of the skeleton
``unit``        "m" (also without it), "px" or "normalised"
``fps``         frames per second; empty if unknown
==============  ===============================================================================

Columns may stand in any order. A joint without a row was not seen; so was everything in a frame
without rows between others: time is kept.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import MAX_VALUE
from motiongen.layouts import get
from motiongen.motion import Motion, Unit

COLUMNS = (
    *("id", "label", "subject", "layout", "unit", "fps", "frame", "joint"),
    *("x", "y", "z", "confidence"),
)
NEEDED = ("frame", "joint", "x", "y")
#: columns that say the same in all rows of a clip
CONSTANT = COLUMNS[:6]
MAX_LINE_BYTES = 4096
MAX_FRAMES = 200_000


@dataclass
class _Section:
    """Where the rows of a clip lie in its file, and what they share."""

    file: str
    shared: dict[str, str]
    line: int
    #: (first byte, number of bytes, number of the first line) of each run of rows
    runs: list[tuple[int, int, int]] = field(default_factory=list)


class LongTable(Reader):
    """Reads CSV files in long form.

    Indexing reads the file once, row by row; a clip's rows are read again when it is loaded. Rows
    of a clip need not follow each other.

    Args:
        source: one file, or a folder of them. In a folder of several, ids start with the file's
            name.
        layout: name of the skeleton for files without the column ``layout``.
        fps: frames per second for files without the column ``fps``.

    Raises:
        ValueError: if the layout is unknown or `fps` is not above 0.
    """

    def __init__(
        self, source: Path, *, layout: str | None = None, fps: float | None = None
    ) -> None:
        super().__init__(source)
        self.fps = None if fps is None else float(fps)
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"fps: found {fps}, must be above 0")
        if layout is not None:
            get(layout)
        self.layout = layout
        self._sections: dict[str, _Section] = {}
        self._headers: dict[str, list[str]] = {}

    def index(self) -> list[Clip]:
        """Lists the clips of all files; sets `classes`, sorted by name.

        Raises:
            FormatError: if there is none, a header is not as allowed, or a row has another number
                of fields or contradicts an earlier one of its clip.
        """
        files = [name for name, _ in self.find(re.compile(r".*\.csv"))]
        self._sections = {}
        for name in files:
            prefix = f"{name.removesuffix('.csv')}/" if len(files) > 1 else ""
            own = self._scan(name)
            self._sections |= {f"{name}#{id_}": section for id_, section in own.items()}
            for id_, section in own.items():
                section.shared["id"] = f"{prefix}{id_}"
        labels = {section.shared["label"] for section in self._sections.values()}
        self.classes = tuple(sorted(labels - {""}))
        clips = [
            Clip(path, s.shared["id"], s.shared["label"] or None, s.shared["subject"])
            for path, s in self._sections.items()
        ]
        return self.checked(clips, f"a .csv file with the columns {', '.join(NEEDED)}")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: for a row that is damaged or doubled; names line, frame and joint.
        """
        if clip.path not in self._sections:
            self.index()
        if clip.path not in self._sections:
            raise FormatError(clip.path, "no such clip in this source")
        section = self._sections[clip.path]
        layout = section.shared["layout"] or self.layout
        if not layout:
            raise FormatError(section.file, "column 'layout' is missing; give the option `layout`")
        table = _Rows(section, self._headers[section.file], layout)
        joints, confidence = table.read(self.root / section.file)
        return Motion(
            joints=torch.from_numpy(joints),
            confidence=torch.from_numpy(confidence),
            layout=layout,
            unit=_unit(section),
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=_fps(section) or self.fps,
        )

    def _scan(self, name: str) -> dict[str, _Section]:
        """The sections of a file by the ids of their clips."""
        sections: dict[str, _Section] = {}
        stem = name.rpartition("/")[2].removesuffix(".csv")
        try:
            with (self.root / name).open("rb") as stream:
                rows = _rows(stream, name, 0, 1)
                header = _header(next(rows, ([], 0, 0, 0))[0], name)
                self._headers[name] = header
                for row, at, size, line in rows:
                    values = _fields(row, header, name, line)
                    shared = {column: values.get(column, "") for column in CONSTANT}
                    _add(sections, values.get("id", stem), shared, (at, size, line), name)
        except OSError as error:
            raise FormatError(name, f"cannot be read: {error}") from error
        return sections


def _rows(
    stream: BinaryIO, name: str, at: int, line: int
) -> Iterator[tuple[list[str], int, int, int]]:
    """Rows from a place on: fields, first byte, number of bytes, number of the line."""
    stream.seek(at)
    while data := stream.readline(MAX_LINE_BYTES + 1):
        if len(data) > MAX_LINE_BYTES:
            raise FormatError(name, f"line {line}: more than {MAX_LINE_BYTES} bytes")
        try:
            text = data.decode("utf-8-sig" if at == 0 else "utf-8").rstrip("\r\n")
            row = next(csv.reader([text], strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise FormatError(name, f"line {line}: {error}") from error
        if row:
            yield row, at, len(data), line
        at, line = at + len(data), line + 1


def _header(row: list[str], name: str) -> list[str]:
    unknown = set(row) - set(COLUMNS)
    missing = set(NEEDED) - set(row)
    if unknown or missing or len(set(row)) < len(row):
        raise FormatError(
            name,
            f"line 1: columns are {', '.join(row)[:200] or 'none'}; needed are "
            f"{', '.join(NEEDED)}, allowed once each {', '.join(COLUMNS)}",
        )
    return row


def _fields(row: list[str], header: list[str], name: str, line: int) -> dict[str, str]:
    if len(row) != len(header):
        raise FormatError(name, f"line {line}: {len(row)} fields, the header has {len(header)}")
    return dict(zip(header, row, strict=True))


def _add(
    sections: dict[str, _Section],
    id_: str,
    shared: dict[str, str],
    run: tuple[int, int, int],
    name: str,
) -> None:
    """Adds a row to its clip's section."""
    section = sections.setdefault(id_, _Section(name, shared, run[2]))
    for column, value in shared.items():
        if section.shared[column] != value:
            raise FormatError(
                name,
                f"line {run[2]}: column {column!r} of clip {id_!r} is {value!r}, but "
                f"{section.shared[column]!r} in line {section.line}",
            )
    if section.runs and sum(section.runs[-1][:2]) == run[0]:
        first, size, line = section.runs[-1]
        section.runs[-1] = (first, size + run[1], line)
    else:
        section.runs.append(run)


def _unit(section: _Section) -> Unit:
    found = section.shared["unit"] or "m"
    if found not in get_args(Unit):
        raise FormatError(
            section.file, f"line {section.line}: unit {found!r}, allowed {get_args(Unit)}"
        )
    return cast(Unit, found)


def _fps(section: _Section) -> float | None:
    text = section.shared["fps"]
    fps = _number(text)
    if text and not 0 < fps < math.inf:
        raise FormatError(
            section.file, f"line {section.line}: fps {text!r}, allowed above 0 or nothing"
        )
    return fps if text else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


class _Rows:
    """The rows of one clip as arrays, each row checked."""

    def __init__(self, section: _Section, header: list[str], layout: str) -> None:
        self.section, self.header = section, header
        try:
            self.joints = get(layout).joints
        except ValueError as error:
            raise FormatError(section.file, f"column 'layout': {error}") from error
        self.numbers = {joint: number for number, joint in enumerate(self.joints)}
        self.axes = "xyz" if "z" in header else "xy"

    def read(self, file: Path) -> tuple[np.ndarray, np.ndarray]:
        """Positions and confidences. Shapes: -> [T,J,C], [T,J], float32."""
        found: dict[tuple[int, int], list[float]] = {}
        with file.open("rb") as stream:
            for at, size, line in self.section.runs:
                for row, start, _, number in _rows(stream, self.section.file, at, line):
                    if start >= at + size:
                        break
                    values = _fields(row, self.header, self.section.file, number)
                    place = self._place(values, number)
                    if place in found:
                        raise self._error(number, values, "is there twice")
                    found[place] = self._values(values, number)
        frames = [frame for frame, _ in found]
        if max(frames) - min(frames) >= MAX_FRAMES:
            raise FormatError(
                self.section.file,
                f"clip {self.section.shared['id']!r}: frames {min(frames)} to {max(frames)}, "
                f"allowed are {MAX_FRAMES}",
            )
        count = max(frames) - min(frames) + 1
        table = np.zeros((count, len(self.joints), len(self.axes) + 1), dtype=np.float32)
        for (frame, joint), values in found.items():
            table[frame - min(frames), joint] = values
        return table[..., :-1].copy(), table[..., -1].copy()

    def _place(self, values: Mapping[str, str], line: int) -> tuple[int, int]:
        if not values["frame"].isdecimal() or len(values["frame"]) > 12:
            raise self._error(line, values, "a frame is a whole number from 0")
        if values["joint"] not in self.numbers:
            raise self._error(line, values, f"known joints: {', '.join(self.joints)}")
        return int(values["frame"]), self.numbers[values["joint"]]

    def _values(self, values: Mapping[str, str], line: int) -> list[float]:
        """Position and confidence of a joint; zeros where it was not seen."""
        texts = [values[axis] for axis in self.axes]
        told = values.get("confidence", "" if not any(texts) else "1")
        confidence = _number(told) if told else 0.0
        if not 0 <= confidence <= 1:
            raise self._error(line, values, f"confidence is {told[:40]!r}, allowed 0 to 1")
        if confidence == 0:
            return [0.0] * (len(texts) + 1)
        position = [_number(text) for text in texts]
        if not all(abs(value) <= MAX_VALUE for value in position):
            raise self._error(
                line, values, f"found {texts}, allowed are finite numbers up to {MAX_VALUE:g}"
            )
        return [*position, confidence]

    def _error(self, line: int, values: Mapping[str, str], reason: str) -> FormatError:
        place = f"frame {values['frame'][:40]}, joint {values['joint'][:40]!r}"
        return FormatError(self.section.file, f"line {line}: {place}: {reason}")
