"""What every corruption promises, and what each of them does."""

import numpy as np
import pytest
import torch
import yaml

from motiongen import layouts
from motiongen.data.synthetic import synthesise
from motiongen.motion import Motion
from motiongen.noise import (
    Compose,
    Drift,
    Dropout,
    Estimator,
    FrameLoss,
    Jitter,
    Noise,
    Occlusion,
    Outliers,
    Swap,
    estimator,
    noisy_view,
)
from motiongen.stature import body_height

SKELETON = layouts.get("kinect20")
NOISES = [
    Jitter(0.01),
    Jitter(0.01, distal=0.5),
    Drift(0.02),
    Outliers(0.1),
    Swap(0.3),
    Occlusion(0.3),
    FrameLoss(0.2),
    Dropout(0.2),
    estimator(3),
    Estimator(5),
]
ZERO = [
    Jitter(0.0),
    Drift(0.0),
    Outliers(0.0),
    Outliers(scale=0.0),
    Swap(0.0),
    Occlusion(0.0),
    FrameLoss(0.0),
    Dropout(0.0),
    Compose(),
    estimator(0),
    Estimator(0),
]


def name(noise):
    return type(noise).__name__


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def clips():
    return synthesise(num_subjects=4, repetitions=1)


@pytest.fixture(scope="module")
def still():
    """A person who stands still for a long time."""
    clip = synthesise(1, 1, classes=["wave"])[0]
    return Motion(clip.joints[:1].repeat(4000, 1, 1), torch.ones(4000, 20), "kinect20", fps=20.0)


@pytest.fixture(scope="module")
def flat(clips):
    """A clip in pixels, with joints that were not seen."""
    clip = clips[0]
    confidence = torch.ones(clip.num_frames, 20) * 0.9
    confidence[3:9, 5] = 0.0
    joints = 200 * clip.joints[..., :2]
    return Motion(joints, confidence, "kinect20", unit="px")


@pytest.mark.parametrize("noise", NOISES, ids=name)
def test_input_stays_and_the_clean_joints_become_the_target(noise, clips):
    clip = clips[0]
    joints, confidence = clip.joints.clone(), clip.confidence.clone()
    noisy = noise(clip, generator())
    assert isinstance(noise, Noise)
    assert torch.equal(clip.joints, joints) and torch.equal(clip.confidence, confidence)
    assert torch.equal(noisy.target, joints)
    assert not torch.equal(noisy.joints, joints)
    assert (noisy.id, noisy.label, noisy.fps) == (clip.id, clip.label, clip.fps)


@pytest.mark.parametrize("noise", NOISES, ids=name)
def test_a_target_that_was_there_stays(noise, clips):
    truth = clips[0].joints + 1.0
    noisy = noise(clips[0].replace(target=truth), generator())
    assert torch.equal(noisy.target, truth)


@pytest.mark.parametrize("noise", NOISES, ids=name)
def test_seeded(noise, clips):
    first, again = (noise(clips[1], generator(3)) for _ in range(2))
    other = noise(clips[1], generator(4))
    assert torch.equal(first.joints, again.joints)
    assert torch.equal(first.confidence, again.confidence)
    assert not torch.equal(first.joints, other.joints)


@pytest.mark.parametrize("noise", NOISES, ids=name)
def test_global_random_state_is_left_alone(noise, clips):
    before = torch.get_rng_state()
    noise(clips[0], generator())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("noise", NOISES, ids=name)
def test_confidence_is_in_range_and_what_is_unseen_is_zero(noise, clips, flat):
    for clip in (*clips[:6], flat):
        noisy = noise(clip, generator())
        assert 0.0 <= noisy.confidence.min() and noisy.confidence.max() <= 1.0
        assert bool((noisy.joints[~noisy.mask] == 0).all())
        assert not bool((noisy.mask & ~clip.mask).any())


@pytest.mark.parametrize("noise", ZERO, ids=name)
def test_zero_strength_changes_nothing(noise, clips, flat):
    for clip in (clips[0], flat):
        noisy = noise(clip, generator())
        assert torch.equal(noisy.joints, clip.joints)
        assert torch.equal(noisy.confidence, clip.confidence)


@pytest.mark.parametrize("noise", NOISES, ids=name)
@pytest.mark.parametrize("frames", [0, 1])
def test_short_clips(noise, frames):
    clip = Motion(torch.ones(frames, 20, 3), torch.ones(frames, 20), "kinect20")
    assert noise(clip, generator()).joints.shape == (frames, 20, 3)


@pytest.mark.parametrize("layout", layouts.names())
def test_every_layout_in_two_and_three_dimensions(layout):
    joints = layouts.get(layout).num_joints
    for channels in (2, 3):
        clip = Motion(
            torch.randn(30, joints, channels, generator=generator()),
            torch.ones(30, joints),
            layout,
        )
        noisy = estimator(4)(clip, generator())
        assert torch.isfinite(noisy.joints).all()
        assert noisy.mask.any() and not noisy.mask.all()


def test_nothing_seen_stays_nothing_seen():
    clip = Motion(torch.zeros(9, 20, 3), torch.zeros(9, 20), "kinect20")
    noisy = estimator(5)(clip, generator())
    assert not noisy.mask.any()


def test_jitter_has_the_size_and_the_correlation_that_it_says(still):
    noise = Jitter(0.02, correlation=0.7)
    error = noise(still, generator()).joints - still.joints
    assert error.norm(dim=-1).square().mean().sqrt() == pytest.approx(
        0.02 * body_height(still), rel=0.03
    )
    lag = (error[1:] * error[:-1]).sum() / error.square().sum()
    assert float(lag) == pytest.approx(0.7, abs=0.01)
    second = (error[2:] * error[:-2]).sum() / error.square().sum()
    assert float(second) == pytest.approx(0.49, abs=0.02)


def test_jitter_is_the_same_share_in_two_dimensions(still):
    plane = Motion(still.joints[..., :2], still.confidence, "kinect20")
    error = (Jitter(0.02)(plane, generator()).joints - plane.joints).norm(dim=-1)
    expected = 0.02 * body_height(plane)
    assert error.square().mean().sqrt() == pytest.approx(expected, rel=0.03)


def test_distal_joints_shake_more(still):
    error = (Jitter(0.02, distal=0.5)(still, generator()).joints - still.joints).norm(dim=-1)
    level = error.square().mean(0).sqrt()
    hand, elbow, root = (level[SKELETON.index(j)] for j in ("left_hand", "left_elbow", "pelvis"))
    assert hand > 1.2 * elbow > 1.4 * root
    assert level.mean() == pytest.approx(0.02 * body_height(still), rel=0.03)


def test_drift_moves_the_body_as_a_whole(still):
    shift = Drift(0.02)(still, generator()).joints - still.joints
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift), atol=1e-5, rtol=0)
    assert bool((shift[0] == 0).all())
    second = (shift[20:] - shift[:-20])[:, 0]
    assert second.std() == pytest.approx(0.02 * body_height(still), rel=0.25)


def test_outliers_hit_the_share_that_they_say(still):
    noisy = Outliers(0.03, 0.2)(still, generator())
    error = (noisy.joints - still.joints).norm(dim=-1) / body_height(still)
    hit = error > 0
    assert hit.float().mean() == pytest.approx(0.03, rel=0.1)
    assert 0.0999 < error[hit].min() and error.max() < 0.3001
    assert bool((noisy.confidence[~hit] == 1).all())
    assert noisy.confidence[hit].mean() < 0.4


def test_swap_exchanges_whole_limbs_in_runs(still):
    noisy = Swap(0.05, length=4.0)(still, generator())
    mirror = list(SKELETON.mirror)
    swapped = (noisy.joints == still.joints[:, mirror]).all(-1)
    kept = (noisy.joints == still.joints).all(-1)
    assert bool((swapped | kept).all())
    arm = [SKELETON.index(f"left_{part}") for part in ("shoulder", "elbow", "wrist", "hand")]
    hit = swapped[:, arm]
    assert bool((hit.all(1) == hit.any(1)).all())
    assert torch.equal(hit[:, 0], swapped[:, SKELETON.index("right_elbow")])
    assert hit[:, 0].float().mean() == pytest.approx(0.05, abs=0.02)
    starts = (hit[1:, 0] & ~hit[:-1, 0]).sum()
    assert float(hit[:, 0].sum() / starts) == pytest.approx(4.0, rel=0.4)
    assert bool((noisy.confidence[swapped & ~kept] < 1).all())


@pytest.mark.parametrize("share", [0.08, 0.35])
def test_occlusion_hides_the_share_that_it_says(clips, share):
    views = [noisy_view(c, Occlusion(share), 0, i) for i, c in enumerate(clips * 3)]
    hidden = torch.cat([(~view.mask).float() for view in views])
    assert hidden.mean() == pytest.approx(share, rel=0.12)
    # the same for joints of limbs and others
    head = hidden[:, SKELETON.index("head")].mean()
    assert float(head) == pytest.approx(share, rel=0.35)
    # a hidden joint stays hidden for a while, and takes its limb along
    wrist, elbow = (hidden[:, SKELETON.index(f"left_{part}")] for part in ("wrist", "elbow"))
    assert (wrist[1:] * wrist[:-1]).sum() / wrist.sum() > 0.7
    assert (wrist * elbow).mean() > 1.3 * wrist.mean() * elbow.mean()


def test_frames_are_lost_whole(clips):
    views = [noisy_view(c, FrameLoss(0.1), 0, i) for i, c in enumerate(clips * 3)]
    hidden = torch.cat([~view.mask for view in views])
    assert torch.equal(hidden.any(1), hidden.all(1))
    assert hidden.float().mean() == pytest.approx(0.1, rel=0.15)


def test_dropout_hits_single_joints(still):
    hidden = ~Dropout(0.2)(still, generator()).mask
    assert hidden.float().mean() == pytest.approx(0.2, rel=0.03)
    assert not hidden.all(1).any()


@pytest.mark.parametrize(
    ("severity", "occluded", "lost"),
    [(1, 0.03, 0.005), (2, 0.08, 0.01), (3, 0.15, 0.02), (4, 0.25, 0.04), (5, 0.35, 0.08)],
)
def test_severity_hides_what_its_numbers_say(clips, severity, occluded, lost):
    views = [noisy_view(c, Estimator(severity), 1, i) for i, c in enumerate(clips * 3)]
    hidden = torch.cat([(~view.mask).float() for view in views])
    assert hidden.mean() == pytest.approx(1 - (1 - occluded) * (1 - lost), rel=0.15)


def mean_error(clips, severity):
    errors = []
    for index, clip in enumerate(clips):
        view = noisy_view(clip, Estimator(severity), 0, index)
        errors.append((view.joints - clip.joints).norm(dim=-1)[view.mask])
    return float(torch.cat(errors).mean())


def test_error_rises_with_severity(clips):
    errors = [mean_error(clips[::3], severity) for severity in range(6)]
    assert errors[0] == 0
    assert all(1.5 * low < high for low, high in zip(errors[1:], errors[2:], strict=False))


def test_confidence_knows_something_of_the_error_but_not_all(clips):
    views = [noisy_view(c, Estimator(2), 0, i) for i, c in enumerate(clips)]
    pairs = zip(views, clips, strict=True)
    error = torch.cat([(v.joints - c.joints).norm(dim=-1)[v.mask] for v, c in pairs]).numpy()
    confidence = torch.cat([v.confidence[v.mask] for v in views]).numpy()
    ranks = np.corrcoef(error.argsort().argsort(), confidence.argsort().argsort())[0, 1]
    assert -0.95 < ranks < -0.3


def test_height_does_not_depend_on_pose_unit_or_noise(clips):
    mine = [c for c in clips if c.subject == "1"]
    heights = [body_height(c) for c in mine]
    assert max(heights) - min(heights) < 1e-4
    assert body_height(mine[0].replace(joints=100 * mine[0].joints)) == pytest.approx(
        100 * heights[0], rel=1e-5
    )
    assert body_height(Estimator(5)(mine[0], generator())) == pytest.approx(heights[0], rel=0.02)
    squat = next(c for c in mine if c.id.startswith("squat"))
    plane = Motion(squat.joints[..., :2], squat.confidence, "kinect20")
    assert body_height(plane) == pytest.approx(heights[0], rel=0.08)


def test_a_view_is_a_function_of_seed_epoch_and_index(clips):
    noise, clip = Estimator(2), clips[0]
    same = noisy_view(clip, noise, 5, 7, epoch=1)
    assert torch.equal(same.joints, noisy_view(clip, noise, 5, 7, epoch=1).joints)
    keys = [(5, 7, 0), (5, 8, 1), (6, 7, 1), (7, 5, 1), (1, 5, 7), (5, 1, 7)]
    others = [noisy_view(clip, noise, seed, index, epoch) for seed, index, epoch in keys]
    for view in others:
        assert not torch.equal(view.joints, same.joints)
    assert len({view.joints.sum().item() for view in others}) == len(keys)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Jitter(-0.1), "Jitter.scale: found -0.1, allowed 0 or above"),
        (lambda: Jitter(correlation=1.5), "Jitter.correlation: found 1.5, allowed 0 to 1"),
        (lambda: Outliers(float("nan")), "Outliers.rate: found nan"),
        (lambda: Occlusion(1.0), "must be below 1"),
        (lambda: FrameLoss(1.0), "must be below 1"),
        (lambda: Estimator(6), "severity: found 6, allowed 0 to 5"),
    ],
)
def test_bad_strengths_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_configurations_name_the_estimator(pytestconfig, severity):
    path = pytestconfig.rootpath / "configs" / "noise" / f"severity{severity}.yaml"
    content = yaml.safe_load(path.read_text())["data"]["noise"]
    assert content["class_path"] == "motiongen.noise.Estimator"
    assert Estimator(**content["init_args"]) == Estimator(severity)


def shake(motion):
    """Second difference (mean) and spread of bone lengths, as shares of height and length."""
    seen = motion.mask[2:] & motion.mask[1:-1] & motion.mask[:-2]
    second = motion.joints.diff(n=2, dim=0).norm(dim=-1)[seen].mean() / body_height(
        motion.replace(target=None)
    )
    child, parent = layouts.get(motion.layout).bones.T
    both = motion.mask[:, child] & motion.mask[:, parent]
    length = (motion.joints[:, child] - motion.joints[:, parent]).norm(dim=-1)
    spreads = []
    for bone in range(len(child)):
        values = length[both[:, bone], bone]
        if len(values) > 5 and values.median() > 0.03:
            spreads.append(values.std() / values.mean())
    return float(second), float(torch.stack(spreads).mean())


@pytest.mark.realdata
def test_severity_two_resembles_a_kinect(realdata):
    from motiongen.formats.ui_prmd import UiPrmd
    from motiongen.transforms import resample

    reader = UiPrmd(realdata / "ui_prmd", sensor="kinect", quality="correct")
    kinect = np.array([shake(reader.load(clip)) for clip in reader.index()[::12]])
    slow = ["squat", "lunge", "bend", "sit_down", "stand_up", "raise_arms"]
    clean = [resample(clip, 30.0) for clip in synthesise(6, 1, classes=slow)]
    ours = np.array([shake(noisy_view(c, Estimator(2), 0, i)) for i, c in enumerate(clean)])
    ratio = ours.mean(axis=0) / kinect.mean(axis=0)
    assert (ratio < 2.5).all() and (ratio > 1 / 2.5).all(), (ours.mean(0), kinect.mean(0))
