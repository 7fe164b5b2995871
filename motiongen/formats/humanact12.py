"""HumanAct12: twelve daily actions as 24 joints of SMPL.

Source: Guo et al., "Action2Motion: conditioned generation of 3D human motions", ACM MM 2020
(``P01G01R01F0001T0064A0101.npy``); as arrays with subjects and folds, Ismail-Fawaz et al., "A
supervised variational auto-encoder for human motion generation using convolutional neural
networks", ICPRAI 2024 (``X.npy``, ``Y.npy``, ``S.npy``).
"""

import re
from pathlib import Path

import numpy as np
import torch

from motiongen.formats.axes import FROM_CAMERA
from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.npz import array_shape, read_array
from motiongen.formats.table import by_joint, check_values
from motiongen.layouts import get
from motiongen.motion import Motion

CLASSES = (
    *("warm up", "walk", "run", "jump", "drink", "lift dumbbell"),
    *("sit", "eat", "turn steering wheel", "phone", "boxing", "throw"),
)
LAYOUT = "smpl24"
_NAME = re.compile(r"(P(\d+)G\d+R\d+F\d+T\d+A(\d\d)\d\d)\.npy")


class HumanAct12(Reader):
    """Reads HumanAct12, one array a clip or all clips in one.

    Metres. The camera's axes (y down, z away) are turned to y up. Neither confidences nor the
    rate were published.

    The single files name person and class. The arrays are ``X.npy`` [N,T,24,3], ``Y.npy`` [N] and,
    if there, ``S.npy`` [N], the subjects; ``leave_out.npy`` beside them lists the subjects that
    each published fold leaves out (the others are what to give as ``--data.subjects``).

    Args:
        source: the folder.
    """

    classes = CLASSES

    def __init__(self, source: Path) -> None:
        super().__init__(source)
        self._opened: tuple[str, np.ndarray | None] = ("", None)

    def index(self) -> list[Clip]:
        """Lists the clips; of the arrays it reads labels and subjects only.

        Raises:
            FormatError: if there is none, or a label is not among the classes.
        """
        clips = []
        for path, match in self.find(_NAME):
            clips.append(
                Clip(path, match[1], self._class(float(match[3]) - 1, path), str(int(match[2])))
            )
        for path, _ in self.find(re.compile(r"X\.npy")):
            clips += self._rows(path)
        return self.checked(clips, "files like P01G01R01F0001T0064A0101.npy, or X.npy and Y.npy")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; an array of all clips stays in memory for the next.

        Raises:
            FormatError: if the file is damaged; names frame and joint.
        """
        path, _, row = clip.path.partition("#")
        if row:
            joints = self._all(path)[int(row)]
        else:
            joints = read_array(self.root / path, path, "TJC", "f")
        if joints.shape[1:] != (get(LAYOUT).num_joints, 3) or not len(joints):
            raise FormatError(path, f"joints of shape {joints.shape}, allowed [T,24,3]")
        names = get(LAYOUT).joints
        check_values(joints.reshape(len(joints), -1), clip.path, by_joint(names, 3))
        return Motion(
            joints=torch.from_numpy((joints * FROM_CAMERA).astype(np.float32)),
            confidence=torch.ones(joints.shape[:2]),
            layout=LAYOUT,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=None,
        )

    def _all(self, path: str) -> np.ndarray:
        """The array of all clips. Shapes: -> [N,T,24,3]."""
        known, joints = self._opened
        if joints is None or known != path:
            joints = read_array(self.root / path, path, "NTJC", "f")
            self._opened = (path, joints)
        return joints

    def _rows(self, path: str) -> list[Clip]:
        beside = (self.root / path).parent
        labels = read_array(beside / "Y.npy", path.replace("X.npy", "Y.npy"), "N", "iuf")
        subjects = np.full(len(labels), "")
        if (beside / "S.npy").exists():
            subjects = read_array(beside / "S.npy", path.replace("X.npy", "S.npy"), "N", "iufU")
        count = array_shape(self.root / path, path, "NTJC", "f")[0]
        if not count == len(labels) == len(subjects):
            raise FormatError(
                path,
                f"{count} clips, but {len(labels)} labels in Y.npy and {len(subjects)} subjects "
                "in S.npy",
            )
        return [
            Clip(f"{path}#{row}", f"clip-{row}", self._class(float(label), path), _name(subject))
            for row, (label, subject) in enumerate(zip(labels, subjects, strict=True))
        ]

    def _class(self, number: float, path: str) -> str:
        if number not in range(len(CLASSES)):
            raise FormatError(path, f"class {number:g}, allowed 0 to {len(CLASSES) - 1}")
        return CLASSES[int(number)]


def _name(subject: np.generic) -> str:
    """``1.0`` and ``1`` are the same person."""
    return f"{subject:g}" if np.issubdtype(type(subject), np.number) else str(subject)
