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


#: BODY_25 as OpenPose calls its joints
BODY25 = """
    Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee
    LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel
""".split()


def titles(form="{}_{}", joints=tuple(BODY25), axes="xyc"):
    """Names of the columns of joints, each `form` of joint and axis."""
    return [form.format(joint, axis) for joint in joints for axis in axes]


def write_openpose_csv(file: Path, values=None, header=None, before=()):
    """A row a frame of one person. Shapes: values [T,J,3]; before: columns [T] in front."""
    values = people(1)[:, 0] if values is None else np.asarray(values)
    cells = np.concatenate([*np.reshape(before, (-1, len(values), 1)),
                            values.reshape(len(values), -1)], 1)  # fmt: skip
    rows = [",".join(f"{cell:.9g}" for cell in row) for row in cells]
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{row}\n" for row in ([",".join(header)] if header else []) + rows)
    data = text.encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


#: layouts of the numbers of joints that tests use
BODIES = {17: "coco17", 18: "coco18", 20: "kinect20", 25: "body25", 26: "halpe26"}


def body(layout, seed=0):
    """A body of short bones, 20 to 60 pixels from the corner, nothing at 0. Shapes: -> [J,2]."""
    skeleton, random = get(layout), np.random.default_rng(seed)
    steps = random.uniform(0.5, 1, (skeleton.num_joints, 2))
    steps *= random.choice([-1, 1], steps.shape)
    steps[skeleton.root] = 0
    return 40 + 4 * skeleton.ancestors @ steps


def people(count, frames=6, joints=25, confidence=0.9, layout=None):
    """Persons 100 pixels apart who stand still. Shapes: -> [T,P,J,3]."""
    bodies = [body(layout or BODIES[joints], seed) for seed in range(count)]
    values = np.full((frames, count, len(bodies[0]), 3), float(confidence))
    values[..., :2] = np.stack(bodies)
    values[..., 0] += 100 * np.arange(1, count + 1)[:, None]
    return values.round(4)


def write_frame(folder: Path, number, persons, stem="walk", **others):
    """`others`: further keys, each the points of all persons."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [{"pose_keypoints_2d": np.ravel(person).tolist()} for person in persons]
    for key, points in others.items():
        for person, values in zip(found, points, strict=True):
            person[key] = np.ravel(values).tolist()
    file = folder / f"{stem}_{number:012d}_keypoints.json"
    file.write_text(json.dumps({"version": 1.3, "people": found}))
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


def write_alphapose(file: Path, values=None, ids=None):
    """A list of detections. Shapes: values [T,P,J,3]."""
    values = people(1, joints=17) if values is None else values
    records = [
        {
            "image_id": f"frame_{frame}.jpg",
            "category_id": 1,
            "keypoints": np.ravel(person).tolist(),
            "score": 2.5,
            "box": [0, 0, 1, 1],
            **({} if ids is None else {"idx": [ids[number]]}),
        }
        for frame, persons in enumerate(values)
        for number, person in enumerate(persons)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(records))
    return file


def coco_annotations(values=None, **changes):
    """The content of a file of annotations, all keypoints seen. Shapes: values [T,P,J,3]."""
    values = people(1, joints=17, confidence=2) if values is None else values
    pairs = [(frame, person) for frame, persons in enumerate(values) for person in persons]
    return {
        "images": [{"id": 100 + 7 * frame} for frame in range(len(values))],
        "annotations": [
            {"id": row, "image_id": 100 + 7 * frame, "keypoints": np.ravel(person).tolist()}
            for row, (frame, person) in enumerate(pairs)
        ],
        "categories": [{"id": 1, "keypoints": list(get("coco17").joints)}],
        **changes,
    }


def write_coco(file: Path, content=None):
    file.write_text(json.dumps(coco_annotations() if content is None else content))
    return file


def hrc_frames(frames=6, hands=False):
    """The frames of an HRC-OaSA file, numbered from 0."""
    from motiongen.formats.hrc_oasa import _file_joints

    names, channels = _file_joints(hands), 2 if hands else 3
    values = (walk(frames, len(names), channels) * 500).round()
    key = "hand_keypoint_xy" if hands else "keypoint_xyz"
    return [
        {"frame_id": frame, key: dict(zip(names, pose.tolist(), strict=True))}
        for frame, pose in enumerate(values)
    ]


def write_hrc(folder: Path, name="P001A001R001", content=None, hands=False):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}_{'hand_xy' if hands else 'depth'}.json"
    file.write_text(json.dumps(hrc_frames(hands=hands) if content is None else content))
    return file


def write_mediapipe(folder: Path, vectors=None):
    """A clip of vectors, one a file. Shapes: vectors [T,D]."""
    folder.mkdir(parents=True, exist_ok=True)
    vectors = (
        np.random.default_rng(0).uniform(0.1, 0.9, (12, 1662)) if vectors is None else vectors
    )
    for number, vector in enumerate(vectors):
        np.save(folder / f"{number}.npy", vector)
    return folder


NAMES = get("kinect20").joints
