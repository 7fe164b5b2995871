"""What readers of 2-D detections share: several people, the layout, and the clip made of it."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.json_values import frame_span
from motiongen.formats.tracks import Detection, Track, main_person, tracks
from motiongen.layouts import get
from motiongen.motion import Motion

People = Literal["main", "all"]
Frames = Mapping[int, Sequence[Detection]]

#: layouts that estimators write, by their number of joints; the poses tell between several
BY_COUNT: dict[int, tuple[str, ...]] = {
    17: ("coco17", "h36m17"),
    18: ("coco18",),
    25: ("body25", "body25b"),
    26: ("halpe26",),
    133: ("coco_wholebody133",),
    136: ("halpe136",),
}
# The right tree must have clearly shorter bones than a wrong one; it has about a third.
_CLEARLY = 0.8
_MOST_POSES = 200


@dataclass(frozen=True)
class Recording:
    """What the index knows of one file or folder, which may show several people.

    Args:
        path: relative to the source.
        id: unique name.
        label: name of the class.
        subject: who moves, where the name says so.
    """

    path: str
    id: str
    label: str | None = None
    subject: str = ""


class DetectionReader(Reader, ABC):
    """Reads people that an estimator found in each frame of a video.

    Args:
        source: the folder, or a single file.
        layout: name of the skeleton; None tells it by the number of joints, and among several of
            that number by the poses.
        people: ``main`` for one clip a recording, of the person seen longest and best; ``all``
            for one a person, from the first to the last frame that shows him or her. Then the
            index reads the files.
        fps: frames per second, which the files do not say.

    Raises:
        ValueError: if the layout or `people` is unknown, or `fps` is not above 0.
    """

    #: what a file of this format looks like, for the message
    expected = "files of detections"

    def __init__(
        self,
        source: Path,
        *,
        layout: str | None = None,
        people: People = "main",
        fps: float | None = None,
    ) -> None:
        super().__init__(source)
        if fps is not None and not (fps > 0 and math.isfinite(fps)):
            raise ValueError(f"fps: found {fps}, must be above 0")
        if people not in get_args(People):
            raise ValueError(f"people: found {people!r}, allowed {', '.join(get_args(People))}")
        if layout is not None:
            get(layout)
        self.layout = layout
        self.people: People = people
        self.fps = fps
        self._last: tuple[str, list[Track]] = ("", [])

    @abstractmethod
    def recordings(self) -> list[Recording]:
        """Lists what there is in a fixed order, and sets `classes`; reads no data."""

    @abstractmethod
    def detections(self, path: str) -> Frames:
        """Everybody in every frame of a recording; frames without anybody are empty."""

    def named(self, names: Mapping[str, tuple[str, ...]]) -> list[Recording]:
        """Recordings whose names may say the class; sets `classes`.

        Args:
            names: path -> folders and name. If all are ``class/clip``, the first is the class.
        """
        nested = all(len(parts) == 2 for parts in names.values())
        self.classes = tuple(sorted({parts[0] for parts in names.values()})) if nested else ()
        return [
            Recording(path, "/".join(parts), parts[0] if nested else None)
            for path, parts in names.items()
        ]

    def columns(self, frames: Frames, path: str) -> tuple[str, slice]:
        """The layout, and which of the points belong to it."""
        return choose_layout(
            [one.points for found in frames.values() for one in found], self.layout, path
        ), slice(None)

    def index(self) -> list[Clip]:
        """Lists the clips; sets `classes`.

        Raises:
            FormatError: if there is none; with ``people=all`` also if a file is damaged.
        """
        clips = []
        for one in self.recordings():
            if self.people == "main":
                clips.append(Clip(one.path, one.id, one.label, one.subject))
                continue
            for number in range(len(tracks(self._alike(one.path)))):
                name = f"{one.id}/person{number + 1}"
                clips.append(Clip(f"{one.path}#{number + 1}", name, one.label, one.subject))
        return self.checked(clips, self.expected)

    def _alike(self, path: str) -> Frames:
        """The detections of a recording, which must all have as many points.

        Raises:
            FormatError: if they have not; names the frame.
        """
        frames = self.detections(path)
        counts = {number: {len(one.points) for one in found} for number, found in frames.items()}
        usual: set[int] = set()
        for number, here in counts.items():
            usual = usual or here
            if here and here != usual or len(here) > 1:
                first = next(frame for frame, some in counts.items() if some)
                raise FormatError(
                    path,
                    f"frame {number}: people of {_listed(here)} joints, frame {first} has "
                    f"{_listed(usual)}; all must have the same number",
                )
        return frames

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; with ``people=main`` it warns if other people were left out.

        Raises:
            FormatError: if a file is damaged, or the layout cannot be told.
        """
        path, _, number = (
            clip.path.rpartition("#") if self.people == "all" else (clip.path, "", "")
        )
        frames = self._alike(path)
        layout, columns = self.columns(frames, path)
        found = tracks(frames)
        if self.people == "all":
            track = _numbered(found, number, clip)
            first, count = frame_span(track, path)
        else:
            track = main_person(found)
            first, count = frame_span(frames, path)
            if others := sum(map(len, found)) - len(track):
                warnings.warn(f"{path}: {others} skeletons of other people ignored", stacklevel=2)
        values = np.zeros((count, get(layout).num_joints, 3))
        for frame, points in track.items():
            values[frame - first] = points[columns]
        return Motion(
            joints=torch.from_numpy((values[..., :2] * [1, -1]).astype(np.float32)),
            confidence=torch.from_numpy(values[..., 2].clip(0, 1).astype(np.float32)),
            layout=layout,
            unit="px",
            id=clip.id,
            label=self.label_number(clip),
            subject=clip.subject,
            source=clip.path,
            fps=self.fps,
        )


def _listed(counts: set[int]) -> str:
    return " and ".join(map(str, sorted(counts)))


def _numbered(found: Sequence[Track], number: str, clip: Clip) -> Track:
    if not number.isdigit() or not 1 <= int(number) <= len(found):
        raise FormatError(clip.path, f"no such person; the recording shows {len(found)}")
    return found[int(number) - 1]


def choose_layout(poses: Sequence[np.ndarray], named: str | None, path: str) -> str:
    """The layout of detections: the named one, or one with their number of joints.

    Among layouts of one number it is that in whose tree the bones are clearly shortest.

    Args:
        poses: detections. Shapes: each [J,3].
        named: the user's choice.
        path: what messages call the file.

    Raises:
        FormatError: if the number fits not to the named layout, or to none, or changes, or the
            poses do not tell.
    """
    counts = {len(points) for points in poses}
    if named is not None:
        if counts - {get(named).num_joints}:
            raise FormatError(
                path,
                f"{sorted(counts)} joints, but layout {named!r} has {get(named).num_joints}",
            )
        return named
    if not counts:
        # Nobody in any frame: all missing in any layout; OpenPose's own default will do.
        return BY_COUNT[25][0]
    if len(counts) > 1 or not counts <= set(BY_COUNT):
        raise FormatError(
            path,
            f"{sorted(counts)} joints, known are {sorted(BY_COUNT)}, the same in all frames; "
            "others need the option `layout`",
        )
    return _told_by_bones(BY_COUNT[counts.pop()], poses, path)


def _told_by_bones(candidates: Sequence[str], poses: Sequence[np.ndarray], path: str) -> str:
    if len(candidates) == 1:
        return candidates[0]
    some = np.stack(poses[:: max(1, len(poses) // _MOST_POSES)])
    if not some[..., 2].any():
        return candidates[0]
    lengths = sorted((_bone_length(some, name), name) for name in candidates)
    if not lengths[0][0] < _CLEARLY * lengths[1][0]:
        raise FormatError(
            path,
            f"{some.shape[1]} joints are {' or '.join(candidates)}, and the poses do not tell "
            "which; name it with the option `layout`",
        )
    return lengths[0][1]


def _bone_length(poses: np.ndarray, layout: str) -> float:
    """Mean length of the bones whose two ends are seen. Shapes: [N,J,3] -> scalar."""
    child, parent = get(layout).bones.T
    seen = (poses[:, child, 2] > 0) & (poses[:, parent, 2] > 0)
    lengths = np.linalg.norm(poses[:, child, :2] - poses[:, parent, :2], axis=-1)
    return float(lengths[seen].mean()) if seen.any() else math.inf
