"""The prepared data set on disk: packed arrays, a table of clips, a manifest with checksums.

A store is a folder. `joints.npy`, `confidence.npy` and, where truth is known, `target.npy` are
flat float32 arrays; `clips.csv` says where each clip lies in them; `manifest.json` holds the spec,
the classes, what was dropped, and the size and sha256 of every file. Clips keep their own layout,
frame rate, unit and length. A store is complete or absent: it is written beside its target and
then renamed.
"""

import csv
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, get_args

import numpy as np
import torch

from motiongen import __version__
from motiongen.motion import Motion, MotionSpec, Unit

STORE_VERSION = 1
ASSUMED_FPS = 30.0
MAX_FRAMES = 96
MIN_FPS = 15.0
MANIFEST, TABLE = "manifest.json", "clips.csv"
ARRAYS: tuple[str, ...] = ("joints.npy", "confidence.npy", "target.npy")
_HEADER_BYTES, _ITEM_BYTES = 128, 4
_KEYS: dict[str, type] = {
    "store": int,
    "motiongen": str,
    "clips": int,
    "spec": dict,
    "fps_assumed": bool,
    "classes": list,
    "dropped": list,
    "origin": dict,
    "files": dict,
    "sha256": str,
}


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


class Store:
    """A prepared data set, read by memory map: an item copies its own slice and nothing else.

    Made by `Store.open` and by `write_store`.
    """

    def __init__(
        self, path: Path, manifest: Mapping[str, Any], records: Iterable[ClipRecord]
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.records = tuple(records)
        self.classes: tuple[str, ...] = tuple(manifest["classes"])
        self.spec = MotionSpec.from_dict(manifest["spec"])
        self.dropped: tuple[dict[str, str], ...] = tuple(manifest["dropped"])
        self._numbers = {name: number for number, name in enumerate(self.classes)}
        self._arrays = {
            name: np.load(path / name, mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
            if name in manifest["files"]
        }

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Opens a store. Checks the manifest, the table and all sizes, but reads no array.

        Raises:
            StoreError: names the file that is missing, damaged, cut or of another version.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        for name, entry in manifest["files"].items():
            _check_size(path / name, entry["bytes"])
        records = _read_table(path / TABLE, manifest)
        try:
            return cls(path, manifest, records)
        except (ValueError, TypeError) as error:
            raise StoreError(path / MANIFEST, str(error)) from error

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled memory map would carry the whole data set into every worker.
        return Store.open, (self.path,)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Motion]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Motion:
        """Reads one clip.

        Raises:
            StoreError: if its numbers are no motion (a damaged file); names the clip.
            IndexError: if there is no such clip.
        """
        record = self.records[number]
        shape = (record.frames, record.joints, record.channels)
        parts = {
            name: torch.from_numpy(np.array(self._arrays[name][start:stop]))
            for name, (start, stop) in record.spans().items()
        }
        target = parts.get("target.npy")
        try:
            return Motion(
                joints=parts["joints.npy"].view(shape),
                confidence=parts["confidence.npy"].view(shape[:2]),
                layout=record.layout,
                unit=record.unit,
                id=record.id,
                label=None if record.label is None else self._numbers[record.label],
                subject=record.subject,
                source=record.source,
                fps=record.fps,
                target=None if target is None else target.view(shape),
            )
        except ValueError as error:
            raise StoreError(self.path, f"{error}; `verify` names the damaged file") from error

    @property
    def num_bytes(self) -> int:
        """Size of the store's files, without the manifest."""
        return sum(entry["bytes"] for entry in self.manifest["files"].values())

    def verify(self) -> None:
        """Reads every file and compares its checksum.

        Raises:
            StoreError: names the first damaged file.
        """
        for name, entry in self.manifest["files"].items():
            _check_size(self.path / name, entry["bytes"])
            if _sha256(self.path / name) != entry["sha256"]:
                raise StoreError(self.path / name, "damaged: its sha256 differs from the manifest")


class StoreWriter:
    """Writes a store clip by clip in constant memory; the target appears when all is on disk.

    `spec` and `dropped` may be set until the `with` block ends.

    Args:
        path: the folder to create.
        classes: names of the labels, in the order of their numbers.
        spec: the contract for models; None: `default_spec` of the clips.
        dropped: what was left out: `{"source": ..., "reason": ...}`.
        origin: where the clips came from (plain values).
        overwrite: replace a store at `path` once the new one is complete.
        need: expected size in bytes, where known.

    Raises:
        StoreError: if the target exists, the disk is too small or fails. Then nothing stays
            behind, and an earlier store at `path` is as it was.
    """

    def __init__(
        self,
        path: str | Path,
        classes: Sequence[str],
        *,
        spec: MotionSpec | None = None,
        dropped: Iterable[Mapping[str, str]] = (),
        origin: Mapping[str, Any] | None = None,
        overwrite: bool = False,
        need: int | None = None,
    ) -> None:
        check_target(path, overwrite=overwrite)
        self.path = Path(path).resolve()
        self.classes = tuple(classes)
        if "" in self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes: names must be unique and not empty: {self.classes}")
        self.spec = spec
        self.dropped = [dict(entry) for entry in dropped]
        self.origin = dict(origin or {})
        self.records: list[ClipRecord] = []
        self._overwrite = overwrite
        self._need = need
        self._made = False
        self._ids: set[str] = set()
        self._counts = dict.fromkeys(ARRAYS, 0)
        self._files: dict[str, BinaryIO] = {}
        self._temporary = self.path.with_name(f".{self.path.name}.tmp-{os.getpid()}")
        if need is not None:
            _check_space(self.path, need)

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            self._clear()

    def add(self, motion: Motion) -> None:
        """Appends a clip.

        Raises:
            ValueError: for an id that is empty or taken, no frames, or a label without a class.
            StoreError: if the disk fails; names path and bytes needed.
        """
        record = self._record(motion)
        values = {"joints.npy": motion.joints, "confidence.npy": motion.confidence}
        if motion.target is not None:
            values["target.npy"] = motion.target
        try:
            for name, value in values.items():
                self._append(name, value.detach().cpu().numpy())
        except OSError as failure:
            raise self._failed(failure) from failure
        self._ids.add(record.id)
        self.records.append(record)

    def _record(self, motion: Motion) -> ClipRecord:
        name = f"clip {motion.source or motion.id!r}"
        if not motion.id or motion.id in self._ids:
            raise ValueError(f"{name}: id {motion.id!r} is {'taken' if motion.id else 'empty'}")
        if motion.num_frames < 1:
            raise ValueError(f"{name}: has no frames, at least 1 is needed")
        if motion.label is not None and not 0 <= motion.label < len(self.classes):
            raise ValueError(f"{name}: label {motion.label} is not among {self.classes}")
        frames, joints, channels = motion.joints.shape
        return ClipRecord(
            id=motion.id,
            label=None if motion.label is None else self.classes[motion.label],
            subject=motion.subject,
            source=motion.source,
            layout=motion.layout,
            unit=motion.unit,
            fps=None if motion.fps is None else float(motion.fps),
            frames=frames,
            joints=joints,
            channels=channels,
            joints_offset=self._counts["joints.npy"],
            confidence_offset=self._counts["confidence.npy"],
            target_offset=None if motion.target is None else self._counts["target.npy"],
        )

    def _append(self, name: str, values: np.ndarray) -> None:
        if name not in self._files:
            self._make_folder()
            self._files[name] = open(self._temporary / name, "wb")
            self._files[name].write(bytes(_HEADER_BYTES))
        self._files[name].write(np.ascontiguousarray(values, dtype="<f4").data)
        self._counts[name] += values.size

    def _make_folder(self) -> None:
        if not self._made:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(self.path)
            self._temporary.mkdir()
            self._made = True

    def _finish(self) -> None:
        if not self.records:
            raise StoreError(self.path, "no clips given; at least 1 is needed")
        manifest = self._manifest()
        for name, file in self._files.items():
            file.seek(0)
            file.write(_npy_header(self._counts[name]))
            _sync(file)
            file.close()
        with open(self._temporary / TABLE, "wb") as file:
            file.write(_table_bytes(self.records))
            _sync(file)
        for name in (*self._files, TABLE):
            path = self._temporary / name
            manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        manifest["sha256"] = _manifest_sha256(manifest)
        with open(self._temporary / MANIFEST, "wb") as file:
            file.write(json.dumps(manifest, indent=1).encode())
            _sync(file)
        _sync_folder(self._temporary)
        self._swap()

    def _manifest(self) -> dict[str, Any]:
        spec = self.spec or default_spec(self.records, self.classes)
        if spec.classes != self.classes:
            raise ValueError(f"spec.classes: {spec.classes} differ from classes: {self.classes}")
        return {
            "store": STORE_VERSION,
            "motiongen": __version__,
            "clips": len(self.records),
            "spec": spec.as_dict(),
            "fps_assumed": all(record.fps is None for record in self.records),
            "classes": list(self.classes),
            "dropped": self.dropped,
            "origin": self.origin,
            "files": {},
        }

    def _swap(self) -> None:
        """Puts the new folder in place; on failure the earlier one is put back."""
        check_target(self.path, overwrite=self._overwrite)
        earlier = self.path.with_name(f".{self.path.name}.old-{os.getpid()}")
        shutil.rmtree(earlier, ignore_errors=True)
        try:
            if self.path.exists():
                os.replace(self.path, earlier)
            os.replace(self._temporary, self.path)
            _sync_folder(self.path.parent)
        except OSError:
            if not self._temporary.exists():
                os.replace(self.path, self._temporary)
            if earlier.exists():
                os.replace(earlier, self.path)
            raise
        shutil.rmtree(earlier, ignore_errors=True)

    def _failed(self, failure: OSError) -> StoreError:
        need = max(self._need or 0, _num_bytes(self._counts) + len(_table_bytes(self.records)))
        return StoreError(
            self.path,
            f"cannot be written ({failure}); at least {need} bytes are needed, "
            f"{_free_bytes(self.path)} are free; nothing was changed",
        )

    def _clear(self) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        if self._made:
            shutil.rmtree(self._temporary, ignore_errors=True)


def write_store(
    path: str | Path,
    motions: Iterable[Motion],
    *,
    classes: Sequence[str],
    spec: MotionSpec | None = None,
    dropped: Iterable[Mapping[str, str]] = (),
    origin: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Store:
    """Writes motions to a new store and opens it. Arguments as for `StoreWriter`.

    A generator is streamed; for a list the free space is checked before anything is written.

    Raises:
        StoreError: if the target exists, the disk is too small or fails.
        ValueError: if a clip cannot be stored; names it.
    """
    need = None
    if isinstance(motions, Sequence):
        need = sum(_motion_bytes(motion) for motion in motions) + len(ARRAYS) * _HEADER_BYTES
    writer = StoreWriter(
        path,
        classes,
        spec=spec,
        dropped=dropped,
        origin=origin,
        overwrite=overwrite,
        need=need,
    )
    with writer:
        for motion in motions:
            writer.add(motion)
    return Store.open(path)


def check_target(path: str | Path, *, overwrite: bool = False) -> None:
    """Checks that a store may be written at `path`.

    Raises:
        StoreError: if something is there, unless it is a store and `overwrite` is set.
    """
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise StoreError(path, "exists already; choose another name or allow overwriting")
    if not path.is_dir():
        raise StoreError(path, "is no folder; only a store may be overwritten")
    if foreign := {entry.name for entry in path.iterdir()} - {*ARRAYS, TABLE, MANIFEST}:
        raise StoreError(path, f"holds other files ({min(foreign)}); only a store is overwritten")


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


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise StoreError(path, "not found: the folder is no store" + _left_aside(folder))
    try:
        manifest = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise StoreError(path, f"damaged: no JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise StoreError(path, f"damaged: a {type(manifest).__name__}, expected a table of keys")
    _check_keys(path, manifest)
    if manifest["sha256"] != _manifest_sha256(manifest):
        raise StoreError(path, "damaged or edited: its content differs from its own sha256")
    _check_entries(path, manifest["files"])
    return manifest


def _check_keys(path: Path, manifest: dict[str, Any]) -> None:
    # First of all: other versions may have other keys.
    if manifest.get("store") != STORE_VERSION:
        raise StoreError(
            path,
            f"store version is {manifest.get('store')!r}, made by motiongen "
            f"{manifest.get('motiongen')}; motiongen {__version__} reads version {STORE_VERSION}: "
            "import the source again",
        )
    if set(manifest) != set(_KEYS):
        raise StoreError(path, f"damaged: keys {sorted(manifest)}, expected {sorted(_KEYS)}")
    for key, kind in _KEYS.items():
        if not isinstance(manifest[key], kind):
            raise StoreError(path, f"damaged: {key} is {manifest[key]!r}, no {kind.__name__}")


def _left_aside(folder: Path) -> str:
    for earlier in _siblings(folder, "old"):
        return f"; an interrupted overwrite left the earlier store at {earlier}: rename it back"
    return ""


def _siblings(path: Path, kind: str) -> list[Path]:
    start = f".{path.name}.{kind}-"
    if not path.parent.is_dir():
        return []
    return sorted(entry for entry in path.parent.iterdir() if entry.name.startswith(start))


def _sweep(path: Path) -> None:
    """Removes what killed writers of `path` left behind, except its only copy."""
    leftovers = _siblings(path, "tmp") + (_siblings(path, "old") if path.exists() else [])
    for leftover in leftovers:
        try:
            os.kill(int(leftover.name.rpartition("-")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(leftover, ignore_errors=True)
        except (ValueError, OverflowError, PermissionError):
            continue


def _check_entries(path: Path, files: dict[str, Any]) -> None:
    needed, allowed = {*ARRAYS[:2], TABLE}, {*ARRAYS, TABLE}
    if not needed <= set(files) <= allowed:
        raise StoreError(path, f"files are {list(files)}, allowed {sorted(allowed)}")
    for name, entry in files.items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if not isinstance(size, int) or set(entry) != {"bytes", "sha256"}:
            raise StoreError(path, f"files[{name!r}] is {entry}, expected bytes and sha256")


def _check_size(path: Path, size: int) -> None:
    if path.is_symlink() or not path.is_file():
        raise StoreError(path, "missing or no regular file")
    if path.stat().st_size != size:
        raise StoreError(path, f"cut or damaged: {path.stat().st_size} bytes, expected {size}")
    if path.name in ARRAYS:
        count = (size - _HEADER_BYTES) // _ITEM_BYTES
        with open(path, "rb") as file:
            if file.read(_HEADER_BYTES) != _npy_header(count):
                raise StoreError(path, "damaged: its header does not match its size")


def _read_table(path: Path, manifest: Mapping[str, Any]) -> list[ClipRecord]:
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
        name: (entry["bytes"] - _HEADER_BYTES) // _ITEM_BYTES
        for name, entry in manifest["files"].items()
    }
    classes = set(manifest["classes"])
    for record in records:
        if record.label is not None and record.label not in classes:
            raise ValueError(f"clip {record.id!r}: label {record.label!r} is no class")
        for name, (start, stop) in record.spans().items():
            if start < 0 or stop > counts.get(name, 0):
                raise ValueError(f"clip {record.id!r}: {start}..{stop} lies outside {name}")


def _table_bytes(records: Iterable[ClipRecord]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(record.as_row() for record in records)
    # Names of files need not be UTF-8; what the system could not decode must survive.
    return text.getvalue().encode("utf-8", errors="surrogateescape")


def _manifest_sha256(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _npy_header(count: int) -> bytes:
    # Of fixed size, so that it can be written last, when the count is known.
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}"
    text = text.ljust(_HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _num_bytes(counts: Mapping[str, int]) -> int:
    return sum(_HEADER_BYTES + _ITEM_BYTES * count for count in counts.values() if count)


def _motion_bytes(motion: Motion) -> int:
    arrays = (motion.joints, motion.confidence, motion.target)
    return _ITEM_BYTES * sum(0 if array is None else array.numel() for array in arrays)


def _free_bytes(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def _check_space(path: Path, need: int) -> None:
    free = _free_bytes(path)
    if free < 1.1 * need:
        raise StoreError(
            path, f"{need} bytes are needed and a tenth to spare, {free} are free; nothing written"
        )
