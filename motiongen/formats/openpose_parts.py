"""Body, hands and face of OpenPose: what its lists are called, and how they make one skeleton."""

from typing import Literal

from motiongen.formats.base import FormatError
from motiongen.formats.detections import Frames, choose_layout

Parts = Literal["body", "hands", "face", "all"]

BODY = "pose_keypoints_2d"
#: the other lists and their points, in the order of the layouts with hands and face
HANDS = {"hand_left_keypoints_2d": 21, "hand_right_keypoints_2d": 21}
FACE = {"face_keypoints_2d": 70}
#: which lists each choice adds to the body
EXTRA: dict[Parts, dict[str, int]] = {
    "body": {},
    "hands": HANDS,
    "face": FACE,
    "all": HANDS | FACE,
}
#: bodies that have a layout with hands and face, too
BODIES = ("body25", "body25b", "coco18")
# Scores are peaks of a network's map: slightly above 1 is usual, far above is another quantity.
MAX_SCORE = 1.5


def choose_points(
    frames: Frames, parts: Parts, layout: str | None, path: str
) -> tuple[str, slice]:
    """The layout of body, parts or both, and where its points are.

    Args:
        frames: people, each with the points of the body and then of the chosen parts.
        parts: what is wanted.
        layout: of the body; None tells it by the poses.
        path: what messages call the clip.

    Raises:
        FormatError: if the layout cannot be told, or has no form with hands and face.
    """
    extra = sum(EXTRA[parts].values())
    poses = [one.points for found in frames.values() for one in found]
    body = choose_layout([points[: len(points) - extra] for points in poses], layout, path)
    if parts == "body":
        return body, slice(None)
    if parts == "all":
        if body not in BODIES:
            raise FormatError(path, f"no layout of {body!r} with hands and face is known")
        return f"{body}_hands_face", slice(None)
    return "hands42" if parts == "hands" else "face70", slice(-extra, None)
