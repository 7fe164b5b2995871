"""From stores to reports: who trains, who tests, and which clips are shown."""

from pathlib import Path

import pytest

from motiongen import scoring
from motiongen.data.embedded import write_synthetic
from motiongen.data.store import Store, write_store
from motiongen.motion import MotionSpec


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    path = tmp_path_factory.mktemp("scoring") / "real"
    return write_synthetic(path, num_subjects=3, repetitions=2)


def test_test_people_are_all_others(real):
    assert scoring.split_people(real, ["2"], None) == {"train": ["2"], "test": ["1", "3"]}
    assert scoring.split_people(real, ["2"], ["3"]) == {"train": ["2"], "test": ["3"]}
    assert scoring.split_people(real, ["1", "2", "3"], None)["test"] == []


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (None, None, "name them with --train; the store has 1, 2, 3"),
        ([], None, "name them with --train"),
        (["1", "2"], ["2", "3"], "subjects 2 are in the train set and in the test set"),
    ],
)
def test_people_on_both_sides_or_on_none(real, train, test, words):
    with pytest.raises(ValueError, match=words):
        scoring.split_people(real, train, test)


def test_people_that_any_model_was_given_are_not_tested_on(real):
    given = {"first": ["1"], "second": ["1", "2"]}
    assert scoring.split_people(real, None, None, given=given) == {
        "train": ["1", "2"],
        "test": ["3"],
    }
    assert scoring.split_people(real, ["1"], None, given=given)["test"] == ["3"]
    with pytest.raises(ValueError, match="test subjects 2 were given to the model of second"):
        scoring.split_people(real, ["1"], ["2"], given=given)


def test_parts_hold_the_clips_of_their_people(real):
    people = {"train": ["1", "3"], "test": []}
    parts = scoring.load_people(real, real.spec, people)
    batch, movers = parts["train"]
    assert set(parts) == {"train"}
    assert len(batch) == len(movers) == 2 * 16 * 2
    assert set(movers) == {"1", "3"}


def test_stores_of_different_specs_are_refused(real, tmp_path):
    spec = real.spec.as_dict()
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, fps in zip(paths, (real.spec.fps, 7.0), strict=True):
        other = MotionSpec.from_dict({**spec, "fps": fps})
        write_store(path, list(real)[:4], classes=real.classes, spec=other)
    with pytest.raises(ValueError, match=r"two: its spec .*fps=7.0.* differs from .*fps="):
        scoring.evaluate_stores(paths, real.path)


def test_names_are_short_where_they_can_be():
    paths = [Path("a/samples"), Path("b/samples"), Path("c/v1.2")]
    assert list(scoring.named(paths)) == ["a/samples", "b/samples", "v1.2"]
    with pytest.raises(ValueError, match="c/v1.2 is given twice"):
        scoring.named([*paths, paths[2]])


def test_shown_clips_are_spread_over_people(real):
    shown = scoring.spread(real, "walk", 3)
    assert [clip.subject for clip in shown] == ["1", "2", "3"]
    assert len(scoring.spread(real, "walk", 99)) == 6
    assert scoring.spread(real, "fly", 3) == []


def test_a_page_shows_every_class_of_every_store(real, tmp_path):
    few = [clip for clip in Store.open(real.path) if clip.label in (0, 1)]
    write_store(tmp_path / "few", few, classes=real.classes)
    scoring.view_stores([real.path, tmp_path / "few"], tmp_path / "new" / "page.html", clips=1)
    text = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert all(name in text for name in real.classes)
    with pytest.raises(ValueError, match="--clips: found 0"):
        scoring.view_stores([real.path], tmp_path / "page.html", clips=0)
