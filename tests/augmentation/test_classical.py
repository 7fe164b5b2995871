"""Classical augmentation: in its limits, mirrored only where that is allowed."""

import math

import numpy as np
import pytest
import torch

from motiongen import layouts, transforms
from motiongen.augmentation.classical import (
    CLASSICAL_VARIATION,
    Classical,
    mirrored,
    mirrored_classes,
)
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, conform
from motiongen.data.variation import Variation
from motiongen.motion import MotionSpec

CLASSES = ("walk", "wave")
SPEC = MotionSpec("kinect20", 3, 16, 10.0, CLASSES)
MOTIONS = [conform(clip, SPEC) for clip in synthetic.synthesise(4, 2, 0, CLASSES)]
CLIPS = as_batch(MOTIONS, SPEC)
NOTHING = Variation(0.0, 0.0, 0.0)


def test_turns_scales_and_warps_within_the_stated_limits():
    assert CLASSICAL_VARIATION == Variation(degrees=15.0, scale=0.1, warp=0.3)
    change = Classical(SPEC.layout, Variation(15.0, 0.1, 0.0))
    ratios, angles = [], []
    for seed in range(20):
        changed = change(CLIPS, np.random.default_rng(seed))
        flat, before = changed.joints[..., [0, 2]], CLIPS.joints[..., [0, 2]]
        far = before.norm(dim=-1) > 0.2
        ratios.append((changed.joints.norm(dim=-1) / CLIPS.joints.norm(dim=-1))[far])
        turn = torch.atan2(flat[..., 1], flat[..., 0]) - torch.atan2(
            before[..., 1], before[..., 0]
        )
        angles.append(torch.remainder(turn + math.pi, 2 * math.pi)[far] - math.pi)
    assert 0.08 < (torch.cat(ratios) - 1).abs().max() <= 0.1 + 1e-4
    assert 12 < torch.cat(angles).abs().rad2deg().max() <= 15 + 1e-3


def test_mirroring_agrees_with_that_of_a_single_clip():
    rows = torch.arange(len(CLIPS)) % 2 == 0
    found = mirrored(CLIPS, SPEC.layout, rows)
    for row, motion in enumerate(MOTIONS):
        cut = motion.joints[: SPEC.frames].shape[0]
        before = CLIPS.select(slice(row, row + 1)).unbind(SPEC)[0]
        wanted = transforms.mirror(before) if rows[row] else before
        assert torch.allclose(found.joints[row, :cut][: wanted.num_frames], wanted.joints)


def test_only_allowed_classes_are_mirrored_and_half_of_their_clips():
    change = Classical(SPEC.layout, NOTHING, mirrored_classes(["wave"], SPEC))
    changed = torch.zeros(len(CLIPS))
    for seed in range(40):
        found = change(CLIPS, np.random.default_rng(seed)).joints
        changed += (found != CLIPS.joints).flatten(1).any(1)
    wave = CLIPS.label == 1
    assert changed[~wave].max() == 0
    assert 0.35 < changed[wave].mean() / 40 < 0.65


def test_nothing_is_mirrored_unless_asked_for():
    same = Classical(SPEC.layout, NOTHING)(CLIPS, np.random.default_rng(0))
    assert torch.allclose(same.joints, CLIPS.joints)


def test_the_same_draws_change_clips_alike():
    change = Classical(SPEC.layout, mirrored=frozenset({0, 1}))
    first, again = (change(CLIPS, np.random.default_rng(3)).joints for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, change(CLIPS, np.random.default_rng(4)).joints)


def test_names_of_classes_to_mirror():
    assert mirrored_classes(["all"], SPEC) == {0, 1}
    assert mirrored_classes([], SPEC) == frozenset()
    with pytest.raises(ValueError, match="class 'wav' is unknown; known: all, walk, wave"):
        mirrored_classes(["wav"], SPEC)


def test_a_mirror_image_twice_is_the_clip():
    every = torch.ones(len(CLIPS), dtype=torch.bool)
    twice = mirrored(mirrored(CLIPS, SPEC.layout, every), SPEC.layout, every)
    assert torch.allclose(twice.joints, CLIPS.joints)
    assert layouts.get(SPEC.layout).mirror != tuple(range(20))
