"""Recognisers: found by name, repeatable, blind to gaps, and one clear error for wrong names."""

import functools
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, conform
from motiongen.data.variation import Variation
from motiongen.encoders import RNN
from motiongen.motion import MotionSpec
from motiongen.recognition import RECOGNISERS, Fitted, Network, Recogniser, Rocket, recogniser
from motiongen.recognition.base import filled

CLASSES = ("walk", "wave", "kick")
SPEC = MotionSpec("kinect20", 3, 16, 10.0, CLASSES)
TINY = {"CNN": "CNN:width=8,layers=1", "RNN": "RNN:width=4,layers=1"}
TINY |= {"GCN": "GCN:width=8,layers=1", "Transformer": "Transformer:width=8,layers=1,heads=2"}
TINY |= {"MixtureOfExperts": "MixtureOfExperts:width=8,layers=1,experts=2"}
TINY |= {"GRU": "GRU:width=8,layers=1,features=4"}
#: numba compiles for about half a minute where it has not before
ROCKETS = ("MiniRocket", "MultiRocket")
SLOW = [pytest.param(f"{name}:kernels=84", marks=pytest.mark.slow) for name in ROCKETS]
NAMES = [*TINY.values(), *SLOW]


@functools.cache
def clips(first, last):
    people = synthetic.synthesise(last, 2, 0, CLASSES)
    return as_batch([conform(c, SPEC) for c in people if int(c.subject) >= first], SPEC)


def fitted(name, steps=3, seed=0, batch=None, **options):
    return recogniser(name).fit(
        clips(1, 4) if batch is None else batch, SPEC, steps=steps, seed=seed, **options
    )


def test_every_encoder_and_both_rockets_have_a_name():
    encoders = ("CNN", "GCN", "RNN", "MixtureOfExperts", "Transformer")
    assert RECOGNISERS == (*encoders, "GRU", *ROCKETS)
    assert set(TINY) == set(RECOGNISERS[:-2])


@pytest.mark.parametrize("name", NAMES)
def test_probabilities_repeat_bit_for_bit(name):
    assert isinstance(recogniser(name), Recogniser)
    ticks, state = [], torch.random.get_rng_state()
    first = fitted(name, progress=lambda: ticks.append(1))
    assert isinstance(first, Fitted) and len(ticks) == 3
    found = first.probabilities(clips(5, 6))
    assert found.shape == (len(clips(5, 6)), 3)
    assert np.allclose(found.sum(1), 1) and (found >= 0).all()
    assert np.array_equal(found, fitted(name).probabilities(clips(5, 6)))
    assert not np.array_equal(found, fitted(name, seed=1).probabilities(clips(5, 6)))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", [TINY["CNN"], *SLOW])
def test_learns_to_tell_people_s_actions_apart(name):
    found = fitted(name, steps=60).probabilities(clips(5, 8)).argmax(1)
    assert (found == clips(5, 8).label.numpy()).mean() > 0.8


@pytest.mark.parametrize("name", [TINY["CNN"], *SLOW])
def test_augmentation_changes_what_is_learned_and_nothing_else(name):
    seen = []

    def look(batch, rng):
        seen.append((batch, float(rng.random())))
        return batch

    plain = fitted(name).probabilities(clips(5, 6))
    looked = fitted(name, augment=look).probabilities(clips(5, 6))
    assert len(seen) > 1 and len({draw for _, draw in seen}) == len(seen)
    if name in TINY.values():
        # the same weights, order and dropout
        assert np.array_equal(plain, looked)
    changed = fitted(name, augment=Variation(90.0, 0.5, 0.5)).probabilities(clips(5, 6))
    assert not np.array_equal(looked, changed)


@pytest.mark.parametrize("name", [TINY["CNN"], TINY["GRU"], *SLOW])
def test_what_lies_in_a_gap_changes_nothing(name):
    confidence = clips(1, 4).confidence.clone()
    confidence[:, 3:6, ::2] = 0
    gaps = clips(1, 4).replace(confidence=confidence)
    filth = gaps.replace(joints=torch.where(gaps.mask[..., None], gaps.joints, 99.0))
    found = [fitted(name, batch=b).probabilities(b) for b in (gaps, filth)]
    assert np.array_equal(*found)


@pytest.mark.slow
def test_absent_classes_have_no_probability_and_clips_may_be_short():
    spec = MotionSpec("kinect20", 3, 4, 10.0, CLASSES)
    short = as_batch([conform(c, spec) for c in synthetic.synthesise(3, 1, 0, CLASSES)], spec)
    two = short.select(short.label != 1)
    found = recogniser("MiniRocket:kernels=84").fit(two, spec, steps=1, seed=0)
    assert (found.probabilities(short)[:, 1] == 0).all()
    assert np.allclose(found.probabilities(short).sum(1), 1)


@pytest.mark.slow
def test_numba_leaves_torch_its_number_of_threads():
    """In a process of its own: numba asks for its threads once."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from motiongen.data import synthetic\n"
        "from motiongen.data.clips import as_batch, conform\n"
        "from motiongen.motion import MotionSpec\n"
        "from motiongen.recognition import recogniser\n"
        "names = ('walk', 'wave')\n"
        "spec = MotionSpec('kinect20', 3, 16, 10.0, names)\n"
        "made = synthetic.synthesise(2, 1, 0, names)\n"
        "clips = as_batch([conform(c, spec) for c in made], spec)\n"
        "learned = recogniser('MiniRocket:kernels=84').fit(clips, spec, steps=1, seed=0)\n"
        "learned.probabilities(clips); print(torch.get_num_threads())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == ["1"]


def test_options_reach_the_encoder():
    found = recogniser("RNN:width=128,layers=2,learning_rate=0.001")
    assert isinstance(found, Network) and found.learning_rate == 0.001
    encoder = found.encoder(layouts.get(SPEC.layout), 4, 1)
    assert isinstance(encoder, RNN)
    assert [(gru.hidden_size, gru.bidirectional) for gru in encoder.recurrent] == [(128, True)] * 2
    assert recogniser("MultiRocket:kernels=168,copies=2") == Rocket("MultiRocket", 168, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LSTM", f"found 'LSTM', allowed {', '.join(RECOGNISERS)}"),
        ("RNN:widht=3", "unknown option widht; allowed: dropout, features, layers, learning_rate"),
        ("GRU:patch=2", "unknown option patch; allowed: features, layers, learning_rate, width"),
        ("RNN:width=1.5", "width=1.5, allowed is a whole number above 0"),
        ("GRU:width=0", "width=0, allowed is a whole number above 0"),
        ("GRU:learning_rate=nan", "learning_rate=nan, allowed is a number"),
        ("MiniRocket:width=3", "unknown option width; allowed: copies, kernels"),
        ("RNN:width", "found 'width', expected NAME=NUMBER"),
        ("RNN:width=wide", "found 'width=wide', expected NAME=NUMBER"),
        ("MiniRocket:kernels=3", "found 3 kernels, at least 84"),
        ("MiniRocket:copies=0", "copies=0, allowed is a whole number above 0"),
    ],
)
def test_refuses(name, message):
    with pytest.raises(ValueError, match=message):
        recogniser(name)


def test_says_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs aeon.*pip install 'motiongen\[recognise\]'"):
        recogniser("MiniRocket")


def test_the_plain_gru_standardises_each_axis_by_its_training_clips():
    learned, seen = fitted(TINY["GRU"]), filled(clips(1, 4))
    points = seen.joints[seen.frame_mask].flatten(0, 1)
    assert torch.allclose(learned.model.mean, points.mean(0), atol=1e-5)
    assert torch.allclose(learned.model.spread, points.std(0, correction=0), atol=1e-5)
    assert learned.model.recurrent.num_layers == 1
    shape = recogniser("GRU").fit(clips(1, 4), SPEC, steps=1, seed=0).model.recurrent
    assert (shape.hidden_size, shape.num_layers, shape.bidirectional) == (128, 2, False)


def test_refuses_clips_of_one_class():
    one = clips(1, 4).select(clips(1, 4).label == 0)
    with pytest.raises(ValueError, match="at least 2 classes"):
        fitted(TINY["CNN"], batch=one)
    with pytest.raises(ValueError, match="at least 2 classes"):
        fitted("MiniRocket:kernels=84", batch=one)
