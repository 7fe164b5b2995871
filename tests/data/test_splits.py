"""Splits keep people apart, come near to the wanted share, and depend on the seed alone."""

from collections import Counter

import numpy as np
import pytest

from motiongen.data.splits import by_subject, folds, select
from motiongen.data.store import ClipRecord


def people(*counts: int) -> list[str]:
    names = [f"p{number}" for number, count in enumerate(counts) for _ in range(count)]
    return [names[at] for at in np.random.default_rng(0).permutation(len(names))]


def assert_divides(split, subjects) -> None:
    train, held = split
    assert sorted([*train, *held]) == list(range(len(subjects)))
    assert train and held
    assert train == sorted(train) and held == sorted(held)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("counts", [(3, 3), (1, 99), (50, 30, 20, 7, 1), (4,) * 27])
def test_nobody_is_on_both_sides_and_the_share_is_the_closest(counts, share: float):
    subjects = people(*counts)
    split = by_subject(subjects, share, seed=1)
    assert_divides(split, subjects)
    assert not {subjects[i] for i in split.train} & {subjects[i] for i in split.held}
    assert split.note == ""
    sums = {0}
    for count in counts:
        sums |= {total + count for total in sums}
    goal = share * len(subjects)
    best = min(abs(total - goal) for total in sums - {0, len(subjects)})
    assert abs(len(split.held) - goal) == pytest.approx(best)


def test_the_seed_decides_among_equal_choices():
    subjects = people(*[5] * 10)
    held = {tuple(by_subject(subjects, 0.2, seed).held) for seed in range(20)}
    assert len(held) > 10
    assert by_subject(subjects, 0.2, 3) == by_subject(subjects, 0.2, 3)


def test_one_subject_falls_back_to_clips_of_every_label_and_says_so():
    labels = ["a"] * 50 + ["b"] * 30 + ["c"] * 20
    split = by_subject(["s"] * 100, 0.2, 0, labels=labels)
    assert_divides(split, labels)
    assert "split by clip" in split.note
    counts = Counter(labels[i] for i in split.held)
    assert all(abs(counts[name] - 0.2 * labels.count(name)) <= 1 for name in "abc")


@pytest.mark.parametrize("count", [2, 3, 10])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_the_fallback_keeps_a_clip_on_each_side(count: int, share: float):
    for seed in range(20):
        assert_divides(by_subject([""] * count, share, seed), [""] * count)


@pytest.mark.parametrize(
    ("subjects", "share", "match"),
    [
        (["a"], 0.5, "1 clips, at least 2 are needed; .* hold none back: --data.validation 0$"),
        ([], 0.5, "0 clips, at least 2 are needed$"),
        (["a", "b"], 0.0, "share"),
        (["a", "b"], 1.0, "1.0"),
    ],
)
def test_impossible_splits_are_refused(subjects, share: float, match: str):
    with pytest.raises(ValueError, match=match):
        by_subject(subjects, share, 0)


@pytest.mark.parametrize("k", [2, 5, 27])
def test_folds_hold_everybody_out_once(k: int):
    subjects = people(*range(10, 37))
    parts = folds(subjects, k, seed=0)
    assert sorted(i for part in parts for i in part.held) == list(range(len(subjects)))
    for part in parts:
        assert_divides(part, subjects)
        assert not {subjects[i] for i in part.train} & {subjects[i] for i in part.held}
    sizes = [len(part.held) for part in parts]
    assert max(sizes) - min(sizes) <= 36
    assert parts == folds(subjects, k, seed=0)


@pytest.mark.parametrize("k", [1, 4])
def test_too_many_folds_are_refused(k: int):
    with pytest.raises(ValueError, match="allowed 2 to 3"):
        folds(people(2, 2, 2), k, 0)


def record(subject: str, label: str | None) -> ClipRecord:
    return ClipRecord("", label, subject, "", "kinect20", "m", None, 1, 1, 3, 0, 0, None)


RECORDS = [record("1", "wave"), record("2", "wave"), record("1", "kick"), record("10", None)]


def test_select_by_subject_and_class():
    assert select(RECORDS) == [0, 1, 2, 3]
    assert select(RECORDS, subjects=["1", "10"]) == [0, 2, 3]
    assert select(RECORDS, subjects=["1"], classes=["kick"]) == [2]
    assert select(RECORDS, subjects=[]) == []


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"subjects": ["1", "7"]}, r"subject \['7'\] unknown; known: 1, 10, 2"),
        ({"classes": ["jump"]}, r"class \['jump'\] unknown; known: .*kick, wave"),
        ({"subjects": "10"}, "expected a list"),
    ],
)
def test_select_names_what_is_unknown_and_what_is_known(wanted, match: str):
    with pytest.raises(ValueError, match=match):
        select(RECORDS, **wanted)
