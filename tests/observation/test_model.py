"""Noise is measured without truth, drawn as it was measured, and taken off again."""

import math

import pytest
import torch
from scipy import stats

from motiongen import layouts
from motiongen.data import synthetic
from motiongen.motion import collate
from motiongen.noise import Compose, Dropout, Estimator, noisy_view
from motiongen.observation import Observation
from motiongen.observation.smoothing import dense_posterior, path_prior, posterior
from motiongen.observation.spikes import without_spikes
from motiongen.transforms import crop

SKELETON = layouts.get("h36m17")


def model(level=0.5, rho=0.7, degrees=4.0):
    observation = Observation(SKELETON)
    observation.level.fill_(level)
    observation.correlation.fill_(rho)
    observation.degrees.fill_(degrees)
    return observation


def drawn(**options):
    """Noise of long clips, in units of its scale. Shapes: -> [B,T,J,C]."""
    observation = model(**options)
    clean = torch.randn(10, 1, 17, 3).expand(-1, 500, -1, -1)
    generator = torch.Generator().manual_seed(0)
    seen = observation.corrupt(clean, torch.ones(10, 500, 17), generator)
    return (seen - clean) / observation.level[:, None]


@pytest.mark.parametrize("degrees", [3.0, 4.0, 8.0])
def test_corrupt_draws_a_student_t(degrees):
    # independent values: every 20th frame, one coordinate
    noise = drawn(degrees=degrees)[:, ::20, :, 0].flatten().double().numpy()
    assert stats.kstest(noise, stats.t(degrees).cdf).pvalue > 0.01
    assert stats.kstest(noise, stats.t(degrees, scale=1.3).cdf).pvalue < 0.01


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_corrupt_is_correlated_in_time(rho):
    # two normal values of correlation rho agree in sign with probability 1/2 + asin(rho)/pi, and
    # the tails, which are drawn for each frame, change no sign
    noise = drawn(rho=rho)
    for lag in (1, 2):
        agree = (noise[:, lag:] * noise[:, :-lag] > 0).double().mean()
        assert float(agree) == pytest.approx(0.5 + math.asin(rho**lag) / math.pi, abs=0.01)


def test_corrupt_hides_what_is_not_seen_and_passes_gradients():
    observation, clean = model(), torch.randn(2, 5, 17, 3, requires_grad=True)
    confidence = torch.ones(2, 5, 17)
    confidence[0, 1] = 0
    seen = observation.corrupt(clean, confidence, torch.Generator().manual_seed(0))
    assert not seen[0, 1].any()
    seen.sum().backward()
    assert torch.equal(clean.grad[..., 0], confidence)


def test_corrupt_is_drawn_from_the_generator_alone():
    observation, clean = model(), torch.zeros(2, 5, 17, 3)
    state = torch.get_rng_state()
    first, again, other = (
        observation.corrupt(clean, torch.ones(2, 5, 17), torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture(scope="module")
def clean():
    """Synthetic people moving, in metres."""
    clips = synthetic.synthesise(6, 1, seed=3)
    return collate(clips, max(clip.num_frames for clip in clips))


@pytest.fixture(scope="module")
def few(clean):
    """For what holds in every bit, whatever the clips."""
    return clean.select(slice(0, 6))


def noisy(clean, level, rho, share_missing=0.0, degrees=None):
    rng = torch.Generator().manual_seed(0)
    noise = [torch.randn(clean.joints[:, 0].shape, generator=rng)]
    for _ in range(clean.joints.shape[1] - 1):
        step = torch.randn(noise[0].shape, generator=rng)
        noise.append(rho * noise[-1] + math.sqrt(1 - rho**2) * step)
    seen = clean.mask & (torch.rand(clean.mask.shape, generator=rng) >= share_missing)
    noise = level * torch.stack(noise, 1)
    if degrees is not None:
        gamma = torch._standard_gamma(torch.full(noise.shape, degrees / 2), generator=rng)
        noise = noise / (gamma / (degrees / 2)).sqrt()
    return clean.joints + noise, seen


def skeleton_of(clean):
    return layouts.get(synthetic.LAYOUT)


@pytest.mark.parametrize("level", [0.005, 0.02])
@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_fit_finds_level_and_correlation(clean, level, rho):
    observation = Observation(skeleton_of(clean))
    observation.fit(*noisy(clean, level, rho, share_missing=0.2))
    # a bone's length within a clip is compared with its median there: slow noise hides a part
    assert float(observation.level.mean()) == pytest.approx(level, rel=0.25)
    assert float(observation.correlation) == pytest.approx(0.8 * rho, abs=0.2)
    assert float(observation.degrees) > 10


def test_fit_finds_no_noise_in_clean_motion(clean):
    observation = Observation(skeleton_of(clean))
    observation.fit(clean.joints, clean.mask)
    assert float(observation.level.max()) < 1e-4
    path = observation.clean(clean.joints, clean.mask, clean.frame_mask)
    assert float((path - clean.joints)[clean.mask].abs().max()) < 1e-3


def test_a_level_that_is_given_is_kept(clean):
    observation = Observation(skeleton_of(clean), level=0.03)
    observation.fit(*noisy(clean, 0.01, 0.5), unit=2.0)
    assert float(observation.level.square().mean().sqrt()) == pytest.approx(0.015, rel=1e-4)
    off = Observation(skeleton_of(clean), level=0.0)
    off.fit(*noisy(clean, 0.01, 0.5))
    assert not off.known


@pytest.mark.parametrize(
    ("level", "rho", "share"),
    # noise that is correlated in time looks like motion: it is calmed, not brought nearer
    [(0.01, 0.0, 0.95), (0.03, 0.0, 0.65), (0.01, 0.7, 1.3)],
)
def test_clean_is_calm_and_not_far_from_the_truth(clean, level, rho, share):
    observation = Observation(skeleton_of(clean))
    joints, seen = noisy(clean, level, rho, share_missing=0.3)
    observation.fit(joints, seen)
    path = observation.clean(joints, seen, clean.frame_mask)
    before, after = ((x - clean.joints)[seen].square().mean().sqrt() for x in (joints, path))
    assert after < share * before
    exists = clean.frame_mask[:, 3:, None].expand(-1, -1, joints.shape[2])
    jerk = [float(x.diff(dim=1, n=3).norm(dim=-1)[exists].mean())
            for x in (clean.joints, joints, path)]  # fmt: skip
    assert abs(jerk[2] - jerk[0]) < 0.1 * abs(jerk[1] - jerk[0])
    # gaps are filled, and not with something wild
    hidden = clean.mask & ~seen
    assert (path - clean.joints)[hidden].square().mean().sqrt() < 2 * before


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_tails_of_the_noise_do_not_pass_for_motion(clean, rho):
    observation = Observation(skeleton_of(clean))
    observation.fit(clean.joints, clean.mask)
    speed, turn = observation.speed.mean(), observation.turn.mean()
    joints, seen = noisy(clean, 0.02, rho, share_missing=0.2, degrees=2.5)
    observation.fit(joints, seen)
    step = joints.diff(dim=1, n=2).square().mean(-1)[clean.frame_mask[:, 2:]].mean(0)
    assert float(observation.turn.mean()) < 2 * float(turn) < 0.5 * float(step.sqrt().mean())
    assert float(observation.speed.mean()) < 1.3 * float(speed)
    path = observation.clean(joints, seen, clean.frame_mask)
    before, after = ((x - clean.joints)[seen].norm(dim=-1).mean() for x in (joints, path))
    assert after < before


def test_clean_leaves_outliers_out(clean):
    observation = Observation(skeleton_of(clean))
    joints, seen = noisy(clean, 0.005, 0.0)
    observation.fit(joints, seen)
    joints[:, 10, 3] += 1.0
    path = observation.clean(joints, seen, clean.frame_mask)
    assert float((path - clean.joints)[:, 10, 3].abs().max()) < 0.1


def accelerations(*paths):
    """Root mean square of the second difference of each."""
    return [float(path.diff(dim=1, n=2).square().mean().sqrt()) for path in paths]


@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_a_path_is_as_quick_as_people_where_joints_jump_away(clean, severity):
    clips = synthetic.synthesise(6, 1, seed=3)
    noise = Compose((Estimator(severity), Dropout(0.2)))
    seen = [noisy_view(clip, noise, 0, row) for row, clip in enumerate(clips)]
    frames = min(clip.num_frames for clip in clips)
    batch = collate([crop(clip, 0, frames) for clip in seen], frames)
    truth = clean.joints[:, :frames]
    observation = Observation(skeleton_of(clean))
    observation.fit(batch.joints, batch.mask)
    path = observation.clean(batch.joints, batch.mask, batch.frame_mask)
    shown = torch.where(batch.mask.any(1)[:, None, :, None], truth, 0.0)
    found, true = accelerations(path, shown)
    assert 0.8 * true < found < 1.1 * true


def test_a_kick_is_not_a_jump():
    """A joint that is quick for a few frames between rests."""
    rng = torch.Generator().manual_seed(0)
    time = torch.arange(60.0)
    swing = 0.4 * torch.exp(-0.5 * ((time - 30) / 2.0) ** 2)
    kick = torch.stack([swing, 0.5 * swing, torch.zeros(60)], -1).expand(32, -1, -1)
    shown = torch.ones(32, 60, dtype=torch.bool)
    number = torch.full((32,), 0.01)
    usual = {"level": number, "speed": 2 * number, "turn": 2 * number, "correlation": 0.5}
    seen = kick + 0.01 * torch.randn(kick.shape, generator=rng)
    kept = without_spikes(seen, shown, shown, **usual)
    assert float(kept[:, 24:37].float().mean()) > 0.98
    seen[:, 30] += 0.3
    kept = without_spikes(seen, shown, shown, **usual)
    assert not kept[:, 30].any()
    assert float(kept[:, torch.arange(60) != 30].float().mean()) > 0.98
    quiet = usual | {"level": 1e-4 * number}
    assert without_spikes(seen, shown, shown, **quiet).all()


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_the_covariance_of_a_path_is_the_inverse_of_its_precision(correlation):
    rng = torch.Generator().manual_seed(0)
    exists = torch.arange(20) < torch.tensor([[20], [11], [3]])
    mask = exists & (torch.rand(3, 20, generator=rng) < 0.7)
    number = torch.tensor([0.5, 0.1, 2.0])
    prior = path_prior(exists, number, torch.rand(3, 20, generator=rng).double() + 0.5, number)
    joints = torch.randn(3, 20, 3, generator=rng)
    path, bands = posterior(prior, joints, mask, correlation)
    dense_path, covariance = dense_posterior(prior, joints, mask, correlation)
    torch.testing.assert_close(path, dense_path, rtol=1e-5, atol=1e-5)
    for away in range(3):
        diagonal = covariance.diagonal(away, dim1=1, dim2=2)
        torch.testing.assert_close(bands[:, away, : 20 - away], diagonal, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_a_clip_of_no_numbers_takes_no_other_with_it(few, correlation):
    observation = Observation(skeleton_of(few))
    joints, seen = noisy(few, 0.01, correlation)
    observation.fit(joints, seen)
    observation.correlation.fill_(correlation)
    path = observation.clean(joints, seen, few.frame_mask)
    broken = joints.clone()
    broken[0, 5, 3] = torch.nan
    found = observation.clean(broken, seen, few.frame_mask)
    assert found[0, :, 3].isnan().any()
    assert torch.equal(found[1:], path[1:])


def test_clean_ignores_values_that_were_not_seen(few):
    observation = Observation(skeleton_of(few))
    joints, seen = noisy(few, 0.01, 0.0, share_missing=0.3)
    observation.fit(joints, seen)
    path = observation.clean(joints, seen, few.frame_mask)
    other = torch.where(seen[..., None], joints, float("nan"))
    assert torch.equal(observation.clean(other, seen, few.frame_mask), path)
    observation.fit(other, seen)
    assert torch.equal(observation.clean(other, seen, few.frame_mask), path)


def test_in_2d_white_noise_is_found(clean):
    observation = Observation(skeleton_of(clean))
    joints, seen = noisy(clean, 0.02, 0.0, share_missing=0.2)
    observation.fit(joints[..., :2], seen)
    assert float(observation.level.mean()) == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("level", [-0.1, math.inf, math.nan])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="noise_level: found"):
        Observation(SKELETON, level=level)


@pytest.mark.parametrize("level", [0.005, 0.02])
def test_a_joint_that_goes_out_of_sight_does_not_run_away(clean, level):
    """It lies hardly farther off than one that is held where it was seen last."""
    observation = Observation(skeleton_of(clean))
    joints, seen = noisy(clean, level, 0.5)
    mask = seen.clone()
    mask[:, 20:, ::3] = False
    observation.fit(joints, mask)
    path = observation.clean(joints, mask, clean.frame_mask)
    hidden = seen & ~mask
    away, held = (
        (x - clean.joints).norm(dim=-1)[hidden].mean() for x in (path, clean.joints[:, 19:20])
    )
    assert away < 1.25 * held


def people_standing_up():
    """Clean clips, of the shortest one's length. Shapes: -> [N,T,J,C]."""
    wanted = synthetic.class_names().index("stand_up")
    clips = [clip for clip in synthetic.synthesise(4, 2, seed=0) if clip.label == wanted]
    frames = min(clip.num_frames for clip in clips)
    return torch.stack([clip.joints[:frames] for clip in clips]), layouts.get(clips[0].layout)


def test_a_hidden_arm_goes_where_the_body_goes():
    clean, skeleton = people_standing_up()
    hidden = [skeleton.roles[f"left_{part}"] for part in ("elbow", "wrist")]
    gap = slice(8, 24)
    mask = torch.ones(clean.shape[:3], dtype=torch.bool)
    mask[:, gap, hidden] = False
    rng = torch.Generator().manual_seed(0)
    noisy = clean + 0.005 * torch.randn(clean.shape, generator=rng)
    observation = Observation(skeleton)
    observation.fit(noisy, mask)
    path = observation.clean(noisy, mask, torch.ones(clean.shape[:2], dtype=torch.bool))
    steps = torch.linspace(0, 1, gap.stop - gap.start + 2)[1:-1, None, None]
    ends = noisy[:, gap.start - 1, hidden], noisy[:, gap.stop, hidden]
    straight = torch.lerp(ends[0][:, None], ends[1][:, None], steps)
    error, usual = (
        (found - clean[:, gap, hidden]).norm(dim=-1).mean()
        for found in (path[:, gap, hidden], straight)
    )
    assert error < 0.4 * usual


def test_a_model_of_before_has_the_motion_of_joints_stand_in_for_their_own():
    clean, skeleton = people_standing_up()
    observation, older = Observation(skeleton), Observation(skeleton)
    observation.fit(clean, torch.ones(clean.shape[:3], dtype=torch.bool))
    assert (observation.own_turn <= observation.turn).all()
    assert (observation.own_turn < observation.turn).any()
    state = {k: v for k, v in observation.state_dict().items() if not k.startswith("own_")}
    older.load_state_dict(state)
    assert torch.equal(older.own_turn, observation.turn)
    del state["turn"]
    with pytest.raises(RuntimeError, match="turn"):
        older.load_state_dict(state)


@pytest.mark.parametrize("shown", [0, 1, 20])
def test_beside_a_parent_that_is_hardly_shown_a_joint_goes_its_own_way(shown):
    clean, skeleton = people_standing_up()
    mask = torch.ones(clean.shape[:3], dtype=torch.bool)
    rng = torch.Generator().manual_seed(0)
    noisy = clean + 0.003 * torch.randn(clean.shape, generator=rng)
    observation, exists = Observation(skeleton), torch.ones(clean.shape[:2], dtype=torch.bool)
    observation.fit(noisy, mask)
    around = [j for j, parent in enumerate(skeleton.parents) if parent == skeleton.root]
    mask[:, shown:, skeleton.root] = False
    path = observation.clean(noisy, mask, exists)
    error = (path - clean)[:, :, around].norm(dim=-1)
    assert error.mean() < (noisy - clean)[:, :, around].norm(dim=-1).mean()
    assert error.max() < 0.03
