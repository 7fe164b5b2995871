"""UTKinect: intervals of one file, time, and damage."""

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.utkinect import CLASSES, FILE_ORDER, UtKinect
from motiongen.layouts import get

from .mocap_files import write_utkinect


def test_intervals_become_clips(tmp_path):
    write_utkinect(tmp_path)
    reader = UtKinect(tmp_path)
    walk, sit = reader.index()
    assert (walk.id, walk.label, walk.subject) == ("s01_e02_walk", "walk", "1")
    assert sit.path == "joints/joints_s01_e02.txt#22-30"
    assert reader.classes == CLASSES and len(CLASSES) == 10


def test_time_is_kept(tmp_path):
    joints = np.random.default_rng(0).uniform(0.1, 1.5, (6, 60)).round(4)
    joints[1, 3:6] = 0
    write_utkinect(tmp_path, joints=joints)
    reader = UtKinect(tmp_path)
    motion = reader.load(reader.index()[0])
    assert (motion.layout, motion.unit, motion.fps, motion.num_frames) == (
        "kinect20",
        "m",
        15.0,
        6,
    )
    assert motion.mask.any(1).tolist() == [True, True, True, False, False, True]
    assert motion.confidence[1, get("kinect20").index("spine")] == 0
    for name in get("kinect20").joints:
        at = FILE_ORDER.index(name)
        expected = torch.tensor(joints[3, 3 * at : 3 * at + 3], dtype=torch.float32)
        assert torch.equal(motion.joints[5, get("kinect20").index(name)], expected)


def test_repeated_rows_are_dropped(tmp_path):
    joints = np.random.default_rng(0).uniform(0.1, 1.5, (3, 60)).round(4)[[0, 0, 1, 2]]
    write_utkinect(tmp_path, (10, 10, 11, 12), "s01_e02\nwalk: 10 20\n", joints)
    reader = UtKinect(tmp_path)
    assert reader.load(reader.index()[0]).num_frames == 3


@pytest.mark.parametrize(
    "labels, words",
    [
        ("s01_e02\ndance: 1 2\n", "line 2: found 'dance: 1 2', allowed"),
        ("walk: 1 2\n", "line 1: found 'walk: 1 2'"),
        ("s01_e02\nwalk: 2 1\n", "line 2: 'walk: 2 1' ends before it begins"),
        ("s02_e01\nwalk: 1 2\n", "names joints_s02_e01.txt, which is not there"),
        ("s01_e02\nwalk: 10 20\nwalk: 22 30\n", "two clips with the id 's01_e02_walk'"),
    ],
)
def test_damaged_labels(tmp_path, labels, words):
    write_utkinect(tmp_path, labels=labels)
    with pytest.raises(FormatError, match=words):
        UtKinect(tmp_path).index()


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("12 ", "x ", "row 1, frame number: found 'x'"),
        ("12 ", "9 ", "row 1: frame number 9, allowed are whole, rising"),
        ("12 ", "12.5 ", "row 1: frame number 12.5"),
        ("12 ", "12 1 ", "row 1, frame number: 62 numbers in the row"),
        ("12 ", "12 nan ", "row 1, frame number: 62 numbers"),
    ],
)
def test_damaged_rows(tmp_path, old, new, words):
    file = write_utkinect(tmp_path)
    file.write_text(file.read_text().replace(f"\n{old}", f"\n{new}", 1))
    reader = UtKinect(tmp_path)
    with pytest.raises(FormatError, match=words):
        reader.load(reader.index()[0])


def test_intervals_without_rows(tmp_path):
    write_utkinect(tmp_path, labels="s01_e02\nwalk: 100 200\n")
    reader = UtKinect(tmp_path)
    with pytest.raises(FormatError, match="no row has a frame number from 100 to 200"):
        reader.load(reader.index()[0])


def test_labels_are_needed(tmp_path):
    write_utkinect(tmp_path)
    (tmp_path / "actionLabel.txt").unlink()
    with pytest.raises(FormatError, match="no actionLabel.txt beside"):
        UtKinect(tmp_path).index()
