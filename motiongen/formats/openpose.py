"""OpenPose's own output: a folder of JSON files, one a frame, with everybody in the picture.

Source: Cao et al., "OpenPose: realtime multi-person 2D pose estimation using part affinity
fields", TPAMI 2019; file format of ``--write_json``.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import numpy as np

from motiongen.formats.base import FormatError, check_choice
from motiongen.formats.detections import DetectionReader, Frames, People, Recording
from motiongen.formats.json_values import frame_span, read_json, triples
from motiongen.formats.openpose_parts import BODY, EXTRA, MAX_SCORE, Parts, choose_points
from motiongen.formats.tracks import Detection

_NAME = re.compile(r"(?:(.*?)[._-])?(\d+)(?:_keypoints)?\.json")


class OpenPose(DetectionReader):
    """Reads folders of OpenPose JSON files.

    A clip is a folder of files that end in a frame number, ``walk_000000000012_keypoints.json``;
    several videos in one folder are told apart by the name before the number. If all clips lie at
    ``class/clip``, the outer folder is the class; else there are no classes.

    People have no fixed order in the files: they are tracked by how far their joints move. A frame
    without people, and a frame number without a file, is a frame of confidence 0: time is kept. A
    joint with confidence 0, or at (0,0), is missing. Pixels; y is turned up by its sign (so it is
    negative).

    Args:
        source: the folder of a clip, or one with many such folders below it.
        layout: name of the body's skeleton; None tells BODY_25, BODY_25B, COCO 18, COCO 17 and
            Halpe 26 by the number of joints and the lengths of bones.
        people: ``main`` for one clip a folder, of the person seen longest and best; ``all`` for
            one a person, for which the index reads the files.
        parts: ``body``, ``hands`` (42 points), ``face`` (70), or ``all`` in one skeleton.
        fps: frames per second, which the files do not say.

    Raises:
        ValueError: if an option is unknown, or `fps` is not above 0.
    """

    expected = "files like walk_000000000000_keypoints.json"

    def __init__(
        self,
        source: Path,
        *,
        layout: str | None = None,
        people: People = "main",
        parts: Parts = "body",
        fps: float | None = None,
    ) -> None:
        super().__init__(source, layout=layout, people=people, fps=fps)
        check_choice("parts", parts, get_args(Parts))
        self.parts: Parts = parts
        self._frames: dict[str, dict[int, str]] = {}

    def recordings(self) -> list[Recording]:
        """Lists the clips by folder and name.

        Raises:
            FormatError: if two files have one frame number.
        """
        self._frames = self._group()
        alone = (self.source.resolve().name,)
        return self.named({path: PurePosixPath(path).parts or alone for path in self._frames})

    def detections(self, path: str) -> Frames:
        """Everybody in every frame, with the points of the body and of the chosen parts.

        Raises:
            FormatError: if there is no such clip, or a file is damaged.
        """
        if not self._frames:
            self._frames = self._group()
        files = self._frames.get(path)
        if not files:
            raise FormatError(path, "no such clip in this source")
        frame_span(files, path)
        return {number: self._people(file) for number, file in sorted(files.items())}

    def columns(self, frames: Frames, path: str) -> tuple[str, slice]:
        """The layout of body, parts or both, and where its points are.

        Raises:
            FormatError: if the layout cannot be told, or has no form with hands and face.
        """
        return choose_points(frames, self.parts, self.layout, path)

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

    def _people(self, path: str) -> list[Detection]:
        """Everybody in one file."""
        content = read_json(self.root / path, path)
        people = content.get("people") if isinstance(content, dict) else None
        if not isinstance(people, list):
            raise FormatError(path, "key 'people': missing or no list")
        found = []
        for number, person in enumerate(people):
            body = _points(person, BODY, f"people[{number}]", path)
            if len(body):
                keys = EXTRA[self.parts].items()
                parts = [
                    _part(person, key, count, f"people[{number}]", path) for key, count in keys
                ]
                found.append(Detection(np.concatenate([body, *parts])))
        return found


def _points(person: Any, key: str, place: str, path: str) -> np.ndarray:
    """Points of one key, confidence 0 where missing. Shapes: -> [N,3]."""
    values = person.get(key) if isinstance(person, dict) else None
    return triples(values, path, f"key {place}.{key}", MAX_SCORE)


def _part(person: Any, key: str, count: int, place: str, path: str) -> np.ndarray:
    """A hand or a face; all missing where OpenPose found none. Shapes: -> [N,3]."""
    points = _points(person, key, place, path)
    if len(points) not in (0, count):
        raise FormatError(
            path, f"key {place}.{key}: {len(points)} points, allowed {count} or none"
        )
    return points if len(points) else np.zeros((count, 3))
