"""What an import finds wrong with clips, what of it is put right, and the list of both."""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from motiongen.data.damage import damages_of, repaired
from motiongen.data.evidence import Evidence, measure
from motiongen.data.mistakes import Repair, mistakes_of, repair_of
from motiongen.formats.base import Clip, Reader
from motiongen.motion import Motion

#: clips, spread over a source, from which it is told what is wrong with all of them
SAMPLE = 64
#: key of a store's origin under which its findings stand
FINDINGS = "findings"

#: what a repair may depend on: clips of one layout and number of coordinates are judged together
Group = tuple[str, int]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        source: the file; "" for all of them.
        id: the clip; "" for all of them.
        kind: "layout", "unit", "up", "axes", "sides", "teleport", "repeat" or "bone".
        reason: what was found, with the first frame and joint where it is damage.
        repaired: whether it was put right.
    """

    source: str
    id: str
    kind: str
    reason: str
    repaired: bool

    def as_dict(self) -> dict[str, str | bool]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass
class Validation:
    """Looks at every clip of an import.

    Put right is what can be: a unit or an up axis that nearly all clips agree on, and joints that
    teleport for a moment (confidence 0). What has several ways out is only told of: another
    layout, swapped axes, exchanged sides, repeated frames, impossible bones, and single clips
    that differ from their set.

    Args:
        repair: put it right; else clips stay as they are.
    """

    repair: bool = True
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._repairs: dict[Group, Repair] = {}

    def survey(self, reader: Reader, clips: Sequence[Clip]) -> None:
        """Reads a part of the clips to learn what is wrong with all of them."""
        groups: dict[Group, list[tuple[Evidence, str]]] = defaultdict(list)
        for clip in clips[:: max(1, -(-len(clips) // SAMPLE))]:
            try:
                with warnings.catch_warnings():
                    # the reading that counts will warn again
                    warnings.simplefilter("ignore")
                    motion = reader.load(clip)
            except (ValueError, OSError):
                continue
            if motion.mask.any():
                groups[_group(motion)].append((measure(motion), motion.unit))
        for group, seen in groups.items():
            evidence, units = zip(*seen, strict=True)
            self._repairs[group] = repair = repair_of(evidence, units, channels=group[1])
            for mistake in repair.texts:
                reason = f"{group[0]}: {mistake.text}"
                self.findings.append(Finding("", "", mistake.kind, reason, self.repair))

    def __call__(self, motion: Motion, clip: Clip) -> Motion:
        """The clip, put right; what is wrong with it goes to `findings`."""
        whole = self._repairs.get(_group(motion), Repair())
        if self.repair:
            motion = whole(motion)
        known = set() if self.repair else {mistake.kind for mistake in whole.texts}
        mistakes = [m for m in mistakes_of(measure(motion), motion.unit) if m.kind not in known]
        for mistake in mistakes:
            self._add(clip, mistake.kind, mistake.text, False)
        # between joints that are none of a body, bones and jumps mean nothing
        if any(mistake.kind == "layout" for mistake in mistakes):
            return motion
        for damage in damages_of(motion):
            self._add(clip, damage.kind, damage.text, damage.repaired and self.repair)
        return repaired(motion) if self.repair else motion

    def _add(self, clip: Clip, kind: str, reason: str, repaired: bool) -> None:
        self.findings.append(Finding(clip.path, clip.id, kind, reason, repaired))


def findings_in(origin: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The findings in a store's origin, none of them of another form."""
    names = set(Finding.__dataclass_fields__)
    listed = origin.get(FINDINGS)
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and set(entry) == names]


def _group(motion: Motion) -> Group:
    return motion.layout, motion.joints.shape[-1]
