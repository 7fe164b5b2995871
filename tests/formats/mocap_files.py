"""Synthetic files of motion capture and depth cameras, as their programs would write them."""

from pathlib import Path

import numpy as np

CHANNELS = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")
_ARM = ("Shoulder", "UpperArm", "LowerArm", "Hand")
_LEG = ("UpperLeg", "LowerLeg", "Foot", "Toes")


def _rig():
    """(name, parent) of a rig as animators build it, parents first."""
    chain = [("joint_Root", None), ("Hips", "joint_Root")]
    chain += [("Spine", "Hips"), ("Chest", "Spine"), ("Neck", "Chest"), ("Head", "Neck")]
    for side in "LR":
        for names, root in ((_ARM, "Chest"), (_LEG, "Hips")):
            above = root
            for name in names:
                chain.append((f"{name}_{side}", above))
                above = f"{name}_{side}"
    return chain


RIG = _rig()


class Rig:
    """A hierarchy with random offsets and channel values.

    Args:
        joints: (name, parent) each, parents first.
        channels: of a joint by its name; the default is all six.
    """

    def __init__(self, joints=RIG, channels=None, frames=5, seed=0, scale=1.0):
        rng = np.random.default_rng(seed)
        self.joints = list(joints)
        names = [name for name, _ in self.joints]
        self.offsets = {name: scale * rng.uniform(5, 20, 3).round(4) for name in names}
        self.channels = {name: (channels or {}).get(name, CHANNELS) for name in names}
        self.values = {}
        for name, channels in self.channels.items():
            degrees = np.array(["rotation" in channel for channel in channels], dtype=bool)
            shape = (frames, len(channels))
            places = scale * rng.uniform(5, 20, shape).round(4)
            self.values[name] = np.where(degrees, rng.uniform(-170, 170, shape).round(4), places)

    def order(self, at=None):
        """Names depth first, as the rows have them."""
        for name, parent in self.joints:
            if parent == at:
                yield name
                yield from self.order(name)

    def _lines(self, name, depth=0):
        pad = "  " * depth
        x, y, z = self.offsets[name]
        channels = self.channels[name]
        yield f"{pad}{'JOINT' if depth else 'ROOT'} {name}"
        yield f"{pad}{{"
        yield f"{pad}  OFFSET {x} {y} {z}"
        yield f"{pad}  CHANNELS {' '.join([str(len(channels)), *channels])}"
        children = [child for child, parent in self.joints if parent == name]
        for child in children:
            yield from self._lines(child, depth + 1)
        if not children:
            yield from (f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 1 2 3", f"{pad}  }}")
        yield f"{pad}}}"

    def text(self, seconds=0.0333333):
        root = next(name for name, parent in self.joints if parent is None)
        rows = np.concatenate([self.values[name] for name in self.order()], 1)
        return "\n".join(
            [
                "HIERARCHY",
                *self._lines(root),
                "MOTION",
                f"Frames:\t{len(rows)}",
                f"Frame Time:\t{seconds}",
                *(" ".join(f"{value}" for value in row) + " " for row in rows),
                "",
            ]
        )


def write_bvh(folder: Path, name="walk", rig=None, **options):
    file = folder / f"{name}.bvh"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((rig or Rig(**options)).text())
    return file


def write_bandai(folder: Path):
    for name in ("dataset-1_bow_active_001", "dataset-2_walk-turn-left_old_012"):
        file = write_bvh(folder, name)
    return file
