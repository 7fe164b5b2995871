"""OpenPose's JSON, written: a folder a clip, a file a frame, as ``--write_json`` does."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from motiongen.formats.base import Holds, Writer
from motiongen.formats.folders import Folder
from motiongen.formats.openpose_parts import BODIES, BODY, EXTRA
from motiongen.motion import Motion

#: lists that are empty without several cameras
EMPTY = tuple(f"{part}_keypoints_3d" for part in ("pose", "face", "hand_left", "hand_right"))
#: the lists of hands and face with their points
PARTS = EXTRA["all"]


class OpenPoseWriter(Writer):
    """Writes clips as OpenPose's own output: `class/clip/clip_000000000000_keypoints.json`.

    Pixels; y points down, so the sign of ours is turned. A joint that was not seen is three
    zeros; a frame in which nothing was seen has no people.
    """

    name = "openpose"
    holds = Holds(
        ".json",
        folder=True,
        channels=(2,),
        units=("px",),
        layouts=(*BODIES, *(f"{body}_hands_face" for body in BODIES)),
        subjects=False,
        ids=False,
        rates=False,
        alike=("labelled or not",),
    )

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips one by one."""
        with Folder(part) as folder:
            for motion in motions:
                place = folder.place(motion, self.label_name(motion))
                place.mkdir()
                for number, frame in enumerate(_frames(motion)):
                    file = place / f"{place.name}_{number:012d}_keypoints.json"
                    file.write_text(json.dumps(frame, separators=(",", ":")))


def _frames(motion: Motion) -> Iterator[dict[str, object]]:
    """The content of each file."""
    positions = motion.joints.cpu().numpy() * np.array([1, -1], dtype=np.float32)
    confidence = motion.confidence.cpu().numpy()
    values = np.concatenate([positions, confidence[..., None]], axis=-1)
    values = np.where(confidence[..., None] > 0, values, 0)
    parts = dict(PARTS) if motion.layout.endswith("_hands_face") else dict.fromkeys(PARTS, 0)
    lists = {BODY: values.shape[1] - sum(parts.values()), **parts}
    ends = np.cumsum(list(lists.values()))[:-1]
    for frame in values:
        person: dict[str, object] = {"person_id": [-1]}
        for key, points in zip(lists, np.split(frame, ends), strict=True):
            # nine digits give every float32 back
            person[key] = [float(f"{value:.9g}") for value in points.ravel()]
        person |= {key: [] for key in EMPTY}
        yield {"version": 1.3, "people": [person] if frame[:, 2].any() else []}
