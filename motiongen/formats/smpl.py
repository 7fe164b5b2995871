"""Joints of the SMPL family as arrays: HumanML3D's ``new_joints``, and joints kept beside AMASS.

Source: Loper et al., "SMPL: A skinned multi-person linear model", SIGGRAPH Asia 2015; Mahmood et
al., "AMASS: Archive of motion capture as surface shapes", ICCV 2019; Guo et al., "Generating
diverse and natural 3D human motions from text", CVPR 2022.
"""

import re
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.axes import Z_TO_Y
from motiongen.formats.base import Clip, FormatError, Reader, check_choice
from motiongen.formats.npz import read_array, read_arrays, read_headers
from motiongen.formats.table import by_joint, check_values
from motiongen.layouts import get
from motiongen.motion import Motion

Up = Literal["y", "z"]
Mirrored = Literal["skip", "read"]
#: number of joints -> layout; the larger ones begin with the body
LAYOUTS = {22: "smplx22", 24: "smpl24", 52: "smplh52", 55: "smplx55"}
_JOINT_KEYS = ("joints", "Jtr", "joints3d")
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps")
_POSE_KEYS = ("poses", "pose_body", "root_orient")
_SCHEMA = {
    **dict.fromkeys(_JOINT_KEYS, ("TJC", "f")),
    **dict.fromkeys(_RATE_KEYS, ("", "fiu")),
    "poses": ("TP", "f"),
    "pose_body": ("TQ", "f"),
    "root_orient": ("TR", "f"),
}
_NAME = re.compile(r"(.+)\.np[yz]")
#: HumanML3D's mirrored copies, "M000012.npy"
_MIRRORED = re.compile(r"M\d{6}")


class SmplJoints(Reader):
    """Reads joints of SMPL (24), its body (22), SMPL-H (52) or SMPL-X (55), in metres.

    A ``.npy`` file is an array [T,J,3], as in HumanML3D's ``new_joints``; a ``.npz`` file has the
    key ``joints``, ``Jtr`` or ``joints3d``, and its rate where it says one. AMASS's own files hold
    rotations of a body model instead of joints: such a file is an error that says so, as the
    model is needed to make joints from them.

    Args:
        source: the folder, or a single file. Ids are the paths without their ending.
        up: the vertical axis: y in HumanML3D, z in AMASS.
        fps: frames per second where the file does not say (HumanML3D: 20).
        mirrored: whether HumanML3D's mirrored copies are read, too.

    Raises:
        ValueError: if an option is unknown.
    """

    def __init__(
        self,
        source: Path,
        *,
        up: Up = "y",
        fps: float | str | None = None,
        mirrored: Mirrored = "skip",
    ) -> None:
        super().__init__(source)
        check_choice("up", up, get_args(Up))
        check_choice("mirrored", mirrored, get_args(Mirrored))
        self.up: Up = up
        self.fps = None if fps is None else _checked_fps(fps)
        self.mirrored = mirrored == "read"

    def index(self) -> list[Clip]:
        """Lists the files.

        Raises:
            FormatError: if there is none.
        """
        clips = []
        for path, match in self.find(_NAME):
            if self.mirrored or not _MIRRORED.fullmatch(match[1]):
                clips.append(Clip(path, path[: -len(".npy")]))
        return self.checked(clips, "files like 000001.npy or walk_joints.npz")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged, or holds no joints.
        """
        file = self.root / clip.path
        if file.suffix == ".npz":
            joints, fps = self._from_npz(file, clip.path)
        else:
            joints, fps = read_array(file, clip.path, "TJC", "f"), self.fps
        count, channels = joints.shape[1:]
        if count not in LAYOUTS or channels != 3 or not len(joints):
            raise FormatError(
                clip.path,
                f"joints of shape {joints.shape}, allowed [T,J,3] with J {sorted(LAYOUTS)}",
            )
        layout = LAYOUTS[count]
        names = get(layout).joints
        check_values(joints.reshape(len(joints), -1), clip.path, by_joint(names, 3))
        joints = joints.astype(np.float64) @ Z_TO_Y.T if self.up == "z" else joints
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.ones(joints.shape[:2]),
            layout=layout,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=fps,
        )

    def _from_npz(self, file: Path, name: str) -> tuple[np.ndarray, float | None]:
        read_headers(file, name, _SCHEMA, others=True)
        arrays = read_arrays(file, name, _SCHEMA)
        found = next((arrays[key] for key in _JOINT_KEYS if key in arrays), None)
        if found is None and set(_POSE_KEYS) & set(arrays):
            raise FormatError(
                name,
                "holds rotations of a body model and no joints; make joints from them with the "
                "model (SMPL-H or SMPL-X, from its authors) and save them as the key 'joints' "
                "[T,J,3]",
            )
        if found is None:
            raise FormatError(name, f"no key {', '.join(map(repr, _JOINT_KEYS))}")
        rate = next((float(arrays[key]) for key in _RATE_KEYS if key in arrays), self.fps)
        if rate is not None and not 0 < rate < 1e4:
            raise FormatError(name, f"{rate} frames per second, allowed above 0")
        return found, rate


def _checked_fps(text: float | str) -> float:
    try:
        fps = float(text)
    except ValueError:
        fps = np.nan
    if not 0 < fps < 1e4:
        raise ValueError(f"fps: found {text!r}, must be above 0")
    return fps
