"""The study: no leak, the same effort in every arm, and the same bytes after a kill."""

import functools
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen import fitting
from motiongen.augmentation import generator
from motiongen.augmentation.design import Design, Fold, Size, named_fold
from motiongen.augmentation.filtering import Filter
from motiongen.augmentation.study import LOCK, run_study
from motiongen.checkpoint import load
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.lock import held
from motiongen.data.store import Store, write_store
from motiongen.evaluation.drawing import digests
from motiongen.generators import SampleOptions

CLASSES = ("walk", "wave", "kick")
FIT = (
    *("--model", "FlowMatching", "--model.encoder", "CNN", "--model.encoder.width", "8"),
    *("--model.encoder.layers", "1", "--model.steps", "1", "--trainer.max_steps", "3"),
    *("--data.batch_size", "4", "--trainer.enable_progress_bar", "false"),
)
TEST = ("5", "6")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "store"
    return write_store(path, synthetic.synthesise(6, 2, 0, CLASSES), classes=CLASSES)


@functools.cache
def unseen(store):
    """Fingerprints of all clips of the test people."""
    from motiongen.augmentation.study import _People

    return frozenset(digests(_People(store, named_fold(store, TEST), 0).test))


class Nearest:
    """A recogniser in no time, which notes what it is given: the nearest mean pose."""

    def __init__(self, calls=None, fail_at=None):
        self.calls, self.fail_at = calls if calls is not None else [], fail_at

    def fit(self, clips, spec, *, steps, seed, batch_size=32, augment=None, progress=None):
        if len(self.calls) == self.fail_at:
            raise RuntimeError("stopped")
        self.calls.append((clips, steps, seed, batch_size, augment))
        if augment is not None:
            clips = augment(clips, np.random.default_rng(seed))
        # a class that has no clip is far from everything
        means = [
            clips.joints[clips.label == k].mean((0, 1)) if (clips.label == k).any() else 1e3
            for k in range(len(spec.classes))
        ]
        return Means([m if torch.is_tensor(m) else torch.full((20, 3), m) for m in means])


class Means:
    def __init__(self, means):
        self.means = torch.stack(means)

    def probabilities(self, clips):
        far = (clips.joints.mean(1)[:, None] - self.means).flatten(2).norm(dim=2)
        return (-far).softmax(1).double().numpy()


def design(store, **changes):
    values = {"sizes": (Size(2),), "recognisers": ("A",), "seeds": 2, "steps": 7, "fit": FIT}
    return Design((named_fold(store, TEST),), **{**values, **changes})


def run(store, out, *, calls=None, fail_at=None, **changes):
    learner = Nearest(calls, fail_at)
    return run_study(design(store, **changes), store, out, build=lambda name: learner)


@pytest.fixture(scope="module")
def finished(store, tmp_path_factory):
    """A study with every arm: its folder, what was learned from, and its results."""
    out, calls = tmp_path_factory.mktemp("finished"), []
    return out, calls, run(store, out, calls=calls)


def values(found):
    """Results without the time they took."""
    return {
        (draw.name, name, treatment.name): (r.accuracy, r.macro_f1, r.real, r.synthetic, r.tested)
        for (draw, name, treatment), r in found.items()
    }


def test_arms_take_the_same_steps_with_the_same_seed(finished):
    _, calls, found = finished
    assert len(found) == 2 * 7
    # `balanced` and `trts` need no training of their own here
    assert [len(clips) for clips, *_ in calls] == [6, 6, 12, 12, 6] * 2
    assert {(steps, batch) for _, steps, _, batch, _ in calls} == {(7, 6)}
    assert [seed for _, _, seed, _, _ in calls] == [0] * 5 + [1] * 5
    assert [augment is not None for *_, augment in calls[:5]] == [False, True, False, True, False]
    tests = {name: value[4] for (_, _, name), value in values(found).items()}
    assert tests["real"] == 12 and tests["trts"] == 6


def test_no_test_clip_reaches_a_recogniser_or_a_generator(finished, store):
    out, calls, _ = finished
    assert len(unseen(store)) == 12
    for clips, *_ in calls:
        assert not unseen(store) & set(digests(clips))
    for folder in sorted((out / "generators").iterdir()):
        drawn = Store.open(folder / "store")
        assert {record.subject for record in drawn.records} <= {"1", "2", "3", "4"}
        known = load(folder / "run" / "last.ckpt").provenance
        assert known["manifest_sha256"] == drawn.manifest["sha256"]
        assert known["class_counts"] == [2, 2, 2] and known["validation_subjects"] == []


def test_a_generator_sees_exactly_the_clips_of_its_draw(finished, store):
    out, calls, _ = finished
    for seed in (0, 1):
        model = load(out / "generators" / f"fold0-2shots-seed{seed}" / "run" / "last.ckpt")
        assert int(model.label_counts.sum()) == 6
        # its units are those of the clips that the arm `real` learned from
        real = calls[5 * seed][0]
        scale = type(model.standardizer)(model.skeleton, 3)
        scale.fit(real.joints[real.frame_mask], real.mask[real.frame_mask])
        assert torch.allclose(model.standardizer.mean, scale.mean, atol=1e-5)


def test_each_draw_has_its_own_clips_and_samples(finished):
    calls = finished[1]
    for arm in (0, 4):
        first, second = (set(digests(calls[arm + 5 * seed][0])) for seed in (0, 1))
        assert first != second


def test_a_stopped_study_goes_on_and_repeats_nothing(finished, store, tmp_path):
    for stop in (1, 2, 2):
        with pytest.raises(RuntimeError, match="stopped"):
            run(store, tmp_path / "s", calls=[], fail_at=stop)
    calls = []
    found = run(store, tmp_path / "s", calls=calls)
    assert values(found) == values(finished[2])
    assert 0 < len(calls) < 10
    calls = []
    assert values(run(store, tmp_path / "s", calls=calls)) == values(found) and not calls


def test_axes_may_grow_without_losing_a_result(finished, store, tmp_path):
    small = run(store, tmp_path / "s", arms=("synthetic",))
    assert set(values(small)) < set(values(finished[2]))
    assert values(run(store, tmp_path / "s")) == values(finished[2])


def test_other_options_in_the_same_folder_are_refused(finished, store):
    with pytest.raises(ValueError, match="holds a study with another steps: it was 7, is 8"):
        run(store, finished[0], steps=8)
    with pytest.raises(ValueError, match="holds a study with another fit"):
        run(store, finished[0], fit=(*FIT, "--model.guidance", "3"))


def test_another_draw_s_generator_is_refused(finished, store, tmp_path):
    rows = [row for row, r in enumerate(store.records) if r.subject not in TEST][:6]
    others = rows[1:] + [max(rows) + 1]
    fold = named_fold(store, TEST)
    make = functools.partial(generator.trained, words=FIT, seed=0)
    make(tmp_path / "one", store, rows, fold)
    with pytest.raises(ValueError, match="holds other clips than those of its draw"):
        make(tmp_path / "one", store, others, fold)
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "run").rename(tmp_path / "two" / "run")
    with pytest.raises(ValueError, match="learned from other clips than these"):
        make(tmp_path / "two", store, others, fold)
    model = load(tmp_path / "two" / "run" / "last.ckpt")
    drawn = Store.open(tmp_path / "one" / "store")
    with pytest.raises(ValueError, match="was given test subjects: 1"):
        generator.check_generator(model, drawn, store.spec, Fold(("2",), ("1",)))


def test_a_test_clip_under_another_name_is_refused(store, tmp_path):
    clips = list(store)
    copy = next(clip for clip in clips if clip.subject == TEST[0])
    clips = [*clips, copy.replace(id="copy", subject="1")]
    leaky = write_store(tmp_path / "leaky", clips, classes=CLASSES)
    with pytest.raises(ValueError, match="1 of 12 test clips .* among the train clips"):
        run(leaky, tmp_path / "s", sizes=(Size(),), arms=("real",))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data.frames", "9"), "the generator's clips are .*frames=9"),
        (("--data.classes", "[walk,wave]"), "4 of 6 drawn clips"),
        (("--model.gidance", "2"), "gidance"),
    ],
)
def test_a_generator_of_other_clips_is_refused(store, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        run(store, tmp_path / "s", fit=(*FIT, *words))


def test_a_study_that_was_refused_before_it_began_can_be_put_right(store, tmp_path):
    with pytest.raises(ValueError, match="gidance"):
        run(store, tmp_path / "s", fit=(*FIT, "--model.gidance", "2"), arms=("tstr",))
    assert run(store, tmp_path / "s", arms=("tstr",))
    with pytest.raises(ValueError, match="holds a study with another fit"):
        run(store, tmp_path / "s", fit=(*FIT, "--model.guidance", "2"), arms=("tstr",))


def test_an_autoencoder_from_elsewhere_is_refused(store, tmp_path, monkeypatch):
    config = tmp_path / "own.yaml"
    config.write_text("autoencoder: vae.ckpt\n")
    monkeypatch.setattr(fitting, "take_autoencoder", lambda model, path, **_: None)
    with pytest.raises(ValueError, match="--autoencoder: it may have seen test people"):
        run(store, tmp_path / "s", fit=("-c", str(config), *FIT))


def test_a_generator_begins_with_one_of_other_people_only(store, tmp_path):
    words = ["fit", "--data.store", str(store.path), "--data.validation", "0", *FIT]
    for name, people in {"other": "[1,2]", "leaky": "[4,5]"}.items():
        assert main([*words, "--data.subjects", people, "--out", str(tmp_path / name)]) == 0
    small = {"arms": ("tstr",)}
    found = run(store, tmp_path / "s", fit=(*FIT, "--init", str(tmp_path / "other")), **small)
    assert len(found) == 2 * 2
    with pytest.raises(ValueError, match="--init: its model was given test subjects: 5"):
        run(store, tmp_path / "t", fit=(*FIT, "--init", str(tmp_path / "leaky")), **small)


def test_filtered_clips_are_fewer_and_counted(store, tmp_path):
    chosen = Filter(farthest=1e-6, candidates=2)
    found = run(store, tmp_path / "s", filter=chosen, arms=("synthetic",))
    tight = {t.name: r for (_, _, t), r in found.items()}
    assert tight["synthetic-x1"].synthetic == 0 and tight["synthetic-x1"].passed == 0.0
    assert tight["real"].passed is None
    loose = Filter(farthest=1e6, candidates=2)
    found = run(store, tmp_path / "t", filter=loose, arms=("synthetic",))
    assert {r.synthetic for (_, _, t), r in found.items() if t.ratio} == {6}


def test_variations_stay_with_the_clips_of_their_draw(store, tmp_path):
    calls: list = []
    run(store, tmp_path / "s", calls=calls, arms=("tstr",), strength=0.0, ratios=(2.0,), seeds=2)
    real, varied = (calls[at][0] for at in (0, 1))
    assert len(varied) == 2 * len(real)
    assert varied.label.bincount().tolist() == (2 * real.label.bincount()).tolist()
    # of strength 0: those of one clip are all alike, and each clip has its share
    _, counts = varied.joints.unique(dim=0, return_counts=True)
    assert counts.tolist() == [2] * len(real)
    with pytest.raises(ValueError, match="another strength"):
        run(store, tmp_path / "s", strength=0.5, ratios=(2.0,))


def test_variations_can_look_as_recordings_do(store, tmp_path):
    clean, noisy = [], []
    common = {"arms": ("tstr",), "strength": 0.0, "fit": (*FIT, "--model.noise_level", "0.02")}
    run(store, tmp_path / "clean", calls=clean, **common)
    # the same generators, so that they need not be trained again
    shutil.copytree(tmp_path / "clean" / "generators", tmp_path / "noisy" / "generators")
    run(store, tmp_path / "noisy", calls=noisy, options=SampleOptions(observed=1.0), **common)
    before, after = (calls[1][0].joints for calls in (clean, noisy))
    # of strength 0 clips of one source are alike, until each has noise of its own
    away = (after - before).norm(dim=-1)
    assert float(away.median()) > 0 and before.shape == after.shape
    model = load(tmp_path / "noisy" / "generators" / "fold0-2shots-seed0" / "run" / "last.ckpt")
    level = float((model.observation.level * model.standardizer.scale).mean())
    assert 0.5 * level < float(away.median()) < 5 * level


def test_a_family_that_cannot_vary_clips_is_refused(store, tmp_path):
    changes = {"--model": "GAN", "--model.steps": None}
    pairs = zip(FIT[::2], FIT[1::2], strict=True)
    fit = tuple(
        word
        for name, value in pairs
        if changes.get(name, "") is not None
        for word in (name, changes.get(name, value))
    )
    with pytest.raises(ValueError, match="strength: GAN cannot vary clips"):
        run(store, tmp_path / "s", strength=0.5, fit=fit)
    # before anything was trained
    assert not list((tmp_path / "s").rglob("*.ckpt"))


def test_a_study_without_synthetic_arms_trains_no_generator(store, tmp_path):
    found = run(store, tmp_path / "s", arms=("classical",), fit=("--model", "nonsense"))
    assert len(found) == 4 and not (tmp_path / "s" / "generators").exists()


def test_a_second_process_is_kept_out(store, tmp_path):
    out = tmp_path / "s"
    with held(out / LOCK, out), pytest.raises(BlockingIOError, match=f"{out}: in use by process"):
        run(store, out)


def test_a_damaged_result_is_named(store, tmp_path):
    run(store, tmp_path / "s", arms=("real",))
    file = next((tmp_path / "s" / "results").rglob("*.json"))
    for text in ("{", "[]", '{"accuracy": null}'):
        file.write_text(text)
        with pytest.raises(ValueError, match=file.name):
            run(store, tmp_path / "s", arms=("real",))


# ---- the command --------------------------------------------------------------------------------


def words(store, out, *more):
    return [
        *("augment", "--real", str(store.path), "--out", str(out), "--test", *TEST),
        *("--shots", "1", "2", "--seeds", "2", "--steps", "2"),
        *("--recognisers", "CNN:width=8,layers=1", "--arms", "both", "tstr", "trts"),
        *(f"--fit={' '.join(FIT)}", *more),
    ]


REPORT = ("learning_curve.svg", "report.html", "report.json", "report.md")

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["motiongen.fitting", "motiongen.augmentation.study"])
CHILD = """
import os, sys
file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(file, 1), os.dup2(file, 2)
import torch
torch.set_num_threads(1)
from motiongen import resuming
from motiongen.cli import main
resuming.SAVE_SECONDS = 0.0
sys.exit(main(words))
"""


def killed(words, said, ready):
    """Starts the command and kills it with SIGKILL as soon as `ready()`."""
    process = SERVER.Process(
        target=exec, args=(CHILD, {"words": words, "said": said}), daemon=True
    )
    process.start()
    end = time.monotonic() + 120
    while not ready():
        assert process.is_alive() and time.monotonic() < end, Path(said).read_text()
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_study_ends_with_the_same_report_bytes(store, tmp_path, capsys):
    out, said = tmp_path / "killed", str(tmp_path / "said.txt")
    results = out / "results"
    runs = [
        lambda: list(out.glob("generators/*/run/last.ckpt")),
        lambda: len(list(results.rglob("*.json"))) >= 3,
        lambda: len(list(out.glob("generators/*/run/last.ckpt"))) >= 3,
    ]
    for ready in runs:
        killed(words(store, out), said, ready)
    kept = {path: path.read_bytes() for path in results.rglob("*.json")}
    assert 3 <= len(kept) < 20
    assert main(words(store, out)) == 0
    assert all(path.read_bytes() == before for path, before in kept.items())
    assert main(words(store, tmp_path / "whole")) == 0
    for name in REPORT:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not list(out.rglob("*.part"))
    assert "real + classical + synthetic ×1" in capsys.readouterr().out


def test_the_report_holds_every_size_and_the_curve(store, tmp_path):
    given = [*words(store, tmp_path / "s"), "--arms", "classical", "--strength", ".5"]
    assert main([*given, "--observed"]) == 0
    found = json.loads((tmp_path / "s" / "report.json").read_text())
    assert (
        "variations of the drawn ones, of strength 0.5. Synthetic clips carry 100 % of"
        in found["summary"][0]
    )
    titles = [table["title"] for table in found["tables"]]
    name = "CNN:width=8,layers=1"
    assert titles == [f"{name}, 1 clip per class", f"{name}, 2 clips per class"]
    page = (tmp_path / "s" / "report.html").read_text()
    assert "Learning curve" in page and "<svg" in page
    spent = json.loads((tmp_path / "s" / "seconds.json").read_text())
    assert set(spent[name]) == {"real", "real + classical"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--folds", "2"], "either --test SUBJECT ... or --folds K"),
        (["--test", "9"], "unknown"),
        (["--recognisers", "LSTM"], "recogniser: found 'LSTM'"),
        (["--mirror", "bow"], "mirror: class 'bow' is unknown"),
        (["--shots", "50"], "have 8 clips of class 'walk', 50 are wanted"),
        (["--confidence", "2"], "confidence: found 2.0"),
        (["--strength", "2"], "strength: found 2.0, allowed 0 to 1"),
        (["--strength", ".5", "--guidance", "2"], "take no temperature, guidance or steps"),
        (["--observed", "2"], "observed: found 2.0, allowed 0 to 1"),
    ],
)
def test_wrong_options_are_one_line_and_leave_nothing(store, tmp_path, capsys, change, message):
    assert main(words(store, tmp_path / "s", *change)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_checkpoint_takes_no_options_of_a_study(store, tmp_path, capsys):
    given = ["augment", "run", "--real", str(store.path), "--out", str(tmp_path / "s")]
    assert main([*given, "--shots", "5"]) == 2
    assert "--shots: belongs to a study, which takes no checkpoint" in capsys.readouterr().err
    assert main([*given, "--strength", "0"]) == 2
    assert "--strength: belongs to a study" in capsys.readouterr().err
    assert main([*given, "--ratio", "1", "2"]) == 2
    assert "--ratio: found [1.0, 2.0]" in capsys.readouterr().err
