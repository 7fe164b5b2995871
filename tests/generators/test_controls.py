"""Clips at hand: the way between two, clips like one, and what a clip does not show."""

import functools

import pytest
import torch

from motiongen.encoders import CNN
from motiongen.generators import VAE, FlowMatching, LatentFlow, SampleOptions
from motiongen.generators.codes import great_circle
from motiongen.generators.controls import interpolate_samples
from motiongen.generators.drawing import begin
from motiongen.generators.filling import meet, over_gaps
from motiongen.generators.protocols import (
    Fills,
    Guided,
    Integrates,
    Interpolates,
    Reconstructs,
    Varies,
)
from motiongen.motion import MotionBatch
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.models import train

SPEC = example_spec()
#: family, width of its encoder, optimiser steps
FAMILIES = {
    "VAE": (VAE, 32, 150),
    "LatentFlow": (LatentFlow, 32, 150),
    "FM": (FlowMatching, 112, 400),
}


@functools.cache
def trained(name):
    family, width, steps = FAMILIES[name]
    torch.manual_seed(0)
    model = family(SPEC, functools.partial(CNN, width=width, layers=2))
    clips = example_clips(SPEC, people=8)
    model.fit_statistics(clips)
    if model.learns_from_paths:
        clips = clips.replace(path=model.find_path(clips))
    for _ in train(model, clips, steps):
        pass
    model.eval()
    model.refresh(clips)
    return model


@pytest.fixture(params=FAMILIES)
def model(request):
    return trained(request.param)


@functools.cache
def held():
    """Clips of people that no model has seen."""
    return example_clips(SPEC, people=4, seed=9)


def one(row):
    return held().select(slice(row, row + 1))


def hidden(clips, mask):
    """The clips where the mask is True; the rest was not seen."""
    confidence = torch.where(mask, clips.confidence, 0.0)
    joints = torch.where((confidence > 0)[..., None], clips.joints, 0.0)
    return clips.replace(joints=joints, confidence=confidence)


def with_gap(clips):
    """All joints gone in frames 4 to 6, the right arm in all of them."""
    mask = torch.ones_like(clips.mask)
    mask[:, 4:7] = False
    mask[:, :, right_arm()] = False
    return hidden(clips, mask)


@functools.cache
def filled(model, **options):
    return model.fill(with_gap(held()), **options)


def right_arm():
    roles = trained("VAE").skeleton.roles
    return [roles[f"right_{part}"] for part in ("elbow", "wrist")]


def error(found, clips, mask):
    """Mean distance from the truth."""
    return float((found - clips.target)[mask].norm(dim=-1).mean())


def centred(batch):
    """The body's centre at the origin at first, as in samples."""
    start = begin(batch.joints, batch.length, trained("VAE").skeleton.anchor)
    return torch.where(batch.mask[..., None], batch.joints - start[:, None, None], 0.0)


# ---- who can do what ----------------------------------------------------------------------------


def test_families_say_what_they_can_do(model):
    assert all(isinstance(model, kind) for kind in (Interpolates, Varies, Fills))
    flows = isinstance(model, FlowMatching)
    assert isinstance(model, Reconstructs) is not flows
    assert isinstance(model, Guided) is flows
    assert isinstance(model, Integrates) is flows
    assert not isinstance(model.standardizer, Fills)


@pytest.mark.parametrize("option", ["guidance", "steps"])
def test_an_option_that_would_be_ignored_is_refused(model, option):
    options = SampleOptions(**{option: 3.0 if option == "guidance" else 2})
    if isinstance(model, FlowMatching):
        plain, drawn = model.sample(2, label=0), model.sample(2, label=0, options=options)
        assert not torch.equal(plain.joints, drawn.joints)
        return
    with pytest.raises(ValueError, match=rf"{option}: found [23].*, but {type(model).__name__}"):
        model.sample(2, options=options)


# ---- between two --------------------------------------------------------------------------------


def test_the_great_circle_keeps_ends_and_length():
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 400)
    for share, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(great_circle(a, b, torch.full((5,), share)), end)
    middle = great_circle(a, b, torch.full((5,), 0.5))
    # half of the sum would be shorter by a factor of 1.4
    assert float((middle.norm(dim=1) / a.norm(dim=1) - 1).abs().max()) < 0.15
    same = great_circle(a, 2 * a, torch.full((5,), 0.5))
    torch.testing.assert_close(same, 1.5 * a)


def test_the_ends_of_the_way_are_both_clips(model):
    first, second = one(0), one(4)
    apart = float((first.target - second.target)[:, :8].norm(dim=-1).mean())
    way = model.interpolate(first, second, 5)
    assert len(way) == 5
    for row, end in ((0, first), (4, second)):
        assert int(way.length[row]) == int(end.length) and int(way.label[row]) == int(end.label)
        found = way.joints[row : row + 1]
        if isinstance(model, Reconstructs):
            expected = model.reconstruct(end).joints
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
        else:
            cleaned = model.finish(model.whole(end), end.length).detach()
            cleaned = end.replace(target=model.standardizer.inverse(cleaned))
            # the noise that a clip comes from is found by a solver of finite steps
            assert error(found, cleaned, end.frame_mask) < 0.25 * apart


def test_the_way_is_one_of_small_steps(model):
    way = model.interpolate(one(0), one(4), 9)
    steps = (way.joints[1:, :8] - way.joints[:-1, :8]).norm(dim=-1).mean((1, 2))
    whole = (way.joints[-1, :8] - way.joints[0, :8]).norm(dim=-1).mean()
    assert bool((steps > 0).all())
    assert float(steps.max()) < 0.6 * float(whole)


def test_the_way_between_two_samples(model):
    drawn = model.sample(6, label=[0, 0, 0, 0, 0, 2], length=12, seed=3)
    way = interpolate_samples(model, 2, 5, 4, label=[0, 2], length=12, seed=3)
    found = centred(way)
    for row, number in ((0, 2), (3, 5)):
        torch.testing.assert_close(found[row], drawn.joints[number], atol=2e-4, rtol=0)
    assert way.label.tolist() == [0, 0, 2, 2]
    with pytest.raises(ValueError, match=r"observed: found 0.5, but these clips are clean"):
        interpolate_samples(model, 2, 5, 4, length=12, options=SampleOptions(observed=0.5))


@pytest.mark.parametrize("n", [0, 1])
def test_a_way_needs_two_ends(model, n):
    with pytest.raises(ValueError, match=f"n: found {n}, at least 2"):
        model.interpolate(one(0), one(1), n)


# ---- like one -----------------------------------------------------------------------------------


def test_variations_spread_with_the_strength(model):
    clip, spread, away = one(0), [], []
    for strength in (0.0, 0.3, 1.0):
        found = model.like(clip, 12, strength=strength, seed=1)
        assert bool((found.length == clip.length).all() and (found.label == clip.label).all())
        spread.append(float(found.joints.std(0).mean()))
        away.append(float((found.joints - clip.target)[found.mask].norm(dim=-1).mean()))
    assert spread[0] < 1e-5 < 0.3 * spread[1]
    assert spread[1] < 0.8 * spread[2]
    assert max(away[:2]) < away[2]


def test_a_variation_of_full_strength_is_a_sample(model):
    clip = one(0)
    found = model.like(clip, 3, strength=1.0, seed=4)
    drawn = model.sample(3, label=int(clip.label), length=int(clip.length), seed=4)
    torch.testing.assert_close(centred(found), drawn.joints, atol=2e-4, rtol=0)


def test_a_variation_is_a_function_of_its_number(model):
    clip = one(1)
    many, few = (model.like(clip, n, seed=2) for n in (34, 3))
    assert torch.equal(many.joints[:3], few.joints)
    other = model.like(clip, 3, seed=3)
    assert not (other.joints == few.joints).flatten(1).all(1).any()


def test_clips_are_varied_together_as_each_is_alone(model):
    both = model.like(held().select(slice(1, 3)), 2, seed=2)
    assert both.label.tolist() == held().label[[1, 1, 2, 2]].tolist()
    # the first two have the noise of samples 0 and 1, as the clip has alone
    assert torch.equal(both.joints[:2], model.like(one(1), 2, seed=2).joints)
    again = model.like(held().select(torch.tensor([0, 0, 2, 2])), seed=2)
    assert torch.equal(both.joints[2:], again.joints[2:])


# ---- filling in ---------------------------------------------------------------------------------


def test_gaps_are_crossed_in_a_straight_line_and_ends_are_held():
    values = torch.tensor([9.0, 1.0, 9.0, 9.0, 4.0, 9.0]).view(1, 6, 1, 1)
    mask = torch.tensor([0, 1, 0, 0, 1, 0]).bool().view(1, 6, 1)
    found = over_gaps(values, mask).flatten()
    torch.testing.assert_close(found, torch.tensor([1.0, 1.0, 2.0, 3.0, 4.0, 4.0]))


def test_a_joint_that_is_never_shown_moves_like_the_nearest():
    model = trained("VAE")
    clips = held()
    view = torch.zeros_like(clips.joints)
    shown = torch.ones_like(clips.mask)
    shown[:, :, right_arm()] = False
    shoulder = model.skeleton.roles["right_shoulder"]
    seen = clips.replace(joints=torch.randn_like(view), confidence=shown.float())
    found = meet(view, seen, model.skeleton)
    assert torch.equal(found[shown], seen.joints[shown])
    elbow = model.skeleton.roles["right_elbow"]
    assert torch.equal(found[:, :, elbow], seen.joints[:, :, shoulder])


def test_filling_beats_the_class_mean_and_a_sample(model):
    clips, train_clips = with_gap(held()), example_clips(SPEC, people=8)
    gap = held().frame_mask[..., None] & ~clips.mask
    exists = train_clips.frame_mask[..., None, None]
    mean = torch.zeros_like(clips.joints)
    for row, label in enumerate(clips.label.tolist()):
        own = train_clips.label == label
        mean[row] = (train_clips.target * exists)[own].sum(0) / exists[own].sum(0).clamp(min=1)
    drawn = model.sample(len(clips), label=clips.label.tolist(), length=clips.length.tolist())
    # what is most likely against a mean, a draw against a draw
    for temperature, trivial in ((0.0, mean), (1.0, drawn.joints)):
        found = filled(model, temperature=temperature).joints
        assert error(found, held(), gap) < 0.8 * error(trivial, held(), gap)


def test_what_was_seen_stays_and_all_is_there(model):
    clips = with_gap(held())
    found = filled(model, temperature=1.0)
    assert torch.equal(found.joints[clips.mask], clips.joints[clips.mask])
    assert torch.equal(found.confidence[clips.mask], clips.confidence[clips.mask])
    assert bool((found.confidence[clips.frame_mask] > 0).all())
    assert not found.joints[~clips.frame_mask].any()
    clean = model.fill(clips, keep=False)
    path = model.find_path(clips)
    torch.testing.assert_close(clean.joints[clips.mask], path[clips.mask])
    assert not torch.equal(clean.joints[clips.mask], clips.joints[clips.mask])


def test_a_filling_meets_what_was_seen_without_a_jump(model):
    mask = torch.ones_like(held().mask)
    mask[:, 4:7] = False
    clips = hidden(held(), mask)
    step = model.fill(clips, temperature=0.0).joints.diff(dim=1).norm(dim=-1)
    truth = held().target.diff(dim=1).norm(dim=-1)
    for border in (3, 6):
        assert float(step[:, border].mean()) < 1.5 * float(truth[:, border].mean())


def test_hidden_values_change_nothing(model):
    clips = with_gap(held())
    other = clips.replace(joints=torch.where(clips.mask[..., None], clips.joints, float("nan")))
    assert torch.equal(model.fill(other).joints, filled(model, temperature=1.0).joints)
    rows = [slice(0, 1), slice(4, 5)]
    for change in (
        lambda batch: model.like(batch.select(rows[0]), 2),
        lambda batch: model.interpolate(*(batch.select(row) for row in rows), 2),
    ):
        found, expected = change(other).joints, change(clips).joints
        assert torch.equal(found, expected) and bool(found.isfinite().all())


def test_a_filling_depends_on_seed_number_and_clip_alone(model):
    clips = with_gap(held())
    both = model.fill(clips, n=2, seed=5)
    assert both.index.tolist() == [row // 2 for row in range(2 * len(clips))]
    alone = model.fill(clips.select(slice(7, 8)), n=2, seed=5)
    assert torch.equal(alone.joints, both.joints[14:16])
    gap = clips.frame_mask[..., None] & ~clips.mask
    for other in (both.joints[1::2], filled(model, temperature=1.0).joints):
        assert float((other - both.joints[::2])[gap].norm(dim=-1).mean()) > 1e-3


def test_at_temperature_zero_all_fillings_are_alike(model):
    other = model.fill(with_gap(held()), temperature=0.0, seed=8)
    torch.testing.assert_close(other.joints, filled(model, temperature=0.0).joints)


# ---- all of them --------------------------------------------------------------------------------


def test_no_trace_is_left(model):
    state = torch.get_rng_state()
    for mode in (True, False):
        model.train(mode)
        model.like(one(0), 1)
        model.interpolate(one(0), one(1), 2)
        model.fill(one(0))
        assert model.training is mode
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None or not p.grad.isnan().any() for p in model.parameters())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda clips: clips.select(slice(0, 0)), "clips: found none"),
        (lambda clips: clips.replace(label=clips.label + 9), "label of clip 0 is 9, allowed -1"),
        (lambda clips: clips.replace(length=clips.length * 0 + 1), "has 1 frames, allowed 2 to"),
        (lambda clips: clips.replace(confidence=clips.confidence * 0), "clip 0 shows no joint"),
    ],
)
def test_clips_that_do_not_fit_are_refused(change, words):
    clips = change(one(0))
    with pytest.raises(ValueError, match=words):
        trained("VAE").like(clips, 2)


def test_the_way_between_more_than_two_clips_is_refused():
    with pytest.raises(ValueError, match="first: found 2 clips, expected 1"):
        trained("VAE").interpolate(held().select(slice(0, 2)), one(0), 2)


def test_clips_of_another_shape_are_refused():
    other = example_spec("coco17", 3)
    with pytest.raises(ValueError, match=r"clips are \(14, 17, 3\), the model's \(14, 20, 3\)"):
        trained("VAE").fill(example_clips(other))


@pytest.mark.parametrize("strength", [-0.1, 1.5])
def test_wrong_numbers_are_refused(strength):
    model = trained("VAE")
    with pytest.raises(ValueError, match=f"strength: found {strength}, allowed 0 to 1"):
        model.like(one(0), 2, strength=strength)
    for name, options in (("n", {"n": 0}), ("seed", {"seed": -1})):
        with pytest.raises(ValueError, match=f"{name}: found"):
            model.fill(one(0), **options)
    with pytest.raises(ValueError, match="temperature: found -1"):
        model.fill(one(0), temperature=-1.0)


def test_a_clip_without_a_label(model):
    clip = one(0).replace(label=torch.tensor([-1]))
    assert isinstance(model.like(clip, 2), MotionBatch)
    assert model.fill(with_gap(clip)).joints.isfinite().all()
