"""Are mistakes in unit, axes, sides and layout found, and are untouched clips left alone?

    python tests/benchmarks/mistakes.py RECORDINGS

RECORDINGS is a folder that holds the sets. Every mistake is made on purpose on every clip that is
looked at (at most `MOST` of a set, spread evenly), and each clip is judged by itself and each set
as a whole, from its clips with the same mistake. Clips with damaged content do not count: those
that an import leaves out, and those with less than half of the joints. For left and right, clips
whose body does not tell are counted apart. The thresholds in `motiongen.data.mistakes` are the
same for all sets: heights of people, and for the misfit the middle between all sound clips of all
sets (up to 0.36) and all wrong layouts (from 0.53). The figures go to
checkpoints/results/mistakes.json.
"""

import argparse
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motiongen import formats, layouts
from motiongen.data.evidence import Evidence, measure
from motiongen.data.importing import why_unusable
from motiongen.data.mistakes import UNSURE, mistakes_of, repair_of
from motiongen.formats.archive import open_source
from motiongen.formats.base import FormatError
from motiongen.motion import Motion

RESULTS = Path("checkpoints/results/mistakes.json")
MOST = 600
#: format -> folder of the recordings; those that this version reads are looked at
SETS = {
    "msr_action3d": "msr_action3d",
    "utd_mhad": "utd_mhad_odd",
    "ui_prmd": "ui_prmd",
    "bandai_bvh": "bandai_bvh",
    "keraal": "keraal_paired",
    "openpose5": "openpose5",
}
Mistake = Callable[[Motion], Motion]


def scaled(factor: float) -> Mistake:
    return lambda motion: motion.replace(joints=motion.joints * factor)


def axes(order: str) -> Mistake:
    """Axes in another order or direction, e.g. "xZy": x, minus z, y."""
    columns = ["xyz".index(axis.lower()) for axis in order]
    signs = torch.tensor([-1.0 if axis.isupper() else 1.0 for axis in order])
    return lambda motion: motion.replace(joints=motion.joints[..., columns] * signs)


def sides_exchanged(motion: Motion) -> Motion:
    return ordered(motion, layouts.get(motion.layout).mirror)


def ordered(motion: Motion, order: Any, layout: str | None = None) -> Motion:
    order = torch.as_tensor(np.array(order))
    joints, confidence = motion.joints[:, order], motion.confidence[:, order]
    return motion.replace(joints=joints, confidence=confidence, layout=layout or motion.layout)


def shuffled(motion: Motion) -> Motion:
    rng = np.random.default_rng(zlib.crc32(motion.id.encode()))
    return ordered(motion, rng.permutation(motion.joints.shape[1]))


def rolled(by: int) -> Mistake:
    return lambda motion: ordered(motion, np.roll(np.arange(motion.joints.shape[1]), by))


def backward(motion: Motion) -> Motion:
    return ordered(motion, np.arange(motion.joints.shape[1])[::-1])


def as_layout(name: str) -> Mistake:
    return lambda motion: motion.replace(layout=name)


def mistakes(layout: str, channels: int) -> dict[str, tuple[str, Mistake]]:
    """Name -> which kind it is of, and what makes it."""
    if channels == 2:
        return {"y down": ("up", axes("xY"))}
    count = layouts.get(layout).num_joints
    others = [n for n in layouts.names() if layouts.get(n).num_joints == count and n != layout]
    return {
        **{f"times {f:g}": ("unit", scaled(f)) for f in (1000, 100, 10, 0.1, 0.01, 0.001)},
        **{f"up {order}": ("up", axes(order)) for order in ("yzx", "zxy", "xYZ", "xZy", "xzY")},
        **{f"axes {order}": ("axes", axes(order)) for order in ("xzy", "yxz", "zyx")},
        "sides exchanged": ("sides", sides_exchanged),
        "x mirrored": ("sides", axes("Xyz")),
        **{f"as {name}": ("layout", as_layout(name)) for name in others},
        "joints backward": ("layout", backward),
        "joints shuffled": ("layout", shuffled),
        "joints by one on": ("layout", rolled(1)),
        "joints by one back": ("layout", rolled(-1)),
    }


def clips_of(name: str, source: Path) -> Iterator[Motion]:
    with open_source(source) as folder:
        reader = formats.get(name)(folder)
        index = reader.index()
        for clip in index[:: max(1, len(index) // MOST)]:
            try:
                motion = reader.load(clip)
            except FormatError:
                continue
            if why_unusable(motion) is None and motion.mask.float().mean() > 0.5:
                yield motion.replace(id=clip.id)


def judged(clips: list[Motion], kind: str | None) -> dict[str, Any]:
    """Shares of clips with a finding, and whether the set as a whole has one."""
    evidence = [measure(clip) for clip in clips]
    found = [
        {mistake.kind for mistake in mistakes_of(each, clip.unit)}
        for each, clip in zip(evidence, clips, strict=True)
    ]
    told = [tells(each, kind) for each in evidence]
    flagged = [bool(kinds) for kinds, tell in zip(found, told, strict=True) if tell]
    named = [kind in kinds for kinds, tell in zip(found, told, strict=True) if tell]
    repair = repair_of(evidence, {clip.unit for clip in clips}, clips[0].joints.shape[-1])
    row = {"clips": len(clips), "tell": sum(told), "flagged": share(flagged)}
    if kind is not None:
        row["named"] = share(named)
    return {**row, "repaired": [mistake.text for mistake in repair.texts]}


def tells(evidence: Evidence, kind: str | None) -> bool:
    return kind != "sides" or abs(evidence.forward) > UNSURE


def share(flags: list[bool]) -> float:
    return round(float(np.mean(flags)), 4) if flags else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    args = parser.parse_args()
    table = {}
    for name, folder in SETS.items():
        if name not in formats.READERS or not (args.recordings / folder).exists():
            continue
        groups: dict[str, list[Motion]] = {}
        for motion in clips_of(name, args.recordings / folder):
            groups.setdefault(f"{name} {motion.layout}", []).append(motion)
        for title, clips in groups.items():
            rows = table[title] = {"untouched": judged(clips, None)}
            made = mistakes(clips[0].layout, clips[0].joints.shape[-1])
            for mistake, (kind, make) in made.items():
                rows[mistake] = {"kind": kind, **judged([make(clip) for clip in clips], kind)}
            shown(title, rows)
    RESULTS.write_text(json.dumps(table, indent=1) + "\n")


def shown(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}: {rows['untouched']['clips']} clips")
    for mistake, row in rows.items():
        named = f"{row['named']:8.1%}" if "named" in row else " " * 8
        told = f"{row['tell']:5d} tell" if row["tell"] < row["clips"] else " " * 10
        print(f"  {mistake:20}{row['flagged']:8.1%}{named} {told}  {'; '.join(row['repaired'])}")


if __name__ == "__main__":
    main()
