"""Variation turns and scales whole clips, and nothing else."""

import math

import numpy as np
import pytest
import torch

from motiongen.data.variation import Variation
from motiongen.testing.examples import example_clips, example_spec


@pytest.fixture(scope="module")
def clips():
    return example_clips(example_spec(), people=8)


def vary(variation, clips, seed=0):
    return variation(clips, np.random.default_rng(seed))


def test_sizes_stay_within_the_scale(clips):
    found = vary(Variation(degrees=30.0, scale=0.1), clips)
    ratio = (found.joints.norm(dim=-1) / clips.joints.norm(dim=-1))[clips.mask]
    own = [r.unique() for r in ratio.split(clips.mask.sum((1, 2)).tolist())]
    assert all(float(r.max() - r.min()) < 1e-3 for r in own)
    sizes = torch.stack([r.median() for r in own])
    assert 0.9 <= sizes.min() < 0.96 and 1.04 < sizes.max() <= 1.1


def test_turns_are_about_the_vertical_within_the_angle(clips):
    found = vary(Variation(degrees=30.0, scale=0.0), clips)
    torch.testing.assert_close(found.joints[..., 1], clips.joints[..., 1], atol=1e-5, rtol=0)
    far = clips.mask & (clips.joints[..., [0, 2]].norm(dim=-1) > 0.1)
    turns = []
    for row in range(len(clips)):
        before, after = (
            torch.atan2(batch.joints[row, ..., 2], batch.joints[row, ..., 0])[far[row]]
            for batch in (clips, found)
        )
        turn = torch.remainder(after - before + math.pi, 2 * math.pi) - math.pi
        assert float(turn.max() - turn.min()) < 1e-3
        turns.append(math.degrees(turn.mean()))
    assert max(turns) <= 30 and min(turns) >= -30 and max(turns) - min(turns) > 30


def test_the_truth_moves_along_and_the_rest_stays(clips):
    found = vary(Variation(), clips)
    error = (clips.joints - clips.target).norm(dim=-1)[clips.mask]
    moved = (found.joints - found.target).norm(dim=-1)[clips.mask]
    torch.testing.assert_close(moved, error, atol=1e-5, rtol=0.07)
    assert not found.joints[~clips.mask].any()
    for name in ("confidence", "length", "label", "index"):
        assert torch.equal(getattr(found, name), getattr(clips, name))


def test_in_two_dimensions_only_the_size_changes():
    flat = example_clips(example_spec("coco17", 2))
    turned = vary(Variation(degrees=90.0, scale=0.0), flat)
    assert torch.equal(turned.joints, flat.joints)
    assert not torch.equal(vary(Variation(), flat).joints, flat.joints)


def test_it_is_repeatable_and_leaves_its_input(clips):
    before = clips.joints.clone()
    first, again, other = (vary(Variation(), clips, seed) for seed in (0, 0, 1))
    assert torch.equal(first.joints, again.joints)
    assert not torch.equal(first.joints, other.joints)
    assert torch.equal(clips.joints, before)
    assert torch.equal(vary(Variation(0.0, 0.0), clips).joints, before)


@pytest.mark.parametrize("options", [{"degrees": -1.0}, {"scale": 1.0}, {"scale": -0.1}])
def test_impossible_strengths_are_refused(options):
    with pytest.raises(ValueError, match="variation: found degrees"):
        Variation(**options)


def test_warps_change_the_pace_and_nothing_else(clips):
    plain = {"degrees": 0.0, "scale": 0.0}
    found = vary(Variation(**plain, warp=0.5), clips.replace(path=clips.target))
    assert torch.equal(found.length, clips.length)
    assert not torch.equal(found.target, clips.target)
    torch.testing.assert_close(found.path, found.target)
    rows = torch.arange(len(clips))
    for at in (torch.zeros_like(clips.length), clips.length - 1):
        torch.testing.assert_close(found.target[rows, at], clips.target[rows, at])
    # the same poses, slower or faster: none is invented
    path = torch.cdist(found.target.flatten(2), clips.target.flatten(2)).amin(2)
    steps = clips.target.diff(dim=1).flatten(2).norm(dim=-1).amax(1)
    assert (path <= steps[:, None])[clips.frame_mask].all()
    assert not found.joints[~found.mask].any()
    again = vary(Variation(**plain, warp=0.0), clips)
    torch.testing.assert_close(again.joints, clips.joints)
