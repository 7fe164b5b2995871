"""The prepared data set on disk: packed arrays, a table of clips, a manifest with checksums.

A store is a folder. `joints.npy`, `confidence.npy` and, where truth is known, `target.npy` are
flat float32 arrays; `clips.csv` says where each clip lies in them; `manifest.json` holds the spec,
the classes, what was dropped, and the size and sha256 of every file. Clips keep their own layout,
frame rate, unit and length. A store is complete or absent: it is written beside its target and
then renamed. A set of shards whose shards are stores (see `shards`) is read like one store.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motiongen.data.disk import check_target
from motiongen.data.manifest import check_size, read_manifest
from motiongen.data.shards import SHARDS, STORE, ShardSet, is_sharded
from motiongen.data.table import (
    ARRAYS,
    HEADER_BYTES,
    ITEM_BYTES,
    MANIFEST,
    TABLE,
    ClipRecord,
    StoreError,
    default_spec,
    read_table,
    sha256,
)
from motiongen.data.writer import StoreWriter
from motiongen.motion import Motion, MotionSpec

__all__ = [
    "ARRAYS",
    "MANIFEST",
    "TABLE",
    "ClipRecord",
    "Store",
    "StoreError",
    "StoreWriter",
    "check_target",
    "default_spec",
    "verify",
    "write_store",
]

#: shards whose arrays are mapped at a time: each takes up two open files
OPEN_SHARDS = 64


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

        A complete set of shards, each of them a store, is opened as one.

        Raises:
            StoreError: names the file that is missing, damaged, cut or of another version, or
                the set that is unfinished or whose shards are no stores.
        """
        path = Path(path)
        return _ShardedStore(ShardSet.read(path)) if is_sharded(path) else _open(path)

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
            check_size(self.path / name, entry["bytes"])
            if sha256(self.path / name) != entry["sha256"]:
                raise StoreError(self.path / name, "damaged: its sha256 differs from the manifest")


def _open(path: Path) -> Store:
    manifest = read_manifest(path)
    for name, entry in manifest["files"].items():
        check_size(path / name, entry["bytes"])
    records = read_table(path / TABLE, manifest)
    try:
        return Store(path, manifest, records)
    except (ValueError, TypeError) as error:
        raise StoreError(path / MANIFEST, str(error)) from error


class _ShardedStore(Store):
    """A set of shards that are stores, as one store; the arrays of few shards are open at a time.

    Args:
        shards: the set, complete.

    Raises:
        StoreError: names the shard that is missing, damaged, or not of this set.
    """

    def __init__(self, shards: ShardSet) -> None:
        header, path = shards.header, shards.path
        if shards.format != STORE:
            raise StoreError(
                path, f"its shards are {shards.format!r} files for recognisers, no stores"
            )
        shards.check_sizes()
        records: list[ClipRecord] = []
        self._manifests = []
        for shard in shards.shards:
            opened = _open(path / shard.shard)
            if len(opened) != shard.rows or opened.manifest["spec"] != header["spec"]:
                raise StoreError(opened.path, "is no shard of this set: its clips are others")
            records += opened.records
            self._manifests.append(opened.manifest)
        manifest = {
            **self._manifests[0],
            "clips": len(records),
            "origin": header["origin"],
            "fps_assumed": all(record.fps is None for record in records),
            "files": {},
            "sha256": sha256(path / SHARDS),
        }
        try:
            super().__init__(path, manifest, records)
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(path / SHARDS, f"damaged: {error}") from error
        self._set = shards
        self._starts = [shard.first for shard in shards.shards]
        self._shard = lru_cache(maxsize=OPEN_SHARDS)(self._open_shard)

    def _open_shard(self, place: int) -> Store:
        shard = self._set.shards[place]
        records = self.records[shard.first : shard.first + shard.rows]
        return Store(self.path / shard.shard, self._manifests[place], records)

    def __getitem__(self, number: int) -> Motion:
        """Reads one clip."""
        number = range(len(self))[number]
        place = bisect_right(self._starts, number) - 1
        return self._shard(place)[number - self._starts[place]]

    @property
    def num_bytes(self) -> int:
        """Size of all shards."""
        return self._set.num_bytes

    def verify(self) -> None:
        """Reads every file of every shard and compares its checksum.

        Raises:
            StoreError: names every damaged shard.
        """
        self._set.verify()


def verify(path: str | Path) -> None:
    """Reads every file of a store, or of a set of shards of any format, and compares its checksum.

    Raises:
        StoreError: names the damaged file, or every damaged shard.
    """
    path = Path(path)
    if is_sharded(path):
        ShardSet.read(path).verify()
    else:
        Store.open(path).verify()


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
        need = sum(_motion_bytes(motion) for motion in motions) + len(ARRAYS) * HEADER_BYTES
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


def _motion_bytes(motion: Motion) -> int:
    arrays = (motion.joints, motion.confidence, motion.target)
    return ITEM_BYTES * sum(0 if array is None else array.numel() for array in arrays)
