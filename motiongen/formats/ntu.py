"""NTU RGB+D and NTU RGB+D 120: Kinect v2 skeletons of up to six people, one text file a clip.

Source: Shahroudy, Liu, Ng, Wang, "NTU RGB+D: A large scale dataset for 3D human activity
analysis", CVPR 2016; the authors' ``read_skeleton_file.m``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader, check_choice
from motiongen.formats.ntu_classes import CLASSES, FIRST, MUTUAL
from motiongen.formats.table import parse_rows, read_lines
from motiongen.layouts import get
from motiongen.motion import Motion

Persons = Literal["main", "both"]
Names = Literal["ntu", "numbers"]
LAYOUT = "kinect25"
FPS = 30.0
#: tracking states 0 (not tracked), 1 (inferred from neighbours) and 2 (tracked) as confidence
CONFIDENCE = np.array([0.0, 0.3, 1.0])
MAX_BODIES = 6
MAX_FRAMES = 100_000
# The authors' rules against furniture that the sensor takes for people, with the numbers of the
# preprocessing that recognisers use (Chen et al., ICCV 2021): a body seen in so few frames, or
# wider than this share of its height in so many of them, is none if there is another.
FEW_FRAMES = 11
WIDE = 0.8
WIDE_FRAMES = 0.69754
_BODY_WORDS = 10
_JOINT_WORDS = 12
_NAME = re.compile(r"(S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3}))\.skeleton")


@dataclass(frozen=True)
class Body:
    """What the sensor saw under one body id.

    Args:
        frames: where it was seen, ascending.
        values: x, y, z, tracking state of each joint there. Shapes: [n,25,4].
    """

    frames: tuple[int, ...]
    values: np.ndarray

    @property
    def motion(self) -> float:
        """Variance of the positions over time and joints, by which people are ranked."""
        return float(self.values[..., :3].reshape(-1, 3).var(0).sum())

    @property
    def is_wide(self) -> bool:
        """Whether it is wider than a person in most frames."""
        width, height = np.moveaxis(np.ptp(self.values[..., :2], axis=1), -1, 0)
        return float((width > WIDE * height).mean()) >= WIDE_FRAMES


class NtuRgbd(Reader):
    """Reads the ``.skeleton`` files of NTU RGB+D.

    Metres in the camera's frame, y up, 30 fps. The tracking states 0, 1, 2 become confidences of
    0, 0.3 and 1; a frame without the person is one of confidence 0. Of several bodies the main
    person is the one that moves most, after bodies seen in few frames and flat ones are left out;
    a body of another id that never shows beside a person (the sensor lost and found somebody)
    continues that person.

    Args:
        source: the folder, or a single file.
        persons: "main" gives one clip a file; "both" gives two, ``-1`` and ``-2``, for the
            classes in which two people act together.
        names: what classes are called: as published, or ``A001`` by their numbers.

    Raises:
        ValueError: if an option is unknown.
    """

    def __init__(self, source: Path, *, persons: Persons = "main", names: Names = "ntu") -> None:
        super().__init__(source)
        check_choice("persons", persons, get_args(Persons))
        check_choice("names", names, get_args(Names))
        self.persons: Persons = persons
        self.names: Names = names

    def index(self) -> list[Clip]:
        """Lists the clips; person and class are in the file's name; sets `classes`.

        Raises:
            FormatError: if there is none, or an action is not 1 to 120 (unless by numbers).
        """
        found = [(path, match, int(match[6])) for path, match in self.find(_NAME)]
        for path, _, action in found:
            if action < 1 or (self.names == "ntu" and action > len(CLASSES)):
                raise FormatError(path, f"action {action}, allowed 1 to {len(CLASSES)}")
        most = max((action for *_, action in found), default=0)
        if self.names == "ntu":
            self.classes = CLASSES[:FIRST] if most <= FIRST else CLASSES
        else:
            self.classes = tuple(f"A{number:03d}" for number in range(1, most + 1))
        clips = []
        for path, match, action in found:
            label, subject = self.classes[action - 1], str(int(match[4]))
            if self.persons == "both" and action in MUTUAL:
                names = [f"{match[1]}-{person}" for person in (1, 2)]
            else:
                names = [match[1]]
            clips += [Clip(path, name, label, subject) for name in names]
        return self.checked(clips, "files like S001C001P001R001A001.skeleton")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; the second of two people may be missing throughout.

        Raises:
            FormatError: if the file is damaged; names frame, body and joint.
        """
        frames, bodies = _read(read_lines(self.root / clip.path, clip.path), clip.path)
        chosen = _people(bodies)[1 if clip.id.endswith("-2") else 0]
        values = np.zeros((frames, get(LAYOUT).num_joints, 4))
        for body in chosen:
            values[list(body.frames)] = body.values
        confidence = CONFIDENCE[values[..., 3].astype(int)]
        confidence[(values[..., :3] == 0).all(-1)] = 0
        return Motion(
            joints=torch.from_numpy(values[..., :3].astype(np.float32)),
            confidence=torch.from_numpy(confidence.astype(np.float32)),
            layout=LAYOUT,
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=FPS,
        )


def _people(bodies: Sequence[Body]) -> tuple[list[Body], list[Body]]:
    """The bodies of the first and of the second person, the one that moves more first."""
    long = [body for body in bodies if len(body.frames) > FEW_FRAMES] or list(bodies)
    upright = [body for body in long if not body.is_wide] or long
    people: tuple[list[Body], list[Body]] = ([], [])
    for body in sorted(upright, key=lambda body: -body.motion):
        for person in people:
            taken = {frame for other in person for frame in other.frames}
            if taken.isdisjoint(body.frames):
                person.append(body)
                break
    return people


def _read(lines: Sequence[str], name: str) -> tuple[int, list[Body]]:
    """Number of frames, and the bodies in the order in which they appear."""
    text = _Lines(lines, name)
    frames = text.count("number of frames", 1, MAX_FRAMES)
    places: dict[str, list[int]] = {}
    rows: dict[str, list[str]] = {}
    for frame in range(frames):
        seen = set()
        for body in range(text.count(f"frame {frame}, number of bodies", 0, MAX_BODIES)):
            place = f"frame {frame}, body {body}"
            key = text.words(place, _BODY_WORDS)[0]
            if not key.isdigit() or key in seen:
                raise FormatError(name, f"{place}: body id {key[:40]!r} is doubled or no number")
            seen.add(key)
            joints = get(LAYOUT).num_joints
            text.count(f"{place}, number of joints", joints, joints)
            places.setdefault(key, []).append(frame)
            for joint in get(LAYOUT).joints:
                words = text.words(f"{place}, joint {joint!r}", _JOINT_WORDS)
                rows.setdefault(key, []).append(" ".join((*words[:3], words[-1])))
    text.finish()
    return frames, [
        Body(tuple(places[key]), _values(rows[key], places[key], name)) for key in rows
    ]


def _values(rows: Sequence[str], frames: Sequence[int], name: str) -> np.ndarray:
    """Checked numbers of one body. Shapes: -> [n,25,4]."""
    joints = get(LAYOUT).joints

    def where(row: int, _: int) -> str:
        frame, joint = divmod(row, len(joints))
        return f"frame {frames[frame]}, joint {joints[joint]!r}"

    table = parse_rows(rows, name, columns=4, where=where, separator=None)
    bad = np.flatnonzero(~np.isin(table[:, 3], (0, 1, 2)))
    if bad.size:
        raise FormatError(
            name,
            f"{where(int(bad[0]), 3)}: tracking state {table[bad[0], 3]:g}, allowed 0, 1 or 2",
        )
    return table.reshape(-1, len(joints), 4)


class _Lines:
    """The lines of a file one by one."""

    def __init__(self, lines: Sequence[str], name: str) -> None:
        self.lines, self.name, self.at = lines, name, 0

    def words(self, place: str, number: int) -> list[str]:
        """The words of the next line."""
        if self.at >= len(self.lines):
            raise FormatError(self.name, f"{place}: the file ends before it")
        words = self.lines[self.at].split()
        self.at += 1
        if len(words) != number:
            raise FormatError(
                self.name,
                f"line {self.at}, {place}: {len(words)} numbers in the row, allowed exactly "
                f"{number}",
            )
        return words

    def count(self, place: str, low: int, high: int) -> int:
        """A line with one whole number."""
        (word,) = self.words(place, 1)
        value = int(word) if word.isdecimal() and len(word) < 10 else -1
        if not low <= value <= high:
            raise FormatError(
                self.name,
                f"line {self.at}, {place}: found {word[:40]!r}, allowed {low} to {high}",
            )
        return value

    def finish(self) -> None:
        """Refuses further lines."""
        if self.at < len(self.lines):
            raise FormatError(self.name, f"line {self.at + 1}: more lines than its frames need")
