"""The classifier learns what moves, and cannot see what was missed."""

import functools

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.classifier import (
    MotionClassifier,
    fill_gaps,
    fit_classifier,
    predict,
    shuffled_batches,
)
from motiongen.encoders import CNN
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec

SPEC = MotionSpec("kinect20", 3, frames=12, fps=10.0, classes=("left", "right", "still"))
SMALL = functools.partial(CNN, width=24, layers=2)


def clips(count=48, seed=0, frames=12):
    """People who raise their left hand, their right hand, or none."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 3
    joints = rng.normal(size=(count, 1, 20, 3)) * 0.02 + np.linspace(0, 1, 20)[:, None]
    joints = joints + rng.normal(size=(count, frames, 20, 3)) * 0.02
    for number, name in enumerate(("left_hand", "right_hand")):
        rows = np.flatnonzero(label == number)
        joints[rows, :, layouts.get("kinect20").index(name), 1] += np.linspace(0, 1, frames)
    length = rng.integers(8, frames + 1, count)
    exists = np.arange(frames) < length[:, None]
    confidence = rng.uniform(0.1, 1, (count, frames, 20)) * (rng.random((count, frames, 20)) < 0.8)
    confidence = confidence * exists[..., None]
    return MotionBatch(
        joints=torch.from_numpy(joints * (confidence > 0)[..., None]).float(),
        confidence=torch.from_numpy(confidence).float(),
        length=torch.from_numpy(length),
        label=torch.from_numpy(label),
    )


@pytest.fixture(scope="module")
def model():
    return fit_classifier(clips(), SPEC, encoder=SMALL, steps=60)


def test_fill_gaps_is_linear_interpolation():
    batch = clips(6)
    joints, known = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
    for row in range(6):
        frames = int(batch.length[row])
        for joint in range(20):
            at = np.flatnonzero(batch.mask[row, :frames, joint])
            for axis in range(3):
                given = batch.joints[row, at, joint, axis].numpy()
                expected = np.interp(np.arange(frames), at, given)
                found = joints[row, :frames, joint, axis]
                np.testing.assert_allclose(found, expected, atol=1e-6)
        assert bool(known[row, :frames].all()) and not known[row, frames:].any()
    assert not joints[~batch.frame_mask].any()


@pytest.mark.parametrize("value", [1e3, float("nan")])
def test_fill_gaps_reads_nothing_under_the_mask(value):
    batch = clips(3)
    confidence = batch.confidence.clone()
    confidence[0, :, 4] = 0
    batch = batch.replace(confidence=confidence)
    expected, known = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
    other = torch.where(batch.mask[..., None], batch.joints, value)
    found, again = fill_gaps(other, batch.mask, batch.frame_mask)
    assert torch.equal(found, expected) and torch.equal(known, again)
    assert not known[0, :, 4].any() and not found[0, :, 4].any()


def test_fill_gaps_holds_the_ends_and_single_frames():
    joints = torch.zeros(1, 6, 1, 2)
    joints[0, 2], joints[0, 4] = 1.0, 3.0
    seen = torch.tensor([0, 0, 1, 0, 1, 0], dtype=torch.bool)[None, :, None]
    found, _ = fill_gaps(joints, seen, torch.ones(1, 6, dtype=torch.bool))
    assert found[0, :, 0, 0].tolist() == [1, 1, 1, 2, 3, 3]
    seen[0, 2] = False
    found, _ = fill_gaps(joints, seen, torch.ones(1, 6, dtype=torch.bool))
    assert found[0, :, 0, 0].tolist() == [3] * 6


def test_it_learns_classes_that_differ(model):
    other = clips(60, seed=1)
    features, logits = predict(model, other)
    assert features.shape == (60, 32) and float(features.abs().max()) <= 1
    assert float((logits.argmax(1) == other.label).double().mean()) > 0.95


def test_it_does_not_see_confidences(model):
    batch = clips(12, seed=2)
    flat = batch.replace(confidence=batch.mask.float())
    for found, expected in zip(predict(model, flat), predict(model, batch), strict=True):
        assert torch.equal(found, expected)


def test_it_does_not_see_gaps(model):
    batch = clips(12, seed=3)
    joints, known = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
    filled = batch.replace(joints=joints, confidence=known.float())
    for found, expected in zip(predict(model, filled), predict(model, batch), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_predictions_do_not_depend_on_the_batch(model):
    batch = clips(20, seed=4)
    whole, parts = predict(model, batch), predict(model, batch, batch_size=3)
    for found, expected in zip(parts, whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_fitting_is_repeatable_and_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    first, again, other = (
        fit_classifier(clips(), SPEC, encoder=SMALL, steps=5, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), state)
    for name, value in first.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert not torch.equal(first.classify.weight, other.classify.weight)
    assert not first.training


def test_fitting_does_not_depend_on_what_was_drawn_before():
    first = fit_classifier(clips(), SPEC, encoder=SMALL, steps=3)
    torch.rand(7)
    again = fit_classifier(clips(), SPEC, encoder=SMALL, steps=3)
    assert torch.equal(first.classify.weight, again.classify.weight)


def test_clips_without_label_are_left_out():
    batch = clips()
    extra = batch.select(slice(0, 9))
    extra = extra.replace(joints=extra.joints + 50, label=torch.full((9,), NO_LABEL))
    both = MotionBatch(
        *(
            torch.cat([getattr(part, name) for part in (batch, extra)])
            for name in ("joints", "confidence", "length", "label")
        )
    )
    first, again = (fit_classifier(b, SPEC, encoder=SMALL, steps=3) for b in (batch, both))
    assert torch.equal(first.classify.weight, again.classify.weight)


def test_progress_is_reported_at_each_step():
    steps = []
    fit_classifier(clips(), SPEC, encoder=SMALL, steps=4, progress=lambda: steps.append(1))
    assert len(steps) == 4


@pytest.mark.parametrize(("count", "size"), [(10, 4), (10, 10), (7, 20), (5, 2)])
def test_every_clip_is_seen_once_before_any_twice(count, size):
    torch.manual_seed(0)
    batches = list(shuffled_batches(count, size, 25))
    assert {len(rows) for rows in batches} == {min(size, count)}
    order = torch.cat(batches)
    for first in range(0, len(order) - count, count):
        assert sorted(order[first : first + count].tolist()) == list(range(count))


def test_one_class_is_not_enough():
    batch = clips()
    with pytest.raises(ValueError, match="at least 2 classes"):
        fit_classifier(batch.select(batch.label == 1), SPEC)
    with pytest.raises(ValueError, match="needs 2 classes or more"):
        MotionClassifier(MotionSpec("kinect20", 3, 12, 10.0, ("one",)))
