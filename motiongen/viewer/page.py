"""One self-contained HTML page that plays motions side by side; it opens offline, from a file."""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from motiongen.motion import Motion
from motiongen.skeleton import Skeleton
from motiongen.viewer.scene import (
    ASSUMED_FPS,
    Survey,
    arrays,
    head_of,
    shared_scale,
    sides,
    skeleton_of,
    survey,
)

_LARGEST = 32767
#: joints that leave a trail, where one is wanted
_ENDS = ("left_hand", "right_hand", "left_foot", "right_foot")


@dataclass(frozen=True)
class Panel:
    """Motions of one origin, e.g. "clean truth" or "generated", shown next to each other.

    Args:
        title: what is shown.
        motions: one stage each; all panels of a page play in step.
        caption: one line below the title.
        companions: what stands next to each motion, e.g. the training clip that is most like it;
            as many as motions, or none.
        notes: one line below each companion, as many.

    Raises:
        ValueError: if there are other numbers of companions or notes than of motions.
    """

    title: str
    motions: Sequence[Motion]
    caption: str = ""
    companions: Sequence[Motion] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("companions", "notes"):
            if (found := len(getattr(self, name))) not in (0, len(self.motions)):
                raise ValueError(
                    f"panel {self.title!r}: {found} {name} of {len(self.motions)} motions"
                )


@dataclass(frozen=True)
class Group:
    """One row of the page, e.g. one class: panels that are compared with each other."""

    name: str
    panels: Sequence[Panel]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """Text below the player. A `str` body is escaped; HTML has to be a `markupsafe.Markup`."""

    title: str
    body: str | Markup


def write_page(path: str | Path, **content: Any) -> Path:
    """Writes the page, all or nothing.

    Args:
        path: the file; its folder is made where it is missing.
        content: as of `page_html`.

    Raises:
        ValueError: if a layout is unknown, or a clip does not fit to it or has no frames.
    """
    return write_text(path, page_html(**content))


def page_html(
    *,
    title: str,
    groups: Sequence[Group] = (),
    sections: Sequence[Section] = (),
    subtitle: str = "",
    lead: str | Markup = "",
    skeletons: Mapping[str, Skeleton] | None = None,
) -> Markup:
    """The page as text.

    Args:
        title: heading of the page.
        groups: the rows of the player; without any the page has no player.
        sections: what stands below the player.
        subtitle: one line below the heading.
        lead: what stands between heading and player; HTML has to be a `markupsafe.Markup`.
        skeletons: skeletons by layout name, besides those of `motiongen.layouts`.

    Raises:
        ValueError: if a layout is unknown, or a clip does not fit to it or has no frames.
    """
    shown = _Shown(skeletons or {})
    rows = [row for group in groups if (row := shown.row(group))["panels"]]
    return render(
        "page.html",
        title=title,
        subtitle=subtitle,
        lead=lead,
        rows=rows,
        titles=list(dict.fromkeys(panel["title"] for row in rows for panel in row["panels"])),
        sections=sections,
        data=shown.data(),
        style=Markup(_asset("page.css")),
        script=Markup(_asset("player.js")),
    )


def render(template: str, **values: Any) -> Markup:
    """Fills one of this package's templates; everything but Markup is escaped."""
    environment = Environment(
        loader=PackageLoader("motiongen.viewer", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return Markup(environment.get_template(template).render(**values))


def write_text(path: str | Path, text: str) -> Path:
    """Writes a file, or leaves the old one as it was."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@dataclass
class _Shown:
    """Collects the clips of a page and numbers them."""

    skeletons: Mapping[str, Skeleton]
    motions: list[tuple[Motion, Skeleton, Survey]] = field(default_factory=list)

    def row(self, group: Group) -> dict[str, Any]:
        """A group as the template wants it."""
        panels = [self._panel(panel) for panel in group.panels if panel.motions]
        return {"name": group.name, "caption": group.caption, "panels": panels}

    def _panel(self, panel: Panel) -> dict[str, Any]:
        pairs = [[self._tile(motion, str(number) if len(panel.motions) > 1 else "")]
                 for number, motion in enumerate(panel.motions, 1)]  # fmt: skip
        for number, motion in enumerate(panel.companions):
            note = panel.notes[number] if panel.notes else ""
            pairs[number].append({**self._tile(motion, "↳"), "note": note})
        return {
            "title": panel.title,
            "caption": panel.caption,
            "pairs": pairs,
            "tiles": sum(map(len, pairs)),
        }

    def _tile(self, motion: Motion, mark: str) -> dict[str, Any]:
        skeleton = skeleton_of(motion, self.skeletons)
        self.motions.append((motion, skeleton, survey(motion, skeleton)))
        rate = f"{motion.fps:g} fps" if motion.fps else f"rate unknown, shown at {ASSUMED_FPS:g}"
        about = f"{motion.num_frames} frames, {rate}, {skeleton.num_joints} joints, " + (
            f"{motion.joints.shape[2]}-D"
        )
        seen = float(motion.mask.float().mean())
        missing = "" if seen == 1 else f", {1 - seen:.0%} of the joints missing"
        return {
            "index": len(self.motions) - 1,
            "name": motion.id or motion.source,
            "about": about + missing,
            "mark": mark,
            "note": "",
        }

    def data(self) -> dict[str, Any]:
        """Everything that the script needs: numbers only, no text of the data set."""
        layouts = list(dict.fromkeys(skeleton for _, skeleton, _ in self.motions))
        spaces = list(dict.fromkeys(_space(motion) for motion, _, _ in self.motions))
        return {
            "skeletons": [_skeleton_data(skeleton) for skeleton in layouts],
            "spaces": [self._space_data(space) for space in spaces],
            "motions": [
                {
                    "skeleton": layouts.index(skeleton),
                    "space": spaces.index(_space(motion)),
                    **_motion_data(motion, seen),
                }
                for motion, skeleton, seen in self.motions
            ],
        }

    def _space_data(self, space: tuple[str, int]) -> dict[str, Any]:
        """Scale, grid and point of view that all clips of one unit share."""
        surveys = [seen for motion, _, seen in self.motions if _space(motion) == space]
        reach, middle = shared_scale(surveys)
        grid = 0.5 if space[0] == "m" else 10.0 ** np.floor(np.log10(reach))
        return {
            "unit": space[0],
            "channels": space[1],
            "reach": reach,
            "middle": middle,
            "grid": float(grid),
        }


def _space(motion: Motion) -> tuple[str, int]:
    """Clips can share a scale only if they share unit and dimension."""
    return motion.unit, motion.joints.shape[2]


def _skeleton_data(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "parents": list(skeleton.parents),
        "sides": [side[0] for side in sides(skeleton)],
        "head": head_of(skeleton),
        "ends": [skeleton.roles[role] for role in _ENDS if role in skeleton.roles],
    }


def _motion_data(motion: Motion, seen: Survey) -> dict[str, Any]:
    """One clip, the focus stored as one more joint. int16 keeps 60 m to a millimetre."""
    joints, mask = arrays(motion)
    points = np.concatenate([joints, seen.focus[:, None]], axis=1)
    centre, step, values = _quantise(points, np.pad(mask, ((0, 0), (0, 1)), constant_values=True))
    confidence = motion.confidence.detach().cpu().numpy()
    levels = np.ceil(confidence * 255).astype(np.uint8)  # ceil: only 0 means missing
    return {
        "frames": motion.num_frames,
        "fps": float(motion.fps or ASSUMED_FPS),
        "floor": seen.floor,
        "yaw": seen.yaw or 0.0,
        "centre": centre,
        "step": step,
        "positions": base64.b64encode(values.astype("<i2").tobytes()).decode(),
        "confidence": None
        if (levels == 255).all()
        else base64.b64encode(levels.tobytes()).decode(),
    }


def _quantise(points: np.ndarray, seen: np.ndarray) -> tuple[list[float], float, np.ndarray]:
    """Centre, step and whole numbers such that points = centre + step * numbers, where seen.

    Shapes: points [T,J,C], seen [T,J] -> [C], (), [T,J,C].
    """
    low, high = points[seen].min(0), points[seen].max(0)
    centre = (low + high) / 2
    step = float((high - low).max() / 2 / _LARGEST) or 1.0
    values = np.rint((points - centre) / step)
    return centre.tolist(), step, np.where(seen[..., None], values, 0).astype(np.int16)
