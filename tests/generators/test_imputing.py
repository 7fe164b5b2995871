"""Where joints were that nobody saw: a VAE's expectation, and the path about it."""

import dataclasses

import pytest
import torch

from motiongen.data import synthetic
from motiongen.data.module import MotionData
from motiongen.data.store import write_store
from motiongen.fitting import fit, make_trainer
from motiongen.generators import Flow, FlowMatching
from motiongen.generators.base import Generator
from motiongen.generators.imputing import Imputer, learn_imputer, missing
from motiongen.motion import MotionBatch, collate
from motiongen.noise import Compose, Dropout, Estimator, noisy_view

CLASSES = ["walk", "wave", "squat"]
HIDDEN = Compose((Estimator(3), Dropout(0.2)))


@pytest.fixture(scope="module")
def truth():
    return synthetic.synthesise(8, 3, classes=CLASSES, seed=4)


@pytest.fixture(scope="module")
def noisy(truth, tmp_path_factory) -> MotionData:
    path = tmp_path_factory.mktemp("noisy") / "store"
    clips = [noisy_view(clip, HIDDEN, 0, row) for row, clip in enumerate(truth)]
    write_store(path, clips, classes=CLASSES)
    data = MotionData(path, variation=None)
    data.setup("fit")
    return data


@pytest.fixture(scope="module")
def imputer(noisy) -> Imputer:
    return learn_imputer(noisy, 150, 0, noise_level=None, progress=False)


def clean_of(data: MotionData, truth) -> torch.Tensor:
    """The truth of the train split, which begins where the noisy clips do."""
    known = {clip.id: clip for clip in truth}
    return collate([known[clip.id] for clip in data.train], data.spec.frames).joints


def plain_paths(data: MotionData, clips: MotionBatch) -> torch.Tensor:
    model = Flow(data.spec)
    Generator.fit_statistics(model, data.train_clips())
    return model.standardizer(model.find_path(clips))


def test_share_of_missing_joints_leaves_out_frames_and_joints_that_no_clip_has():
    confidence = torch.zeros(2, 4, 3)
    confidence[:, :2, :2] = 1
    clips = MotionBatch(
        joints=torch.zeros(2, 4, 3, 3),
        confidence=confidence,
        length=torch.tensor([2, 4]),
        label=torch.tensor([-1, -1]),
    )
    # 2 + 4 frames of two joints, of which 4 frames are seen
    assert missing(clips) == pytest.approx(1 - 8 / 12)


def test_paths_in_gaps_are_nearer_to_the_truth_than_those_of_the_smoother(noisy, imputer, truth):
    clips = noisy.train_clips()
    plain = plain_paths(noisy, clips)
    found = imputer.paths(clips)
    clean = imputer.autoencoder.standardizer(clean_of(noisy, truth))
    shown = clips.mask.any(1, keepdim=True) & clips.frame_mask[..., None]

    def error(paths: torch.Tensor, where: torch.Tensor) -> float:
        # clips begin where their noisy joints have them, so each is off by a shift
        away = torch.where(shown[..., None], paths - clean, 0.0)
        shift = away.sum((1, 2), keepdim=True) / shown.sum((1, 2), keepdim=True)[..., None]
        away = away - shift
        return float(away[where].square().mean().sqrt())

    gaps, seen = shown & ~clips.mask, shown & clips.mask
    assert error(found, gaps) < 0.9 * error(plain, gaps)
    assert error(found, seen) < 1.05 * error(plain, seen)


def test_a_joint_that_a_clip_never_shows_is_left_out(noisy, imputer):
    clips = noisy.train_clips().select(slice(0, 2))
    confidence = clips.confidence.clone()
    confidence[0, :, 5] = 0
    clips = clips.replace(confidence=confidence)
    paths = imputer.paths(clips)
    assert (paths[0, :, 5] == 0).all() and (paths[1, :, 5] != 0).any()


def test_the_first_window_of_a_longer_clip_is_expected_as_a_clip_of_its_own(noisy, imputer):
    clips = noisy.train_clips().select(slice(0, 1))
    frames = clips.joints.shape[1]
    # the same again, in which nothing is seen
    long = MotionBatch(
        joints=torch.cat([clips.joints, torch.zeros_like(clips.joints)], 1),
        confidence=torch.cat([clips.confidence, torch.zeros_like(clips.confidence)], 1),
        length=torch.tensor([2 * frames]),
        label=clips.label,
    )
    start = clips.replace(length=torch.tensor([frames]), target=None)
    own = imputer.paths(start)
    found = imputer.paths(long)
    assert found.shape[1] == 2 * frames and found.isfinite().all()
    quarter = slice(0, frames // 4)
    assert (found[:, quarter] - own[:, quarter]).abs().mean() < 0.05


def test_the_same_seed_expects_the_same_and_another_one_other_places(noisy, imputer):
    clips = noisy.train_clips().select(slice(0, 2))
    few = [learn_imputer(noisy, 3, seed, noise_level=None, progress=False) for seed in (0, 0, 1)]
    first, again, other = (each.paths(clips) for each in few)
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(("family", "uses"), [(Flow, True), (FlowMatching, False)])
def test_a_flow_learns_from_imputed_clips_and_leaves_nothing_behind(
    noisy, tmp_path, family, uses, monkeypatch
):
    asked = []
    paths = Imputer.paths
    monkeypatch.setattr(Imputer, "paths", lambda *args: asked.append(1) or paths(*args))
    data = MotionData(noisy.store.path, epoch_steps=2)
    model = family(data.spec)
    trainer = make_trainer(tmp_path, max_steps=2, enable_progress_bar=False)
    assert fit(model, data, trainer, tmp_path) == 0
    assert bool(asked) is uses and model.imputer is None


def test_clips_without_gaps_need_no_imputer(truth, tmp_path):
    write_store(tmp_path / "clean", truth, classes=CLASSES)
    data = MotionData(tmp_path / "clean")
    data.setup("fit")
    model = Flow(data.spec)
    model.before_statistics(data)
    assert model.imputer is None


def test_clean_about_follows_what_was_seen_and_the_expectation_far_from_it(noisy, imputer):
    auto = imputer.autoencoder
    exists = torch.ones(1, 40, dtype=torch.bool)
    joints = torch.zeros(1, 40, auto.skeleton.num_joints, 3)
    mask = torch.zeros(joints.shape[:3], dtype=torch.bool)
    mask[:, :10] = True
    # seen 0.2 beside where it is expected
    expected = joints + 0.2
    tempo = dataclasses.replace(
        imputer.departure, size=torch.full_like(auto.observation.level, 0.1)
    )
    path = auto.observation.clean_about(expected, tempo, joints, mask, exists)
    assert path[:, :5].abs().mean() < 0.05
    assert (path[:, -5:] - 0.2).abs().mean() < 0.03
