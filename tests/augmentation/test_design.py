"""The design: nobody on both sides, draws of the wanted size, and what may change on the way."""

import pytest

from motiongen.augmentation.design import Design, Draw, Fold, Size, named_fold, subject_folds
from motiongen.augmentation.filtering import Filter
from motiongen.data import synthetic
from motiongen.data.store import write_store
from motiongen.generators import SampleOptions

CLASSES = ("walk", "wave", "kick")
LABELS = [0] * 10 + [1] * 6 + [2] * 4
FOLD = Fold(("1", "2"), ("3",))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("design") / "store"
    return write_store(path, synthetic.synthesise(6, 1, 0, CLASSES), classes=CLASSES)


def test_a_draw_has_so_many_clips_of_each_class():
    rows = Draw(0, Size(shots=3), 0).rows(LABELS, CLASSES)
    assert [sum(LABELS[row] == k for row in rows) for k in range(3)] == [3, 3, 3]
    assert rows == sorted(set(rows))
    half = Draw(0, Size(fraction=0.5), 0).rows(LABELS, CLASSES)
    assert [sum(LABELS[row] == k for row in half) for k in range(3)] == [5, 3, 2]
    assert Draw(0, Size(), 0).rows(LABELS, CLASSES) == list(range(20))


def test_draws_differ_by_seed_and_fold_and_larger_ones_contain_smaller_ones():
    def draw(shots, seed, fold=0):
        return set(Draw(fold, Size(shots=shots), seed).rows(LABELS, CLASSES))

    assert draw(3, 0) == draw(3, 0)
    assert draw(1, 7) < draw(2, 7) < draw(4, 7)
    assert len({frozenset(draw(3, seed, fold)) for seed in range(3) for fold in (0, 1)}) == 6


def test_a_class_with_too_few_clips_is_named():
    with pytest.raises(ValueError, match="have 4 clips of class 'kick', 5 are wanted"):
        Draw(0, Size(shots=5), 0).rows(LABELS, CLASSES)
    with pytest.raises(ValueError, match="have 0 clips of class 'bow'"):
        Draw(0, Size(), 0).rows(LABELS, (*CLASSES, "bow"))


def test_folds_test_everybody_once(store):
    folds = subject_folds(store, 3)
    assert sorted(s for fold in folds for s in fold.test) == ["1", "2", "3", "4", "5", "6"]
    assert all(len(fold.train) == 4 for fold in folds)
    assert subject_folds(store, 3) == folds


def test_one_fold_of_chosen_people(store):
    assert named_fold(store, ["2", "4"]) == Fold(("1", "3", "5", "6"), ("2", "4"))
    assert named_fold(store, ["2"], ["1"]) == Fold(("1",), ("2",))
    with pytest.raises(ValueError, match="subjects 2 are in the train set and in the test set"):
        named_fold(store, ["2"], ["1", "2"])
    with pytest.raises(ValueError, match="unknown"):
        named_fold(store, ["22"])
    with pytest.raises(ValueError, match="nobody is left to learn from"):
        named_fold(store, ["1", "2", "3", "4", "5", "6"])


def test_every_result_is_counted():
    design = Design((FOLD, FOLD), (Size(1), Size(2)), ("CNN", "RNN"), seeds=3, ratios=(1.0, 2.0))
    assert len(design.draws) == 2 * 2 * 3
    assert len(design.treatments) == 4 + 3 * 2
    assert design.size == 12 * 2 * 10


def test_axes_may_grow_and_the_rest_is_fixed(tmp_path):
    small = Design((FOLD,), (Size(1),), ("CNN",), ("real",), seeds=2)
    large = Design((FOLD,), (Size(1), Size(5)), ("CNN", "RNN"), ("real", "tstr"), seeds=9)
    assert small.fixed() == large.fixed()
    assert small.fixed() != Design((FOLD,), steps=7).fixed()
    file = tmp_path / "model.yaml"
    file.write_text("model: VAE\n")
    words = ("-c", str(file))
    before = Design((FOLD,), fit=words).fixed()
    file.rename(tmp_path / "moved.yaml")
    moved = ("-c", str(tmp_path / "moved.yaml"))
    assert Design((FOLD,), fit=moved).fixed() == before
    joined = (f"-c={tmp_path / 'moved.yaml'}",)
    assert Design((FOLD,), fit=joined).fixed() == before
    (tmp_path / "moved.yaml").write_text("model: GAN\n")
    assert Design((FOLD,), fit=moved).fixed() != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 1}, "at least 2 repetitions"),
        ({"steps": 0}, "steps: found 0"),
        ({"ratios": ()}, "ratios: found"),
        ({"recognisers": ("RNN", "RNN")}, "recognisers: found .*different"),
        ({"arms": ("reel",)}, "arms: found 'reel'"),
        ({"real_share": 1.0}, "real share: found 1.0"),
        ({"fit": ("--data.store", "x")}, "--data.store is set by the study"),
        ({"fit": ("--data.subjects=1,2",)}, "--data.subjects=1,2 is set by the study"),
        ({"fit": ("--autoencoder", "vae.ckpt")}, "--autoencoder is set by the study"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Design((FOLD,), **options)


@pytest.mark.parametrize("size", [{"shots": 0}, {"fraction": 0.0}, {"fraction": 1.1}])
def test_refuses_sizes(size):
    with pytest.raises(ValueError, match="found"):
        Size(**size)


def test_one_seed_is_enough_with_folds():
    assert Design((FOLD, FOLD), seeds=1).seeds == 1
    assert Filter() == Design((FOLD,)).filter


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strength": 1.1}, "strength: found 1.1, allowed 0 to 1"),
        (
            {"strength": 0.5, "options": SampleOptions(0.8)},
            "take no temperature, guidance or steps; found .*0.8",
        ),
    ],
)
def test_a_strength_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Design((FOLD,), **changes)
