"""Collections of series as aeon and sktime take them ("numpy3D"), in an .npz file.

============  ====================  ============================================================
key           shape and type        meaning
============  ====================  ============================================================
``X``         [N,J*C,T] float       one channel a joint and coordinate, all clips equally long;
                                    the only key that is always needed
``y``         [N] str or int        name of the class, or its number
``channel``   [J*C] str             name of each channel, joint and coordinate: "left_wrist y"
``classes``   [K] str               names of the classes; without it those in ``y``, sorted
``id``        [N] str               unique name; without it, the clip's number
``layout``    [] str                name of the skeleton
``unit``      [] str                "m" (also without it), "px" or "normalised"
``fps``       [] number             frames per second; without it or NaN, unknown
============  ====================  ============================================================

Joints that were not seen are zeros: a joint with NaN, or at the origin exactly, is read as one
that was not seen. Source: aeon-toolkit.org, "Data structures": a collection is [n_cases,
n_channels, n_timepoints].
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from motiongen.formats.arrays import fps_of, unit_of
from motiongen.formats.base import Clip, FormatError, Holds, Reader, Writer
from motiongen.formats.npz import read_arrays, read_headers, write_arrays
from motiongen.formats.table import MAX_VALUE
from motiongen.layouts import get, names
from motiongen.motion import Motion

SCHEMA = {
    "X": ("NDT", "f"),
    "y": ("N", "Uiu"),
    "channel": ("D", "U"),
    "classes": ("K", "U"),
    "id": ("N", "U"),
    "layout": ("", "U"),
    "unit": ("", "U"),
    "fps": ("", "fiu"),
}


class Aeon(Reader):
    """Reads .npz files of the module's schema.

    Args:
        source: one file, or a folder of them, whose classes must agree. In a folder of several,
            ids start with the file's name.
        layout: name of the skeleton for files without the keys `layout` and `channel`.

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
            FormatError: if there is none, a header is not as allowed, or classes differ.
        """
        files = [name for name, _ in self.find(re.compile(r".*\.npz"))]
        tables = {name: self._read(name, set(SCHEMA) - {"X"}) for name in files}
        self.classes = _classes(tables)
        clips: list[Clip] = []
        for name, table in tables.items():
            prefix = f"{name.removesuffix('.npz')}/" if len(tables) > 1 else ""
            labels = table["y"].astype(str).tolist() if "y" in table else [None] * len(table["id"])
            for row, (id_, label) in enumerate(zip(table["id"].tolist(), labels, strict=True)):
                clips.append(Clip(f"{name}#{row}", f"{prefix}{id_}", label))
        return self.checked(clips, "a .npz file with the key 'X'")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; its file stays in memory until a clip of another one is asked for.

        Raises:
            FormatError: if the file is damaged; names clip, frame and joint of a bad value.
        """
        name, _, number = clip.path.rpartition("#")
        if self._opened[0] != name:
            self._opened = (name, self._read(name, set(SCHEMA)))
        table = self._opened[1]
        layout, channels = self._layout(table, name)
        series = table["X"][int(number)]
        joints = series.T.reshape(series.shape[1], -1, channels)
        missing = np.isnan(joints).any(-1) | ~joints.any(-1)
        bad = ~missing & ~(np.abs(joints) <= MAX_VALUE).all(-1)
        if bad.any():
            frame, joint = np.argwhere(bad)[0].tolist()
            raise FormatError(
                clip.path,
                f"clip {clip.id!r}, frame {frame}, joint {get(layout).joints[joint]!r}: found "
                f"{joints[frame, joint].tolist()}, allowed finite values up to {MAX_VALUE:g}",
            )
        return Motion(
            joints=torch.from_numpy(np.where(missing[..., None], 0, joints).astype(np.float32)),
            confidence=torch.from_numpy((~missing).astype(np.float32)),
            layout=layout,
            unit=unit_of(table, name),
            id=clip.id,
            label=self.label_number(clip),
            source=clip.path,
            fps=fps_of(table, name),
        )

    def _read(self, name: str, keys: set[str]) -> dict[str, np.ndarray]:
        axes = read_headers(self.root / name, name, SCHEMA, required=["X"])
        if not axes["T"]:
            raise FormatError(name, "key 'X': no frames, at least 1 is needed")
        table = read_arrays(self.root / name, name, keys)
        table.setdefault("id", np.arange(axes["N"]).astype(str))
        return table

    def _layout(self, table: dict[str, np.ndarray], name: str) -> tuple[str, int]:
        """Layout and number of coordinates."""
        layout = str(table["layout"]) if "layout" in table else self.layout
        pairs = [str(text).rpartition(" ")[::2] for text in table.get("channel", ())]
        joints = tuple(dict.fromkeys(joint for joint, _ in pairs))
        if layout is None:
            layout = next((known for known in names() if get(known).joints == joints), None)
        if layout is None:
            raise FormatError(
                name,
                "keys 'layout' and 'channel' name no known skeleton; give the option `layout`",
            )
        try:
            skeleton = get(layout)
        except ValueError as error:
            raise FormatError(name, f"key 'layout': {error}") from error
        count = table["X"].shape[1]
        channels = count // skeleton.num_joints
        if channels not in (2, 3) or count % skeleton.num_joints:
            raise FormatError(
                name, f"key 'X': {count} channels, {layout!r} has {skeleton.num_joints} joints"
            )
        if pairs and pairs != [(j, axis) for j in skeleton.joints for axis in "xyz"[:channels]]:
            raise FormatError(name, f"key 'channel': names or order are not those of {layout!r}")
        return layout, channels


def _classes(tables: dict[str, dict[str, np.ndarray]]) -> tuple[str, ...]:
    """The classes of all files: those that they list, or else the labels found."""
    given = [table["y"].astype(str).tolist() for table in tables.values() if "y" in table]
    labels = set(itertools.chain.from_iterable(given))
    found = {name: tuple(t["classes"].tolist()) for name, t in tables.items() if "classes" in t}
    if not found:
        numbers = all(text.isdecimal() for text in labels)
        return tuple(sorted(labels, key=int if numbers else str))
    first, classes = next(iter(found.items()))
    for name in tables:
        if found.get(name) != classes:
            raise FormatError(name, f"classes {found.get(name)} differ from {classes} in {first}")
    if unknown := labels - set(classes):
        raise FormatError(first, f"key 'y': {min(unknown)!r} is not among the classes {classes}")
    return classes


class AeonWriter(Writer):
    """Writes clips as collections of series, as the classifiers of aeon take them."""

    name = "aeon"
    holds = Holds(
        ".npz",
        unlabelled=False,
        confidence="no",
        subjects=False,
        alike=("layout", "unit", "fps", "J", "C"),
    )

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips.

        Raises:
            ValueError: if they are not equally long.
        """
        clips = list(motions)
        lengths = {clip.num_frames for clip in clips}
        if len(lengths) > 1:
            raise ValueError(
                f"aeon: clips have {min(lengths)} to {max(lengths)} frames, allowed is one number"
            )
        first = clips[0]
        x = np.stack([clip.joints.cpu().numpy() for clip in clips]).astype(np.float32)
        count, frames, _, channels = x.shape
        joints, axes = get(first.layout).joints, "xyz"[:channels]
        arrays = {
            "X": np.ascontiguousarray(x.reshape(count, frames, -1).transpose(0, 2, 1)),
            "y": np.array([self.label_name(clip) for clip in clips]),
            "channel": np.array([f"{name} {axis}" for name in joints for axis in axes]),
            "classes": np.array(self.classes),
            "id": np.array([clip.id for clip in clips]),
            "layout": np.array(first.layout),
            "unit": np.array(first.unit),
            "fps": np.array(np.nan if first.fps is None else first.fps),
        }
        write_arrays(part, arrays)
