import json
import warnings

import numpy as np
import pytest
import torch

from motiongen.formats.archive import open_source
from motiongen.formats.base import Clip, FormatError
from motiongen.formats.openpose import OpenPose
from motiongen.formats.openpose5 import OpenPose5
from motiongen.layouts import get

from .files import people, write_frame, write_openpose, write_openpose5


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def test_values(tmp_path):
    values = people(1)
    values[2, 0, 5] = 0
    values[3, 0, 6, 2] = 0
    motion = only(OpenPose(write_openpose(tmp_path / "walk", values), fps=25.0))
    assert (motion.layout, motion.unit, motion.fps) == ("body25", "px", 25.0)
    assert (motion.id, motion.label, motion.subject) == ("walk", None, "")
    assert (~motion.mask).nonzero().tolist() == [[2, 5], [3, 6]]
    expected = torch.tensor(values[:, 0], dtype=torch.float32)
    seen = motion.mask
    assert torch.equal(motion.joints[seen], expected[..., :2][seen] * torch.tensor([1, -1]))
    assert torch.equal(motion.confidence[seen], expected[..., 2][seen])


@pytest.mark.parametrize("layout", ["body25", "body25b", "coco18", "coco17", "h36m17", "halpe26"])
def test_layout_is_told_by_number_and_bones(tmp_path, layout):
    assert only(OpenPose(write_openpose(tmp_path, people(1, layout=layout)))).layout == layout


def test_poses_that_do_not_tell_need_a_layout(tmp_path):
    values = people(1)
    values[..., :2] = np.random.default_rng(0).uniform(10, 90, values[..., :2].shape)
    write_openpose(tmp_path, values)
    with pytest.raises(FormatError, match="25 joints are body25 or body25b, and the poses do not"):
        only(OpenPose(tmp_path))
    assert only(OpenPose(tmp_path, layout="body25b")).layout == "body25b"


KEYS = ("hand_left_keypoints_2d", "hand_right_keypoints_2d", "face_keypoints_2d")


def parts(folder, frames=4, missing=()):
    """A person with hands and face; `missing`: (frame, key) that OpenPose did not find."""
    points = {key: np.full((1, n, 3), 0.5) for key, n in zip(KEYS, (21, 21, 70), strict=True)}
    points = {key: values + 100 * n for n, (key, values) in enumerate(points.items(), 1)}
    for values in points.values():
        values[..., 2] = 0.5
    for frame, persons in enumerate(people(1, frames)):
        found = {key: [[]] if (frame, key) in missing else points[key] for key in KEYS}
        write_frame(folder, frame, persons, **found)
    return folder


@pytest.mark.parametrize(
    "choice, layout, first",
    [
        ("hands", "hands42", {"left_hand_root": 100.5, "right_hand_root": 200.5}),
        ("face", "face70", {"right_jaw_0": 300.5, "left_pupil": 300.5}),
        ("all", "body25_hands_face", {"left_hand_root": 100.5, "left_pupil": 300.5}),
    ],
)
def test_hands_and_face(tmp_path, choice, layout, first):
    motion = only(OpenPose(parts(tmp_path), parts=choice))
    assert motion.layout == layout and motion.mask.all()
    found = {name: motion.joints[0, get(layout).index(name), 0].item() for name in first}
    assert found == first


def test_a_hand_that_was_not_found_is_missing(tmp_path):
    motion = only(OpenPose(parts(tmp_path, missing={(2, KEYS[0])}), parts="hands"))
    assert motion.mask[:, :21].all(1).tolist() == [True, True, False, True]
    assert motion.mask[:, 21:].all()


def test_damaged_hands_are_named(tmp_path, unchecked):
    write_openpose(tmp_path)
    with pytest.raises(FormatError, match=r"people\[0\].hand_left_keypoints_2d: missing"):
        only(OpenPose(tmp_path, parts="hands"))
    file = write_frame(tmp_path, 3, people(1)[0], **{key: [np.ones((20, 3))] for key in KEYS})
    assert file.exists()
    for frame in (0, 1, 2, 4, 5):
        (tmp_path / f"walk_{frame:012d}_keypoints.json").unlink()
    with pytest.raises(FormatError, match="hand_left_keypoints_2d: 20 points, allowed 21 or none"):
        only(OpenPose(tmp_path, parts="hands"))
    with pytest.raises(ValueError, match="parts: found 'feet', allowed body, hands, face, all"):
        OpenPose(tmp_path, parts="feet")


def test_everybody_becomes_a_clip(tmp_path):
    values = people(3, frames=8)
    values[..., 0] += 2 * np.arange(8)[:, None, None]
    frames = [list(frame) for frame in values]
    frames[0], frames[5] = frames[0][1:], frames[5][1:]
    frames[7] = frames[7][:2]
    random = np.random.default_rng(0)
    frames = [[frame[k] for k in random.permutation(len(frame))] for frame in frames]
    reader = OpenPose(write_openpose(tmp_path / "walk", frames), people="all")
    clips = reader.index()
    assert [clip.id for clip in clips] == ["walk/person1", "walk/person2", "walk/person3"]
    second, third, first = (reader.load(clip) for clip in clips)
    expected = torch.tensor(values, dtype=torch.float32)[..., 0]
    assert torch.equal(second.joints[..., 0], expected[:, 1])
    assert torch.equal(third.joints[..., 0], expected[:7, 2])
    assert first.mask.any(1).tolist() == [True] * 4 + [False] + [True] * 2
    with pytest.raises(FormatError, match="no such person; the recording shows 3"):
        reader.load(Clip(".#4", "x"))


@pytest.mark.parametrize("everybody", ["main", "all"])
def test_a_frame_with_another_number_of_joints_is_named(tmp_path, everybody):
    frames = [list(frame) for frame in people(2, frames=6)]
    frames[4][1] = people(1, joints=18)[0, 0]
    reader = OpenPose(write_openpose(tmp_path / "walk", frames), people=everybody)
    words = "frame 4: people of 18 and 25 joints, frame 0 has 25; all must have the same number"
    with pytest.raises(FormatError, match=words):
        reader.load(reader.index()[0])


def test_other_counts_need_a_layout(tmp_path):
    write_openpose(tmp_path, people(1, joints=20))
    with pytest.raises(FormatError, match=r"\[20\] joints.*option `layout`"):
        only(OpenPose(tmp_path))
    assert only(OpenPose(tmp_path, layout="kinect20")).layout == "kinect20"
    with pytest.raises(FormatError, match="layout 'body25' has 25"):
        only(OpenPose(tmp_path, layout="body25"))
    with pytest.raises(ValueError, match="known layouts"):
        OpenPose(tmp_path, layout="body24")


def test_frame_rate_must_be_above_zero(tmp_path):
    with pytest.raises(ValueError, match="fps: found 0"):
        OpenPose(tmp_path, fps=0.0)


def test_classes_come_from_folders_of_folders(tmp_path):
    for name in ("run/one", "walk/one", "walk/two"):
        write_openpose(tmp_path / name)
    reader = OpenPose(tmp_path)
    assert [(clip.id, clip.label) for clip in reader.index()] == [
        ("run/one", "run"),
        ("walk/one", "walk"),
        ("walk/two", "walk"),
    ]
    assert reader.classes == ("run", "walk")
    assert [reader.load(clip).label for clip in reader.index()] == [0, 1, 1]


@pytest.mark.parametrize("names", [("one", "two"), ("a/b/one", "a/b/two"), ("walk/one", "two")])
def test_other_depths_have_no_classes(tmp_path, names):
    for name in names:
        write_openpose(tmp_path / name)
    reader = OpenPose(tmp_path)
    assert [clip.label for clip in reader.index()] == [None, None]
    assert reader.classes == ()


def test_several_videos_in_one_folder(tmp_path):
    write_openpose(tmp_path, stem="one")
    write_openpose(tmp_path, people(1, frames=3), stem="take_2")
    reader = OpenPose(tmp_path)
    frames = {clip.id: reader.load(clip).num_frames for clip in reader.index()}
    assert frames == {"one": 6, "take_2": 3}


def test_other_names_of_frames(tmp_path):
    for number, persons in enumerate(people(1)):
        file = write_frame(tmp_path, number, persons)
        file.rename(tmp_path / f"cam_01.{number:05d}.json")
    assert only(OpenPose(tmp_path)).num_frames == 6


def test_frames_are_sorted_by_number(tmp_path):
    values = people(1, frames=12)
    values[:, 0, :, 0] += np.arange(12)[:, None]
    for number, persons in enumerate(values):
        write_frame(tmp_path, number, persons).rename(tmp_path / f"{number}.json")
    assert (only(OpenPose(tmp_path)).joints[..., 0].diff(dim=0) > 0).all()


def test_time_is_kept_where_frames_are_missing(tmp_path):
    values = people(1)
    for number, frame in zip([10, 11, 14, 15], values, strict=False):
        write_frame(tmp_path, number, frame)
    write_frame(tmp_path, 16, [])
    write_frame(tmp_path, 17, [[]])
    motion = only(OpenPose(tmp_path))
    assert motion.mask.any(1).tolist() == [True, True, False, False, True, True, False, False]


def test_frame_numbers_too_far_apart_are_refused(tmp_path):
    for number in (0, 999_999_999):
        write_frame(tmp_path, number, people(1)[0])
    with pytest.raises(FormatError, match="span 1000000000 frames"):
        only(OpenPose(tmp_path))


def test_nobody_at_all_is_read_as_missing(tmp_path):
    motion = only(OpenPose(write_openpose(tmp_path, [[], []])))
    assert motion.joints.shape == (2, 25, 2) and not motion.mask.any()


def test_the_most_confident_person_is_followed(tmp_path):
    values = people(3)
    values[:, 1, :, 2] = 1.0
    values[:, 1, :, 0] += np.arange(6)[:, None]
    order = np.random.default_rng(0).permuted(np.tile(np.arange(3), (6, 1)), axis=1)
    write_openpose(tmp_path, [frame[row] for frame, row in zip(values, order, strict=True)])
    with pytest.warns(UserWarning, match="12 skeletons of other people ignored"):
        motion = only(OpenPose(tmp_path))
    expected = torch.tensor(values[:, 1, :, 0], dtype=torch.float32)
    assert torch.equal(motion.joints[..., 0], expected)


def test_the_person_is_found_again_after_a_gap(tmp_path):
    values = people(2)
    values[:, 1, :, 2] = 1.0
    write_openpose(tmp_path, [values[0], [], values[2][::-1]])
    with pytest.warns(UserWarning, match="2 skeletons"):
        motion = only(OpenPose(tmp_path))
    assert torch.equal(motion.joints[2], motion.joints[0]) and not motion.mask[1].any()


def test_scores_slightly_above_one_are_one(tmp_path):
    motion = only(OpenPose(write_openpose(tmp_path, people(1, confidence=1.04))))
    assert (motion.confidence == 1).all()


def with_value(value, column):
    person = people(1)[0, 0]
    person[7, column] = value
    return {"people": [{"pose_keypoints_2d": person.ravel().tolist()}]}


@pytest.mark.parametrize(
    "content, match",
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "key 'people': missing"),
        (json.dumps({"people": {}}), "key 'people': missing"),
        (json.dumps({"people": [3]}), r"people\[0\].pose_keypoints_2d: missing"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 2]}]}), "triples"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 2, "x"]}]}), "not a number"),
        (json.dumps({"people": [{"pose_keypoints_2d": [1, 2, True]}]}), "not a number"),
        (json.dumps({"people": [{"pose_keypoints_2d": [10**400, 2, 1]}]}), "too large"),
        (json.dumps(with_value(np.nan, 0)), "joint 7: x is nan"),
        (json.dumps(with_value(np.inf, 1)), "joint 7: y is inf"),
        (json.dumps(with_value(3e6, 1)), "joint 7: y is 3000000"),
        (json.dumps(with_value(-0.1, 2)), "joint 7: c is -0.1"),
        (json.dumps(with_value(255.0, 2)), "joint 7: c is 255"),
    ],
)
def test_damaged_frames_are_named(tmp_path, content, match):
    write_openpose(tmp_path)
    name = "walk_000000000003_keypoints.json"
    (tmp_path / name).write_text(content)
    with pytest.raises(FormatError, match=match) as caught:
        only(OpenPose(tmp_path))
    assert caught.value.path == name


def test_layouts_that_change_are_refused(tmp_path):
    write_openpose(tmp_path)
    write_frame(tmp_path, 2, people(1, joints=18)[0])
    with pytest.raises(FormatError, match="frame 2: people of 18 joints, frame 0 has 25"):
        only(OpenPose(tmp_path))


def test_doubled_frame_numbers_are_refused(tmp_path):
    write_openpose(tmp_path)
    (tmp_path / "walk_0003.json").write_text("{}")
    with pytest.raises(FormatError, match="frame 3 is also in"):
        OpenPose(tmp_path).index()


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_sources_without_clips_are_refused(tmp_path, content):
    if content:
        (tmp_path / content).write_text("x")
    with pytest.raises(FormatError, match="no clip found"):
        OpenPose(tmp_path).index()


def test_one_frame_file_is_no_clip(tmp_path):
    with pytest.raises(FormatError, match="is one frame"):
        OpenPose(write_frame(tmp_path, 0, people(1)[0])).index()


def test_openpose5_values(tmp_path):
    values = people(1)[:, 0]
    values[2, 5] = 0
    values[3, 6, 2] = 0
    write_openpose5(tmp_path, "p28_guitar_01", values)
    reader = OpenPose5(tmp_path)
    motion = only(reader)
    assert (motion.layout, motion.unit, motion.fps) == ("body25", "px", None)
    assert (motion.id, motion.label, motion.subject) == ("p28_guitar_01", 2, "28")
    assert motion.num_frames == 6
    assert (~motion.mask).nonzero().tolist() == [[2, 5], [3, 6]]
    expected = torch.tensor(values[..., 1], dtype=torch.float32)
    assert torch.equal(-motion.joints[..., 1][motion.mask], expected[motion.mask])


def test_openpose5_checks_the_second_copy(tmp_path):
    file = write_openpose5(tmp_path)
    lines = file.read_text().splitlines()
    numbers = lines[8].split(",")
    numbers[3 * 4 + 1] = "7.5"
    file.write_text("\n".join([*lines[:8], ",".join(numbers), *lines[9:]]))
    joint = get("body25").joints[4]
    with pytest.raises(FormatError, match=f"frame 2, joint '{joint}': .* but 7.5 in the second"):
        only(OpenPose5(tmp_path))


@pytest.mark.parametrize(
    "rows, match",
    [
        (slice(0, 11), "11 rows, allowed is an even number"),
        (slice(0, 10), "second copy, frame 0, joint 'nose': 75 numbers .* exactly 79"),
        (slice(0, 6), "second copy, .*: 75 numbers"),
        (slice(2, 12), "frame 4, joint 'nose': 79 numbers .* exactly 75"),
    ],
)
def test_openpose5_truncated(tmp_path, rows, match):
    file = write_openpose5(tmp_path)
    file.write_text("\n".join(file.read_text().splitlines()[rows]))
    with pytest.raises(FormatError, match=match):
        only(OpenPose5(tmp_path))


def test_openpose5_unknown_actions_are_refused(tmp_path):
    write_openpose5(tmp_path, "p1_dancing_01")
    with pytest.raises(FormatError, match="unknown action 'dancing'; known: boxing"):
        OpenPose5(tmp_path).index()


def test_openpose5_confidence_is_checked(tmp_path):
    values = people(1)[:, 0]
    values[1, 3, 2] = 1.5
    write_openpose5(tmp_path, values=values)
    with pytest.raises(FormatError, match=r"frame 1, joint .*: confidence 1.5"):
        only(OpenPose5(tmp_path))


@pytest.mark.realdata
@pytest.mark.slow
def test_openpose5_recordings(realdata):
    with open_source(realdata / "openpose5") as folder:
        reader = OpenPose5(folder)
        clips = reader.index()
        assert len(clips) == 1167 and len({clip.subject for clip in clips}) == 27
        assert {clip.label for clip in clips} == set(reader.classes)
        for clip in clips[::300]:
            motion = reader.load(clip)
            nose, hip = (get("body25").index(name) for name in ("nose", "pelvis"))
            seen = motion.mask[:, nose] & motion.mask[:, hip]
            assert (motion.joints[seen, nose, 1] > motion.joints[seen, hip, 1]).all()


@pytest.mark.realdata
def test_recordings_of_several_cameras(realdata):
    reader = OpenPose(realdata / "pose2sim_multiview", fps=60.0)
    clips = reader.index()
    assert len(clips) == 20 and reader.classes == ()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        motions = {clip.id: reader.load(clip) for clip in clips}
    assert any("199 skeletons" in str(warning.message) for warning in caught)
    assert {motion.layout for motion in motions.values()} == {"body25b"}
    assert sum(motion.num_frames for motion in motions.values()) == 3 * 48 + 2 * 400
    body = get("body25b")
    for name, motion in motions.items():
        assert motion.num_frames == (12 if "Static" in name else 100)
        nose, ankle = (motion.joints[:, body.index(joint), 1] for joint in ("nose", "left_ankle"))
        assert nose.median() > ankle.median()
    # Confidences of 1 and 16 % missing where somebody stands still, real ones elsewhere.
    still = torch.cat([m.confidence for name, m in motions.items() if "P00_T00" in name])
    assert (still[still > 0] == 1).all() and 0.15 < (still == 0).float().mean() < 0.17


@pytest.mark.realdata
def test_people_of_several_cameras(realdata):
    reader = OpenPose(realdata / "pose2sim_multiview", people="all")
    motions = [reader.load(clip) for clip in reader.index()]
    lengths = sorted(motion.num_frames for motion in motions)
    # Two detections that come out of nothing for one frame; all others are seen throughout.
    assert len(motions) == 30 and lengths == [1, 1] + 12 * [12] + [98] + 15 * [100]
    assert all(motion.mask.any(1).all() for motion in motions)
