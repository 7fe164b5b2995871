"""The latent flow: two networks, one training, and an autoencoder that may come from elsewhere."""

import functools

import pytest
import torch

from motiongen import checkpoint
from motiongen.encoders import CNN, GCN
from motiongen.generators import VAE, LatentFlow
from motiongen.generators.schedule import one_cycle
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.models import require_same_clips, save, train

SPEC = example_spec()
ENCODER = functools.partial(CNN, width=16, layers=1)


def model(kind=LatentFlow, encoder=ENCODER, **options):
    torch.manual_seed(0)
    made = kind(SPEC, encoder, latent=6, condition=12, **options)
    made.fit_statistics(example_clips(SPEC))
    return made


def trained_vae(encoder=ENCODER):
    made = model(VAE, encoder)
    for _ in train(made, example_clips(SPEC), 5):
        pass
    return made.eval()


def with_gradient(made):
    made.zero_grad()
    made.losses(example_clips(SPEC))["total"].backward()
    return {name.split(".")[0] for name, p in made.named_parameters() if p.grad is not None}


def test_the_flow_goes_there_and_back():
    made = model()
    for _ in train(made, example_clips(SPEC), 30):
        pass
    label, length = torch.tensor([0, 1, 2]), torch.tensor([10, 12, 14])
    noise = 2 * torch.randn(3, 6)
    with torch.no_grad():
        inside = made.flow(made.condition(label, length)).inv(noise)
        back = made.flow(made.condition(label, length))(inside)
    torch.testing.assert_close(back, noise, atol=1e-4, rtol=0)


def test_its_density_is_the_flows_density():
    made, clips = model().eval(), example_clips(SPEC)
    with torch.no_grad():
        found = float(made.flow_loss(clips))
        mean, _ = made.autoencoder.encode(clips)
        prior, log_variance = made.autoencoder.prior_of(
            made.autoencoder.condition(clips.label, clips.length)
        )
        inside = (mean - prior) / (0.5 * log_variance).exp()
        normal = torch.distributions.Normal(torch.zeros(6), torch.ones(6))
        flow = made.flow(made.condition(clips.label, clips.length))
        end, growth = flow.call_and_ladj(inside)
        expected = -(normal.log_prob(end).sum(1) + growth).mean()
    assert found == pytest.approx(float(expected), rel=1e-5)


#: what learns when the flow does
FLOW = {"flow", "label_embedding"}


@pytest.mark.parametrize(
    ("done", "parts"),
    [(0.3, {"autoencoder"}), (0.5, {"autoencoder"} | FLOW), (0.9, FLOW)],
)
def test_the_flow_begins_late_and_the_autoencoder_stands_still_in_the_end(
    monkeypatch, done, parts
):
    made = model(autoencoder_share=0.6)
    monkeypatch.setattr(made, "progress", lambda: done)
    assert with_gradient(made) == parts
    # a score of held-back clips counts both, whoever learns
    monkeypatch.undo()
    assert {"flow", "likelihood"} <= made.eval().losses(example_clips(SPEC)).keys()


def rates(made, step, steps=1000):
    """Those of autoencoder and flow at a step, by the highest."""
    groups = made.parameter_groups()
    shares = one_cycle(torch.optim.SGD(groups, 1.0), steps).lr_lambdas
    parts = {"autoencoder": made.autoencoder, "flow": made.flow}
    owner = {id(p): name for name, part in parts.items() for p in part.parameters()}
    return {
        owner[id(group["params"][-1])]: share(step)
        for group, share in zip(groups, shares, strict=True)
    }


def test_the_flow_has_a_rate_where_it_begins_and_the_autoencoder_until_it_stands_still():
    made = model(autoencoder_share=0.6)
    assert made.flow_begins == pytest.approx(0.36)
    assert rates(made, 300)["flow"] == 0 < rates(made, 300)["autoencoder"]
    assert rates(made, 460)["flow"] > 0.9 > rates(made, 460)["autoencoder"]
    # few steps are enough to rise where there are few
    assert rates(made, 46, 100)["flow"] > 0.5
    made.provenance["adapted_from"] = "another"
    assert rates(made, 300)["flow"] > 0.5


def test_a_trained_autoencoder_is_taken_as_it_is(tmp_path):
    vae, made = trained_vae(), model(transforms=2)
    made.take(vae)
    made.fit_statistics(example_clips(SPEC))
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    assert with_gradient(made) == {"flow", "label_embedding"}
    for _ in train(made, example_clips(SPEC), 3):
        pass
    after = made.autoencoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    drawn = save(made, tmp_path / "model.ckpt")
    require_same_clips(checkpoint.load(tmp_path / "model.ckpt").sample(4, seed=3), drawn, "loaded")


def test_an_autoencoder_of_another_encoder_can_be_taken(tmp_path):
    made = model()
    made.take(trained_vae(functools.partial(GCN, width=8, layers=1)))
    made.fit_statistics(example_clips(SPEC))
    drawn = save(made, tmp_path / "model.ckpt")
    loaded = checkpoint.load(tmp_path / "model.ckpt")
    require_same_clips(loaded.sample(4, seed=3), drawn, "loaded")


def test_an_autoencoder_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="its latent has 6 numbers, the flow 7; set latent to 6"):
        LatentFlow(SPEC, ENCODER, latent=7).take(trained_vae())
    other = LatentFlow(example_spec("coco17", 2), ENCODER, latent=6)
    with pytest.raises(ValueError, match="autoencoder: made for MotionSpec"):
        other.take(trained_vae())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"autoencoder_share": 1.0}, "autoencoder_share: found 1.0, allowed 0 to below 1"),
        ({"smoothing": -0.1}, "smoothing: found -0.1, must be finite and not negative"),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        model(**options)
