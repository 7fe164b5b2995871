"""MSR-Action3D and UTD-MHAD: Kinect v1, one file a clip."""

import numpy as np
import pytest
import torch
from scipy.io import savemat

from motiongen.formats.base import FormatError
from motiongen.formats.msr_action3d import CLASSES, FILE_ORDER, INFERRED, MsrAction3D
from motiongen.formats.utd_mhad import CLASSES as UTD_CLASSES
from motiongen.formats.utd_mhad import UtdMhad
from motiongen.layouts import get

from .files import msr_text, walk, write_msr, write_utd


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def test_msr_index(tmp_path):
    (tmp_path / "deep").mkdir()
    write_msr(tmp_path / "deep", "a20_s10_e03")
    write_msr(tmp_path, "a02_s01_e01")
    (tmp_path / "files_used.txt").write_text("not a clip")
    reader = MsrAction3D(tmp_path)
    last, first = sorted(reader.index(), key=lambda clip: clip.id, reverse=True)
    assert (first.id, first.label, first.subject) == ("a02_s01_e01", "horizontal arm wave", "1")
    assert (last.id, last.label, last.subject) == ("a20_s10_e03", "pick up throw", "10")
    assert last.path == "deep/a20_s10_e03_skeleton3D.txt"
    assert reader.classes == CLASSES and len(CLASSES) == 20


def test_msr_values(tmp_path):
    positions = walk()
    file = write_msr(tmp_path, "a14_s02_e01", positions)
    motion = only(MsrAction3D(file))
    assert (motion.layout, motion.unit, motion.fps) == ("kinect20_msr", "m", 15.0)
    assert (motion.label, motion.subject, motion.id) == (13, "2", "a14_s02_e01")
    assert motion.source == file.name
    for name in get("kinect20_msr").joints:
        at, line = get("kinect20_msr").index(name), FILE_ORDER.index(name)
        expected = torch.tensor(positions[:, line], dtype=torch.float32)
        assert torch.equal(motion.joints[:, at], expected), name
    assert (motion.confidence == 1).all()


def test_msr_tracking_becomes_confidence(tmp_path):
    positions, tracked = walk(1), np.ones((1, 20))
    tracked[0, :3] = [0, 0.5, 0]
    positions[0, 2] = 0
    file = write_msr(tmp_path)
    file.write_text(msr_text(positions, tracked))
    motion = only(MsrAction3D(file))
    order = [get("kinect20_msr").index(name) for name in FILE_ORDER[:4]]
    found = motion.confidence[0, order]
    expected = torch.tensor([INFERRED, INFERRED + (1 - INFERRED) / 2, 0.0, 1.0])
    torch.testing.assert_close(found, expected)
    assert 0 < INFERRED < 1


def test_msr_with_nothing_seen_is_read_as_missing(tmp_path):
    write_msr(tmp_path, positions=np.zeros((3, 20, 3)))
    motion = only(MsrAction3D(tmp_path))
    assert motion.num_frames == 3 and not motion.mask.any()


@pytest.mark.parametrize("write, reader", [(write_msr, MsrAction3D), (write_utd, UtdMhad)])
def test_one_frame_is_read(tmp_path, write, reader):
    write(tmp_path, positions=walk(1))
    assert only(reader(tmp_path)).joints.shape == (1, 20, 3)


def test_doubled_ids_are_refused(tmp_path):
    (tmp_path / "copy").mkdir()
    write_msr(tmp_path)
    write_msr(tmp_path / "copy")
    with pytest.raises(FormatError, match=r"id 'a01_s01_e01'.*copy/"):
        MsrAction3D(tmp_path).index()


@pytest.mark.parametrize(
    "reader, name",
    [
        (MsrAction3D, "a21_s01_e01_skeleton3D.txt"),
        (MsrAction3D, "a00_s01_e01_skeleton3D.txt"),
        (UtdMhad, "a28_s1_t1_skeleton.mat"),
    ],
)
def test_unknown_actions_are_refused(tmp_path, reader, name):
    (tmp_path / name).write_text("")
    with pytest.raises(FormatError, match=f"{name}: action"):
        reader(tmp_path).index()


def test_utd_values(tmp_path):
    positions = walk(9)
    positions[4, 7] = 0
    write_utd(tmp_path, "a27_s3_t4", positions)
    reader = UtdMhad(tmp_path)
    motion = only(reader)
    assert torch.equal(motion.joints, torch.tensor(positions, dtype=torch.float32))
    assert (motion.layout, motion.unit, motion.fps) == ("kinect20", "m", 30.0)
    assert (motion.label, motion.subject, motion.id) == (26, "3", "a27_s3_t4")
    assert reader.classes == UTD_CLASSES and len(UTD_CLASSES) == 27
    assert (~motion.mask).nonzero().tolist() == [[4, 7]]


@pytest.mark.parametrize(
    "content, match",
    [
        ({"skeleton": walk().transpose(1, 2, 0)}, "'skeleton', allowed is exactly the key"),
        ({"d_skel": walk().transpose(1, 2, 0), "x": 1.0}, "'x', allowed is exactly the key"),
        ({"d_skel": np.array([[1, "a"]], dtype=object)}, "'cell'"),
        ({"d_skel": {"a": 1.0}}, "'struct'"),
        ({"d_skel": "text"}, "'char'"),
        ({"d_skel": walk().transpose(1, 2, 0) * 1j}, "complex"),
        ({"d_skel": walk()}, r"shape \(6, 20, 3\)"),
        ({"d_skel": walk(joints=25).transpose(1, 2, 0)}, r"shape \(25, 3, 6\)"),
    ],
)
def test_utd_refuses_other_content(tmp_path, content, match):
    savemat(tmp_path / "a1_s1_t1_skeleton.mat", content)
    with pytest.raises(FormatError, match=match):
        only(UtdMhad(tmp_path))


def test_utd_refuses_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.formats.utd_mhad._MAX_BYTES", 10_000)
    write_utd(tmp_path, positions=np.zeros((1000, 20, 3)))
    with pytest.raises(FormatError, match="unpacks to more than"):
        only(UtdMhad(tmp_path))


@pytest.mark.parametrize(
    "value, match", [(np.nan, "found nan"), (np.inf, "found inf"), (-2e6, "found -2000000")]
)
def test_utd_names_frame_and_joint(tmp_path, value, match):
    positions = walk()
    positions[3, 7, 1] = value
    write_utd(tmp_path, positions=positions)
    name = get("kinect20").joints[7]
    with pytest.raises(FormatError, match=f"frame 3, joint '{name}': {match}"):
        only(UtdMhad(tmp_path))


def right_handed(motion):
    """Share of frames in which shoulders, up and toes form a right-handed frame."""
    at = {name: motion.joints[:, get(motion.layout).index(name)] for name in FILE_ORDER}
    toes = at["left_foot"] - at["left_ankle"] + at["right_foot"] - at["right_ankle"]
    right = at["right_shoulder"] - at["left_shoulder"]
    backward = torch.linalg.cross(right, torch.tensor([0.0, 1.0, 0.0]).expand_as(right))
    return ((backward * toes).sum(-1)[motion.mask.all(1)] < 0).float().mean().item()


def moved(motion, name):
    return motion.joints[:, get(motion.layout).index(name)].diff(dim=0).abs().sum()


@pytest.mark.realdata
@pytest.mark.parametrize(
    "reader_class, folder, count, one_sided",
    [
        (MsrAction3D, "msr_action3d", 567, ("high arm wave", "hammer", "draw tick")),
        (UtdMhad, "utd_mhad_odd", 431, ("wave", "knock", "swipe left")),
    ],
)
def test_recordings(realdata, reader_class, folder, count, one_sided):
    reader = reader_class(realdata / folder)
    clips = reader.index()
    assert len(clips) == count
    assert {clip.label for clip in clips} == set(reader.classes)
    for clip in [clip for clip in clips if clip.label in one_sided][::10]:
        motion = reader.load(clip)
        head, feet = (get(motion.layout).index(name) for name in ("head", "left_ankle"))
        whole = motion.mask.all(1)
        assert (motion.joints[whole, head, 1] > motion.joints[whole, feet, 1]).all()
        assert right_handed(motion) > 0.9, clip.id
        # Subjects were asked to use their right arm.
        assert moved(motion, "right_wrist") > 2 * moved(motion, "left_wrist"), clip.id


@pytest.mark.realdata
def test_the_empty_recording_is_read_as_missing(realdata):
    reader = MsrAction3D(realdata / "msr_action3d")
    (empty,) = [clip for clip in reader.index() if clip.id == "a13_s09_e02"]
    assert not reader.load(empty).mask.any()
