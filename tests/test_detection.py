"""What the report must call by name: copies, dropped modes, lost variance; and what not."""

import functools
from functools import partial

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.evaluation import EvaluationSettings, evaluate
from motiongen.motion import MotionBatch, MotionSpec

LAYOUT, FRAMES, CLIPS, LATENT = "kinect20", 5, 200, 24
SPEC = MotionSpec(LAYOUT, 3, FRAMES, 20.0, ("one", "two"))
SETTINGS = EvaluationSettings(draws=2, player_classes=0, metrics=("fid",))
#: none of so many finds one false alarm in twenty as surely as at most one of a hundred
HEALTHY = 64


@functools.cache
def ways():
    """What each number of a latent does to a pose, and to how it moves."""
    joints = layouts.get(LAYOUT).num_joints
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.5, (joints, 3))
    return pose, *(rng.normal(0, size, (LATENT, joints, 3)) for size in (0.04, 0.02))


def clips(latent):
    """Clips of a body: every latent is a motion of its own. Shapes: [N,LATENT] -> N clips."""
    pose, place, swing = ways()
    phase = np.sin(np.linspace(0, np.pi, FRAMES))[None, :, None, None]
    still = np.einsum("nl,ljc->njc", latent, place)[:, None]
    joints = pose + still + phase * np.einsum("nl,ljc->njc", np.sin(latent), swing)[:, None]
    count = len(latent)
    return MotionBatch(
        joints=torch.from_numpy(joints).float(),
        confidence=torch.ones(joints.shape[:3]),
        length=torch.full((count,), FRAMES),
        label=torch.from_numpy((latent[:, 0] > 0).astype(np.int64)),
    )


class Latents:
    """A feature space that sees what the clips were made of."""

    def features(self, batch):
        pose, place, _ = (torch.from_numpy(each).float() for each in ways())
        away = (batch.joints[:, 0] - pose).flatten(1)
        return torch.linalg.lstsq(place.flatten(1).T, away.T).solution.T

    def classify(self, found):
        return torch.stack([-found[:, 0], found[:, 0]], dim=1)


def drawn(rng, count=CLIPS):
    """Latents of as many clips of either class."""
    latent = rng.normal(size=(count, LATENT))
    latent[:, 0] = np.abs(latent[:, 0]) * np.where(np.arange(count) % 2, 1, -1)
    return latent


def flagged(**generated):
    """The warnings about each set."""
    rng = np.random.default_rng(1)
    train, test = clips(drawn(rng)), clips(drawn(rng))
    people = {"train": [str(i % 20) for i in range(CLIPS)],
              "test": [str(20 + i % 20) for i in range(CLIPS)]}  # fmt: skip
    report = evaluate(
        {name: make(train) for name, make in generated.items()},
        train=train, test=test, spec=SPEC, extractor=Latents(), subjects=people, settings=SETTINGS,
    )  # fmt: skip
    return {n: [w for w in report.warnings if w.startswith(f"{n}:")] for n in generated}


def shaken(train):
    noise = torch.randn(train.joints.shape, generator=torch.Generator().manual_seed(0))
    return train.replace(joints=train.joints + 0.01 * noise)


def ten_modes(train):
    rng = np.random.default_rng(2)
    modes = drawn(rng, 10)
    return clips(modes[rng.integers(10, size=CLIPS)] + 0.02 * drawn(rng))


def shrunk(train, scale):
    return clips(scale * drawn(np.random.default_rng(3)))


FAULTS = {
    "copier": (lambda train: train, "copies"),
    "memoriser": (shaken, "copies"),
    "mode-dropper": (ten_modes, "collapse"),
    "variance-halver": (partial(shrunk, scale=0.5**0.5), "low diversity"),
    "spread-halver": (partial(shrunk, scale=0.5), "low diversity"),
}


@functools.cache
def faulty():
    """One report for all: real clips and baselines are measured once."""
    return flagged(**{name: make for name, (make, _) in FAULTS.items()})


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_called_by_name(name):
    assert FAULTS[name][1] in " ".join(faulty()[name])


def test_healthy_samples_are_not_accused():
    def sampler(seed):
        return lambda train: clips(drawn(np.random.default_rng(100 + seed)))

    found = flagged(**{f"healthy {seed}": sampler(seed) for seed in range(HEALTHY)})
    assert not {name: texts for name, texts in found.items() if texts}
