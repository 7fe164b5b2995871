"""MediaPipe Pose and Holistic, as people store it: .npy vectors, tables of landmarks, or JSON.

Source: Lugaresi et al., "MediaPipe: a framework for building perception pipelines", 2019; the
vectors of 1662 numbers as in github.com/IlkerDEMIR-s/SignLanguageDetectionFromWebcam.
"""

import math
import re
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.json_values import frame_span
from motiongen.formats.mediapipe_landmarks import (
    POINTS,
    Landmarks,
    parse_csv,
    parse_json,
    parse_vectors,
)
from motiongen.formats.npy import read_npy
from motiongen.motion import Motion

Parts = Literal["found", "body", "hands", "all"]
_LAYOUTS = {"body": "blazepose33", "hands": "hands42", "both": "holistic75", "all": "holistic543"}
_NAME = re.compile(r"(.+)\.(npy|csv|json)")
_FRAME = re.compile(r"(?:.*?[._-])?(\d+)\.npy")


class MediaPipe(Reader):
    """Reads landmarks of MediaPipe.

    - ``.npy``: files that end in a frame number, each a vector, together are the clip of their
      folder; another name is a whole clip [T,D]. A vector is pose (33 x y z visibility), face (468
      x y z), left and right hand (21 x y z each): 1662 numbers, 258 without the face, 132 for the
      pose alone.
    - ``.csv``, one row a landmark: ``frame``, ``type`` (``pose``, ``face``, ``left_hand``,
      ``right_hand``; without it all is pose), ``landmark_index``, ``x``, ``y`` and where known
      ``z`` and ``visibility``. Or one row a frame: columns ``x0 y0 z0 v0 ...`` (or ``x1`` to
      ``x33``), and optionally ``frame``.
    - ``.json``: a list of frames (or that list under ``frames``), each with ``pose_landmarks`` and
      optionally ``face_landmarks``, ``left_hand_landmarks``, ``right_hand_landmarks`` and
      ``frame``; a part is a list of mappings or lists x, y, z, visibility; null or empty if it
      was not found.

    If all clips lie at ``class/clip`` (or ``class/file``), the outer folder is the class. x and y
    are shares of the picture's width and height; y is turned up by its sign. Visibility is the
    confidence of the pose, as MediaPipe has no other; hands and face have 1 where found. A part
    that is all zeros was not found. Depth has another origin in each part and is left out.

    Args:
        source: a folder, or a single file.
        parts: ``found`` for the body, and both hands if the files have any; ``body``, ``hands``,
            or ``all`` for body, face and hands.
        aspect: width of the picture over its height, to make x and y one unit; None leaves them.
        fps: frames per second, which the files do not say.

    Raises:
        ValueError: if `parts` is unknown, or `aspect` or `fps` is not above 0.
    """

    def __init__(
        self,
        source: Path,
        *,
        parts: Parts = "found",
        aspect: float | None = None,
        fps: float | None = None,
    ) -> None:
        super().__init__(source)
        if parts not in get_args(Parts):
            raise ValueError(f"parts: found {parts!r}, allowed {', '.join(get_args(Parts))}")
        for name, value in (("aspect", aspect), ("fps", fps)):
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name}: found {value}, must be above 0")
        self.parts: Parts = parts
        self.aspect = aspect
        self.fps = fps
        self._frames: dict[str, dict[int, str]] = {}

    def index(self) -> list[Clip]:
        """Lists the clips by path; sets `classes`.

        Raises:
            FormatError: if there is none, or two files have one frame number.
        """
        self._frames = self._group()
        names = [PurePosixPath(path).parts for path in self._frames]
        nested = all(len(parts) == 2 for parts in names)
        self.classes = tuple(sorted({parts[0] for parts in names})) if nested else ()
        clips = [
            Clip(path, self._id(path), PurePosixPath(path).parts[0] if nested else None)
            for path in self._frames
        ]
        return self.checked(clips, "frames like 0.npy, or files of landmarks (.npy, .csv, .json)")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip.

        Raises:
            FormatError: if a file is damaged; names frame and landmark.
        """
        if not self._frames:
            self._frames = self._group()
        if clip.path not in self._frames:
            raise FormatError(clip.path, "no such clip in this source")
        found = self._landmarks(clip.path)
        first, count = frame_span(found.frames, clip.path)
        values = np.zeros((count, *POINTS))
        values[np.array(found.frames) - first] = found.values
        key = ("both" if found.hands else "body") if self.parts == "found" else self.parts
        chosen = values[:, _columns(key)]
        joints = chosen[..., :2] * [self.aspect or 1.0, -1]
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(chosen[..., 3].astype(np.float32)),
            layout=_LAYOUTS[key],
            unit="normalised",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=self.fps,
        )

    def _landmarks(self, path: str) -> Landmarks:
        frames = self._frames[path]
        if frames:
            vectors = {n: read_npy(self.root / file, file) for n, file in sorted(frames.items())}
            return parse_vectors(vectors, {n: frames[n] for n in vectors})
        file = self.root / path
        if file.suffix == ".npy":
            table = read_npy(file, path)
            if table.ndim != 2:
                raise FormatError(path, f"shape {table.shape}, allowed are frames by numbers")
            return parse_vectors(dict(enumerate(table)), dict.fromkeys(range(len(table)), path))
        return parse_csv(file, path) if file.suffix == ".csv" else parse_json(file, path)

    def _group(self) -> dict[str, dict[int, str]]:
        """Clip -> frame number -> file; no frames where the clip is one file."""
        clips: dict[str, dict[int, str]] = {}
        for path, match in self.find(_NAME):
            number = _FRAME.fullmatch(PurePosixPath(path).name)
            if not number or match[2] != "npy" or self.source.is_file():
                clips[path] = {}
                continue
            frames = clips.setdefault(PurePosixPath(path).parent.as_posix(), {})
            if int(number[1]) in frames:
                raise FormatError(path, f"frame {number[1]} is also in {frames[int(number[1])]}")
            frames[int(number[1])] = path
        return dict(sorted(clips.items()))

    def _id(self, path: str) -> str:
        if path == ".":
            return self.source.resolve().name
        # Files of one stem and two kinds stay apart by their whole name.
        stem = PurePosixPath(path).with_suffix("").as_posix()
        alone = [
            one for one in self._frames if PurePosixPath(one).with_suffix("").as_posix() == stem
        ]
        return stem if not self._frames[path] and len(alone) == 1 else path


def _columns(key: str) -> list[int]:
    """Points of a choice of parts, in the order of its layout."""
    body, hands = range(33), range(501, 543)
    choices = {"body": [*body], "hands": [*hands], "both": [*body, *hands]}
    return choices.get(key, [*range(543)])
