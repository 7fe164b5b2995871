"""C3D: three kinds of processors, integers and floats, and what damage does."""

import json

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.c3d import MARKERS, C3d
from motiongen.layouts import get

from .mocap_files import C3dFile, write_c3d

NAMES = MARKERS["plugingait39"]


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def points(count=39, frames=6):
    values = np.random.default_rng(1).uniform(-1500, 1500, (frames, count, 4)).round(1)
    values[..., 3] = 1
    return values


def write(folder, values, labels, **options):
    (folder / "walk.c3d").write_bytes(C3dFile(values, labels, **options).data())
    return C3d(folder)


@pytest.mark.parametrize("kind", ["intel", "mips", "dec"])
@pytest.mark.parametrize("scale", [-1.0, 0.1])
def test_positions_are_in_metres_and_y_up(tmp_path, kind, scale):
    values = points(40)
    values[2, 3, 3] = -1
    values[4, 5, :3] = 0
    motion = only(write(tmp_path, values, [*NAMES, "*40"], kind=kind, scale=scale))
    assert (motion.layout, motion.unit, motion.fps, motion.id) == (
        "plugingait39",
        "m",
        120,
        "walk",
    )
    x, y, z = np.moveaxis(values[:, :39, :3] / 1000, -1, 0)
    seen = motion.mask.numpy()
    assert (~motion.mask).nonzero().tolist() == [[2, 3], [4, 5]]
    np.testing.assert_allclose(motion.joints[seen], np.stack([y, z, x], -1)[seen], atol=1e-5)


def test_markers_are_found_by_name(tmp_path):
    values = points(39)
    order = np.random.default_rng(0).permutation(39)
    labels = [f"Anna:{NAMES[i]}" for i in order]
    motion = only(write(tmp_path, values[:, order], labels))
    plain = tmp_path / "plain"
    plain.mkdir()
    assert torch.equal(motion.joints, only(write(plain, values, list(NAMES))).joints)


def test_an_absent_marker_is_missing(tmp_path):
    labels = ["*5" if name == "T10" else name for name in NAMES]
    motion = only(write(tmp_path, points(), labels))
    (absent,) = (~motion.mask.any(0)).nonzero()[:, 0].tolist()
    assert get("plugingait39").joints[absent] == "t10"


def test_the_file_says_what_is_up_and_the_unit(tmp_path):
    values = points()
    file = C3dFile(values, list(NAMES), POINT__Y_SCREEN=["+Y"], POINT__UNITS=["m"])
    file.points = values / 1000
    (tmp_path / "walk.c3d").write_bytes(file.data())
    np.testing.assert_allclose(only(C3d(tmp_path)).joints, values[..., :3] / 1000, rtol=1e-5)
    turned = only(C3d(tmp_path, up="z")).joints
    assert torch.equal(turned, only(C3d(tmp_path)).joints[..., [1, 2, 0]])
    with pytest.raises(FormatError, match="Y_SCREEN is '-X'"):
        only(write(tmp_path, values, list(NAMES), POINT__Y_SCREEN=["-X"]))
    with pytest.raises(FormatError, match="UNITS is 'furlong', allowed mm, cm"):
        only(write(tmp_path, values, list(NAMES), POINT__UNITS=["furlong"]))


def test_long_recordings(tmp_path):
    values = np.tile(points(3, 1), (70_000, 1, 1))
    words = {"TRIAL__ACTUAL_START_FIELD": np.array([1, 0], np.int16),
             "TRIAL__ACTUAL_END_FIELD": np.array([70_000 % 65536, 1], np.int16),
             "POINT__FRAMES": np.array(-1, np.int16)}  # fmt: skip
    mapping = tmp_path / "names.json"
    joints = {"A": "pelvis", "B": "head"}
    mapping.write_text(json.dumps({"layout": "kinect20", "joints": joints}))
    file = C3dFile(values, ["A", "B", "C"], **words)
    data = bytearray(file.data())
    data[8:10] = b"\xff\xff"
    (tmp_path / "long.c3d").write_bytes(data)
    motion = only(C3d(tmp_path, mapping=str(mapping)))
    assert motion.num_frames == 70_000
    seen = [get("kinect20").joints[j] for j in motion.mask.all(0).nonzero()[:, 0]]
    assert seen == ["head", "pelvis"]


def test_other_markers_need_a_mapping(tmp_path):
    with pytest.raises(FormatError, match=r"no known set \(plugingait39\).*Markers: m0, m1"):
        only(write(tmp_path, points(5), [f"m{i}" for i in range(5)]))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"POINT__USED": np.array(38, np.int16)}, "39 points, but POINT:USED is 38"),
        ({"POINT__FRAMES": np.array(5, np.int16)}, "header: 6 frames, but POINT:FRAMES is 5"),
        ({"POINT__LABELS": ["LFHD"]}, "names 1 of 39 points"),
        ({"POINT__LABELS": ["LFHD"] * 39}, "names 'LFHD' twice"),
        ({"POINT__RATE": np.array(0, np.float32)}, "POINT:RATE is 0, allowed"),
        ({"POINT__RATE": np.array([1, 2], np.float32)}, r"'POINT:RATE': found \[1.0, 2.0\]"),
        ({"POINT__SCALE": np.array(np.nan, np.float32)}, "'POINT:SCALE': found"),
        ({"POINT__SCALE": np.array(0.1, np.float32)}, "6 frames of 39 points end at byte"),
    ],
)
def test_contradictions(tmp_path, options, words):
    with pytest.raises(FormatError, match=words):
        only(write(tmp_path, points(), list(NAMES), **options))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_impossible_positions_are_named(tmp_path, value):
    values = points()
    values[2, 3, 1] = value
    with pytest.raises(FormatError, match=f"frame 2, joint '{get('plugingait39').joints[3]}'"):
        only(write(tmp_path, values, list(NAMES)))


@pytest.mark.parametrize("keep", [0, 1, 511, 512, 1024, 1500, -512, -1])
def test_cut_files(tmp_path, keep):
    file = write_c3d(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[:keep])
    if keep == -1:  # padding only
        assert only(C3d(tmp_path)).num_frames == 6
        return
    with pytest.raises(FormatError):
        only(C3d(tmp_path))


def test_frames_too_many_or_few(tmp_path):
    file = write_c3d(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole + b"\1" * 1024)
    with pytest.raises(FormatError, match="6 frames of 40 points end at byte"):
        only(C3d(tmp_path))


def test_damaged_bytes_raise_one_error(tmp_path):
    file = write_c3d(tmp_path)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(120):
        at, value = int(rng.integers(0, 1600)), int(rng.integers(0, 256))
        file.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        try:
            motion = only(C3d(tmp_path))
        except FormatError as error:
            assert error.path == "walk.c3d"
            continue
        assert motion.joints.shape == (6, 39, 3)
