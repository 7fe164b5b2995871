import json

import numpy as np
import pytest
import torch

from motiongen.formats.archive import open_source
from motiongen.formats.base import FormatError
from motiongen.formats.hrc_oasa import HrcOasa
from motiongen.layouts import get

from .files import hrc_frames, write_hrc


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def tree(folder):
    """The three parts as published."""
    write_hrc(folder / "Original")
    write_hrc(folder / "DepthProjection")
    write_hrc(folder / "DepthProjection", "P002A003R001")
    write_hrc(folder / "SBIT(hand)", hands=True)
    return folder


def test_values_are_metres_with_up_towards_the_camera(tmp_path):
    content = hrc_frames()
    motion = only(HrcOasa(write_hrc(tmp_path, content=content)))
    assert (motion.layout, motion.unit, motion.fps) == ("upper8", "m", None)
    assert (motion.id, motion.subject, motion.label) == ("P001A001R001", "P001", 0)
    x, y, z = content[2]["keypoint_xyz"]["left_elbow"]
    joint = get("upper8").index("left_elbow")
    expected = torch.tensor([x, -z, y], dtype=torch.float32) / 1000
    torch.testing.assert_close(motion.joints[2, joint], expected)


def test_left_and_right_stay_where_they_are(tmp_path):
    """Seen from above, from behind a person who faces the top of the picture."""
    points = {name: [100 if "right" in name else -100, 50, 1000] for name in get("upper8").joints}
    points["left_ear"] = points["right_ear"] = [0, 20, 800]
    content = [{"frame_id": 0, "keypoint_xyz": points}]
    motion = only(HrcOasa(write_hrc(tmp_path, content=content)))
    ear, left, right = motion.joints[0, [0, 2, 3]]
    assert ear[1] > left[1]
    # forward is towards the top of the picture; up x forward is left
    forward = torch.linalg.cross(left - right, torch.tensor([0.0, 1.0, 0.0]))
    assert forward @ (ear - (left + right) / 2) > 0


def test_joints_without_depth_are_missing(tmp_path):
    content = hrc_frames()
    content[1]["keypoint_xyz"]["left_wrist"] = [0, 0, 0]
    content[2]["keypoint_xyz"]["left_wrist"][2] = 0
    file = write_hrc(tmp_path, content=content)
    wrist = get("upper8").index("left_wrist")
    assert (~only(HrcOasa(file)).mask).nonzero().tolist() == [[1, wrist], [2, wrist]]
    # The picture shows where the joint is, however far away.
    above = only(HrcOasa(file, view="above"))
    assert (~above.mask).nonzero().tolist() == [[1, wrist]] and above.joints.shape[-1] == 2


def test_time_is_kept_where_numbers_are_skipped(tmp_path):
    content = hrc_frames()
    del content[2:4]
    motion = only(HrcOasa(write_hrc(tmp_path, content=content)))
    assert motion.mask.any(1).tolist() == [True, True, False, False, True, True]


def test_parts_are_told_by_folder_and_name(tmp_path, unchecked):
    source = tree(tmp_path)
    ids = {
        part: [clip.id for clip in HrcOasa(source, part=part).index()]
        for part in ("original", "corrected", "hands")
    }
    assert ids == {
        "original": ["P001A001R001"],
        "corrected": ["P001A001R001", "P002A003R001"],
        "hands": ["P001A001R001"],
    }
    with pytest.raises(FormatError, match=r"no clip found.*part original"):
        HrcOasa(source / "DepthProjection").index()
    with pytest.raises(ValueError, match="part: found 'raw', allowed original, corrected, hands"):
        HrcOasa(source, part="raw")


def test_hands(tmp_path):
    content = hrc_frames(hands=True)
    motion = only(HrcOasa(write_hrc(tmp_path, content=content, hands=True), part="hands"))
    assert (motion.layout, motion.unit) == ("hands42", "px")
    joints = motion.joints[0]
    for name, at in (("left_hand_root", 0), ("left_forefinger1", 5), ("right_pinky_finger4", 41)):
        x, y = content[0]["hand_keypoint_xy"][name]
        assert joints[at].tolist() == [x, -y]


def damaged(change):
    content = hrc_frames()
    change(content)
    return content


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda c: c[3]["keypoint_xyz"].pop("left_ear"), "frame 3: joint 'left_ear' is missing"),
        (lambda c: c[3]["keypoint_xyz"].update(nose=[1, 2, 3]), "frame 3: unknown joint 'nose'"),
        (lambda c: c[3].pop("keypoint_xyz"), "frame 3: key 'keypoint_xyz' is missing"),
        (lambda c: c[3].update(frame_id=2), "entry 3: frame_id 2 is doubled"),
        (lambda c: c[3].update(frame_id=True), "entry 3: key 'frame_id' is missing or holds no"),
        (lambda c: c[5].update(frame_id=10**9), "span 1000000001 frames, allowed 200000"),
        (
            lambda c: c[1]["keypoint_xyz"].update(left_ear=[1, 2]),
            "frame 1, joint 'left_ear': found 2 values, allowed exactly 3",
        ),
        (
            lambda c: c[1]["keypoint_xyz"].update(left_ear=[1, 2, "3"]),
            "frame 1, joint 'left_ear': found '3'",
        ),
        (
            lambda c: c[1]["keypoint_xyz"].update(left_ear=[1, float("nan"), 3]),
            "frame 1, joint 'left_ear': found nan",
        ),
        (lambda c: c.clear(), "holds no frames"),
    ],
)
def test_damage_is_named(tmp_path, change, reason):
    file = write_hrc(tmp_path, content=damaged(change))
    with pytest.raises(FormatError) as caught:
        only(HrcOasa(tmp_path))
    assert caught.value.path == file.name and reason in caught.value.reason


@pytest.mark.parametrize("text", ["", "[", "{}", "[" * 100_000, "1e"])
def test_files_that_are_no_list_of_frames(tmp_path, text):
    write_hrc(tmp_path).write_text(text)
    with pytest.raises(FormatError, match=r"is no JSON|is no list of frames"):
        only(HrcOasa(tmp_path))


def test_unknown_actions_are_refused(tmp_path):
    write_hrc(tmp_path, "P001A009R001")
    with pytest.raises(FormatError, match="unknown action 'A009'; known: A001"):
        HrcOasa(tmp_path).index()


@pytest.mark.realdata
@pytest.mark.slow
def test_hrc_oasa_recordings(realdata):
    clips, frames = {}, {}
    with open_source(realdata / "hrc_oasa") as folder:
        for part in ("original", "corrected", "hands"):
            reader = HrcOasa(folder, part=part)
            clips[part] = reader.index()
            # Frames as stored; loading also counts the few that the numbers skip.
            files = [folder / clip.path for clip in clips[part]]
            frames[part] = sum(len(json.loads(file.read_bytes())) for file in files)
            reader.load(clips[part][0])
        motions = [HrcOasa(folder).load(clip) for clip in clips["original"]]
    assert {part: len(found) for part, found in clips.items()} == {
        "original": 280,
        "corrected": 282,
        "hands": 80,
    }
    assert frames == {"original": 71_691, "corrected": 72_225, "hands": 23_012}
    assert {clip.subject for clip in clips["corrected"]} == {f"P{n:03d}" for n in range(1, 8)}
    seen = torch.cat([motion.mask[motion.mask.any(1)] for motion in motions])
    np.testing.assert_allclose(1 - seen.float().mean(), 0.0235, atol=2e-4)
    shoulders = torch.cat([m.joints[m.mask[:, 2:4].all(1)][:, 2:4] for m in motions])
    assert 0.25 < (shoulders[:, 0] - shoulders[:, 1]).norm(dim=-1).median() < 0.45
