"""What generators share: keys, counts, recipes, and what a checkpoint may name."""

import functools

import numpy as np
import pytest
import torch

from motiongen import checkpoint
from motiongen.encoders import CNN, GCN
from motiongen.generators import VAE, SampleOptions
from motiongen.generators.base import Generator
from motiongen.generators.drawing import begin
from motiongen.generators.keys import draw_count, given_labels, key
from motiongen.generators.recipe import build, plain
from motiongen.motion import NO_LABEL, MotionSpec, collate
from motiongen.testing import ContractError, generator_checks
from motiongen.testing.examples import example_clips, example_motions, example_spec

SPEC = example_spec()


def small(**options):
    model = VAE(SPEC, functools.partial(CNN, width=8, layers=1), **options)
    model.fit_statistics(example_clips(SPEC))
    return model


def save(tmp_path, **changes):
    model = small()
    content = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    content["motiongen"] |= changes
    torch.save(content, tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def test_keys_are_independent_streams():
    keys = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, 2)]
    draws = {key(*each).standard_normal() for each in keys}
    assert len(draws) == len(keys)
    assert key(3, 4, 5).random() == key(3, 4, 5).random()


def test_counts_are_drawn_as_often_as_they_were_counted():
    counts = torch.tensor([0, 3, 0, 1])
    drawn = [draw_count(counts, key(0, number, 0)) for number in range(2000)]
    share = np.bincount(drawn, minlength=4) / 2000
    np.testing.assert_allclose(share, [0, 0.75, 0, 0.25], atol=0.03)


def test_labels_and_lengths_are_drawn_as_in_training():
    clips = example_clips(SPEC, people=4)
    model = small()
    drawn = model.sample(300)
    seen = {pair for pair in zip(clips.label.tolist(), clips.length.tolist(), strict=True)}
    assert set(zip(drawn.label.tolist(), drawn.length.tolist(), strict=True)) == seen
    share = drawn.label.bincount(minlength=3) / 300
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), atol=0.09, rtol=0)


def test_an_unfitted_model_says_so():
    model = VAE(SPEC, functools.partial(CNN, width=8, layers=1))
    with pytest.raises(ValueError, match="never fitted"):
        model.sample(1)


def test_progress_counts_the_clips():
    counts = []
    small().sample(70, progress=counts.append)
    assert sum(counts) == 70


def test_a_small_model_draws_the_same_from_any_start():
    # so small that matrices of other sizes take other kernels
    model = small(latent=3)
    whole = model.sample(70, seed=3)
    for start in (1, 3, 30, 33, 69):
        part = model.sample(70 - start, seed=3, start=start)
        assert torch.equal(part.joints, whole.joints[start:])


def test_a_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="temperature: found -1.0, allowed 0 to 100"):
        SampleOptions(temperature=-1.0)


def test_labels_are_hidden_in_training_only():
    model = small(label_dropout=0.25)
    labels = torch.zeros(4000, dtype=torch.long)
    hidden = (model.train().training_label(labels) == NO_LABEL).float().mean()
    assert float(hidden) == pytest.approx(0.25, abs=0.03)
    assert torch.equal(model.eval().training_label(labels), labels)


def test_statistics_are_those_of_the_clips():
    clips, model = example_clips(SPEC), small()
    assert model.label_counts.tolist() == [4, 4, 4, 0]
    assert model.length_counts.sum(1).tolist() == [4, 4, 4, 0]
    for row in range(len(clips)):
        assert model.length_counts[clips.label[row], clips.length[row]] > 0
    before = model.standardizer.mean.clone()
    model.fit_statistics(clips)
    assert model.label_counts.sum() == 12 and torch.equal(model.standardizer.mean, before)


@pytest.mark.parametrize("severity", [1, 3])
def test_noise_is_measured_on_bodies_and_not_on_standardised_joints(severity):
    # each joint less its own mean place is no body: there bones stretch whenever limbs turn
    motions = example_motions(SPEC, people=8, severity=severity)
    clips, model = collate(motions, SPEC.frames), VAE(SPEC)
    model.fit_statistics(clips)
    assert clips.target is not None
    error = (clips.joints - clips.target)[clips.mask]
    true = 1.4826 * float(error.abs().median())
    found = float(model.observation.level.mean() * model.standardizer.scale)
    assert found == pytest.approx(true, rel=0.25)


# ---- as an estimator would show samples ---------------------------------------------------------


def noise_of(model, numbers, share=1.0, **options):
    """What `observed` adds to samples, the body's start apart. Shapes: -> [N,T,J,C]."""
    start, n = min(numbers), len(numbers)
    both = [
        model.sample(n, start=start, length=14, options=SampleOptions(observed=s, **options))
        for s in (0.0, share)
    ]
    moved = both[1].joints - both[0].joints
    anchor = list(model.skeleton.anchor)
    for clips in both:
        assert torch.allclose(
            begin(clips.joints, clips.length, anchor), torch.zeros(()), atol=1e-6
        )
    return moved - moved.mean((1, 2), keepdim=True)


def test_observed_samples_carry_the_noise_that_was_measured():
    model = small()
    noise, level = noise_of(model, range(320)), model.observation.level
    level = level * model.standardizer.scale
    found = 1.4826 * noise.abs().permute(2, 0, 1, 3).flatten(1).median(1).values
    # of a Student-t the middle is a little wider than that of its Gaussian
    torch.testing.assert_close(found / level, torch.full_like(level, 1.1), atol=0.15, rtol=0)
    half = noise_of(model, range(320), 0.5)
    torch.testing.assert_close(half, 0.5 * noise, atol=1e-6, rtol=0)


def test_noise_depends_on_the_sample_alone():
    model = small()
    noise = noise_of(model, range(4))
    assert not torch.allclose(noise[0], noise[1])
    torch.testing.assert_close(
        noise_of(model, range(4), temperature=0.5), noise, atol=1e-6, rtol=0
    )
    options = SampleOptions(observed=0.7)
    whole = model.sample(70, seed=3, options=options)
    for size, start in ((1, 0), (1, 69), (7, 30), (33, 33)):
        part = model.sample(size, seed=3, start=start, options=options)
        assert torch.equal(part.joints, whole.joints[start : start + size])
    assert torch.equal(part.confidence, model.sample(33, seed=3, start=33).confidence)


def test_nothing_observed_is_the_clean_sample():
    model = small()
    clean = model.sample(5, seed=1)
    assert torch.equal(
        model.sample(5, seed=1, options=SampleOptions(observed=0.0)).joints, clean.joints
    )


@pytest.mark.parametrize("observed", [-0.1, 1.1, float("nan")])
def test_more_noise_than_there_is_is_refused(observed):
    with pytest.raises(ValueError, match="observed: found .*, allowed 0 to 1"):
        SampleOptions(observed=observed)


def test_noise_that_nobody_knows_is_refused():
    model = small(noise_level=0.0)
    with pytest.raises(ValueError, match="observed: found 1.0, but this VAE knows no noise"):
        model.sample(2, options=SampleOptions(observed=1.0))


def test_a_loss_that_is_not_finite_stops_with_the_clips():
    model, clips = small(), example_clips(SPEC)
    with torch.no_grad():
        model.likelihood.log_scale.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"loss of step 0 is nan; clips \[0, 1, 2"):
        model.training_step(clips, 0)


@pytest.mark.parametrize(
    "encoder", [GCN, functools.partial(GCN, width=8, layers=1), functools.partial(CNN)]
)
def test_a_recipe_builds_the_same_model(encoder):
    model = VAE(SPEC, encoder, latent=5, rigid=False)
    recipe = model.recipe
    assert plain(recipe) == recipe
    again = build(recipe, Generator)
    assert again.spec == SPEC and again.latent == 5
    assert again.recipe == recipe
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: value.shape for name, value in again.state_dict().items()} == shapes


def test_what_cannot_be_saved_is_refused_at_once():
    with pytest.raises(TypeError, match="cannot be written into a checkpoint"):
        VAE(SPEC, lambda *arguments: CNN(*arguments))


def test_a_saved_model_is_loaded(tmp_path):
    path = save(tmp_path)
    model = checkpoint.load(path)
    assert not model.training and model.spec == SPEC
    assert torch.equal(model.sample(2).joints, small_from(path).sample(2).joints)


def small_from(path):
    content = torch.load(path, weights_only=True)
    model = build(content["motiongen"]["recipe"], Generator)
    model.load_state_dict(content["state_dict"])
    return model


def outside(path):
    return {"recipe": {"class_path": path, "init_args": {}}}


@pytest.mark.parametrize(
    "path", ["os.system", "subprocess.Popen", "motiongenx.VAE", "builtins.exec"]
)
def test_classes_outside_the_package_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match=f"{path}.*not part of motiongen.*trust"):
        checkpoint.load(save(tmp_path, **outside(path)))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("motiongen.data.embedded.write_synthetic", "is no Generator"),
        ("motiongen.encoders.CNN", "is no Generator"),
        ("motiongen.generators.GAN2", "is no Generator"),
        ("motiongen.nowhere.VAE", "cannot be imported"),
    ],
)
def test_nothing_but_generators_is_called(tmp_path, path, words):
    recipe = {"class_path": path, "init_args": {"path": str(tmp_path / "store")}}
    with pytest.raises(ValueError, match=f"{path}.*{words}"):
        checkpoint.load(save(tmp_path, recipe=recipe))
    assert not (tmp_path / "store").exists()


def test_nothing_but_modules_is_called_inside(tmp_path):
    recipe = small().recipe
    path = "motiongen.data.embedded.write_synthetic"
    recipe["init_args"]["encoder"] = {"class_path": path, "init_args": {}}
    with pytest.raises(ValueError, match=f"{path}.*is no Module"):
        checkpoint.load(save(tmp_path, recipe=recipe))


def test_encoders_outside_the_package_are_refused(tmp_path):
    recipe = small().recipe
    recipe["init_args"]["encoder"] = {"class_path": "os.system", "init_args": {}}
    with pytest.raises(ValueError, match=r"os\.system.*not part of motiongen"):
        checkpoint.load(save(tmp_path, recipe=recipe))


class Home(VAE):
    """A generator from outside the package."""


def test_trusted_code_is_imported():
    recipe = {"class_path": f"{Home.__module__}.Home", "init_args": {"spec": SPEC.as_dict()}}
    with pytest.raises(ValueError, match="trust_code=True"):
        build(recipe, Generator)


class Forgetful(VAE):
    """Breaks promises, each of which is found below."""

    mode = "none"

    def losses(self, batch):
        if self.mode == "peeks":
            batch = batch.replace(confidence=batch.confidence.clamp(min=0.01))
        losses = super().losses(batch)
        return {"loss": losses["total"]} if self.mode == "nameless" else losses

    def noise(self, keys):
        if self.mode == "global":
            return torch.randn(len(keys), self.latent + 1)
        return super().noise(keys)

    def draw(self, noise, label, length, options):
        if self.mode == "mixes":
            noise = noise + noise.mean(0)
        if self.mode == "hot":
            options = SampleOptions()
        return super().draw(noise, label, length, options)


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        ("nameless", "losses_are_finite: .* no 'total' among the terms .*'loss'"),
        ("peeks", "losses_ignore_what_was_not_seen: .* 1000.0 where not seen: total"),
        ("global", "sampling_leaves_no_trace: the global random state moved"),
        ("mixes", "samples_do_not_see_each_other: beside others: joints: differs"),
        ("hot", "temperature_zero_gives_one_sample: temperature 0.0: samples alike: False"),
    ],
)
def test_a_broken_generator_is_found(monkeypatch, mode, complaint):
    monkeypatch.setattr(Forgetful, "mode", mode)
    name = complaint.partition(":")[0]
    (check,) = [check for check in generator_checks() if check.__name__ == name]
    with pytest.raises(ContractError, match=complaint):
        check(functools.partial(Forgetful, encoder=functools.partial(CNN, width=8, layers=1)))


def test_a_spec_may_be_plain_values():
    model = VAE(SPEC.as_dict(), functools.partial(CNN, width=8, layers=1))
    assert model.spec == SPEC
    with pytest.raises(ValueError, match="unknown key"):
        VAE({**SPEC.as_dict(), "fpss": 1})


def test_a_spec_without_classes_samples_without_labels():
    spec = MotionSpec("kinect20", 3, 14, 5.0)
    model = VAE(spec, functools.partial(CNN, width=8, layers=1))
    clips = example_clips(SPEC)
    model.fit_statistics(clips.replace(label=torch.full_like(clips.label, NO_LABEL)))
    assert model.sample(2).label.tolist() == [NO_LABEL] * 2
    with pytest.raises(ValueError, match="label: found 0"):
        model.sample(1, label=0)


def test_classes_may_be_named():
    classes = ("wave", "kick")
    assert given_labels(classes, "kick", 2) == [1, 1]
    assert given_labels(classes, ["kick", 0], 2) == [1, 0]
    assert given_labels(classes, None, 1) == [None]
    for value, words in (("jump", "'jump' is unknown; known: wave, kick"), (2, "allowed 0 to 1")):
        with pytest.raises(ValueError, match=words):
            given_labels(classes, value, 1)
