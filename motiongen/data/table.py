"""The table of a store's clips, the names and headers of its files, and their checksums."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from motiongen.motion import MotionSpec, Unit

ASSUMED_FPS = 30.0
MAX_FRAMES = 96
MIN_FPS = 15.0
MANIFEST, TABLE = "manifest.json", "clips.csv"
ARRAYS: tuple[str, ...] = ("joints.npy", "confidence.npy", "target.npy")
HEADER_BYTES, ITEM_BYTES = 128, 4


class StoreError(ValueError):
    """A store that cannot be opened or written: which file, what was found, what is allowed."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


@dataclass(frozen=True)
class ClipRecord:
    """One row of the table. Offsets count numbers, not bytes.

    Args:
        id: unique name inside the store.
        label: name of the class; None if unknown.
        subject: who moves; "" if unknown.
        source: the file that the clip came from.
        layout: name of the skeleton.
        unit: unit of the joints.
        fps: frames per second; None if the source does not say.
        frames: number of frames T.
        joints: number of joints J.
        channels: coordinates a joint C.
        joints_offset: where the clip begins in `joints.npy`.
        confidence_offset: where it begins in `confidence.npy`.
        target_offset: where it begins in `target.npy`; None without a target.
    """

    id: str
    label: str | None
    subject: str
    source: str
    layout: str
    unit: Unit
    fps: float | None
    frames: int
    joints: int
    channels: int
    joints_offset: int
    confidence_offset: int
    target_offset: int | None

    def as_row(self) -> list[str]:
        """Text fields in the order of the table; None is empty."""
        values = (getattr(self, column) for column in COLUMNS)
        return ["" if value is None else str(value) for value in values]

    @classmethod
    def from_row(cls, row: Sequence[str]) -> "ClipRecord":
        """Inverse of `as_row`.

        Raises:
            ValueError: if a field is missing, is no number, or is outside what is allowed.
        """
        if len(row) != len(COLUMNS):
            raise ValueError(f"{len(row)} fields, expected {len(COLUMNS)}")
        values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
        for name in ("frames", "joints", "channels", "joints_offset", "confidence_offset"):
            values[name] = int(values[name])
        values["label"] = values["label"] or None
        values["fps"] = float(values["fps"]) if values["fps"] else None
        target = values["target_offset"]
        values["target_offset"] = int(target) if target else None
        if values["unit"] not in get_args(Unit):
            raise ValueError(f"unit is {values['unit']!r}, allowed {get_args(Unit)}")
        shape = (values["frames"], values["joints"], values["channels"])
        if min(shape) < 1:
            raise ValueError(f"shape {shape} is not positive")
        if values["fps"] is not None and not 0 < values["fps"] < float("inf"):
            raise ValueError(f"fps is {values['fps']}, must be above 0 and finite")
        return cls(**values)

    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last + 1 number of the clip in each array that holds it."""
        cells = self.frames * self.joints
        starts = (self.joints_offset, self.confidence_offset, self.target_offset)
        sizes = (cells * self.channels, cells, cells * self.channels)
        spans = zip(ARRAYS, starts, sizes, strict=True)
        return {name: (at, at + size) for name, at, size in spans if at is not None}


COLUMNS = tuple(field.name for field in fields(ClipRecord))


def default_spec(
    records: Sequence[ClipRecord],
    classes: Sequence[str],
    fps: float | None = None,
    frames: int | None = None,
    layout: str | None = None,
) -> MotionSpec:
    """The contract that suits most clips.

    The layout and unit are the most frequent ones. The rate is the clips' median rate, halved
    while 95 % of the clips do not fit into 96 frames and at least 15 frames per second remain; 30
    where no clip states its rate. The length holds 95 % of the clips, at most 96 frames, as a
    multiple of 8.

    Raises:
        ValueError: for no records or an argument outside what is allowed.
    """
    if not records:
        raise ValueError("default_spec: no clips given")
    chosen: str = layout or _most_common(record.layout for record in records)
    alike = [record for record in records if record.layout == chosen] or list(records)
    known = [record.fps for record in records if record.fps is not None]
    rate = fps or (float(np.median(known)) if known else ASSUMED_FPS)
    while fps is None and known and _usual_frames(records, rate) > MAX_FRAMES:
        if rate / 2 < MIN_FPS:
            break
        rate /= 2
    usual = min(_usual_frames(records, rate), MAX_FRAMES)
    return MotionSpec(
        layout=chosen,
        channels=_most_common(record.channels for record in alike),
        frames=frames or max(8, 8 * int(np.ceil(usual / 8))),
        fps=float(rate),
        classes=tuple(classes),
        unit=_most_common(record.unit for record in alike),
    )


def _usual_frames(records: Sequence[ClipRecord], fps: float) -> float:
    lengths = [r.frames if r.fps is None else r.frames * fps / r.fps for r in records]
    return float(np.percentile(lengths, 95))


def _most_common(values: Iterable[Any]) -> Any:
    return Counter(values).most_common(1)[0][0]


def read_table(path: Path, manifest: Mapping[str, Any]) -> list[ClipRecord]:
    """Reads the table of clips.

    Raises:
        StoreError: if it is damaged, or differs from the manifest.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != manifest["files"][TABLE]["sha256"]:
        raise StoreError(path, "damaged: its sha256 differs from the manifest")
    text = data.decode("utf-8", errors="surrogateescape")
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        if tuple(header) != COLUMNS:
            raise ValueError(f"columns {header}, expected {list(COLUMNS)}")
        records = [ClipRecord.from_row(row) for row in rows]
        _check_records(records, manifest)
    except (ValueError, csv.Error) as error:
        raise StoreError(path, f"damaged: {error}") from error
    return records


def _check_records(records: Sequence[ClipRecord], manifest: Mapping[str, Any]) -> None:
    if len(records) != manifest["clips"] or len({r.id for r in records}) != len(records):
        raise ValueError(f"{len(records)} clips, the manifest has {manifest['clips']} unique ones")
    counts = {
        name: (entry["bytes"] - HEADER_BYTES) // ITEM_BYTES
        for name, entry in manifest["files"].items()
    }
    classes = set(manifest["classes"])
    for record in records:
        if record.label is not None and record.label not in classes:
            raise ValueError(f"clip {record.id!r}: label {record.label!r} is no class")
        for name, (start, stop) in record.spans().items():
            if start < 0 or stop > counts.get(name, 0):
                raise ValueError(f"clip {record.id!r}: {start}..{stop} lies outside {name}")


def table_bytes(records: Iterable[ClipRecord]) -> bytes:
    """The table of clips as the bytes of its file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(record.as_row() for record in records)
    # Names of files need not be UTF-8; what the system could not decode must survive.
    return text.getvalue().encode("utf-8", errors="surrogateescape")


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """Checksum of a manifest without its own checksum."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def npy_header(count: int) -> bytes:
    """Header of a flat float32 array of `count` numbers."""
    # Of fixed size, so that it can be written last, when the count is known.
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}"
    text = text.ljust(HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def siblings(path: Path, kind: str) -> list[Path]:
    """Folders beside `path` in which a writer keeps an unfinished or earlier store."""
    start = f".{path.name}.{kind}-"
    if not path.parent.is_dir():
        return []
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(start))
