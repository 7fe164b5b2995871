"""MSR-Action3D: text files of 20 Kinect v1 joints, one line a joint.

Source: Li, Zhang, Liu, "Action recognition based on a bag of 3D points", CVPR4HB 2010; files as
they come with Vemulapalli et al., CVPR 2014 (``a01_s01_e01_skeleton3D.txt``).
"""

import re

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import parse_rows, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion

CLASSES = (
    "high arm wave",
    "horizontal arm wave",
    "hammer",
    "hand catch",
    "forward punch",
    "high throw",
    "draw x",
    "draw tick",
    "draw circle",
    "hand clap",
    "two hand wave",
    "side boxing",
    "bend",
    "forward kick",
    "side kick",
    "jogging",
    "tennis swing",
    "tennis serve",
    "golf swing",
    "pick up throw",
)
#: what stands in the files' 20 lines. The authors do not say which side is which. Measured: with
#: these names the frame is right-handed (shoulders, up and toes agree, as in UTD-MHAD from the
#: same sensor) and the right arm or leg does every one-sided action of all ten subjects; with the
#: sides exchanged, which is also in circulation, neither holds.
FILE_ORDER = (
    *("left_shoulder", "right_shoulder", "neck", "spine", "left_hip", "right_hip", "pelvis"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "head"),
)
FPS = 15.0
# The sensor's own value says how much of a joint was tracked: 0 is "inferred from its
# neighbours", which is less than seen and more than missing.
INFERRED = 0.3
_NAME = re.compile(r"(a(\d+)_s(\d+)_e(\d+))_skeleton3D\.txt")


class MsrAction3D(Reader):
    """Reads MSR-Action3D.

    A file holds 20 lines ``x y z c`` a frame: metres in the camera's frame, y up. Its tracking
    value c in [0,1] becomes the confidence ``INFERRED + (1 - INFERRED) c``: an inferred joint
    (c = 0) gets 0.3, a tracked one 1. A joint at (0,0,0) is missing: confidence 0.

    Args:
        source: the folder, or a single file.
    """

    classes = CLASSES

    def index(self) -> list[Clip]:
        """Lists the clips; class, subject and repetition are in the file's name.

        Raises:
            FormatError: if there is none, or an action is not 1 to 20.
        """
        clips = []
        for path, match in self.find(_NAME):
            action = int(match[2])
            if not 1 <= action <= len(CLASSES):
                raise FormatError(path, f"action {action}, allowed 1 to {len(CLASSES)}")
            subject = str(int(match[3]))
            clips.append(Clip(path, match[1], CLASSES[action - 1], subject))
        return self.checked(clips, "files like a01_s01_e01_skeleton3D.txt")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if a frame is cut short or a value is no coordinate.
        """
        order = [FILE_ORDER.index(name) for name in get("kinect20_msr").joints]
        lines = read_lines(self.root / clip.path, clip.path)
        frames = _frames(lines, clip.path)[:, order]
        seen = (frames[..., :3] != 0).any(-1)
        confidence = np.where(seen, INFERRED + (1 - INFERRED) * frames[..., 3], 0.0)
        return Motion(
            joints=torch.from_numpy(frames[..., :3].astype(np.float32)),
            confidence=torch.from_numpy(confidence.astype(np.float32)),
            layout="kinect20_msr",
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=FPS,
        )


def _frames(lines: list[str], name: str) -> np.ndarray:
    """Checked numbers in the order of the file. Shapes: -> [T,20,4]."""
    table = parse_rows(lines, name, columns=4, where=_where, separator=None)
    if len(table) % len(FILE_ORDER):
        raise FormatError(
            name,
            f"{_where(len(table) - 1, 0)} is the last: {len(table)} lines, allowed are "
            f"multiples of {len(FILE_ORDER)}",
        )
    bad = np.flatnonzero((table[:, 3] < 0) | (table[:, 3] > 1))
    if bad.size:
        row = int(bad[0])
        raise FormatError(
            name, f"{_where(row, 3)}: tracking value {table[row, 3]}, allowed 0 to 1"
        )
    return table.reshape(-1, len(FILE_ORDER), 4)


def _where(row: int, column: int) -> str:
    return f"frame {row // len(FILE_ORDER)}, joint {FILE_ORDER[row % len(FILE_ORDER)]!r}"
