"""What Ray Tune is told, without a cluster; with one: `test_killed.py`."""

import json
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
from ray.tune.search import Searcher

from motiongen.sweeping import cluster
from motiongen.sweeping.local import Job
from motiongen.sweeping.options import Stop
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.results import read_result
from motiongen.sweeping.study import COMPLETE, FAILED, PRUNED, Book
from motiongen.sweeping.trial import Trial


@pytest.fixture
def account(tiny, tmp_path):
    def make(**sections):
        book = Book(read_sweep(tiny(**sections)), tmp_path / "out")
        book.prepare()
        counts = []
        job = Job(book.sweep, book.out, "p")
        made = cluster.Account(book, job, lambda count, name: counts.append(count))
        made.counts = counts
        return made

    return make


def ended(made, loss, **more):
    result = made(loss, model="VAE")
    return {"step": 10**9, "result": json.dumps(result), "times": "{}", **more}


def test_trials_are_given_out_and_their_ends_are_noted(account, made):
    tune = account()
    order = cluster.Order(**json.loads(tune.suggest("a")["order"]))
    trial = Trial.from_json(order.trial)
    assert (trial.cell, order.project, order.stops) == ("VAE CNN", "p", False)
    assert order.folder == str(tune.book.folder(trial).resolve())
    tune.on_trial_result("a", {"step": 3, "validation": 1.0})
    assert tune.counts == []
    tune.on_trial_result("a", ended(made, 2.0))
    assert tune.counts == [1]
    assert read_result(tune.book.result(trial))["score"]["loss"] == 2.0
    # Tune says it once more when the process has ended
    tune.on_trial_complete("a", ended(made, 2.0))
    assert tune.counts == [1]
    tune.release()


def test_trials_that_stop_fail_or_are_lost_are_noted_as_such(account, made):
    tune = account()
    for name in "abcd":
        tune.suggest(name)
    tune.on_trial_result("a", {"error": "no clips"})
    tune.on_trial_complete("b", {"step": 3, "validation": 9.0})
    tune.on_trial_complete("c", error=True)
    tune.on_trial_complete("d", ended(made, 1.0))
    found = tune.book.outcomes()[:4]
    assert [o.state for o in found] == [FAILED, PRUNED, FAILED, COMPLETE]
    assert [o.error for o in found[:3]] == ["no clips", "", "its process ended 4 times"]


def test_nothing_is_left_when_all_is_given_out(account, made):
    tune = account(grid={"seed": [0, 1]}, fit={"model.encoder": "CNN"})
    tune.suggest("a")
    tune.suggest("b")
    assert tune.suggest("c") is None
    tune.on_trial_result("a", ended(made, 1.0))
    tune.on_trial_result("b", ended(made, 1.0))
    assert tune.suggest("c") == Searcher.FINISHED
    # a driver that was killed after the results came, and before they were noted
    (tune.book.out / "journal.log").unlink()
    again = account(grid={"seed": [0, 1]}, fit={"model.encoder": "CNN"})
    assert again.suggest("a") == Searcher.FINISHED
    assert [o.state for o in again.book.outcomes()] == [COMPLETE] * 2


def test_what_is_not_done_is_given_back(account):
    tune = account()
    first = tune.suggest("a")
    tune.release()
    again = account()
    assert again.suggest("b") == first
    again.release()


def test_trainings_are_stopped_only_where_asked_for():
    assert type(cluster.scheduler(None, searched=True)) is FIFOScheduler
    made = cluster.scheduler(Stop(min_steps=100, factor=4), searched=True)
    one = made.of(ray_trial("VAE", 0))
    assert isinstance(one, ASHAScheduler)
    assert (one._metric, one._time_attr) == ("validation", "step")


def ray_trial(cell, seed):
    told = json.dumps({"cell": cell, "labels": {"seed": str(seed)}})
    return SimpleNamespace(config={"order": json.dumps({"trial": told})}, trial_id=f"{cell}{seed}")


@pytest.mark.parametrize("searched", [True, False])
def test_only_what_can_be_compared_stops_each_other(searched):
    made = cluster.scheduler(Stop(min_steps=100, factor=2), searched=searched)
    decisions = {}
    # the losses of one family are thrice those of the other, those of one seed ten times
    for loss, cell, seed in ((1, "A", 0), (10, "A", 1), (3, "B", 0), (30, "B", 1)):
        trial = ray_trial(cell, seed)
        made.on_trial_add(None, trial)
        result = {"step": 100, "validation": float(loss)}
        decisions[cell, seed] = made.on_trial_result(None, trial, result)
    stopped = {key for key, decision in decisions.items() if decision == "STOP"}
    # in a grid families are compared, in a search each is searched by itself; seeds never are
    assert stopped == (set() if searched else {("B", 0), ("B", 1)})


def test_a_trial_that_fits_on_no_node_is_refused():
    nodes = [{"CPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}]
    cluster.require_room({"cpu": 4.0, "gpu": 0.5}, nodes)
    with pytest.raises(ValueError, match="needs 4 CPUs and 2 GPUs of one node; the nodes have 2 "):
        cluster.require_room({"cpu": 4.0, "gpu": 2.0}, nodes)
    with pytest.raises(ValueError, match="nothing"):
        cluster.require_room({"cpu": 1.0, "gpu": 0.0}, [])
