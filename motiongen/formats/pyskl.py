"""PYSKL's and MMAction2's pickle of annotated skeletons, read and written.

A dict of two keys. ``split`` has for each part of the set ("train") the list of its
``frame_dir``. ``annotations`` is a list of dicts, one a clip:

===================  =========================  ===============================================
key                  shape and type             meaning
===================  =========================  ===============================================
``frame_dir``        str                        name of the clip
``label``            int                        number of the class
``total_frames``     int                        T
``keypoint``         [M,T,V,C] float            positions of M bodies; in pixels y points down
``keypoint_score``   [M,T,V] float              confidence; in 2-D only: in 3-D PYSKL would take
                                                it for a fourth coordinate
``img_shape``        (int, int)                 height and width of the image, in 2-D
``original_shape``   (int, int)                 the same
===================  =========================  ===============================================

What the two projects ignore is kept beside them: ``classes`` of the set; ``layout``, ``unit``,
``fps``, ``subject``, and in 3-D ``confidence`` [M,T,V], of each clip. A file may also be the list
of annotations alone. Source: PYSKL, `tools/data/README.md`; MMAction2, "Prepare Dataset",
skeleton.
"""

import math
import re
import reprlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Holds, Reader, Writer
from motiongen.formats.table import MAX_VALUE
from motiongen.formats.unpickling import array, pickle_to, unpickle
from motiongen.layouts import get
from motiongen.motion import Motion, Unit

#: layouts by their numbers of joints and coordinates; others need the option `layout`
BY_COUNT = {(25, 3): "kinect25", (17, 2): "coco17"}
#: height and width that PYSKL assumes where nothing is said
IMAGE = (1080, 1920)
# Scores are peaks of a network's map: slightly above 1 is usual.
MAX_SCORE = 1.5
_NAME = re.compile(r".*\.(pkl|pickle)")


class Pyskl(Reader):
    """Reads pickles of annotated skeletons, of which nothing is run.

    Of several bodies the one that is seen most is read, with a warning. A joint with score 0 is
    missing; without scores, one at the origin. In 2-D, y is turned up by its sign.

    Args:
        source: one file, or a folder of them. In a folder of several, ids start with the file's
            name.
        layout: name of the skeleton; None tells 25 joints in 3-D (NTU) and 17 in 2-D (COCO).
        fps: frames per second, where the file does not say.

    Raises:
        ValueError: if the layout is unknown or `fps` is not above 0.
    """

    def __init__(
        self, source: Path, *, layout: str | None = None, fps: float | None = None
    ) -> None:
        super().__init__(source)
        self.fps = None if fps is None else float(fps)
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"fps: found {fps}, must be above 0")
        if layout is not None:
            get(layout)
        self.layout = layout
        self._opened: tuple[str, list[dict[str, Any]], tuple[str, ...]] = ("", [], ())

    def index(self) -> list[Clip]:
        """Lists the clips of all files; sets `classes`, numbers where the files name none.

        Raises:
            FormatError: if there is none, or an annotation lacks a key.
        """
        files = [name for name, _ in self.find(_NAME)]
        found: list[tuple[str, int, str, int | None, str]] = []
        names: tuple[str, ...] | None = None
        for name in files:
            self._open(name)
            _, annotations, classes = self._opened
            if names not in (None, classes):
                raise FormatError(name, f"classes {classes} differ from {names} in {files[0]}")
            names = classes
            for number, entry in enumerate(annotations):
                place = f"annotations[{number}]"
                id_ = _text(entry, "frame_dir", name, place, needed=True)
                label = _label(entry, name, place, len(classes))
                subject = _text(entry, "subject", name, place)
                prefix = f"{name.rpartition('.')[0]}/" if len(files) > 1 else ""
                found.append((name, number, f"{prefix}{id_}", label, subject))
        most = max((label for *_, label, _ in found if label is not None), default=-1)
        self.classes = names or tuple(str(number) for number in range(most + 1))
        clips = [
            Clip(f"{name}#{row}", id_, None if label is None else self.classes[label], subject)
            for name, row, id_, label, subject in found
        ]
        return self.checked(clips, "a .pkl file with the key 'annotations'")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; its file stays in memory until a clip of another one is asked for.

        Raises:
            FormatError: if an array is not as allowed; names the annotation, frame and joint.
        """
        name, _, number = clip.path.rpartition("#")
        self._open(name)
        body = _Body(self._opened[1][int(number)], clip)
        joints, confidence = body.arrays()
        layout = body.layout(joints, self.layout)
        body.check(joints, confidence, get(layout).joints)
        seen = confidence > 0
        joints = np.where(seen[..., None], joints, 0)
        if joints.shape[-1] == 2:
            joints = joints * [1, -1]
        return Motion(
            joints=torch.from_numpy(joints.astype(np.float32)),
            confidence=torch.from_numpy(confidence.clip(0, 1).astype(np.float32)),
            layout=layout,
            unit=body.unit(joints.shape[-1]),
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=body.fps() or self.fps,
        )

    def _open(self, name: str) -> None:
        if self._opened[0] == name:
            return
        content = unpickle(self.root / name, name)
        table = content if isinstance(content, dict) else {"annotations": content}
        annotations = table.get("annotations")
        if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
            raise FormatError(name, "key 'annotations': missing, or no list of dicts")
        classes = table.get("classes", [])
        if not isinstance(classes, list) or not all(isinstance(text, str) for text in classes):
            raise FormatError(name, "key 'classes': no list of names")
        self._opened = (name, annotations, tuple(classes))


def _text(
    entry: Mapping[str, Any], key: str, name: str, place: str, *, needed: bool = False
) -> str:
    value = entry.get(key, None if needed else "")
    if not isinstance(value, str) or (needed and not value):
        raise FormatError(name, f"{place}: key {key!r}: missing or no text")
    return value


def _label(entry: Mapping[str, Any], name: str, place: str, count: int) -> int | None:
    label = entry.get("label")
    if label is None:
        return None
    most = (count or 100_000) - 1
    if type(label) is not int or not 0 <= label <= most:
        raise FormatError(name, f"{place}: label {reprlib.repr(label)}, allowed 0 to {most}")
    return label


class _Body:
    """The body of an annotation that is seen most, each value checked."""

    def __init__(self, entry: Mapping[str, Any], clip: Clip) -> None:
        self.entry, self.clip = entry, clip

    def _error(self, reason: str) -> FormatError:
        return FormatError(self.clip.path, f"clip {self.clip.id!r}: {reason}")

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and confidences. Shapes: -> [T,V,C], [T,V]."""
        keypoint = self._array("keypoint", 4)
        if keypoint is None:
            raise self._error("key 'keypoint' is missing or no array of numbers")
        _, frames, _, channels = keypoint.shape
        if min(keypoint.shape) < 1 or channels not in (2, 3):
            raise self._error(f"key 'keypoint': shape {keypoint.shape}, allowed [M,T,V,2 or 3]")
        told = self.entry.get("total_frames", frames)
        if type(told) is not int or told != frames:
            raise self._error(f"key 'total_frames': {str(told)[:40]}, 'keypoint' has {frames}")
        score = self._scores(keypoint)
        seen = (score > 0).sum((1, 2))
        if (others := int((seen > 0).sum()) - 1) > 0:
            warnings.warn(f"{self.clip.path}: {others} other bodies ignored", stacklevel=3)
        return keypoint[seen.argmax()], score[seen.argmax()]

    def _scores(self, keypoint: np.ndarray) -> np.ndarray:
        """Confidences; without any, joints at the origin are missing. Shapes: -> [M,T,V]."""
        for key in ("keypoint_score", "confidence"):
            if (score := self._array(key, 3)) is not None:
                break
        else:
            return np.asarray(keypoint.any(-1), dtype=np.float32)
        if score.shape != keypoint.shape[:3]:
            raise self._error(f"key {key!r}: shape {score.shape}, 'keypoint' {keypoint.shape}")
        return score

    def _array(self, key: str, axes: int) -> np.ndarray | None:
        if key not in self.entry:
            return None
        values = array(self.entry[key])
        if values is None or values.ndim != axes or values.dtype.kind != "f":
            raise self._error(f"key {key!r}: no array of {axes} axes of float numbers")
        # half precision has no room for the limits that values are compared with
        return values.astype(np.float32)

    def layout(self, joints: np.ndarray, chosen: str | None) -> str:
        """Name of the skeleton."""
        counts = joints.shape[1:]
        name = self.entry.get("layout", chosen) or BY_COUNT.get((counts[0], counts[1]))
        if name is None:
            raise self._error(
                f"{counts[0]} joints with {counts[1]} coordinates; give the option `layout`"
            )
        try:
            needed = get(str(name)).num_joints
        except ValueError as error:
            raise self._error(str(error)) from error
        if needed != counts[0]:
            raise self._error(f"{counts[0]} joints, but layout {name!r} has {needed}")
        return str(name)

    def check(self, joints: np.ndarray, score: np.ndarray, names: Sequence[str]) -> None:
        """Raises FormatError for the first value that cannot be."""
        bad = ~((score >= 0) & (score <= MAX_SCORE))
        bad |= (score > 0) & ~(np.abs(joints) <= MAX_VALUE).all(-1)
        if bad.any():
            frame, joint = np.argwhere(bad)[0].tolist()
            raise self._error(
                f"frame {frame}, joint {names[joint]!r}: found {joints[frame, joint].tolist()} "
                f"with score {score[frame, joint]}, allowed are finite values up to "
                f"{MAX_VALUE:g} and scores from 0 to {MAX_SCORE}"
            )

    def unit(self, channels: int) -> Unit:
        """The unit: what the file says, else metres in 3-D and pixels in 2-D."""
        found = self.entry.get("unit", "m" if channels == 3 else "px")
        if found not in get_args(Unit):
            raise self._error(f"key 'unit': {str(found)[:40]!r}, allowed {get_args(Unit)}")
        return cast(Unit, found)

    def fps(self) -> float | None:
        """The rate; None where it is unknown."""
        found = self.entry.get("fps")
        if found is None:
            return None
        if type(found) not in (int, float) or not 0 < found < math.inf:
            raise self._error(f"key 'fps': {str(found)[:40]}, allowed above 0")
        return float(found)


class PysklWriter(Writer):
    """Writes clips as PYSKL and MMAction2 read them, all of them in the part "train".

    The image is of PYSKL's usual size, or as much larger as the clips need.
    """

    name = "pyskl"
    holds = Holds(".pkl", unlabelled=False)

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips."""
        clips = list(motions)
        annotations = [_annotation(clip) for clip in clips]
        flat = [entry for entry in annotations if "keypoint_score" in entry]
        corners = [entry["keypoint"].max((0, 1, 2)) for entry in flat]
        width, height = np.ceil(np.max(corners, 0)).astype(int) if corners else (0, 0)
        shape = (max(IMAGE[0], int(height)), max(IMAGE[1], int(width)))
        for entry in flat:
            entry |= {"img_shape": shape, "original_shape": shape}
        table = {
            "split": {"train": [clip.id for clip in clips]},
            "annotations": annotations,
            "classes": list(self.classes),
        }
        with part.open("xb") as stream:
            pickle_to(table, stream)


def _annotation(clip: Motion) -> dict[str, Any]:
    joints = clip.joints.cpu().numpy().astype(np.float32)
    flat = joints.shape[2] == 2
    if flat:
        joints = joints * np.array([1, -1], dtype=np.float32)
    return {
        "frame_dir": clip.id,
        "label": clip.label,
        "total_frames": clip.num_frames,
        "keypoint": joints[None],
        # in 3-D the field's readers would take it for a coordinate
        "keypoint_score" if flat else "confidence": clip.confidence.cpu().numpy()[None],
        "layout": clip.layout,
        "unit": clip.unit,
        "fps": clip.fps,
        "subject": clip.subject,
    }
