"""Errors of single frames: measured on samples, taken off, and nothing else with them."""

import torch

from motiongen.generators.shaking import Shaking
from motiongen.observation import calm_mean_square, mean_size

CLIPS, FRAMES, JOINTS = 16, 40, 3
EXISTS = torch.ones(CLIPS, FRAMES, dtype=torch.bool)
SHOWN = EXISTS[..., None].expand(-1, -1, JOINTS)


def waves(seed):
    """Smooth clips, the third joint twice as quick."""
    rng = torch.Generator().manual_seed(seed)
    time = torch.arange(FRAMES)[None, :, None, None] / FRAMES
    phase = 6.3 * torch.rand(CLIPS, 1, JOINTS, 3, generator=rng)
    return torch.sin(torch.tensor([6.0, 6.0, 12.0])[None, None, :, None] * time + phase)


def noise(level, seed=9):
    rng = torch.Generator().manual_seed(seed)
    return torch.tensor(level)[:, None] * torch.randn(CLIPS, FRAMES, JOINTS, 3, generator=rng)


def turned(x):
    return mean_size(x, SHOWN, 2)


def test_smoothed_samples_turn_as_much_as_clips():
    shaking, shaky = Shaking(JOINTS), waves(1) + noise([0.05, 0.0, 0.1])
    shaking.measure(shaky, EXISTS, waves(0), SHOWN)
    assert (turned(shaky) > 1.5 * turned(waves(0)))[[0, 2]].all()
    torch.testing.assert_close(turned(shaking(shaky, EXISTS)), turned(waves(0)), atol=0, rtol=0.05)


def test_so_they_do_where_the_error_of_a_frame_is_that_of_its_neighbours():
    slow = noise([0.1, 0.1, 0.1])
    slow = (slow + slow.roll(1, 1) + slow.roll(2, 1)) / 3
    shaking, shaky = Shaking(JOINTS), waves(1) + slow
    shaking.measure(shaky, EXISTS, waves(0), SHOWN)
    before, after = (turned(x) / turned(waves(0)) for x in (shaky, shaking(shaky, EXISTS)))
    assert (before[:2] > 1.5).all()
    torch.testing.assert_close(after, torch.ones(JOINTS), atol=0, rtol=0.1)


def test_what_follows_counts_as_well():
    shaking, shaky = Shaking(JOINTS), waves(1) + noise([0.05] * 3)
    shaking.measure(shaky, EXISTS, waves(0), SHOWN, finish=lambda x, exists: 1.3 * x)
    found = 1.3 * turned(shaking(shaky, EXISTS))
    torch.testing.assert_close(found, turned(waves(0)), atol=0, rtol=0.15)


def test_a_joint_that_rests_in_all_clips_is_brought_to_rest():
    shaking, still = Shaking(JOINTS), waves(0)
    still[:, :, 0] = 0.0
    shaky = waves(1) + noise([0.05] * 3)
    shaky[:, :, 0] -= waves(1)[:, :, 0]
    shaking.measure(shaky, EXISTS, still, SHOWN)
    assert turned(shaking(shaky, EXISTS))[0] < 0.05 * turned(shaky)[0]


def test_noise_that_is_left_in_the_clips_does_not_excuse_samples():
    shaking, noisy = Shaking(JOINTS), waves(0) + noise([0.03] * 3)
    clean = calm_mean_square(waves(0), SHOWN, 2).sqrt()
    shaky = waves(1) + noise([0.05] * 3, seed=8)
    shaking.measure(shaky, EXISTS, noisy, SHOWN, clean)
    torch.testing.assert_close(shaking.turn, clean)
    torch.testing.assert_close(turned(shaking(shaky, EXISTS)), turned(waves(0)), atol=0, rtol=0.1)


def test_quick_moves_are_no_errors():
    """Few frames make most of how clips turn; an estimate of clean motion leaves them out."""
    shaking, kick = Shaking(JOINTS), torch.zeros(CLIPS, FRAMES, JOINTS, 3)
    kick[::4, 20] = 3.0
    turn = calm_mean_square(waves(0) + kick, SHOWN, 2).sqrt()
    shaking.measure(waves(1) + kick, EXISTS, waves(0) + kick, SHOWN, turn)
    assert (shaking.level < 0.1 * turn).all()


def test_the_error_is_taken_off_and_quick_motion_stays():
    shaking, clean = Shaking(JOINTS), waves(1)
    shaking.measure(clean + noise([0.05] * 3), EXISTS, waves(0), SHOWN)
    shaky = waves(2) + noise([0.05] * 3, seed=10)
    found = shaking(shaky, EXISTS)
    before, after = ((x - waves(2)).square().mean().sqrt() for x in (shaky, found))
    assert after < 0.6 * before
    usual, left = (calm_mean_square(x, SHOWN, 2).sqrt() for x in (waves(2), found))
    assert (left < 1.5 * usual).all() and (left > 0.7 * usual).all()


def test_what_shakes_no_more_than_clips_is_left_alone():
    shaking = Shaking(JOINTS)
    x = waves(3)
    assert torch.equal(shaking(x, EXISTS), x)
    shaking.measure(waves(1), EXISTS, waves(0) + noise([0.05] * 3), SHOWN)
    assert torch.equal(shaking(x, EXISTS), x)


def test_samples_that_are_nowhere_measure_nothing():
    shaking = Shaking(JOINTS)
    shaking.measure(torch.full((CLIPS, FRAMES, JOINTS, 3), float("nan")), EXISTS, waves(0), SHOWN)
    assert not shaking.level.any()


def test_differences_count_where_all_their_frames_are_shown():
    joints = torch.zeros(1, 5, 1, 3)
    joints[0, 2] = 7.0
    shown = torch.ones(1, 5, 1, dtype=torch.bool)
    assert calm_mean_square(joints, shown, 1) == 2 * 49 / 4
    shown[0, 2] = False
    assert calm_mean_square(joints, shown, 1) == 0 and calm_mean_square(joints, shown, 2) == 0


def test_motion_stays_where_noise_hides_how_little_clips_turn():
    """An estimate of clean motion that is far too small must not take all motion off."""
    shaking, shaky = Shaking(JOINTS), waves(1) + noise([0.02] * 3)
    turn = 0.02 * calm_mean_square(waves(0), SHOWN, 2).sqrt()
    shaking.measure(shaky, EXISTS, waves(0), SHOWN, turn)
    kept = shaking(shaky, EXISTS).std(1).mean((0, 2)) / waves(1).std(1).mean((0, 2))
    assert (kept > 0.8).all()
