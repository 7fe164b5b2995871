"""Five actions as OpenPose BODY_25 tables, 2-D, with the clip stored twice in every file.

Source: github.com/stDem/Motions_classification, ``data/train`` (``p28_guitar_01.csv``).
"""

import re

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import by_joint, parse_rows, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion

CLASSES = ("boxing", "drums", "guitar", "rowing", "violin")
COLUMNS = 75
#: elbow and armpit angles that the authors appended to the second copy; not read
ANGLES = 4
_NAME = re.compile(r"(p(\d+)_([a-z]+)_(\d+))\.csv")


class OpenPose5(Reader):
    """Reads the BODY_25 tables of the five-action set.

    Every file holds T rows of 75 numbers (x, y, confidence of 25 joints, pixels) and then the
    same T rows with 4 angles appended: the first half is read, the second is checked against it.
    y is turned up by its sign (so it is negative). A joint with confidence 0, or at (0,0), is
    missing. The frame rate is not known.

    Args:
        source: the folder, or a single file.
    """

    classes = CLASSES

    def index(self) -> list[Clip]:
        """Lists the clips; participant, action and repetition are in the file's name.

        Raises:
            FormatError: if there is none, or an action is unknown.
        """
        clips = []
        for path, match in self.find(_NAME):
            if match[3] not in CLASSES:
                raise FormatError(
                    path, f"unknown action {match[3]!r}; known: {', '.join(CLASSES)}"
                )
            clips.append(Clip(path, match[1], match[3], str(int(match[2]))))
        return self.checked(clips, "files like p28_guitar_01.csv")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged or its halves differ.
        """
        names = get("body25").joints
        rows = _read_half(read_lines(self.root / clip.path, clip.path), clip.path, names)
        values = rows.reshape(len(rows), len(names), 3)
        bad = np.argwhere((values[..., 2] < 0) | (values[..., 2] > 1))
        if bad.size:
            frame, joint = bad[0]
            raise FormatError(
                clip.path,
                f"frame {frame}, joint {names[joint]!r}: confidence "
                f"{values[frame, joint, 2]}, allowed 0 to 1",
            )
        confidence = np.where((values[..., :2] != 0).any(-1), values[..., 2], 0.0)
        return Motion(
            joints=torch.from_numpy((values[..., :2] * [1, -1]).astype(np.float32)),
            confidence=torch.from_numpy(confidence.astype(np.float32)),
            layout="body25",
            unit="px",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=None,
        )


def _read_half(lines: list[str], name: str, joints: tuple[str, ...]) -> np.ndarray:
    """The first half, after checking that the second repeats it. Shapes: -> [T,75]."""
    if len(lines) % 2:
        raise FormatError(
            name,
            f"{len(lines)} rows, allowed is an even number: the clip stands twice in each file",
        )
    half = len(lines) // 2
    where = by_joint(joints, 3)
    first = parse_rows(lines[:half], name, columns=COLUMNS, where=where)

    def where_again(row: int, column: int) -> str:
        return f"second copy, {where(row, column)}"

    again = parse_rows(lines[half:], name, columns=COLUMNS + ANGLES, where=where_again)
    differs = np.argwhere(again[:, :COLUMNS] != first)
    if differs.size:
        row, column = differs[0].tolist()
        raise FormatError(
            name,
            f"{where(row, column)}: {first[row, column]}, but {again[row, column]} in the second "
            "copy; both must be equal",
        )
    return first
