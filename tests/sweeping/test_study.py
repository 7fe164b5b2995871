"""The account of trials: each is given out once, and again if its process has died."""

import optuna
import pytest

from motiongen.sweeping import local
from motiongen.sweeping.local import Job, do, work
from motiongen.sweeping.options import Distribution, Search
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.results import read_result
from motiongen.sweeping.sampler import distribution
from motiongen.sweeping.study import COMPLETE, FAILED, PRUNED, RUNNING, Book

SEARCH = {
    "trials": 12,
    "model.latent": {"low": 4, "high": 64, "log": True},
    "model.learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
    "model.encoder.kernel": {"choices": [3, 5]},
}


@pytest.fixture
def book(tiny, tmp_path):
    def open_book(**sections):
        made = Book(read_sweep(tiny(**sections)), tmp_path / "out")
        made.prepare()
        return made

    return open_book


@pytest.fixture
def fake(made, monkeypatch):
    """Trials that only say who they are; `fake.done` lists them."""
    done = []

    def run_trial(trial, folder, **options):
        done.append(trial)
        own = {k: v for k, v in trial.labels.items() if k != "seed"} or {"model": "VAE"}
        loss = trial.varied.get("model.learning_rate", 0.5) * 100
        return {**made(loss, trial.varied.get("seed", 0), **own), "varied": trial.varied}

    monkeypatch.setattr(local, "run_trial", run_trial)
    run_trial.done = done
    return run_trial


def test_each_trial_is_given_out_once(book, fake):
    first, second = book(), book()
    taken = [first.take(), second.take()]
    assert taken[0].trial.name != taken[1].trial.name
    assert [o.state for o in first.outcomes()][:2] == [RUNNING, RUNNING]
    for each in taken:
        first.tell(each, 1.0)
    assert work(Job(first.sweep, first.out)) == 0
    assert len(fake.done) == 6 and first.finished() == first.total == 8
    assert {o.state for o in second.outcomes()} == {COMPLETE}
    assert second.take() is None


def test_what_a_dead_process_was_doing_is_done_with_the_same_values(book, fake):
    left = book(grid=None, search=SEARCH)
    # as the kernel does when a process dies
    left.take().lease.release()
    before = [o.trial for o in left.outcomes()]
    again = book(grid=None, search=SEARCH)
    assert work(Job(again.sweep, again.out)) == 0
    assert fake.done[0] == before[0]
    assert [o.state for o in again.outcomes()] == [COMPLETE] * 12


def test_a_result_that_was_not_noted_any_more_is_not_made_again(book, fake):
    first = book()
    taken = first.take()
    path = first.result(taken.trial)
    do(first, taken, Job(first.sweep, first.out))
    made_at = path.stat().st_mtime_ns
    (first.out / "journal.log").unlink()
    again = book()
    assert work(Job(again.sweep, again.out)) == 0
    assert len(fake.done) == 8 and path.stat().st_mtime_ns == made_at


def test_a_trial_that_fails_ends_no_others_and_is_tried_again(book, fake, monkeypatch):
    def fails(trial, folder, **options):
        if trial.labels["seed"] == "1" and trial.labels["model"] == "VAE":
            raise KeyError("no\nsuch thing")
        return fake(trial, folder, **options)

    monkeypatch.setattr(local, "run_trial", fails)
    first = book()
    assert work(Job(first.sweep, first.out)) == 0
    failed = [o for o in first.outcomes() if o.state == FAILED]
    assert [o.trial.cell for o in failed] == ["VAE CNN", "VAE RNN"]
    assert failed[0].error == r"'no\nsuch thing'"
    assert "KeyError" in (first.folder(failed[0].trial) / "error.txt").read_text()
    monkeypatch.setattr(local, "run_trial", fake)
    again = book()
    assert work(Job(again.sweep, again.out)) == 0
    assert [o.state for o in again.outcomes()] == [COMPLETE] * 8


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_is_interrupted_samples_the_same(tiny, tmp_path, fake, sampler):
    sweep = read_sweep(tiny(grid=None, search={**SEARCH, "sampler": sampler}))
    whole = Book(sweep, tmp_path / "whole")
    work(Job(sweep, whole.out))
    expected = [trial.varied for trial in fake.done]
    fake.done.clear()
    for _ in range(4):
        # a new process each time, which dies over its last trial
        part = Book(sweep, tmp_path / "parts")
        part.prepare()
        for _ in range(2):
            do(part, part.take(), Job(sweep, part.out))
        part.take().lease.release()
    rest = Book(sweep, tmp_path / "parts")
    work(Job(sweep, rest.out))
    assert [trial.varied for trial in fake.done] == expected
    assert len({str(values) for values in expected}) == 12
    other = read_sweep(tiny(grid=None, search={**SEARCH, "sampler_seed": 1}))
    fake.done.clear()
    work(Job(other, tmp_path / "other"))
    assert fake.done[0].varied != expected[0]


def test_a_search_is_made_in_each_cell(book, fake):
    made = book(grid={"model": ["VAE", "GAN"], "seed": [0, 1]}, search={**SEARCH, "trials": 2})
    assert made.total == 8
    work(Job(made.sweep, made.out))
    assert [(t.cell, t.varied["seed"]) for t in fake.done] == [
        *[("VAE", 0)] * 2,
        *[("VAE", 1)] * 2,
        *[("GAN", 0)] * 2,
        *[("GAN", 1)] * 2,
    ]


def test_values_that_come_twice_are_done_once(book, fake):
    search = {"trials": 5, "model.encoder.kernel": {"choices": [3, 5]}}
    made = book(grid=None, search=search)
    assert work(Job(made.sweep, made.out)) == 0
    assert len(fake.done) == len(made.outcomes()) <= 2


def test_trials_that_fall_behind_are_stopped(book, monkeypatch, made):
    reported = []

    def trains(trial, folder, *, report, tracker):
        value = trial.varied["model.learning_rate"]
        for step in (2, 4, 8, 16):
            report(step, value)
            report(step, value)
            reported.append((trial.name, step))
        return made(value, model="VAE")

    monkeypatch.setattr(local, "run_trial", trains)
    kept = book(grid=None, search=SEARCH, stop={"min_steps": 2, "factor": 2})
    assert work(Job(kept.sweep, kept.out)) == 0
    states = [o.state for o in kept.outcomes()]
    assert set(states) == {COMPLETE, PRUNED} and states[0] == COMPLETE
    best = min(kept.outcomes(), key=lambda o: o.trial.varied["model.learning_rate"])
    assert best.state == COMPLETE
    assert len(reported) < 4 * len(states)
    again = book(grid=None, search=SEARCH, stop={"min_steps": 2, "factor": 2})
    assert again.take() is None


def test_a_line_that_was_being_written_is_cut_off(book, fake):
    first = book()
    do(first, first.take(), Job(first.sweep, first.out))
    with open(first.out / "journal.log", "ab") as file:
        file.write(b'{"op_code": 6, "worker')
    again = book()
    assert work(Job(again.sweep, again.out)) == 0
    assert [o.state for o in again.outcomes()] == [COMPLETE] * 8 and len(fake.done) == 8
    assert all(read_result(again.result(o.trial)) for o in again.outcomes())


def test_distributions_are_those_of_the_file():
    assert distribution(Distribution(low=8, high=64, step=8)) == (
        optuna.distributions.IntDistribution(8, 64, False, 8)
    )
    assert distribution(Distribution(low=0.5, high=2, log=True)) == (
        optuna.distributions.FloatDistribution(0.5, 2.0, True)
    )
    assert distribution(Distribution(choices=["a", None])) == (
        optuna.distributions.CategoricalDistribution(["a", None])
    )
    with pytest.raises(ValueError, match="at least 1"):
        Search({}, trials=0)
