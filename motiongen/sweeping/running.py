"""From a sweep file to its leaderboard: what `motiongen sweep` does."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from motiongen.data.lock import Lock
from motiongen.report import Report
from motiongen.sweeping.checking import check
from motiongen.sweeping.comparison import ranks_html
from motiongen.sweeping.effects import OVER
from motiongen.sweeping.leaderboard import Board, Missing
from motiongen.sweeping.local import Job, run_local
from motiongen.sweeping.results import read_result
from motiongen.sweeping.space import Sweep
from motiongen.sweeping.study import COMPLETE, FAILED, PRUNED, Book
from motiongen.sweeping.trial import TIMES
from motiongen.viewer.page import Section, write_text

#: does the trials: given a job, a number of workers, and what shows the progress
Backend = Callable[[Job, int, Callable[[int, str], object]], int]


def run_sweep(
    sweep: Sweep,
    out: Path,
    *,
    workers: int = 1,
    backend: Backend = run_local,
    project: str | None = None,
) -> tuple[int, Report]:
    """Does all trials that are not done yet, and writes the leaderboard.

    Args:
        sweep: what to do.
        out: folder of the sweep; one that was killed goes on.
        workers: trials at a time.
        backend: where they are done.
        project: of Weights & Biases, to log each trial to.

    Returns:
        The exit code, 1 where trials have failed, and the leaderboard.

    Raises:
        ValueError: if a trial is misconfigured, another process is at work in `out`, or what is
            there was trained on other clips.
    """
    out.mkdir(parents=True, exist_ok=True)
    with Lock(out / "lock") as lock:
        if not lock.take():
            raise ValueError(f"{out}: a sweep is running there, {lock.holder()}")
        clips = check(sweep)
        book = Book(sweep, out)
        book.prepare()
        _require_same_clips(book, clips)
        try:
            with _progress(book) as shown:
                code = backend(Job(sweep, out, project), workers, shown)
        finally:
            report = write_leaderboard(book)
    failed = any(outcome.state == FAILED for outcome in book.outcomes())
    return code or int(failed), report


def _require_same_clips(book: Book, clips: Mapping[str, str]) -> None:
    for outcome in book.outcomes():
        path, cell = book.result(outcome.trial), outcome.trial.cell
        if path.exists() and read_result(path)["data"]["manifest_sha256"] != clips[cell]:
            raise ValueError(
                f"{path}: is of other clips: the store of {cell} has changed since; choose "
                "another --out"
            )


@contextmanager
def _progress(book: Book) -> Iterator[Callable[[int, str], object]]:
    with tqdm(total=book.total, initial=book.finished(), unit="trial", disable=None) as bar:

        def show(finished: int, name: str) -> None:
            bar.set_postfix_str(name)
            bar.update(finished - bar.n)

        yield show


def write_leaderboard(book: Book) -> Report:
    """Writes what was found so far: JSON, Markdown, a page, and how long it took beside it."""
    results, missing, times = [], [], {}
    for outcome in book.outcomes():
        trial = outcome.trial
        if outcome.state == COMPLETE:
            results.append(read_result(book.result(trial)))
        else:
            missing.append(Missing(trial.cell, trial.labels, _why(outcome)))
        if (path := book.folder(trial) / TIMES).exists():
            times[trial.result] = json.loads(path.read_text(encoding="utf-8"))
    board = Board.of(book.sweep, results, missing)
    report, first = board.report(), []
    if results and (comparison := board.comparison()) is not None:
        first.append(Section("Who is ahead", ranks_html(comparison, OVER)))
    report.to_json(book.out / "leaderboard.json")
    write_text(book.out / "leaderboard.md", report.to_markdown())
    replace(report, sections=first).to_html(book.out / "leaderboard.html")
    write_text(book.out / "times.json", json.dumps(_with_total(times), indent=1) + "\n")
    return report


def _why(outcome: Any) -> str:
    if outcome.state == FAILED:
        return f"failed: {outcome.error}"
    if outcome.state == PRUNED:
        return "stopped early, as others were ahead"
    return "not done yet"


def _with_total(times: dict[str, Any]) -> dict[str, Any]:
    """The times of each trial, and of all; a training that was killed counts from its resume."""
    parts = [part for trial in times.values() for part in trial.values()]
    total = {
        name: round(sum(part[name] for part in parts), 2) for name in ("seconds", "cpu_seconds")
    }
    return {"total": total, "trials": times}
