"""What `Motion.plot`, `Motion.save`, `MotionBatch.to_html` and notebooks show."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import escape

from motiongen.motion import Motion, MotionSpec
from motiongen.viewer.page import Group, Panel, page_html, write_page
from motiongen.viewer.plot import contact_sheet, save_gif, save_mp4

if TYPE_CHECKING:
    import matplotlib.figure

#: pixels of a clip in a notebook
NOTEBOOK_HEIGHT = 560


def plot(motions: Sequence[Motion], frames: int) -> "matplotlib.figure.Figure":
    """A strip of poses of each motion."""
    rows: dict[str, list[Motion]] = {}
    for number, motion in enumerate(motions):
        rows.setdefault(motion.id or f"clip {number}", []).append(motion)
    return contact_sheet(rows, frames)


def save(motions: Sequence[Motion], path: str | Path) -> Path:
    """Writes motions side by side as a GIF, an MP4 or a page, by the end of the name.

    Raises:
        ValueError: if the name ends otherwise, or nothing can be drawn.
    """
    path = Path(path)
    ways = {".gif": save_gif, ".mp4": save_mp4, ".html": _save_page}
    if path.suffix.lower() not in ways:
        raise ValueError(f"{path}: ends in {path.suffix!r}, allowed are {', '.join(ways)}")
    return ways[path.suffix.lower()](path, motions)


def _save_page(path: Path, motions: Sequence[Motion]) -> Path:
    return write_page(path, title=path.stem, groups=[Group("", [Panel("clips", motions)])])


def save_batch(motions: Sequence[Motion], spec: MotionSpec, path: str | Path) -> Path:
    """A page with one row a class."""
    groups: dict[str, list[Motion]] = {}
    for motion in motions:
        name = "no class" if motion.label is None else spec.classes[motion.label]
        groups.setdefault(name, []).append(motion)
    rows = [Group(name, [Panel("clips", found)]) for name, found in groups.items()]
    return write_page(path, title=Path(path).stem, groups=rows)


def notebook_html(motion: Motion) -> str:
    """The player of one clip in a frame of its own, as notebooks show it."""
    page = page_html(title=motion.id or "clip", groups=[Group("", [Panel("", [motion])])])
    return (
        f'<iframe srcdoc="{escape(str(page))}" sandbox="allow-scripts" '
        f'style="width:100%;max-width:640px;height:{NOTEBOOK_HEIGHT}px;border:0"></iframe>'
    )
