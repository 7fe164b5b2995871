"""A training that is killed anywhere ends, once resumed, as if nothing had happened."""

import csv
import errno
import multiprocessing
import os
import random
import re
import resource
import signal
import time
from pathlib import Path

import pytest
import torch

from motiongen import checkpoint, fitting, generators
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.store import write_store
from motiongen.generators import VAE, Generator

FAMILIES = [
    name
    for name in fitting.BARE_NAMES
    if isinstance(kind := getattr(generators, name, None), type) and issubclass(kind, Generator)
]
EPOCH = 3
#: ends within an epoch
SHORT, LONG = 2 * EPOCH + 1, 14 * EPOCH + 1
KILLS = 5

# A server that has imported everything forks each run: a fresh interpreter takes seconds.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["motiongen.fitting"])
RUN = """
import os, sys
file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(file, 1), os.dup2(file, 2)
from motiongen import resuming
from motiongen.cli import main
resuming.SAVE_SECONDS = seconds
sys.exit(main(words))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("resume") / "store"
    write_store(
        path, synthetic.synthesise(4, 1, classes=["wave", "kick"]), classes=["wave", "kick"]
    )
    return path


class Run:
    """A tiny run in a folder, as words for the command, as a process, and as what it left."""

    def __init__(self, family, store, out, steps):
        self.out, self.steps, self.said = Path(out), steps, Path(f"{out}.txt")
        self.words = [
            *("fit", "--data.store", str(store), "--out", str(out), "--model", family),
            *("--data.epoch_steps", str(EPOCH), "--data.batch_size", "4", "--data.frames", "16"),
            *("--model.init_args.encoder", "CNN"),
            *("--model.init_args.encoder.init_args.width", "8"),
            *("--model.init_args.encoder.init_args.layers", "1"),
            *("--trainer.max_steps", str(steps), "--trainer.enable_progress_bar", "false"),
        ]

    def __call__(self, *options):
        """Exit code of the run in this process."""
        return main([*self.words, *options])

    def start(self, *options, seconds=60.0):
        names = {"words": [*self.words, *options], "said": str(self.said), "seconds": seconds}
        process = SERVER.Process(target=exec, args=(RUN, names), daemon=True)
        process.start()
        return process

    def finish(self, *options):
        process = self.start(*options)
        process.join(120)
        assert process.exitcode == 0, self.said.read_text()

    @property
    def last(self):
        return self.out / "last.ckpt"

    def parts(self):
        return [*self.out.rglob("*.part")]

    def read(self, name="last.ckpt"):
        return checkpoint.read(self.out / name)

    @property
    def table(self):
        return self.out / "log" / "metrics.csv"

    def log(self):
        with open(self.table, newline="") as file:
            return list(csv.DictReader(file))

    def state(self):
        """Fingerprints of all that a training ends with, and its log."""
        last, best = self.read(), self.read("best.ckpt")
        (best_score,) = [
            state["best_model_score"]
            for state in last["callbacks"].values()
            if "best_model_score" in state
        ]
        return {
            "step": last["global_step"],
            "weights and buffers": checkpoint.fingerprint(last["state_dict"]),
            "optimiser": checkpoint.fingerprint(last["optimizer_states"]),
            "schedule": checkpoint.fingerprint(last["lr_schedulers"]),
            "best step": best["global_step"],
            "best weights": checkpoint.fingerprint(best["state_dict"]),
            "best score": float(best_score),
            "log": self.log(),
        }

    def files(self):
        return sorted(str(path.relative_to(self.out)) for path in self.out.rglob("*.*"))


FILES = ["best.ckpt", "last.ckpt", "log/metrics.csv"]


def wait(process, happened):
    """Whether something happens while a process is alive."""
    end = time.monotonic() + 60
    while process.is_alive() and time.monotonic() < end:
        if happened():
            return True
    return False


def stamp(path):
    """Changes whenever a file is written."""
    return path.stat().st_mtime_ns if path.exists() else 0


def kill(process):
    process.kill()
    process.join(60)
    return process.exitcode == -signal.SIGKILL


def kill_in_a_save(run, process):
    """Kills while a file is half written, which is only sure of a process that stands still."""
    while wait(process, run.parts):
        os.kill(process.pid, signal.SIGSTOP)
        if run.parts():
            return kill(process)
        os.kill(process.pid, signal.SIGCONT)
    return False


def kill_after(run, process, saves, seconds):
    """Kills some time after a number of checkpoints were written by this process."""
    for _ in range(saves):
        before = stamp(run.last)
        wait(process, lambda before=before: stamp(run.last) != before)
    time.sleep(seconds)
    return kill(process)


def kill_before_the_first_checkpoint(run, process):
    return wait(process, run.table.exists) and kill(process)


#: one that is sampled from its weights and one from an average; the slow tests kill all of them
QUICK = ("VAE", "FlowMatching")


@pytest.mark.parametrize(
    "family", [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in FAMILIES]
)
def test_a_run_killed_inside_a_save_ends_as_if_nothing_had_happened(tmp_path, store, family):
    whole = Run(family, store, tmp_path / "whole", SHORT)
    whole.finish()
    run = Run(family, store, tmp_path / "run", SHORT)
    assert kill_in_a_save(run, run.start())
    run.finish("--resume", "true")
    assert run.state() == whole.state()
    assert run.files() == whole.files() == FILES


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_killed_five_times_ends_as_if_nothing_had_happened(tmp_path, store, family):
    rng = random.Random(family)
    whole = Run(family, store, tmp_path / "whole", LONG)
    whole.finish()
    run = Run(family, store, tmp_path / "run", LONG)
    moments = [
        lambda process: kill_before_the_first_checkpoint(run, process),
        lambda process: kill_in_a_save(run, process),
        *(
            lambda process: kill_after(run, process, rng.randint(1, 2), rng.uniform(0, 0.4))
            for _ in range(KILLS - 2)
        ),
    ]
    killed = 0
    for number, moment in enumerate(moments):
        # every second one saves at each step
        process = run.start("--resume", str(number > 0).lower(), seconds=60.0 * (number % 2))
        killed += moment(process)
        if run.last.exists():
            scored = [int(row["step"]) + 1 for row in run.log() if row.get("validation/score")]
            assert run.read()["global_step"] >= max(scored, default=0) - EPOCH
    assert killed == KILLS
    run.finish("--resume", "true")
    assert run.state() == whole.state()
    assert run.files() == whole.files() == FILES


def signalled(step, *numbers):
    """A `losses` that sends its own process signals in the middle of a step."""
    losses = VAE.losses

    def interrupted(self, batch):
        if self.training and self.global_step == step:
            for number in numbers:
                os.kill(os.getpid(), number)
        return losses(self, batch)

    return interrupted


@pytest.fixture(scope="module")
def whole(tmp_path_factory, store):
    run = Run("VAE", store, tmp_path_factory.mktemp("whole") / "run", SHORT)
    assert run() == 0
    return run


@pytest.mark.parametrize(
    ("step", "number"),
    [
        pytest.param(0, signal.SIGTERM, id="first step"),
        pytest.param(EPOCH, signal.SIGINT, id="within an epoch"),
        pytest.param(2 * EPOCH - 1, signal.SIGTERM, id="before a validation"),
    ],
)
def test_a_signal_saves_the_step_it_came_in(tmp_path, store, monkeypatch, whole, step, number):
    run = Run("VAE", store, tmp_path / "run", SHORT)
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "losses", signalled(step, number))
        assert run() == 128 + number
    assert run.read()["global_step"] == step + 1
    assert run("--resume", "true") == 0
    assert run.state() == whole.state()
    assert run.files() == FILES


def test_a_signal_in_a_validation_ends_after_it(tmp_path, store, monkeypatch, whole):
    run = Run("VAE", store, tmp_path / "run", SHORT)
    step = VAE.validation_step

    def interrupted(self, *args):
        os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(VAE, "validation_step", interrupted)
        assert run() == 128 + signal.SIGTERM
    assert run.read()["global_step"] == EPOCH
    assert run("--resume", "true") == 0
    assert run.state() == whole.state()


def test_a_second_signal_ends_at_once(tmp_path, store, monkeypatch, caplog):
    run = Run("VAE", store, tmp_path / "run", SHORT)
    monkeypatch.setattr(VAE, "losses", signalled(EPOCH, signal.SIGTERM, signal.SIGINT))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert run() == 128 + signal.SIGTERM
    assert run.read()["global_step"] == EPOCH
    assert "--resume true" in caplog.text
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_signal_before_the_first_step_ends_at_once(tmp_path, store, monkeypatch, caplog):
    run = Run("VAE", store, tmp_path / "run", SHORT)
    measure = VAE.fit_statistics

    def interrupted(self, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        measure(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(VAE, "fit_statistics", interrupted)
        assert run() == 128 + signal.SIGTERM
    assert "nothing was saved" in caplog.text
    assert run.files() == ["log/metrics.csv"]
    assert run("--resume", "true") == 0
    assert run.read()["global_step"] == SHORT


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_signals_at_any_time_lose_nothing(tmp_path, store, family):
    rng = random.Random(family)
    whole = Run(family, store, tmp_path / "whole", LONG)
    process = whole.start()
    assert wait(process, whole.table.exists)
    begun = time.monotonic()
    process.join(120)
    assert process.exitcode == 0, whole.said.read_text()
    # so that four signals come before the end on a machine of any speed
    patience = min(1.0, (time.monotonic() - begun) / 6)
    run = Run(family, store, tmp_path / "run", LONG)
    codes = []
    for number, sent in enumerate([signal.SIGTERM, signal.SIGINT] * 2):
        # the log is opened when a training begins
        opened = stamp(run.table)
        process = run.start("--resume", str(number > 0).lower())
        assert wait(process, lambda opened=opened: stamp(run.table) != opened)
        time.sleep(rng.uniform(0, patience))
        os.kill(process.pid, sent)
        process.join(30)
        codes.append(process.exitcode - sent)
        assert not run.parts()
    assert codes == [128] * 4, run.said.read_text()
    run.finish("--resume", "true")
    assert run.state() == whole.state()


def test_a_run_of_so_many_epochs_goes_on_where_it_stood(tmp_path, store, monkeypatch):
    epochs = ("--trainer.max_steps", "-1", "--trainer.max_epochs", "3")
    runs = [Run("VAE", store, tmp_path / name, SHORT) for name in ("whole", "run")]
    assert runs[0](*epochs) == 0
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "losses", signalled(EPOCH, signal.SIGINT))
        assert runs[1](*epochs) == 130
    assert runs[1](*epochs, "--resume", "true") == 0
    assert runs[1].state() == runs[0].state()


def test_no_batch_comes_twice_or_never(tmp_path, store, monkeypatch):
    seen = []
    batch = fitting.MotionData.batch

    def watched(self, step):
        seen.append(step)
        return batch(self, step)

    monkeypatch.setattr(fitting.MotionData, "batch", watched)
    run = Run("VAE", store, tmp_path / "run", EPOCH + 1)
    assert run() == 0
    # within an epoch, once as it was and then longer
    assert run("--resume", "true") == 0
    assert run("--resume", "true", "--trainer.max_steps", str(3 * EPOCH)) == 0
    assert seen == list(range(3 * EPOCH))
    steps = [int(row["step"]) for row in run.log() if row["validation/score"]]
    assert steps == [EPOCH - 1, EPOCH, 2 * EPOCH - 1, 3 * EPOCH - 1]
    assert run.files() == FILES


def test_the_best_checkpoint_follows_a_run_that_is_moved(tmp_path, store, monkeypatch):
    scores = iter([1.0, 3.0, 4.0])

    def on_validation_epoch_end(self):
        self.log("validation/score", next(scores))

    monkeypatch.setattr(VAE, "on_validation_epoch_end", on_validation_epoch_end)
    assert Run("VAE", store, tmp_path / "here", 2 * EPOCH)() == 0
    (tmp_path / "here").rename(tmp_path / "there")
    run = Run("VAE", store, tmp_path / "there", 3 * EPOCH)
    assert run("--resume", "true") == 0
    assert run.read("best.ckpt")["global_step"] == EPOCH
    assert not (tmp_path / "here").exists()


def test_other_batches_are_not_resumed(tmp_path, store, capsys):
    run = Run("VAE", store, tmp_path / "run", EPOCH)
    assert run() == 0
    capsys.readouterr()
    assert run("--resume", "true", "--data.epoch_steps", str(EPOCH + 1)) == 2
    assert f"epoch_steps was {EPOCH}, is {EPOCH + 1}" in capsys.readouterr().err


def test_what_a_killed_writer_left_is_removed(tmp_path, store):
    run = Run("VAE", store, tmp_path / "run", EPOCH)
    assert run() == 0
    left = [run.out / ".best.ckpt.part", run.out / "log" / ".metrics.csv.part"]
    for path in left:
        path.write_bytes(b"half")
    # finished, it writes none of them again
    assert run("--resume", "true") == 0
    assert run.files() == FILES
    # the last line of a log may be cut off, too
    with open(run.table, "a") as file:
        file.write(f"1,{EPOCH}")
    assert run("--resume", "true", "--trainer.max_steps", str(2 * EPOCH)) == 0
    assert run.files() == FILES
    assert [int(row["step"]) for row in run.log()] == sorted({int(r["step"]) for r in run.log()})


@pytest.mark.parametrize("room", [0, 1000, 300_000])
def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path, room):
    file = tmp_path / "last.ckpt"
    checkpoint.write(file, {"weights": torch.ones(100_000)})
    before = file.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
    try:
        with pytest.raises(OSError) as raised:
            checkpoint.write(file, {"weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    said = r"\S+last\.ckpt: cannot be written: .*File too large; the earlier one is as it was"
    assert re.fullmatch(said, str(raised.value))
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_failing_disk_leaves_the_earlier_checkpoint(tmp_path, monkeypatch, owner, name):
    file = tmp_path / "last.ckpt"
    checkpoint.write(file, {"weights": torch.ones(10)})
    before = file.read_bytes()

    def failing(*args):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        with pytest.raises(OSError, match="last.ckpt: cannot be written: .*earlier one is as"):
            checkpoint.write(file, {"weights": torch.zeros(10)})
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_failing_disk_ends_a_run_with_one_line(tmp_path, store, monkeypatch, capsys):
    run = Run("VAE", store, tmp_path / "run", 2 * EPOCH)
    write = checkpoint.torch.save

    def full(content, stream):
        if content["global_step"] > EPOCH:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(content, stream)

    monkeypatch.setattr(checkpoint.torch, "save", full)
    assert run() == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("motiongen: error: ") and "No space left on device" in said
    assert run.read()["global_step"] == EPOCH
    assert run.files() == FILES


def test_a_damaged_checkpoint_is_found(tmp_path):
    file = tmp_path / "last.ckpt"
    weights = torch.full((1000,), 0.25)
    checkpoint.write(file, {"step": 1, "weights": weights})
    assert torch.equal(checkpoint.read(file)["weights"], weights)
    content = bytearray(file.read_bytes())
    at = content.index(weights.numpy().tobytes()) + 2001
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.ckpt: is damaged"):
        checkpoint.read(file)


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_that_run_away_stop_the_run_and_leave_the_last_good_checkpoint(
    tmp_path, store, capsys, monkeypatch, family
):
    run = Run(family, store, tmp_path / "run", 2 * EPOCH)
    kind = getattr(generators, family)
    losses = kind.losses

    def run_away(self, batch):
        terms = losses(self, batch)
        wild = self.training and self.global_step == EPOCH + 1
        return {**terms, "total": terms["total"] * (float("inf") if wild else 1)}

    monkeypatch.setattr(kind, "losses", run_away)
    assert run() == 2
    said = capsys.readouterr().err
    assert re.search(rf"error: the loss of step {EPOCH + 1} is (inf|nan); clips \[\d", said), said
    assert run.read()["global_step"] == EPOCH
    assert all(value.isfinite().all() for value in run.read()["state_dict"].values())
    assert run.files() == FILES


def test_weights_that_are_no_numbers_are_not_saved(tmp_path, store, capsys, monkeypatch):
    run = Run("VAE", store, tmp_path / "run", 2 * EPOCH)
    after_step = VAE.after_step

    def broken(self):
        after_step(self)
        if self.global_step == 2 * EPOCH:
            next(self.parameters()).data[0] = float("nan")

    monkeypatch.setattr(VAE, "after_step", broken)
    assert run() == 2
    assert f"after {2 * EPOCH} steps the weights" in capsys.readouterr().err
    assert run.read()["global_step"] == EPOCH
