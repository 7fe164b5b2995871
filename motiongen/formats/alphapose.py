"""AlphaPose's results: one JSON file a video, with everybody in every frame.

Source: Fang et al., "AlphaPose: whole-body regional multi-person pose estimation and tracking in
real-time", TPAMI 2022; the forms of ``--format`` in its docs/output.md.
"""

import re
from pathlib import PurePosixPath
from typing import Any

from motiongen.formats.base import FormatError
from motiongen.formats.detections import DetectionReader, Frames, Recording
from motiongen.formats.json_values import field, frame_span, read_json, triples
from motiongen.formats.tracks import Detection

MAX_SCORE = 1.5
_NAME = re.compile(r"(.+)\.json")
_RESULTS = "alphapose-results"
_NUMBER = re.compile(r"(?:.*?[^\d])?(\d{1,9})(?:\.\w+)?")
#: the form's list of people -> the key of a person's points
_FORMS = {"people": "pose_keypoints_2d", "bodies": "joints"}


class AlphaPose(DetectionReader):
    """Reads AlphaPose's JSON, one video a file.

    Three forms: a list of detections with ``image_id``, ``keypoints`` (x, y, score) and, where
    tracking was on, ``idx``; or a mapping from the picture's name to ``people`` (``--format
    open``) or to ``bodies`` (``--format cmu``). A frame's number ends the name of its picture.
    A file ``alphapose-results.json`` is named after its folder. If all clips lie at
    ``class/clip``, the outer folder is the class.

    COCO 17, Halpe 26 and 136 and COCO-WholeBody 133 are told by their number of points, COCO 17
    from Human3.6M by the lengths of bones, too. People are followed by ``idx`` where every
    detection has one, else by how far their joints move. Frames without anybody, and joints with
    score 0 or at (0,0), are missing. Pixels; y is turned up by its sign.
    """

    expected = "files like alphapose-results.json"

    def recordings(self) -> list[Recording]:
        """Lists the files; the outer folder is the class where there are two levels."""
        names = {}
        for path, match in self.find(_NAME):
            pure = PurePosixPath(path)
            whole = pure.parent if match[1] == _RESULTS else pure.with_suffix("")
            names[path] = whole.parts or (self.root.resolve().name,)
        return self.named(names)

    def detections(self, path: str) -> Frames:
        """Everybody in every frame that the file names.

        Raises:
            FormatError: if the file is damaged; names entry, key and joint.
        """
        content = read_json(self.root / path, path)
        if isinstance(content, list):
            frames = _from_list(content, path)
        elif isinstance(content, dict):
            frames = _from_mapping(content, path)
        else:
            raise FormatError(path, "is neither a list of detections nor a mapping of pictures")
        frame_span(frames, path)
        return frames


def _from_list(records: list[Any], path: str) -> dict[int, list[Detection]]:
    frames: dict[int, list[Detection]] = {}
    for row, record in enumerate(records):
        picture = field(record, "image_id", (str, int), path, f"entry {row}")
        points = triples(record.get("keypoints"), path, f"entry {row}, key 'keypoints'", MAX_SCORE)
        person = _person(record.get("idx"), path, row)
        frames.setdefault(_frame(picture, path), []).append(Detection(points, person))
    return frames


def _from_mapping(content: dict[str, Any], path: str) -> dict[int, list[Detection]]:
    frames: dict[int, list[Detection]] = {}
    for picture, record in content.items():
        form = next((form for form in _FORMS if isinstance(record, dict) and form in record), None)
        if form is None:
            raise FormatError(path, f"picture {picture!r:.40}: no list 'people' or 'bodies'")
        found = field(record, form, list, path, f"picture {picture!r:.40}")
        number = _frame(picture, path)
        if number in frames:
            raise FormatError(path, f"picture {picture!r:.40}: frame {number} is doubled")
        frames[number] = []
        for row, person in enumerate(found):
            place = f"picture {picture!r:.40}, {form}[{row}]"
            values = field(person, _FORMS[form], list, path, place)
            points = triples(values, path, f"{place}, key {_FORMS[form]!r}", MAX_SCORE)
            frames[number].append(Detection(points))
    return frames


def _frame(picture: str | int, path: str) -> int:
    """The number that ends a picture's name."""
    match = _NUMBER.fullmatch(str(picture))
    if not match:
        raise FormatError(path, f"picture {picture!r:.40}: its name ends in no frame number")
    return int(match[1])


def _person(value: Any, path: str, row: int) -> int | None:
    """AlphaPose's number of a person: a number, or a list that begins with it."""
    while isinstance(value, list) and value:
        value = value[0]
    if value is None or value == []:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e9:
        raise FormatError(path, f"entry {row}, key 'idx': found {value!r:.40}, allowed a number")
    return int(value)
