"""Writes a store: clip by clip, complete or not at all."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import torch

from motiongen import __version__
from motiongen.data.batches import batch_records
from motiongen.data.disk import (
    check_space,
    check_target,
    free_bytes,
    sweep,
    sync_folder,
)
from motiongen.data.table import (
    ARRAYS,
    HEADER_BYTES,
    ITEM_BYTES,
    MANIFEST,
    TABLE,
    ClipRecord,
    StoreError,
    default_spec,
    manifest_sha256,
    npy_header,
    sha256,
    table_bytes,
)
from motiongen.motion import Motion, MotionBatch, MotionSpec

STORE_VERSION = 1


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
            check_space(self.path, need)

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
        self._check_clip(motion.source, motion.id, motion.num_frames, motion.label)
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

    def _check_clip(self, source: str, id: str, frames: int, label: int | None) -> None:
        name = f"clip {source or id!r}"
        if not id or id in self._ids:
            raise ValueError(f"{name}: id {id!r} is {'taken' if id else 'empty'}")
        if frames < 1:
            raise ValueError(f"{name}: has no frames, at least 1 is needed")
        if label is not None and not 0 <= label < len(self.classes):
            raise ValueError(f"{name}: label {label} is not among {self.classes}")

    def add_batch(
        self, batch: MotionBatch, spec: MotionSpec, ids: Sequence[str], *, subject: str = ""
    ) -> None:
        """Appends the clips of a batch: the same bytes as one by one, in a tenth of the time.

        Args:
            batch: the clips.
            spec: their layout, unit and rate.
            ids: of the clips; also their source.
            subject: who moves in all of them.

        Raises:
            ValueError: see `add`; also for values that no clip can have.
            StoreError: see `add`.
        """
        batch = batch.to("cpu")
        exists = batch.frame_mask
        confidence = batch.confidence[exists]
        # indexing has copied it
        joints = batch.joints[exists].masked_fill_(~(confidence > 0)[..., None], 0.0)
        certain = bool(((confidence >= 0) & (confidence <= 1)).all())
        # a sum is finite only of finite numbers, and is found much faster than each of them
        if batch.target is not None or not (certain and torch.isfinite(joints.sum())):
            # the slow way names the clip, frame and joint of a bad value
            motions = zip(batch.unbind(spec), ids, strict=True)
            for motion, name in motions:
                self.add(motion.replace(id=name, source=name, subject=subject))
            return
        records = list(batch_records(batch, spec, ids, subject, self.classes, self._counts))
        for record, label in zip(records, batch.label.tolist(), strict=True):
            self._check_clip(record.id, record.id, record.frames, label if label >= 0 else None)
            self._ids.add(record.id)
        values = {"joints.npy": joints, "confidence.npy": confidence}
        try:
            for name, value in values.items():
                self._append(name, value.numpy())
        except OSError as failure:
            raise self._failed(failure) from failure
        self.records += records

    def _append(self, name: str, values: np.ndarray) -> None:
        if name not in self._files:
            self._make_folder()
            self._files[name] = open(self._temporary / name, "wb")
            self._files[name].write(bytes(HEADER_BYTES))
        self._files[name].write(np.ascontiguousarray(values, dtype="<f4").data)
        self._counts[name] += values.size

    def _make_folder(self) -> None:
        if not self._made:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            sweep(self.path)
            self._temporary.mkdir()
            self._made = True

    def _finish(self) -> None:
        if not self.records:
            raise StoreError(self.path, "no clips given; at least 1 is needed")
        manifest = self._manifest()
        for name, file in self._files.items():
            file.seek(0)
            file.write(npy_header(self._counts[name]))
            _sync(file)
            file.close()
        with open(self._temporary / TABLE, "wb") as file:
            file.write(table_bytes(self.records))
            _sync(file)
        for name in (*self._files, TABLE):
            path = self._temporary / name
            manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        manifest["sha256"] = manifest_sha256(manifest)
        with open(self._temporary / MANIFEST, "wb") as file:
            file.write(json.dumps(manifest, indent=1).encode())
            _sync(file)
        sync_folder(self._temporary)
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
            sync_folder(self.path.parent)
        except OSError:
            if not self._temporary.exists():
                os.replace(self.path, self._temporary)
            if earlier.exists():
                os.replace(earlier, self.path)
            raise
        shutil.rmtree(earlier, ignore_errors=True)

    def _failed(self, failure: OSError) -> StoreError:
        need = max(self._need or 0, _num_bytes(self._counts) + len(table_bytes(self.records)))
        return StoreError(
            self.path,
            f"cannot be written ({failure}); at least {need} bytes are needed, "
            f"{free_bytes(self.path)} are free; nothing was changed",
        )

    def _clear(self) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()
        if self._made:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _num_bytes(counts: Mapping[str, int]) -> int:
    return sum(HEADER_BYTES + ITEM_BYTES * count for count in counts.values() if count)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
