"""A sweep on a cluster: Ray Tune places the trials, stops those that fall behind, and retries.

What is tried next comes from the same account as on one machine (`study.Book`), through Tune's
`Searcher`. So the same file gives the same trials, a killed sweep resumes from the same journal,
and a grid has the same leaderboard wherever it was run; Tune's own state is not needed for it.

Every node needs the package and the stores at the same paths. Where the folder of the sweep is
on a disk that all nodes share, a trial that was interrupted goes on from its checkpoint on any of
them, else on the node that it was on, and from its beginning on others. Results come back through
Ray.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from motiongen.data.lock import Lock
from motiongen.sharding.cluster import connected
from motiongen.sweeping.local import Job, in_a_line
from motiongen.sweeping.options import Stop
from motiongen.sweeping.results import read_result, write_result
from motiongen.sweeping.space import SEED
from motiongen.sweeping.study import Book, Taken
from motiongen.sweeping.tracking import Tracker
from motiongen.sweeping.trial import TIMES, Trial, run_trial

Progress = Callable[[int, str], object]
#: keys of what a trial reports: a validation, or its end
STEP, VALIDATION, RESULT, ERROR, SPENT = "step", "validation", "result", "error", "times"
#: times that Tune starts a trial again whose node was lost
RETRIES = 3
#: seconds that a trial waits for another process in its folder, left over from a killed sweep
PATIENCE = 120.0
#: steps beyond any training, for a scheduler that wants a last one
ENDLESS = 10**9
#: validation score of a trial that has none
WORST = 1e30


def on_ray(address: str | None) -> Callable[[Job, int, Progress], int]:
    """Runs the trials of a job on a cluster.

    Args:
        address: of the cluster; None: one that is found, else one that is started here.
    """

    def run(job: Job, workers: int, progress: Progress) -> int:
        # Tune would show its own tables, and change the folder that relative paths start from
        os.environ.update(
            RAY_CHDIR_TO_TRIAL_DIR="0",
            RAY_AIR_NEW_OUTPUT="0",
            TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        )
        told = {"env_vars": {"OMP_NUM_THREADS": "1", "RAY_CHDIR_TO_TRIAL_DIR": "0"}}
        with connected(address, logging_level="ERROR", runtime_env=told):
            return _run(job, workers, progress)

    return run


def _run(job: Job, workers: int, progress: Progress) -> int:
    book = Book(job.sweep, job.out)
    left = book.total - book.finished()
    if left <= 0:
        return 0
    account = Account(book, job, progress)
    needs = {"cpu": job.sweep.cluster.cpus, "gpu": job.sweep.cluster.gpus}
    require_room(needs, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    storage = job.out.resolve() / "ray"
    tuner = tune.Tuner(
        tune.with_resources(_trainable, needs),
        tune_config=tune.TuneConfig(
            search_alg=account,
            scheduler=scheduler(job.sweep.stop, searched=job.sweep.search is not None),
            num_samples=left,
            max_concurrent_trials=workers or None,
            # a process that has imported everything does the next trial, too
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(storage),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        account.release()
        # all that counts is in the journal and in the results
        shutil.rmtree(storage, ignore_errors=True)
    # Tune ends in good order, too, when it is interrupted
    return 0 if all(o.state.is_finished() for o in book.outcomes()) else 128 + signal.SIGINT


def require_room(needs: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> None:
    """Refuses trials that fit on no node: Tune would wait for one that never comes.

    Raises:
        ValueError: says what is needed and what there is.
    """
    for node in nodes:
        if all(node.get(name.upper(), 0) >= amount for name, amount in needs.items()):
            return
    found = "; ".join(f"{n.get('CPU', 0):g} CPUs, {n.get('GPU', 0):g} GPUs" for n in nodes)
    raise ValueError(
        f"cluster: a trial needs {needs['cpu']:g} CPUs and {needs['gpu']:g} GPUs of one node; "
        f"the nodes have {found or 'nothing'}"
    )


def scheduler(stop: Stop | None, *, searched: bool) -> TrialScheduler:
    """What ends trainings early: nothing, unless it is asked for.

    Args:
        stop: when.
        searched: whether cells are searched, each by itself, and not compared with each other.
    """
    return FIFOScheduler() if stop is None else Halving(stop, searched=searched)


class Halving(FIFOScheduler):
    """ASHA among trainings that can be compared: of one seed and, in a search, of one cell.

    A seed decides who is held back, and one family's losses say nothing of another's.
    """

    def __init__(self, stop: Stop, *, searched: bool) -> None:
        super().__init__()
        self.stop, self.searched = stop, searched
        self.groups: dict[tuple[str, str], ASHAScheduler] = {}

    def of(self, trial: Any) -> ASHAScheduler:
        """The one that a trial is compared in."""
        known = json.loads(json.loads(trial.config["order"])["trial"])
        key = (known["cell"] if self.searched else "", str(known["labels"].get(SEED, "")))
        if key not in self.groups:
            self.groups[key] = ASHAScheduler(
                time_attr=STEP,
                metric=VALIDATION,
                mode="min",
                max_t=ENDLESS,
                grace_period=self.stop.min_steps,
                reduction_factor=self.stop.factor,
            )
        return self.groups[key]

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Tells the trial's own."""
        self.of(trial).on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict) -> str:
        """Asks the trial's own whether to go on."""
        return self.of(trial).on_trial_result(tune_controller, trial, result)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict) -> None:
        """Tells the trial's own."""
        self.of(trial).on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Tells the trial's own."""
        self.of(trial).on_trial_remove(tune_controller, trial)


@dataclass(frozen=True)
class Order:
    """What a node is told, as plain text."""

    trial: str
    folder: str
    start: str
    project: str | None
    sweep: str
    stops: bool

    def as_dict(self) -> dict[str, Any]:
        """For Tune."""
        return {"order": json.dumps(self.__dict__)}


class Account(Searcher):
    """Gives Tune the trials of a `Book` and notes what becomes of them."""

    def __init__(self, book: Book, job: Job, progress: Progress) -> None:
        super().__init__()
        self.book, self.job, self.progress = book, job, progress
        self.taken: dict[str, Taken] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial; those whose results are there already are only noted."""
        while True:
            taken = self.book.take()
            if taken is None:
                # what is left is the same as what is being done: its result will do
                return None if self.taken else Searcher.FINISHED
            path = self.book.result(taken.trial)
            if not path.exists():
                break
            self.book.tell(taken, read_result(path)["score"]["loss"])
        self.taken[trial_id] = taken
        folder = self.book.folder(taken.trial).resolve()
        return Order(
            trial=taken.trial.to_json(),
            folder=str(folder),
            start=os.getcwd(),
            project=self.job.project,
            sweep=self.job.sweep.name,
            stops=self.job.sweep.stop is not None,
        ).as_dict()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Notes the end of a trial as soon as it is known."""
        taken = self.taken.get(trial_id)
        if taken is None:
            return
        if result.get(RESULT):
            found = json.loads(result[RESULT])
            write_result(self.book.result(taken.trial), found)
            times = self.book.folder(taken.trial) / TIMES
            if not times.exists():
                times.parent.mkdir(parents=True, exist_ok=True)
                times.write_text(result[SPENT], encoding="utf-8")
            self.book.tell(taken, found["score"]["loss"])
        elif result.get(ERROR):
            self.book.failed(taken, result[ERROR])
        else:
            return
        del self.taken[trial_id]
        self.progress(self.book.finished(), taken.trial.cell)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Notes a trial that ended in another way: stopped early, or its node lost for good."""
        if result:
            self.on_trial_result(trial_id, result)
        taken = self.taken.pop(trial_id, None)
        if taken is None:
            return
        if error or not result:
            self.book.failed(taken, f"its process ended {RETRIES + 1} times")
        else:
            self.book.stopped(taken)
        self.progress(self.book.finished(), taken.trial.cell)

    def release(self) -> None:
        """Gives back what was not done."""
        for taken in self.taken.values():
            taken.lease.release()
        self.taken.clear()

    def save(self, checkpoint_path: str) -> None:
        """Nothing is left to save: the journal has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing is left to restore."""


def _trainable(config: dict[str, Any]) -> None:
    """Does one trial on a node and reports how it ended."""
    order = Order(**json.loads(config["order"]))
    os.environ["OMP_NUM_THREADS"] = "1"
    if Path(order.start).is_dir():
        # paths of the sweep file may be relative to it
        os.chdir(order.start)
    folder, last = Path(order.folder), {VALIDATION: WORST}

    def report(step: int, value: float) -> None:
        last[VALIDATION] = value
        tune.report({STEP: step, **last})

    tracker = Tracker(order.project, order.sweep) if order.project else None
    try:
        with Lock(folder / "busy") as lease:
            lease.wait(PATIENCE)
            trial = Trial.from_json(order.trial)
            result = run_trial(
                trial, folder, report=report if order.stops else None, tracker=tracker
            )
    except Exception as error:
        tune.report({STEP: ENDLESS, **last, ERROR: in_a_line(error)})
        return
    spent = (folder / TIMES).read_text(encoding="utf-8")
    tune.report({STEP: ENDLESS, **last, RESULT: json.dumps(result), SPENT: spent})
