"""Warping paths: by hand, against a plain recursion, and the order among equal costs."""

import numpy as np
import pytest

from motiongen.metrics import warping
from motiongen.metrics.timing import wpd, wpd_class, wpd_of_pairs
from motiongen.metrics.warping import dtw, warping_path, warping_paths


def clips(count, frames=12, joints=3, seed=0):
    steps = np.random.default_rng(seed).normal(size=(count, frames, joints, 3))
    return steps.cumsum(1)


def line(*values):
    return np.array(values, dtype=np.float64)[None, :, None]


def plain(first, second):
    """The recursion as it is written down, and the path traced back from its end."""
    cost = ((first[:, None] - second[None]) ** 2).sum(-1)
    total = np.full(np.add(cost.shape, 1), np.inf)
    total[0, 0] = 0
    for i in range(len(first)):
        for j in range(len(second)):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j = cost.shape
    path = [(i - 1, j - 1)]
    while (i, j) != (1, 1):
        steps = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        i, j = min(steps, key=lambda at: total[at])  # min takes the first of equal ones
        path.append((i - 1, j - 1))
    return total[-1, -1], path[::-1]


def test_by_hand():
    # 0 1 1 5 against 0 1 5: the second 1 is held
    assert dtw(line(0, 1, 1, 5), line(0, 1, 5)) == pytest.approx([0], abs=1e-12)
    assert dtw(line(0, 3), line(1, 1)) == pytest.approx([1 + 4])
    found = warping_paths(line(0, 1, 1, 5), line(0, 1, 5))
    assert found.length.tolist() == [4]
    path = warping_path(line(0, 1, 1, 5)[0], line(0, 1, 5)[0])
    assert path.tolist() == [[0, 0], [1, 1], [2, 1], [3, 2]]
    assert found.distortion == pytest.approx([np.sqrt(2) / (2 * 4) * 2])


def test_squared_costs_and_no_root():
    assert dtw(line(0, 0), line(3, 3)) == pytest.approx([18])


@pytest.mark.parametrize(("frames", "others"), [(1, 1), (1, 7), (7, 1), (9, 9), (9, 5), (5, 13)])
def test_agrees_with_the_plain_recursion(frames, others):
    first, second = clips(7, frames), clips(7, others, seed=1)
    expected = [
        plain(a.reshape(frames, -1), b.reshape(others, -1))
        for a, b in zip(first, second, strict=True)
    ]
    costs = [cost for cost, _ in expected]
    found = warping_paths(first, second)
    np.testing.assert_allclose(dtw(first, second), costs, rtol=1e-12)
    np.testing.assert_allclose(found.cost, costs, rtol=1e-12)
    for pair, (_, path) in enumerate(expected):
        assert warping_path(first[pair], second[pair]).tolist() == [list(at) for at in path]
        assert found.length[pair] == len(path)


def test_blocks_do_not_change_anything(monkeypatch):
    first, second = clips(30), clips(30, seed=1)
    whole, paths = dtw(first, second), warping_paths(first, second)
    monkeypatch.setattr(warping, "BLOCK_CELLS", 7 * 12 * 12)  # the last block is smaller
    np.testing.assert_allclose(dtw(first, second), whole, rtol=1e-12)
    np.testing.assert_array_equal(warping_paths(first, second).distortion, paths.distortion)


def test_held_poses_take_the_diagonal_first():
    # all costs are 0: only the order of preference decides, and the diagonal wins
    held = np.ones((1, 5, 2, 3))
    assert warping_paths(held, held).distortion == 0
    # from (4,2) back: two diagonal steps to (2,0), then up along the border
    path = warping_path(held[0], held[0, :3])
    assert path.tolist() == [[0, 0], [1, 0], [2, 0], [3, 1], [4, 2]]


def test_a_clip_with_itself_and_shifted():
    motion = clips(4)
    assert warping_paths(motion, motion).distortion.tolist() == [0] * 4
    assert warping_paths(motion, motion).cost.tolist() == [0] * 4
    assert dtw(motion, motion) == pytest.approx(np.zeros(4), abs=1e-9)
    late = np.concatenate([motion[:, :1], motion[:, :-1]], axis=1)
    # the path runs one frame off the diagonal, apart from its ends
    assert (warping_paths(motion, late).distortion > 0.4).all()


def test_distortion_is_bounded():
    # all the way along one border and the other: the largest that 60 frames allow
    rising, falling = np.r_[np.zeros(1), np.ones(59)], np.r_[np.zeros(59), np.ones(1)]
    found = warping_paths(line(*rising), line(*falling))
    assert found.distortion[0] <= 20.68


def test_noise_raises_the_cost():
    motion, noise = clips(5), np.random.default_rng(2).normal(size=(5, 12, 3, 3))
    values = [dtw(motion, motion + s * noise).mean() for s in (0.0, 0.05, 0.2, 1.0)]
    assert values == sorted(values) and values[0] < 1e-9


class TestWpd:
    def test_pairs(self):
        motion = clips(6)
        pairs = np.array([[0, 1], [3, 3], [5, 2]])
        found = wpd_of_pairs(motion, pairs)
        assert found[1] == 0
        assert found[0] == warping_paths(motion[:1], motion[1:2]).distortion[0]

    def test_is_repeatable_and_needs_draws(self):
        motion = clips(20)
        first = wpd(motion, np.random.default_rng(0), pairs=10, runs=2)
        assert first == wpd(motion, np.random.default_rng(0), pairs=10, runs=2)
        assert first != wpd(motion, np.random.default_rng(1), pairs=10, runs=2)

    def test_equal_clips_have_none(self):
        same = np.repeat(clips(1), 8, axis=0)
        assert wpd(same, np.random.default_rng(0)) == 0
        labels = np.array([0, 0, 0, 2, 2, 2, 7, 7])
        assert wpd_class(same, labels, np.random.default_rng(0), root=0) == 0

    def test_class_takes_every_distinct_pair_once(self):
        motion = clips(4)
        labels = np.array([0, 0, 0, 5])  # the last class has no pair, classes 1 to 4 no clip
        centred = motion - motion[:, :, 1, None]
        expected = wpd_of_pairs(centred, np.array([[0, 1], [0, 2], [1, 2]])).mean()
        found = wpd_class(motion, labels, np.random.default_rng(0), root=1)
        assert found == pytest.approx(expected)

    def test_class_ignores_where_a_body_walks(self):
        motion, labels = clips(6), np.zeros(6, dtype=int)
        walk = np.random.default_rng(3).normal(size=(6, 12, 1, 3)).cumsum(1) * 5
        rng = np.random.default_rng
        still = wpd_class(motion, labels, rng(0), root=0)
        assert wpd_class(motion + walk, labels, rng(0), root=0) == pytest.approx(still)
        assert wpd(motion + walk, rng(0)) != pytest.approx(wpd(motion, rng(0)))

    def test_classes_weigh_the_same(self):
        motion = clips(5)
        labels = np.array([0, 0, 0, 1, 1])
        rng = np.random.default_rng(0)
        parts = [
            wpd_class(motion[:3], labels[:3], rng, root=0),
            wpd_class(motion[3:], labels[3:], rng, root=0),
        ]
        assert wpd_class(motion, labels, rng, root=0) == pytest.approx(np.mean(parts))


class TestErrors:
    def test_shapes(self, unchecked):
        with pytest.raises(ValueError, match="as many clips as each other"):
            dtw(clips(2).reshape(2, 12, 9), clips(3).reshape(3, 12, 9)[:, :, :5])

    def test_nothing(self):
        with pytest.raises(ValueError, match="not empty"):
            dtw(clips(0), clips(0))
        with pytest.raises(ValueError, match="pairs: found none"):
            wpd_of_pairs(clips(2), np.zeros((0, 2), dtype=int))
        with pytest.raises(ValueError, match="clips: found 1"):
            wpd(clips(1), np.random.default_rng(0))
        with pytest.raises(ValueError, match="no class has two clips"):
            wpd_class(clips(2), np.array([0, 1]), np.random.default_rng(0), root=0)

    @pytest.mark.parametrize("function", [dtw, warping_paths])
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_not_finite_is_named(self, function, bad):
        broken = clips(4)
        broken[2, 5, 1, 0] = bad
        with pytest.raises(ValueError, match="second: clip 2, frame 5 is not finite"):
            function(clips(4), broken)
