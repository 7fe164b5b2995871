"""BVH: an independent library opens the files, and its forward kinematics gives our joints."""

import csv

import numpy as np
import pytest
import torch

from motiongen import formats, layouts
from motiongen.data import synthetic
from motiongen.formats.bvh_writing import BASE, _angles, _fitted, _swing
from motiongen.motion import Motion

bvhio = pytest.importorskip("bvhio")


def rotations(count, seed=0):
    """Shapes: -> [count,3,3], of all angles."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    return q * np.linalg.det(q)[:, None, None]


def rigid(layout, frames=12, seed=0):
    """A clip whose bones keep their lengths and turn at random: harder than any motion."""
    skeleton = layouts.get(layout)
    rng = np.random.default_rng(seed)
    length = rng.uniform(0.02, 0.5, skeleton.num_joints)
    bones = rng.normal(size=(frames, skeleton.num_joints, 3))
    bones *= (length / np.linalg.norm(bones, axis=-1))[..., None]
    bones[:, skeleton.root] = 0
    root = rng.normal(size=(frames, 1, 3))
    joints = torch.from_numpy((root + skeleton.ancestors @ bones).astype(np.float32))
    return Motion(joints, torch.ones(joints.shape[:2]), layout, id="clip", fps=50.0)


def written(motion, folder, classes=()):
    formats.writer("bvh", classes, motion.num_frames).write([motion], folder / "set")
    with (folder / "set" / "clips.csv").open(newline="") as table:
        (row,) = csv.DictReader(table)
    return folder / "set" / row["file"]


def posed(file, names):
    """Where the library puts joints, in metres. Shapes: -> [T,J,3]."""
    root = bvhio.readAsHierarchy(str(file))
    joints = {joint.Name: joint for joint, _, _ in root.layout()}
    frames = []
    for frame in range(bvhio.readAsBvh(str(file)).FrameCount):
        root.loadPose(frame)
        frames.append([list(joints[name].PositionWorld) for name in names])
    return np.array(frames) / 100


@pytest.mark.parametrize("layout", layouts.names())
def test_rigid_clips_of_every_layout_come_back(tmp_path, layout):
    motion = rigid(layout)
    file = written(motion, tmp_path)
    found = posed(file, layouts.get(layout).joints)
    assert np.abs(found - motion.joints.numpy()).max() < 1e-5
    told = bvhio.readAsBvh(str(file))
    assert (told.FrameCount, round(1 / told.FrameTime, 3)) == (12, 50)


def test_motion_comes_back_and_its_angles_do_not_jump(tmp_path):
    (clip, *_) = synthetic.synthesise(1, 1, 0)
    file = written(clip, tmp_path, synthetic.class_names())
    assert file.relative_to(tmp_path).as_posix() == f"set/walk/{clip.id}.bvh"
    found = posed(file, layouts.get(clip.layout).joints)
    assert np.abs(found - clip.joints.numpy()).max() < 1e-3
    rows = [line.split() for line in file.read_text().partition("Frame Time:")[2].splitlines()[1:]]
    steps = np.abs(np.diff(np.array(rows, dtype=float)[:, 3:], axis=0))
    assert steps.max() < 180


def test_every_joint_is_there_by_its_name(tmp_path):
    skeleton = layouts.get("smpl24")
    file = written(rigid("smpl24"), tmp_path)
    joints = [joint.Name for joint, _, _ in bvhio.readAsHierarchy(str(file)).layout()]
    own = [name for name in joints if not name.endswith(BASE)]
    assert sorted(own) == sorted(skeleton.joints)
    assert {name.removesuffix(BASE) for name in set(joints) - set(own)} < set(own)


def test_stretching_bones_take_their_median_length(tmp_path):
    motion = rigid("kinect20")
    joints = motion.joints.clone()
    hand, wrist = (layouts.get("kinect20").index(f"left_{part}") for part in ("hand", "wrist"))
    joints[3, hand] += joints[3, hand] - joints[3, wrist]
    found = posed(written(motion.replace(joints=joints), tmp_path), layouts.get("kinect20").joints)
    assert np.abs(found - motion.joints.numpy()).max() < 1e-5


def test_gaps_are_bridged_and_what_was_never_seen_is_left_out(tmp_path):
    motion = rigid("kinect20", frames=5)
    still = motion.joints[:1].expand(5, -1, -1)
    confidence = torch.ones(5, 20)
    names = layouts.get("kinect20").joints
    confidence[1:3, names.index("left_knee")] = 0
    confidence[:, names.index("right_hand")] = 0
    file = written(motion.replace(joints=still, confidence=confidence), tmp_path)
    seen = [name for name in names if name != "right_hand"]
    found = posed(file, seen)
    rows = [names.index(name) for name in seen]
    assert np.abs(found - still[:, rows].numpy()).max() < 1e-5
    assert "right_hand" not in file.read_text()


def test_a_hole_in_the_tree_is_named(tmp_path):
    motion = rigid("kinect20")
    confidence = torch.ones(motion.joints.shape[:2])
    confidence[:, layouts.get("kinect20").index("right_wrist")] = 0
    with pytest.raises(ValueError, match="'clip': joint 'right_wrist' is never seen.*--layout"):
        written(motion.replace(confidence=confidence), tmp_path)
    with pytest.raises(ValueError, match="'clip': no joint is ever seen"):
        written(motion.replace(confidence=confidence * 0), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_clip_without_a_rate_gets_thirty_frames_a_second(tmp_path):
    file = written(rigid("kinect20").replace(fps=None), tmp_path)
    assert "Frame Time: 0.03333333" in file.read_text()


def turned(angles):
    """Rotations from degrees about z, x, y. Shapes: [T,3] -> [T,3,3]."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("ZXY", angles, degrees=True).as_matrix()


def test_angles_give_rotations_back_also_where_two_axes_meet():
    some = rotations(200)
    assert np.allclose(turned(_angles(some)), some, atol=1e-12)
    lock = turned(np.array([[30.0, 90, 50], [10, -90, 5], [0, 90, 0], [20, 90 - 1e-7, 40]]))
    assert np.allclose(turned(_angles(lock)), lock, atol=1e-9)


def test_the_smallest_rotation():
    start, end = (rotations(100, seed)[:, 0] for seed in (1, 2))
    found = _swing(start, end)
    assert np.allclose(np.einsum("tij,tj->ti", found, start), end)
    cosine = (np.trace(found, axis1=1, axis2=2) - 1) / 2
    assert np.allclose(cosine, (start * end).sum(1))
    back = _swing(start, -start)
    assert np.allclose(np.einsum("tij,tj->ti", back, start), -start)
    assert np.allclose(np.linalg.det(back), 1)
    assert np.allclose(_swing(start, 0 * start), np.eye(3))


def test_the_best_rotation_of_several_bones():
    rest, turns = rotations(1)[0], rotations(50, 3)
    bones = np.einsum("tij,kj->tki", turns, rest)
    found = _fitted(rest, bones, np.broadcast_to(np.eye(3), turns.shape))
    assert np.allclose(found, turns, atol=2e-3)
    # of two directions on one line only the parent says how to turn
    line = np.array([[0.0, 1, 0], [0, -1, 0]])
    found = _fitted(
        line, np.broadcast_to(line, (50, 2, 3)), np.broadcast_to(np.eye(3), (50, 3, 3))
    )
    assert np.allclose(found, np.eye(3))
