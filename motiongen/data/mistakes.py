"""Mistakes in how a set was written or read: unit, up axis, axes, sides, layout.

Each clip is judged by itself, and the set by what most of its clips say. A person who lies is not
a wrong axis: a set is turned only if nearly all of its clips agree.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from motiongen.data.evidence import Evidence
from motiongen.motion import Motion

#: standing heights of people, from toddlers up, and what estimates of them may add, in metres
LOWEST, HIGHEST = 0.6, 2.6
#: misfit above which the joints are not those of the layout's body
MISFIT = 0.44
#: no hand and no face has a bone of so many metres
LONG = 0.3
#: toes that are less than so many trunks before or behind the ankles do not tell
UNSURE = 0.02
#: an axis is up if so much of the body's direction is along it
ALONG = 0.6
#: share of the clips that must agree before a set is repaired
AGREE = 0.8
USUAL_HEIGHT = 1.65
#: unit -> metres
UNITS = {"mm": 1e-3, "cm": 1e-2, "dm": 1e-1, "inches": 0.0254, "feet": 0.3048, "km": 1e3}
AXES = ("x", "y", "z")
#: up axis -> rows of the rotation that puts it on y; none of them mirrors
TURNS: dict[str, tuple[tuple[int, ...], ...]] = {
    "z": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "-z": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "x": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "-x": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "-y": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
}


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Args:
        kind: "layout", "unit", "up", "axes" or "sides".
        text: what was found and what is expected.
    """

    kind: str
    text: str


def mistakes_of(evidence: Evidence, unit: str) -> list[Mistake]:
    """What is wrong with one clip; a wrong layout hides everything else."""
    if evidence.misfit > MISFIT:
        text = f"no human proportions in this order of joints (misfit {evidence.misfit:.2f}, "
        return [Mistake("layout", f"{text}a body has up to {MISFIT}): wrong layout?")]
    if unit == "m" and evidence.longest > LONG:
        text = f"a bone of {evidence.longest:.3g} m, neither hands nor faces have one"
        return [Mistake("layout", f"{text} above {LONG} m: wrong layout, or unit?")]
    found = []
    if unit == "m" and not np.isnan(evidence.height) and unit_of(evidence) != "m":
        text = f"a height of {evidence.height:.3g} m, people have {LOWEST} to {HIGHEST}"
        found.append(Mistake("unit", f"{text}: the unit seems to be {unit_of(evidence)}"))
    up, mirrored = up_axis(evidence), evidence.forward < -UNSURE
    if up not in ("y", "") and mirrored:
        found.append(Mistake("axes", f"axes are swapped: {up} leads up, and left is right"))
    elif up not in ("y", ""):
        found.append(Mistake("up", f"{up} leads from the feet to the head, y has to"))
    elif mirrored:
        text = "feet point backward: left and right are exchanged, or an axis is mirrored"
        found.append(Mistake("sides", text))
    return found


def unit_of(evidence: Evidence) -> str:
    """The unit in which the clip's height is a person's; "" if it does not tell."""
    if np.isnan(evidence.height):
        return ""
    if LOWEST <= evidence.height <= HIGHEST:
        return "m"
    off = {name: abs(np.log(evidence.height * m / USUAL_HEIGHT)) for name, m in UNITS.items()}
    return min(off, key=lambda name: off[name])


def up_axis(evidence: Evidence) -> str:
    """The axis that leads up, e.g. "y" or "-z"; "" if none does clearly."""
    axis = int(np.argmax(np.nan_to_num(np.abs(evidence.up))))
    if not abs(evidence.up[axis]) >= ALONG:
        return ""
    return AXES[axis] if evidence.up[axis] > 0 else f"-{AXES[axis]}"


@dataclass(frozen=True)
class Repair:
    """What is done to every clip of a set.

    Args:
        unit: in which its numbers are; "m" leaves them.
        up: axis that leads up; "y" leaves it.
    """

    unit: str = "m"
    up: str = "y"

    @property
    def texts(self) -> list[Mistake]:
        """The mistakes that it repairs."""
        found = []
        if self.unit != "m":
            found.append(Mistake("unit", f"{self.unit} taken for m; every clip was scaled"))
        if self.up != "y":
            found.append(Mistake("up", f"{self.up} led up; every clip was turned, y leads up now"))
        return found

    def __call__(self, motion: Motion) -> Motion:
        """The clip in metres and with y up."""
        if not self.texts:
            return motion
        matrix = torch.eye(motion.joints.shape[-1])
        if self.up != "y" and motion.joints.shape[-1] == 3:
            matrix = torch.tensor(TURNS[self.up], dtype=torch.float32)
        elif self.up == "-y":
            # an image's rows count downward: this is no turn, but a mirror image put right
            matrix = torch.diag(torch.tensor([1.0, -1.0]))
        if self.unit != "m":
            matrix = matrix * UNITS[self.unit]
        target = motion.target
        return motion.replace(
            joints=motion.joints @ matrix.T, target=None if target is None else target @ matrix.T
        )


def repair_of(evidence: Sequence[Evidence], units: Iterable[str], channels: int) -> Repair:
    """What nearly all clips of a set agree on and can be undone without doubt.

    Left and right exchanged, swapped axes and a wrong layout cannot: several changes would give a
    plausible body, of which only one is true.
    """
    sound = [clip for clip in evidence if not clip.misfit > MISFIT]
    if len(sound) < AGREE * len(evidence):
        return Repair()
    unit = _agreed(map(unit_of, sound), "m") if set(units) == {"m"} else "m"
    up = _agreed(map(up_axis, sound), "y")
    mirrored = _agreed(map(_sides, sound), "sound") == "mirrored"
    possible = TURNS if channels == 3 else {"-y": ()}
    return Repair(unit, up if up in possible and not mirrored else "y")


def _sides(evidence: Evidence) -> str:
    if not abs(evidence.forward) > UNSURE:
        return ""
    return "mirrored" if evidence.forward < 0 else "sound"


def _agreed(answers: Iterable[str], usual: str) -> str:
    """What most of the clips that tell say; the usual, if too few agree."""
    said = Counter(answer for answer in answers if answer)
    if not said:
        return usual
    answer, count = said.most_common(1)[0]
    return answer if count >= AGREE * said.total() else usual
