"""Sampling to disk: how many clips of which class, and what is written where."""

import copy
import functools
import pickle

import numpy as np
import pytest
import torch

from motiongen import sampling
from motiongen.data.store import Store, StoreError
from motiongen.encoders import CNN
from motiongen.generators import VAE
from motiongen.testing.examples import example_clips, example_spec


def made():
    torch.manual_seed(0)
    spec = example_spec()
    model = VAE(spec, functools.partial(CNN, width=8, layers=1), latent=3, condition=6)
    model.fit_statistics(example_clips(spec))
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return made()


def test_given_counts_are_those_of_the_train_split_where_nothing_else_is_known(model):
    assert sampling.given_counts(model) == model.label_counts[:-1].tolist()


def test_given_counts_include_people_held_back_for_validation(model, monkeypatch):
    counts = [9] * len(model.spec.classes)
    monkeypatch.setattr(model, "provenance", {"class_counts": counts, "clips": sum(counts)})
    assert sampling.given_counts(model) == counts
    assert sampling.wanted_count(model, None) == sum(counts)
    labels = sampling.wanted_labels(model, None, "train", None)
    assert [labels.count(i) for i in range(len(counts))] == counts


def test_labels_of_one_class(model):
    name = model.spec.classes[1]
    assert sampling.wanted_labels(model, 4, None, name) == [1] * 4
    assert sampling.wanted_labels(model, 4, None, None) is None


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ((None, "test", None), "--counts-like: found 'test', allowed: train"),
        ((3, "train", None), "leave --n and --label"),
        ((None, "train", "walk"), "leave --n and --label"),
        ((3, None, "fly"), "--label: 'fly' is unknown; known: "),
        ((0, None, None), None),
    ],
)
def test_wishes_that_cannot_be_met(model, wishes, words):
    if words is None:
        with pytest.raises(ValueError, match="--n: found 0, at least 1"):
            sampling.draw(model, n=wishes[0])
        return
    with pytest.raises(ValueError, match=words):
        sampling.wanted_labels(model, *wishes)


def test_lengths_far_from_those_of_training_are_guesses(caplog):
    model = made()
    model.length_counts.zero_()
    model.length_counts[0, 9], model.length_counts[1, 12] = 3, 4
    for length in (None, 6, 9, 12, 14, 18):
        sampling.warn_of_length(model, length)
    assert not caplog.records
    for length in (2, 5, 19):
        sampling.warn_of_length(model, length)
        assert caplog.messages.pop() == (
            f"--length: {length} frames; the model learned from clips of 9 to 12, and guesses"
        )


def test_drawn_motions_say_what_they_are(model):
    motions = sampling.draw(model, n=3, seed=7)
    assert [motion.id for motion in motions] == [f"seed7-{i:06d}" for i in range(3)]
    assert {motion.subject for motion in motions} == {"generated"}
    assert {motion.layout for motion in motions} == {model.spec.layout}
    assert {motion.fps for motion in motions} == {model.spec.fps}


def test_frames_stretch_what_is_drawn(model):
    plain = sampling.draw(model, n=2, length=9)
    stretched = sampling.draw(model, n=2, length=9, frames=33)
    assert [motion.num_frames for motion in plain + stretched] == [9, 9, 33, 33]
    for before, after in zip(plain, stretched, strict=True):
        assert torch.allclose(before.joints[[0, -1]], after.joints[[0, -1]], atol=1e-5)


def test_progress_adds_up(model):
    steps = []
    sampling.draw(model, n=40, progress=steps.append)
    assert sum(steps) == 40


@pytest.mark.parametrize("name", ["set", "clips.npz"])
def test_nothing_is_overwritten_unasked(model, tmp_path, name):
    first, second = (sampling.draw(model, n=2, seed=seed) for seed in (0, 1))
    path = tmp_path / "deep" / name
    sampling.write(first, path, model, overwrite=False)
    with pytest.raises((FileExistsError, StoreError), match="exists"):
        sampling.write(second, path, model, overwrite=False)
    assert (ids(path), len(list(path.parent.iterdir()))) == (["seed0-000000", "seed0-000001"], 1)
    sampling.write(second, path, model, overwrite=True)
    assert ids(path) == ["seed1-000000", "seed1-000001"]


def ids(path):
    if path.suffix != ".npz":
        return [record.id for record in Store.open(path).records]
    with np.load(path, allow_pickle=False) as file:
        return file["id"].tolist()


def test_a_store_of_samples_says_where_they_come_from(model, tmp_path):
    sampling.write(sampling.draw(model, n=2), tmp_path / "set", model, overwrite=False)
    found = Store.open(tmp_path / "set")
    assert found.spec == model.spec
    assert found.manifest["origin"]["format"] == "generated"
    assert found.manifest["origin"]["recipe"] == model.recipe


def test_copies_and_models_of_other_processes_sample_alike(model):
    drawn = model.sample(2, seed=3)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other.sample(2, seed=3).joints, drawn.joints)
