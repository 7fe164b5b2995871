"""KERAAL: five kinds of files of one recording."""

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.keraal import _KEYS, LAYOUTS, Keraal
from motiongen.layouts import get

from .mocap_files import keraal_rows, write_keraal, write_keraal_json, write_keraal_rows


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def test_index(tmp_path):
    write_keraal(tmp_path)
    (tmp_path / "G1A-Kinect-RTK-12-34.txt").write_text("")
    clips = {clip.id: (clip.label, clip.subject) for clip in Keraal(tmp_path).index()}
    assert clips == {
        "G1A-Kinect-RTK-12-34": ("RTK", "G1A-12"),
        "G3-Kinect-CTK-P1T1-Unknown-C-0": ("CTK", "P1"),
        "G3-OP-ELK-P2T1-Unknown-C-0": ("ELK", "P2"),
        "G3-Vicon-CTK-P1T1-Unknown-C-0": ("CTK", "P1"),
    }
    assert [clip.id[:5] for clip in Keraal(tmp_path, sensor="openpose").index()] == ["G3-OP"]
    with pytest.raises(FormatError, match=r"sensor alphapose"):
        Keraal(tmp_path, sensor="alphapose").index()


def test_quaternions_follow_positions(tmp_path):
    rows = keraal_rows(25)
    motion = only(Keraal(write_keraal_rows(tmp_path, rows=rows)))
    assert (motion.layout, motion.unit, motion.fps) == ("kinect25", "m", 30.0)
    np.testing.assert_allclose(motion.joints, rows[..., :3], rtol=1e-6)


def test_vicon_is_turned_up_in_metres(tmp_path):
    rows = keraal_rows(17, scale=1000.0)
    motion = only(Keraal(write_keraal_rows(tmp_path, "Vicon", rows=rows)))
    assert (motion.layout, motion.unit, motion.fps) == ("art17", "m", 60.0)
    np.testing.assert_allclose(motion.joints, rows[..., [1, 2, 0]] / 1000, rtol=1e-6)
    order = get("art17").joints
    assert (order[0], order[4], order[13], order[16]) == (
        *("right_forearm", "chest", "pelvis"), "left_shank",
    )  # fmt: skip


def test_absent_keys_are_missing_joints(tmp_path):
    frames = {"1.0": {"Nose": [0.4, 0.25], "lWrist": [0.5, 0.75]}, "4.0": {"Nose": [0.1, 0.2]}}
    motion = only(Keraal(write_keraal_json(tmp_path, frames=frames)))
    assert (motion.layout, motion.unit, motion.num_frames) == ("coco18", "normalised", 4)
    seen = motion.mask.nonzero().tolist()
    assert seen == [[0, 0], [0, get("coco18").index("left_wrist")], [3, 0]]
    assert motion.joints[0, 0].tolist() == pytest.approx([0.4, -0.25])


def test_alphapose_counts_from_zero(tmp_path):
    frames = {"0": {str(n): [0.1 * n, 0.5] for n in range(17)}, "1": {}}
    motion = only(Keraal(write_keraal_json(tmp_path, "AP", frames)))
    assert motion.layout == "coco17" and motion.mask.sum() == 17
    assert motion.joints[0, get("coco17").index("right_ankle"), 0] == pytest.approx(1.6)


def test_blazepose_is_turned_back_from_its_mirror(tmp_path):
    frame = {key: [0.5, 0.5, 0.1] for key in _KEYS["blazepose"]}
    frame |= {"Left_wrist": [0.7, 0.2, -0.3], "Right_foot_index": [0.3, 0.9, 0.2]}
    motion = only(Keraal(write_keraal_json(tmp_path, "BP", {"1.0": frame})))
    at = get("blazepose33").index
    wrist, toe = motion.joints[0, at("right_wrist")], motion.joints[0, at("left_big_toe")]
    torch.testing.assert_close(wrist, torch.tensor([0.3, -0.2, 0.3]))
    torch.testing.assert_close(toe, torch.tensor([0.7, -0.9, -0.2]))
    assert {"Mouth_left", "Left_pinky", "Left_eye_inner", "Nose"} <= set(_KEYS["blazepose"])


def test_keys_fit_their_layouts():
    for sensor, keys in _KEYS.items():
        assert len(set(keys)) == get(LAYOUTS[sensor]).num_joints


@pytest.mark.parametrize(
    "frames, words",
    [
        ({}, "key 'positions': missing, empty"),
        ([1], "key 'positions': missing, empty"),
        ({"1.5": {}}, "frame '1.5': allowed are whole numbers"),
        ({"1": {}, "1.0": {}}, "frame numbers are doubled"),
        ({"1": {}, "999999999": {}}, "span 999999999 frames, allowed 100000"),
        ({"1": []}, "frame 1: no dictionary"),
        ({"1": {"Tail": [0, 0]}}, "frame 1, joint 'Tail': unknown; known: Nose, Neck"),
        ({"1": {"Nose": [0.1]}}, "frame 1, joint 'Nose': found .*allowed 2 finite"),
        ({"1": {"Nose": [0.1, float("nan")]}}, "frame 1, joint 'Nose': found"),
        ({"1": {"Nose": [0.1, True]}}, "frame 1, joint 'Nose': found"),
        ({"1": {"Nose": [0.1, 10**400]}}, "frame 1, joint 'Nose': found"),
        ({"1": {"Nose": [0.1, "1"]}}, "frame 1, joint 'Nose': found"),
    ],
)
def test_damaged_json(tmp_path, frames, words):
    with pytest.raises(FormatError, match=words):
        only(Keraal(write_keraal_json(tmp_path, frames=frames)))


def test_text_that_is_no_json(tmp_path):
    file = write_keraal_json(tmp_path)
    for text in ("{", "[" * 10_000, "[]"):
        file.write_text(text)
        with pytest.raises(FormatError):
            only(Keraal(tmp_path))


def test_damaged_rows(tmp_path):
    rows = keraal_rows(25)
    rows[2, 3, 1] = np.nan
    with pytest.raises(FormatError, match="frame 2, joint 'head': found nan"):
        only(Keraal(write_keraal_rows(tmp_path, rows=rows)))
    with pytest.raises(FormatError, match="119 numbers in the row, allowed exactly 175"):
        only(Keraal(write_keraal_rows(tmp_path, rows=keraal_rows(17))))


@pytest.mark.realdata
def test_recordings_of_five_sensors(realdata):
    reader = Keraal(realdata / "keraal_paired")
    clips = reader.index()
    motions = {clip.id.split("-")[1]: reader.load(clip) for clip in clips if "ELK" in clip.id}
    assert len(clips) == 15 and len(motions) == 5
    # In this exercise the arms are raised in turn: their heights say which is which.
    rises = {}
    for sensor, motion in motions.items():
        part = "hand" if sensor == "Vicon" else "wrist"
        left, right = (get(motion.layout).index(f"{side}_{part}") for side in ("left", "right"))
        at = np.linspace(0, motion.num_frames - 1, 100).round().astype(int)
        rises[sensor] = (motion.joints[at, left, 1] - motion.joints[at, right, 1]).numpy()
    for sensor, rise in rises.items():
        seen = np.isfinite(rise) & (rise != 0)
        assert np.corrcoef(rise[seen], rises["Kinect"][seen])[0, 1] > 0.8, sensor
