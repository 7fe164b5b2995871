"""Transforms: geometry against known answers, and never a value from under the mask."""

import math
from dataclasses import fields

import pytest
import torch

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.transforms import (
    centre,
    crop,
    fill_missing,
    mirror,
    relayout,
    relayout_matrix,
    resample,
    resample_frames,
    rotate_vertical,
    scale,
)

LAYOUT = "kinect20"
PELVIS = layouts.get(LAYOUT).index("pelvis")


def clip(frames: int = 12, *, layout: str = LAYOUT, channels: int = 3, missing: float = 0.2):
    """A random clip with gaps, a target, and every label set."""
    generator = torch.Generator().manual_seed(7)
    joints = layouts.get(layout).num_joints
    positions = torch.randn(frames, joints, channels, generator=generator)
    confidence = torch.rand(frames, joints, generator=generator) * 0.5 + 0.5
    seen = torch.rand(frames, joints, generator=generator) >= missing
    return Motion(
        positions,
        confidence * seen,
        layout,
        unit="px",
        id="a",
        label=3,
        subject="s1",
        source="a.csv",
        fps=30.0,
        target=positions + 0.1,
    )


def steady(**seen_at: list[int]) -> Motion:
    """Ten frames in which every coordinate is the frame's number; only some frames are seen."""
    joints = torch.arange(10.0)[:, None, None].expand(10, 20, 3).clone()
    confidence = torch.zeros(10, 20)
    for name, frames in seen_at.items():
        confidence[frames, layouts.get(LAYOUT).index(name)] = 1.0
    return Motion(joints, confidence, LAYOUT, fps=10.0)


CHANGES = {
    "relayout": lambda m: relayout(m, "h36m17"),
    "resample": lambda m: resample(m, 20.0),
    "resample_frames": lambda m: resample_frames(m, 17),
    "centre": centre,
    "crop": lambda m: crop(m, 2, 5),
    "mirror": mirror,
    "scale": lambda m: scale(m, 2.0),
    "rotate_vertical": lambda m: rotate_vertical(m, 0.3),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
class TestEveryTransform:
    def test_keeps_what_it_does_not_change(self, change):
        motion = clip()
        joints, confidence = motion.joints.clone(), motion.confidence.clone()
        changed = change(motion)
        for name in ("unit", "id", "label", "subject", "source"):
            assert getattr(changed, name) == getattr(motion, name), name
        assert torch.equal(motion.joints, joints)
        assert torch.equal(motion.confidence, confidence)

    def test_moves_the_target_as_the_joints(self, change):
        motion = clip(missing=0.0)
        changed = change(motion.replace(target=motion.joints.clone()))
        torch.testing.assert_close(changed.target[changed.mask], changed.joints[changed.mask])
        assert change(motion.replace(target=None)).target is None

    def test_reads_nothing_under_the_mask(self, change):
        """Values where confidence is 0 are zeros: an offset of everything seen shows their use."""
        motion = clip().replace(target=None)
        moved = motion.replace(joints=motion.joints + 1000.0)
        first, second = change(motion), change(moved)
        offset = (second.joints - first.joints)[first.mask]
        spread = offset - offset.median(0).values
        # Mirroring and turning change the offset, but alike for every joint and frame.
        assert spread.abs().max() < 1e-2

    def test_works_in_double_precision(self, change):
        motion = clip()
        exact = motion.replace(
            joints=motion.joints.double(),
            confidence=motion.confidence.double(),
            target=None,
        )
        changed = change(exact)
        assert changed.joints.dtype == torch.float64
        torch.testing.assert_close(changed.joints.float(), change(motion).joints)


@pytest.mark.parametrize("name", ["relayout", "mirror", "scale", "resample", "crop", "centre"])
def test_works_in_two_dimensions(name):
    assert CHANGES[name](clip(channels=2)).joints.shape[-1] == 2


class TestRelayout:
    def test_midpoint_has_the_lowest_confidence_of_its_parts(self):
        skeleton = layouts.get("coco17")
        left, right = skeleton.roles["left_hip"], skeleton.roles["right_hip"]
        motion = clip(3, layout="coco17", missing=0.0)
        confidence = motion.confidence.clone()
        confidence[:, left] = torch.tensor([0.9, 0.2, 0.0])
        confidence[:, right] = torch.tensor([0.4, 0.8, 0.7])
        pelvis = layouts.get("h36m17").index("pelvis")
        moved = relayout(motion.replace(confidence=confidence), "h36m17")
        torch.testing.assert_close(moved.confidence[:, pelvis], torch.tensor([0.4, 0.2, 0.0]))
        middle = (motion.joints[:2, left] + motion.joints[:2, right]) / 2
        torch.testing.assert_close(moved.joints[:2, pelvis], middle)
        assert (moved.joints[2, pelvis] == 0).all()

    def test_what_cannot_be_made_is_not_seen(self):
        moved = relayout(clip(missing=0.0), "coco17")
        nose = layouts.get("coco17").index("nose")
        assert (moved.confidence[:, nose] == 0).all()
        assert moved.target is not None
        assert (moved.target[:, nose] == 0).all()

    def test_own_layout_changes_nothing(self):
        motion = clip()
        assert relayout(motion, LAYOUT) is motion
        weights, producible = relayout_matrix(LAYOUT, LAYOUT)
        assert torch.equal(weights, torch.eye(20))
        assert producible.all()

    def test_callers_cannot_spoil_the_weights(self):
        relayout_matrix("coco17", "h36m17")[0].zero_()
        assert relayout_matrix("coco17", "h36m17")[0].sum() == 17

    def test_commutes_with_moving_and_turning(self):
        motion, offset = clip(layout="plugingait39"), torch.tensor([1.0, 2.0, 3.0])
        moved = motion.replace(joints=motion.joints + offset)
        first = relayout(rotate_vertical(moved, 0.5), "kinect25")
        last = rotate_vertical(relayout(moved, "kinect25"), 0.5)
        torch.testing.assert_close(first.joints, last.joints, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize("seen", [0.0, 1.0])
    def test_hip_centres_lie_below_the_pelvis_markers(self, seen):
        """Of a standing person: under, behind and inside the marker on the front."""
        markers = layouts.get("plugingait39")
        joints = torch.zeros(1, 39, 3)
        for name, position in {
            "left_asis": [0.12, 0.0, 0.08],
            "right_asis": [-0.12, 0.0, 0.08],
            "left_psis": [0.05, 0.0, -0.08],
            "right_psis": [-0.05, 0.0, -0.08],
            "t10": [0.0, 0.22, -0.09],
        }.items():
            joints[0, markers.index(name)] = torch.tensor(position)
        confidence = torch.ones(1, 39)
        confidence[0, markers.index("t10")] = seen
        moved = relayout(Motion(joints, confidence, "plugingait39"), LAYOUT)
        x, y, z = moved.joints[0, layouts.get(LAYOUT).index("left_hip")].tolist()
        if seen:
            assert (0.07 < x < 0.12, -0.1 < y < -0.05, -0.08 < z < 0.08) == (True,) * 3
        assert moved.mask[0, layouts.get(LAYOUT).index("left_hip")] == bool(seen)

    def test_refuses_a_clip_of_other_joints(self):
        motion = clip().replace(layout="kinect25")
        with pytest.raises(ValueError, match=r"clip a\.csv: found 20 joints; layout 'kinect25'"):
            relayout(motion, "coco17")
        with pytest.raises(ValueError, match="layout 'coco' is unknown"):
            relayout(clip(), "coco")


class TestResample:
    @pytest.mark.parametrize(("fps", "frames"), [(10.0, 10), (20.0, 19), (5.0, 5), (4.0, 4)])
    def test_keeps_time(self, fps, frames):
        motion = resample(steady(pelvis=list(range(10))), fps)
        assert motion.num_frames == frames
        assert motion.fps == fps
        expected = torch.arange(frames) * 10.0 / fps
        torch.testing.assert_close(motion.joints[:, PELVIS, 0], expected)
        assert motion.mask[:, PELVIS].all()

    def test_is_blind_next_to_a_gap(self):
        motion = resample(steady(pelvis=[0, 1, 3, 4, 9]), 20.0)
        seen = motion.mask[:, PELVIS].nonzero()[:, 0].tolist()
        # Frames at 0, 0.5, 1 and 3, 3.5, 4, and the last one, which was seen itself.
        assert seen == [0, 1, 2, 6, 7, 8, 18]
        torch.testing.assert_close(motion.joints[seen, PELVIS, 0], torch.tensor(seen) / 2)

    def test_interpolates_confidence(self):
        motion = steady(pelvis=[0, 1])
        confidence = motion.confidence.clone()
        confidence[1, PELVIS] = 0.5
        doubled = resample(motion.replace(confidence=confidence), 20.0)
        torch.testing.assert_close(doubled.confidence[:3, PELVIS], torch.tensor([1.0, 0.75, 0.5]))

    def test_copies_when_rates_divide(self):
        motion = clip(13)
        thinned = resample(motion, 10.0)
        assert torch.equal(thinned.joints, motion.joints[::3])
        assert torch.equal(thinned.confidence, motion.confidence[::3])

    def test_a_long_clip_does_not_drift(self):
        motion = Motion(torch.zeros(30_001, 20, 3), torch.ones(30_001, 20), LAYOUT, fps=30.0)
        assert resample(motion, 29.97).num_frames == 29_971
        assert resample(motion, 100.0).num_frames == 100_001

    def test_without_a_rate_nothing_changes(self):
        motion = clip().replace(fps=None)
        assert resample(motion, 20.0) is motion

    def test_short_clips(self):
        assert resample(clip(1), 100.0).num_frames == 1
        assert resample(clip(0), 100.0).num_frames == 0
        assert resample(clip(0), 10.0).num_frames == 0

    @pytest.mark.parametrize("fps", [0.0, -1.0, math.nan, math.inf])
    def test_refuses(self, fps):
        with pytest.raises(ValueError, match="must be above 0"):
            resample(clip(), fps)

    def test_to_a_number_of_frames(self):
        motion = resample_frames(steady(pelvis=list(range(10))), 4)
        torch.testing.assert_close(motion.joints[:, PELVIS, 0], torch.tensor([0.0, 3.0, 6.0, 9.0]))
        assert motion.fps == pytest.approx(10 / 3)
        assert resample_frames(clip(1), 5).num_frames == 5
        assert resample_frames(clip(9), 1).num_frames == 1

    @pytest.mark.parametrize(("own", "frames"), [(0, 4), (4, 0)])
    def test_to_a_number_of_frames_refuses(self, own, frames):
        with pytest.raises(ValueError, match="both must be at least 1"):
            resample_frames(clip(own), frames)


class TestCentre:
    def test_pelvis_begins_at_the_origin(self):
        motion = clip(missing=0.0)
        start = centre(motion).joints[:5, PELVIS]
        torch.testing.assert_close(start.median(0).values, torch.zeros(3))

    def test_uses_both_hips_without_a_pelvis(self):
        motion = clip(layout="coco17", missing=0.0)
        hips = centre(motion).joints[:5, layouts.get("coco17").anchor].mean(1)
        torch.testing.assert_close(hips.median(0).values, torch.zeros(3), atol=1e-6, rtol=0)

    def test_nothing_else_tells_where_it_came_from(self):
        # The pelvis is at the number of its frame. Frames 0 to 2 show nothing: they hold
        # the median of frames 3 to 5.
        motion = centre(steady(pelvis=[3, 4, 5, 6, 7, 8, 9]))
        assert motion.joints[9, PELVIS].tolist() == [5.0, 5.0, 5.0]

    def test_is_the_same_where_joints_are_missing(self):
        walk = clip(missing=0.0)
        steps = torch.arange(float(walk.num_frames))[:, None, None] * torch.tensor([0.3, 0.0, 0.1])
        walk = walk.replace(joints=walk.joints[:1] + steps, target=None)
        expected = centre(walk).joints
        missing = (
            ([1, 2], [PELVIS]),
            ([0, 1, 2, 3, 4, 5, 6], [PELVIS, 3, 7]),
            (list(range(1, walk.num_frames)), [PELVIS]),
        )
        for frames, joints in missing:
            confidence = walk.confidence.clone()
            for joint in joints:
                confidence[frames, joint] = 0.0
            found = centre(walk.replace(confidence=confidence))
            seen = found.mask
            torch.testing.assert_close(found.joints[seen], expected[seen], atol=1e-5, rtol=0)

    def test_one_outlier_does_not_matter(self):
        motion = steady(pelvis=[0, 1, 2, 3, 4])
        joints = motion.joints.clone()
        joints[0, PELVIS] = 1e6
        assert centre(motion.replace(joints=joints)).joints[3, PELVIS, 0] == 0.0

    def test_one_outlier_does_not_matter_where_joints_are_missing(self):
        everywhere = {name: list(range(10)) for name in ("left_hip", "right_hip", "head")}
        motion = steady(pelvis=[2, 3, 4, 5, 6, 7], **everywhere)
        joints = motion.joints.clone()
        joints[2, PELVIS] = 1e6
        assert centre(motion.replace(joints=joints)).joints[3, PELVIS, 0] == 0.0

    def test_falls_back_to_the_root_then_to_all_joints(self):
        skeleton = layouts.get("coco18")
        joints, confidence = torch.ones(4, 18, 3), torch.zeros(4, 18)
        joints[:, skeleton.root] = 2.0
        confidence[:, [skeleton.index("left_hip"), skeleton.index("left_knee")]] = 1.0
        everything = centre(Motion(joints, confidence, "coco18"))
        assert everything.joints.abs().sum() == 0
        confidence[:, skeleton.root] = 1.0
        rooted = centre(Motion(joints, confidence, "coco18"))
        assert rooted.joints[0, skeleton.root, 0] == 0
        assert rooted.joints[0, skeleton.index("left_hip"), 0] == -1

    def test_refuses_an_empty_clip(self):
        with pytest.raises(ValueError, match=r"clip a\.csv: no joint seen in any of its 12"):
            centre(clip().replace(confidence=torch.zeros(12, 20)))


class TestMirror:
    def test_twice_is_the_same(self):
        motion = clip()
        back = mirror(mirror(motion))
        for field in fields(motion):
            before, after = getattr(motion, field.name), getattr(back, field.name)
            same = torch.equal(before, after) if torch.is_tensor(before) else before == after
            assert same, field.name

    def test_swaps_sides(self):
        skeleton, motion = layouts.get(LAYOUT), clip(missing=0.0)
        left, right = skeleton.roles["left_hand"], skeleton.roles["right_hand"]
        mirrored = mirror(motion)
        flip = torch.tensor([-1.0, 1.0, 1.0])
        assert torch.equal(mirrored.joints[:, left], motion.joints[:, right] * flip)
        assert torch.equal(mirrored.confidence[:, left], motion.confidence[:, right])

    def test_a_single_marker_is_lost(self):
        mirrored = mirror(clip(layout="plugingait39", missing=0.0))
        lost = (~mirrored.mask[0]).nonzero()[:, 0].tolist()
        assert lost == [layouts.get("plugingait39").index("right_scapula")]


class TestCropScaleRotate:
    def test_crop(self):
        motion = clip()
        assert torch.equal(crop(motion, 3, 4).joints, motion.joints[3:7])
        assert torch.equal(crop(motion, 0, 12).confidence, motion.confidence)

    @pytest.mark.parametrize(("start", "frames"), [(-1, 3), (0, 0), (10, 3), (0, 13)])
    def test_crop_refuses(self, start, frames):
        with pytest.raises(ValueError, match="it has 12"):
            crop(clip(), start, frames)

    def test_scale(self):
        motion = clip()
        torch.testing.assert_close(scale(motion, 0.01).joints * 100, motion.joints)

    @pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
    def test_scale_refuses(self, factor):
        with pytest.raises(ValueError, match="above 0 and finite"):
            scale(clip(), factor)

    def test_rotates_z_towards_x(self):
        joints = torch.zeros(1, 20, 3)
        joints[..., 2], joints[..., 1] = 1.0, 5.0
        turned = rotate_vertical(Motion(joints, torch.ones(1, 20), LAYOUT), math.pi / 2)
        expected = torch.tensor([1.0, 5.0, 0.0])
        torch.testing.assert_close(turned.joints[0, 0], expected, atol=1e-6, rtol=0)

    def test_rotation_needs_three_dimensions(self):
        with pytest.raises(ValueError, match="found 2 channels"):
            rotate_vertical(clip(channels=2), 0.1)


class TestFillMissing:
    def test_is_linear_inside_and_held_at_the_ends(self):
        filled = fill_missing(steady(pelvis=[2, 3, 7], head=[5]))
        pelvis = torch.tensor([2.0, 2, 2, 3, 4, 5, 6, 7, 7, 7])
        torch.testing.assert_close(filled[:, PELVIS, 1], pelvis)
        assert (filled[:, layouts.get(LAYOUT).index("head")] == 5).all()

    def test_keeps_what_was_seen_and_never_seen(self):
        motion = clip(missing=0.5)
        filled = fill_missing(motion)
        assert torch.equal(filled[motion.mask], motion.joints[motion.mask])
        assert torch.equal(fill_missing(steady()), torch.zeros(10, 20, 3))

    def test_of_no_frames(self):
        assert fill_missing(clip(0)).shape == (0, 20, 3)
