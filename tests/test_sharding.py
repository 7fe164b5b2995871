"""A set of shards: the same samples however it is cut, killed, resumed, damaged or drawn."""

import functools
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen import checkpoint, formats, sampling, scoring, sharding
from motiongen.cli import main
from motiongen.data import disk, shards, synthetic
from motiongen.data.lock import held
from motiongen.data.shards import SHARDS
from motiongen.data.store import Store, StoreError, verify, write_store
from motiongen.encoders import CNN
from motiongen.generators import VAE, SampleOptions
from motiongen.sampling import Wanted
from motiongen.sharding import Plan, cluster, write_set, writing
from motiongen.sharding.writing import LOCK
from motiongen.testing.examples import example_clips, example_spec

CLIPS = 20
#: how a message names what is damaged
NAMED = r"shards\.jsonl: |shards are damaged: shard-00000\d/|copy: holds"
#: three shards, the last of which is short
PLAN = Plan(Wanted(CLIPS, in_turn=3), shard_size=8, seed=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The checkpoint of a tiny model that knows units, labels and lengths."""
    torch.manual_seed(0)
    spec = example_spec()
    made = VAE(spec, functools.partial(CNN, width=8, layers=1), latent=3, condition=6)
    made.fit_statistics(example_clips(spec))
    content = {"state_dict": made.state_dict()}
    made.on_save_checkpoint(content)
    file = tmp_path_factory.mktemp("run") / checkpoint.BEST
    checkpoint.write(file, content)
    return file


@pytest.fixture(scope="module")
def model(run):
    return checkpoint.load(run)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """A set that was written at once."""
    out = tmp_path_factory.mktemp("whole") / "set"
    write_set(model, PLAN, out)
    return out


def contents(folder):
    """The bytes of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def copy(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def bits(motion):
    return (motion.id, motion.label, motion.joints.numpy().tobytes(), motion.fps)


# ---- which clips --------------------------------------------------------------------------------


@pytest.mark.parametrize("shard_size", [1, 7, CLIPS, 100])
def test_a_sample_is_the_same_in_shards_of_any_size(model, tmp_path, shard_size):
    plan = Plan(Wanted(CLIPS), shard_size=shard_size, seed=5)
    write_set(model, plan, tmp_path / "set")
    plain = sampling.draw(model, n=CLIPS, seed=5)
    opened = Store.open(tmp_path / "set")
    assert [bits(clip) for clip in opened] == [bits(clip) for clip in plain]


def test_what_is_drawn_follows_the_plan(model, tmp_path):
    options = SampleOptions(temperature=0.5, observed=0.5)
    wanted = Wanted(5, counts=(0, 2, 3))
    plan = Plan(wanted, 2, seed=1, length=9, frames=20, options=options)
    write_set(model, plan, tmp_path / "set")
    plain = sampling.draw(
        model, labels=[1, 1, 2, 2, 2], length=9, seed=1, options=options, frames=20
    )
    assert [bits(clip) for clip in Store.open(tmp_path / "set")] == [bits(clip) for clip in plain]


def test_labels_in_any_stretch():
    for wanted in (Wanted(10, counts=(3, 0, 7)), Wanted(10, in_turn=4), Wanted(10)):
        labels = wanted.labels()
        parts = [wanted.labels(first, 3) for first in range(0, 10, 3)]
        assert (None if labels is None else sum(parts, [])) == labels
    assert Wanted(10, counts=(3, 0, 7)).labels() == [0] * 3 + [2] * 7
    assert Wanted(5, in_turn=2).labels() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"balanced": True, "n": 7}, [3, 2, 2]),
        ({"balanced": True, "n": 2}, [1, 1, 0]),
        ({"counts": ["kick=3", "wave=1"]}, [1, 3, 0]),
        ({"label": "squat", "n": 4}, [0, 0, 4]),
        ({"counts_like": "train"}, None),
    ],
)
def test_counts_of_each_class(model, wishes, expected):
    labels = sampling.wanted(model, **wishes).labels()
    counts = [labels.count(i) for i in range(3)]
    assert counts == (expected or sampling.given_counts(model))


def test_names_of_classes_may_hold_spaces_and_equals_signs():
    assert sampling.class_counts(["high throw", "a=b"], ["a=b=2", "high throw=20"]) == [20, 2]


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"counts": ["fly=3"]}, "--counts: 'fly' is unknown; known: wave, kick, squat"),
        ({"counts": ["wave"]}, "--counts: found 'wave', expected CLASS=N"),
        ({"counts": ["wave=0"]}, "--counts: found 'wave=0'"),
        ({"counts": ["wave=-1"]}, "--counts: found 'wave=-1'"),
        ({"counts": ["wave=1", "wave=2"]}, "'wave' is given twice"),
        ({"counts": ["wave=1"], "n": 3}, "--counts sets the number of each class"),
        ({"counts": ["wave=1"], "balanced": True}, "only one of them"),
        ({"counts": ["wave=1"], "counts_like": "train"}, "only one of them"),
        ({"balanced": True, "counts_like": "train"}, "only one of them"),
        ({"balanced": True, "label": "wave"}, "leave --label"),
    ],
)
def test_wishes_that_cannot_be_met(model, wishes, words):
    with pytest.raises(ValueError, match=words):
        sampling.wanted(model, **wishes)


# ---- reading it back ----------------------------------------------------------------------------


def test_a_set_reads_like_one_store(whole, model, tmp_path):
    opened = Store.open(whole)
    motions = sampling.draw(model, labels=PLAN.wanted.labels(), seed=5)
    plain = write_store(tmp_path / "plain", motions, classes=model.spec.classes, spec=model.spec)
    assert isinstance(opened, Store)
    assert len(opened) == len(plain) == CLIPS
    for name in ("classes", "spec", "dropped"):
        assert getattr(opened, name) == getattr(plain, name)
    told = [(r.id, r.label, r.subject, r.frames, r.fps) for r in opened.records]
    assert told == [(r.id, r.label, r.subject, r.frames, r.fps) for r in plain.records]
    assert bits(opened[-1]) == bits(plain[CLIPS - 1])
    assert opened.manifest["origin"]["recipe"] == model.recipe
    assert opened.manifest["fps_assumed"] is False
    assert opened.num_bytes == sum(len(v) for k, v in contents(whole).items() if k != SHARDS)
    opened.verify()
    with pytest.raises(IndexError):
        opened[CLIPS]
    remade = opened.__reduce__()
    assert len(remade[0](*remade[1])) == CLIPS


def test_commands_take_a_set_for_a_store(run, whole, tmp_path, monkeypatch, capsys):
    quick = functools.partial(scoring.fit_extractor, steps=5)
    monkeypatch.setattr(scoring, "fit_extractor", quick)
    classes = example_spec().classes
    people = synthetic.synthesise(6, 2, classes=classes)
    real = write_store(tmp_path / "real", people, classes=classes).path
    words = ["evaluate", str(whole), "--real", str(real), "--out", str(tmp_path / "report")]
    assert main([*words, "--train", "1", "2", "3", "4", "--extractors", "CNN", "--no-cache"]) == 0
    assert main(["view", str(real), str(whole), "--out", str(tmp_path / "v.html")]) == 0
    assert main(["info", str(whole), "--json", "--verify"]) == 0
    assert f'"clips": {CLIPS}' in capsys.readouterr().out
    words = ["fit", "--data.store", str(whole), "--out", str(tmp_path / "fit")]
    small = ["--trainer.max_steps", "2", "--data.epoch_steps", "2", "--data.batch_size", "4"]
    assert main([*words, *small, "--model.encoder.width", "8"]) == 0
    clip = Store.open(whole).records[9].id
    words = ["sample", str(run), "--like", str(whole), "--clip", clip, "--n", "2"]
    assert main([*words, "--out", str(tmp_path / "like")]) == 0


def test_few_shards_are_open_at_a_time(model, tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.data.store.OPEN_SHARDS", 2)
    write_set(model, Plan(Wanted(12), shard_size=2), tmp_path / "set")
    opened = Store.open(tmp_path / "set")
    files = f"/proc/{os.getpid()}/maps"
    for number in (0, 11, 5, 3, 8, 1):
        assert opened[number].id == f"seed0-{number:06d}"
        if os.path.exists(files):
            assert Path(files).read_text().count(f"{tmp_path}/set/shard") <= 2 * 2


def test_an_unfinished_set_is_none(copy):
    lines = (copy / SHARDS).read_bytes().splitlines(keepends=True)
    for kept, told in ((0, "0 of unknown"), (1, "0 of 3"), (3, "2 of 3"), (4, "3 of 3")):
        (copy / SHARDS).write_bytes(b"".join(lines[:kept]))
        with pytest.raises(StoreError, match=f"unfinished: {told} shards"):
            Store.open(copy)


def test_shards_hold_the_bytes_that_clip_by_clip_would_be_written(model, whole, tmp_path):
    motions = sampling.draw(model, labels=PLAN.wanted.labels(), seed=5)
    sampling.write(motions[8:16], tmp_path / "plain", model, overwrite=False)
    assert contents(tmp_path / "plain") == contents(whole / "shard-000001")


# ---- damage -------------------------------------------------------------------------------------


def test_every_damaged_shard_is_named(copy, capsys):
    verify(copy)
    for file in ("shard-000000/joints.npy", "shard-000002/clips.csv"):
        damaged = bytearray((copy / file).read_bytes())
        damaged[-3] ^= 1
        (copy / file).write_bytes(damaged)
    assert main(["info", str(copy), "--verify"]) == 2
    said = capsys.readouterr().err
    assert "2 of 3 shards are damaged" in said
    assert "shard-000000/joints.npy" in said and "shard-000002/clips.csv" in said
    assert "shard-000001" not in said


def test_a_flipped_bit_anywhere_is_found(copy):
    rng = np.random.default_rng(0)
    for name, data in contents(copy).items():
        for place in rng.choice(len(data), 12, replace=False):
            damaged = bytearray(data)
            damaged[place] ^= 1 << int(rng.integers(8))
            (copy / name).write_bytes(damaged)
            with pytest.raises(StoreError, match=NAMED):
                verify(copy)
        (copy / name).write_bytes(data)
    verify(copy)


def test_a_cut_or_missing_shard_is_found_when_opened(copy):
    for name, data in contents(copy).items():
        for kept in (0, len(data) - 1, None):
            if kept is None:
                (copy / name).unlink()
            else:
                (copy / name).write_bytes(data[:kept])
            with pytest.raises(
                StoreError, match=NAMED if kept is not None else "is no store|missing"
            ):
                Store.open(copy)
        (copy / name).write_bytes(data)
    Store.open(copy)


@pytest.mark.parametrize(
    ("line", "old", "new", "words"),
    [
        (0, '"shards": 1', '"shards": 2', "version of the set is 2"),
        (0, '"clips": 20', '"clips": "x"', "clips is 'x', no int"),
        (0, '"shard_size": 8', '"shard_size": 0', "at least 1"),
        (0, "{", "[", "line 1 is no JSON"),
        (1, '"first": 0', '"first": 8', "line 2 is"),
        (1, "shard-000000/joints.npy", "../../joints.npy", "allowed"),
        (2, '"bytes": ', '"bytes": -', "shards are damaged|content differs"),
        (2, '"bytes": ', '"size": ', "a file of shard-000001"),
        (4, '"complete": 20', '"complete": 21', "content differs"),
    ],
)
def test_a_manifest_that_was_edited(copy, line, old, new, words):
    lines = (copy / SHARDS).read_text().splitlines(keepends=True)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    (copy / SHARDS).write_text("".join(lines))
    with pytest.raises(StoreError, match=words):
        Store.open(copy)


def test_shards_of_another_set_are_refused(whole, model, copy, tmp_path):
    write_set(model, Plan(Wanted(CLIPS), shard_size=8), tmp_path / "other")
    shutil.rmtree(copy / "shard-000001")
    shutil.copytree(tmp_path / "other" / "shard-000001", copy / "shard-000001")
    with pytest.raises(StoreError, match="shard-000001"):
        verify(copy)


# ---- ended anywhere -----------------------------------------------------------------------------

# A server that has imported everything forks each writer: a fresh interpreter takes seconds.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["motiongen.sharding"])
#: what a writer asks of the operating system to change what is on disk
CALLS = ("fsync", "replace", "write", "truncate", "mkdir", "unlink", "rename", "rmdir")
WRITER = """
import os, signal
from pathlib import Path
from motiongen import checkpoint, sharding
from motiongen.sampling import Wanted
model, made = checkpoint.load(Path(run)), 0
def counted(call):
    def changed(*given, **options):
        global made
        made += 1
        if made == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **options)
    return changed
for name in calls:
    setattr(os, name, counted(getattr(os, name)))
plan = sharding.Plan(Wanted(clips, in_turn=3), shard_size=8, seed=5)
sharding.write_set(model, plan, Path(out))
(Path(out).parent / "made").write_text(str(made))
"""


def write_elsewhere(run, out, last):
    """Exit code of a writer that kills itself at its change number `last`; 0: never."""
    names = {"run": str(run), "out": str(out), "last": last, "calls": CALLS, "clips": CLIPS}
    process = SERVER.Process(target=exec, args=(WRITER, names), daemon=True)
    process.start()
    process.join(120)
    return process.exitcode


def changes(run, tmp_path):
    """How many changes a whole run makes."""
    assert write_elsewhere(run, tmp_path / "counted", 0) == 0
    return int((tmp_path / "made").read_text())


@pytest.mark.parametrize("share", [0.05, 0.4, 0.75, 0.99])
def test_a_killed_run_ends_with_the_same_bytes(run, whole, model, tmp_path, share):
    last = max(1, round(share * changes(run, tmp_path)))
    _kill_and_resume(run, whole, model, tmp_path / "set", last)


@pytest.mark.slow
def test_killed_at_each_change_of_the_disk(run, whole, model, tmp_path):
    for last in range(1, changes(run, tmp_path) + 1):
        _kill_and_resume(run, whole, model, tmp_path / f"set{last}", last)


def _kill_and_resume(run, whole, model, out, last):
    assert write_elsewhere(run, out, last) == -signal.SIGKILL
    if (out / SHARDS).exists():
        listed = {shard.shard for shard in shards.read_listing(out).shards}
        there = {path.name for path in out.glob("shard-*")}
        # the one whose line was about to be written
        assert listed <= there and len(there - listed) <= 1
    write_set(model, PLAN, out)
    assert contents(out) == contents(whole)


def test_a_run_that_was_ended_goes_on_and_does_not_begin_anew(model, copy, whole):
    lines = (copy / SHARDS).read_bytes().splitlines(keepends=True)
    (copy / SHARDS).write_bytes(b"".join(lines[:2]) + lines[2][:40])
    (copy / ".shard-000001.tmp-1").mkdir()
    (copy / ".shard-000009.npz.1.part").touch()
    before = (copy / "shard-000000" / "joints.npy").stat().st_mtime_ns
    drawn, there = [], []
    write_set(
        model,
        PLAN,
        copy,
        draw=sharding.drawn_here(model, PLAN, drawn.append),
        began=there.append,
    )
    assert (sum(drawn), there) == (12, [8])
    assert (copy / "shard-000000" / "joints.npy").stat().st_mtime_ns == before
    assert contents(copy) == contents(whole)


def test_a_complete_set_stays_as_it_is(model, copy):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    write_set(model, PLAN, copy, draw=lambda numbers: pytest.fail("draws") if numbers else gone())
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(before) == sorted(path for path in copy.rglob("*") if path.is_file())


def gone():
    yield from ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 6}, "seed 5, now 6"),
        ({"shard_size": 9}, "shard_size 8, now 9"),
        ({"wanted": Wanted(21, in_turn=3)}, "clips 20, now 21"),
        ({"wanted": Wanted(CLIPS)}, "in_turn 3, now 0"),
        ({"options": SampleOptions(0.5)}, "temperature 1.0, now 0.5"),
        ({"options": SampleOptions(observed=0.5)}, "observed 0.0, now 0.5"),
        ({"format": "npz"}, "format 'store', now 'npz'"),
        ({"length": 9}, "length None, now 9"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_other_options_are_refused(model, copy, changes, words, finished):
    if not finished:
        lines = (copy / SHARDS).read_bytes().splitlines(keepends=True)
        (copy / SHARDS).write_bytes(b"".join(lines[:3]))
    before = contents(copy)
    values = {name: getattr(PLAN, name) for name in PLAN.__dataclass_fields__}
    with pytest.raises(StoreError, match=f"made otherwise: {words}"):
        write_set(model, Plan(**{**values, **changes}), copy)
    assert contents(copy) == before


def test_another_model_is_refused(run, copy):
    other = checkpoint.load(run)
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    with pytest.raises(StoreError, match="model_sha256"):
        write_set(other, PLAN, copy)


def test_a_written_shard_that_was_damaged_is_not_built_upon(model, copy):
    lines = (copy / SHARDS).read_bytes().splitlines(keepends=True)
    (copy / SHARDS).write_bytes(b"".join(lines[:3]))
    (copy / "shard-000001" / "joints.npy").unlink()
    with pytest.raises(StoreError, match="shard-000001/joints.npy missing"):
        write_set(model, PLAN, copy)


# ---- what stands in the way ---------------------------------------------------------------------


def test_two_writers(run, copy, tmp_path):
    """One writer at a time, whoever it is; a lock whose owner is gone is none."""
    (tmp_path / LOCK).write_text("99999999")
    with held(tmp_path / LOCK, tmp_path):
        with (
            pytest.raises(BlockingIOError, match=f"in use by process {os.getpid()}"),
            held(tmp_path / LOCK, tmp_path),
        ):
            pytest.fail("two have the lock")
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()
    with held(copy / LOCK, copy):
        # another process as well
        assert write_elsewhere(run, copy, 0) == 1


def test_what_is_not_ours_stays(model, tmp_path):
    out = tmp_path / "set"
    (out / "shard-000000").mkdir(parents=True)
    (out / "shard-000000" / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"holds other files \(shard-000000\)"):
        write_set(model, PLAN, out)
    assert contents(out) == {"shard-000000/thesis.txt": b"mine"}
    with pytest.raises(StoreError, match="is no folder"):
        write_set(model, PLAN, out / "shard-000000" / "thesis.txt")


def test_an_empty_folder_is_taken(model, whole, tmp_path):
    (tmp_path / "set").mkdir()
    write_set(model, PLAN, tmp_path / "set")
    assert contents(tmp_path / "set") == contents(whole)


def test_a_wrong_wish_leaves_nothing_behind(model, tmp_path):
    with pytest.raises(ValueError, match="length: found 99"):
        write_set(model, Plan(Wanted(5), length=99), tmp_path / "deep" / "set")
    assert not (tmp_path / "deep" / "set").exists()
    for changes, words in (({"shard_size": 0}, "--shard-size: found 0"),):
        with pytest.raises(ValueError, match=words):
            Plan(Wanted(5), **changes)


@pytest.mark.parametrize("count", [10_000_000, 10**18])
def test_too_little_space_is_seen_beforehand(model, tmp_path, monkeypatch, count):
    """However many clips are wanted, it is seen at once and before anything is written."""
    plan = Plan(Wanted(count), shard_size=1)
    need = count * plan.bytes_a_clip(model)

    def free(path):
        assert not (tmp_path / "set").exists()
        return need

    monkeypatch.setattr(disk, "free_bytes", free)
    with pytest.raises(StoreError, match=f"{need} bytes are needed and a tenth to spare"):
        write_set(model, plan, tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("lines", "left"), [(1, CLIPS), (2, 12), (3, 4), (4, 0)])
def test_space_is_needed_for_what_is_missing_alone(model, copy, monkeypatch, lines, left):
    manifest, asked, began = copy / SHARDS, [], []
    whole = manifest.read_bytes()
    if left:
        manifest.write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
    monkeypatch.setattr(writing, "check_space", lambda path, need: asked.append(need))
    write_set(model, PLAN, copy, began=began.append)
    assert asked == [left * PLAN.bytes_a_clip(model)]
    assert began == [CLIPS - left]
    assert manifest.read_bytes() == whole


@pytest.mark.parametrize("format", ["store", "npz", "ctrgcn", "aeon", "pyskl", "csv"])
def test_the_space_foreseen_is_about_what_is_taken(model, tmp_path, format):
    frames = sampling.chosen_frames(model.spec, format, None)
    plan = Plan(Wanted(64, in_turn=3), 64, format=format, frames=frames)
    made = write_set(model, plan, tmp_path / "set")
    assert 0.8 < 64 * plan.bytes_a_clip(model) / made.num_bytes < 1.1


def test_a_full_disk_ends_a_run_that_can_be_resumed(model, whole, tmp_path, monkeypatch):
    failed, real = [], os.fsync

    def full(file):
        failed.append(file)
        if len(failed) == 15:
            raise OSError(28, "No space left on device")
        return real(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_set(model, PLAN, tmp_path / "set")
    assert len(shards.read_listing(tmp_path / "set").shards) in (1, 2)
    monkeypatch.undo()
    write_set(model, PLAN, tmp_path / "set")
    assert contents(tmp_path / "set") == contents(whole)


# ---- other formats ------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "suffix"), [("pyskl", ".pkl"), ("csv", ".csv")])
def test_shards_of_files_that_are_imported(run, tmp_path, format, suffix):
    out = tmp_path / "set"
    words = ["sample", str(run), "--out", str(out), "--format", format, "--balanced", "--n", "9"]
    assert main([*words, "--shard-size", "4"]) == 0
    assert sorted(contents(out)) == [*(f"shard-{i:06d}{suffix}" for i in range(3)), SHARDS]
    assert main([*words, "--shard-size", "4"]) == 0
    assert len(formats.get(format)(out).index()) == 9
    assert main(["info", str(out), "--verify"]) == 0


def test_folders_of_files_are_written_at_once(run, tmp_path, capsys):
    words = ["sample", str(run), "--n", "3", "--balanced", "--format", "bvh", "--out"]
    assert main([*words, str(tmp_path / "set")]) == 0
    assert len(list((tmp_path / "set").rglob("*.bvh"))) == 3
    assert main([*words, str(tmp_path / "other"), "--shard-size", "2"]) == 2
    assert "bvh is a folder already" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("format", ["npz", "ctrgcn", "aeon"])
def test_files_for_recognisers_in_shards(model, run, whole, tmp_path, capsys, format):
    out = tmp_path / "set"
    words = ["sample", str(run), "--out", str(out), "--format", format, "--balanced", "--n", "20"]
    assert main([*words, "--shard-size", "8", "--seed", "5"]) == 0
    assert sorted(contents(out)) == [*(f"shard-{i:06d}.npz" for i in range(3)), SHARDS]
    key = {"npz": "joints", "ctrgcn": "x_train", "aeon": "X"}[format]
    found = [np.load(out / f"shard-{i:06d}.npz", allow_pickle=False) for i in range(3)]
    assert [len(part[key]) for part in found] == [8, 8, 4]
    assert np.concatenate([part["id"] for part in found]).tolist() == [
        record.id for record in Store.open(whole).records
    ]
    if format != "npz":
        assert len({part[key].shape[1:] for part in found}) == 1
    capsys.readouterr()
    assert main(["info", str(out), "--verify", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["clips"], told["shards"], told["format"]) == (20, 3, format)
    assert main(["info", str(out)]) == 0
    assert f"format    {format}" in capsys.readouterr().out
    with pytest.raises(StoreError, match=f"{format!r} files for recognisers"):
        Store.open(out)
    (out / "shard-000001.npz").write_bytes(b"")
    assert main(["info", str(out)]) == 2
    assert "shard-000001.npz" in capsys.readouterr().err


def test_arrays_in_shards_can_be_imported(run, tmp_path):
    words = ["sample", str(run), "--out", str(tmp_path / "set"), "--format", "npz", "--n", "9"]
    assert main([*words, "--shard-size", "4"]) == 0
    assert main(["import", "arrays", str(tmp_path / "set"), "--out", str(tmp_path / "in")]) == 0
    plain = sampling.draw(checkpoint.load(run), n=9)
    for before, after in zip(plain, Store.open(tmp_path / "in"), strict=True):
        assert torch.equal(before.joints, after.joints)


def test_a_model_that_draws_no_class_is_asked_for_one(run, tmp_path):
    other = checkpoint.load(run)
    other.label_counts[-1] = 1
    with pytest.raises(ValueError, match="choose classes with --balanced"):
        sampling.check_classes(other, Wanted(5), "aeon")
    sampling.check_classes(other, Wanted(5), "npz")
    for wanted in (Wanted(5, in_turn=3), Wanted(5, counts=(5, 0, 0))):
        sampling.check_classes(other, wanted, "aeon")


def test_resuming_files_gives_the_same_bytes(model, tmp_path):
    plan = Plan(Wanted(CLIPS, in_turn=3), 8, format="ctrgcn")
    write_set(model, plan, tmp_path / "set")
    before = contents(tmp_path / "set")
    lines = (tmp_path / "set" / SHARDS).read_bytes().splitlines(keepends=True)
    (tmp_path / "set" / SHARDS).write_bytes(b"".join(lines[:2]))
    write_set(model, plan, tmp_path / "set")
    assert contents(tmp_path / "set") == before


# ---- the command --------------------------------------------------------------------------------


def test_small_sets_stay_one_store_and_large_ones_become_shards(run, tmp_path, monkeypatch):
    monkeypatch.setattr("motiongen.sharding.LARGE", 6)
    for count, sharded in ((6, False), (7, True)):
        out = tmp_path / str(count)
        assert main(["sample", str(run), "--out", str(out), "--n", str(count)]) == 0
        assert (out / SHARDS).exists() == sharded
        assert len(Store.open(out)) == count
    file = tmp_path / "all.npz"
    assert main(["sample", str(run), "--out", str(file), "--n", "7"]) == 0
    assert file.is_file()


def test_the_command_resumes_and_refuses(run, tmp_path, capsys):
    out = tmp_path / "set"
    words = ["sample", str(run), "--out", str(out), "--n", "9", "--shard-size", "4"]
    assert main(words) == 0
    assert "9 clips in 3 shards" in capsys.readouterr().out
    before = contents(out)
    (out / SHARDS).write_bytes(b"".join((out / SHARDS).read_bytes().splitlines(True)[:3]))
    assert main(words) == 0
    assert contents(out) == before
    for other, words_said in (
        ([*words, "--seed", "1"], "seed 0, now 1"),
        ([*words, "--seed", "1", "--overwrite"], "seed 0, now 1"),
        (["sample", str(run), "--out", str(out), "--n", "9"], "exists already"),
        (["sample", str(run), "--out", str(out), "--n", "9", "--overwrite"], "other files"),
    ):
        assert main(other) == 2
        assert words_said in capsys.readouterr().err
    assert contents(out) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--out", "x.npz", "--shard-size", "4"], "--shard-size: shards need a folder"),
        (["--out", "x.npz", "--format", "store"], "--format store: writes a folder"),
        (["--out", "x", "--shard-size", "0"], "--shard-size: found 0"),
        (["--out", "x", "--address", "auto"], "--address: needs --on ray"),
        (["--out", "x", "--on", "ray"], "--on ray: draws shards; give their size"),
        (["--out", "x", "--fill", "y", "--shard-size", "4"], "does not go with --fill"),
        (["--out", "x", "--fill", "y", "--format", "aeon"], r"name the file in --out \*.npz"),
        (["--out", "x", "--counts", "fly=2"], "--counts: 'fly' is unknown"),
        (["--out", "x", "--balanced", "--label", "wave"], "leave --label"),
    ],
)
def test_wrong_requests(run, tmp_path, monkeypatch, capsys, words, expected):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", str(run), *words]) == 2
    said = capsys.readouterr().err
    assert re.search(expected, said) and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


# ---- on a cluster -------------------------------------------------------------------------------


def test_without_ray_there_is_one_clear_error(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["sample", str(run), "--out", str(tmp_path / "set"), "--n", "9", "--shard-size", "4"]
    assert main([*words, "--on", "ray"]) == 2
    assert "pip install 'motiongen[cluster]'" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_a_worker_that_would_draw_other_clips_draws_none(run, model):
    content, header = run.read_bytes(), PLAN.header(model)
    arrays = cluster._draw(1, content, False, PLAN, header)
    assert np.array_equal(arrays["index"], np.arange(8, 16))
    with pytest.raises(ValueError, match=r"a worker has torch .*asked for 1\.0"):
        cluster._draw(1, content, False, PLAN, {**header, "torch": "1.0"})


RAY = """
import sys
from pathlib import Path
import ray
from motiongen.cli import main
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=2**27)
run, begun, anew = sys.argv[1:]
words = ["sample", run, "--n", "20", "--balanced", "--shard-size", "8", "--seed", "5"]
for out in (begun, anew):
    assert main([*words, "--out", out, "--on", "ray"]) == 0
assert ray.is_initialized()
Path(run).rename(run + ".away")
assert main([*words, "--out", anew + "x", "--on", "ray"]) == 2
"""


@pytest.mark.slow
def test_shards_drawn_on_ray_are_those_drawn_here(run, whole, copy, tmp_path):
    pytest.importorskip("ray")
    (copy / SHARDS).write_bytes(b"".join((copy / SHARDS).read_bytes().splitlines(True)[:2]))
    own = Path(shutil.copy(run, tmp_path / "model.ckpt"))
    ended = subprocess.run(
        [sys.executable, "-c", RAY, str(own), str(copy), str(tmp_path / "anew")],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert ended.returncode == 0, ended.stderr
    assert contents(copy) == contents(tmp_path / "anew") == contents(whole)
