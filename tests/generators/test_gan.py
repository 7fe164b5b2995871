"""The GAN: what each player learns from one total, its penalty, its energy, and clean samples."""

import functools

import pytest
import torch
import torch.nn.functional as F

from motiongen.encoders import CNN
from motiongen.generators import GAN, VAE
from motiongen.generators.energy import STRIDE
from motiongen.generators.gan import PENALTY_STEPS, energy_of
from motiongen.motion import MotionSpec
from motiongen.observation import mean_size
from motiongen.testing import ContractError
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.generators import overfits_a_few_clips
from motiongen.testing.models import train

SPEC = example_spec()
SMALL = functools.partial(CNN, width=32, layers=2)


def fitted(**options):
    torch.manual_seed(0)
    model = GAN(SPEC, SMALL, **options)
    model.fit_statistics(example_clips(SPEC))
    return model


def test_what_samples_shake_more_than_clips_is_taken_off_and_bones_stay(monkeypatch):
    model, clips = fitted().eval(), example_clips(SPEC)
    slow = torch.sin(0.2 * torch.arange(clips.joints.shape[1]))[:, None, None]
    clips = clips.replace(joints=clips.joints.mean(1, keepdim=True) + 0.1 * slow)
    drawn = model._drawn

    def shaky(noise, wanted):
        x = drawn(noise, wanted)
        return x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    monkeypatch.setattr(model, "_drawn", shaky)
    before = model.sample(8, seed=1, length=SPEC.frames)
    model.refresh(clips)
    after = model.sample(8, seed=1, length=SPEC.frames)
    shown = clips.mask.any(1, keepdim=True) & clips.frame_mask[..., None]
    paths = [before.joints, after.joints, model.find_path(clips)]
    masks = [before.mask, after.mask, shown]
    turned = [float(mean_size(x, m, 2).mean()) for x, m in zip(paths, masks, strict=True)]
    assert turned[0] > 2 * turned[2]
    assert turned[1] == pytest.approx(turned[2], rel=0.2)
    joints, (child, parent) = after.joints, zip(*model.skeleton.bones, strict=True)
    bones = (joints[:, :, list(child)] - joints[:, :, list(parent)]).norm(dim=-1)
    assert bones.std(1).max() < 1e-4 * bones.mean()


def test_the_decoder_is_not_told_the_fastest_feature_of_time():
    """It would swing with it, once in four frames, and the critic let it pass."""
    bands = {type(m).__name__: m.decoder.queries.bands for m in (fitted(), VAE(SPEC, SMALL))}
    assert bands["GAN"] == bands["VAE"] - 1


def gradients(module, total):
    found = torch.autograd.grad(total, list(module.parameters()), allow_unused=True)
    return [None if each is None else each.clone() for each in found]


def players(model, clips):
    """Real clips, fakes and the critic's scores of both, as functions of all parameters."""
    real = torch.where(clips.mask[..., None], model.standardizer(clips.joints), 0.0)
    fake = model.fakes(clips, clips.label)[0]

    def score(x):
        condition = model.condition(clips.label, clips.length, model.critic.embedding)
        return model.critic(x, clips.confidence, clips.length, condition)

    return real, fake, score


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_each_player_gets_the_gradient_of_its_own_loss(mode):
    model = fitted(energy_weight=0.0, penalty=0.0, label_dropout=0.0).train(mode)
    clips = example_clips(SPEC)
    torch.manual_seed(3)
    total = model.losses(clips)["total"]
    found = [gradients(player, total) for player in (model._player(), model.critic)]
    model.zero_grad()
    torch.manual_seed(3)
    real, fake, score = players(model, clips)
    generator = F.softplus(score(real) - score(fake)).mean()
    critic = F.softplus(score(fake.detach()) - score(real)).mean()
    expected = [gradients(model._player(), generator), gradients(model.critic, critic)]
    for player, other in zip(found, expected, strict=True):
        for one, two in zip(player, other, strict=True):
            torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-4)


def test_every_parameter_belongs_to_one_player():
    model = fitted()
    groups = [id(p) for group in model.parameter_groups() for p in group["params"]]
    assert len(groups) == len(set(groups))
    assert set(groups) == {id(p) for p in model.parameters() if p.requires_grad}


def test_the_penalty_is_the_squared_slope_of_the_critic():
    model, clips = fitted(label_dropout=0.0), example_clips(SPEC)
    torch.manual_seed(3)
    found = model.losses(clips)["penalty"]
    torch.manual_seed(3)
    real, fake, score = players(model, clips)
    expected, step = 0.0, 1e-3
    for x in (real, fake.detach()):
        x = x.requires_grad_()
        (slope,) = torch.autograd.grad(score(x).sum(), x)
        # the slope along its own direction is its length
        way = slope / slope.norm(dim=(2, 3), keepdim=True).norm(dim=1, keepdim=True)
        rise = (score(x + step * way) - score(x - step * way)) / (2 * step)
        expected += 0.5 * (clips.mask.sum((1, 2)) * rise**2).mean()
    torch.testing.assert_close(found, PENALTY_STEPS * expected, rtol=2e-2, atol=0)


def test_the_penalty_is_a_term_of_training_alone():
    model, clips = fitted(), example_clips(SPEC)
    assert "penalty" in model.train().losses(clips)
    with torch.no_grad():
        first, second = (model.eval().losses(clips) for _ in range(2))
    assert "penalty" not in first
    assert first == second


def test_the_penalty_comes_every_few_steps(monkeypatch):
    model, clips = fitted(), example_clips(SPEC)
    penalised = []
    for step in range(2 * PENALTY_STEPS):
        monkeypatch.setattr(GAN, "global_step", step)
        penalised.append("penalty" in model.train().losses(clips))
    assert penalised == [step % PENALTY_STEPS == 0 for step in range(2 * PENALTY_STEPS)]


def test_energy_is_least_for_fakes_of_the_right_spread():
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(20000, 1, 1, 3, generator=rng)
    mask = torch.ones(20000, 1, 1, dtype=torch.bool)
    spread = {
        scale: float(energy_of(scale * torch.randn(2, *real.shape, generator=rng), real, mask))
        for scale in (0.0, 0.5, 1.0, 2.0)
    }
    assert min(spread, key=spread.__getitem__) == 1.0
    # E|x - y| of normal numbers in three dimensions is 4 / sqrt(pi)
    assert spread[1.0] == pytest.approx(0.5 * 4 / torch.pi**0.5, abs=0.02)


def test_energy_is_least_for_fakes_that_move_as_much_as_clips():
    rng = torch.Generator().manual_seed(0)
    mask = torch.ones(5000, 8 * STRIDE, 1, dtype=torch.bool)

    def clips(speed, *shape):
        # anywhere at the start, then at a steady speed in a direction of its own
        start, way = (torch.randn(*shape, 1, 1, 3, generator=rng) for _ in range(2))
        return start + speed / STRIDE * way * torch.arange(8 * STRIDE)[:, None, None]

    real = clips(0.1, 5000)
    score = {v: float(energy_of(clips(v, 2, 5000), real, mask)) for v in (0.0, 0.05, 0.1, 0.2)}
    assert min(score, key=score.__getitem__) == 0.1
    # changes count by how large they are beside those of the clips
    assert score[0.0] - score[0.1] > 0.1


def test_energy_counts_what_the_clip_shows():
    fakes, real = torch.zeros(2, 1, 2, 1, 3), torch.zeros(1, 2, 1, 3)
    real[0, 0, 0, 0], real[0, 1, 0] = 2.0, float("nan")
    mask = torch.tensor([[[True], [False]]])
    assert float(energy_of(fakes, real, mask)) == pytest.approx(2.0, abs=1e-3)


def test_fakes_are_seen_as_the_clips_were():
    model, clips = fitted(), example_clips(SPEC)
    torch.manual_seed(3)
    noisy = model.fakes(clips, clips.label)
    assert not noisy[:, ~clips.mask].any()
    usual = float(model.observation.level.median())
    model.observation.level.zero_()
    torch.manual_seed(3)
    noise = (noisy - model.fakes(clips, clips.label))[:, clips.mask]
    # the median of the absolute value is about 0.7 standard deviations
    assert 0.4 * usual < float(noise.abs().median().detach()) < 1.0 * usual


def test_samples_come_from_the_average():
    model, clips = fitted(), example_clips(SPEC)
    for _ in train(model, clips, 2):
        pass
    before = model.sample(2).joints
    with torch.no_grad():
        for parameter in model._player().parameters():
            parameter.add_(1.0)
    assert torch.equal(model.sample(2).joints, before)
    model.after_step()
    assert not torch.equal(model.sample(2).joints, before)


def test_the_average_measures_bodies_as_the_model_does():
    """Its kinematic head reads bone lengths that are fitted after it was copied."""
    model = fitted()
    drawn = model.sample(4, length=SPEC.frames)
    bones = torch.as_tensor(model.skeleton.bones)
    length = (drawn.joints[:, :, bones[:, 0]] - drawn.joints[:, :, bones[:, 1]]).norm(dim=-1)
    assert float(length.std(1).max()) < 1e-5
    expected = model.standardizer.bone_length[bones[:, 0]]
    torch.testing.assert_close(length.mean((0, 1)), expected, rtol=0.1, atol=0.0)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="rigid bones need 3 channels, the spec has 2"):
        GAN(MotionSpec("coco17", 2, 16, 10.0), SMALL, rigid=True)
    with pytest.raises(ValueError, match="penalty: found -1.0, must be finite and not negative"):
        GAN(SPEC, SMALL, penalty=-1.0)
    with pytest.raises(
        ValueError, match="energy_weight: found nan, must be finite and not negative"
    ):
        GAN(SPEC, SMALL, energy_weight=float("nan"))


class Deaf(GAN):
    """A game in which the generator learns nothing."""

    def fakes(self, batch, label):
        return super().fakes(batch, label).detach()


class Idle(VAE):
    """Calls its loss a game, but its samples do not improve."""

    loss_is_a_game = True

    def losses(self, batch):
        return {name: 1e-6 * term for name, term in super().losses(batch).items()}

    def parameter_groups(self):
        return [{**group, "lr": 0.0} for group in super().parameter_groups()]


@pytest.mark.parametrize("kind", [Deaf, Idle])
def test_a_game_whose_samples_do_not_improve_is_found(kind):
    with pytest.raises(ContractError, match="the score of 8 clips went from"):
        overfits_a_few_clips(functools.partial(kind, encoder=SMALL))
