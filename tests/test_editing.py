"""Clips of a store, varied, interpolated and filled: which are taken, and what is refused."""

import dataclasses
import functools

import pytest
import torch

from motiongen import editing
from motiongen.data.store import write_store
from motiongen.encoders import CNN
from motiongen.generators import GAN, VAE
from motiongen.testing.examples import CLASSES, example_clips, example_motions, example_spec

SPEC = example_spec()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = VAE(SPEC, functools.partial(CNN, width=8, layers=1), latent=3, condition=6)
    made.fit_statistics(example_clips(SPEC))
    return made.eval()


def store(tmp_path, motions, spec=SPEC, classes=CLASSES):
    named = [m.replace(id=f"clip{i}") if m.id == "" else m for i, m in enumerate(motions)]
    spec = dataclasses.replace(spec, classes=classes)
    return write_store(tmp_path / "store", named, classes=classes, spec=spec)


def test_fillings_do_not_depend_on_how_a_store_is_cut(model, tmp_path, monkeypatch):
    known = store(tmp_path, example_motions(SPEC))
    steps = []
    whole = editing.fill(model, known, seed=2, progress=steps.append)
    monkeypatch.setattr(editing, "PART", 5)
    parts = editing.fill(model, known, seed=2)
    assert sum(steps) == len(whole) == len(known)
    for a, b, old in zip(whole, parts, known, strict=True):
        torch.testing.assert_close(a.joints, b.joints)
        assert (a.id, a.label) == (old.id, old.label)


def test_classes_are_matched_by_name(model, tmp_path):
    motions = [m.replace(label=0) for m in example_motions(SPEC) if m.label == 2]
    known = store(tmp_path, motions, classes=(CLASSES[2], "unheard of"))
    assert {motion.label for motion in editing.fill(model, known)} == {2}
    made = editing.vary(model, known, known.records[0].id, n=2, strength=0.5, seed=0)
    assert [motion.label for motion in made] == [2, 2]


def test_a_class_that_the_model_lacks_is_none(model, tmp_path):
    known = store(tmp_path, example_motions(SPEC), classes=("wave", "fly", "squat"))
    labels = {motion.label for motion in editing.fill(model, known)}
    assert labels == {0, None, 2}


def test_long_clips_are_cut_with_a_warning(model, tmp_path):
    motion = example_motions(SPEC)[0]
    long = motion.replace(
        joints=motion.joints.repeat(3, 1, 1),
        confidence=motion.confidence.repeat(3, 1),
        target=None,
    )
    with pytest.warns(UserWarning, match="has .* frames and is cut to the 14"):
        (found,) = editing.fill(model, store(tmp_path, [long]))
    assert found.num_frames == SPEC.frames


def test_clips_that_show_nothing_are_left_out(model, tmp_path):
    motions = list(example_motions(SPEC)[:3])
    motions[1] = motions[1].replace(confidence=motions[1].confidence * 0)
    with pytest.warns(UserWarning, match="1 clips left out; the first: .*no joint seen"):
        assert len(editing.fill(model, store(tmp_path, motions))) == 2


def test_a_store_of_another_layout_is_refused(model, tmp_path):
    spec = example_spec("coco17", 3)
    known = store(tmp_path, example_motions(spec), spec)
    words = "its layout is 'coco17', the model's is 'kinect20'"
    for change in (
        lambda: editing.fill(model, known),
        lambda: editing.vary(model, known, known.records[0].id, n=1, strength=0.1, seed=0),
        lambda: editing.between(model, known, known.records[0].id, "x", n=2),
    ):
        with pytest.raises(ValueError, match=words):
            change()


def test_a_family_that_cannot_says_so(tmp_path):
    known = store(tmp_path, example_motions(SPEC))
    other = GAN(SPEC, functools.partial(CNN, width=8, layers=1))
    for option, change in (
        ("--fill", lambda: editing.fill(other, known)),
        ("--like", lambda: editing.vary(other, known, "x", n=1, strength=0.1, seed=0)),
        ("--between", lambda: editing.between(other, known, "x", "y", n=2)),
    ):
        with pytest.raises(ValueError, match=f"{option}: GAN cannot"):
            change()
