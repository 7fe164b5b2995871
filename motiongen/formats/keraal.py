"""KERAAL: exercises against back pain, seen by a Kinect v2, three estimators and Vicon at once.

Source: Nguyen, Devanne, Remy-Neris, Lempereur, Thepaut, "A medical low-back pain physical
rehabilitation database for human body movement analysis", IJCNN 2024; its
``readme_files_format.txt``.
"""

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from motiongen.formats.axes import FROM_CAMERA, Z_TO_Y
from motiongen.formats.base import Clip, FormatError, Reader, check_choice
from motiongen.formats.table import MAX_VALUE, by_joint, parse_rows, read_bytes, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion, Unit

Sensor = Literal["kinect", "vicon", "openpose", "blazepose", "alphapose", "all"]
#: exercises in the files' names, as the authors spell them out
CLASSES = ("CTK", "ELK", "RTK")
#: what the files' names call a sensor
SENSORS = {
    "kinect": "kinect",
    "vicon": "vicon",
    "op": "openpose",
    "openpose": "openpose",
    "bp": "blazepose",
    "blazepose": "blazepose",
    "ap": "alphapose",
    "alphapose": "alphapose",
}
LAYOUTS = {
    "kinect": "kinect25",
    "vicon": "art17",
    "openpose": "coco18",
    "blazepose": "blazepose33",
    "alphapose": "coco17",
}
# The Kinect's rate is that of its sensor; the others' follow from the lengths of the same
# recordings, of which the published ones have 193 to 197 (video, Kinect) and 385 to 390 (Vicon).
KINECT_FPS = 30.0
VICON_FPS = 60.0
MAX_FRAMES = 100_000
_EACH = 7  # x y z, then a quaternion, which is not read
_NAME = re.compile(
    rf"(G[^-_]+)[-_]({'|'.join(SENSORS)})[-_]({'|'.join(CLASSES)})[-_](.+)\.(txt|json)",
    re.IGNORECASE,
)
#: OpenPose's and BlazePose's joints as the files call them, in the order of our layouts
_OPENPOSE = (
    *("Nose", "Neck", "rShoulder", "rElbow", "rWrist", "lShoulder", "lElbow", "lWrist"),
    *("rHip", "rKnee", "rAnkle", "lHip", "lKnee", "lAnkle", "rEye", "lEye", "rEar", "lEar"),
)


def _vocabulary(names: tuple[str, ...]) -> tuple[str, ...]:
    """``"Left_eye_inner"`` as the files write our ``"left_eye_inner"``."""
    return tuple(name.capitalize() for name in names)


#: joint names of the JSON files, in the order of the layouts
_KEYS = {
    "openpose": _OPENPOSE,
    "blazepose": tuple(
        name.replace("Left_mouth", "Mouth_left")
        .replace("Right_mouth", "Mouth_right")
        .replace("_knuckle", "")
        .replace("_big_toe", "_foot_index")
        for name in _vocabulary(get("blazepose33").joints)
    ),
    "alphapose": tuple(str(number) for number in range(17)),
}


class Keraal(Reader):
    """Reads KERAAL's five kinds of files, each in its own layout; none has confidences.

    Kinect (``kinect25``, m, 30 fps) and Vicon (``art17``, the 17 rigid bodies of markers, m, z up
    turned to y up, at twice the rate): rows of a position and a quaternion each, of which the
    position is read. OpenPose (``coco18``), AlphaPose (``coco17``) and BlazePose (``blazepose33``,
    with depth): JSON, x and y as shares of the picture's width and height, with y turned up by
    its sign; a joint without an entry is missing. BlazePose was run on mirrored video, so its
    left is the person's right: sides and x are turned back.

    Ids are the files' names; group 3 names the person before the trial (``P1T1``: subject ``P1``),
    other groups by a number, which is unique within its group (``G1A-5``).

    Args:
        source: the folder, or a single file.
        sensor: which recordings.

    Raises:
        ValueError: if the sensor is unknown.
    """

    classes = CLASSES

    def __init__(self, source: Path, *, sensor: Sensor = "all") -> None:
        super().__init__(source)
        check_choice("sensor", sensor, get_args(Sensor))
        self.sensor: Sensor = sensor

    def index(self) -> list[Clip]:
        """Lists the clips; group, sensor, exercise and person are in the file's name.

        Raises:
            FormatError: if there is none.
        """
        clips = []
        for path, match in self.find(_NAME):
            if self.sensor in (SENSORS[match[2].lower()], "all"):
                person = re.match(r"(P\d+)T\d+", match[4])
                subject = person[1] if person else f"{match[1]}-{re.split('[-_]', match[4])[0]}"
                name = path.rpartition("/")[2].rpartition(".")[0]
                clips.append(Clip(path, name, match[3].upper(), subject))
        expected = "files like G3-Kinect-CTK-P1T1-Unknown-C-0.txt"
        return self.checked(clips, f"{expected} (sensor {self.sensor})")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged; names frame and joint.
        """
        match = _NAME.fullmatch(clip.path.rpartition("/")[2])
        if match is None:
            raise FormatError(clip.path, "the name does not say the sensor")
        sensor = SENSORS[match[2].lower()]
        fps, unit = (VICON_FPS if sensor == "vicon" else KINECT_FPS), "normalised"
        if sensor in _KEYS:
            joints, seen = _from_json(self.root / clip.path, clip.path, sensor)
        else:
            joints, unit = _from_rows(self.root / clip.path, clip.path, sensor), "m"
            seen = (joints != 0).any(-1)
        unit: Unit
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout=LAYOUTS[sensor],
            unit=unit,
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=fps,
        )


def _from_rows(file: Path, name: str, sensor: str) -> np.ndarray:
    """Positions in metres, y up. Shapes: -> [T,J,3]."""
    joints = get(LAYOUTS[sensor]).joints
    table = parse_rows(
        read_lines(file, name),
        name,
        columns=_EACH * len(joints),
        where=by_joint(joints, _EACH),
        separator=None,
    )
    positions = table.reshape(len(table), len(joints), _EACH)[..., :3]
    return positions @ Z_TO_Y.T / 1000 if sensor == "vicon" else positions


def _from_json(file: Path, name: str, sensor: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions, y up, and which are there. Shapes: -> [T,J,C], [T,J]."""
    try:
        content = json.loads(read_bytes(file, name))
    except (ValueError, RecursionError) as error:
        raise FormatError(name, f"is no JSON: {error}") from error
    frames = content.get("positions") if isinstance(content, dict) else None
    if not isinstance(frames, dict) or not frames:
        raise FormatError(name, "key 'positions': missing, empty, or no dictionary of frames")
    numbers = [_frame_number(key, name) for key in frames]
    count = max(numbers) - min(numbers) + 1
    if count > MAX_FRAMES or len(set(numbers)) < len(numbers):
        raise FormatError(
            name, f"frame numbers are doubled or span {count} frames, allowed {MAX_FRAMES}"
        )
    keys, channels = _KEYS[sensor], 3 if sensor == "blazepose" else 2
    joints = np.zeros((count, len(keys), channels))
    seen = np.zeros((count, len(keys)))
    for number, found in zip(numbers, frames.values(), strict=True):
        row = number - min(numbers)
        _fill(joints[row], seen[row], found, f"frame {number}", keys, name)
    joints = joints * FROM_CAMERA[:channels]
    if sensor == "blazepose":
        order = list(get(LAYOUTS[sensor]).mirror)
        joints, seen = joints[:, order], seen[:, order]
        joints[..., 0] = (1 - joints[..., 0]) * seen
    return joints, seen


def _frame_number(key: str, name: str) -> int:
    """``"12"`` and ``"12.0"`` are both frame 12."""
    match = re.fullmatch(r"(\d{1,9})(\.0)?", key)
    if match is None:
        raise FormatError(name, f"frame {key[:40]!r}: allowed are whole numbers")
    return int(match[1])


def _fill(
    joints: np.ndarray, seen: np.ndarray, found: Any, place: str, keys: tuple[str, ...], name: str
) -> None:
    """One frame of a JSON file. Shapes: joints [J,C], seen [J], both changed in place."""
    if not isinstance(found, dict):
        raise FormatError(name, f"{place}: no dictionary of joints")
    for key, value in found.items():
        if key not in keys:
            raise FormatError(
                name, f"{place}, joint {key[:40]!r}: unknown; known: {', '.join(keys)}"
            )
        at, channels = keys.index(key), joints.shape[1]
        sound = isinstance(value, list) and len(value) == channels
        if not sound or not all(type(v) in (int, float) and abs(v) <= MAX_VALUE for v in value):
            raise FormatError(
                name,
                f"{place}, joint {key!r}: found {str(value)[:60]}, allowed {channels} finite "
                f"numbers up to {MAX_VALUE:g}",
            )
        joints[at], seen[at] = value, 1
