"""Evaluation on a few synthetic clips: equal n, copiers, collapse, gaps, and repeatability."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from motiongen.classifier import fit_classifier
from motiongen.data import synthetic
from motiongen.data.clips import as_batch, conform
from motiongen.encoders import CNN
from motiongen.evaluation import (
    EvaluationSettings,
    clean_truth,
    compare_to_truth,
    evaluate,
    player_groups,
)
from motiongen.evaluation.drawing import halves, rows_by_label, stratified_order
from motiongen.evaluation.findings import Scores, warn_of_blindness
from motiongen.evaluation.paths import as_paths, nearest, path_distances
from motiongen.evaluation.sets import warped_copies
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.noise import Estimator, noisy_view
from motiongen.report import Value

CLASSES = ("walk", "squat", "wave")
SPEC = MotionSpec("kinect20", 3, 32, 20.0, CLASSES)
SETTINGS = EvaluationSettings(k=3, draws=3)
PEOPLE, TEST_PEOPLE = 10, 6
REAL_ROWS = ("train, other half", "test")
BASELINES = ("class mean", "noisy copy", "warped copy", "copy")
ENCODER = functools.partial(CNN, width=48, layers=2)


@functools.cache
def world():
    """Noisy train and test clips, their people, and clean clips of people in neither."""
    clips = synthetic.synthesise(PEOPLE + TEST_PEOPLE + 8, 2, 0, CLASSES)
    noisy = [conform(noisy_view(c, Estimator(2), 0, i), SPEC) for i, c in enumerate(clips)]
    person = [int(clip.subject) for clip in clips]
    train = [c for c, p in zip(noisy, person, strict=True) if p <= PEOPLE]
    test = [c for c, p in zip(noisy, person, strict=True) if PEOPLE < p <= PEOPLE + TEST_PEOPLE]
    new = [conform(c, SPEC) for c, p in zip(clips, person, strict=True) if p > 16]
    subjects = {"train": [c.subject for c in train], "test": [c.subject for c in test]}
    return as_batch(train, SPEC), as_batch(test, SPEC), as_batch(new, SPEC), subjects


@functools.cache
def extractor():
    return fit_classifier(world()[0], SPEC, steps=40, encoder=ENCODER)


def noisy_copy(clips, spread):
    noise = torch.randn(clips.joints.shape, generator=torch.Generator().manual_seed(0)) * spread
    joints = torch.where(clips.mask[..., None], clips.joints + noise, 0.0)
    return clips.replace(joints=joints, target=None)


@functools.cache
def sets():
    train, _, new, _ = world()
    return {
        "honest": new,
        "copier": train.replace(target=None),
        "noisy copier": noisy_copy(train, 0.03),
        "collapsed": new.select(torch.arange(len(new)) % 3),
    }


def run(generated, **changes):
    train, test, _, subjects = world()
    arguments = {"train": train, "test": test, "subjects": subjects, "spec": SPEC}
    arguments |= {"extractor": extractor(), "settings": SETTINGS, **changes}
    return evaluate(generated, **arguments)


@functools.cache
def report():
    return run(sets())


@functools.cache
def honest_report():
    """What runs of the same clips, given in another way, are compared with."""
    return run({"honest": sets()["honest"]})


def only(*metrics):
    """Settings for tests of what does not depend on the other scores."""
    return replace(SETTINGS, metrics=metrics)


def table(found, start):
    return next(each for each in found.tables if each.title.startswith(start))


def value(found, start, row, column):
    rows = {each.name: each for each in table(found, start).rows}
    return rows[row].values[column].value


def warnings_about(found, name):
    return " ".join(text for text in found.warnings if text.startswith(f"{name}:"))


def written(found, tmp_path, name):
    return found.to_json(tmp_path / name).read_text()


# ---- reports ------------------------------------------------------------------------------------


def test_all_sets_are_compared_at_one_n():
    train, test, new, _ = world()
    rows = table(report(), "Likeness to training").rows
    assert {row.n for row in rows} == {len(train) // 2}
    rows = table(report(), "Likeness to clips of unseen").rows
    assert {row.n for row in rows} == {len(test) // 2}
    small = run({"few": new.select(slice(0, 11))}, settings=only("fid"))
    assert {row.n for row in table(small, "Likeness to training").rows} == {11}


def test_real_rows_and_baselines_stand_beside_each_score():
    for start in ("Likeness to training", "Copies"):
        names = [row.name for row in table(report(), start).rows]
        for name in (*REAL_ROWS, *BASELINES, *sets()):
            assert name in names
    names = {row.name for row in table(report(), "Movement").rows}
    assert {"train", "train, clean truth", "test"} <= names


def test_warped_copies_go_the_same_way_at_another_pace():
    frames = torch.arange(12.0)
    straight = torch.stack([frames, 2 * frames, -frames], -1)[None, :, None].expand(50, -1, 20, -1)
    clips = MotionBatch(
        joints=straight.clone(),
        confidence=torch.ones(50, 12, 20),
        length=torch.full((50,), 10),
        label=torch.zeros(50, dtype=torch.long),
    )
    clips = clips.replace(confidence=clips.confidence * clips.frame_mask[..., None])
    clips.confidence[:, 4, 3] = 0.0
    warped = warped_copies(clips, np.random.default_rng(0))
    place = warped.joints[:, :10, 0, 0]
    way = torch.tensor([1.0, 2.0, -1.0])
    torch.testing.assert_close(warped.joints[:, :10, 0], place[..., None] * way)
    assert (place.diff(dim=1) > 0).all()
    torch.testing.assert_close(place[:, [0, 9]], torch.tensor([[0.0, 9.0]]).expand(50, -1))
    assert (place - frames[:10]).abs().amax(1).median() > 0.3
    assert not warped.confidence[:, 10:].any()
    # what was not seen is not made up from its neighbours
    beside = (place - 4).abs() < 1
    assert torch.equal(warped.mask[:, :10, 3], ~beside)


def test_copies_are_flagged_with_and_without_noise():
    assert "copies: 100 %" in warnings_about(report(), "copier")
    assert "suspected copies" in warnings_about(report(), "noisy copier")
    assert value(report(), "Copies", "copy", "nearest_training") == 0.0
    text = warnings_about(report(), "honest").replace("possible copies", "")
    assert "copies" not in text


def test_noisy_copies_lie_nearer_to_train_than_to_unseen_people():
    ratios = {
        name: value(report(), "Copies", name, "nn_ratio")
        for name in ("copier", "noisy copier", "test", "honest")
    }
    assert ratios["copier"] == 0.0
    assert ratios["noisy copier"] < 0.5 * ratios["test"]
    assert ratios["honest"] > 0.5 * ratios["test"]


def test_a_collapsed_set_is_flagged():
    text = warnings_about(report(), "collapsed")
    assert "low coverage" in text
    assert "repeat themselves" in text
    assert "repeat themselves" not in warnings_about(report(), "honest")


def test_the_class_mean_loses_in_coverage():
    def coverage(row):
        return value(report(), "Likeness to training", row, "coverage")

    assert coverage("class mean") < 0.8 * coverage("train, other half")
    assert coverage("honest") > 0.8 * coverage("train, other half")


def test_every_value_is_finite_or_says_why_not():
    for each in report().tables:
        for row in each.rows:
            for cell in row.values.values():
                assert cell.value is not None or cell.note
                assert cell.value is None or np.isfinite(cell.value)


def test_means_have_intervals_and_scores_of_sets_have_ranges():
    row = next(r for r in table(report(), "Likeness to training").rows if r.name == "honest")
    assert row.values["accuracy"].low is not None
    fid = row.values["fid"]
    assert fid.low < fid.value < fid.high
    text = table(report(), "Likeness to training").interval
    assert "bootstrap" in text
    assert "no confidence interval" in text


def test_what_few_clips_cannot_tell_is_said_once():
    found = table(report(), "Likeness to training")
    assert "fid_per_class" not in [column.name for column in found.columns]
    assert "FID per class: needs 64 clips of each class in each set." in found.caption


def test_any_subset_of_the_scores():
    train, test, new, _ = world()
    settings = replace(SETTINGS, metrics=("fid", "jitter", "speed_distance"))
    found = evaluate(
        {"copier": train}, train=train, test=test, spec=SPEC, extractor=extractor(),
        settings=settings,
    )  # fmt: skip
    names = {table.title: [c.name for c in table.columns] for table in found.tables}
    assert names == {
        "Likeness to training clips": ["fid"],
        "Likeness to clips of unseen people": ["fid"],
        "Movement": ["jitter"],
        "Distributions of movement": ["speed_distance"],
    }
    # copies are found with any
    assert "copies" in " ".join(found.warnings)
    with pytest.raises(ValueError, match="settings.metrics: found fud, allowed fid, "):
        replace(SETTINGS, metrics=("fud",))


def test_distributions_of_movement_are_those_of_real_clips():
    found = table(report(), "Distributions")
    rows = {row.name: row.values for row in found.rows}
    for name in ("speed_distance", "acceleration_distance", "spectrum_distance"):
        assert rows["noisy copier"][name].value > 2 * rows["honest"][name].value
    assert {"wpd", "wpd_class", "bone_length_distance", "static_share"} <= set(rows["honest"])
    assert rows["warped copy"]["wpd"].value > 0


def test_people_are_drawn_where_eight_are_known():
    unknown = run({"honest": sets()["honest"]}, subjects=None, settings=only("jerk"))
    row, again = (
        next(r for r in table(each, "Movement").rows if r.name == "train").values["jerk"]
        for each in (honest_report(), unknown)
    )
    assert row.value == again.value
    assert (row.low, row.high) != (again.low, again.high)


def test_summary_and_context_state_numbers():
    found = report()
    assert len(found.summary) == len(sets())
    covered = value(found, "Likeness to training", "honest", "coverage")
    assert f"cover {100 * covered:.0f} %" in found.summary[0]
    assert len(found.context["extractor"]["weights sha256"]) == 64
    assert found.context["extractor"]["encoder"] == "CNN"
    assert found.context["extractor"]["accuracy on test clips"] > 0.6
    assert found.context["clips"]["compared of each set"] == 30


def test_coverage_that_a_class_mean_reaches_is_warned_of():
    assert not any("mean clip of each class" in text for text in report().warnings)
    first = report().tables[0]
    rows = [
        replace(row, values={**row.values, "coverage": Value(1.0)})
        if row.name == "class mean"
        else row
        for row in first.rows
    ]
    scores = Scores({"train": replace(first, rows=rows)})
    (text,) = warn_of_blindness(scores)
    assert "covers 100 % of the training clips" in text


def test_small_sets_are_warned_of():
    assert any("singular" in text for text in report().warnings)


def test_repeats_bit_for_bit_and_leaves_random_numbers_alone(tmp_path):
    first = honest_report()
    state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    second = run({"honest": sets()["honest"]})
    assert written(first, tmp_path, "a.json") == written(second, tmp_path, "b.json")
    assert torch.equal(torch.random.get_rng_state(), state[0])
    assert np.array_equal(np.random.get_state()[1], state[1])


def test_order_of_rows_does_not_matter(tmp_path):
    train, test, new, subjects = world()
    orders = {"train": torch.randperm(len(train)), "test": torch.randperm(len(test))}
    shuffled = run(
        {"honest": new.select(torch.randperm(len(new)))},
        train=train.select(orders["train"]),
        test=test.select(orders["test"]),
        subjects={name: [subjects[name][i] for i in rows] for name, rows in orders.items()},
    )
    assert written(shuffled, tmp_path, "a.json") == written(honest_report(), tmp_path, "b.json")


def test_values_that_were_not_seen_do_not_matter(tmp_path):
    train, _, new, _ = world()
    assert not train.mask.all()
    wild = train.replace(joints=torch.where(train.mask[..., None], train.joints, 1e3))
    second = run({"honest": new}, train=wild)
    assert written(honest_report(), tmp_path, "a.json") == written(second, tmp_path, "b.json")


def test_without_test_clips_says_what_is_missing():
    settings = only("fid", "nn_ratio")
    found = run({"honest": sets()["honest"]}, test=None, subjects=None, settings=settings)
    assert any("No clips of unseen people" in text for text in found.warnings)
    assert [each.title for each in found.tables if "unseen" in each.title] == []
    cell = table(found, "Copies").rows[1].values["nn_ratio"]
    assert cell.value is None
    assert "two people" in cell.note


def test_shared_clips_and_people_are_warned_of():
    train, _, new, subjects = world()
    people = {**subjects, "test": subjects["train"]}
    found = run({"honest": new}, test=train, subjects=people, settings=only("fid"))
    text = " ".join(found.warnings)
    assert f"{len(train)} clips are in the train set and in the test set" in text
    assert "People in the train set and in the test set" in text


def test_other_labels_than_in_training_are_warned_of():
    new = sets()["honest"]
    found = run({"walkers": new.select(new.label == 0)}, settings=only("fid"))
    assert "not distributed" in warnings_about(found, "walkers")


def test_the_report_can_be_written(tmp_path):
    text = report().to_html(tmp_path / "report.html").read_text()
    assert "noisy copier" in text
    assert json.loads(written(report(), tmp_path, "report.json"))["tables"]
    assert "| honest, n = 30 |" in report().to_markdown()


# ---- two dimensions and gaps --------------------------------------------------------------------


def flat(clips, missing, seed):
    """Pixels, with a share of the joints unseen and one arm never seen in half of the clips."""
    source = torch.Generator().manual_seed(seed)
    kept = torch.rand(clips.confidence.shape, generator=source) >= missing
    kept[::2, :, 4:8] &= missing == 0
    confidence = clips.confidence * kept
    joints = torch.where((confidence > 0)[..., None], 300 * clips.joints[..., :2] + 500, 0.0)
    return clips.replace(joints=joints, confidence=confidence, target=None)


def test_two_dimensions_with_two_fifths_of_the_joints_missing():
    spec = replace(SPEC, channels=2, unit="px")
    train, test, new, subjects = world()
    seen, unseen, drawn = flat(train, 0.4, 1), flat(test, 0.4, 2), flat(new, 0.0, 3)
    found = evaluate(
        {"honest": drawn, "copier": seen},
        train=seen,
        test=unseen,
        spec=spec,
        subjects=subjects,
        extractor=fit_classifier(seen, spec, steps=40, encoder=ENCODER),
        settings=SETTINGS,
    )
    units = {c.name: c.unit for each in found.tables for c in each.columns}
    assert units["mean_speed"] == "body heights/s"
    assert units["nearest_training"] == "% of body height"
    assert "foot_skate" not in units
    assert "foreshortening" in table(found, "Movement").columns[0].meaning
    assert "copies: 100 %" in warnings_about(found, "copier")
    assert "copies" not in warnings_about(found, "honest")
    for each in found.tables:
        for row in each.rows:
            assert all(v.value is not None for v in row.values.values()), (each.title, row.name)


# ---- refused ------------------------------------------------------------------------------------


def broken(where):
    clips = sets()["honest"]
    joints = clips.joints.clone()
    joints[(*where, 0)] = float("nan")
    return clips.replace(joints=joints)


@pytest.mark.parametrize(
    ("generated", "message"),
    [
        (lambda: {}, "no set of clips"),
        (lambda: {"few": sets()["honest"].select(slice(0, 3))}, r"only 3 clips .* k = 3"),
        (lambda: {"bad": broken((4, 2, 7))}, "bad: clip 4, frame 2, joint 7"),
        (
            lambda: {"odd": sets()["honest"].replace(label=torch.full((48,), 3))},
            "odd: label 3, allowed -1 to 2",
        ),
        (lambda: {"train, other half": sets()["honest"]}, "are names of other rows"),
    ],
)
def test_refuses_by_name(generated, message):
    with pytest.raises(ValueError, match=message):
        run(generated())


def test_refuses_other_numbers_of_subjects():
    with pytest.raises(ValueError, match="train: 1 subjects were given for 60 clips"):
        run({"honest": sets()["honest"]}, subjects={"train": ["1"]})


def test_refuses_settings():
    with pytest.raises(ValueError, match="settings.k: found 0"):
        EvaluationSettings(k=0)


# ---- parts --------------------------------------------------------------------------------------


def test_halves_are_disjoint_and_stratified():
    labels = np.array([0] * 21 + [1] * 10 + [2] * 3)
    first, second = halves(labels, np.random.default_rng(0))
    assert len(first) == len(second) == 17
    assert sorted([*first, *second]) == list(range(34))
    difference = np.bincount(labels[first]) - np.bincount(labels[second])
    assert np.abs(difference).max() <= 1


def test_every_beginning_of_a_stratified_order_is_balanced():
    labels = np.repeat([0, 1], [40, 20])
    order = labels[stratified_order(labels, np.random.default_rng(0))]
    for size in range(6, 61, 6):
        assert abs((order[:size] == 0).sum() - 2 * size / 3) <= 2


def test_rows_by_label_repeat_only_when_all_were_taken():
    labels, wanted = np.array([0, 1, 0, 1, 0]), np.array([0, 1, 0, 0, 0])
    rows = rows_by_label(wanted, labels, np.random.default_rng(0))
    assert (labels[rows] == wanted).all()
    assert len(set(rows[[0, 2, 3]])) == 3
    with pytest.raises(ValueError, match="label 2: no clip has it"):
        rows_by_label(np.array([2]), labels, np.random.default_rng(0))


def test_distances_count_only_joints_that_both_show():
    clips = sets()["honest"].select(slice(0, 2))
    confidence = clips.confidence.clone()
    confidence[1, :, 8:] = 0
    partial = clips.replace(confidence=confidence)
    full, less = as_paths(clips, SPEC), as_paths(partial, SPEC)
    found = path_distances(full, less)
    expected = np.sqrt(((full[0][0] - full[0][1])[:, :8] ** 2).sum(-1).mean())
    assert found[0, 1] == pytest.approx(expected, abs=1e-9)
    assert found[0, 0] == pytest.approx(0, abs=1e-7)


def test_clips_that_share_hardly_any_joint_are_not_compared():
    clips = sets()["honest"].select(slice(0, 1))
    upper, lower = clips.confidence.clone(), clips.confidence.clone()
    upper[:, :, 8:], lower[:, :, :8] = 0, 0
    paths = [as_paths(clips.replace(confidence=c), SPEC) for c in (upper, lower)]
    assert np.isinf(nearest(*paths)).all()


# ---- the clean truth ----------------------------------------------------------------------------


def test_clean_samples_are_nearer_to_the_truth_than_noisy_clips():
    train, _, new, _ = world()
    found = compare_to_truth(
        clean_truth(train), train, {"clean": new, "noisy": noisy_copy(train, 0.05)}, SPEC
    )
    rows = {row.name: row.values for row in found.rows}
    assert rows["clean truth"]["bone_length_cv"].value < 1e-4
    assert rows["clean"]["jitter_off"].value < rows["noisy clips"]["jitter_off"].value
    assert rows["clean"]["jitter_off"].note == "nearer than noisy"
    assert rows["noisy"]["jitter_off"].note == "not nearer than noisy"
    expected = abs(rows["noisy"]["jerk"].value - rows["clean truth"]["jerk"].value)
    assert rows["noisy"]["jerk_off"].value == pytest.approx(expected)
    assert "noisy is nearer to the clean truth than the noisy clips in none" in found.caption


def test_truth_needs_targets_and_free_names():
    train, _, new, _ = world()
    with pytest.raises(ValueError, match="no target"):
        clean_truth(new)
    with pytest.raises(ValueError, match="'noisy clips'"):
        compare_to_truth(clean_truth(train), train, {"noisy clips": new}, SPEC)


# ---- clips to look at ---------------------------------------------------------------------------


def test_players_show_real_truth_and_samples_of_each_class():
    train, _, new, _ = world()
    groups = player_groups(SPEC, train, {"model": new}, classes=2, samples=3)
    assert [group.name for group in groups] == ["walk", "squat"]
    titles = [(panel.title, len(panel.motions)) for panel in groups[0].panels]
    assert titles == [("real", 1), ("clean truth", 1), ("model", 3)]
    assert {m.label for panel in groups[1].panels for m in panel.motions} == {1}
    assert groups[0].panels[0].motions[0].target is None


def test_classes_without_samples_are_not_shown():
    train, _, new, _ = world()
    groups = player_groups(SPEC, train, {"model": new.select(new.label != 1)})
    assert [group.name for group in groups] == ["walk", "wave"]


def test_the_most_similar_training_clip_stands_beside_a_sample():
    train, _, _, _ = world()
    copied = train.select(torch.arange(len(train) - 1, -1, -1)).replace(target=None)
    panel = player_groups(SPEC, train, {"copier": copied}, classes=1)[0].panels[-1]
    assert panel.notes == ["0.0 cm off"] * len(panel.motions)
    for motion, like in zip(panel.motions, panel.companions, strict=True):
        assert torch.equal(motion.joints, like.joints)
