"""NTU RGB+D: who is the main person, tracking states, and damage."""

import numpy as np
import pytest
import torch

from motiongen.formats.base import FormatError
from motiongen.formats.ntu import NtuRgbd
from motiongen.formats.ntu_classes import CLASSES, MUTUAL
from motiongen.layouts import get

from .mocap_files import ntu_text, person, write_ntu


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def positions(body, frame):
    return torch.tensor(body[frame][:, :3].round(5), dtype=torch.float32)


def test_names_say_class_and_person(tmp_path):
    write_ntu(tmp_path, "S017C003P020R002A060")
    (clip,) = NtuRgbd(tmp_path).index()
    assert (clip.label, clip.subject) == ("walking apart", "20")
    assert len(CLASSES) == 120 == len(set(CLASSES)) and len(MUTUAL) == 26
    assert (CLASSES[0], CLASSES[42], CLASSES[49], CLASSES[60]) == (
        *("drink water", "falling down", "punch"), "put on headphone",
    )  # fmt: skip
    reader = NtuRgbd(tmp_path)
    reader.index()
    assert len(reader.classes) == 60
    write_ntu(tmp_path, "S018C003P020R002A120")
    assert NtuRgbd(tmp_path).index()[1].label == "rock-paper-scissors"


def test_values(tmp_path):
    body = person()
    body[3][4:6, 3] = [0, 1]
    body[5][7, :3] = 0
    motion = only(NtuRgbd(write_ntu(tmp_path, bodies=[("1", body)])))
    assert (motion.layout, motion.unit, motion.fps, motion.label) == ("kinect25", "m", 30.0, 9)
    assert motion.confidence[3, 3:7].tolist() == pytest.approx([1, 0, 0.3, 1])
    assert motion.confidence[5, 7] == 0 and motion.confidence.sum() == pytest.approx(372.3)
    assert torch.equal(motion.joints[2], positions(body, 2))


def test_frames_without_anybody_are_missing(tmp_path):
    body = person(14)
    del body[6], body[7]
    motion = only(NtuRgbd(write_ntu(tmp_path, bodies=[("1", body)])))
    assert (~motion.mask.any(1)).nonzero()[:, 0].tolist() == [6, 7]
    file = tmp_path / "S001C002P003R002A010.skeleton"
    file.write_text("3\n0\n0\n0\n")
    assert not only(NtuRgbd(tmp_path)).mask.any()


STILL, LIVELY = person(20, seed=1, spread=0.01), person(20, seed=2, spread=0.9)


def wide(body):
    return {frame: values[:, [1, 0, 2, 3]] for frame, values in body.items()}


@pytest.mark.parametrize(
    "bodies, main",
    [
        ([("1", STILL), ("2", LIVELY)], LIVELY),
        ([("1", STILL), ("2", person(11, seed=2, spread=0.9))], STILL),
        ([("1", STILL), ("2", wide(LIVELY))], STILL),
        ([("1", wide(STILL))], wide(STILL)),
    ],
)
def test_the_main_person(tmp_path, bodies, main):
    motion = only(NtuRgbd(write_ntu(tmp_path, bodies=bodies)))
    assert motion.num_frames == 20 and motion.mask.all()
    assert torch.equal(motion.joints[3], positions(main, 3))


def test_a_person_found_again_goes_on(tmp_path):
    first, again = person(15, seed=1), person(15, start=17, seed=2)
    motion = only(NtuRgbd(write_ntu(tmp_path, bodies=[("1", first), ("2", again)])))
    assert motion.mask.any(1).tolist() == [True] * 15 + [False] * 2 + [True] * 15
    assert torch.equal(motion.joints[20], positions(again, 20))


def test_two_people_are_two_clips(tmp_path):
    write_ntu(tmp_path, "S001C001P001R001A050", [("1", STILL), ("2", LIVELY)])
    write_ntu(tmp_path, "S001C001P001R001A001", [("1", STILL), ("2", LIVELY)])
    reader = NtuRgbd(tmp_path, persons="both")
    clips = reader.index()
    assert [clip.id[-5:] for clip in clips] == ["1A001", "050-1", "050-2"]
    for clip, body in zip(clips, (LIVELY, LIVELY, STILL), strict=True):
        assert torch.equal(reader.load(clip).joints[3], positions(body, 3))


def test_classes_by_number(tmp_path):
    write_ntu(tmp_path, "S001C001P001R001A130")
    with pytest.raises(FormatError, match="action 130, allowed 1 to 120"):
        NtuRgbd(tmp_path).index()
    assert NtuRgbd(tmp_path, names="numbers").index()[0].label == "A130"


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda lines: lines[:-1], "frame 14, body 0, joint 'right_thumb': the file ends"),
        (lambda lines: [*lines, "1"], "line 422: more lines than"),
        (lambda lines: ["16", *lines[1:]], "frame 15, number of bodies: the file ends"),
        (lambda lines: ["-1", *lines[1:]], "number of frames: found '-1', allowed 1 to"),
        (lambda lines: ["9" * 30, *lines[1:]], "number of frames: found '9999"),
        (lambda lines: [lines[0], "7", *lines[2:]], "frame 0, number of bodies: found '7'"),
        (lambda lines: [*lines[:3], "24", *lines[4:]], "number of joints: found '24'"),
        (lambda lines: [*lines[:2], "x" + lines[2], *lines[3:]], "body 0: body id 'x72"),
        (lambda lines: [*lines[:4], lines[4] + " 1", *lines[5:]], "13 numbers in the row"),
        (lambda lines: [*lines[:4], "x" + lines[4], *lines[5:]], "joint 'pelvis': found 'x0"),
        (lambda lines: [*lines[:4], "nan" + lines[4][7:], *lines[5:]], "found nan"),
        (lambda lines: [*lines[:4], lines[4][:-1] + "3", *lines[5:]], "tracking state 3"),
    ],
)
def test_damage(tmp_path, change, words):
    file = write_ntu(tmp_path)
    file.write_text("\n".join(change(file.read_text().splitlines())))
    with pytest.raises(FormatError, match=words) as caught:
        only(NtuRgbd(tmp_path))
    assert caught.value.path == file.name


def test_doubled_bodies_are_refused(tmp_path):
    file = write_ntu(tmp_path)
    file.write_text(ntu_text([("1", person()), ("1", person())]))
    with pytest.raises(FormatError, match="frame 0, body 1: body id '1' is doubled"):
        only(NtuRgbd(tmp_path))


def test_joint_order():
    assert get("kinect25").joints[20] == "chest"
    assert np.isfinite(person()[0]).all()
