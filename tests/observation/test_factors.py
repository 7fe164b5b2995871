"""Where a hidden joint went is told by the joints that were seen."""

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.data import synthetic
from motiongen.generators import Flow, FlowMatching
from motiongen.motion import MotionSpec, collate
from motiongen.noise import Compose, Dropout, Estimator, noisy_view
from motiongen.observation import WindowFactors
from motiongen.observation.factors import FRAMES, RANK, _maximised, _mean, _posterior

SKELETON = layouts.get("h36m17")


def random_model(size, rank, seed=0):
    rng = torch.Generator().manual_seed(seed)
    draw = torch.randn(size, rank, generator=rng), torch.rand(size, generator=rng)
    return draw[0].double(), draw[1].double() + 0.1


def test_what_is_hidden_is_the_conditional_mean_of_a_gaussian():
    factors, variance = random_model(12, 3)
    x = torch.randn(1, 12, generator=torch.Generator().manual_seed(1)).double()
    seen = torch.ones(1, 12).double()
    seen[0, [2, 5, 7]] = 0
    z, covariance = _posterior(x, seen, factors, variance)
    whole = (factors @ factors.T + torch.diag(variance)).numpy()
    o, h = seen[0].numpy() == 1, seen[0].numpy() == 0
    expected = whole[np.ix_(h, o)] @ np.linalg.solve(whole[np.ix_(o, o)], x[0].numpy()[o])
    assert np.allclose((z @ factors.T)[0].numpy()[h], expected, atol=1e-10)
    gain = factors.numpy()[o].T @ np.linalg.inv(whole[np.ix_(o, o)]) @ factors.numpy()[o]
    assert np.allclose(covariance[0].numpy(), np.eye(3) - gain, atol=1e-10)


def likelihood(x, seen, factors, variance):
    """Mean log density of what was seen of each row."""
    whole, total = factors @ factors.T + torch.diag(variance), 0.0
    for row, shown in zip(x, seen > 0, strict=True):
        part = whole[shown][:, shown]
        total += torch.distributions.MultivariateNormal(
            torch.zeros(len(part)).double(), part
        ).log_prob(row[shown])
    return float(total) / len(x)


def test_each_round_makes_what_was_seen_likelier_and_finds_the_covariance():
    rng = torch.Generator().manual_seed(0)
    true, variance = random_model(10, 2)
    z = torch.randn(2000, 2, generator=rng).double()
    x = z @ true.T + torch.randn(2000, 10, generator=rng).double() * variance.sqrt()
    seen = (torch.rand(2000, 10, generator=rng) > 0.3).double()
    found = (true + torch.randn(10, 2, generator=rng).double(), torch.ones(10).double())
    values = []
    for turn in range(200):
        if turn < 4:
            values.append(likelihood(x[:60], seen[:60], *found))
        # what was not seen must not matter
        hidden = torch.where(seen > 0, x, 7.0)
        found = _maximised(hidden, seen, *_posterior(hidden, seen, *found))
    assert all(later > earlier for earlier, later in zip(values, values[1:], strict=False))
    error = found[0] @ found[0].T + torch.diag(found[1]) - true @ true.T - torch.diag(variance)
    assert error.abs().max() < 0.1 * (true @ true.T).abs().max()
    assert torch.equal(_mean(torch.where(seen > 0, x, 7.0), seen), _mean(x, seen))


@pytest.fixture(scope="module")
def clean():
    return synthetic.synthesise(10, 1, seed=0, classes=["walk", "squat", "wave"])


@pytest.fixture(scope="module")
def spec(clean):
    names = ("walk", "squat", "wave")
    return MotionSpec(layout=clean[0].layout, frames=64, channels=3, fps=20.0, classes=names)


def batches(clean, severity=3):
    """The truth, and what is seen of it with a third of the joints missing."""
    noise = Compose((Estimator(severity), Dropout(0.2)))
    views = [noisy_view(clip, noise, 0, row) for row, clip in enumerate(clean)]
    return collate(clean, 64), collate(views, 64)


def gap_error(model, truth, seen):
    """Root mean square error beside the root, metres, where joints were not seen."""
    path, root = model.find_path(seen), layouts.get(model.spec.layout).root
    error = (path - path[:, :, [root]]) - (truth.joints - truth.joints[:, :, [root]])
    hidden = seen.frame_mask[..., None] & ~seen.mask & seen.mask.any(1, keepdim=True)
    return error[hidden].square().sum(-1).mean().sqrt()


def test_gaps_are_filled_better_than_joint_by_joint(clean, spec):
    truth, seen = batches(clean)
    known, strange = slice(0, 24), slice(24, 30)
    model = FlowMatching(spec)
    model.fit_statistics(seen.select(known))
    learned = model.factors.factors.clone()
    for rows in (known, strange):
        model.factors.factors.copy_(learned)
        ours = gap_error(model, truth.select(rows), seen.select(rows))
        model.factors.forget()
        assert ours < 0.9 * gap_error(model, truth.select(rows), seen.select(rows))


def paths_and_masks(clips=24, frames=30, joints=17):
    """Joints that follow one another, a fifth of them hidden; clips of unlike lengths."""
    rng = torch.Generator().manual_seed(0)
    drive = torch.randn(clips, frames, 2, generator=rng).cumsum(1)
    paths = torch.einsum("btk,kjc->btjc", drive, torch.randn(2, joints, 3, generator=rng))
    exists = torch.arange(frames) < torch.randint(3, frames + 1, (clips, 1), generator=rng)
    mask = (torch.rand(clips, frames, joints, generator=rng) > 0.2) & exists[..., None]
    return paths, mask, exists


def fitted(*clips):
    model = WindowFactors(SKELETON.root, 17, 3)
    model.fit(*clips)
    return model


def test_only_gaps_of_joints_that_a_clip_shows_are_changed():
    paths, mask, exists = paths_and_masks()
    mask[0, :, 3] = False
    model = fitted(paths, mask, exists)
    broken = torch.where(mask[..., None], paths, 0.0)
    found = model(broken, mask, exists)
    assert torch.equal(found[mask], paths[mask])
    assert torch.equal(found[0, :, 3], broken[0, :, 3])
    assert torch.equal(found[~exists], broken[~exists])
    hidden = exists[..., None] & ~mask & mask.any(1, keepdim=True)
    error, before = (found - paths)[hidden].square().mean(), paths[hidden].square().mean()
    assert error < 0.1 * before


def test_nothing_is_learned_of_whole_clips_or_of_few_windows():
    paths, mask, exists = paths_and_masks()
    few = fitted(paths[:2, :8], mask[:2, :8], exists[:2, :8])
    assert not few.fitted
    assert few(paths, mask, exists) is paths
    whole = synthetic.synthesise(2, 1, seed=0, classes=["walk"])
    batch = collate(whole, 64)
    model = Flow(MotionSpec(whole[0].layout, frames=64, channels=3, fps=20.0, classes=("walk",)))
    model.fit_statistics(batch)
    assert not model.factors.fitted


def test_fewer_factors_are_learned_from_fewer_windows():
    paths, mask, exists = paths_and_masks()
    learned = (fitted(paths, mask, exists).factors != 0).any(0).sum()
    assert 5 < learned < RANK


def test_every_clip_is_filled_for_itself():
    paths, mask, exists = paths_and_masks()
    model = fitted(paths, mask, exists)
    together = model(paths, mask, exists)
    for row in (0, 7):
        one = slice(row, row + 1)
        alone = model(paths[one], mask[one], exists[one])
        assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_a_clip_may_be_shorter_than_a_window_and_lack_its_root():
    paths, mask, exists = paths_and_masks()
    model = fitted(paths, mask, exists)
    short = FRAMES - 3
    clips = paths[:4, :short], mask[:4, :short].clone(), torch.ones(4, short, dtype=torch.bool)
    clips[1][:, :, SKELETON.root] = False
    clips[1][:, :2] = True
    assert model(*clips).isfinite().all()
    without = mask.clone()
    without[:, :, SKELETON.root] = False
    where = torch.tensor([1.0, -2.0, 3.0])
    told = fitted(paths, without, exists)
    # what a clip does is the same wherever it is
    moved = told(paths + where, without, exists) - where
    assert torch.allclose(moved, told(paths, without, exists), atol=1e-3)


def test_models_of_before_fill_gaps_joint_by_joint(spec):
    model, other = Flow(spec), Flow(spec)
    model.factors.factors.fill_(1.0)
    other.load_state_dict(model.state_dict())
    assert other.factors.fitted
    old = {k: v for k, v in model.state_dict().items() if not k.startswith("factors.")}
    other = Flow(spec)
    other.load_state_dict(old)
    assert not other.factors.fitted
