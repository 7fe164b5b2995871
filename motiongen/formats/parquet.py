"""Parquet: one row a clip, for pandas and for Hugging Face `datasets`. Needs pyarrow.

==============  ==================  =======================================================
column          type                meaning
==============  ==================  =======================================================
``id``          string              unique name of the clip
``label``       string or null      name of the class
``subject``     string              who moves
``layout``      string              name of the skeleton
``unit``        string              "m", "px" or "normalised"
``fps``         double or null      frames per second
``frames``      int32               T
``num_joints``  int32               J
``channels``    int32               C, 2 or 3
``joints``      list of float       T*J*C positions, y up, frame after frame
``confidence``  list of float       T*J values from 0 (not seen) to 1
``target``      list of float/null  T*J*C clean positions, where they are known
==============  ==================  =======================================================

So `row.joints.reshape(row.frames, row.num_joints, row.channels)` is a clip. The key "motiongen" of
the file's metadata is JSON: the names of the classes in their order, and the names of the joints.
Pages are compressed by zstd after a split of the bytes of each float, and carry checksums.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch

from motiongen.formats.archive import DEFAULT_LIMITS
from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.parquet_footer import column_sizes
from motiongen.formats.table import MAX_VALUE
from motiongen.layouts import get
from motiongen.motion import Motion, Unit

TEXTS = ("id", "label", "subject", "layout", "unit")
SIZES = ("frames", "num_joints", "channels")
ARRAYS = ("joints", "confidence", "target")
#: the columns that a file must have
NEEDED = ("id", "layout", *SIZES, *ARRAYS[:2])
METADATA = b"motiongen"
MAX_CLIPS = 10_000_000
MAX_TEXT = 4096


def pyarrow() -> Any:
    """The library, with its part for Parquet.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet
    except ImportError as error:
        raise ValueError(
            "parquet: pyarrow is missing; pip install 'motiongen[parquet]'"
        ) from error
    return arrow


class Parquet(Reader):
    """Reads Parquet files of the module's columns; others are ignored.

    Args:
        source: one file, or a folder of them. In a folder of several, ids start with the file's
            name.

    Raises:
        ValueError: if pyarrow is not installed.
    """

    def __init__(self, source: Path) -> None:
        super().__init__(source)
        self._arrow = pyarrow()
        self._group: tuple[tuple[str, int], dict[str, Any]] = (("", -1), {})

    def index(self) -> list[Clip]:
        """Lists the clips of all files; sets `classes`. Reads no positions.

        Raises:
            FormatError: if there is none, or a file is damaged, too large or has other columns.
        """
        files = [name for name, _ in self.find(re.compile(r".*\.parquet"))]
        clips: list[Clip] = []
        listed: dict[str, None] = {}
        for name in files:
            prefix = f"{name.removesuffix('.parquet')}/" if len(files) > 1 else ""
            file = self._open(name)
            listed |= dict.fromkeys(_listed(file, name))
            for group in range(file.num_row_groups):
                texts = self._texts(file, name, group, ("id", "label", "subject"))
                none = [None] * len(texts["id"])
                rows = zip(*(texts.get(key, none) for key in texts), strict=True)
                for row, values in enumerate(rows):
                    entry = dict(zip(texts, values, strict=True))
                    path = f"{name}#{group}#{row}"
                    clips.append(
                        Clip(
                            path,
                            f"{prefix}{entry['id']}",
                            entry.get("label"),
                            entry.get("subject") or "",
                        )
                    )
        labels = {clip.label for clip in clips if clip.label is not None}
        self.classes = (*listed, *sorted(labels - set(listed)))
        return self.checked(clips, f"a .parquet file with the columns {', '.join(NEEDED)}")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; its group of rows stays in memory until another one is asked for.

        Raises:
            FormatError: if the file is damaged; names clip, frame and joint of a bad value.
        """
        name, group, row = clip.path.rsplit("#", 2)
        key = (name, int(group))
        if self._group[0] != key:
            self._group = (key, self._columns(name, int(group)))
        row = _Row(clip, self._group[1], int(row))
        skeleton, shape = row.shape()
        confidence = row.floats("confidence", shape[:2])
        if confidence is None or not ((confidence >= 0) & (confidence <= 1)).all():
            raise FormatError(clip.path, f"clip {clip.id!r}: confidence leaves [0,1]")
        joints = row.floats("joints", shape)
        target = row.floats("target", shape)
        if joints is None:
            raise FormatError(clip.path, f"clip {clip.id!r}: no joints")
        row.check(joints, confidence > 0)
        if target is not None:
            row.check(target, np.ones(shape[:2], dtype=bool))
        joints[confidence == 0] = 0
        return Motion(
            joints=torch.from_numpy(joints),
            confidence=torch.from_numpy(confidence),
            layout=skeleton,
            unit=row.unit(),
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=row.fps(),
            target=None if target is None else torch.from_numpy(target),
        )

    def _open(self, name: str) -> Any:
        parquet, path = self._arrow.parquet, self.root / name
        columns = self._guarded(name, lambda: parquet.read_schema(path)).names
        file = self._guarded(
            name,
            lambda: parquet.ParquetFile(
                path,
                read_dictionary=[column for column in TEXTS if column in columns],
                page_checksum_verification=True,
                memory_map=False,
            ),
        )
        self._check_schema(file, name)
        _check_size(self._guarded(name, lambda: column_sizes(path)), path, name)
        if file.metadata.num_rows > MAX_CLIPS:
            raise FormatError(name, f"{file.metadata.num_rows} rows, allowed {MAX_CLIPS}")
        return file

    def _check_schema(self, file: Any, name: str) -> None:
        types, schema = self._arrow.types, file.schema_arrow
        if missing := [column for column in NEEDED if column not in schema.names]:
            raise FormatError(
                name, f"column {missing[0]!r} is missing; needed are {', '.join(NEEDED)}"
            )
        for column in schema.names:
            kind = schema.field(column).type
            floats = types.is_list(kind) and types.is_floating(kind.value_type)
            text = types.is_dictionary(kind) and types.is_string(kind.value_type)
            right = {
                **dict.fromkeys(TEXTS, text),
                **dict.fromkeys(SIZES, types.is_integer(kind)),
                **dict.fromkeys(ARRAYS, floats),
                "fps": types.is_floating(kind),
            }
            if not right.get(column, True):
                raise FormatError(name, f"column {column!r} is of type {kind}")

    def _texts(
        self, file: Any, name: str, group: int, columns: Sequence[str]
    ) -> dict[str, list[str | None]]:
        """Columns of text; each different text is held once, however often it stands there."""
        present = [column for column in columns if column in file.schema_arrow.names]
        table = self._guarded(name, lambda: file.read_row_group(group, columns=present))
        texts: dict[str, list[str | None]] = {}
        for column in present:
            values = table.column(column).combine_chunks()
            known = self._guarded(name, values.dictionary.to_pylist)
            if any(text is not None and len(text) > MAX_TEXT for text in known):
                raise FormatError(name, f"column {column!r}: a text of more than {MAX_TEXT}")
            numbers = values.indices.to_pylist()
            if any(number is not None and not 0 <= number < len(known) for number in numbers):
                raise FormatError(name, f"column {column!r}: a text that is not in the file")
            texts[column] = [None if number is None else known[number] for number in numbers]
        return texts

    def _columns(self, name: str, group: int) -> dict[str, Any]:
        file = self._open(name)
        numbers = [c for c in (*SIZES, *ARRAYS, "fps") if c in file.schema_arrow.names]
        table = self._guarded(name, lambda: file.read_row_group(group, columns=numbers))
        return {
            **self._texts(file, name, group, ("layout", "unit")),
            **{column: table.column(column).combine_chunks() for column in numbers},
        }

    def _guarded(self, name: str, read: Any) -> Any:
        try:
            return read()
        except (self._arrow.ArrowException, OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FormatError(name, f"is no sound Parquet file: {reason}") from error


def _check_size(columns: Sequence[tuple[int, int]], path: Path, name: str) -> None:
    """Refuses files that claim to hold more than their size allows."""
    if any(min(column) < 0 for column in columns):
        raise FormatError(name, "a column of a negative size")
    total = sum(max(unpacked, 4 * values) for values, unpacked in columns)
    if total > (allowed := DEFAULT_LIMITS.allowed_bytes(path.stat().st_size)):
        raise FormatError(name, f"unpacks to {total} bytes, allowed {allowed}")


def _listed(file: Any, name: str) -> list[str]:
    """The classes that the file's metadata lists."""
    text = (file.schema_arrow.metadata or {}).get(METADATA)
    if text is None:
        return []
    try:
        classes = json.loads(text)["classes"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(name, "metadata 'motiongen' is damaged") from error
    if not isinstance(classes, list) or not all(isinstance(text, str) for text in classes):
        raise FormatError(name, "metadata 'motiongen': classes are no list of names")
    return classes


class _Row:
    """One row of a group, each value checked."""

    def __init__(self, clip: Clip, columns: dict[str, Any], row: int) -> None:
        self.clip, self.columns, self.row = clip, columns, row

    def _error(self, reason: str) -> FormatError:
        return FormatError(self.clip.path, f"clip {self.clip.id!r}: {reason}")

    def shape(self) -> tuple[str, tuple[int, int, int]]:
        """Layout, and [T,J,C]."""
        layout = str(self.columns["layout"][self.row])
        try:
            joints = get(layout).num_joints
        except ValueError as error:
            raise self._error(str(error)) from error
        frames, found, channels = (self.columns[key][self.row].as_py() for key in SIZES)
        if found != joints or channels not in (2, 3) or frames is None or frames < 1:
            raise self._error(
                f"{frames} frames of {found} joints with {channels} coordinates; layout "
                f"{layout!r} has {joints}, allowed are 2 or 3"
            )
        return layout, (frames, joints, channels)

    def floats(self, column: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """An array, float32; None if there is none."""
        values = self.columns[column][self.row] if column in self.columns else None
        if values is None or not values.is_valid:
            return None
        numbers = values.values
        if len(numbers) != math.prod(shape) or numbers.null_count:
            raise self._error(f"column {column!r}: {len(numbers)} numbers, needed {shape}")
        return numbers.to_numpy(zero_copy_only=False).astype(np.float32).reshape(shape)

    def check(self, positions: np.ndarray, seen: np.ndarray) -> None:
        """Raises FormatError for the first position that is none."""
        bad = seen & ~(np.abs(positions) <= MAX_VALUE).all(-1)
        if bad.any():
            frame, joint = np.argwhere(bad)[0].tolist()
            name = get(str(self.columns["layout"][self.row])).joints[joint]
            raise self._error(
                f"frame {frame}, joint {name!r}: found {positions[frame, joint].tolist()}, "
                f"allowed finite values up to {MAX_VALUE:g}"
            )

    def unit(self) -> Unit:
        """The unit; metres where there is none."""
        found = self.columns["unit"][self.row] if "unit" in self.columns else "m"
        if found not in get_args(Unit):
            raise self._error(f"unit {found!r}, allowed {get_args(Unit)}")
        return cast(Unit, found)

    def fps(self) -> float | None:
        """The rate; None where it is unknown."""
        found = self.columns["fps"][self.row].as_py() if "fps" in self.columns else None
        if found is not None and not 0 < found < math.inf:
            raise self._error(f"fps {found}, allowed above 0 or null")
        return found
