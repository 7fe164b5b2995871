"""`motiongen.evaluate` on plain arrays: the report of the same batches; errors name sets."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

import motiongen
from motiongen.classifier import fit_classifier
from motiongen.data import synthetic
from motiongen.data.clips import as_batch
from motiongen.encoders import CNN
from motiongen.evaluation import EvaluationSettings
from motiongen.evaluation import evaluate as evaluate_batches
from motiongen.motion import MotionSpec

CLASSES = synthetic.class_names()[:3]
SETTINGS = EvaluationSettings(player_classes=0, draws=2)
SPEC = MotionSpec(synthetic.LAYOUT, 3, 48, synthetic.FPS, tuple(sorted(CLASSES)))


@pytest.fixture(scope="module")
def clips():
    motions = [m for m in synthetic.synthesise(4, 3, seed=0) if m.label < 3]
    names = [synthetic.class_names()[m.label] for m in motions]
    numbers = [SPEC.classes.index(name) for name in names]
    motions = [m.replace(label=n) for m, n in zip(motions, numbers, strict=True)]
    return as_batch(motions, SPEC).replace(target=None)


@pytest.fixture(scope="module")
def extractor(clips):
    return fit_classifier(
        clips, SPEC, steps=10, encoder=functools.partial(CNN, width=16, layers=1)
    )


def arrays(clips):
    """Clips as somebody else has them: NaN where nothing was seen or the clip has ended."""
    joints = clips.joints.double().numpy()
    names = [SPEC.classes[label] for label in clips.label]
    return np.where(clips.mask.numpy()[..., None], joints, np.nan), names


def rows(report):
    return {
        (table.title, row.name, name): value.value
        for table in report.tables
        for row in table.rows
        for name, value in row.values.items()
    }


def test_it_is_the_report_of_the_same_batches(clips, extractor):
    real, names = arrays(clips)
    known = {"layout": SPEC.layout, "fps": SPEC.fps, "settings": SETTINGS, "extractor": extractor}
    half = {"half as large": torch.from_numpy(real / 2)}
    report = motiongen.evaluate(real, half, labels=names, **known)
    expected = evaluate_batches(
        {"half as large": clips.replace(joints=clips.joints / 2, index=None)},
        train=clips,
        spec=SPEC,
        extractor=extractor,
        settings=SETTINGS,
    )
    assert rows(report) == pytest.approx(rows(expected), nan_ok=True)


def test_sets_have_sizes_of_their_own(clips, extractor):
    real, names = arrays(clips)
    report = motiongen.evaluate(
        real,
        {"few": real[:20, :30], "many": np.concatenate([real, real])},
        test=real[5:],
        labels={"real": names, "few": names[:20], "many": names * 2, "test": names[5:]},
        layout=SPEC.layout,
        fps=SPEC.fps,
        extractor=extractor,
        settings=SETTINGS,
    )
    found = {row.name: row.n for row in report.tables[-1].rows}
    assert (found["few"], found["many"], found["test"]) == (20, 2 * len(real), len(real) - 5)


def test_labels_are_numbers_or_names(clips, extractor):
    real, _ = arrays(clips)
    numbers = np.array([9, 10, -1])[clips.label.numpy()]
    report = motiongen.evaluate(
        real, {"mine": real}, labels=numbers, layout=SPEC.layout, fps=SPEC.fps,
        extractor=fit_classifier(clips, SPEC, steps=1),
        settings=replace(SETTINGS, metrics=("fid",)),
    )  # fmt: skip
    assert report.context["spec"]["classes"] == ["9", "10"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generated": {}}, "generated: give at least one set"),
        ({"generated": {"real": "copy"}}, "the names .'real'. are those of real clips"),
        ({"generated": {"mine": np.zeros((4, 5, 3))}}, r"mine: found an array \(4, 5, 3\)"),
        ({"generated": {"mine": np.zeros((0, 8, 20, 3))}}, "mine: found no clip"),
        ({"generated": {"mine": np.array([["a"]])}}, "mine: found an array .* of <U1"),
        ({"labels": ["walk"]}, "labels: real has .* clips and 1 labels"),
        ({"labels": {"fake": ["walk"]}}, "labels: none for 'real'; given are those of .'fake'."),
        ({"test": "half"}, "labels: test has .* clips and the real set"),
        ({"generated": {"copy": "copy"}}, "'copy'. are names of other rows of the report"),
        ({"layout": "kinect"}, "kinect"),
    ],
)
def test_what_is_wrong_is_named(clips, extractor, change, message):
    real, names = arrays(clips)
    known = {"generated": {"mine": real}, "labels": names, "layout": SPEC.layout, "fps": 15.0}
    known |= change
    if known.get("test") is not None:
        known["test"] = real[: len(real) // 2]
    known["generated"] = {
        name: real if isinstance(value, str) else value
        for name, value in known["generated"].items()
    }
    with pytest.raises(ValueError, match=message):
        motiongen.evaluate(real, extractor=extractor, **known)


def test_what_no_clip_can_be_is_named(clips):
    real, names = arrays(clips)
    broken = real.copy()
    broken[3, 4, 5, 0] = np.inf
    with pytest.raises(ValueError, match="mine: clip 3, frame 4, joint 5 is at"):
        motiongen.evaluate(real, {"mine": broken}, labels=names, layout=SPEC.layout, fps=15.0)
    empty = real.copy()
    empty[2, 1:] = np.nan
    with pytest.raises(ValueError, match="mine: clip 2 shows joints in fewer than 2 frames"):
        motiongen.evaluate(real, {"mine": empty}, labels=names, layout=SPEC.layout, fps=15.0)
    with pytest.raises(ValueError, match="mine: labels dance are not among those of the real"):
        labels = {"real": names, "mine": ["dance", *names[1:]]}
        motiongen.evaluate(real, {"mine": real}, labels=labels, layout=SPEC.layout, fps=15.0)
