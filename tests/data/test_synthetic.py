"""The procedural actions: rigid, planted, human-sized, different, and repeatable."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.data.actions import ACTIONS
from motiongen.data.body import Body, Pose, bend_limb, solve
from motiongen.data.synthetic import (
    FPS,
    LAYOUT,
    LONGEST,
    SHORTEST,
    _generator,
    class_names,
    make_subject,
    perform,
    synthesise,
)

SKELETON = layouts.get(LAYOUT)


@pytest.fixture(scope="module")
def motions():
    return synthesise(num_subjects=8, repetitions=2)


def of(motions, name):
    return [m for m in motions if m.id.startswith(f"{name}-")]


def joint(motion, name):
    return motion.joints[:, SKELETON.index(name)]


def bone_lengths(motion):
    child, parent = SKELETON.bones.T
    return (motion.joints[:, child] - motion.joints[:, parent]).norm(dim=-1)


def test_every_clip_says_what_it_is(motions):
    assert len(motions) == 8 * 2 * len(class_names())
    assert len({m.id for m in motions}) == len(motions)
    assert {m.subject for m in motions} == {str(n) for n in range(1, 9)}
    for motion in motions:
        assert motion.layout == LAYOUT and motion.fps == FPS and motion.unit == "m"
        assert motion.target is None and bool((motion.confidence == 1).all())
        assert motion.id.startswith(class_names()[motion.label] + "-s")
    assert of(motions, "walk")[5].id == "walk-s03-r02"


def test_bones_are_rigid(motions):
    for motion in motions:
        lengths = bone_lengths(motion)
        assert (lengths.std(dim=0) / lengths.mean(dim=0)).max() < 1e-5


def test_subjects_differ_in_size_and_proportion(motions):
    bones = torch.stack([bone_lengths(m).mean(0) for m in of(motions, "walk")[::2]])
    assert (torch.pdist(bones) > 0.01).all()
    proportions = bones / bones.sum(1, keepdim=True)
    assert (proportions.std(0) / proportions.mean(0)).max() > 0.03
    heights = [make_subject(n).body.height for n in range(1, 200)]
    assert 1.50 <= min(heights) < 1.55 and 1.90 < max(heights) <= 1.95


def test_a_person_keeps_their_body_over_clips(motions):
    mine = [bone_lengths(m).mean(0) for m in motions if m.subject == "3"]
    torch.testing.assert_close(torch.stack(mine), mine[0].expand(len(mine), -1), rtol=0, atol=1e-5)


def test_repetitions_differ(motions):
    for first, second in zip(motions[::2], motions[1::2], strict=True):
        frames = min(first.num_frames, second.num_frames)
        assert (first.joints[:frames] - second.joints[:frames]).abs().mean() > 0.01


def test_lengths_vary_within_bounds(motions):
    lengths = [m.num_frames for m in motions]
    assert SHORTEST <= min(lengths) and max(lengths) <= LONGEST
    assert max(lengths) - min(lengths) >= 20


def test_feet_stay_above_the_ground(motions):
    assert min(float(m.joints[..., 1].min()) for m in motions) > -0.03


@pytest.mark.parametrize("name", ["squat", "bend", "sit_down", "stand_up"])
def test_planted_feet_do_not_slide(motions, name):
    for motion in of(motions, name):
        for part in ("left_ankle", "right_ankle", "left_foot", "right_foot"):
            path = joint(motion, part)
            assert (path - path[0]).norm(dim=-1).max() < 0.005


@pytest.mark.parametrize("name", ["walk", "run", "lunge", "turn"])
def test_feet_on_the_ground_hardly_slide(motions, name):
    for motion in of(motions, name):
        for part in ("left_foot", "right_foot"):
            path = joint(motion, part)
            down = (path[1:, 1] < 0.035 * 1.5) & (path[:-1, 1] < 0.035 * 1.5)
            speed = path.diff(dim=0)[:, (0, 2)].norm(dim=-1) * FPS
            assert speed[down].median() < 0.05


def test_squat_goes_down_and_comes_back(motions):
    for motion in of(motions, "squat"):
        level = joint(motion, "pelvis")[:, 1]
        assert level.min() < 0.72 * level[0]
        assert abs(float(level[-1] - level[0])) < 0.02


def test_jump_leaves_the_ground_as_long_as_gravity_says(motions):
    for motion in of(motions, "jump"):
        toes = torch.minimum(joint(motion, "left_foot"), joint(motion, "right_foot"))[:, 1]
        height = float(toes.max() - toes[0])
        time = float((toes > toes[0] + 0.1 * height).sum() / FPS / np.sqrt(0.9))
        assert height > 0.08
        assert height == pytest.approx(9.81 * time**2 / 8, rel=0.6)


def test_walking_lifts_the_pelvis_by_a_few_centimetres(motions):
    for motion in of(motions, "walk"):
        level = joint(motion, "pelvis")[:, 1]
        assert 0.015 < level.max() - level.min() < 0.09


def test_arms_swing_against_the_legs(motions):
    for name in ("walk", "run"):
        for motion in of(motions, name):
            root = joint(motion, "pelvis")
            leg = (joint(motion, "left_ankle") - root)[:, 2]
            arm = (joint(motion, "left_wrist") - root)[:, 2]
            assert np.corrcoef(leg.numpy(), arm.numpy())[0, 1] < -0.5


def test_hands_meet_in_a_clap(motions):
    for motion in of(motions, "clap"):
        apart = (joint(motion, "left_hand") - joint(motion, "right_hand")).norm(dim=-1)
        assert apart.min() < 0.10
        assert int(((apart[1:-1] < apart[2:]) & (apart[1:-1] < apart[:-2])).sum()) >= 3


def test_left_is_left(motions):
    for motion in of(motions, "bend"):
        assert (joint(motion, "left_shoulder") - joint(motion, "right_shoulder"))[0, 0] > 0.1
        assert (joint(motion, "left_foot") - joint(motion, "left_ankle"))[0, 2] > 0.05


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_a_left_handed_person_is_the_mirror_image(action):
    right = replace(make_subject(1), left_handed=False)
    left = replace(right, left_handed=True)
    one = perform(action, right, _generator(0, 1, 0, 1))
    other = perform(action, left, _generator(0, 1, 0, 1))
    turned = other[:, SKELETON.mirror] * np.array([-1.0, 1.0, 1.0])
    # clips are turned and placed about the floor; distances between joints are not affected
    gaps = [np.linalg.norm(x[:, :, None] - x[:, None], axis=-1) for x in (one, turned, other)]
    np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-9)
    assert np.abs(gaps[0] - gaps[2]).max() > 1e-4


def test_one_sided_actions_are_done_with_either_hand():
    waves = synthesise(num_subjects=20, repetitions=1, classes=["wave"])
    higher = [
        bool(joint(m, "left_hand")[:, 1].max() > joint(m, "right_hand")[:, 1].max()) for m in waves
    ]
    assert higher == [make_subject(n).left_handed for n in range(1, 21)]
    assert 0 < sum(higher) < 10


def features(motions):
    rows = []
    for motion in motions:
        joints = motion.joints - motion.joints[:, 3:4]
        flat = joints.reshape(motion.num_frames, -1).T[None]
        rows.append(torch.nn.functional.interpolate(flat, size=32, mode="linear").flatten())
    return torch.stack(rows)


def test_classes_are_told_apart_by_a_nearest_neighbour(motions):
    labels = torch.tensor([m.label for m in motions])
    subjects = torch.tensor([int(m.subject) for m in motions])
    distance = torch.cdist(features(motions), features(motions))
    distance[subjects[:, None] == subjects[None]] = torch.inf
    accuracy = (labels[distance.argmin(1)] == labels).float().mean()
    assert accuracy > 0.8


def test_a_clip_does_not_depend_on_how_many_are_made(motions):
    few = synthesise(num_subjects=2, repetitions=1, classes=["kick", "walk"])
    by_id = {m.id: m for m in motions}
    assert [m.id for m in few] == ["kick-s01-r01", "walk-s01-r01", "kick-s02-r01", "walk-s02-r01"]
    assert [m.label for m in few] == [0, 1, 0, 1]
    for motion in few:
        assert torch.equal(motion.joints, by_id[motion.id].joints)


def test_another_seed_makes_other_people(motions):
    other = synthesise(num_subjects=1, repetitions=1, seed=1)
    first = [m for m in motions if m.subject == "1" and m.id.endswith("r01")]
    for a, b in zip(first, other, strict=True):
        assert a.id == b.id
        assert a.joints.shape != b.joints.shape or not torch.allclose(a.joints, b.joints)


def test_movement_stays_human(motions):
    # the foot of a hard kick and the hands in a jump reach about 180 m/s2
    for motion in motions:
        acceleration = motion.joints.diff(n=2, dim=0).norm(dim=-1) * FPS**2
        assert acceleration.max() < 220, motion.id


def test_unknown_class_and_bad_counts_are_refused():
    with pytest.raises(ValueError, match=r"\['fly'\] are unknown; known classes: walk"):
        synthesise(1, 1, classes=["fly"])
    with pytest.raises(ValueError, match="0 subjects"):
        synthesise(0)


def test_standing_straight_has_the_height_of_the_body():
    body = Body(1.80)
    pose = Pose(3)
    pose.foot[..., 0] = (0.1, -0.1)
    joints = solve(body, pose)
    assert joints[0, 0, 1] == pytest.approx(0.93 * 1.80, abs=0.03)
    assert np.abs(joints[..., 1].min() - 0.012 * 1.80) < 1e-6


def test_a_limb_reaches_what_it_can_and_bends_towards_the_hint():
    start = np.zeros((2, 3))
    end = np.array([[0.0, -0.5, 0.0], [0.0, -5.0, 0.0]])
    middle, reached = bend_limb(start, end, np.array([[0.0, 0.0, 1.0]] * 2), 0.4, 0.3)
    np.testing.assert_allclose(np.linalg.norm(middle, axis=1), 0.4)
    np.testing.assert_allclose(np.linalg.norm(reached - middle, axis=1), 0.3)
    np.testing.assert_allclose(reached[0], end[0], atol=1e-12)
    assert middle[0, 2] > 0.1
    assert 0.69 < -reached[1, 1] < 0.70
