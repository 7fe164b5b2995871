"""BVH files: a hierarchy of joints, then one row of channels a frame.

Source: Biovision's format as Meredith and Maddock, "Motion capture file formats explained",
University of Sheffield, CS-01-11, 2001, describe it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motiongen.formats.base import FormatError
from motiongen.formats.table import MAX_VALUE, parse_rows, read_lines

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
MAX_JOINTS = 1000
MAX_FRAMES = 200_000
#: frames whose rotations are in memory at once
CHUNK = 2048
#: shortest and longest time between two frames, in seconds
FRAME_TIMES = (1e-4, 10.0)
_CHANNELS = {name.lower(): name for name in (*POSITIONS, *ROTATIONS)}


@dataclass(frozen=True)
class Node:
    """One joint of a hierarchy, or the end of its last bone.

    Args:
        name: as in the file; an end site is called after its joint, ``"Head end"``.
        parent: number of the node above; -1 for the root.
        offset: where it lies in the parent's frame at rest, in the file's unit.
        channels: what a row says about it, in the order of the row.
        is_end: whether it is an end site.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]
    is_end: bool = False


@dataclass(frozen=True)
class Take:
    """A whole file: nodes in the order of the file, every one after its parent.

    Args:
        nodes: the hierarchy.
        values: the channels of all nodes. Shapes: [T,K].
        fps: frames per second.
    """

    nodes: tuple[Node, ...]
    values: np.ndarray
    fps: float


def read_take(file: Path, name: str) -> Take:
    """Reads a BVH file.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if the hierarchy is broken, or the rows are not as many and as long as it
            says; names line, frame and joint.
    """
    lines = read_lines(file, name)
    start = next((i for i, line in enumerate(lines) if line.strip() == "MOTION"), None)
    if start is None:
        raise FormatError(name, "no line 'MOTION' divides hierarchy and frames")
    nodes = _Parser(name, lines[:start]).nodes()
    frames = _declared(lines, start + 1, "Frames:", name)
    seconds = _declared(lines, start + 2, "Frame Time:", name)
    rows = lines[start + 3 :]
    if not 1 <= frames <= MAX_FRAMES or frames != len(rows):
        raise FormatError(
            name,
            f"'Frames: {frames:g}', but {len(rows)} rows follow; both must be equal, and "
            f"1 to {MAX_FRAMES}",
        )
    if not FRAME_TIMES[0] <= seconds <= FRAME_TIMES[1]:
        raise FormatError(
            name, f"'Frame Time: {seconds:g}', allowed {FRAME_TIMES[0]:g} to {FRAME_TIMES[1]:g} s"
        )
    owners = [(node.name, channel) for node in nodes for channel in node.channels]

    def where(row: int, column: int) -> str:
        joint, channel = owners[min(column, len(owners) - 1)]
        return f"frame {row}, joint {joint!r}, {channel}"

    values = parse_rows(rows, name, columns=len(owners), where=where, separator=None)
    return Take(nodes, values, _rate(seconds))


def forward_kinematics(take: Take, *, added: bool = False) -> np.ndarray:
    """Positions of all nodes.

    With parent p of node j: position_j = position_p + G_p o_j and G_j = G_p R_j, where R_j is the
    product of its rotations in the order of its channels and o_j its offset, in which each
    position channel takes the place of one coordinate.

    Args:
        take: the file.
        added: a position channel is added to the offset instead, as some programs write it.

    Shapes: -> [T,N,3].
    Units: those of the file.
    """
    # Rotations take three times the room of positions: never all of them at once.
    starts = range(0, len(take.values), CHUNK)
    parts = [_positions(take.nodes, take.values[i : i + CHUNK], added=added) for i in starts]
    return np.concatenate(parts)


def _positions(nodes: Sequence[Node], channels: np.ndarray, *, added: bool) -> np.ndarray:
    """Positions of all nodes in some frames. Shapes: channels [T,K] -> [T,N,3]."""
    frames, count = len(channels), len(nodes)
    positions = np.empty((frames, count, 3))
    turned = np.empty((frames, count, 3, 3))
    column = 0
    for j, node in enumerate(nodes):
        values = channels[:, column : column + len(node.channels)]
        column += len(node.channels)
        offset, rotation = _local(node, values, added=added)
        if node.parent < 0:
            positions[:, j], turned[:, j] = offset, rotation
        else:
            above = turned[:, node.parent]
            step = np.einsum("tik,tk->ti", above, offset)
            positions[:, j] = positions[:, node.parent] + step
            turned[:, j] = above @ rotation
    return positions


def _local(node: Node, values: np.ndarray, *, added: bool) -> tuple[np.ndarray, np.ndarray]:
    """Offset and rotation in the parent's frame. Shapes: values [T,k] -> [T,3], [T,3,3]."""
    offset = np.tile(np.array(node.offset), (len(values), 1))
    rotation = np.tile(np.eye(3), (len(values), 1, 1))
    for channel, value in zip(node.channels, values.T, strict=True):
        if channel in POSITIONS:
            axis = POSITIONS.index(channel)
            offset[:, axis] = offset[:, axis] + value if added else value
        else:
            rotation = rotation @ _turn(ROTATIONS.index(channel), np.deg2rad(value))
    return offset, rotation


def _turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """Rotation about one axis. Shapes: angle [T], radians -> [T,3,3]."""
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    j, k = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, j, j] = matrix[:, k, k] = np.cos(angle)
    matrix[:, k, j] = np.sin(angle)
    matrix[:, j, k] = -matrix[:, k, j]
    return matrix


def _rate(seconds: float) -> float:
    """Frames per second: files round 1/30 s to 0.0333333; rates such as 29.97 stay."""
    fps = 1 / seconds
    return float(round(fps)) if abs(fps - round(fps)) < 5e-4 * fps else fps


def _declared(lines: Sequence[str], at: int, key: str, name: str) -> float:
    line = lines[at].strip() if at < len(lines) else ""
    words = line.removeprefix(key).split()
    if not line.startswith(key) or len(words) != 1:
        raise FormatError(
            name, f"line {at + 1}: found {line[:40]!r}, allowed {key!r} and a number"
        )
    return _number(words[0], f"line {at + 1}", name)


def _number(text: str, place: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) <= MAX_VALUE:
        raise FormatError(
            name, f"{place}: found {text[:40]!r}, allowed are numbers up to {MAX_VALUE:g}"
        )
    return value


class _Parser:
    """The words of a hierarchy one by one, each with its line."""

    def __init__(self, name: str, lines: Sequence[str]) -> None:
        self.name = name
        self.line = 0
        self.words = ((word, n) for n, line in enumerate(lines, 1) for word in line.split())

    def nodes(self) -> tuple[Node, ...]:
        """The whole hierarchy; without recursion, so depth costs nothing."""
        self._expect("HIERARCHY")
        self._expect("ROOT")
        nodes = [self._node(-1)]
        open_nodes = [0]
        while open_nodes:
            word = self._next()
            if word == "}":
                open_nodes.pop()
                continue
            if word not in ("JOINT", "End"):
                raise self._error(f"found {word[:40]!r}, allowed JOINT, End Site or }}")
            if len(nodes) >= MAX_JOINTS:
                raise self._error(f"more than the {MAX_JOINTS} joints allowed")
            if word == "JOINT":
                nodes.append(self._node(open_nodes[-1]))
                open_nodes.append(len(nodes) - 1)
            else:
                nodes.append(self._end(nodes, open_nodes[-1]))
        self._finish(nodes)
        return tuple(nodes)

    def _finish(self, nodes: Sequence[Node]) -> None:
        """Refuses what follows the hierarchy, doubled names, and joints that never move."""
        word, self.line = next(self.words, ("", self.line))
        if word:
            raise self._error(f"found {word[:40]!r} after the end of the hierarchy")
        names = [node.name for node in nodes]
        if twice := sorted({each for each in names if names.count(each) > 1}):
            raise FormatError(self.name, f"joint {twice[0]!r}: is there twice")
        if not any(node.channels for node in nodes):
            raise FormatError(self.name, "no joint has a channel")

    def _node(self, parent: int) -> Node:
        words: list[str] = []
        keyword = self.line
        while (word := self._next()) != "{":
            # names may have blanks, but a doubled line is none
            if self.line != keyword:
                raise self._error(f"found {word[:40]!r}, allowed {{")
            words.append(word)
        joint = " ".join(words)
        if not joint or len(joint) > 200:
            raise self._error("a joint needs a name of 1 to 200 letters")
        self._expect("OFFSET")
        offset = self._offset(joint)
        self._expect("CHANNELS")
        return Node(joint, parent, offset, self._channels(joint))

    def _end(self, nodes: Sequence[Node], parent: int) -> Node:
        joint = f"{nodes[parent].name} end"
        if (word := self._next()).lower() != "site":
            raise self._error(f"found {word[:40]!r} after End, allowed Site")
        self._expect("{")
        self._expect("OFFSET")
        offset = self._offset(joint)
        self._expect("}")
        return Node(joint, parent, offset, (), is_end=True)

    def _offset(self, joint: str) -> tuple[float, float, float]:
        place = f"joint {joint!r}, OFFSET"
        x, y, z = (_number(self._next(), place, self.name) for _ in range(3))
        return x, y, z

    def _channels(self, joint: str) -> tuple[str, ...]:
        place = f"joint {joint!r}, CHANNELS"
        count = _number(self._next(), place, self.name)
        if count not in range(len(_CHANNELS) + 1):
            raise self._error(f"{place}: found {count:g}, allowed 0 to {len(_CHANNELS)}")
        words = [self._next() for _ in range(int(count))]
        channels = tuple(_CHANNELS.get(word.lower(), "") for word in words)
        if not all(channels) or len(set(channels)) < len(channels):
            raise self._error(
                f"{place}: found {' '.join(words)[:80]!r}, allowed are {count:g} different of "
                f"{', '.join(_CHANNELS.values())}"
            )
        return channels

    def _next(self) -> str:
        word, self.line = next(self.words, ("", self.line))
        if not word:
            raise self._error("the hierarchy ends before its last }")
        return word

    def _expect(self, word: str) -> None:
        if (found := self._next()) != word:
            raise self._error(f"found {found[:40]!r}, allowed {word}")

    def _error(self, reason: str) -> FormatError:
        return FormatError(self.name, f"line {self.line}: {reason}")
