"""UI-PRMD: rehabilitation exercises seen by a Kinect v2 and by Vicon cameras at once.

Source: Vakanski, Jun, Paul, Baker, "A data set of human body movements for physical
rehabilitation exercises", Data 3(1):2, 2018.
"""

import re
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import by_joint, parse_rows, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion

Sensor = Literal["kinect", "vicon", "both"]
Quality = Literal["correct", "incorrect", "both"]

CLASSES = (
    "deep squat",
    "hurdle step",
    "inline lunge",
    "side lunge",
    "sit to stand",
    "active straight leg raise",
    "shoulder abduction",
    "shoulder extension",
    "shoulder internal-external rotation",
    "shoulder scaption",
)
KINECT_FPS = 30.0
VICON_FPS = 100.0
#: parents in the files' own tree, in which offsets and angles are given
KINECT_PARENTS = (
    *(-1, 0, 1, 2, 3, 4),
    *(3, 6, 7, 8),
    *(3, 10, 11, 12),
    *(0, 14, 15, 16),
    *(0, 18, 19, 20),
)
_NAME = re.compile(r"(m(\d+)_s(\d+)_e(\d+))_positions(_inc)?\.txt(\.gz)?")


class UiPrmd(Reader):
    """Reads UI-PRMD.

    Kinect: 22 joints by forward kinematics from local offsets and angles, m, 30 fps. Vicon: 39
    markers, m, 100 fps, turned from z up to y up; a marker at (0,0,0) is missing. The two sensors
    recorded the same repetitions but are not frame-synchronised. Neither has confidences.

    Ids say sensor and quality: ``kinect-m01_s01_e01``, ``kinect-m01_s01_e01_inc``,
    ``vicon-m01_s01_e01``.

    Args:
        source: the folder with the published tree, or a single file of positions inside it.
        sensor: which recordings.
        quality: which repetitions: done well, done badly on purpose, or both.

    Raises:
        ValueError: if an option is unknown.
    """

    classes = CLASSES

    def __init__(
        self, source: Path, *, sensor: Sensor = "both", quality: Quality = "both"
    ) -> None:
        super().__init__(source)
        for name, value, allowed in (
            ("sensor", sensor, get_args(Sensor)),
            ("quality", quality, get_args(Quality)),
        ):
            if value not in allowed:
                raise ValueError(f"{name}: found {value!r}, allowed {', '.join(allowed)}")
        self.sensor: Sensor = sensor
        self.quality: Quality = quality

    def index(self) -> list[Clip]:
        """Lists the clips that `sensor` and `quality` ask for.

        Raises:
            FormatError: if there is none, an exercise is not 1 to 10, or a path names no sensor.
        """
        clips = []
        for path, match in self.find(_NAME):
            exercise = int(match[2])
            if not 1 <= exercise <= len(CLASSES):
                raise FormatError(path, f"exercise {exercise}, allowed 1 to {len(CLASSES)}")
            sensor = _sensor(self.root / path, path)
            quality = "incorrect" if match[5] else "correct"
            if self.sensor in (sensor, "both") and self.quality in (quality, "both"):
                name = f"{sensor}-{match[1]}{match[5] or ''}"
                clips.append(Clip(path, name, CLASSES[exercise - 1], str(int(match[3]))))
        expected = "files like Kinect/Positions/m01_s01_e01_positions.txt.gz"
        return self.checked(clips, f"{expected} (sensor {self.sensor}, quality {self.quality})")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; for the Kinect the positions and the angles beside them.

        Raises:
            FormatError: if a file is missing or damaged.
        """
        if _sensor(self.root / clip.path, clip.path) == "kinect":
            joints, layout, fps = self._kinect(clip.path), "uiprmd22", KINECT_FPS
            seen = np.ones(joints.shape[:2])
        else:
            joints, layout, fps = self._vicon(clip.path), "plugingait39", VICON_FPS
            seen = (joints != 0).any(-1)
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout=layout,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=fps,
        )

    def _kinect(self, path: str) -> np.ndarray:
        file = self.root / path
        angles_file = file.parent.parent / "Angles" / file.name.replace("_positions", "_angles")
        angles_name = f"{angles_file.parent.parent.name}/Angles/{angles_file.name}"
        offsets = _read_triples(file, path, "uiprmd22")
        angles = _read_triples(angles_file, angles_name, "uiprmd22")
        if len(angles) != len(offsets):
            raise FormatError(path, f"{len(offsets)} frames, but {len(angles)} in {angles_name}")
        return forward_kinematics(offsets, angles) / 100

    def _vicon(self, path: str) -> np.ndarray:
        x, y, z = np.moveaxis(_read_triples(self.root / path, path, "plugingait39"), -1, 0)
        # A rotation (cyclic), so left stays left; of those that put z up, the one after which a
        # person faces the same way as in the Kinect's frame.
        return np.stack([y, z, x], -1) / 1000


def _read_triples(file: Path, name: str, layout: str) -> np.ndarray:
    """A file with three numbers a joint. Shapes: -> [T,J,3]."""
    joints = get(layout).joints
    lines = read_lines(file, name)
    table = parse_rows(lines, name, columns=3 * len(joints), where=by_joint(joints, 3))
    return table.reshape(-1, len(joints), 3)


def _sensor(file: Path, path: str) -> Literal["kinect", "vicon"]:
    folders = [part.lower() for part in file.absolute().parts[:-1]]
    for part in reversed(folders):
        if part == "kinect":
            return "kinect"
        if part == "vicon":
            return "vicon"
    raise FormatError(path, "no folder 'Kinect' or 'Vicon' above the file says the sensor")


def forward_kinematics(offsets: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Positions from offsets in the parent's frame and Euler angles.

    With parent p of joint j: position_j = position_p + G_p offset_j and G_j = G_p R_j, where
    R_j = Rz Rx Ry. The paper does not state the order; this one of the six gave the least jitter
    and the least drift of a standing foot.

    Shapes: offsets [T,22,3], angles [T,22,3] -> [T,22,3].
    Units: offsets any, angles degrees; the result has the unit of the offsets.
    """
    local = _rotations(np.deg2rad(angles))
    turned = np.empty_like(local)
    positions = np.empty_like(offsets)
    turned[:, 0], positions[:, 0] = local[:, 0], offsets[:, 0]
    for joint, parent in enumerate(KINECT_PARENTS[1:], start=1):
        step = np.einsum("tik,tk->ti", turned[:, parent], offsets[:, joint])
        positions[:, joint] = positions[:, parent] + step
        turned[:, joint] = turned[:, parent] @ local[:, joint]
    return positions


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Rz Rx Ry of every triple (x, y, z) in radians. Shapes: [...,3] -> [...,3,3]."""
    (sx, sy, sz), (cx, cy, cz) = (np.moveaxis(f(angles), -1, 0) for f in (np.sin, np.cos))
    rows = [
        [cz * cy - sz * sx * sy, -sz * cx, cz * sy + sz * sx * cy],
        [sz * cy + cz * sx * sy, cz * cx, sz * sy - cz * sx * cy],
        [-cx * sy, sx, cx * cy],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)
