"""The filter: doubtful clips, copies and outliers are dropped, and nothing else."""

import math

import numpy as np
import pytest
import torch

from motiongen.augmentation.filtering import Filter, kept, relative_distances
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, conform
from motiongen.motion import MotionSpec

CLASSES = ("walk", "wave")
SPEC = MotionSpec("kinect20", 3, 16, 10.0, CLASSES)


def clips(first, last):
    people = synthetic.synthesise(last, 2, 0, CLASSES)
    return as_batch([conform(c, SPEC) for c in people if int(c.subject) >= first], SPEC)


class Judge:
    """Is sure of the first clips only."""

    def __init__(self, sure):
        self.sure = sure

    def probabilities(self, batch):
        found = np.full((len(batch), 2), 0.5)
        for row in range(self.sure):
            found[row] = np.eye(2)[int(batch.label[row])]
        return found


def test_by_default_everything_passes():
    assert not Filter().active
    assert Filter().passed(clips(5, 6), clips(1, 4), SPEC, None).all()


def test_doubtful_clips_are_dropped():
    batch = clips(5, 6)
    passed = Filter(confidence=0.6).passed(batch, clips(1, 4), SPEC, Judge(3))
    assert passed.tolist() == [True] * 3 + [False] * (len(batch) - 3)
    assert len(kept(batch, passed)) == 3


def test_copies_and_outliers_are_dropped():
    real, others = clips(1, 4), clips(5, 6)
    copy, far = real.select(slice(0, 1)), others.select(slice(0, 1))
    grown = far.replace(joints=far.joints * torch.linspace(1, 6, 16)[:, None, None])
    found = [float(relative_distances(b, real, SPEC)[0]) for b in (copy, far, grown)]
    assert found[0] < 1e-3 < 0.3 < found[1] < 3 < found[2]
    chosen = Filter(nearest=0.1, farthest=3.0)
    assert [bool(chosen.passed(b, real, SPEC, None)[0]) for b in (copy, far, grown)] == [
        False,
        True,
        False,
    ]


def test_real_clips_themselves_are_one_median_apart():
    real = clips(1, 4)
    spread = [
        float(relative_distances(real.select(row), real.select(~row), SPEC)[0])
        for row in torch.eye(len(real), dtype=torch.bool)
    ]
    assert 0.6 < np.median(spread) < 1.6


def test_distances_are_to_clips_of_the_same_class():
    real = clips(1, 4)
    other = real.select(slice(0, 1)).replace(label=1 - real.label[:1])
    assert relative_distances(other, real, SPEC)[0] > 1
    alone = real.select(real.label == 0)
    assert math.isinf(relative_distances(real.select(real.label == 1), alone, SPEC)[0])


def test_one_clip_a_class_says_nothing_about_distances():
    rows = torch.tensor([int((clips(1, 4).label == k).nonzero()[0]) for k in (0, 1)])
    with pytest.raises(ValueError, match="no class has 2 real clips"):
        Filter(nearest=0.1).passed(clips(5, 6), clips(1, 4).select(rows), SPEC, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 1.0}, "confidence: found 1.0"),
        ({"confidence": -0.1}, "confidence: found -0.1"),
        ({"nearest": 2.0, "farthest": 1.0}, "nearest: found 2.0, allowed 0 to below farthest, 1"),
        ({"candidates": 0}, "candidates: found 0"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Filter(**options)
