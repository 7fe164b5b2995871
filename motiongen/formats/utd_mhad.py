"""UTD-MHAD: MATLAB files of 20 Kinect v1 joints.

Source: Chen, Jafari, Kehtarnavaz, "UTD-MHAD: a multimodal dataset for human action recognition
utilizing a depth camera and a wearable inertial sensor", ICIP 2015.
"""

import re
import struct
import zlib
from io import BytesIO

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import by_joint, check_values, read_bytes
from motiongen.layouts import get
from motiongen.motion import Motion

CLASSES = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "arm cross",
    "basketball shoot",
    "draw x",
    "draw circle clockwise",
    "draw circle counter-clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)
FPS = 30.0
KEY = "d_skel"
MAX_FRAMES = 100_000
# 3 coordinates of 20 joints in float64, and room for the header of the array.
_MAX_BYTES = MAX_FRAMES * 20 * 3 * 8 + 1024
_COMPRESSED = 15
_NAME = re.compile(r"(a(\d+)_s(\d+)_t(\d+))_skeleton\.mat")


class UtdMhad(Reader):
    """Reads the skeletons of UTD-MHAD.

    A file is MATLAB version 5 and holds one array ``d_skel`` [20,3,T]: metres in the camera's
    frame, y up, z the depth. The sensor's confidence was not published: every joint gets 1,
    except one at (0,0,0), which is missing.

    Args:
        source: the folder, or a single file.
    """

    classes = CLASSES

    def index(self) -> list[Clip]:
        """Lists the clips; class, subject and trial are in the file's name.

        Raises:
            FormatError: if there is none, or an action is not 1 to 27.
        """
        clips = []
        for path, match in self.find(_NAME):
            action = int(match[2])
            if not 1 <= action <= len(CLASSES):
                raise FormatError(path, f"action {action}, allowed 1 to {len(CLASSES)}")
            clips.append(Clip(path, match[1], CLASSES[action - 1], str(int(match[3]))))
        return self.checked(clips, "files like a1_s1_t1_skeleton.mat")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if the file is damaged or holds anything but the one array.
        """
        data = read_bytes(self.root / clip.path, clip.path)
        _check_expansion(data, clip.path)
        joints = np.ascontiguousarray(_load_array(data, clip.path).transpose(2, 0, 1))
        rows = joints.reshape(len(joints), -1)
        check_values(rows, clip.path, by_joint(get("kinect20").joints, 3))
        seen = (joints != 0).any(-1)
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(seen.astype(np.float32)),
            layout="kinect20",
            unit="m",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=FPS,
        )


def _check_expansion(data: bytes, name: str) -> None:
    """Refuses packed elements that would unpack to more than any clip needs."""
    at = 128
    while at + 8 <= len(data):
        order = "<" if data[126:128] == b"IM" else ">"
        kind, size = struct.unpack_from(f"{order}2I", data, at)
        if kind == _COMPRESSED:
            unpack = zlib.decompressobj()
            try:
                unpack.decompress(data[at + 8 : at + 8 + size], _MAX_BYTES)
            except zlib.error as error:
                raise FormatError(name, f"damaged: {error}") from error
            if unpack.unconsumed_tail:
                raise FormatError(name, f"unpacks to more than the {_MAX_BYTES} bytes allowed")
        at += 8 + size


def _load_array(data: bytes, name: str) -> np.ndarray:
    """The one array of a MATLAB file; its header is checked before its values are read."""
    # Imported here: it costs more than the rest of this package together.
    from scipy.io import loadmat, whosmat

    # scipy raises whatever its parser stumbles over; any of it means that the file is damaged.
    try:
        found = whosmat(BytesIO(data))
    except Exception as error:
        raise FormatError(name, f"no MATLAB 5 file: {type(error).__name__}: {error}") from error
    _check_header(found, name)
    try:
        values = loadmat(BytesIO(data), variable_names=[KEY])[KEY]
    except Exception as error:
        raise FormatError(name, f"damaged: {type(error).__name__}: {error}") from error
    if values.dtype.kind != "f":
        raise FormatError(name, f"key {KEY!r}: type {values.dtype}, allowed are real numbers")
    return values


def _check_header(found: list[tuple[str, tuple[int, ...], str]], name: str) -> None:
    if [key for key, _, _ in found] != [KEY]:
        keys = ", ".join(repr(key) for key, _, _ in found) or "nothing"
        raise FormatError(name, f"holds {keys}, allowed is exactly the key {KEY!r}")
    _, shape, kind = found[0]
    if kind not in ("double", "single"):
        raise FormatError(name, f"key {KEY!r}: type {kind!r}, allowed 'double' or 'single'")
    # MATLAB drops a last axis of length one.
    if shape[:2] != (20, 3) or len(shape) > 3 or not 1 <= (*shape, 1)[2] <= MAX_FRAMES:
        raise FormatError(
            name, f"key {KEY!r}: shape {shape}, allowed (20, 3, T) with T from 1 to {MAX_FRAMES}"
        )
