"""A sweep on this machine: one process after another trial, or several at a time."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import optuna

from motiongen.sweeping.results import read_result, write_result
from motiongen.sweeping.space import Sweep
from motiongen.sweeping.study import Book, Taken
from motiongen.sweeping.tracking import Tracker
from motiongen.sweeping.trial import Interrupted, run_trial
from motiongen.viewer.page import write_text

#: seconds between two looks at what others are doing
PAUSE = 0.2
#: seconds between two looks at the workers, and for a worker to save what it does
LOOK, GRACE = 1.0, 30.0
#: workers that may die one after another before a sweep gives up
DEATHS = 3
#: file of a trial that failed
ERROR = "error.txt"


@dataclass(frozen=True)
class Job:
    """What every worker is told."""

    sweep: Sweep
    out: Path
    project: str | None = None


def run_local(job: Job, workers: int, progress: Callable[[int, str], object]) -> int:
    """Does all trials and returns the exit code: 0, or that of the signal that ended it.

    Args:
        job: what to do.
        workers: processes; up to one, the trials are done in this process.
        progress: called with the number of finished trials and the name of the latest.
    """
    if workers <= 1:
        return work(job, progress)
    return _Crew(job, workers, progress).run()


def work(job: Job, progress: Callable[[int, str], object] = lambda count, name: None) -> int:
    """Does trials as long as there are any; returns the exit code."""
    book = Book(job.sweep, job.out)
    while True:
        taken = book.take()
        if taken is None:
            if book.finished() >= len(book.outcomes()):
                return 0
            # others are at work, and may be killed
            time.sleep(PAUSE)
            continue
        with taken.lease:
            try:
                do(book, taken, job)
            except Interrupted as stop:
                return stop.code
        progress(book.finished(), taken.trial.cell)


def do(book: Book, taken: Taken, job: Job) -> None:
    """Does one trial and notes how it went."""
    trial, folder = taken.trial, book.folder(taken.trial)
    path = book.result(trial)
    # killed between the result and the note of it, or done for another sweep file
    if path.exists():
        return book.tell(taken, read_result(path)["score"]["loss"])
    tracker = Tracker(job.project, job.sweep.name) if job.project else None
    report = taken.report if job.sweep.stop is not None else None
    try:
        result = run_trial(trial, folder, report=report, tracker=tracker)
    except optuna.TrialPruned:
        return book.stopped(taken)
    except Exception as error:
        # one that fails ends no others; what it said is in the leaderboard, all of it beside it
        write_text(folder / ERROR, traceback.format_exc())
        return book.failed(taken, in_a_line(error))
    write_result(path, result)
    return book.tell(taken, result["score"]["loss"])


def in_a_line(error: Exception) -> str:
    """What an error says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


class _Crew:
    """Several processes that do the trials of a sweep; those that die are replaced."""

    def __init__(self, job: Job, workers: int, progress: Callable[[int, str], object]) -> None:
        self.job, self.workers, self.progress = job, workers, progress
        # a server that has imported everything forks each worker: an import takes seconds
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["motiongen.sweeping.local"])
        self.processes: list[Any] = []
        self.deaths, self.finished = 0, 0

    def run(self) -> int:
        """Does all trials; returns the exit code."""
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            for _ in range(self.workers):
                self._start()
            self._watch(Book(self.job.sweep, self.job.out))
            return 0
        except Interrupted as stop:
            return stop.code
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        finally:
            signal.signal(signal.SIGTERM, before)
            # each saves its training first
            for process in self.processes:
                process.terminate()
            for process in self.processes:
                process.join()

    def _start(self) -> None:
        process = self.context.Process(target=_employ, args=(self.job,))
        process.start()
        self.processes.append(process)

    def _watch(self, book: Book) -> None:
        while self.processes:
            wait([process.sentinel for process in self.processes], timeout=LOOK)
            self._count(book.finished())
            for process in [p for p in self.processes if p.exitcode is not None]:
                self.processes.remove(process)
                if process.exitcode:
                    self._replace(process.exitcode)

    def _count(self, finished: int) -> None:
        if finished > self.finished:
            self.finished, self.deaths = finished, 0
            self.progress(finished, "")

    def _replace(self, code: int) -> None:
        """A worker that was killed: another one goes on with its trial.

        Raises:
            OSError: if that does not help.
        """
        self.deaths += 1
        if self.deaths > DEATHS:
            raise OSError(
                f"{self.deaths} workers ended with exit code {code}, without a finished trial "
                "in between; is there too little memory for so many (--workers)?"
            )
        self._start()


def _interrupt(number: int, frame: object) -> None:
    raise Interrupted(128 + number)


def _employ(job: Job) -> None:
    """A worker: does trials, and ends in good order when its parent has died."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(work(job))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)
