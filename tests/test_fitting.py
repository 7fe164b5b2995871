"""`motiongen fit`: what a run leaves behind, how it goes on, and how it ends."""

import csv
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import motiongen
import motiongen.encoders
from motiongen import checkpoint, fitting, transforms
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.store import Store, write_store
from motiongen.encoders import Encoder
from motiongen.generators import VAE

ENCODERS = [name for name in fitting.BARE_NAMES if hasattr(motiongen.encoders, name)]
EPOCH = 2
#: so small that a run takes a second
TINY = [
    *("--data.epoch_steps", str(EPOCH), "--data.batch_size", "4"),
    *("--model.init_args.latent", "4", "--model.init_args.condition", "8"),
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """The working folder and the home of every run, which must stay as they are."""
    for name in ("here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Six people in pixels: a store that shares no value with the embedded one."""
    clips = synthetic.synthesise(6, 1, classes=["wave", "kick", "walk"])
    flat = [
        transforms.relayout(clip, "coco17").replace(
            joints=300 * transforms.relayout(clip, "coco17").joints[..., :2], unit="px"
        )
        for clip in clips
    ]
    path = tmp_path_factory.mktemp("fitting") / "flat"
    write_store(path, flat, classes=["wave", "kick", "walk"])
    return path


def fit(store, out, *options, encoder="CNN", steps=4):
    """Exit code of a tiny run."""
    chosen = ["--model.init_args.encoder", encoder, "--model.init_args.encoder.init_args.width"]
    words = ["fit", "--data.store", str(store), "--out", str(out), *TINY, *chosen, "8"]
    return main([*words, "--trainer.max_steps", str(steps), *options])


def weights(path, name="last.ckpt"):
    return checkpoint.read(Path(path) / name)["state_dict"]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


SAMPLE = """
import sys, numpy, motiongen
for path in sys.argv[1:]:
    clips = motiongen.load(path).sample(3, seed=5)
    numpy.savez(path + ".npz", joints=clips.joints, length=clips.length, label=clips.label)
"""


def test_samples_equal_in_a_fresh_process_with_a_spec_of_its_own(tmp_path, store):
    spec = {"layout": "body25", "frames": "23", "fps": "12.5", "classes": "[walk,wave]"}
    options = [word for name, value in spec.items() for word in (f"--data.{name}", value)]
    runs = {name: tmp_path / name for name in ENCODERS}
    for name, out in runs.items():
        assert fit(store, out, *options, encoder=name, steps=2) == 0
    subprocess.run([sys.executable, "-c", SAMPLE, *map(str, runs.values())], check=True)
    for name, out in runs.items():
        model = motiongen.load(out)
        assert model.spec.as_dict() == {
            "layout": "body25",
            "channels": 2,
            "frames": 23,
            "fps": 12.5,
            "classes": ["walk", "wave"],
            "unit": "px",
        }
        clips = model.sample(3, seed=5)
        with np.load(f"{out}.npz") as found:
            for key in ("joints", "length", "label"):
                assert np.array_equal(found[key], getattr(clips, key).numpy()), (name, key)


def test_a_run_leaves_its_checkpoints_and_its_log_in_its_folder(tmp_path, store):
    assert fit(store, tmp_path / "run") == 0
    assert listing(tmp_path / "run") == ["best.ckpt", "last.ckpt", "log/metrics.csv"]
    assert listing(tmp_path / "here") == listing(tmp_path / "home") == []
    with open(tmp_path / "run" / "log" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = [float(row["validation/score"]) for row in rows if row["validation/score"]]
    assert len(scores) == 2 and np.isfinite(scores).all()
    assert any(row["train/total"] for row in rows)


def test_the_model_knows_what_it_learned_from(tmp_path, store):
    assert fit(store, tmp_path / "run", "--data.subjects", "1,2,3,4") == 0
    known = motiongen.load(tmp_path / "run").provenance
    assert known["subjects"] == ["1", "2", "3", "4"]
    assert known["class_counts"] == [4, 4, 4]
    assert set(known["validation_subjects"]) < {"1", "2", "3", "4"}
    assert known["manifest_sha256"] == Store.open(store).manifest["sha256"]


@pytest.mark.parametrize(
    ("scores", "ready", "kept"),
    [
        pytest.param([1.0, 3.0, 4.0, 5.0], 0, 2, id="the first half does not count"),
        pytest.param([3.0, 3.0, 1.0, 2.0], 0, 3, id="the lowest of the second half"),
        pytest.param([3.0, 2.0, 1.0, 1.01], 0, 4, id="the later of two that do not differ"),
        pytest.param([3.0, -1.0, -1.5, -1.48], 0, 4, id="negative scores"),
        pytest.param([3.0, math.nan, 2.0, math.nan], 0, 3, id="a score that is no number"),
        pytest.param([3.0, 1.0, 2.0, 2.5], 0.7, 3, id="before a part has learned none counts"),
    ],
)
def test_which_checkpoint_is_best(tmp_path, store, monkeypatch, scores, ready, kept):
    stated = []

    def on_validation_epoch_end(self):
        stated.append(scores[len(stated)])
        self.log("validation/score", stated[-1])

    monkeypatch.setattr(VAE, "on_validation_epoch_end", on_validation_epoch_end)
    monkeypatch.setattr(VAE, "ready_at", ready)
    assert fit(store, tmp_path / "run", steps=4 * EPOCH) == 0
    assert stated == scores
    assert checkpoint.read(tmp_path / "run" / "best.ckpt")["global_step"] == kept * EPOCH
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == 4 * EPOCH


def test_a_run_goes_on_with_its_own_data_only(tmp_path, store):
    assert fit(store, tmp_path / "run", steps=EPOCH) == 0
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    for change in (["--data.subjects", "[1,2]"], ["--seed", "7"]):
        words = ["--resume", "true", *change]
        assert fit(store, tmp_path / "run", *words, steps=2 * EPOCH) == 2
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == before


@pytest.mark.parametrize("steps", [1, EPOCH, 2 * EPOCH + 1])
def test_the_last_step_is_saved_wherever_it_falls(tmp_path, store, steps):
    assert fit(store, tmp_path / "run", steps=steps) == 0
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == steps
    assert motiongen.load(tmp_path / "run").sample(1).joints.isfinite().all()
    with open(tmp_path / "run" / "log" / "metrics.csv", newline="") as file:
        scores = [row["step"] for row in csv.DictReader(file) if row["validation/score"]]
    assert len(scores) == -(-steps // EPOCH)


def test_the_seed_changes_and_repeats_a_run(tmp_path, store):
    for name, seed in (("first", "3"), ("again", "3"), ("other", "4")):
        assert fit(store, tmp_path / name, "--seed", seed) == 0
    first, again, other = (weights(tmp_path / name) for name in ("first", "again", "other"))
    assert same(first, again)
    assert not same(first, other)


def stop_at(step, number):
    """A `losses` that sends its own process a signal."""
    losses = VAE.losses

    def interrupted(self, batch):
        if self.training and self.global_step == step:
            os.kill(os.getpid(), number)
        return losses(self, batch)

    return interrupted


STOPPED = 2 * EPOCH
WHOLE = 4 * EPOCH


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, store):
    out = tmp_path_factory.mktemp("whole") / "run"
    assert fit(store, out, steps=WHOLE) == 0
    return weights(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_that_then_goes_on(
    tmp_path, store, monkeypatch, caplog, uninterrupted, number, code
):
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "losses", stop_at(STOPPED, number))
        assert fit(store, tmp_path / "run", steps=WHOLE) == code
    assert signal.getsignal(number) is before
    assert f"--out {tmp_path / 'run'} --resume true" in caplog.text
    # the step that the signal came in is finished and saved
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == STOPPED + 1
    assert fit(store, tmp_path / "run", "--resume", "true", steps=WHOLE) == 0
    assert same(weights(tmp_path / "run"), uninterrupted)
    assert listing(tmp_path / "run") == ["best.ckpt", "last.ckpt", "log/metrics.csv"]


KILLED = """
import os, signal, sys
from motiongen.cli import main
from motiongen.generators import VAE
losses = VAE.losses
def killed(self, batch):
    if self.training and self.global_step == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return losses(self, batch)
VAE.losses = killed
sys.exit(main(sys.argv[2:]))
"""


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path, store, uninterrupted):
    out = tmp_path / "run"
    width = ["--model.init_args.encoder.init_args.width", "8", "--trainer.max_steps", str(WHOLE)]
    words = ["fit", "--data.store", str(store), "--out", str(out), *TINY, *width]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(STOPPED), *words], capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert fit(store, out, "--resume", "true", steps=WHOLE) == 0
    assert same(weights(out), uninterrupted)


def test_an_existing_run_is_not_overwritten(tmp_path, store, capsys):
    out = tmp_path / "run"
    assert fit(store, out, steps=2) == 0
    kept = {name: (out / name).read_bytes() for name in listing(out)}
    capsys.readouterr()
    assert fit(store, out, steps=2) == 2
    assert re.fullmatch(
        r"motiongen: error: \S+ holds a run; go on with it \(--resume true\) or choose another "
        r"--out\n",
        capsys.readouterr().err,
    )
    assert {name: (out / name).read_bytes() for name in listing(out)} == kept


def test_nothing_to_resume(tmp_path, store, capsys):
    assert fit(store, tmp_path / "run", "--resume", "true") == 2
    assert re.fullmatch(
        r"motiongen: error: \S+last\.ckpt: nothing to resume\n", capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "found", "allowed"),
    [
        ("data.batch_size", "0", "1 or more"),
        ("data.batch_size", "-1", "1 or more"),
        ("data.epoch_steps", "0", "1 or more"),
        ("data.epoch_steps", "-1", "1 or more"),
        ("trainer.max_steps", "0", "1 or more, or -1 for no limit"),
        ("trainer.max_epochs", "0", "1 or more, or -1 for no limit"),
        ("trainer.limit_train_batches", "0", "above 0"),
        ("trainer.accumulate_grad_batches", "-1", "above 0"),
    ],
)
def test_sizes_without_a_step_are_refused(tmp_path, store, capsys, option, found, allowed):
    assert fit(store, tmp_path / "run", f"--{option}", found) == 2
    said = capsys.readouterr()
    assert re.fullmatch(
        rf"motiongen: error: [^\n]*{re.escape(option)}: found {found}, allowed {allowed}\n",
        said.err,
    )
    assert said.out == ""
    assert not (tmp_path / "run").exists()


def test_steps_without_a_limit_end_with_the_epochs(tmp_path, store):
    assert fit(store, tmp_path / "run", "--trainer.max_epochs", "2", steps=-1) == 0
    assert checkpoint.read(tmp_path / "run" / "last.ckpt")["global_step"] == 2 * EPOCH


def test_a_single_clip_is_learned_from_where_none_is_held_back(tmp_path, capsys):
    clips = synthetic.synthesise(1, 1, classes=["wave"])
    write_store(tmp_path / "one", clips, classes=["wave"])
    assert fit(tmp_path / "one", tmp_path / "run") == 2
    assert "found 1 clips" in (said := capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
    option = re.search(r"(--data\.validation) (0)$", said)
    assert fit(tmp_path / "one", tmp_path / "run", *option.groups(), steps=1) == 0
    assert motiongen.load(tmp_path / "run").sample(1).joints.isfinite().all()


@pytest.mark.parametrize("steps", [EPOCH, EPOCH + 1])
def test_a_finished_run_can_be_resumed_and_made_longer(tmp_path, store, steps):
    out = tmp_path / "run"
    for total, resume in ((steps, "false"), (steps, "true"), (3 * EPOCH, "true")):
        assert fit(store, out, "--resume", resume, steps=total) == 0
        assert checkpoint.read(out / "last.ckpt")["global_step"] == total


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.init_args.latent", "5"], "latent was 4, is 5"),
        (["--data.frames", "20"], "spec was .*'frames': 20"),
        (["--model.init_args.encoder.init_args.layers", "1"], "encoder was .*'layers': 1"),
    ],
)
def test_another_model_is_not_resumed(tmp_path, store, capsys, options, words):
    out = tmp_path / "run"
    assert fit(store, out, steps=2) == 0
    capsys.readouterr()
    assert fit(store, out, "--resume", "true", *options, steps=4) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"motiongen: error: [^\n]*last\.ckpt: [^\n]*{words}[^\n]*\n", said), said
    assert checkpoint.read(out / "last.ckpt")["global_step"] == 2


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(
    tmp_path, store, capsys, monkeypatch
):
    losses = VAE.losses

    def broken(self, batch):
        return {**losses(self, batch), "total": torch.tensor(float("nan"), requires_grad=True)}

    monkeypatch.setattr(VAE, "losses", broken)
    assert fit(store, tmp_path / "run") == 2
    assert "motiongen: error: the loss of step 0 is nan" in capsys.readouterr().err


TRACKED = """
import json, socket, sys
from motiongen.cli import main
connect = socket.socket.connect
def local_only(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError("no network in this test")
    return connect(self, address)
socket.socket.connect = local_only
code = main(json.loads(sys.argv[1]))
print("wandb" in sys.modules)
sys.exit(code)
"""


def tracked(tmp_path, store, *options):
    words = ["fit", "--data.store", str(store), "--out", str(tmp_path / "run"), *TINY]
    words += ["--model.init_args.encoder.init_args.width", "8", "--trainer.max_steps", "2"]
    ended = subprocess.run(
        [sys.executable, "-c", TRACKED, json.dumps([*words, *options])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_without_tracking_wandb_is_not_even_imported(tmp_path, store):
    ended = tracked(tmp_path, store)
    assert ended.stdout.splitlines()[-1] == "False"
    assert "Warning" not in ended.stderr and "warn" not in ended.stderr


@pytest.mark.slow
def test_tracking_offline_stays_in_the_folder_of_the_run(tmp_path, store):
    ended = tracked(tmp_path, store, "--wandb", "offline")
    assert "True" in ended.stdout.splitlines()
    found = listing(tmp_path / "run")
    assert any(name.endswith(".wandb") for name in found)
    # the gallery that plays
    assert any("media/html/gallery" in name for name in found)
    assert listing(tmp_path / "here") == []
    # what libraries keep at the places they have for that
    own = re.compile(r"(\.cache/)?(wandb/logs|matplotlib)/")
    assert [name for name in listing(tmp_path / "home") if not own.match(name)] == []


def test_a_refused_trainer_leaves_no_folder_to_track_in(tmp_path, store, capsys):
    words = ("--wandb", "offline", "--trainer.accelerator", "tpu")
    assert fit(store, tmp_path / "run", *words) == 2
    assert "motiongen: error: trainer: Requirement 'torch_xla" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_tensorboard_is_one_flag(tmp_path, store):
    assert fit(store, tmp_path / "run", "--tensorboard", "true") == 0
    assert any("events.out.tfevents" in name for name in listing(tmp_path / "run"))


def test_encoders_are_all_tested():
    assert {getattr(motiongen.encoders, name).__base__ for name in ENCODERS} == {Encoder}
    assert len(ENCODERS) == 5


def test_a_latent_flow_takes_a_trained_vae(tmp_path, store, capsys):
    assert fit(store, tmp_path / "vae") == 0
    flow = ["--model", "LatentFlow", "--autoencoder", str(tmp_path / "vae" / "last.ckpt")]
    assert fit(store, tmp_path / "flow", *flow) == 0
    taken = weights(tmp_path / "flow")
    own = {name.removeprefix("autoencoder."): v for name, v in taken.items() if "autoenc" in name}
    assert same(own, weights(tmp_path / "vae"))
    assert len(motiongen.load(tmp_path / "flow").sample(2)) == 2
    assert fit(store, tmp_path / "no", "--model", "VAE", *flow[2:]) == 2
    assert "--autoencoder: a VAE takes none" in capsys.readouterr().err
    flow[-1] = str(tmp_path / "flow" / "last.ckpt")
    assert fit(store, tmp_path / "no", *flow) == 2
    assert "holds a LatentFlow, needed is a VAE" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_run_begins_with_the_weights_of_another(tmp_path, store, capsys):
    assert fit(store, tmp_path / "first") == 0
    begun = ["--init", str(tmp_path / "first"), "--model.init_args.learning_rate", "0"]
    assert fit(store, tmp_path / "second", *begun, steps=1) == 0
    first, second = weights(tmp_path / "first", "best.ckpt"), weights(tmp_path / "second")
    learned = dict(motiongen.load(tmp_path / "second").named_parameters())
    assert learned and all(torch.equal(first[name], second[name]) for name in learned)
    known = motiongen.load(tmp_path / "second").provenance["adapted_from"]
    assert known["store"] == "flat" and len(known["sha256"]) == 64
    assert fit(store, tmp_path / "no", "--init", str(tmp_path / "absent")) == 2
    assert "absent: no such checkpoint" in capsys.readouterr().err
