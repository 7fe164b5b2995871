"""One trained generator: equal effort in every arm, no leak, and plain words about nothing."""

import functools

import numpy as np
import pytest
import torch

from motiongen.augmentation import augmentation_study, comparison, synthetic_labels
from motiongen.classifier import fit_classifier
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, conform
from motiongen.encoders import CNN
from motiongen.motion import MotionSpec

CLASSES = ("walk", "wave")
SPEC = MotionSpec("kinect20", 3, 16, 10.0, CLASSES)
ENCODER = functools.partial(CNN, width=16, layers=1)
TOKEN = 123.0


@functools.cache
def clips(first, last):
    """Clips of some people, both classes, two takes each."""
    people = synthetic.synthesise(last, 2, 0, CLASSES)
    return as_batch([conform(c, SPEC) for c in people if int(c.subject) >= first], SPEC)


def train():
    return clips(1, 4)


def held_out():
    return clips(9, 10)


def draw(labels, seed):
    """A perfect generator: real clips of people in neither split."""
    pool, rng = clips(5, 8), np.random.default_rng(seed)
    rows = [int(rng.choice((pool.label == label).nonzero()[:, 0].numpy())) for label in labels]
    return pool.select(torch.tensor(rows))


def study(**changes):
    arguments = {"train": train(), "test": held_out(), "spec": SPEC, "draw": draw}
    arguments |= {"seeds": 2, "steps": 3, "encoder": ENCODER, **changes}
    return augmentation_study(**arguments)


@pytest.fixture
def fitted(monkeypatch):
    """Records what every classifier is fitted on and with."""
    calls = []

    def spy(batch, spec, **options):
        calls.append((batch, options))
        return fit_classifier(batch, spec, **options)

    monkeypatch.setattr(comparison, "fit_classifier", spy)
    return calls


def test_arms_differ_in_their_clips_alone(fitted):
    steps = []
    found = study(progress=lambda: steps.append(1))
    assert [row.name for row in found.rows] == ["real", "synthetic only", "real + synthetic"]
    assert [row.n for row in found.rows] == [16, 16, 32]
    assert [len(batch) for batch, _ in fitted] == [16, 16, 32] * 2
    assert {(o["steps"], o["batch_size"]) for _, o in fitted} == {(3, 16)}
    assert [options["seed"] for _, options in fitted] == [0, 0, 0, 1, 1, 1]
    assert len(steps) == 2 * 3 * 3


def test_synthetic_clips_are_drawn_anew_for_each_seed():
    asked = []

    def recording(labels, seed):
        asked.append((labels, seed))
        return draw(labels, seed)

    study(draw=recording, seeds=3, ratio=0.5)
    assert [seed for _, seed in asked] == [0, 1, 2]
    assert all(labels == [0] * 4 + [1] * 4 for labels, _ in asked)


def test_labels_follow_the_train_set():
    uneven = train().select(torch.tensor([0, 1, 4, 5, 8, 9, 2]))
    assert uneven.label.tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert synthetic_labels(uneven, 0.5) == [0, 0, 0, 1]
    assert synthetic_labels(uneven, 2.0) == [0] * 12 + [1] * 2


def test_nothing_of_the_test_clips_reaches_training(fitted):
    marked = held_out()
    tokens = torch.where(marked.mask[..., None], TOKEN, 0.0)
    marked = marked.replace(joints=tokens.expand_as(marked.joints).clone())
    seen = []

    def recording(labels, seed):
        seen.append(labels)
        return draw(labels, seed)

    study(test=marked, draw=recording)
    for batch, _ in fitted:
        assert not (batch.joints == TOKEN).any()
    first = [batch.joints.clone() for batch, _ in fitted]
    fitted.clear()
    study(test=held_out(), draw=recording)
    assert all(torch.equal(a, b.joints) for a, (b, _) in zip(first, fitted, strict=True))
    assert len({str(labels) for labels in seen}) == 1


def test_a_test_clip_among_train_or_synthetic_clips_is_refused():
    test, known = held_out(), train()
    with pytest.raises(ValueError, match=r"1 of 8 test clips \(first: 3\) .* train clips"):
        leaked = known.joints.clone()
        leaked[5] = test.joints[3]
        fields = {"confidence": known.confidence.clone(), "length": known.length.clone()}
        fields["confidence"][5], fields["length"][5] = test.confidence[3], test.length[3]
        labels = known.label.clone()
        labels[5] = test.label[3]
        study(train=known.replace(joints=leaked, label=labels, **fields))

    def copier(labels, seed):
        return test.select(torch.tensor([int((test.label == c).nonzero()[0]) for c in labels]))

    with pytest.raises(ValueError, match="synthetic \\(seed 0\\)"):
        study(draw=copier)


def test_paired_differences_and_their_words():
    found = study(seeds=3, steps=25)
    rows = {row.name: row.values for row in found.rows}
    gain = rows["real + synthetic"]["accuracy_gain"]
    difference = rows["real + synthetic"]["accuracy"].value - rows["real"]["accuracy"].value
    assert gain.value == pytest.approx(difference)
    assert gain.low <= gain.value <= gain.high
    assert 0 <= rows["synthetic only"]["accuracy_p"].value <= 1
    assert set(rows["real"]) == {"accuracy", "macro_f1"}
    assert f"{100 * gain.value:+.1f} points" in found.caption
    assert "Student t over 3 seeds" in found.interval


def test_says_plainly_when_the_gain_is_nil():
    """Copies of the train set teach nothing."""

    def copier(labels, seed):
        rows = [int((train().label == label).nonzero()[0]) for label in labels]
        return train().select(torch.tensor(rows))

    found = study(draw=copier)
    assert "no gain that these seeds can tell from chance" in found.caption


def test_repeats_bit_for_bit_and_leaves_random_numbers_alone():
    state = torch.random.get_rng_state()
    assert study() == study()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1}, "seeds: found 1"),
        ({"ratio": 0.0}, "ratio: found 0.0"),
        ({"steps": 0}, "steps: found 0"),
        (
            {"draw": lambda labels, seed: draw(labels[:-1], seed)},
            "16 labels were asked for, and 15",
        ),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        study(**changes)


def test_refuses_clips_without_labels():
    blank = train().replace(label=torch.full((16,), -1))
    with pytest.raises(ValueError, match="train: no clip has a label"):
        study(train=blank)
