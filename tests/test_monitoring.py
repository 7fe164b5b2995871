"""Detectors of collapse: what they find, what they leave alone, and how they say it."""

import functools
import logging

import numpy as np
import pytest
import torch

from motiongen.data import synthetic
from motiongen.data.clips import as_batch
from motiongen.data.embedded import write_synthetic
from motiongen.data.module import MotionData
from motiongen.encoders import CNN
from motiongen.evaluation.drawing import rows_by_label
from motiongen.fitting import fit, make_trainer
from motiongen.generators import VAE, LatentFlow
from motiongen.generators.energy import DRAWS
from motiongen.monitoring import Detectors, Healthy, Monitor
from motiongen.monitoring.detectors import matched, positions
from motiongen.motion import MotionSpec
from motiongen.noise import Estimator, noisy_view
from motiongen.testing.examples import example_clips, example_spec

SPEC = example_spec()

CLASSES = ("wave", "kick", "squat", "walk", "bend", "clap")
#: people of a trial
TRAIN, HELD = 14, 3
#: draws of each case
TRIALS = 10
COLLAPSES = ("50 modes", "10 modes", "variance halved", "memorised")


# ---- rates on unit Gaussian features ------------------------------------------------------------


def gaussian(trial):
    """Detectors for 1000 x 64 Gaussian features, with samples of the same distribution."""
    rng = np.random.default_rng(trial)
    train, held, samples = (rng.normal(size=(n, 64)) for n in (1000, 64, 64 * DRAWS))
    none = functools.partial(np.zeros, dtype=np.int64)
    people = np.arange(1000) // 50
    found = Detectors(train, held, none(1000), none(64), people=people, copy_distance=1e-3)
    return found, train, samples, none(len(samples)), rng


def collapsed(case, train, samples, labels, rng):
    """Samples as a model that collapsed would give them; the classes have one label here."""
    if case == "healthy":
        return samples
    if case == "variance halved":
        centre = train.mean(0)
        return centre + 0.5 * (samples - centre)
    if case == "memorised":
        return train[rng.integers(len(train), size=len(samples))]
    return samples[rng.integers(int(case.split()[0]), size=len(samples))]


def alarms(detectors, samples, labels):
    found, healthy = detectors.figures(samples, labels), detectors.healthy
    return {name for name in found.keys() & healthy.keys() if found[name] not in healthy[name]}


@functools.cache
def gaussian_alarms():
    """Names that alarm, of every trial of every case."""
    found = {case: [] for case in ("healthy", *COLLAPSES)}
    for trial in range(TRIALS):
        detectors, train, samples, labels, rng = gaussian(trial)
        for case, trials in found.items():
            trials.append(alarms(detectors, collapsed(case, train, samples, labels, rng), labels))
    return found


#: detectors that must each see the case
SEEN_BY = {
    "50 modes": {"inner_nn_ratio"},
    "10 modes": {"inner_nn_ratio"},
    "variance halved": {"apd_ratio"},
    "memorised": {"copy_share", "feature_copy_share", "train_nn_ratio"},
}


@pytest.mark.parametrize("case", COLLAPSES)
def test_every_collapse_of_features_is_found(case):
    trials = gaussian_alarms()[case]
    assert np.mean([SEEN_BY[case] <= trial for trial in trials]) >= 0.95


def test_healthy_features_do_not_alarm():
    assert gaussian_alarms()["healthy"] == [set()] * TRIALS


# ---- rates on clips of people -------------------------------------------------------------------


@functools.cache
def world(people=44):
    """Rows of noisy and of clean clips of people, their labels, people, and the model."""
    spec = MotionSpec("kinect20", 3, 64, 20.0, CLASSES)
    clean = synthetic.synthesise(people, 1, 1, CLASSES)
    noisy = [noisy_view(clip, Estimator(2), 1, i) for i, clip in enumerate(clean)]
    model = VAE(spec, functools.partial(CNN, width=8, layers=1))
    model.fit_statistics(as_batch(noisy, spec))
    rows = [positions(as_batch(clips, spec), model) for clips in (noisy, clean)]
    labels = np.array([clip.label for clip in clean])
    return *rows, labels, np.array([int(clip.subject) for clip in clean])


def people_trial(trial):
    """A train set, held-back people, and samples that are clean clips of yet other people."""
    noisy, clean, labels, subject = world()
    rng = np.random.default_rng(trial)
    order = rng.permutation(np.unique(subject))
    parts = np.split(order, [TRAIN, TRAIN + HELD])
    train, held, others = (np.flatnonzero(np.isin(subject, part)) for part in parts)
    detectors = Detectors(
        noisy[train],
        noisy[held],
        labels[train],
        labels[held],
        people=subject[train],
        copy_distance=0.03 / 0.25,
    )
    wanted = np.repeat(labels[held], DRAWS)
    return detectors, train, others[rows_by_label(wanted, labels[others], rng)], wanted, rng


def people_samples(case, train, others, wanted, rng):
    noisy, clean, labels, _ = world()
    if case == "healthy":
        return clean[others]
    if case == "variance halved":
        centre = noisy[train].mean(0)
        return centre + 0.5 * (clean[others] - centre)
    if case == "memorised":
        return noisy[train[rows_by_label(wanted, labels[train], rng)]]
    # 1000 samples of 50 or of 10 modes, over 20 classes: hardly more than one mode a class
    modes = {"50 modes": 2, "10 modes": 1}[case]
    chosen = np.empty(len(wanted), dtype=np.int64)
    for label in np.unique(wanted):
        own = np.flatnonzero(wanted == label)
        chosen[own] = others[own[rng.integers(modes, size=len(own))]]
    return clean[chosen]


@functools.cache
def people_alarms():
    found = {case: [] for case in ("healthy", *COLLAPSES)}
    for trial in range(TRIALS):
        detectors, train, others, wanted, rng = people_trial(trial)
        for case, trials in found.items():
            samples = people_samples(case, train, others, wanted, rng)
            trials.append(alarms(detectors, samples, wanted))
    return found


@pytest.mark.parametrize("case", COLLAPSES)
def test_every_collapse_of_clips_is_found(case):
    assert np.mean([bool(trial) for trial in people_alarms()[case]]) >= 0.95


def test_healthy_clips_do_not_alarm():
    assert people_alarms()["healthy"] == [set()] * TRIALS


# ---- rows ---------------------------------------------------------------------------------------


def example():
    """A model that knows units, and clips of it."""
    model = VAE(SPEC, functools.partial(CNN, width=8, layers=1))
    clips = example_clips(SPEC)
    model.fit_statistics(clips)
    return model, clips


def test_rows_do_not_depend_on_padding_and_place():
    model, clips = example()
    rows = positions(clips, model)
    assert rows.shape == (12, 8 * 20 * 3)
    padded = clips.replace(
        target=None,
        joints=torch.nn.functional.pad(clips.joints, (0, 0, 0, 0, 0, 5)),
        confidence=torch.nn.functional.pad(clips.confidence, (0, 0, 0, 5)),
    )
    np.testing.assert_allclose(positions(padded, model), rows, atol=1e-6)
    full = clips.replace(confidence=clips.frame_mask[..., None].expand(-1, -1, 20).float())
    shift = torch.where(full.mask[..., None], torch.tensor([3.0, 0.0, -1.0]), 0.0)
    moved = full.replace(joints=full.joints + shift)
    np.testing.assert_allclose(positions(moved, model), positions(full, model), atol=1e-4)


def test_distance_of_rows_is_the_mean_distance_of_joints():
    model, clips = example()
    clips = clips.replace(confidence=clips.frame_mask[..., None].expand(-1, -1, 20).float())
    away = torch.zeros(20, 3)
    others = [joint for joint in range(20) if joint not in model.skeleton.anchor]
    away[others, 1] = 0.1
    moved = clips.replace(joints=clips.joints + away * clips.mask[..., None])
    found = np.linalg.norm(positions(moved, model) - positions(clips, model), axis=1)
    wanted = 0.1 * (len(others) / 20) ** 0.5 / float(model.standardizer.scale)
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_gaps_are_bridged_and_hidden_joints_stand_at_the_mean():
    model, clips = example()
    line = torch.linspace(0, 1, 14)[:, None, None].expand(14, 20, 3)
    clips = clips.select(slice(0, 1)).replace(
        joints=line[None], confidence=torch.ones(1, 14, 20), length=torch.tensor([14])
    )
    whole = positions(clips, model).reshape(8, 20, 3)
    gap = clips.confidence.clone()
    gap[:, 5:9, 6] = 0
    gap[:, :, 7] = 0
    hidden = clips.replace(
        confidence=gap, joints=torch.where(gap[..., None] > 0, clips.joints, 0.0)
    )
    rows = positions(hidden, model).reshape(8, 20, 3)
    size = (8 * 20) ** 0.5 * float(model.standardizer.scale)
    assert abs(rows[:, 6] - whole[:, 6]).max() * size < 0.2
    assert np.ptp(rows[:, 7], axis=0).max() < 1e-6
    np.testing.assert_allclose(np.delete(rows, [6, 7], 1), np.delete(whole, [6, 7], 1), atol=1e-6)


def test_matched_rows_have_the_same_labels():
    first, second = np.array([0, 0, 0, 1, 2]), np.array([1, 1, 0, 0, 3])
    rows = matched(first, second)
    assert first[rows[0]].tolist() == second[rows[1]].tolist() == [0, 0, 1]


# ---- edges --------------------------------------------------------------------------------------


def test_few_clips_of_one_person_give_what_they_define():
    rng = np.random.default_rng(0)
    one = np.zeros(2, dtype=np.int64)
    train, held = rng.normal(size=(2, 6)), rng.normal(size=(1, 6))
    detectors = Detectors(train, held, one, one[:1], people=one)
    found = detectors.figures(rng.normal(size=(8, 6)), np.zeros(8, dtype=np.int64))
    assert {"apd_ratio", "inner_nn_ratio", "train_nn_ratio"} <= found.keys()
    assert not {"coverage", "held_coverage", "copy_share"} & found.keys()
    assert "train_nn_ratio" not in detectors.healthy


def test_clips_that_are_learned_from_and_held_back_are_no_copies():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(40, 6)), np.zeros(40, dtype=np.int64)
    detectors = Detectors(rows, rows, labels, labels, people=np.arange(40) // 4, copy_distance=0.1)
    samples = rng.normal(size=(40 * DRAWS, 6))
    assert alarms(detectors, samples, np.zeros(len(samples), dtype=np.int64)) == set()


def test_samples_that_are_no_numbers_alarm():
    detectors, _, samples, labels, _ = gaussian(0)
    samples[3, 5] = np.inf
    assert alarms(detectors, samples, labels) == {"finite_share"}


# ---- what is said -------------------------------------------------------------------------------


def test_a_name_warns_once_a_run(caplog):
    monitor, healthy = Monitor(), {"apd_ratio": Healthy("too alike", low=0.6)}
    with caplog.at_level(logging.WARNING):
        monitor.warn({"apd_ratio": 0.7, "other": 0.0}, healthy)
        assert not caplog.messages
        monitor.warn({"apd_ratio": 0.1234}, healthy)
        monitor.warn({"apd_ratio": 0.1}, healthy)
        resumed = Monitor()
        resumed.load_state_dict(monitor.state_dict())
        resumed.warn({"apd_ratio": 0.1}, healthy)
    assert caplog.messages == ["monitor/apd_ratio is 0.123, healthy is at least 0.6: too alike"]


def test_no_number_is_no_healthy_value():
    assert float("nan") not in Healthy("", low=0.0)


# ---- in a training ------------------------------------------------------------------------------

SMALL = functools.partial(CNN, width=8, layers=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("monitoring") / "store"
    write_synthetic(path, num_subjects=6, repetitions=1)
    return path


def trained(store, out, model, steps, epoch_steps):
    """Trains; returns the figures of the last validation."""
    data = MotionData(store, batch_size=8, epoch_steps=epoch_steps, frames=20, fps=6.0)
    data.setup("fit")
    trainer = make_trainer(out, max_steps=steps, enable_progress_bar=False)
    assert fit(model(data.spec), data, trainer, out) == 0
    logged = {name: float(value) for name, value in trainer.logged_metrics.items()}
    return {name.removeprefix("monitor/"): v for name, v in logged.items() if "monitor/" in name}


@pytest.mark.parametrize("family", [VAE, LatentFlow])
def test_every_validation_is_measured_with_one_set_of_samples(
    store, tmp_path, monkeypatch, caplog, family
):
    drawn = []
    sample = family.sample

    def counted(self, n, **options):
        drawn.append(n)
        return sample(self, n, **options)

    monkeypatch.setattr(family, "sample", counted)
    model = functools.partial(family, encoder=SMALL, latent=4, condition=8)
    found = trained(store, tmp_path, model, steps=4, epoch_steps=2)
    assert drawn == [16 * DRAWS] * 2
    assert {"apd_ratio", "coverage", "held_coverage_real", "copy_share", "active_units"} <= (
        found.keys()
    )
    if family is LatentFlow:
        assert found["inverse_error"] < 1e-2
    # nothing is said before the learning rate has risen
    assert not [text for text in caplog.messages if "monitor/" in text]


def test_a_posterior_that_collapses_is_named(store, tmp_path, caplog):
    model = functools.partial(
        VAE, encoder=SMALL, latent=4, condition=8, kl_weight=400.0, warm_up=0.0
    )
    found = trained(store, tmp_path, model, steps=110, epoch_steps=110)
    assert found["active_units"] < 2
    said = [text for text in caplog.messages if "monitor/active_units" in text]
    assert len(said) == 1 and "healthy is at least 2: the decoder ignores its latent" in said[0]
