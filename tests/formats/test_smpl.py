"""Joints of SMPL as arrays: HumanML3D, AMASS, HumanAct12."""

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.humanact12 import HumanAct12
from motiongen.formats.smpl import LAYOUTS, SmplJoints
from motiongen.layouts import get

from .mocap_files import write_humanact12, write_smpl


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


@pytest.mark.parametrize("count", LAYOUTS)
def test_arrays_of_joints(tmp_path, count):
    values = np.load(write_smpl(tmp_path, count))
    motion = only(SmplJoints(tmp_path, fps="20"))
    assert (motion.unit, motion.fps, motion.id) == ("m", 20.0, "000012")
    assert get(motion.layout).num_joints == count
    assert np.array_equal(motion.joints, values)
    turned = only(SmplJoints(tmp_path, up="z")).joints
    np.testing.assert_allclose(turned, values[..., [1, 2, 0]])


def test_mirrored_copies_are_left_out(tmp_path):
    file = write_smpl(tmp_path)
    (tmp_path / "M000012.npy").write_bytes(file.read_bytes())
    assert len(SmplJoints(tmp_path).index()) == 1
    assert len(SmplJoints(tmp_path, mirrored="read").index()) == 2


def amass(**more):
    return {"poses": np.zeros((6, 156)), "gender": np.array("male"), "betas": np.zeros(16),
            "mocap_framerate": np.array(120.0), **more}  # fmt: skip


def test_joints_beside_amass(tmp_path):
    np.savez(tmp_path / "walk.npz", **amass(Jtr=np.ones((6, 52, 3))))
    motion = only(SmplJoints(tmp_path))
    assert (motion.layout, motion.fps, motion.num_frames) == ("smplh52", 120.0, 6)


def test_rotations_alone_need_a_body_model(tmp_path):
    np.savez(tmp_path / "walk_poses.npz", **amass())
    with pytest.raises(FormatError, match="rotations of a body model and no joints.*'joints'"):
        only(SmplJoints(tmp_path))


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"betas": np.zeros(3)}, "no key 'joints', 'Jtr'"),
        ({"joints": np.zeros((6, 23, 3))}, r"shape \(6, 23, 3\), allowed"),
        ({"joints": np.zeros((0, 22, 3))}, r"shape \(0, 22, 3\), allowed"),
        ({"joints": np.zeros((6, 22, 2))}, r"shape \(6, 22, 2\), allowed"),
        ({"joints": np.zeros((6, 66))}, "key 'joints': shape"),
        ({"joints": np.zeros((6, 22, 3), complex)}, "key 'joints': type complex"),
        ({"joints": np.full((6, 22, 3), np.nan)}, "frame 0, joint 'pelvis': found"),
        ({"joints": np.ones((6, 22, 3)), "fps": np.array(0.0)}, "0.0 frames per second"),
        ({"joints": np.ones((6, 22, 3)), "x": np.array([{}])}, "'x': type object, Python objects"),
    ],
)
def test_faulty_archives(tmp_path, arrays, words):
    np.savez(tmp_path / "walk.npz", **arrays)
    with pytest.raises(FormatError, match=words):
        only(SmplJoints(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text"])
def test_damaged_arrays(tmp_path, content):
    for name in ("walk.npy", "walk.npz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match="is no sound"):
            reader = SmplJoints(tmp_path / name)
            only(reader)


def test_headers_that_are_no_dictionary(tmp_path):
    file = write_smpl(tmp_path)
    for text in (b"{'descr': '<f4', (", b"__import__('os')", b"(" * 60):
        file.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + text.ljust(117) + b"\n")
        with pytest.raises(FormatError, match="is no sound .npy file"):
            only(SmplJoints(tmp_path))


def test_cut_and_object_arrays(tmp_path):
    file = write_smpl(tmp_path)
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(FormatError, match="an array .* in 1580 bytes"):
        only(SmplJoints(tmp_path))
    np.save(file, np.array([{"a": 1}]))
    with pytest.raises(FormatError, match="Python objects are refused"):
        only(SmplJoints(tmp_path))


def test_humanact12_files(tmp_path):
    write_humanact12(tmp_path)
    reader = HumanAct12(tmp_path)
    clips = reader.index()
    assert [(clip.label, clip.subject) for clip in clips] == [("warm up", "1"), ("throw", "11")]
    values = np.load(tmp_path / clips[0].path)
    motion = reader.load(clips[0])
    assert (motion.layout, motion.unit, motion.fps) == ("smpl24", "m", None)
    assert np.array_equal(motion.joints, values * np.array([1, -1, -1], np.float32))


def write_arrays(folder, count=4, **more):
    arrays = {"X": np.random.default_rng(0).uniform(0.1, 1, (count, 6, 24, 3)),
              "Y": np.array([0, 11, 3, 3.0]), "S": np.array([1, 2, 2, 12]),
              "leave_out": np.ones((4, 3)), **more}  # fmt: skip
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return arrays


def test_humanact12_arrays(tmp_path):
    arrays = write_arrays(tmp_path)
    reader = HumanAct12(tmp_path)
    clips = reader.index()
    assert [clip.label for clip in clips] == ["warm up", "throw", "jump", "jump"]
    assert [clip.subject for clip in clips] == ["1", "2", "2", "12"]
    for clip, values in zip(clips, arrays["X"], strict=True):
        expected = torch.tensor(values * [1, -1, -1], dtype=torch.float32)
        assert torch.equal(reader.load(clip).joints, expected)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"Y": np.zeros(3)}, "4 clips, but 3 labels in Y.npy and 4 subjects"),
        ({"Y": np.array([0, 1, 2, 12])}, "class 12, allowed 0 to 11"),
        ({"Y": np.array([0, 1, 2, 0.5])}, "class 0.5"),
        ({"X": np.zeros((4, 6, 72))}, r"shape \(4, 6, 72\)"),
        ({"S": np.array([1, 2, 3, None])}, "Python objects are refused"),
    ],
)
def test_faulty_humanact12_arrays(tmp_path, change, words):
    write_arrays(tmp_path, **change)
    with pytest.raises(FormatError, match=words):
        HumanAct12(tmp_path).index()
