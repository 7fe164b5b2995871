"""BVH: the rotations of an animation rig, read as positions of its joints."""

import re
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.axes import Z_TO_Y
from motiongen.formats.base import Clip, FormatError, Reader, check_choice
from motiongen.formats.hierarchy import Node, forward_kinematics, read_take
from motiongen.formats.naming import by_mapping, of_layout, of_rig, read_mapping
from motiongen.formats.table import by_joint, check_values
from motiongen.layouts import get
from motiongen.motion import Motion

LengthUnit = Literal["mm", "cm", "m", "inch"]
Up = Literal["y", "z"]
Positions = Literal["replace", "add"]
METRES: dict[str, float] = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "inch": 0.0254}
#: a body from its pelvis to its farthest end along the bones, in metres
REACH = (0.2, 3.0)
_NAME = re.compile(r"(.+)\.bvh", re.IGNORECASE)


class Bvh(Reader):
    """Reads BVH files: any hierarchy, any channel order, translations at every joint.

    Which joint is which is told by the names: those of a layout's own joints, the usual names of
    rigs (then the layout is ``rig21``, or ``smpl24`` with three joints in the trunk or more), or
    a mapping file. A joint of the layout that the rig lacks is missing. End sites are called
    after their joint, ``"Head end"``, and read only where a mapping names them. If all clips lie
    at ``class/clip``, the folder is the class; else there are no classes.

    The files do not say their unit: centimetres are assumed, and a body that would then be
    impossible from its pelvis to its farthest end (below 0.2 or above 3 m) is an error.

    Args:
        source: the folder, or a single file. Ids are the paths without ``.bvh``.
        unit: of the file's lengths.
        up: the vertical axis; z is turned to y.
        positions: whether a position channel takes the place of the joint's offset, as most
            programs mean it, or is added to it.
        layout: of a file whose joints have the names of that layout's; needed only where it
            leaves joints out, or where several layouts have these names.
        mapping: JSON file, ``{"layout": "rig21", "joints": {"Hips": "pelvis", ...}}``.

    Raises:
        ValueError: if an option is unknown, or the mapping is faulty.
    """

    def __init__(
        self,
        source: Path,
        *,
        unit: LengthUnit = "cm",
        up: Up = "y",
        positions: Positions = "replace",
        layout: str | None = None,
        mapping: str | None = None,
    ) -> None:
        super().__init__(source)
        check_choice("unit", unit, get_args(LengthUnit))
        check_choice("up", up, get_args(Up))
        check_choice("positions", positions, get_args(Positions))
        self.unit: LengthUnit = unit
        self.up: Up = up
        self.positions: Positions = positions
        self.mapping = None if mapping is None else read_mapping(mapping)
        if layout is not None:
            get(layout)
            if mapping is not None:
                raise ValueError("layout: the mapping names one already; give one of both options")
        self.layout = layout

    def index(self) -> list[Clip]:
        """Lists the files; sets `classes`.

        Raises:
            FormatError: if there is none.
        """
        paths = [path for path, _ in self.find(_NAME)]
        nested = all(path.count("/") == 1 for path in paths)
        labels = [path.partition("/")[0] if nested else None for path in paths]
        self.classes = tuple(sorted({label for label in labels if label is not None}))
        named = zip(paths, labels, strict=True)
        clips = [Clip(path, path[: -len(".bvh")], label) for path, label in named]
        return self.checked(clips, "files like walk.bvh")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged, or its joints are not recognised.
        """
        take = read_take(self.root / clip.path, clip.path)
        names = [node.name for node in take.nodes]
        layout, rows = self._names(take.nodes, clip.path)
        metres = METRES[self.unit]
        check_reach(take.nodes, min(rows.values()), self.unit, clip.path)
        positions = forward_kinematics(take, added=self.positions == "add") * metres
        check_values(positions.reshape(len(positions), -1), clip.path, by_joint(names, 3))
        if self.up == "z":
            positions = positions @ Z_TO_Y.T
        joints, seen = arranged(positions, layout, rows)
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout=layout,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=take.fps,
        )

    def _names(self, nodes: tuple[Node, ...], path: str) -> tuple[str, dict[str, int]]:
        """Layout, and which node is which of its joints."""
        if self.mapping is not None:
            return by_mapping([node.name for node in nodes], self.mapping, path)
        if self.layout is not None:
            return self.layout, of_layout(nodes, self.layout, path)
        return of_rig(nodes, path)


def arranged(
    positions: np.ndarray, layout: str, rows: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The joints of a layout, and which are there.

    Shapes: positions [T,N,3] -> [T,J,3], [T,J].
    """
    names = get(layout).joints
    joints = np.zeros((len(positions), len(names), 3))
    seen = np.zeros((len(positions), len(names)))
    for name, row in rows.items():
        joints[:, names.index(name)] = positions[:, row]
        seen[:, names.index(name)] = 1
    return joints, seen


def check_reach(nodes: tuple[Node, ...], body: int, unit: LengthUnit, source: str) -> None:
    """Refuses a rest pose of impossible size: the unit is another, or it is no human body.

    Args:
        nodes: the hierarchy.
        body: the uppermost joint of the body.
        unit: of the offsets.
        source: what messages call the file.

    Raises:
        FormatError: names the size that it would have.
    """
    reach = {body: 0.0}
    for i, node in enumerate(nodes):
        if node.parent in reach and i != body:
            reach[i] = reach[node.parent] + float(np.linalg.norm(node.offset))
    found = max(reach.values()) * METRES[unit]
    if not REACH[0] <= found <= REACH[1]:
        raise FormatError(
            source,
            f"the bones reach {found:.3g} m with the unit {unit}, allowed {REACH[0]:g} to "
            f"{REACH[1]:g} m; give the option `unit`",
        )
