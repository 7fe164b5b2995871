"""OpenPose's own output: a folder of JSON files, one a frame, with everybody in the picture.

Source: Cao et al., "OpenPose: realtime multi-person 2D pose estimation using part affinity
fields", TPAMI 2019; file format of ``--write_json``.
"""

import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from motiongen.formats.base import Clip, FormatError, Reader
from motiongen.formats.table import MAX_VALUE, read_bytes
from motiongen.layouts import get
from motiongen.motion import Motion

KEY = "pose_keypoints_2d"
#: layouts by their number of joints; others need the option `layout`
BY_COUNT = {25: "body25", 18: "coco18", 17: "coco17"}
MAX_FRAMES = 200_000
# Scores are peaks of a network's map: slightly above 1 is usual, far above is another quantity.
MAX_SCORE = 1.5
_NAME = re.compile(r"(?:(.*?)[._-])?(\d+)(?:_keypoints)?\.json")


class OpenPose(Reader):
    """Reads folders of OpenPose JSON files.

    A clip is a folder of files that end in a frame number, ``walk_000000000012_keypoints.json``;
    several videos in one folder are told apart by the name before the number. If all clips lie at
    ``class/clip``, the outer folder is the class; else there are no classes.

    Of several people one is followed: in the first frame with anybody the one with the highest
    mean confidence, then always the one whose centre is nearest to the last. A frame without
    people, and a frame number without a file, is a frame of confidence 0: time is kept. A joint
    with confidence 0, or at (0,0), is missing. Pixels; y is turned up by its sign (so it is
    negative).

    Args:
        source: the folder of a clip, or one with many such folders below it.
        layout: name of the skeleton; None tells BODY_25, COCO 18 and COCO 17 by their number of
            joints. BODY_25B also has 25 and must be named.
        fps: frames per second, which the files do not say.

    Raises:
        ValueError: if the layout is unknown or `fps` is not above 0.
    """

    def __init__(
        self, source: Path, *, layout: str | None = None, fps: float | None = None
    ) -> None:
        super().__init__(source)
        if fps is not None and not (fps > 0 and math.isfinite(fps)):
            raise ValueError(f"fps: found {fps}, must be above 0")
        if layout is not None:
            get(layout)
        self.layout = layout
        self.fps = fps
        self._frames: dict[str, dict[int, str]] = {}

    def index(self) -> list[Clip]:
        """Lists the clips by folder and name; sets `classes`.

        Raises:
            FormatError: if there is none, or two files have one frame number.
        """
        self._frames = self._group()
        names = {path: PurePosixPath(path).parts for path in self._frames}
        nested = all(len(parts) == 2 for parts in names.values())
        self.classes = tuple(sorted({parts[0] for parts in names.values()})) if nested else ()
        clips = [
            Clip(
                path,
                path if path != "." else self.source.resolve().name,
                parts[0] if nested else None,
            )
            for path, parts in names.items()
        ]
        return self.checked(clips, "files like walk_000000000000_keypoints.json")

    def load(self, clip: Clip) -> Motion:
        """Reads one clip; warns if other people were left out.

        Raises:
            FormatError: if a file is damaged, or the number of joints fits no layout.
        """
        if not self._frames:
            self._frames = self._group()
        files = self._frames.get(clip.path)
        if not files:
            raise FormatError(clip.path, "no such clip in this source")
        first, count = min(files), max(files) - min(files) + 1
        if count > MAX_FRAMES:
            raise FormatError(
                clip.path, f"frame numbers span {count} frames, allowed {MAX_FRAMES}"
            )
        people = {n - first: self._people(path) for n, path in sorted(files.items())}
        layout = self._layout(people, clip.path)
        values = np.zeros((count, get(layout).num_joints, 3))
        others = _follow(people, values)
        if others:
            warnings.warn(f"{clip.path}: {others} skeletons of other people ignored", stacklevel=2)
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

    def _group(self) -> dict[str, dict[int, str]]:
        """Clip -> frame number -> file."""
        if self.source.is_file():
            raise FormatError(self.source, "is one frame; a clip is the folder of its frames")
        found: dict[tuple[str, str], dict[int, str]] = {}
        for path, match in self.find(_NAME):
            folder = PurePosixPath(path).parent.as_posix()
            frames = found.setdefault((folder, match[1] or ""), {})
            number = int(match[2])
            if number in frames:
                raise FormatError(path, f"frame {number} is also in {frames[number]}")
            frames[number] = path
        # Where any folder holds several videos, each clip needs its video's name.
        shared = len({folder for folder, _ in found}) < len(found)
        clips = {
            (PurePosixPath(folder) / name).as_posix() if shared else folder: frames
            for (folder, name), frames in found.items()
        }
        if len(clips) < len(found):
            raise FormatError(self.source, "a folder and a video beside it have the same name")
        return clips

    def _people(self, path: str) -> list[np.ndarray]:
        """Everybody in one file. Shapes: -> each [J,3]."""
        try:
            content = json.loads(read_bytes(self.root / path, path))
        except (ValueError, RecursionError) as error:
            raise FormatError(path, f"is no JSON: {error}") from error
        people = content.get("people") if isinstance(content, dict) else None
        if not isinstance(people, list):
            raise FormatError(path, "key 'people': missing or no list")
        found = [_skeleton(person, number, path) for number, person in enumerate(people)]
        return [skeleton for skeleton in found if len(skeleton)]

    def _layout(self, people: Mapping[int, Sequence[np.ndarray]], path: str) -> str:
        counts = {len(skeleton) for frame in people.values() for skeleton in frame}
        if self.layout is not None:
            if counts - {get(self.layout).num_joints}:
                raise FormatError(
                    path,
                    f"{sorted(counts)} joints, but layout {self.layout!r} has "
                    f"{get(self.layout).num_joints}",
                )
            return self.layout
        if not counts:
            # Nobody in any frame: all missing in any layout; OpenPose's own default will do.
            return BY_COUNT[25]
        if len(counts) > 1 or not counts <= set(BY_COUNT):
            raise FormatError(
                path,
                f"{sorted(counts)} joints, known are {sorted(BY_COUNT)}, the same in all frames; "
                "others need the option `layout`",
            )
        return BY_COUNT[counts.pop()]


def _skeleton(person: Any, number: int, path: str) -> np.ndarray:
    """x, y, confidence of one person, confidence 0 where missing. Shapes: -> [J,3]."""
    place = f"people[{number}].{KEY}"
    values = person.get(KEY) if isinstance(person, dict) else None
    if not isinstance(values, list) or len(values) % 3:
        raise FormatError(path, f"key {place}: missing, or no list of x, y, confidence triples")
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values):
        raise FormatError(path, f"key {place}: holds something that is not a number")
    try:
        skeleton = np.array(values, dtype=np.float64).reshape(-1, 3)
    except OverflowError as error:  # JSON's integers have no limit
        raise FormatError(path, f"key {place}: {error}") from error
    low, high = [-MAX_VALUE, -MAX_VALUE, 0], [MAX_VALUE, MAX_VALUE, MAX_SCORE]
    bad = ~((skeleton >= low) & (skeleton <= high))  # also catches NaN
    if bad.any():
        joint, column = np.argwhere(bad)[0].tolist()
        raise FormatError(
            path,
            f"key {place}, joint {joint}: {'xyc'[column]} is {skeleton[joint, column]}, allowed "
            f"are positions up to {MAX_VALUE:g} and confidences from 0 to {MAX_SCORE}",
        )
    skeleton[(skeleton[:, :2] == 0).all(1), 2] = 0
    return skeleton


def _follow(people: Mapping[int, Sequence[np.ndarray]], values: np.ndarray) -> int:
    """Fills in one person over time; returns how many skeletons of others were left out.

    Shapes: people frame -> each [J,3]; values [T,J,3], changed in place.
    """
    last: np.ndarray | None = None
    others = 0
    for frame, everybody in people.items():
        skeletons = [skeleton for skeleton in everybody if skeleton[:, 2].any()]
        if not skeletons:
            continue
        centres = np.array([s[s[:, 2] > 0, :2].mean(0) for s in skeletons])
        if last is None:
            chosen = int(np.argmax([s[:, 2].mean() for s in skeletons]))
        else:
            chosen = int(np.argmin(np.linalg.norm(centres - last, axis=1)))
        last = centres[chosen]
        values[frame] = skeletons[chosen]
        others += len(skeletons) - 1
    return others
