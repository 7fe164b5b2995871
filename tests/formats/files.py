"""Synthetic files of each format, written as their authors' programs would."""

import gzip
import json
from pathlib import Path

import numpy as np
from scipy.io import savemat

from motiongen.layouts import get


def walk(frames=6, joints=20, channels=3, seed=0):
    """Positions within a metre or so, none of them zero."""
    return np.random.default_rng(seed).uniform(0.1, 1.5, (frames, joints, channels)).round(4)


def msr_text(positions, tracked=None):
    tracked = np.ones(positions.shape[:2]) if tracked is None else tracked
    rows = np.concatenate([positions, tracked[..., None]], -1).reshape(-1, 4)
    return "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows) + "\n"


def write_msr(folder: Path, name="a01_s01_e01", positions=None):
    file = folder / f"{name}_skeleton3D.txt"
    file.write_text(msr_text(walk() if positions is None else positions))
    return file


def write_utd(folder: Path, name="a1_s1_t1", positions=None, **others):
    positions = walk() if positions is None else positions
    file = folder / f"{name}_skeleton.mat"
    savemat(file, {"d_skel": positions.transpose(1, 2, 0), **others}, do_compression=True)
    return file


def table(values):
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in values)


def write_prmd(
    root: Path, sensor="Kinect", name="m01_s01_e01", positions=None, angles=None, suffix=""
):
    """One repetition in the published tree; returns the file of positions."""
    joints = 22 if sensor == "Kinect" else 39
    positions = walk(joints=joints) if positions is None else positions
    kinds = {"positions": positions}
    if sensor == "Kinect":
        kinds["angles"] = np.zeros_like(positions) if angles is None else angles
    for kind, values in kinds.items():
        folder = root / "Segmented Movements" / sensor / kind.title()
        folder.mkdir(parents=True, exist_ok=True)
        text = table(values.reshape(len(values), -1))
        (folder / f"{name}_{kind}{suffix}.txt.gz").write_bytes(gzip.compress(text.encode()))
    sensor_folder = root / "Segmented Movements" / sensor
    return sensor_folder / "Positions" / f"{name}_positions{suffix}.txt.gz"


def openpose5_text(values):
    """The clip twice, the second time with four angles. Shapes: values [T,25,3]."""
    rows = values.reshape(len(values), 75)
    return table(rows) + table(np.concatenate([rows, np.ones((len(rows), 4))], 1))


def write_openpose5(folder: Path, name="p1_boxing_01", values=None):
    file = folder / f"{name}.csv"
    file.write_text(openpose5_text(people(1)[:, 0] if values is None else values))
    return file


def people(count, frames=6, joints=25, confidence=0.9):
    """Persons 100 pixels apart who stand still. Shapes: -> [T,P,J,3]."""
    values = walk(1, count * joints, 3).reshape(1, count, joints, 3).repeat(frames, 0)
    values[..., :2] *= 20
    values[..., 0] += 100 * np.arange(1, count + 1)[:, None]
    values[..., 2] = confidence
    return values.round(4)


def write_frame(folder: Path, number, persons, stem="walk"):
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "version": 1.3,
        "people": [{"pose_keypoints_2d": np.ravel(person).tolist()} for person in persons],
    }
    file = folder / f"{stem}_{number:012d}_keypoints.json"
    file.write_text(json.dumps(content))
    return file


def write_openpose(folder: Path, values=None, stem="walk"):
    """A clip's folder. Shapes: values [T,P,J,3]."""
    for number, persons in enumerate(people(1) if values is None else values):
        write_frame(folder, number, persons, stem)
    return folder


def write_npz(file: Path, **changes):
    """A valid file of two clips, with keys changed, or left out where None."""
    arrays = {
        "joints": walk(12).reshape(2, 6, 20, 3).astype(np.float32),
        "layout": np.array("kinect20"),
        **changes,
    }
    np.savez(file, **{key: value for key, value in arrays.items() if value is not None})
    return file


NAMES = get("kinect20").joints
