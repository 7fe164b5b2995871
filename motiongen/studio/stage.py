"""Bodies on the studio's stage: bones and joints of clips that stand side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from motiongen.motion import Motion
from motiongen.viewer.scene import arrays, shared_scale, sides, skeleton_of, survey

#: the colours of the page: left, right, middle
COLOURS = {"left": (23, 105, 196), "right": (217, 102, 13), "middle": (74, 82, 92)}
#: how far clips stand apart, in reaches of a body
APART = 1.5


class Stage:
    """The three-dimensional view of clips that play in step.

    Args:
        server: of viser.
    """

    def __init__(self, server: Any) -> None:
        self.scene = server.scene
        self.scene.set_up_direction("+y")
        self.bodies: list[_Body] = []
        #: size of a body
        self.reach = 1.0

    def show(self, clips: Sequence[Motion], titles: Sequence[str]) -> None:
        """Puts clips on the stage, those of before go."""
        for body in self.bodies:
            body.remove()
        surveys = [survey(clip, skeleton_of(clip)) for clip in clips]
        self.reach, _ = shared_scale(surveys)
        reach = self.reach
        self.scene.add_grid(
            "/floor",
            *(40 * reach, 40 * reach),
            plane="xz",
            cell_size=0.5 * reach,
            section_size=2 * reach,
            fade_distance=12 * reach,
            position=(0, surveys[0].floor, 0),
        )
        middle = (len(clips) - 1) / 2
        self.bodies = [
            _Body(self.scene, number, clip, title, APART * reach * (number - middle), reach)
            for number, (clip, title) in enumerate(zip(clips, titles, strict=True))
        ]

    @property
    def frames(self) -> int:
        """Frames of the longest clip on the stage."""
        return max((body.clip.num_frames for body in self.bodies), default=1)

    def draw(self, frame: int) -> None:
        """Shows a frame; clips that are over hold their last pose."""
        for body in self.bodies:
            body.draw(frame)


class _Body:
    def __init__(
        self, scene: Any, number: int, clip: Motion, title: str, aside: float, reach: float
    ) -> None:
        skeleton = skeleton_of(clip)
        self.clip = clip
        joints, self.seen = arrays(clip)
        flat = np.zeros((*joints.shape[:2], 3 - joints.shape[2]))
        self.points = np.concatenate([joints, flat], 2) + np.array([aside, 0, 0])
        self.bones = np.array(
            [(p, j) for j, p in enumerate(skeleton.parents) if p >= 0], dtype=int
        )
        # the scene takes colours for linear light and shows them paler
        colours = 255 * (np.array([COLOURS[side] for side in sides(skeleton)]) / 255) ** 2.2
        colours = colours.astype(np.uint8)
        ends = colours[self.bones[:, 1]]
        place = f"/clips/{number}"
        self.lines = scene.add_line_segments(
            f"{place}/bones",
            self.points[0][self.bones].astype(np.float32),
            np.stack([ends, ends], 1),
            thickness=0.075 * reach,
        )
        self.dots = scene.add_point_cloud(
            f"{place}/joints",
            self.points[0].astype(np.float32),
            colours,
            point_size=0.06 * reach,
            point_shape="circle",
            point_shading="flat",
            precision="float32",
        )
        top = float(self.points[0, :, 1].max())
        self.label = scene.add_label(
            f"{place}/title",
            title,
            position=(float(self.points[0, :, 0].mean()), top + 0.3 * reach, 0),
            anchor="bottom-center",
        )
        self.draw(0)

    def draw(self, frame: int) -> None:
        frame = min(frame, self.clip.num_frames - 1)
        points, seen = self.points[frame], self.seen[frame]
        # what was not seen shrinks to where its nearest seen ancestor is, and is not drawn
        lines = points[self.bones]
        both = seen[self.bones].all(1)
        lines = np.where(both[:, None, None], lines, lines[:, :1])
        self.lines.points = lines.astype(np.float32)
        centre = points[seen].mean(0) if seen.any() else points.mean(0)
        self.dots.points = np.where(seen[:, None], points, centre).astype(np.float32)

    def remove(self) -> None:
        for part in (self.lines, self.dots, self.label):
            part.remove()
