"""The bytes of a C3D file: header, groups of parameters, points.

A block has 512 bytes. Block 1 is the header; the parameters begin where its first byte says, the
frames where a parameter and the header say. Everything is checked against everything else before
an array is made.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motiongen.formats.base import FormatError
from motiongen.formats.table import read_bytes

BLOCK = 512
KEY = 0x50
MAX_FRAMES = 500_000
MAX_POINTS = 5000
#: processor -> order of the bytes; the third kind (DEC) has floats of its own
_ORDERS = {84: "<", 85: "<", 86: ">"}
_DEC = 85
_TYPES = {-1: ("c", 1), 1: ("b", 1), 2: ("h", 2), 4: ("f", 4)}
_CHANNELS = 4  # x y z, then residual and cameras


@dataclass(frozen=True)
class Points:
    """The points of a file.

    Args:
        positions: in the file's unit. Shapes: [T,N,3].
        seen: whether the residual is not negative. Shapes: [T,N].
        labels: one name a point.
        fps: frames per second.
        unit: as the file says; "" if it does not.
        vertical: the file's vertical axis, such as "+Z"; "" if it does not say.
    """

    positions: np.ndarray
    seen: np.ndarray
    labels: tuple[str, ...]
    fps: float
    unit: str
    vertical: str


@dataclass(frozen=True)
class _Header:
    points: int
    analog: int
    last: int
    frames: int
    scale: float
    start: int
    fps: float


Parameters = Mapping[str, list[float] | list[str]]


def read_points(file: Path, name: str) -> Points:
    """Reads the points of a C3D file.

    Args:
        file: where it lies.
        name: what messages call it.

    Raises:
        FormatError: if header, parameters and size contradict each other; names what does.
    """
    data = read_bytes(file, name)
    if len(data) < 2 * BLOCK or data[1] != KEY:
        raise FormatError(name, "is no C3D file: a header of 512 bytes with 0x50 in it is missing")
    at = (data[0] - 1) * BLOCK
    if not BLOCK <= at <= len(data) - 4:
        raise FormatError(name, f"header: parameters begin in block {data[0]}, outside the file")
    processor = data[at + 3]
    if processor not in _ORDERS:
        raise FormatError(name, f"parameters: processor {processor}, allowed {sorted(_ORDERS)}")
    numbers = _Numbers(data, processor, name)
    header = _header(numbers)
    parameters = _parameters(numbers, at)
    count = _frames(header, parameters, name)
    scale = _one(parameters, "POINT:SCALE", header.scale, name)
    values = _values(numbers, header, count, scale)
    residual = values[..., 3]
    return Points(
        positions=values[..., :3],
        seen=(residual >= 0) & (values[..., :3] != 0).any(-1),
        labels=_labels(parameters, header.points, name),
        fps=_rate(header, parameters, name),
        unit=_text(parameters, "POINT:UNITS"),
        vertical=_text(parameters, "POINT:Y_SCREEN"),
    )


class _Numbers:
    """Numbers in the file's order of bytes."""

    def __init__(self, data: bytes, processor: int, name: str) -> None:
        self.data, self.name = data, name
        self.order, self.dec = _ORDERS[processor], processor == _DEC

    def word(self, at: int, *, signed: bool = False) -> int:
        """An integer of two bytes."""
        if at < 0 or at + 2 > len(self.data):
            raise FormatError(self.name, f"byte {at}: outside the file")
        return struct.unpack_from(self.order + ("h" if signed else "H"), self.data, at)[0]

    def floats(self, at: int, count: int) -> np.ndarray:
        """Numbers of four bytes. Shapes: -> [count]."""
        if at < 0 or count < 0 or at + 4 * count > len(self.data):
            raise FormatError(self.name, f"byte {at}: {count} numbers end outside the file")
        part = self.data[at : at + 4 * count]
        if not self.dec:
            return np.frombuffer(part, self.order + "f4").astype(np.float64)
        # DEC: the two halves exchanged, and an exponent that is 2 higher.
        halves = np.frombuffer(part, "<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(halves).view("<f4")[:, 0].astype(np.float64) / 4

    def integers(self, at: int, count: int) -> np.ndarray:
        """Signed numbers of two bytes. Shapes: -> [count]."""
        if at < 0 or count < 0 or at + 2 * count > len(self.data):
            raise FormatError(self.name, f"byte {at}: {count} numbers end outside the file")
        part = self.data[at : at + 2 * count]
        return np.frombuffer(part, self.order + "i2").astype(np.float64)


def _header(numbers: _Numbers) -> _Header:
    first, last = numbers.word(6), numbers.word(8)
    header = _Header(
        points=numbers.word(2),
        analog=numbers.word(4),
        last=last,
        frames=last - first + 1,
        scale=float(numbers.floats(12, 1)[0]),
        start=(numbers.word(16) - 1) * BLOCK,
        fps=float(numbers.floats(20, 1)[0]),
    )
    if not 1 <= header.points <= MAX_POINTS:
        raise FormatError(
            numbers.name, f"header: {header.points} points, allowed 1 to {MAX_POINTS}"
        )
    if not np.isfinite(header.scale) or header.scale == 0:
        raise FormatError(numbers.name, f"header: scale {header.scale}, allowed is not 0")
    return header


def _parameters(numbers: _Numbers, start: int) -> Parameters:
    """All parameters as "GROUP:NAME" -> values."""
    data, name = numbers.data, numbers.name
    groups: dict[int, str] = {}
    found: list[tuple[int, str, list[float] | list[str]]] = []
    at = start + 4
    while True:
        if at + 2 > len(data):
            raise FormatError(name, "parameters: they end outside the file")
        length, group = abs(struct.unpack_from("b", data, at)[0]), data[at + 1]
        group = group - 256 if group > 127 else group
        if length == 0 or group == 0:
            break
        key = data[at + 2 : at + 2 + length].decode("latin-1").strip().upper()
        place = at + 2 + length
        step = numbers.word(place, signed=True)
        if group < 0:
            if -group in groups:
                raise FormatError(name, f"parameters: group {-group} is there twice")
            groups[-group] = key
        else:
            found.append((group, key, _value(numbers, place + 2, key)))
        if step == 0:
            break
        if step < 2:
            raise FormatError(name, f"parameter {key[:40]!r}: the next one lies before it")
        at = place + step
    return _named(groups, found, name)


def _named(
    groups: Mapping[int, str], found: list[tuple[int, str, list[float] | list[str]]], name: str
) -> Parameters:
    parameters: dict[str, list[float] | list[str]] = {}
    for group, key, value in found:
        if group not in groups:
            raise FormatError(name, f"parameter {key[:40]!r}: its group {group} does not exist")
        full = f"{groups[group]}:{key}"
        if full in parameters:
            raise FormatError(name, f"parameter {full[:80]!r}: is there twice")
        parameters[full] = value
    if not any(key.startswith("POINT:") for key in parameters):
        raise FormatError(name, "parameters: no group POINT")
    return parameters


def _value(numbers: _Numbers, at: int, key: str) -> list[float] | list[str]:
    """The values of one parameter; texts are cut into their rows."""
    data, name = numbers.data, numbers.name
    if at + 2 > len(data):
        raise FormatError(name, f"parameter {key[:40]!r}: ends outside the file")
    kind, axes = struct.unpack_from("bB", data, at)
    shape = tuple(data[at + 2 : at + 2 + axes])
    if kind not in _TYPES or axes > 7 or len(shape) < axes:
        raise FormatError(name, f"parameter {key[:40]!r}: type {kind} with {axes} axes")
    count = int(np.prod(shape, dtype=np.int64)) if axes else 1
    start, (code, size) = at + 2 + axes, _TYPES[kind]
    if start + count * size > len(data):
        raise FormatError(name, f"parameter {key[:40]!r}: ends outside the file")
    if code == "c":
        text = data[start : start + count].decode("latin-1")
        width = shape[0] if axes else 1
        return [text[i : i + width].strip() for i in range(0, count, width)] if width else []
    if code == "f":
        return numbers.floats(start, count).tolist()
    if code == "h":
        return numbers.integers(start, count).tolist()
    return [float(value) for value in data[start : start + count]]


def _one(parameters: Parameters, key: str, default: float, name: str) -> float:
    values = parameters.get(key, [default])
    if len(values) != 1 or isinstance(values[0], str) or not np.isfinite(values[0]):
        raise FormatError(name, f"parameter {key!r}: found {values[:3]}, allowed is one number")
    return float(values[0])


def _text(parameters: Parameters, key: str) -> str:
    values = parameters.get(key, [""])
    return str(values[0]) if values else ""


def _frames(header: _Header, parameters: Parameters, name: str) -> int:
    """The number of frames, in which header and parameters must agree.

    Both are 16 bits wide, so longer recordings say it in TRIAL:ACTUAL_END_FIELD.
    """
    used = _one(parameters, "POINT:USED", float(header.points), name)
    if used != header.points:
        raise FormatError(name, f"header: {header.points} points, but POINT:USED is {used:g}")
    frames = header.frames
    first, last = (parameters.get(f"TRIAL:ACTUAL_{end}_FIELD") for end in ("START", "END"))
    if first and last and not isinstance(first[0], str) and not isinstance(last[0], str):
        low, high = (_wide([float(v) for v in words]) for words in (first, last))
        frames = high - low + 1
    declared = _one(parameters, "POINT:FRAMES", float(frames), name) % 2**16
    full = 2**16 - 1  # what 16 bits say of anything longer
    agrees = header.last == full or frames % 2**16 == header.frames % 2**16
    if not agrees or declared not in (frames % 2**16, full):
        raise FormatError(
            name,
            f"header: {header.frames} frames, but POINT:FRAMES is {declared:g}, TRIAL {frames}",
        )
    if not 1 <= frames <= MAX_FRAMES:
        raise FormatError(name, f"header: {frames} frames, allowed 1 to {MAX_FRAMES}")
    return frames


def _wide(words: list[float]) -> int:
    """A number in one or two words of 16 bits."""
    return sum((int(word) % 2**16) << (16 * i) for i, word in enumerate(words[:2]))


def _values(numbers: _Numbers, header: _Header, frames: int, scale: float) -> np.ndarray:
    """x, y, z, residual of all points; checks that the file holds exactly these frames.

    Shapes: -> [T,N,4].
    """
    is_float = scale < 0
    size = 4 if is_float else 2
    row = _CHANNELS * header.points + header.analog
    end = header.start + frames * row * size
    rest = len(numbers.data) - end
    if header.start < BLOCK or rest < 0 or (rest >= BLOCK and any(numbers.data[end:])):
        raise FormatError(
            numbers.name,
            f"{frames} frames of {header.points} points end at byte {end}, the file at "
            f"{len(numbers.data)}",
        )
    read = numbers.floats if is_float else numbers.integers
    values = read(header.start, frames * row).reshape(frames, row)[:, : _CHANNELS * header.points]
    values = values.reshape(frames, header.points, _CHANNELS).copy()
    if not is_float:
        values[..., :3] *= abs(scale)
    return values


def _labels(parameters: Parameters, points: int, name: str) -> tuple[str, ...]:
    """One name a point; groups of 255 continue in LABELS2 and so on."""
    labels = [str(label) for label in parameters.get("POINT:LABELS", [])]
    number = 2
    while more := parameters.get(f"POINT:LABELS{number}"):
        labels += [str(label) for label in more]
        number += 1
    if len(labels) < points:
        raise FormatError(name, f"POINT:LABELS names {len(labels)} of {points} points")
    named = [label for label in labels[:points] if label]
    if len(set(named)) < len(named):
        twice = next(label for label in named if named.count(label) > 1)
        raise FormatError(name, f"POINT:LABELS names {twice[:40]!r} twice")
    return tuple(labels[:points])


def _rate(header: _Header, parameters: Parameters, name: str) -> float:
    fps = _one(parameters, "POINT:RATE", header.fps, name)
    if not 0.1 <= fps <= 1e4:
        raise FormatError(name, f"POINT:RATE is {fps:g}, allowed 0.1 to 10000 per second")
    return fps
