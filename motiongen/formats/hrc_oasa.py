"""HRC-OaSA: upper bodies and hands of assembly workers, seen from above by a depth camera.

Source: github.com/SuperBJ711/skeleton-data (``P001A001R001_depth.json``).
"""

import re
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.json_values import field, frame_span, numbers, read_json
from motiongen.layouts import get
from motiongen.motion import Motion

Part = Literal["original", "corrected", "hands"]
View = Literal["3d", "above"]

CLASSES = tuple(f"A{action:03d}" for action in range(1, 9))
FOLDERS: dict[str, Part] = {
    "Original": "original",
    "DepthProjection": "corrected",
    "SBIT(hand)": "hands",
}
_KEYS = {"depth": "keypoint_xyz", "hand_xy": "hand_keypoint_xy"}
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
_NAME = re.compile(r"((P\d+)(A\d+)R\d+)_(depth|hand_xy)\.json")


class HrcOasa(Reader):
    """Reads HRC-OaSA: the bodies as estimated, the bodies with corrected depth, or the hands.

    Bodies: millimetres in the camera's axes (x right, y down the picture, z away), although
    published as pixels and depth: x/z and y/z agree with the pixels of the hands in the same
    frames within 4 px at a focal length of 920, x and y alone do not (23 px). The camera looks
    down, so up is -z; m. A joint without depth is at (0,0,0) and missing. Hands: pixels; y is
    turned up by its sign. Neither has confidences. A number that the frames skip is a frame
    without joints: time is kept. The frame rate is not known.

    The three parts share their ids, so that stores of raw and corrected bodies are pairs.

    Args:
        source: the folder, or that of one part, or a single file.
        part: ``original``, ``corrected`` (``DepthProjection``) or ``hands`` (``SBIT(hand)``).
        view: of bodies ``3d``, or 2-D as seen from ``above``: needs no depth but to find holes.

    Raises:
        ValueError: if an option is unknown.
    """

    classes = CLASSES

    def __init__(self, source: Path, *, part: Part = "original", view: View = "3d") -> None:
        super().__init__(source)
        for name, value, kind in (("part", part, Part), ("view", view, View)):
            if value not in get_args(kind):
                raise ValueError(f"{name}: found {value!r}, allowed {', '.join(get_args(kind))}")
        self.part: Part = part
        self.view: View = view

    def index(self) -> list[Clip]:
        """Lists the clips of the part; subject and action are in the file's name.

        Raises:
            FormatError: if there is none, or an action is unknown.
        """
        clips = []
        for path, match in self.find(_NAME):
            if self._part(path, match[4]) != self.part:
                continue
            if match[3] not in CLASSES:
                raise FormatError(
                    path, f"unknown action {match[3]!r}; known: {', '.join(CLASSES)}"
                )
            clips.append(Clip(path, match[1], match[3], match[2]))
        return self.checked(clips, f"files like P001A001R001_depth.json (part {self.part})")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged; names frame and joint.
        """
        hands = self.part == "hands"
        layout = "hands42" if hands else "upper8"
        values, seen = _read_frames(self.root / clip.path, clip.path, hands)
        if hands:
            joints = values * [1, -1]
        elif self.view == "above":
            joints = values[..., :2] * [1, -1] / 1000
        else:
            joints = values[..., [0, 2, 1]] * [1, -1, 1] / 1000
            seen &= values[..., 2] != 0
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout=layout,
            unit="px" if hands else "m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=None,
        )

    def _part(self, path: str, kind: str) -> Part:
        """By the folder, else by the name, which raw and corrected files share."""
        if kind == "hand_xy":
            return "hands"
        folder = (self.root / path).resolve().parent.name
        return FOLDERS.get(folder, "original" if self.part == "hands" else self.part)


def _read_frames(file: Path, name: str, hands: bool) -> tuple[np.ndarray, np.ndarray]:
    """Positions, and which of them there are. Shapes: -> [T,J,C], [T,J]."""
    content = read_json(file, name)
    if not isinstance(content, list):
        raise FormatError(name, "is no list of frames")
    frames: dict[int, Any] = {}
    for row, record in enumerate(content):
        number = field(record, "frame_id", int, name, f"entry {row}")
        if number in frames or number < 0:
            raise FormatError(name, f"entry {row}: frame_id {number} is doubled or below 0")
        frames[number] = record
    first, count = frame_span(frames, name)
    joints, channels = _file_joints(hands), 2 if hands else 3
    values, seen = np.zeros((count, len(joints), channels)), np.zeros((count, len(joints)), bool)
    for number, record in frames.items():
        pose = _read_pose(record, joints, channels, name, f"frame {number}")
        values[number - first] = pose
        seen[number - first] = (pose != 0).any(-1)
    return values, seen


def _read_pose(record: Any, joints: list[str], channels: int, name: str, place: str) -> np.ndarray:
    """One frame, its joints in the layout's order. Shapes: -> [J,C]."""
    points = field(record, _KEYS["hand_xy" if channels == 2 else "depth"], dict, name, place)
    if unknown := sorted(set(points) - set(joints)):
        raise FormatError(name, f"{place}: unknown joint {unknown[0]!r}")
    if missing := [joint for joint in joints if joint not in points]:
        raise FormatError(name, f"{place}: joint {missing[0]!r} is missing")
    return np.array([numbers(points[j], channels, name, f"{place}, joint {j!r}") for j in joints])


def _file_joints(hands: bool) -> list[str]:
    """What the files call the joints, in the order of the layout."""
    if not hands:
        return list(get("upper8").joints)
    names = []
    for side in ("left", "right"):
        names.append(f"{side}_hand_root")
        names += [f"{side}_{finger}{bend}" for finger in _FINGERS for bend in range(1, 5)]
    return names
