"""The score that chooses the checkpoint."""

import pytest
import torch

from motiongen.generators.energy import DRAWS, energy_score, foretell, validation_score
from motiongen.motion import MotionBatch


def clips(joints):
    count, frames, joint_count = joints.shape[:3]
    return MotionBatch(
        joints=joints,
        confidence=torch.ones(count, frames, joint_count),
        length=torch.full((count,), frames),
        label=torch.zeros(count, dtype=torch.long),
    )


def score(spread, shift=0.0, hidden=False):
    """Of samples N(shift, spread) for clips N(0, 1)."""
    rng = torch.Generator().manual_seed(0)
    real = clips(torch.randn(40, 1, 1, 3, generator=rng))
    if hidden:
        confidence = torch.ones(40, 2, 1)
        confidence[:, 1] = 0
        joints = torch.cat([real.joints, torch.full_like(real.joints, 1e6)], 1)
        real = real.replace(joints=joints, confidence=confidence, length=real.length + 1)

    def draw(n, *, label, length):
        samples = shift + spread * torch.randn(n, 1, 1, 3, generator=rng)
        return clips(samples.expand(-1, real.joints.shape[1], -1, -1))

    return float(energy_score(foretell(real, draw)))


@pytest.mark.parametrize(
    "other", [{"spread": 0.1}, {"spread": 3.0}, {"spread": 1.0, "shift": 1.0}]
)
def test_the_right_distribution_scores_best(other):
    assert score(1.0) < score(**other) - 0.05


def test_hidden_joints_do_not_count():
    assert score(1.0, hidden=True) == pytest.approx(score(1.0))


def test_every_clip_gets_its_label_and_length():
    real = clips(torch.zeros(3, 4, 2, 3)).replace(label=torch.tensor([2, 0, 1]))
    asked = []

    def draw(n, *, label, length):
        asked.append((n, label, length))
        return clips(torch.zeros(n, 4, 2, 3))

    assert float(energy_score(foretell(real, draw))) == 0.0
    assert asked == [(3 * DRAWS, [2] * DRAWS + [0] * DRAWS + [1] * DRAWS, [4] * 3 * DRAWS)]


@pytest.mark.parametrize(("labels", "asked"), [([-1, 1, -1], [1] * DRAWS), ([-1, -1, -1], None)])
def test_clips_without_a_label_count_only_where_there_are_no_others(labels, asked):
    real = clips(torch.zeros(3, 4, 2, 3)).replace(label=torch.tensor(labels))
    found = []

    def draw(n, *, label, length):
        found.append(label)
        return clips(torch.zeros(n, 4, 2, 3))

    foretold = foretell(real, draw)
    assert found == [asked]
    assert len(foretold.samples) == DRAWS * len(foretold.clips)


def swinging(amplitude, slow=1.0, shake=0.0):
    """Score of samples that swing with random phases, for clips that do."""
    rng = torch.Generator().manual_seed(0)

    def swing(n, size, rate, noise):
        phase = 6.3 * torch.rand(n, 1, 1, 1, generator=rng)
        at = rate * torch.arange(40)[None, :, None, None] / 5
        wave = size * (at + phase).sin().expand(-1, -1, 1, 3)
        return clips(wave + noise * torch.randn(wave.shape, generator=rng))

    def draw(n, *, label, length):
        return swing(n, amplitude, slow, shake)

    return float(validation_score(foretell(swing(30, 1.0, 1.0, 0.0), draw), 1.0))


@pytest.mark.parametrize("other", [(0.2,), (1.0, 0.3), (1.0, 1.0, 0.5), (2.0,)])
def test_movement_counts(other):
    assert swinging(1.0) < swinging(*other) - 0.05


def test_clips_too_short_to_change_are_scored_by_position():
    real = clips(torch.randn(3, 4, 2, 3, generator=torch.Generator().manual_seed(0)))
    foretold = foretell(real, lambda n, *, label, length: clips(torch.zeros(n, 4, 2, 3)))
    assert float(validation_score(foretold, 2.0)) == pytest.approx(
        float(energy_score(foretold)) / 2
    )
