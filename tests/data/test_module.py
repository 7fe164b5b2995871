"""Batches: which clips, whose, in which order, through which window and noise."""

import functools
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from motiongen import layouts, transforms
from motiongen.data import embedded, module, synthetic
from motiongen.data.clips import as_batch, conform, fit_length, load_clips
from motiongen.data.embedded import embedded_store, write_synthetic
from motiongen.data.module import Epoch, MotionData
from motiongen.data.store import Store, write_store
from motiongen.data.variation import Variation
from motiongen.motion import Motion, MotionSpec
from motiongen.noise import Dropout, Jitter

CLASSES = ("wave", "kick", "squat")
SPEC = MotionSpec("kinect20", 3, frames=16, fps=10.0, classes=CLASSES)


def people(count=5, repetitions=1):
    return synthetic.synthesise(count, repetitions, classes=CLASSES)


def write(path, motions=None, spec=SPEC):
    motions = people() if motions is None else motions
    classes = CLASSES if spec is None else spec.classes
    return write_store(path, motions, classes=classes, spec=spec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "store"
    write(path)
    return path


def ready(folder, **options):
    plain = {"batch_size": 4, "validation": 0.2, "variation": None}
    data = MotionData(folder, **{**plain, **options})
    data.setup("fit")
    return data


def assert_equal(found, expected):
    for name in found.__dataclass_fields__:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None and other is None) or torch.equal(one, other), name


NOISES = pytest.mark.parametrize("noise", [None, Jitter(0.02)], ids=["clean", "noisy"])
#: with and without windows: the clips have 20 to 30 frames
FRAMES = pytest.mark.parametrize("frames", [12, 64])


@NOISES
@FRAMES
@pytest.mark.parametrize("variation", [None, Variation()], ids=["as_is", "varied"])
def test_a_batch_is_a_function_of_seed_and_step(folder, noise, frames, variation):
    options = {"noise": noise, "frames": frames, "variation": variation}
    forward, backward = (ready(folder, **options) for _ in range(2))
    expected = [forward.batch(step) for step in range(8)]
    for step in reversed(range(8)):
        torch.rand(3)
        assert_equal(backward.batch(step), expected[step])
    other = ready(folder, **options, seed=1)
    assert any(not torch.equal(other.batch(s).index, expected[s].index) for s in range(8))


@NOISES
@pytest.mark.parametrize("size", [1, 5, 50])
def test_every_clip_comes_once_before_any_comes_twice(folder, noise, size):
    data = ready(folder, noise=noise, batch_size=size)
    count = len(data.train)
    steps = 4 * count // min(size, count)
    order = [int(i) for step in range(steps) for i in data.batch(step).index]
    turns = [order[at : at + count] for at in range(0, len(order) - count + 1, count)]
    assert len(turns) >= 3
    for turn in turns:
        assert sorted(turn) == list(range(count))
    assert len({tuple(turn) for turn in turns}) > 1


@FRAMES
def test_index_and_label_belong_to_the_clip(folder, frames):
    data = ready(folder, frames=frames)
    batch = data.batch(3)
    assert batch.joints.shape == (4, frames, 20, 3)
    for row, number in enumerate(batch.index.tolist()):
        clip = data.train[number]
        assert batch.label[row] == clip.label
        assert batch.length[row] == min(clip.num_frames, frames)
        if frames == 64:
            assert torch.equal(batch.joints[row, : clip.num_frames], clip.joints)


def views(data, number, turns=6):
    """How a clip looks in each turn: its batches' rows."""
    found = []
    for step in range(turns * len(data.train)):
        batch = data.batch(step)
        found += [batch.joints[row] for row in (batch.index == number).nonzero()[:, 0].tolist()]
    return found


def test_window_and_noise_change_with_seed_turn_and_clip(folder):
    for options in ({"frames": 10}, {"noise": Jitter(0.02), "frames": 64}):
        data = ready(folder, **options, batch_size=1)
        seen = views(data, 2)
        assert len(seen) == 6
        assert len({tuple(view.flatten().tolist()) for view in seen}) > 3
        again = views(ready(folder, **options, batch_size=1), 2)
        assert all(torch.equal(a, b) for a, b in zip(seen, again, strict=True))
        other = views(ready(folder, **options, batch_size=1, subjects=["1", "2", "3"], seed=7), 2)
        assert not all(torch.equal(a, b) for a, b in zip(seen, other, strict=False))


def test_noise_differs_between_clips_of_one_turn(folder):
    data = ready(folder, noise=Jitter(0.02), frames=64, batch_size=4)
    batch = data.batch(0)
    shared = int(batch.length.min())
    error = (batch.joints - batch.target)[:, :shared]
    assert not torch.allclose(error[0], error[1], atol=1e-4)


def test_noise_does_not_depend_on_the_batch_size(folder):
    small, large = (ready(folder, noise=Jitter(0.02), batch_size=size) for size in (3, 12))
    whole = large.batch(0)
    for step in range(4):
        part = small.batch(step)
        assert_equal(part, whole.select(slice(3 * step, 3 * step + 3)))


def test_noise_keeps_the_clean_joints_as_target(folder):
    clean, noisy = ready(folder, frames=64), ready(folder, noise=Dropout(0.3), frames=64)
    assert clean.batch(0).target is None
    batch = noisy.batch(0)
    for row, number in enumerate(batch.index.tolist()):
        clip = clean.train[number]
        assert torch.equal(batch.target[row, : clip.num_frames], clip.joints)
    hidden = 1 - float(batch.mask[batch.frame_mask].float().mean())
    assert hidden == pytest.approx(0.3, abs=0.05)


def test_a_window_starts_at_the_origin(folder):
    batch = ready(folder, frames=10, batch_size=12).batch(0)
    start = batch.joints[:, :5, list(layouts.get("kinect20").anchor)].mean(2)
    assert float(start.median(1).values.abs().max()) < 1e-5


def test_variation_changes_with_each_batch_and_not_what_is_held_back(folder):
    plain, varied = ready(folder), ready(folder, variation=Variation(), batch_size=4)
    for step in (0, 3):
        found, expected = varied.batch(step), plain.batch(step)
        assert torch.equal(found.index, expected.index)
        assert torch.equal(found.confidence, expected.confidence)
        assert not torch.allclose(found.joints, expected.joints, atol=1e-3)
    held = zip(varied.val_dataloader(), plain.val_dataloader(), strict=True)
    for found, expected in held:
        assert_equal(found, expected)
    assert_equal(varied.train_clips(), plain.train_clips())


def test_fit_length():
    clip = conform(people(1)[0], SPEC)
    for share, first in ((0.0, 0), (1.0, clip.num_frames - 8), (0.5, (clip.num_frames - 8) / 2)):
        cut = fit_length(clip, 8, share)
        expected = transforms.centre(transforms.crop(clip, round(first), 8))
        assert torch.equal(cut.joints, expected.joints)
    assert fit_length(clip, clip.num_frames) is clip


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_on_both_sides(folder, seed):
    data = ready(folder, seed=seed)
    train, held = ({clip.subject for clip in side} for side in (data.train, data.held))
    assert train and held and not train & held
    assert train | held == {"1", "2", "3", "4", "5"}
    assert data.provenance()["validation_subjects"] == sorted(held)


def test_validation_batches_are_the_held_clips(folder):
    data = ready(folder, batch_size=1, noise=Jitter(0.5), validation=0.4)
    batches = list(data.val_dataloader())
    assert len(batches) == len(data.val_dataloader()) == 2
    for batch, again in zip(batches, data.val_dataloader(), strict=True):
        assert_equal(batch, again)
    expected = as_batch(data.held, data.spec)
    assert torch.equal(torch.cat([batch.joints for batch in batches]), expected.joints)
    assert torch.equal(torch.cat([batch.label for batch in batches]), expected.label)


def test_an_epoch_goes_on_where_the_last_one_ended(folder):
    data = ready(folder, epoch_steps=3)
    for epoch in range(3):
        loop = SimpleNamespace(total_batch_idx=3 * epoch - 1)
        data.trainer = SimpleNamespace(fit_loop=loop, global_rank=0, world_size=1)
        loader = data.train_dataloader()
        assert isinstance(loader, Epoch) and len(loader) == 3
        for step, batch in enumerate(loader):
            assert_equal(batch, data.batch(3 * epoch + step))


def test_train_clips_are_all_clips_once(folder):
    data = ready(folder, noise=Dropout(0.1))
    clips = data.train_clips()
    assert len(clips) == len(data.train)
    assert clips.label.tolist() == [clip.label for clip in data.train]
    assert_equal(clips, data.train_clips())


def test_setup_twice_changes_nothing(folder):
    data = ready(folder)
    before = data.train
    data.setup("validate")
    assert data.train is before


def test_classes_are_chosen_and_renumbered(folder):
    data = ready(folder, classes=["squat", "wave"])
    assert data.spec.classes == ("squat", "wave")
    names = {clip.id.partition("-")[0]: clip.label for clip in data.train}
    assert names == {"squat": 0, "wave": 1}
    assert data.provenance()["class_counts"] == [5, 5]


def test_subjects_are_chosen(folder):
    data = ready(folder, subjects=["2", "4"])
    assert {clip.subject for clip in data.train + data.held} == {"2", "4"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subjects": ["2", "9"]}, r"subject \['9'\] unknown; known: 1, 2, 3, 4, 5"),
        ({"classes": ["wave", "fly"]}, r"class \['fly'\] unknown; known: kick, squat, wave"),
        ({"validation": -0.1}, "data.validation: found -0.1, allowed 0 to below 1"),
        ({"validation": 1.0}, "data.validation: found 1.0"),
        ({"batch_size": 0}, "data.batch_size: found 0, allowed 1 or more"),
        ({"batch_size": -1}, "data.batch_size: found -1, allowed 1 or more"),
        ({"epoch_steps": 0}, "data.epoch_steps: found 0, allowed 1 or more"),
        ({"epoch_steps": -1}, "data.epoch_steps: found -1, allowed 1 or more"),
        ({"fps": -1.0}, "spec.fps: found -1.0, must be above 0"),
        ({"layout": "octopus"}, "octopus.*known"),
    ],
)
def test_wrong_settings_are_refused(folder, options, words):
    with pytest.raises(ValueError, match=words):
        ready(folder, **options)


def test_a_class_without_clips_is_named(tmp_path):
    # only person 3 kicks, and with one clip of 9 is held back
    clips = [c for c in people() if (c.label == 1) == (c.subject == "3")]
    write(tmp_path / "store", clips)
    with pytest.raises(ValueError) as caught:
        ready(tmp_path / "store", validation=0.1)
    assert "no clips to train on for class 'kick' after 1 clips were held" in str(caught.value)
    assert "--data.classes '['wave', 'squat']'" in str(caught.value)


def test_several_layouts_rates_and_targets_conform(tmp_path):
    clips = people(4)
    clips[1] = transforms.relayout(clips[1], "kinect25")
    clips[2] = transforms.resample(transforms.relayout(clips[2], "smpl24"), 15.0)
    clips[3] = clips[3].replace(fps=None)
    write(tmp_path / "store", clips)
    store = Store.open(tmp_path / "store")
    found = load_clips(store, SPEC)
    assert {clip.layout for clip in found} == {"kinect20"}
    assert all(clip.joints.shape[1:] == (20, 3) for clip in found)
    rates = [clip.fps for clip in found]
    assert rates[3] is None and {*rates[:3], *rates[4:]} == {10.0}
    seconds = [(c.num_frames - 1) / (c.fps or 20.0) for c in found]
    for clip, duration in zip(clips, seconds, strict=True):
        assert duration == pytest.approx((clip.num_frames - 1) / (clip.fps or 20.0), abs=0.11)
    # the wrist is where it was, up to the shift of the body
    wrist = layouts.get("kinect20").index("left_wrist")
    hip = layouts.get("kinect20").index("pelvis")
    straight = conform(people(4)[1], SPEC)
    for mine, theirs in ((found[1], straight),):
        arm = (mine.joints[:, wrist] - mine.joints[:, hip]).norm(dim=-1)
        other = (theirs.joints[:, wrist] - theirs.joints[:, hip]).norm(dim=-1)
        torch.testing.assert_close(arm, other, atol=0.15, rtol=0)
    data = ready(tmp_path / "store")
    assert data.batch(0).joints.shape == (4, 16, 20, 3)


def test_two_dimensions(tmp_path):
    flat = [
        c.replace(joints=100 * c.joints[..., :2], unit="px", layout="kinect20") for c in people()
    ]
    spec = MotionSpec("coco17", 2, 16, 10.0, CLASSES, unit="px")
    write(tmp_path / "store", flat, spec)
    batch = ready(tmp_path / "store").batch(0)
    assert batch.joints.shape == (4, 16, 17, 2)
    nose = layouts.get("coco17").index("nose")
    assert not batch.mask[:, :, nose].any() and batch.mask.any()


@pytest.mark.parametrize(
    ("changes", "spec", "words"),
    [
        ({"unit": "px"}, SPEC, "clip file.txt: is in 'px', the spec in 'm'"),
        ({}, MotionSpec("kinect20", 2, 16, 10.0), "has 3 coordinates a joint, the spec 2"),
        ({"frames": 1}, SPEC, r"clip file.txt: has 1 frame\(s\) at 10.0 frames/s"),
        ({"frames": 2}, SPEC, r"has 1 frame\(s\) at 10.0"),
        ({"unseen": True}, SPEC, "clip file.txt: no joint seen in any of its"),
        ({"layout": "coco17"}, SPEC, r"clip file.txt: found 20 joints; layout 'coco17' has 17"),
    ],
)
def test_clips_that_do_not_conform_are_named(changes, spec, words):
    clip = people(1)[0].replace(source="file.txt")
    frames = changes.get("frames", 12)
    confidence = torch.zeros(frames, 20) if "unseen" in changes else torch.ones(frames, 20)
    changes = {name: changes[name] for name in ("unit", "layout") if name in changes}
    clip = clip.replace(joints=clip.joints[:frames], confidence=confidence, **changes)
    with pytest.raises(ValueError, match=words):
        conform(clip, spec)


def test_conformed_clips_begin_at_the_origin():
    for clip in people(2):
        moved = conform(clip.replace(joints=clip.joints + 7), SPEC)
        torch.testing.assert_close(moved.joints, conform(clip, SPEC).joints, atol=1e-5, rtol=0)


def test_the_embedded_data_set_is_made_once_and_trains(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    few = functools.partial(write_synthetic, num_subjects=4, repetitions=1)
    monkeypatch.setattr(embedded, "write_synthetic", few)
    data = MotionData(fps=10.0, frames=24)
    data.setup("fit")
    (store,) = (tmp_path / "motiongen").iterdir()
    written = store.stat().st_mtime_ns
    assert embedded_store().path == store and store.stat().st_mtime_ns == written
    assert data.spec.classes == synthetic.class_names()
    batch = data.batch(0)
    assert batch.target is not None and 0.8 < float(batch.mask[batch.frame_mask].float().mean())
    counts = Counter(clip.label for clip in data.train)
    assert len(set(counts.values())) == 1


def test_synthetic_stores_are_repeatable(tmp_path):
    first, again = (
        write_synthetic(tmp_path / name, num_subjects=1, repetitions=1, severity=1)
        for name in ("a", "b")
    )
    assert first.manifest["files"] == again.manifest["files"]
    other = write_synthetic(tmp_path / "c", num_subjects=1, repetitions=1, severity=1, seed=1)
    assert other.manifest["files"] != first.manifest["files"]
    assert isinstance(first[0], Motion) and first[0].target is not None


def test_without_validation_everybody_is_learned_from(folder):
    data = ready(folder, validation=0.0)
    assert len(data.train) == len(data.held) == data.provenance()["clips"]
    assert data.provenance()["validation_subjects"] == []
    assert sum(data.provenance()["class_counts"]) == len(data.train)


@pytest.mark.parametrize(("longest", "whole"), [(512, True), (0, False)])
def test_paths_are_those_of_the_views(folder, monkeypatch, longest, whole):
    monkeypatch.setattr(module, "LONGEST_PATH", longest)
    data = ready(folder, variation=None)
    # some clips fit, some are cut to a window that is another one each turn
    data.spec = replace(data.spec, frames=sorted(m.num_frames for m in data.train)[3])
    calls = []

    def find_path(clips):
        calls.append(clips.joints.shape[1])
        return torch.where(clips.mask[..., None], clips.joints + 1.0, 0.0)

    data.find_path = find_path
    steps = (0, 1, 5, 0)
    for step in steps:
        batch = data.batch(step)
        seen = batch.mask
        torch.testing.assert_close(batch.path[seen], batch.joints[seen] + 1.0)
    asked = len(steps) * len(batch)
    assert len(calls) == (len({*data._whole_paths}) if whole else asked)
    assert len(calls) < asked or not whole


def test_another_model_finds_its_own_paths(folder):
    data = ready(folder)
    for shift in (1.0, 2.0):
        data.find_path = lambda clips, shift=shift: clips.joints + shift
        batch = data.batch(0)
        plain = batch.path - batch.joints
        assert float(plain[batch.mask].abs().mean()) > 0.5 * shift
