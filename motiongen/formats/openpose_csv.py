"""OpenPose's points as the CSV tables that people make of its JSON: a row a frame or a person.

Source: Cao et al., "OpenPose: realtime multi-person 2D pose estimation using part affinity
fields", TPAMI 2019, for the points and their order; the names of columns are habits.
"""

import re
from pathlib import Path, PurePosixPath
from typing import get_args

from motiongen.formats.base import FormatError, check_choice
from motiongen.formats.detections import DetectionReader, Frames, People, Recording
from motiongen.formats.json_values import MAX_FRAMES, frame_span
from motiongen.formats.openpose_columns import read_columns
from motiongen.formats.openpose_parts import Parts, choose_points
from motiongen.formats.openpose_rows import Gaps, Rows, check_frames, split
from motiongen.formats.table import read_lines
from motiongen.formats.tracks import Detection

#: rows of a table; several people may share a frame
MAX_ROWS = 2 * MAX_FRAMES
#: people in one frame: following them costs the square of their number
MAX_PEOPLE = 100
_NAME = re.compile(r"(.+?)\.csv(\.gz)?")


class OpenPoseCsv(DetectionReader):
    """Reads tables of OpenPose's points, ``.csv`` or ``.csv.gz``, a clip a file.

    A header names the columns in any order: x, y and confidence of each joint by its name
    (``Nose_x``, ``nose_y``, ``NoseScore``; confidence also ``c``, ``conf``, ``likelihood``,
    ``p``), by its number (``x0``, ``0_x``, ``pose_0_x``, ``hand_left_0_x``, ``face_0_x``), or the
    places in OpenPose's lists (``pose_keypoints_2d_0``; plain ``0`` as pandas writes it). Without
    confidences every joint has 1. Without a header, a row is x, y, confidence of the body's
    joints in their order, after at most the numbers of frame and person.

    ``frame`` counts frames; without it rows do. ``person`` allows several rows a frame; it is a
    place in OpenPose's list, which says nothing of who is who: people are tracked by how far
    their joints move, as for JSON. ``track_id`` does say so, and decides. -1 is no number.
    ``time`` and the number of a row are left unread.

    A joint with confidence 0, at (0,0), or of empty cells only is missing. Confidences above 1, to
    1.5, are 1, with a warning: OpenPose writes such. Pixels; y is turned up
    by its sign (so it is negative). If all clips lie at ``class/clip.csv``, the folder is the
    class; else there are no classes.

    Args:
        source: a file, or a folder of them.
        layout: name of the body's skeleton; None tells it by the names of joints, or by their
            number and the lengths of bones. Where joints have names, those without a column are
            missing.
        people: ``main`` for one clip a file, of the person seen longest and best; ``all`` for
            one a person, for which the index reads the files.
        parts: ``body``, ``hands`` (42 points), ``face`` (70), or ``all`` in one skeleton.
        gaps: ``refuse`` frame numbers that leave some out, or take those as ``missing``. With a
            column ``person`` or ``track_id`` they are: nobody was seen.
        skip: names of columns to leave unread, with commas between.
        fps: frames per second, which the files do not say.

    Raises:
        ValueError: if an option is unknown, or `fps` is not above 0.
    """

    expected = "tables like walk.csv"

    def __init__(
        self,
        source: Path,
        *,
        layout: str | None = None,
        people: People = "main",
        parts: Parts = "body",
        gaps: Gaps = "refuse",
        skip: str = "",
        fps: float | None = None,
    ) -> None:
        super().__init__(source, layout=layout, people=people, fps=fps)
        check_choice("parts", parts, get_args(Parts))
        check_choice("gaps", gaps, get_args(Gaps))
        self.parts: Parts = parts
        self.gaps: Gaps = gaps
        self.skip = tuple(title.strip() for title in skip.split(",") if title.strip())
        self._layouts: dict[str, str | None] = {}

    def recordings(self) -> list[Recording]:
        """Lists the files; the outer folder is the class where there are two levels."""
        return self.named(
            {
                path: (*PurePosixPath(path).parent.parts, match[1])
                for path, match in self.find(_NAME)
            }
        )

    def detections(self, path: str) -> Frames:
        """Everybody in every frame, with the points of the body and of the chosen parts.

        Raises:
            FormatError: if the file is damaged; names line, frame, joint and column.
        """
        lines = read_lines(self.root / path, path, most=MAX_ROWS)
        columns = read_columns(
            split(lines[0], path, 1), path, parts=self.parts, layout=self.layout, skip=self.skip
        )
        self._layouts[path] = columns.layout
        numbers, points = Rows(columns, path).read(lines[bool(columns.titles) :])
        check_frames(numbers, columns, self.gaps, path)
        frames: dict[int, list[Detection]] = {}
        for (frame, person), pose in zip(numbers.tolist(), points, strict=True):
            known = columns.tracked and person >= 0
            frames.setdefault(frame, []).append(Detection(pose, person if known else None))
        frame_span(frames, path)
        crowd = max(frames, key=lambda frame: len(frames[frame]))
        if len(frames[crowd]) > MAX_PEOPLE:
            raise FormatError(
                path, f"frame {crowd}: {len(frames[crowd])} people, allowed {MAX_PEOPLE}"
            )
        return frames

    def columns(self, frames: Frames, path: str) -> tuple[str, slice]:
        """The layout of body, parts or both, and where its points are.

        Raises:
            FormatError: if the layout cannot be told, or has no form with hands and face.
        """
        return choose_points(frames, self.parts, self._layouts[path], path)
