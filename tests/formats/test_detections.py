"""AlphaPose and COCO, and what all readers of several people share."""

import json
import time

import numpy as np
import pytest
import torch

from motiongen.formats.alphapose import AlphaPose
from motiongen.formats.base import FormatError
from motiongen.formats.coco import CocoKeypoints
from motiongen.formats.tracks import MAX_GAP, Detection, main_person, tracks

from .files import coco_annotations, people, write_alphapose, write_coco


def only(reader):
    (clip,) = reader.index()
    return reader.load(clip)


def frames_of(values, order=None):
    """Detections of each frame, in another order. Shapes: values [T,P,J,3]."""
    random = np.random.default_rng(0)
    return {
        number: [Detection(frame[k]) for k in random.permutation(len(frame))]
        for number, frame in enumerate(values)
    }


class TestTracks:
    def test_people_who_cross_stay_themselves(self):
        values = people(2, frames=41)
        values[:, 0, :, 0] += np.linspace(0, 200, 41)[:, None]
        values[:, 1, :, 0] -= np.linspace(0, 200, 41)[:, None]
        values[:, 1, :, 1] += 25
        first, second = tracks(frames_of(values))
        assert all(np.array_equal(first[k], values[k, 0]) for k in range(41))
        assert all(np.array_equal(second[k], values[k, 1]) for k in range(41))

    @pytest.mark.parametrize("gap, found", [(MAX_GAP - 1, 1), (MAX_GAP + 1, 2)])
    def test_gaps_are_bridged_up_to_a_limit(self, gap, found):
        person = people(1, frames=1)[0, 0]
        frames = {0: [Detection(person)], 1: [], 1 + gap: [Detection(person)]}
        assert len(tracks(frames)) == found

    def test_who_jumps_is_somebody_else(self):
        values = people(1, frames=6)
        values[3:, ..., 0] += 500
        assert [sorted(track) for track in tracks(frames_of(values))] == [[0, 1, 2], [3, 4, 5]]

    def test_numbers_of_the_estimator_decide(self):
        values = people(2)
        frames = {
            number: [Detection(frame[k], (k + number // 3) % 2) for k in (0, 1)]
            for number, frame in enumerate(values)
        }
        first, second = tracks(frames)
        assert np.array_equal(first[0], values[0, 0]) and np.array_equal(first[3], values[3, 1])
        assert sorted(first) == sorted(second) == list(range(6))

    def test_missing_joints_do_not_move_anybody(self):
        values = people(2, frames=10)
        values[4, :, ::2] = 0
        assert [len(track) for track in tracks(frames_of(values))] == [10, 10]

    def test_a_crowd_that_jumps_takes_no_time(self):
        """Where nobody is found again, every frame is compared with all of the last 30."""
        values = people(60, frames=20)
        values[..., :2] += np.random.default_rng(0).uniform(0, 1e5, (20, 60, 1, 2))
        began = time.process_time()
        assert len(tracks(frames_of(values))) > 1000
        assert time.process_time() - began < 10

    def test_the_main_person_and_the_fragments_between(self):
        """Somebody seen briefly beside the main person is no part of it; before and after is."""
        long, brief = people(2, frames=1)[0]
        main = {frame: long for frame in range(10, 30)}
        found = [main, dict.fromkeys(range(12, 20), brief), {2: long, 3: long}, {29: brief}]
        assert sorted(main_person(found)) == [2, 3, *range(10, 30)]
        assert main_person([]) == {}


def test_alphapose_values(tmp_path):
    values = people(1, joints=17)
    values[2, 0, 4] = 0
    file = write_alphapose(tmp_path / "out" / "alphapose-results.json", values)
    motion = only(AlphaPose(tmp_path, fps=30.0))
    assert (motion.layout, motion.unit, motion.fps) == ("coco17", "px", 30.0)
    assert motion.id == "out" and motion.source == file.relative_to(tmp_path).as_posix()
    assert (~motion.mask).nonzero().tolist() == [[2, 4]]
    expected = torch.tensor(values[:, 0], dtype=torch.float32)[..., :2] * torch.tensor([1, -1])
    assert torch.equal(motion.joints[motion.mask], expected[motion.mask])


@pytest.mark.parametrize("layout", ["halpe26", "halpe136", "coco_wholebody133", "h36m17"])
def test_alphapose_layouts(tmp_path, layout):
    write_alphapose(tmp_path / "walk.json", people(1, layout=layout))
    assert only(AlphaPose(tmp_path)).layout == layout


@pytest.mark.parametrize("key, points", [("people", "pose_keypoints_2d"), ("bodies", "joints")])
def test_alphapose_mappings(tmp_path, key, points):
    values = people(1, joints=18)
    content = {
        f"{number}.jpg": {"version": "x", key: [{points: np.ravel(frame).tolist()}]}
        for number, frame in enumerate(values)
    }
    content["9.jpg"] = {"version": "x", key: []}
    (tmp_path / "walk.json").write_text(json.dumps(content))
    motion = only(AlphaPose(tmp_path))
    assert motion.layout == "coco18" and motion.mask.any(1).tolist() == [True] * 6 + [False] * 4


def test_alphapose_people(tmp_path):
    values = people(2, joints=17)
    values[3, 0, :, :2] += 1
    write_alphapose(tmp_path / "class" / "walk.json", values, ids=[7, [3.0]])
    write_alphapose(tmp_path / "other" / "walk.json", values[:, ::-1])
    reader = AlphaPose(tmp_path, people="all")
    clips = reader.index()
    assert reader.classes == ("class", "other")
    assert [clip.id for clip in clips] == [
        f"{folder}/walk/person{n}" for folder in ("class", "other") for n in (1, 2)
    ]
    first, second, *others = (reader.load(clip) for clip in clips)
    assert torch.equal(others[0].joints, first.joints)
    assert torch.equal(others[1].joints, second.joints)


def test_coco_annotations(tmp_path):
    content = coco_annotations()
    content["annotations"][2]["keypoints"][3 * 5 + 2] = 1
    content["annotations"][2]["keypoints"][3 * 6 + 2] = 0
    del content["annotations"][4]
    write_coco(tmp_path / "walk.json", content)
    motion = only(CocoKeypoints(tmp_path))
    assert (motion.layout, motion.id, motion.num_frames) == ("coco17", "walk", 6)
    assert motion.confidence[2, 5] == 0.5 and motion.confidence[2, 6] == 0
    assert motion.mask.any(1).tolist() == [True] * 4 + [False, True]


def test_coco_results(tmp_path):
    values = people(1, joints=17)
    content = [
        {"image_id": 5 + n, "category_id": 1, "keypoints": np.ravel(f).tolist(), "score": 0.8}
        for n, f in enumerate(values)
    ]
    motion = only(CocoKeypoints(write_coco(tmp_path / "walk.json", content)))
    assert motion.num_frames == 6 and (motion.confidence == np.float32(0.9)).all()


def test_coco_keypoints_of_other_names_need_a_layout(tmp_path):
    names = [f"joint{n}" for n in range(17)]
    file = write_coco(
        tmp_path / "walk.json", coco_annotations(categories=[{"id": 1, "keypoints": names}])
    )
    with pytest.raises(FormatError, match="keypoint 'joint0' where COCO has 'nose'"):
        only(CocoKeypoints(file))
    assert only(CocoKeypoints(file, layout="h36m17")).layout == "h36m17"


def alphapose_content(file):
    return json.loads(write_alphapose(file).read_text())


def change_keypoint(value, at=4):
    return lambda records: records[2]["keypoints"].__setitem__(at, value)


DAMAGE = [
    (change_keypoint("x"), "key 'keypoints': holds something that is not a number"),
    (change_keypoint(float("nan")), "joint 1: y is nan"),
    (change_keypoint(1e9), "joint 1: y is 1000000000.0"),
    (change_keypoint(10**400), "key 'keypoints': int too large"),
    (change_keypoint(7.0, 5), "joint 1: c is 7.0"),
    (lambda records: records[2]["keypoints"].pop(), "no list of x, y, confidence triples"),
    (lambda records: records[2]["keypoints"].clear(), "all must have the same number"),
    (lambda records: records[2].pop("keypoints"), "key 'keypoints'"),
    (lambda records: records[2].pop("image_id"), "key 'image_id' is missing"),
    (lambda records: records[2].update(image_id=10**8), "span 100000001 frames"),
]


@pytest.mark.parametrize("change, reason", DAMAGE)
@pytest.mark.parametrize("form", ["alphapose", "coco annotations", "coco results"])
def test_damage_is_named(tmp_path, form, change, reason):
    file, reader = tmp_path / "walk.json", AlphaPose if form == "alphapose" else CocoKeypoints
    content = coco_annotations() if form == "coco annotations" else alphapose_content(file)
    records = content["annotations"] if isinstance(content, dict) else content
    if form == "coco results":
        for row, record in enumerate(records):
            record["image_id"] = row
    change(records)
    file.write_text(json.dumps(content))
    with pytest.raises(FormatError) as caught:
        only(reader(tmp_path))
    if form == "coco annotations" and "span" in reason:
        reason = "image_id 100000000 is not among the images"
    assert caught.value.path == "walk.json" and reason in caught.value.reason


@pytest.mark.parametrize(
    "content, reason",
    [
        (
            [{"image_id": "cat.jpg", "keypoints": []}],
            "'cat.jpg': its name ends in no frame number",
        ),
        ([{"image_id": "1", "keypoints": [], "idx": "a"}], "key 'idx': found 'a'"),
        ({"1.jpg": {}}, "picture '1.jpg': no list 'people' or 'bodies'"),
        ({"1.jpg": {"people": []}, "01.jpg": {"people": []}}, "frame 1 is doubled"),
        ({"1.jpg": {"people": [{}]}}, "people[0]: key 'pose_keypoints_2d' is missing"),
        ("text", "is neither a list of detections nor a mapping"),
        ([], "holds no frames"),
    ],
)
def test_damaged_alphapose_is_named(tmp_path, content, reason):
    (tmp_path / "walk.json").write_text(json.dumps(content))
    with pytest.raises(FormatError) as caught:
        only(AlphaPose(tmp_path))
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"images": [{"id": 1}, {"id": 1}]}, "two images have one id"),
        ({"images": [{"id": "1"}]}, "images[0]: key 'id' is missing or holds no whole number"),
        ({"annotations": None}, "key 'annotations' is missing"),
        ({"annotations": [{"image_id": 100, "keypoints": [1, 1, 0.5]}]}, "flag 0.5, allowed"),
        (
            {"annotations": [{"image_id": 100, "keypoints": [1, 1, 1], "track_id": "a"}]},
            "track_id 'a' is no whole number",
        ),
    ],
)
def test_damaged_coco_is_named(tmp_path, change, reason):
    write_coco(tmp_path / "walk.json", coco_annotations(**change))
    with pytest.raises(FormatError) as caught:
        only(CocoKeypoints(tmp_path))
    assert reason in caught.value.reason
