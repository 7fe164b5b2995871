"""Synthetic files of motion capture and depth cameras, as their programs would write them."""

import json
import struct
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


def ntu_text(bodies, frames=None):
    """A .skeleton file. Args: bodies: (id, {frame: values [25,4]}) each."""
    frames = frames or 1 + max(frame for _, seen in bodies for frame in seen)
    lines = [str(frames)]
    for frame in range(frames):
        here = [(key, seen[frame]) for key, seen in bodies if frame in seen]
        lines.append(str(len(here)))
        for key, values in here:
            lines += [f"{key} 0 1 1 1 1 0 0.1 -0.2 2", "25"]
            lines += [
                f"{x:.5f} {y:.5f} {z:.5f} 250.1 -inf 900.5 400.5 0.1 0.2 0.3 0.4 {int(state)}"
                for x, y, z, state in values
            ]
    return "\n".join(lines) + "\n"


def person(frames=15, start=0, seed=0, height=1.7, spread=0.05):
    """Frame -> positions of somebody upright, all tracked. Shapes: -> frame -> [25,4]."""
    rng = np.random.default_rng(seed)
    values = np.full((frames, 25, 4), 2.0)
    values[..., 0] = rng.uniform(0.1, 0.5, 25)
    values[..., 1] = np.linspace(0.1, height, 25)
    values[..., 2] = 3 + rng.normal(0, spread, (frames, 25))
    return {start + i: frame for i, frame in enumerate(values)}


def write_ntu(folder: Path, name="S001C002P003R002A010", bodies=None):
    file = folder / f"{name}.skeleton"
    file.write_text(ntu_text(bodies or [("72057594037931101", person())]))
    return file


def write_utkinect(folder: Path, numbers=(10, 12, 14, 20, 22, 30), labels=None, joints=None):
    rng = np.random.default_rng(0)
    if joints is None:
        joints = rng.uniform(0.1, 1.5, (len(numbers), 60)).round(4)
    rows = (" ".join(map(str, (n, *row))) for n, row in zip(numbers, joints, strict=True))
    (folder / "joints").mkdir(parents=True, exist_ok=True)
    file = folder / "joints" / "joints_s01_e02.txt"
    file.write_text("\n".join(rows) + "\n")
    text = labels or "s01_e02\nwalk: 10 20 \nsitDown: 22  30\ncarry: NaN NaN\n\n"
    (folder / "actionLabel.txt").write_text(text)
    return file


def keraal_rows(joints, frames=6, scale=1.0):
    rng = np.random.default_rng(0)
    return (scale * rng.uniform(0.1, 1.5, (frames, joints, 7))).round(6)


def write_keraal_rows(folder: Path, sensor="Kinect", exercise="CTK", rows=None):
    rows = keraal_rows(25 if sensor == "Kinect" else 17) if rows is None else rows
    file = folder / f"G3-{sensor}-{exercise}-P1T1-Unknown-C-0.txt"
    file.write_text("".join(" ".join(map(str, row.ravel())) + "\n" for row in rows))
    return file


def write_keraal_json(folder: Path, sensor="OP", frames=None):
    if frames is None:
        frames = {"1.0": {"Nose": [0.4, 0.25], "lWrist": [0.5, 0.75]}, "2.0": {}}
    file = folder / f"G3-{sensor}-ELK-P2T1-Unknown-C-0.json"
    file.write_text(json.dumps({"positions": frames}))
    return file


def write_keraal(folder: Path):
    write_keraal_rows(folder)
    write_keraal_rows(folder, "Vicon")
    return write_keraal_json(folder)


def write_humanact12(folder: Path):
    values = np.random.default_rng(0).uniform(0.1, 1, (6, 24, 3)).astype(np.float32)
    np.save(folder / "P01G01R01F0001T0064A0101.npy", values)
    np.save(folder / "P11G01R02F0001T0064A1203.npy", values[:4])


def write_smpl(folder: Path, count=22):
    file = folder / "000012.npy"
    np.save(file, np.random.default_rng(0).uniform(0.1, 1, (6, count, 3)).astype(np.float32))
    return file


class C3dFile:
    """The bytes of a C3D file.

    Args:
        points: positions and residuals. Shapes: [T,N,4].
        labels: one name a point.
        kind: "intel", "mips" or "dec".
        scale: of integers; negative writes floats.
        analog: numbers that follow the points of each frame.
    """

    CODES = {"intel": 84, "dec": 85, "mips": 86}

    def __init__(self, points, labels, kind="intel", scale=-1.0, analog=2, fps=120.0, **more):
        self.points, self.labels, self.kind = np.asarray(points, np.float64), labels, kind
        self.scale, self.analog, self.fps = scale, analog, fps
        self.parameters = {
            ("POINT", "USED"): np.array(len(labels), np.int16),
            ("POINT", "FRAMES"): np.array(len(points)).astype(np.int16),
            ("POINT", "SCALE"): np.array(scale, np.float32),
            ("POINT", "RATE"): np.array(fps, np.float32),
            ("POINT", "DATA_START"): np.array(0, np.int16),
            ("POINT", "LABELS"): list(labels),
            ("POINT", "UNITS"): ["mm"],
            ("ANALOG", "USED"): np.array(analog, np.int16),
            **{tuple(key.split("__")): value for key, value in more.items()},
        }

    @property
    def order(self):
        return ">" if self.kind == "mips" else "<"

    def _pack(self, values, size):
        values = np.asarray(values)
        if size == 2:
            return values.astype(self.order + "i2").tobytes()
        if self.kind == "dec":
            halves = (values.astype("<f4") * 4).view("<u2").reshape(-1, 2)[:, ::-1]
            return np.ascontiguousarray(halves).tobytes()
        return values.astype(self.order + "f4").tobytes()

    def _parameter_block(self):
        groups = {
            name: i for i, name in enumerate(dict.fromkeys(g for g, _ in self.parameters), 1)
        }
        entries = [(-i, name, b"") for name, i in groups.items()]
        for (group, name), value in self.parameters.items():
            if isinstance(value, list):
                width = max(1, *(len(text) for text in value))
                body = bytes([255, 2, width, len(value)])
                body += "".join(text.ljust(width) for text in value).encode()
            else:
                size = 2 if value.dtype == np.int16 else 4
                body = bytes([size, value.ndim, *value.shape]) + self._pack(value.ravel(), size)
            entries.append((groups[group], name, body))
        data = b""
        for i, (group, name, body) in enumerate(entries):
            body += b"\0"
            step = 0 if i == len(entries) - 1 else 2 + len(body)
            data += struct.pack("bb", len(name), group) + name.encode()
            data += struct.pack(self.order + "h", step) + body
        blocks = -(-(4 + len(data)) // 512)
        return (bytes([1, 0x50, blocks, self.CODES[self.kind]]) + data).ljust(512 * blocks, b"\0")

    def data(self):
        parameters = self._parameter_block()
        start = 2 + len(parameters) // 512
        header = bytes([2, 0x50])
        header += self._pack([len(self.labels), self.analog, 1, len(self.points), 0], 2)
        header += self._pack(np.array([self.scale]), 4) + self._pack([start, 1], 2)
        header += self._pack(np.array([self.fps]), 4)
        rows = self.points.copy()
        if self.scale > 0:
            rows[..., :3] = np.round(rows[..., :3] / self.scale)
        rows = rows.reshape(len(rows), -1)
        rows = np.concatenate([rows, np.full((len(rows), self.analog), 7.0)], 1)
        body = self._pack(rows.ravel(), 4 if self.scale < 0 else 2)
        return (
            header.ljust(512, b"\0") + parameters + body.ljust(-(-len(body) // 512) * 512, b"\0")
        )


def write_c3d(folder: Path, name="walk", **options):
    from motiongen.formats.c3d import MARKERS

    labels = [*MARKERS["plugingait39"], "*100"]
    points = np.random.default_rng(0).uniform(100, 1500, (6, len(labels), 4)).round(1)
    points[..., 3] = 0.5 if options.get("scale", -1) < 0 else 1
    file = folder / f"{name}.c3d"
    file.write_bytes(C3dFile(points, labels, **options).data())
    return file
