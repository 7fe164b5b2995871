"""Several processes take the step that one would: the same gradient, the same loss curve."""

import copy
import csv
import signal
import subprocess
import sys
import time

import pytest
import torch

from motiongen import fitting, generators, processes
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.module import MotionData
from motiongen.data.store import write_store
from motiongen.encoders import CNN
from motiongen.generators import Generator
from motiongen.processes import Process, own_rows, sharing

FAMILIES = [
    name
    for name in fitting.BARE_NAMES
    if isinstance(kind := getattr(generators, name, None), type) and issubclass(kind, Generator)
]
CLASSES = ["wave", "kick"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("processes") / "store"
    write_store(path, synthetic.synthesise(4, 2, classes=CLASSES), classes=CLASSES)
    return path


def test_rows_are_shared_evenly():
    assert [Process(rank, 3).rows(6) for rank in range(3)] == [
        slice(0, 2),
        slice(2, 4),
        slice(4, 6),
    ]
    with pytest.raises(ValueError, match="7 clips a step .* by 2 processes; allowed .* of 2"):
        Process(0, 2).rows(7)


@pytest.mark.parametrize("sets", [1, 3])
def test_own_random_numbers_are_rows_of_those_of_all(sets):
    def drawn(process, rows):
        torch.manual_seed(5)
        with sharing(process):
            return own_rows(torch.randn, sets * rows, 2, sets=sets).unflatten(0, (sets, rows))

    whole = drawn(Process(), 4)
    parts = [drawn(Process(rank, 2), 2) for rank in range(2)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


class Exchange:
    """Stands for the exchange between processes that in truth run one after the other.

    What a process adds to a sum is noted in a first pass; in the second the sums are known.
    """

    def __init__(self, count):
        self.said = [[] for _ in range(count)]
        self.rank, self.place, self.knows = 0, 0, False

    def __call__(self, value, how=None):
        if not self.knows:
            self.said[self.rank].append(value.clone())
            return
        values = torch.stack([said[self.place] for said in self.said])
        value.copy_(values.sum(0) if how is None else values.amax(0))
        self.place += 1


def gradient(model, clips, process, exchange=None):
    model.zero_grad()
    torch.manual_seed(1)
    if exchange is not None:
        exchange.rank, exchange.place = process.rank, 0
    with sharing(process):
        total = model.losses(clips.select(process.rows(len(clips))))["total"]
    total.backward()
    return total.detach(), {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in model.named_parameters()
    }


def options_of(family):
    # what couples clips: free bits look at the whole batch
    return {"free_bits": 0.3} if family in ("VAE", "LatentFlow") else {}


@pytest.mark.parametrize("family", FAMILIES)
def test_mean_gradient_of_parts_is_that_of_the_whole(family, store, monkeypatch):
    data = MotionData(store, batch_size=8)
    data.setup()
    torch.manual_seed(0)
    model = getattr(generators, family)(data.spec, CNN, **options_of(family))
    clips = data.batch(0)
    # processes see very unlike numbers of joints
    clips.confidence[:4, :, ::2] = 0.0
    model.fit_statistics(data.train_clips())
    model.train()
    before = copy.deepcopy(model.state_dict())
    total, expected = gradient(model, clips, Process())
    exchange, found = Exchange(2), []
    monkeypatch.setattr(processes.dist, "all_reduce", exchange)
    for exchange.knows in (False, True):
        found = []
        for rank in range(2):
            model.load_state_dict(before)
            found.append(gradient(model, clips, Process(rank, 2), exchange))
    assert float(sum(t for t, _ in found) / 2) == pytest.approx(float(total), rel=1e-5)
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, whole in expected.items():
        mean = sum(parts[name] for _, parts in found) / 2
        torch.testing.assert_close(mean, whole, rtol=1e-4, atol=1e-5 * largest, msg=name)


RUN = """
import sys
from motiongen.cli import main
from motiongen.generators import learning

if __name__ == "__main__":
    learning.LOG_STEPS = 1
    sys.exit(main(sys.argv[1:]))
"""
FAILING = """
import os, sys
from motiongen.cli import main
from motiongen.generators import VAE

losses = VAE.losses

def failing(self, batch):
    if self.global_step == 3 and self.global_rank == {rank}:
        raise RuntimeError("this process has no memory left")
    return losses(self, batch)

if __name__ == "__main__":
    VAE.losses = failing
    sys.exit(main(sys.argv[1:]))
"""
#: in the last part of its training a latent flow leaves its autoencoder alone
TWO = ("--trainer.devices", 2, "--trainer.strategy", "ddp_find_unused_parameters_true")


def command(script, family, store, out, steps, *more):
    """`motiongen fit` of a small model, in processes of its own."""
    words = [
        *(sys.executable, script, "fit", "--data.store", store, "--out", out),
        *("--model", family, "--model.encoder", "CNN", "--model.encoder.width", 32),
        *("--trainer.max_steps", steps, "--data.epoch_steps", 20, "--data.batch_size", 8),
        *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false", *more),
    ]
    return [str(word) for word in words]


def fit(*arguments):
    ended = subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def curve(out):
    with open(out / "log" / "metrics.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["train/total"]]
    return {int(row["step"]): float(row["train/total"]) for row in rows}


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "run.py"
    path.write_text(RUN)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_have_the_loss_curve_of_one(family, store, script, tmp_path):
    fit(script, family, store, tmp_path / "one", 50)
    ended = fit(script, family, store, tmp_path / "two", 50, *TWO)
    assert ended.stdout.count("50 steps") == 1
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert one.keys() == two.keys() == set(range(50))
    assert max(abs(one[step] - two[step]) for step in one) < 1e-4
    names = {path.name for path in (tmp_path / "two").iterdir()}
    assert names == {"best.ckpt", "last.ckpt", "log"}


@pytest.mark.slow
def test_two_processes_that_are_stopped_go_on_as_if_they_had_not(store, script, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    fit(script, "VAE", store, whole, 60, *TWO)
    words = command(script, "VAE", store, out, 60, *TWO)
    with open(tmp_path / "said", "wb") as said:
        process = subprocess.Popen(words, stdout=said, stderr=said)
    end = time.monotonic() + 300
    while not (out / "last.ckpt").exists() and time.monotonic() < end:
        time.sleep(0.1)
    # the first process alone is told; the other one must not wait for it
    process.terminate()
    assert process.wait(120) == 128 + signal.SIGTERM, (tmp_path / "said").read_text()
    fit(script, "VAE", store, out, 60, *TWO, "--resume", "true")
    first, second = (torch.load(f / "last.ckpt", weights_only=True) for f in (whole, out))
    assert first["global_step"] == second["global_step"] == 60
    for name, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][name]), name
    assert curve(whole) == curve(out)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_no_process_waits_for_one_that_failed(rank, store, tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(FAILING.format(rank=rank))
    words = command(script, "VAE", store, tmp_path / "out", 50, *TWO)
    ended = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode != 0
    assert "this process has no memory left" in ended.stderr + ended.stdout


def test_an_odd_batch_is_refused_before_anything_is_written(store, tmp_path, capsys):
    words = ["fit", "--data.store", str(store), "--out", str(tmp_path / "out")]
    words += ["--data.batch_size", "7", "--trainer.accelerator", "cpu", *map(str, TWO)]
    assert main(words) == 2
    assert "data.batch_size: 7 clips a step cannot be shared" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
