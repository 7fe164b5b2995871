import numpy as np
import pytest

from motiongen import layouts
from motiongen.metrics import collision
from motiongen.metrics.collision import (
    RADIUS,
    body_span,
    far_bones,
    segment_distances,
    self_intersection,
    self_intersection_per_clip,
)

HEAD, LEFT_FOOT, RIGHT_HIP, RIGHT_FOOT = 5, 2, 3, 4


def row(*values):
    return np.array([values], dtype=np.float64)


class TestSegments:
    @pytest.mark.parametrize(
        ("segments", "distance"),
        [
            (((0, 0, 0), (2, 0, 0), (1, -1, 3), (1, 1, 3)), 3),  # crossing, one above the other
            (((0, 0, 0), (2, 0, 0), (1, -1, 0), (1, 1, 0)), 0),  # through each other
            (((0, 0, 0), (1, 0, 0), (3, 0, 0), (5, 0, 0)), 2),  # on one line
            (((0, 0, 0), (4, 0, 0), (1, 2, 0), (3, 2, 0)), 2),  # parallel
            (((0, 0, 0), (1, 0, 0), (2, 1, 0), (2, 5, 0)), np.sqrt(2)),  # nearest at two ends
            (((0, 0, 0), (0, 4, 0), (3, 2, 0), (9, 2, 0)), 3),  # end against middle
        ],
    )
    def test_by_hand(self, segments, distance):
        points = [row(*point) for point in segments]
        assert segment_distances(*points) == pytest.approx(distance)
        assert segment_distances(*points[2:], *points[:2]) == pytest.approx(distance)

    def test_agrees_with_many_points_on_both(self):
        rng = np.random.default_rng(0)
        ends = rng.normal(size=(4, 50, 3))
        at = np.linspace(0, 1, 201)[:, None, None]
        one, other = ends[0] + at * (ends[1] - ends[0]), ends[2] + at * (ends[3] - ends[2])
        brute = np.linalg.norm(one[:, None] - other[None], axis=-1).min((0, 1))
        found = segment_distances(*ends)
        assert (found <= brute + 1e-12).all()
        np.testing.assert_allclose(found, brute, atol=0.03)


def test_span_is_the_longest_way(stick, travel):
    joints, mask = travel(np.zeros(3), clips=2)
    joints[1] *= 2
    # foot to foot: 1 + 0.2 + 0.2 + 1
    assert body_span(joints, mask, stick) == pytest.approx([2.4, 4.8])


def test_neighbours_are_left_out(stick):
    named = {(stick.joints[j], stick.joints[p]) for j, p in stick.bones}
    pairs = far_bones(stick)
    # hips hang on the pelvis, legs on the hips: only the legs are far from each other
    far = {tuple(sorted(stick.joints[stick.bones[e][0]] for e in pair)) for pair in pairs}
    assert far == {("left_foot", "right_foot")} and len(named) == 5


@pytest.mark.parametrize("name", layouts.names())
def test_every_layout_has_far_bones_that_share_no_joint(name):
    skeleton = layouts.get(name)
    pairs = far_bones(skeleton)
    assert len(pairs)
    for one, other in skeleton.bones[pairs]:
        assert not set(one) & set(other)


class TestSelfIntersection:
    def test_legs_that_pass_through_each_other(self, stick, travel):
        joints, mask = travel(np.zeros(4), clips=1)
        assert self_intersection(joints, mask, stick) == 0
        # in one of four frames the left foot stands where the right one is
        joints[0, 2, LEFT_FOOT] = joints[0, 2, RIGHT_FOOT]
        assert self_intersection(joints, mask, stick) == 0.25

    def test_the_radius_is_that_of_the_body(self, stick, travel):
        joints, mask = travel(np.zeros(1))
        limit = 2 * RADIUS * 2.4
        for gap, expected in ((1.05 * limit, 0.0), (0.95 * limit, 1.0)):
            near = joints.copy()
            near[..., [1, 2], 0], near[..., [3, 4], 0] = gap / 2, -gap / 2
            # the hip bones are shorter now; keep the span by longer legs
            near[..., [2, 4], 1] = 1 - (2.4 - gap) / 2
            assert body_span(near, mask, stick) == pytest.approx([2.4])
            assert self_intersection(near, mask, stick) == expected
            assert self_intersection(10 * near, mask, stick) == expected

    def test_what_is_not_seen_does_not_count(self, stick, travel):
        joints, mask = travel(np.zeros(4), clips=2)
        joints[0, 2, LEFT_FOOT] = joints[0, 2, RIGHT_FOOT]
        mask[0, 2, LEFT_FOOT] = False
        mask[1] = False
        hidden = np.where(mask[..., None], joints, np.nan)
        values = self_intersection_per_clip(hidden, mask, stick)
        assert values[0] == 0 and np.isnan(values[1])

    def test_is_not_defined_in_2d(self, stick, travel):
        joints, mask = travel(np.zeros(4))
        assert self_intersection(joints[..., :2], mask, stick) is None
        assert np.isnan(self_intersection_per_clip(joints[..., :2], mask, stick)).all()

    def test_collapsed_bodies_are_not_defined(self, stick, travel):
        joints, mask = travel(np.zeros(4))
        assert self_intersection(0 * joints, mask, stick) is None

    def test_is_the_same_in_parts(self, stick, travel, monkeypatch):
        joints, mask = travel(np.zeros(30), clips=7)
        rng = np.random.default_rng(0)
        joints = joints * [0.05, 1, 1] + 0.03 * rng.normal(size=joints.shape)
        mask = mask & (rng.random(mask.shape) > 0.2)
        whole = self_intersection_per_clip(joints, mask, stick)
        assert 0 < whole.mean() < 1
        for clips in (1, 3):
            monkeypatch.setattr(
                collision, "PAIRS_AT_ONCE", clips * mask.shape[1] * len(far_bones(stick))
            )
            np.testing.assert_array_equal(self_intersection_per_clip(joints, mask, stick), whole)

    def test_grows_as_a_body_is_squeezed(self, stick, travel):
        joints, mask = travel(np.zeros(30), clips=4)
        shaken = joints + 0.03 * np.random.default_rng(0).normal(size=joints.shape)
        squeezed = []
        for factor in (1.0, 0.1, 0.02):
            body = shaken.copy()
            body[..., 0] *= factor
            squeezed.append(self_intersection(body, mask, stick))
        assert squeezed == sorted(squeezed) and squeezed[0] < squeezed[-1]
