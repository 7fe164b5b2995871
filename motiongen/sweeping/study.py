"""The account of all trials of a sweep, kept by Optuna: what waits, runs, is done or failed."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from motiongen.data.lock import Lock
from motiongen.sweeping.journal import JournalLock
from motiongen.sweeping.options import Search
from motiongen.sweeping.sampler import distribution, pruner, sampler
from motiongen.sweeping.space import SEED, Point, Sweep
from motiongen.sweeping.trial import Trial
from motiongen.trust import TRUST

WAITING, RUNNING, COMPLETE, PRUNED, FAILED = (
    *(TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE),
    *(TrialState.PRUNED, TrialState.FAIL),
)
JOURNAL = "journal.log"
#: attributes of a trial of Optuna: ours, its error, and whether it is one that failed before
OURS, ERROR, AGAIN = "trial", "error", "again"


@dataclass
class Taken:
    """A trial that this process is to do, and its lease."""

    trial: Trial
    study: optuna.Study
    number: int
    lease: Lock

    def report(self, step: int, value: float) -> None:
        """Notes the score of a validation.

        Raises:
            optuna.TrialPruned: if the training has fallen behind and is to end.
        """
        handle = optuna.trial.Trial(self.study, _trial_id(self.study, self.number))
        # a resumed training repeats the validations since its last checkpoint
        if step not in handle._get_latest_trial().intermediate_values:  # noqa: SLF001
            handle.report(value, step)
        if handle.should_prune():
            raise optuna.TrialPruned(f"stopped after {step} steps")


@dataclass
class Outcome:
    """What the account says of a trial."""

    trial: Trial
    state: TrialState
    error: str = ""
    last_step: int | None = None


@dataclass
class Group:
    """A study of Optuna: the points of a grid, or the search at one of them."""

    study: optuna.Study
    points: list[Point]
    search: Search | None


class Book:
    """Gives out the trials of a sweep, each to one process at a time.

    Whatever a process that died was doing is given out again, with the same values: a trial is
    running as long as somebody holds its lease, and a lease ends with its process.

    Args:
        sweep: what is to be done.
        out: folder of the sweep.
    """

    def __init__(self, sweep: Sweep, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.sweep, self.out = sweep, out
        lock = JournalLock(out / f"{JOURNAL}.lock")
        with journal_of(lock):
            _mend(out / JOURNAL)
        self.storage = JournalStorage(JournalFileBackend(str(out / JOURNAL), lock_obj=lock))
        self.groups = self._groups()

    def _groups(self) -> list[Group]:
        sweep, name = self.sweep, f"{self.sweep.name}-{self.sweep.fingerprint}"
        points = sweep.points()
        if sweep.search is None and sweep.stop is None:
            return [Group(self._study(name), points, None)]
        if sweep.search is None:
            # a seed decides who is held back: scores of other people cannot be compared
            seeds = dict.fromkeys(point.labels.get(SEED, "") for point in points)
            of_seed = {
                seed: [point for point in points if point.labels.get(SEED, "") == seed]
                for seed in seeds
            }
            return [
                Group(self._study(f"{name}-seed{seed}"), own, None)
                for seed, own in of_seed.items()
            ]
        return [
            Group(self._study(f"{name}-{number}"), [point], sweep.search)
            for number, point in enumerate(points)
        ]

    def _study(self, name: str) -> optuna.Study:
        return optuna.create_study(
            storage=self.storage,
            study_name=name,
            direction="minimize",
            # what is sampled is sampled in `_propose`; this one is never asked
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=pruner(self.sweep.stop),
            load_if_exists=True,
        )

    def folder(self, trial: Trial) -> Path:
        """Where a trial is trained."""
        return self.out / "trials" / trial.name

    def result(self, trial: Trial) -> Path:
        """The file with the result of a trial."""
        return self.out / "results" / trial.result

    def prepare(self) -> None:
        """Puts what is known to be done on the list, what failed before once more.

        To be called by one process, before others take trials.
        """
        for group in self.groups:
            done = [(trial, state) for trial, state, _ in _ours(group.study)]
            kept = {trial.name for trial, state in done if state != FAILED}
            if group.search is None:
                wanted = [(Trial.of(point, self.sweep.score), {}, {}) for point in group.points]
            else:
                wanted = [
                    (trial, found.params, found.distributions)
                    for trial, state, found in _ours(group.study)
                    if state == FAILED
                ]
            for trial, params, distributions in wanted:
                if trial.name not in kept:
                    kept.add(trial.name)
                    _add(group.study, trial, params, distributions, again=bool(params))

    def take(self) -> Taken | None:
        """The next trial that nobody is at work on; None if there is none at the moment."""
        with Lock(self.out / "taking.lock") as turn:
            turn.wait(60.0)
            for group in self.groups:
                for trial, state, found in _ours(group.study):
                    if state in (WAITING, RUNNING) and (
                        taken := self._leased(group, trial, found.number)
                    ):
                        return taken
            for group in self.groups:
                if group.search is not None and _sampled(group.study) < group.search.trials:
                    self._propose(group, group.search)
                    trial, _, found = _ours(group.study)[-1]
                    if taken := self._leased(group, trial, found.number):
                        return taken
        return None

    def _leased(self, group: Group, trial: Trial, number: int) -> Taken | None:
        lease = Lock(self.folder(trial) / "lease")
        if not lease.take():
            return None
        identity = _trial_id(group.study, number)
        state = self.storage.get_trial(identity).state
        # somebody may have finished it in between
        if state.is_finished():
            lease.release()
            return None
        if state == WAITING:
            self.storage.set_trial_state_values(identity, RUNNING)
        return Taken(trial, group.study, number, lease)

    def _propose(self, group: Group, search: Search) -> None:
        """Adds a sampled trial: at once, so that a killed process leaves all of it or nothing."""
        trials = group.study.get_trials(deepcopy=False)
        imagined = optuna.create_study(sampler=sampler(search, _sampled(group.study)))
        imagined.add_trials([t for t in trials if t.state in (COMPLETE, PRUNED)])
        distributions = {key: distribution(d) for key, d in search.keys.items()}
        params = imagined.ask(distributions).params
        trial = Trial.of(group.points[0], self.sweep.score, params)
        _add(group.study, trial, params, distributions)

    def tell(self, taken: Taken, loss: float) -> None:
        """Notes that a trial is done."""
        taken.study.tell(taken.number, loss)
        taken.lease.release()

    def stopped(self, taken: Taken) -> None:
        """Notes that a trial was stopped early."""
        taken.study.tell(taken.number, state=PRUNED)
        taken.lease.release()

    def failed(self, taken: Taken, error: str) -> None:
        """Notes that a trial cannot be done; the next start of the sweep tries it again."""
        identity = _trial_id(taken.study, taken.number)
        self.storage.set_trial_user_attr(identity, ERROR, error)
        taken.study.tell(taken.number, state=FAILED)
        taken.lease.release()

    @property
    def total(self) -> int:
        """Trials of the whole sweep."""
        return sum(len(g.points) if g.search is None else g.search.trials for g in self.groups)

    def finished(self) -> int:
        """Trials that are done, stopped or failed."""
        return sum(outcome.state.is_finished() for outcome in self.outcomes())

    def outcomes(self) -> list[Outcome]:
        """The latest of every trial: in the order of the grid, those of a search as sampled."""
        found = []
        for group in self.groups:
            latest: dict[str, Outcome] = {}
            for trial, state, kept in _ours(group.study):
                self._refuse_trust(trial)
                steps = [*kept.intermediate_values]
                last = max(steps) if steps and state == PRUNED else None
                error = kept.user_attrs.get(ERROR, "")
                latest[trial.name] = Outcome(trial, state, error, last)
            if group.search is None:
                order = [Trial.of(point, self.sweep.score).name for point in group.points]
                latest = {name: latest[name] for name in order if name in latest}
            found += latest.values()
        return found

    def _refuse_trust(self, trial: Trial) -> None:
        """The folder may come from elsewhere; whom to trust is said on the command line alone."""
        if TRUST in trial.words and not self.sweep.base.trust_code:
            raise ValueError(
                f"{self.out}: trial {trial.name} allows classes from outside motiongen; if you "
                f"trust their authors, add {TRUST}"
            )


def _ours(study: optuna.Study) -> list[tuple[Trial, TrialState, FrozenTrial]]:
    return [
        (Trial.from_json(found.user_attrs[OURS]), found.state, found)
        for found in study.get_trials(deepcopy=False)
    ]


def _add(
    study: optuna.Study,
    trial: Trial,
    params: dict[str, Any],
    distributions: dict[str, BaseDistribution],
    *,
    again: bool = False,
) -> None:
    study.add_trial(
        create_trial(
            state=WAITING,
            params=params,
            distributions=distributions,
            user_attrs={OURS: trial.to_json(), AGAIN: again},
        )
    )


def _sampled(study: optuna.Study) -> int:
    """Trials of a search, without those that are done once more."""
    return sum(not found.user_attrs[AGAIN] for found in study.get_trials(deepcopy=False))


def _trial_id(study: optuna.Study, number: int) -> int:
    return study.get_trials(deepcopy=False)[number]._trial_id  # noqa: SLF001


@contextlib.contextmanager
def journal_of(lock: JournalLock) -> Iterator[None]:
    """Holds the lock of a journal for a while."""
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _mend(journal: Path) -> None:
    """Cuts off a line without an end: it was being written when its writer was killed."""
    if not journal.exists():
        return
    text = journal.read_bytes()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        os.truncate(journal, whole)
