"""Clips at hand are asked whether they fit, by every method that takes them."""

import functools

import numpy as np
import pytest
import torch

from motiongen.encoders import CNN
from motiongen.generators import VAE, Flow, SampleOptions
from motiongen.generators.keys import given, require_counts
from motiongen.testing.examples import example_clips, example_spec

SPEC = example_spec()
KNOWN = 9
METHODS = {"VAE": ("encode", "reconstruct", "like", "fill"), "Flow": ("log_prob",)}
CALLS = [(family, method) for family, methods in METHODS.items() for method in methods]


@functools.cache
def model(family):
    torch.manual_seed(0)
    encoder = functools.partial(CNN, width=8, layers=1)
    made = {"VAE": VAE, "Flow": Flow}[family](SPEC, encoder)
    made.fit_statistics(example_clips(SPEC))
    return made.eval()


def clips():
    """Three clips that end early."""
    found = example_clips(SPEC).select(slice(0, 3))
    length = torch.full((3,), KNOWN)
    exists = (torch.arange(SPEC.frames) < KNOWN)[None, :, None]
    confidence = found.confidence * exists
    joints = torch.where((confidence > 0)[..., None], found.joints, 0.0)
    return found.replace(joints=joints, confidence=confidence, length=length, path=None)


def values(found):
    """All numbers that a method returned."""
    if isinstance(found, torch.Tensor):
        return [found]
    return list(found) if isinstance(found, tuple) else [found.joints, found.confidence]


@pytest.mark.parametrize(("family", "method"), [*CALLS, ("VAE", "find_path")])
def test_what_lies_beyond_a_clip_changes_nothing(family, method):
    right = clips()
    beyond = (torch.arange(SPEC.frames) >= KNOWN)[None, :, None].expand(right.confidence.shape)
    wrong = right.replace(
        joints=torch.where(beyond[..., None], 7.0, right.joints),
        confidence=torch.where(beyond, 1.0, right.confidence),
    )
    call = getattr(model(family), method)
    pairs = zip(values(call(right)), values(call(wrong)), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(("family", "method"), CALLS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"joints": float("nan")}, "a position that was seen is not finite"),
        ({"joints": float("inf")}, "a position that was seen is not finite"),
        ({"confidence": float("nan")}, "confidence is outside 0 to 1"),
        ({"confidence": -1.0}, "confidence is outside 0 to 1"),
        ({"confidence": 1.5}, "confidence is outside 0 to 1"),
        ({"label": 99}, "label of clip 2 is 99, allowed -1 to 2"),
        ({"length": 999}, "clip 2 has 999 frames, allowed 2 to 14"),
    ],
)
def test_what_does_not_fit_is_named(family, method, change, words):
    ((field, value),) = change.items()
    right = clips().replace(confidence=torch.ones(3, SPEC.frames, 20))
    column = getattr(right, field).clone()
    column[(2, 3, 4)[: min(3, column.ndim)]] = value
    where = "" if column.ndim == 1 else f"clips, clip 2, frame 3, joint '{joint(4)}': "
    with pytest.raises(ValueError, match=f"{where}{words}"):
        getattr(model(family), method)(right.replace(**{field: column}))


def joint(number):
    return model("VAE").skeleton.joints[number]


@pytest.mark.parametrize(("family", "method"), CALLS)
def test_a_clip_that_shows_nothing_is_refused(family, method):
    right = clips()
    confidence = right.confidence.clone()
    confidence[1] = 0
    with pytest.raises(ValueError, match="clip 1 shows no joint in any frame"):
        getattr(model(family), method)(right.replace(confidence=confidence))


@pytest.mark.parametrize(("family", "method"), CALLS)
def test_double_precision_is_taken_as_it_is(family, method):
    right = clips()
    double = right.replace(joints=right.joints.double(), confidence=right.confidence.double())
    call = getattr(model(family), method)
    pairs = zip(values(call(right)), values(call(double)), strict=True)
    assert all(torch.equal(one, other.to(one.dtype)) for one, other in pairs)


def test_numbers_of_any_kind_are_taken():
    draw = model("VAE").sample
    usual = draw(2, label=1, length=12, seed=3)
    for kind in (np.int64, np.int8):
        same = draw(2, label=kind(1), length=kind(12), seed=3)
        assert torch.equal(same.joints, usual.joints)
    assert torch.equal(draw(2, label=[np.int64(1)] * 2, length=12, seed=3).joints, usual.joints)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n: found 0, allowed are whole numbers from 1 to"),
        ({"seed": 2**64}, "seed: found 18446744073709551616, allowed are whole numbers from 0"),
        ({"seed": -1}, "seed: found -1, allowed are whole numbers from 0 to"),
        ({"length": True}, "length: found True, allowed 2 to 14"),
        ({"length": [12, 15]}, "length: found 15, allowed 2 to 14"),
    ],
)
def test_numbers_that_are_none_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        model("VAE").sample(**({"n": 2} | options))


@pytest.mark.parametrize("value", [1.5, 2.0, float("nan"), float("inf"), "3", None, True])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=f"n: found {value}, allowed are whole numbers from 1"):
        require_counts(seed=0, n=value)
    if isinstance(value, float) and value != 2:
        with pytest.raises(ValueError, match=f"length: found {value}, allowed 2 to 14"):
            given("length", value, 3, 2, 14)
    assert given("length", 12.0, 2, 2, 14) == [12, 12]


def test_a_clip_whose_number_is_negative_is_refused():
    numbered = clips().replace(index=torch.tensor([0, -1, 2]))
    with pytest.raises(ValueError, match="index of clip 1 is -1, allowed 0 to"):
        model("VAE").fill(numbered)


@pytest.mark.parametrize("name", ["temperature", "guidance"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e30, -1.0])
def test_options_that_overflow_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: found .*, allowed 0 to 100"):
        SampleOptions(**{name: value})


def test_people_who_hold_one_pose_are_not_learned_from():
    still = example_clips(SPEC)
    pose = torch.randn(1, 1, 20, 3, generator=torch.Generator().manual_seed(0))
    # as far apart as rounding takes clips that were moved to the origin
    pose = pose + torch.linspace(0, 1e-7, len(still))[:, None, None, None]
    joints = pose.expand(still.joints.shape).contiguous()
    with pytest.raises(ValueError, match="all positions of the train split are the same"):
        model("VAE").fit_statistics(
            still.replace(joints=joints, confidence=torch.ones_like(still.confidence))
        )
