"""C3D: markers of optical motion capture, with their names, rate and unit; binary.

Source: "The C3D file format user guide", Motion Lab Systems, 2021 (c3d.org).
"""

import re
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.axes import Z_TO_Y
from motiongen.formats.base import Clip, FormatError, Reader, check_choice
from motiongen.formats.bvh import arranged
from motiongen.formats.c3d_parsing import Points, read_points
from motiongen.formats.naming import by_mapping, read_mapping, shown
from motiongen.formats.table import by_joint, check_values
from motiongen.layouts import get
from motiongen.motion import Motion

Up = Literal["y", "z", "file"]
#: Plug-in Gait's names in the order of the layout ``plugingait39``
_PLUG_IN_GAIT = tuple(
    """
    LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM LWRA LWRB LFIN
    RSHO RUPA RELB RFRM RWRA RWRB RFIN LASI RASI LPSI RPSI
    LTHI LKNE LTIB LANK LHEE LTOE RTHI RKNE RTIB RANK RHEE RTOE
    """.split()
)
#: layout -> the names of its markers
MARKERS = {"plugingait39": _PLUG_IN_GAIT}
#: fewer of a layout's markers than this share, and the set is another
ENOUGH = 0.6
_METRES = {"mm": 1e-3, "cm": 1e-2, "dm": 0.1, "m": 1.0, "in": 0.0254, "": 1e-3}
_NAME = re.compile(r"(.+)\.c3d", re.IGNORECASE)


class C3d(Reader):
    """Reads C3D files: points only; analog channels, events and computed angles are left out.

    Markers become joints by their names: those of Plug-in Gait's full body (``plugingait39``;
    with a subject before a colon or not), or those of a mapping file. A marker that the file
    lacks, and one with a negative residual in a frame, is missing; points of other names are not
    read. The unit is the file's (millimetres where it says none), the rate, too.

    Args:
        source: the folder, or a single file. Ids are the paths without ``.c3d``.
        up: the vertical axis; "file" believes its ``POINT:Y_SCREEN``, and takes z without one.
        mapping: JSON file, ``{"layout": "plugingait39", "joints": {"LeftHead": ...}}``.

    Raises:
        ValueError: if an option is unknown, or the mapping is faulty.
    """

    def __init__(self, source: Path, *, up: Up = "file", mapping: str | None = None) -> None:
        super().__init__(source)
        check_choice("up", up, get_args(Up))
        self.up: Up = up
        self.mapping = None if mapping is None else read_mapping(mapping)

    def index(self) -> list[Clip]:
        """Lists the files.

        Raises:
            FormatError: if there is none.
        """
        clips = [Clip(path, path[: -len(".c3d")]) for path, _ in self.find(_NAME)]
        return self.checked(clips, "files like walk.c3d")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged, or its markers are not recognised.
        """
        points = read_points(self.root / clip.path, clip.path)
        layout, rows = self._names(points, clip.path)
        positions = points.positions * _metres(points.unit, clip.path)
        joints, seen = arranged(positions, layout, rows)
        for joint, row in rows.items():
            seen[:, get(layout).index(joint)] = points.seen[:, row]
        joints = np.where(seen[..., None], joints, 0)
        names = get(layout).joints
        check_values(joints.reshape(len(joints), -1), clip.path, by_joint(names, 3))
        if self._vertical(points, clip.path) == "z":
            joints = joints @ Z_TO_Y.T
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout=layout,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=points.fps,
        )

    def _names(self, points: Points, path: str) -> tuple[str, dict[str, int]]:
        """Layout, and which point is which of its joints."""
        labels = [label.rpartition(":")[2].strip() for label in points.labels]
        if self.mapping is not None:
            return by_mapping(labels, self.mapping, path)
        for layout, markers in MARKERS.items():
            found = {
                joint: labels.index(marker)
                for joint, marker in zip(get(layout).joints, markers, strict=True)
                if marker in labels
            }
            if len(found) >= ENOUGH * len(markers):
                return layout, found
        raise FormatError(
            path,
            f"markers of no known set ({', '.join(MARKERS)}); give a mapping (option `mapping`). "
            f"Markers: {shown(labels)}",
        )

    def _vertical(self, points: Points, path: str) -> str:
        if self.up != "file":
            return self.up
        found = points.vertical.strip().upper().lstrip("+")
        if found not in ("", "Y", "Z"):
            raise FormatError(path, f"POINT:Y_SCREEN is {found!r}; give the option `up`, y or z")
        return found.lower() or "z"


def _metres(unit: str, path: str) -> float:
    if unit.strip().lower() not in _METRES:
        raise FormatError(path, f"POINT:UNITS is {unit[:40]!r}, allowed {', '.join(_METRES)}")
    return _METRES[unit.strip().lower()]
