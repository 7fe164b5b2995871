"""Stills and animations of motions for papers, READMEs and notebooks."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motiongen.motion import Motion
from motiongen.skeleton import Skeleton
from motiongen.viewer.scene import (
    ASSUMED_FPS,
    Survey,
    arrays,
    bones_between,
    head_of,
    shared_scale,
    sides,
    skeleton_of,
    survey,
)

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

#: colours that stay apart for colour-blind readers, the same as on the page
COLOURS = {"left": "#1769c4", "right": "#d9660d", "middle": "#4a525c"}
_SOFT, _STAGE = "#5a626c", "#fbfbfa"
#: the point of view: turned from the body's front, and from above (radians)
_TURN, _PITCH = -0.6, 0.2
#: how far stills of one clip stand apart, in reaches
_APART = 0.8
#: slower than this and a GIF is larger for nothing; faster and viewers slow it down
_MOST_FPS = 25.0


def contact_sheet(
    motions_by_row: Mapping[str, Sequence[Motion]],
    frames: int = 6,
    *,
    skeletons: Mapping[str, Skeleton] | None = None,
) -> "matplotlib.figure.Figure":
    """Draws each motion as a strip of poses over time, one line of strips for each name.

    All strips share one scale; missing joints are left out, uncertain ones fainter.

    Args:
        motions_by_row: the motions by the name of their row.
        frames: poses in each strip, evenly spread from the first frame to the last.
        skeletons: skeletons by layout name, besides those of `motiongen.layouts`.

    Raises:
        ValueError: if there is nothing to draw, or a clip does not fit to its layout.
    """
    from matplotlib.figure import Figure

    if frames < 1:
        raise ValueError(f"contact_sheet: frames is {frames}, at least 1 is needed")
    rows = {name: list(motions) for name, motions in motions_by_row.items()}
    scenes = _scenes([motion for motions in rows.values() for motion in motions], skeletons)
    columns = max(len(motions) for motions in rows.values())
    figure = Figure(figsize=(0.62 * frames * columns + 0.6, 1.75 * len(rows)), facecolor="white")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    drawn = iter(scenes)
    for axes, (name, motions) in zip(grid, rows.items(), strict=True):
        for place in axes:
            place.axis("off")
        for place, _ in zip(axes, motions, strict=False):
            next(drawn).strip(place, frames)
        # "$" would start a formula.
        title = name.replace("$", r"\$")
        axes[0].set_title(title, loc="left", fontsize=10, fontweight="bold", color=_SOFT)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.92, wspace=0.04, hspace=0.16)
    return figure


def save_gif(
    path: str | Path,
    motions: Sequence[Motion],
    titles: Sequence[str] = (),
    *,
    skeletons: Mapping[str, Skeleton] | None = None,
    size: float = 2.0,
) -> Path:
    """Animates motions side by side; shorter ones hold their last pose. All or nothing.

    Args:
        path: the file.
        motions: one stage each.
        titles: one for each motion, or none.
        skeletons: skeletons by layout name, besides those of `motiongen.layouts`.
        size: width of a stage in inches of 100 pixels.

    Raises:
        ValueError: if there is nothing to draw, titles and motions differ in number, or a clip
            does not fit to its layout.
    """
    images, fps = _pictures(motions, titles, skeletons, size)
    return _written(Path(path), lambda part: _write_gif(part, images, 1 / fps))


def save_mp4(
    path: str | Path,
    motions: Sequence[Motion],
    titles: Sequence[str] = (),
    *,
    skeletons: Mapping[str, Skeleton] | None = None,
    size: float = 3.2,
) -> Path:
    """The animation of `save_gif` as a film (H.264): `pip install 'motiongen[mp4]'`.

    Args:
        path: the file.
        motions: one stage each.
        titles: one for each motion, or none.
        skeletons: skeletons by layout name, besides those of `motiongen.layouts`.
        size: width of a stage in inches of 100 pixels.

    Raises:
        ValueError: as `save_gif`; or if imageio-ffmpeg is missing.
    """
    images, fps = _pictures(motions, titles, skeletons, size)
    return _written(Path(path), lambda part: _write_mp4(part, images, fps))


def _pictures(
    motions: Sequence[Motion],
    titles: Sequence[str],
    skeletons: Mapping[str, Skeleton] | None,
    size: float,
) -> tuple[list[NDArray[np.uint8]], float]:
    """All pictures of an animation, and how many a second."""
    if titles and len(titles) != len(motions):
        raise ValueError(f"{len(titles)} titles for {len(motions)} motions")
    scenes = _scenes(motions, skeletons)
    seconds = max((scene.motion.num_frames - 1) / scene.fps for scene in scenes)
    fps = min(_MOST_FPS, max(scene.fps for scene in scenes))
    times = [tick / fps for tick in range(math.floor(seconds * fps) + 1)]
    return _frames(scenes, titles, times, size), fps


def _written(path: Path, write: Callable[[Path], None]) -> Path:
    """Writes a file whole, or leaves the old one as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _frames(
    scenes: Sequence["_Scene"], titles: Sequence[str], times: Sequence[float], size: float
) -> list[NDArray[np.uint8]]:
    """One picture for each time. Shapes: -> [H,W,3] each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size * len(scenes), 1.4 * size), dpi=100, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    places = figure.subplots(1, len(scenes), squeeze=False)[0]
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.9, wspace=0.03)
    images = []
    for time in times:
        for index, (scene, axes) in enumerate(zip(scenes, places, strict=True)):
            axes.clear()
            scene.still(axes, time)
            if titles:
                title = titles[index].replace("$", r"\$")
                axes.set_title(title, fontsize=9, fontweight="bold", color=_SOFT)
        canvas.draw()
        images.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return images


def _write_gif(path: Path, images: Sequence[NDArray[np.uint8]], seconds: float) -> None:
    from PIL import Image

    # One palette for all pictures: smaller, and colours do not flicker.
    first = Image.fromarray(np.concatenate(images[:: max(1, len(images) // 8)]))
    palette = first.quantize(colors=96)
    plain = Image.Dither.NONE
    pictures = [Image.fromarray(image).quantize(palette=palette, dither=plain) for image in images]
    duration = [round(100 * seconds) * 10] * len(pictures)
    duration[-1] += 400
    pictures[0].save(
        path, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0
    )


def _write_mp4(path: Path, images: Sequence[NDArray[np.uint8]], fps: float) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ValueError(
            f"{path.name}: films need imageio-ffmpeg: pip install 'motiongen[mp4]'"
        ) from error
    height, width = (side - side % 2 for side in images[0].shape[:2])
    film = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        # the annotation says int; ffmpeg takes any rate
        fps=fps,  # type: ignore[arg-type]
        codec="libx264",
        quality=8,
        macro_block_size=2,
    )
    film.send(None)
    for image in images:
        film.send(np.ascontiguousarray(image[:height, :width]))
    film.close()


def _scenes(motions: Sequence[Motion], skeletons: Mapping[str, Skeleton] | None) -> list["_Scene"]:
    """Every motion, all at one scale for each unit and dimension."""
    if not motions:
        raise ValueError("no motions given; at least 1 is needed")
    found = [(m, skeleton := skeleton_of(m, skeletons), survey(m, skeleton)) for m in motions]

    def scale(motion: Motion) -> tuple[float, float]:
        kind = (motion.unit, motion.joints.shape[2])
        alike = [s for m, _, s in found if (m.unit, m.joints.shape[2]) == kind]
        return shared_scale(alike)

    return [_Scene(m, skeleton, seen, *scale(m)) for m, skeleton, seen in found]


class _Scene:
    """One motion seen from the fixed point of view, in reaches around its focus."""

    def __init__(
        self, motion: Motion, skeleton: Skeleton, seen: Survey, reach: float, middle: float
    ) -> None:
        self.motion = motion
        self.skeleton = skeleton
        self.fps = motion.fps or ASSUMED_FPS
        self.colours = [COLOURS[side] for side in sides(skeleton)]
        self.confidence = motion.confidence.detach().cpu().numpy()
        focus = seen.focus.copy()
        focus[:, 1] = seen.floor + middle
        self.points = _project(arrays(motion)[0] - focus[:, None], seen.yaw or 0.0) / reach
        self.ground = -middle / reach

    def still(self, axes: "matplotlib.axes.Axes", time: float) -> None:
        """The pose at a time, as the only one on its stage."""
        frame = min(self.motion.num_frames - 1, round(time * self.fps))
        axes.axhline(self.ground, color=_SOFT, alpha=0.25, linewidth=1)
        self._draw(axes, frame, 0.0, 3.2)
        axes.set(xlim=(-0.95, 0.95), ylim=(-1.15, 1.15), aspect="equal", facecolor=_STAGE)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(edgecolor="#e3e3df")

    def strip(self, axes: "matplotlib.axes.Axes", frames: int) -> None:
        """Poses from first to last frame, side by side."""
        axes.axhline(self.ground, color=_SOFT, alpha=0.25, linewidth=1)
        for place, frame in enumerate(np.linspace(0, self.motion.num_frames - 1, frames)):
            self._draw(axes, round(frame), place * _APART, 2.0)
        axes.set(xlim=(-_APART, frames * _APART), ylim=(-1.15, 1.15), aspect="equal")

    def _draw(self, axes: "matplotlib.axes.Axes", frame: int, shift: float, width: float) -> None:
        from matplotlib.collections import LineCollection

        seen, trust = self.confidence[frame] > 0, self.confidence[frame].tolist()
        points = self.points[frame] + [shift, 0.0]
        bones = bones_between(self.skeleton, seen)
        whole = [self.skeleton.parents[joint] == above for joint, above in bones]
        axes.add_collection(
            LineCollection(
                [points[list(bone)] for bone in bones],
                colors=[self._colour(j, min(trust[j], trust[above])) for j, above in bones],
                linewidths=[width if bone else 0.4 * width for bone in whole],
                linestyles=["solid" if bone else "dotted" for bone in whole],
                capstyle="round",
            )
        )
        dots = np.flatnonzero(seen).tolist()
        sizes = [(2.6 if j == head_of(self.skeleton) else 0.9) * width for j in dots]
        colours = [self._colour(j, trust[j]) for j in dots]
        axes.scatter(*points[dots].T, s=np.square(sizes), c=colours, linewidths=0)

    def _colour(self, joint: int, trust: float) -> tuple[float, float, float, float]:
        """The colour of a joint's side; what was hardly seen is faint but stays visible."""
        from matplotlib.colors import to_rgba

        return to_rgba(self.colours[joint], 0.22 + 0.78 * trust)


def _project(offsets: np.ndarray, yaw: float) -> np.ndarray:
    """Orthographic view of positions around the focus. Shapes: [T,J,C] -> [T,J,2]."""
    if offsets.shape[-1] == 2:
        return offsets
    angle = _TURN - yaw
    across = np.cos(angle) * offsets[..., 0] + np.sin(angle) * offsets[..., 2]
    back = np.cos(angle) * offsets[..., 2] - np.sin(angle) * offsets[..., 0]
    rise = np.cos(_PITCH) * offsets[..., 1] - np.sin(_PITCH) * back
    return np.stack([across, rise], axis=-1)
