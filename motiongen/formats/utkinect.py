"""UTKinect-Action3D: text files of 20 Kinect v1 joints that hold ten actions one after another.

Source: Xia, Chen, Aggarwal, "View invariant human action recognition using histograms of 3D
joints", HAU3D workshop, CVPR 2012 (``joints_s01_e01.txt``, ``actionLabel.txt``).
"""

import re

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import check_values, parse_rows, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion

CLASSES = (
    *("walk", "sitDown", "standUp", "pickUp", "carry"),
    *("throw", "push", "pull", "waveHands", "clapHands"),
)
LABELS = "actionLabel.txt"
LAYOUT = "kinect20"
#: the sensor's frame numbers; the files keep those with a skeleton, about every second one
FPS = 30.0
MAX_FRAMES = 20_000
#: joints in the order of a row, that of the sensor's own library
FILE_ORDER = (
    *("pelvis", "spine", "neck", "head"),
    *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    *("left_hip", "left_knee", "left_ankle", "left_foot"),
    *("right_hip", "right_knee", "right_ankle", "right_foot"),
)
_NAME = re.compile(r"joints_(s(\d+)_e(\d+))\.txt")
_TAKE = re.compile(r"s\d+_e\d+")
_INTERVAL = re.compile(r"(\w+):\s+(\d+|NaN)\s+(\d+|NaN)")


class UtKinect(Reader):
    """Reads UTKinect-Action3D: each labelled interval of a file is a clip.

    Metres, y up. The files have rows only where the sensor found somebody. A clip gets the usual
    step between its frame numbers as its rate (mostly 2: 15 fps); longer steps leave frames that
    are missing, so time is kept. The sensor's confidence was not published: a joint at (0,0,0) is
    missing, every other gets 1. An interval of NaN (there is one) is left out.

    Args:
        source: the folder with ``actionLabel.txt`` and the files of joints, at any depth.
    """

    classes = CLASSES

    def index(self) -> list[Clip]:
        """Lists the intervals; reads the file of labels, but no joints.

        Raises:
            FormatError: if there is none, the labels are missing or damaged, or name a file or an
                action that is not there.
        """
        files = {match[1]: (path, str(int(match[2]))) for path, match in self.find(_NAME)}
        labels = self.find(re.compile(re.escape(LABELS)))
        clips = []
        for path, _ in labels:
            for take, action, first, last in self._intervals(path):
                if take not in files:
                    raise FormatError(path, f"names joints_{take}.txt, which is not there")
                file, subject = files[take]
                clips.append(Clip(f"{file}#{first}-{last}", f"{take}_{action}", action, subject))
        if files and not labels:
            raise FormatError(self.source, f"no {LABELS} beside the files of joints")
        return self.checked(clips, f"files like joints_s01_e01.txt and {LABELS}")

    def load(self, clip: Clip) -> Motion:
        """Reads one interval.

        Raises:
            FormatError: if a row is damaged, or the interval has no frames.
        """
        path, _, span = clip.path.rpartition("#")
        first, last = (int(number) for number in span.split("-"))
        numbers, joints = _rows(read_lines(self.root / path, path), path)
        inside = (numbers >= first) & (numbers <= last)
        if not inside.any():
            raise FormatError(clip.path, f"no row has a frame number from {first} to {last}")
        numbers, joints = numbers[inside], joints[inside]
        order = [FILE_ORDER.index(name) for name in get(LAYOUT).joints]
        step = max(1, int(np.median(np.diff(numbers)))) if len(numbers) > 1 else 1
        at = np.round((numbers - numbers[0]) / step).astype(int)
        if at[-1] >= MAX_FRAMES:
            raise FormatError(clip.path, f"spans {at[-1] + 1} frames, allowed {MAX_FRAMES}")
        values = np.zeros((at[-1] + 1, len(order), 3))
        values[at] = joints[:, order]
        return Motion(
            joints=torch.from_numpy(values.astype(np.float32)),
            confidence=torch.from_numpy((values != 0).any(-1).astype(np.float32)),
            layout=LAYOUT,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=FPS / step,
        )

    def _intervals(self, path: str) -> list[tuple[str, str, int, int]]:
        """(recording, action, first frame number, last) of a file of labels."""
        found, take = [], ""
        for number, line in enumerate(read_lines(self.root / path, path), 1):
            text = line.strip()
            match = _INTERVAL.fullmatch(text)
            if _TAKE.fullmatch(text):
                take = text
            elif match and take and match[1] in CLASSES:
                if "NaN" not in match.groups():
                    found.append((take, match[1], *self._span(match, number, path)))
            elif text:
                raise FormatError(
                    path,
                    f"line {number}: found {text[:40]!r}, allowed 's01_e01' or one of its "
                    f"'action: first last'; actions: {', '.join(CLASSES)}",
                )
        return found

    def _span(self, match: re.Match[str], number: int, path: str) -> tuple[int, int]:
        if max(len(match[2]), len(match[3])) > 9 or int(match[2]) > int(match[3]):
            raise FormatError(path, f"line {number}: {match[0][:40]!r} ends before it begins")
        return int(match[2]), int(match[3])


def _rows(lines: list[str], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers and joints in the order of the file. Shapes: -> [R], [R,20,3].

    A row that repeats the one before is dropped.
    """

    def where(row: int, column: int) -> str:
        joint = "frame number" if column == 0 else repr(FILE_ORDER[min(column - 1, 59) // 3])
        return f"row {row}, joint {joint}" if column else f"row {row}, {joint}"

    table = parse_rows(lines, name, columns=61, where=where, separator=None)
    check_values(table, name, where)
    new = np.concatenate([[True], (np.diff(table, axis=0) != 0).any(1)])
    table = table[new]
    numbers = table[:, 0]
    bad = (numbers < 0) | (numbers != np.round(numbers))
    bad[1:] |= np.diff(numbers) <= 0
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise FormatError(
            name, f"row {row}: frame number {numbers[row]:g}, allowed are whole, rising numbers"
        )
    return numbers.astype(int), table[:, 1:].reshape(-1, 20, 3)
