"""NumPy archives (.npz): the plain exchange format, read and written.

One file holds N clips, padded to the longest:

==============  ==================  =======================================================
key             shape and type      meaning
==============  ==================  =======================================================
``joints``      [N,T,J,C] float     positions, y up; the only key that is always needed
``confidence``  [N,T,J] float       0 (not seen) to 1
``length``      [N] int             frames that exist; without it, T
``label``       [N] int             number of the class, -1 without one
``classes``     [K] str             names of the classes; without it, the numbers in ``label``
``subject``     [N] str             who moves
``id``          [N] str             unique name; without it, the clip's number
``target``      [N,T,J,C] float     clean positions; all NaN for a clip without
``fps``         [] number           frames per second; without it or NaN, unknown
``layout``      [] str              name of the skeleton
``unit``        [] str              "m" (also without it), "px" or "normalised"
==============  ==================  =======================================================
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from jaxtyping import Shaped

from motiongen.formats.base import Clip, FormatError, Holds, Reader, Writer
from motiongen.formats.npz import read_arrays, read_headers, write_arrays
from motiongen.formats.table import MAX_VALUE
from motiongen.layouts import get
from motiongen.motion import NO_LABEL, Motion, Unit

SCHEMA = {
    "joints": ("NTJC", "f"),
    "confidence": ("NTJ", "f"),
    "length": ("N", "iu"),
    "label": ("N", "iu"),
    "classes": ("K", "U"),
    "subject": ("N", "U"),
    "id": ("N", "U"),
    "target": ("NTJC", "f"),
    "fps": ("", "fiu"),
    "layout": ("", "U"),
    "unit": ("", "U"),
}
_HEAVY = {"joints", "confidence", "target"}


class Arrays(Reader):
    """Reads .npz files of the module's schema.

    Without ``confidence``, a joint with NaN is missing (confidence 0) and every other has 1. With
    it, NaN where the confidence is above 0 is an error. What lies beyond a clip's length is not
    read. Without ``classes``, the numbers that some clip has as its label are the classes: labels
    10, 30 and 30 are the classes "10" and "30", read as labels 0, 1 and 1. Types and sizes are
    checked in the headers before any value is read; nothing is unpickled.

    Args:
        source: one file, or a folder of them, whose classes must agree. In a folder of several,
            ids start with the file's name.
        layout: name of the skeleton for files without the key ``layout``.

    Raises:
        ValueError: if the layout is unknown.
    """

    def __init__(self, source: Path, *, layout: str | None = None) -> None:
        super().__init__(source)
        if layout is not None:
            get(layout)
        self.layout = layout
        self._opened: tuple[str, dict[str, np.ndarray]] = ("", {})

    def index(self) -> list[Clip]:
        """Lists the clips of all files; sets `classes`. Reads no positions.

        Raises:
            FormatError: if there is none, or a header, label or length is not as allowed.
        """
        files = [name for name, _ in self.find(re.compile(r".*\.npz"))]
        tables = {name: self._read(name, set(SCHEMA) - _HEAVY) for name in files}
        self.classes = _classes(tables)
        clips: list[Clip] = []
        for name, table in tables.items():
            prefix = f"{name.removesuffix('.npz')}/" if len(tables) > 1 else ""
            clips += _clips(name, table, prefix)
        return self.checked(clips, "a .npz file with the key 'joints'")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; its file stays in memory until a clip of another one is asked for.

        Raises:
            FormatError: if the file is damaged; names clip, frame and joint of a bad value.
        """
        name, _, number = clip.path.rpartition("#")
        if self._opened[0] != name:
            self._opened = (name, self._read(name, set(SCHEMA)))
        table, row = self._opened[1], int(number)
        layout = self._layout(table, name)
        frames = int(table["length"][row])
        joints = table["joints"][row, :frames]
        confidence = _confidence(joints, table, row)
        bad = ~((confidence >= 0) & (confidence <= 1))
        _refuse(clip, layout, bad, confidence, "confidence from 0 to 1")
        seen = confidence > 0
        _refuse_positions(clip, layout, seen, joints)
        return Motion(
            joints=torch.from_numpy(np.where(seen[..., None], joints, 0).astype(np.float32)),
            confidence=torch.from_numpy(confidence),
            layout=layout,
            unit=unit_of(table, name),
            id=clip.id,
            label=self._label(table, row),
            subject=clip.subject,
            source=clip.path,
            fps=fps_of(table, name),
            target=_target(table, row, frames, clip, layout),
        )

    def _read(self, name: str, keys: set[str]) -> dict[str, np.ndarray]:
        """Arrays of the keys, and defaults for length, label, subject and id."""
        axes = read_headers(self.root / name, name, SCHEMA, required=["joints"])
        if axes["C"] not in (2, 3):
            raise FormatError(name, f"key 'joints': {axes['C']} coordinates, allowed 2 or 3")
        count, frames = axes["N"], axes["T"]
        table = read_arrays(self.root / name, name, keys)
        table.setdefault("length", np.full(count, frames))
        table.setdefault("label", np.full(count, NO_LABEL))
        table.setdefault("subject", np.full(count, ""))
        table.setdefault("id", np.arange(count).astype(str))
        _check_range(table["length"], 1, frames, "length", name)
        most = len(table["classes"]) - 1 if "classes" in table else np.iinfo(np.int32).max
        _check_range(table["label"], NO_LABEL, most, "label", name)
        return table

    def _label(self, table: dict[str, np.ndarray], row: int) -> int | None:
        """Position of a clip's class in `classes`."""
        number = int(table["label"][row])
        if number == NO_LABEL:
            return None
        return number if "classes" in table else self.classes.index(str(number))

    def _layout(self, table: dict[str, np.ndarray], name: str) -> str:
        layout = str(table["layout"]) if "layout" in table else self.layout
        if layout is None:
            raise FormatError(name, "key 'layout' is missing; give the option `layout`")
        try:
            expected = get(layout).num_joints
        except ValueError as error:
            raise FormatError(name, f"key 'layout': {error}") from error
        if (found := table["joints"].shape[2]) != expected:
            raise FormatError(name, f"{found} joints, but layout {layout!r} has {expected}")
        return layout


class ArraysWriter(Writer):
    """Writes clips as one .npz file of the module's schema.

    Reading it again gives the same clips in every bit of their float32 values; only `source` then
    names the file. The file is not compressed: padding would compress so well that the reader's
    limit on expansion could refuse it. It is complete or not there at all.

    Args:
        classes: names of the labels in the order of their numbers.
    """

    name = "npz"
    holds = Holds(".npz", targets=True, alike=("layout", "unit", "fps", "J", "C"))

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips."""
        arrays = _pack(list(motions))
        if self.classes:
            arrays["classes"] = np.array(self.classes)
        write_arrays(part, arrays)


def _refuse(clip: Clip, layout: str, bad: np.ndarray, values: np.ndarray, allowed: str) -> None:
    """Raises FormatError for the first bad entry. Shapes: bad [T,J], values [T,J,...]."""
    if bad.any():
        frame, joint = np.argwhere(bad)[0].tolist()
        raise FormatError(
            clip.path,
            f"clip {clip.id!r}, frame {frame}, joint {get(layout).joints[joint]!r}: found "
            f"{values[frame, joint].tolist()}, allowed {allowed}",
        )


def _refuse_positions(clip: Clip, layout: str, seen: np.ndarray, positions: np.ndarray) -> None:
    bad = seen & ~(np.abs(positions) <= MAX_VALUE).all(-1)
    _refuse(clip, layout, bad, positions, f"finite values up to {MAX_VALUE:g}")


def _check_range(values: np.ndarray, low: int, high: int, key: str, name: str) -> None:
    bad = np.flatnonzero((values < low) | (values > high))
    if bad.size:
        raise FormatError(
            name, f"key {key!r}, clip {bad[0]}: {values[bad[0]]}, allowed {low} to {high}"
        )


def _classes(tables: dict[str, dict[str, np.ndarray]]) -> tuple[str, ...]:
    """The classes of all files; where none has any, the numbers of their labels as names."""
    found = {name: tuple(t["classes"].tolist()) for name, t in tables.items() if "classes" in t}
    if not found:
        labels = {label for t in tables.values() for label in t["label"].tolist()}
        return tuple(str(number) for number in sorted(labels - {NO_LABEL}))
    first, classes = next(iter(found.items()))
    for name in tables:
        if found.get(name) != classes:
            raise FormatError(name, f"classes {found.get(name)} differ from {classes} in {first}")
    return classes


def _clips(name: str, table: dict[str, np.ndarray], prefix: str) -> list[Clip]:
    names = table["classes"].tolist() if "classes" in table else None
    rows = zip(table["id"], table["label"].tolist(), table["subject"], strict=True)
    return [
        Clip(f"{name}#{row}", f"{prefix}{id_}", _class_name(names, label), str(subject))
        for row, (id_, label, subject) in enumerate(rows)
    ]


def _class_name(names: Sequence[str] | None, label: int) -> str | None:
    if label == NO_LABEL:
        return None
    return str(label) if names is None else names[label]


def _confidence(joints: np.ndarray, table: dict[str, np.ndarray], row: int) -> np.ndarray:
    if "confidence" in table:
        return table["confidence"][row, : len(joints)].astype(np.float32)
    return np.asarray(~np.isnan(joints).any(-1), dtype=np.float32)


def _target(
    table: dict[str, np.ndarray], row: int, frames: int, clip: Clip, layout: str
) -> torch.Tensor | None:
    target = table["target"][row, :frames] if "target" in table else None
    if target is None or np.isnan(target).all():
        return None
    _refuse_positions(clip, layout, np.ones(target.shape[:2], dtype=bool), target)
    return torch.from_numpy(target.astype(np.float32))


def unit_of(table: dict[str, Shaped[np.ndarray, "..."]], name: str) -> Unit:
    """The unit that the key ``unit`` says; metres without it.

    Raises:
        FormatError: if it is unknown.
    """
    found = str(table.get("unit", "m"))
    if found not in get_args(Unit):
        raise FormatError(name, f"key 'unit': found {found!r}, allowed {get_args(Unit)}")
    return cast(Unit, found)


def fps_of(table: dict[str, Shaped[np.ndarray, "..."]], name: str) -> float | None:
    """The rate that the key ``fps`` says; None if it is unknown.

    Raises:
        FormatError: if it is not above 0.
    """
    fps = float(table.get("fps", np.nan))
    if np.isnan(fps):
        return None
    if not 0 < fps < np.inf:
        raise FormatError(name, f"key 'fps': found {fps}, allowed above 0, or NaN for unknown")
    return fps


def _pack(clips: Sequence[Motion]) -> dict[str, Any]:
    """Arrays of the schema, padded with zeros (confidence 0)."""
    count, frames = len(clips), max(clip.num_frames for clip in clips)
    joints = np.zeros((count, frames, *clips[0].joints.shape[1:]), dtype=np.float32)
    confidence = np.zeros(joints.shape[:3], dtype=np.float32)
    target = np.full_like(joints, np.nan)
    for row, clip in enumerate(clips):
        joints[row, : clip.num_frames] = clip.joints.cpu().numpy()
        confidence[row, : clip.num_frames] = clip.confidence.cpu().numpy()
        if clip.target is not None:
            target[row, : clip.num_frames] = clip.target.cpu().numpy()
    labels = [NO_LABEL if clip.label is None else clip.label for clip in clips]
    arrays = {
        "joints": joints,
        "confidence": confidence,
        "length": np.array([clip.num_frames for clip in clips], dtype=np.int64),
        "label": np.array(labels, dtype=np.int64),
        "subject": np.array([clip.subject for clip in clips]),
        "id": np.array([clip.id for clip in clips]),
        "fps": np.array(np.nan if clips[0].fps is None else clips[0].fps),
        "layout": np.array(clips[0].layout),
        "unit": np.array(clips[0].unit),
    }
    return arrays if np.isnan(target).all() else {**arrays, "target": target}
