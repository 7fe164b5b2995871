"""COCO's JSON of keypoints: annotations, or the results of an estimator.

Source: cocodataset.org, formats "keypoint detection" of data and of results.
"""

import re
from typing import Any

import numpy as np

from motiongen.formats.base import FormatError
from motiongen.formats.detections import DetectionReader, Frames, Recording
from motiongen.formats.json_values import field, frame_span, read_json, triples
from motiongen.formats.tracks import Detection
from motiongen.layouts import get

MAX_SCORE = 1.5
#: flag of an annotation -> confidence: not there, there but hidden, seen
CONFIDENCES = np.array([0.0, 0.5, 1.0])
_NAME = re.compile(r"(.+)\.json")


class CocoKeypoints(DetectionReader):
    """Reads COCO's keypoints, one video a file.

    Annotations: a mapping with ``annotations`` (``image_id``, ``keypoints`` as x, y, flag, and
    where known ``track_id``) and ``images``, whose order of ids is the order of frames. A flag 1
    (labelled, but hidden) is a confidence of 0.5, 2 is 1. Results: a list of ``image_id``,
    ``keypoints`` as x, y, score; the picture's id is the number of its frame. Other flags or
    scores, and joints at (0,0), are missing.

    People are followed by ``track_id`` where every one has it, else by how far their joints move.
    The layout is told as for AlphaPose; if ``categories`` names the keypoints, they must be
    COCO's own, or the option ``layout`` must say what they are. Pixels; y is turned up by its
    sign.
    """

    expected = "files like person_keypoints.json"

    def recordings(self) -> list[Recording]:
        """Lists the files; there are no classes."""
        return [Recording(path, path.removesuffix(".json")) for path, _ in self.find(_NAME)]

    def detections(self, path: str) -> Frames:
        """Everybody in every frame.

        Raises:
            FormatError: if the file is damaged; names entry, key and joint.
        """
        content = read_json(self.root / path, path)
        if isinstance(content, list):
            frames: dict[int, list[Detection]] = {}
            for row, record in enumerate(content):
                number = field(record, "image_id", int, path, f"entry {row}")
                frames.setdefault(number, []).append(_detection(record, path, f"entry {row}"))
        else:
            frames = self._annotations(content, path)
        frame_span(frames, path)
        return frames

    def _annotations(self, content: Any, path: str) -> dict[int, list[Detection]]:
        records = field(content, "annotations", list, path, "file")
        images = field(content, "images", list, path, "file")
        if self.layout is None:
            _check_names(content, path)
        ids = [field(image, "id", int, path, f"images[{row}]") for row, image in enumerate(images)]
        if len(set(ids)) != len(ids):
            raise FormatError(path, "two images have one id")
        order = {number: frame for frame, number in enumerate(sorted(ids))}
        frames: dict[int, list[Detection]] = {frame: [] for frame in order.values()}
        for row, record in enumerate(records):
            place = f"annotations[{row}]"
            image = field(record, "image_id", int, path, place)
            if image not in order:
                raise FormatError(path, f"{place}: image_id {image} is not among the images")
            frames[order[image]].append(_detection(record, path, place, flags=True))
        return frames


def _detection(record: Any, path: str, place: str, flags: bool = False) -> Detection:
    values = field(record, "keypoints", list, path, place)
    points = triples(values, path, f"{place}, key 'keypoints'", 2.0 if flags else MAX_SCORE)
    if flags:
        bad = np.flatnonzero(points[:, 2] % 1)
        if bad.size:
            raise FormatError(
                path, f"{place}, joint {bad[0]}: flag {points[bad[0], 2]}, allowed 0, 1, 2"
            )
        points[:, 2] = CONFIDENCES[points[:, 2].astype(int)]
    person = record.get("track_id")
    if person is not None and (isinstance(person, bool) or not isinstance(person, int)):
        raise FormatError(path, f"{place}: track_id {person!r:.40} is no whole number")
    return Detection(points, person)


def _check_names(content: Any, path: str) -> None:
    """Refuses keypoints that have COCO's number and other names."""
    for row, category in enumerate(content.get("categories") or []):
        names = category.get("keypoints") if isinstance(category, dict) else None
        known = list(get("coco17").joints)
        if isinstance(names, list) and len(names) == len(known) and names != known:
            wrong = next(one for one in zip(names, known, strict=True) if one[0] != one[1])
            raise FormatError(
                path,
                f"categories[{row}]: keypoint {wrong[0]!r:.40} where COCO has {wrong[1]!r}; name "
                "the layout with the option `layout`",
            )
