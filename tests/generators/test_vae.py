"""The VAE: its divergence, what it reconstructs, and that samples are cleaner than the data."""

import functools

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from motiongen.encoders import CNN
from motiongen.generators import VAE, LatentFlow
from motiongen.generators.vae import bounded, gaussian_kl
from motiongen.motion import MotionSpec
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.models import train

SPEC = example_spec()
SMALL = functools.partial(CNN, width=32, layers=2)


def test_divergence_equals_the_library():
    torch.manual_seed(0)
    mean, log_variance, prior_mean, prior_log_variance = torch.randn(4, 5, 6).double()
    found = gaussian_kl(mean, log_variance, prior_mean, prior_log_variance)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    prior = Normal(prior_mean, (0.5 * prior_log_variance).exp())
    torch.testing.assert_close(found, kl_divergence(posterior, prior), atol=1e-9, rtol=0)


def test_log_variances_are_bounded_and_zero_stays():
    found = bounded(torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4]))
    assert bool((found.diff() > 0).all()) and found[0] >= -10 and found[-1] <= 4
    assert abs(float(found[2])) < 0.2


def test_rigid_bones_are_for_three_dimensions():
    flat = MotionSpec("coco17", 2, 16, 10.0)
    with pytest.raises(ValueError, match="rigid bones need 3 channels, the spec has 2"):
        VAE(flat, SMALL, rigid=True)
    VAE(flat, SMALL)


def trained(steps, people=6):
    torch.manual_seed(0)
    model = VAE(SPEC, SMALL)
    clips = example_clips(SPEC, people=people)
    model.fit_statistics(clips)
    for _ in train(model, clips, steps):
        pass
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return trained(200)


def error(found, clips):
    """Mean distance from the truth at all joints of existing frames."""
    return float((found - clips.target)[clips.frame_mask].norm(dim=-1).mean())


def test_it_reconstructs_people_it_has_not_seen_better_than_the_mean(model):
    known, held = example_clips(SPEC, people=6), example_clips(SPEC, people=4, seed=9)
    rebuilt = model.reconstruct(held)
    trivial = known.target[known.frame_mask].mean(0).expand_as(held.joints)
    assert error(rebuilt.joints, held) < 0.8 * error(trivial, held)
    assert bool((rebuilt.confidence[held.frame_mask] == 1).all())
    assert not rebuilt.joints[~held.frame_mask].any()


def test_bones_of_samples_do_not_stretch(model):
    drawn = model.sample(20)
    child, parent = model.skeleton.bones.T
    length = (drawn.joints[:, :, child] - drawn.joints[:, :, parent]).norm(dim=-1)
    for row, frames in enumerate(drawn.length.tolist()):
        own = length[row, :frames]
        assert float((own / own.mean(0) - 1).abs().max()) < 1e-4


def test_bones_may_stretch_in_two_dimensions():
    spec = example_spec("coco17", 2)
    torch.manual_seed(0)
    model = VAE(spec, SMALL)
    model.fit_statistics(example_clips(spec))
    drawn = model.sample(2, length=14)
    child, parent = model.skeleton.bones.T
    seen = drawn.mask[0, 0, child] & drawn.mask[0, 0, parent]
    length = (drawn.joints[:, :, child] - drawn.joints[:, :, parent]).norm(dim=-1)[..., seen]
    assert float((length.std(1) / length.mean(1)).max()) > 1e-3


def test_encode_is_deterministic_and_unmoved_by_what_was_not_seen(model):
    clips = example_clips(SPEC)
    mean, log_variance = model.encode(clips)
    other = clips.replace(joints=torch.where(clips.mask[..., None], clips.joints, float("nan")))
    found = model.encode(other)
    assert torch.equal(found[0], mean) and torch.equal(found[1], log_variance)


def test_reconstruct_keeps_the_mode_and_the_labels(model):
    clips = example_clips(SPEC)
    for mode in (True, False):
        rebuilt = model.train(mode).reconstruct(clips)
        assert model.training is mode
        assert torch.equal(rebuilt.label, clips.label)
    again = model.reconstruct(clips)
    assert torch.equal(again.joints, rebuilt.joints)


def test_a_heavier_divergence_is_smaller():
    sizes = []
    for weight in (0.1, 100.0):
        torch.manual_seed(0)
        model = VAE(SPEC, SMALL, kl_weight=weight)
        clips = example_clips(SPEC)
        model.fit_statistics(clips)
        for _ in train(model, clips, 40):
            pass
        sizes.append(float(model.eval().losses(clips)["kl"].detach()))
    assert 0 <= sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize("family", [VAE, LatentFlow])
def test_bones_stiffen_over_the_training_unless_weights_are_adapted(family, monkeypatch):
    made = family(SPEC, SMALL)
    clips = example_clips(SPEC)
    made.fit_statistics(clips)
    auto = made if family is VAE else made.autoencoder
    share = 1.0 if family is VAE else made.autoencoder_share

    def stiffness(done):
        monkeypatch.setattr(family, "progress", lambda self: done)
        made.losses(clips)
        return auto.decoder.head.stiffness

    made.train()
    assert stiffness(0.0) == 0
    assert stiffness(0.25 * share) == pytest.approx(0.25)
    assert stiffness(share) == 1
    made.provenance["adapted_from"] = {}
    assert stiffness(0.25 * share) == 1


@pytest.mark.parametrize("family", [VAE, LatentFlow])
def test_the_divergence_weighs_more_over_the_warm_up(family, monkeypatch):
    made = family(SPEC, SMALL, warm_up=0.5).train()
    clips = example_clips(SPEC)
    made.fit_statistics(clips)
    share = 1.0 if family is VAE else made.autoencoder_share

    def weight(done):
        monkeypatch.setattr(family, "progress", lambda self: done)
        terms = {name: term.detach() for name, term in made.losses(clips).items()}
        rest = terms["likelihood"] + terms.get("flow", 0) / made.latent
        coordinates = clips.mask.sum() * SPEC.channels
        return float((terms["total"] - rest) * coordinates / (terms["kl"] * len(clips)))

    assert weight(0.0) == pytest.approx(0.0, abs=1e-3)
    assert weight(0.25 * share) == pytest.approx(0.5 * made.kl_weight, rel=1e-3)
    assert weight(0.6 * share) == pytest.approx(made.kl_weight, rel=1e-3)


def test_in_two_dimensions_nothing_stiffens():
    flat = example_spec("coco17", 2)
    made = VAE(flat, SMALL)
    made.fit_statistics(example_clips(flat))
    assert made.bound(example_clips(flat), 0.0)["total"].isfinite()
