"""One trial of a sweep: what it is, and from a configuration to its result."""

import json
import re
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from motiongen.checkpoint import BEST, LAST, load, write_whole
from motiongen.fitting import MotionCLI, fit, prepared
from motiongen.history import LOG
from motiongen.sweeping.options import Score
from motiongen.sweeping.scores import scored
from motiongen.sweeping.settings import Settings
from motiongen.sweeping.space import Point
from motiongen.sweeping.tracking import Tracker

RUN, TRAINED, TIMES = "run", "trained.json", "times.json"
#: called with the step and the score of each validation; ends the training by an exception
Report = Callable[[int, float], None]


class Interrupted(KeyboardInterrupt):
    """A signal ended a training; `code` is the exit code that goes with it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


@dataclass(frozen=True)
class Trial:
    """One training with its score: a function of what stands here alone.

    Args:
        name: of its folder; changes with all that the training depends on.
        result: name of its result; changes with how it is scored and what it is called, too.
        cell: what is repeated over seeds.
        labels: of the alternatives, by axis.
        varied: values of all that is varied, those of a search included.
        words: of the command line of `fit`.
        score: how it is scored.
    """

    name: str
    result: str
    cell: str
    labels: dict[str, str]
    varied: dict[str, Any]
    words: list[str]
    score: Score

    @classmethod
    def of(cls, point: Point, score: Score, sampled: Mapping[str, Any] | None = None) -> "Trial":
        """The trial at a point of the grid, with the values that a search has sampled."""
        sampled = dict(sampled or {})
        settings = point.settings + Settings(keys=tuple(sampled.items()))
        words = " ".join([*point.labels.values()]) or "trial"
        slug = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[:60]
        name = f"{slug}-{settings.fingerprint(score.checkpoint)}"
        varied = {**point.varied, **sampled}
        result = f"{name}-{Settings().fingerprint(asdict(score), point.labels, varied)[:6]}.json"
        return cls(name, result, point.cell, point.labels, varied, settings.words(), score)

    def to_json(self) -> str:
        """Plain text from which another process makes the same trial."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Trial":
        """Inverse of `to_json`."""
        known = json.loads(text)
        return cls(**{**known, "score": Score(**known["score"])})


def run_trial(
    trial: Trial,
    folder: Path,
    *,
    report: Report | None = None,
    tracker: Tracker | None = None,
) -> dict[str, Any]:
    """Trains, or does what is left of it, samples and scores.

    Args:
        trial: what to do.
        folder: of this trial; a training that was killed in it goes on.
        report: see `Report`.
        tracker: logs it with Weights & Biases.

    Raises:
        Interrupted: if a signal ended the training; it can be resumed.
        ValueError: if it cannot be trained or scored.
    """
    try:
        return _run_trial(trial, folder, report=report, tracker=tracker)
    finally:
        # the next trial of this process would go on in a run that is left open
        if tracker is not None:
            tracker.close()


def _run_trial(
    trial: Trial, folder: Path, *, report: Report | None, tracker: Tracker | None
) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / RUN
    resume = (run / LAST).exists() or (run / LOG).exists()
    words = ["--trainer.enable_progress_bar=false", *trial.words, f"--out={run}"]
    cli = prepared(words)
    if tracker is not None:
        cli.trainer.loggers = [
            *cli.trainer.loggers,
            tracker.logger(trial.name, trial.varied, folder),
        ]
    times = _read(folder / TIMES)
    if not (folder / TRAINED).exists():
        with _timed(times, "train", resumed=resume):
            _train(cli, run, resume, report)
        _write(folder / TRAINED, {"steps": cli.trainer.global_step})
        _write(folder / TIMES, times)
    with _timed(times, "score"):
        file = run / (BEST if trial.score.checkpoint == "best" else LAST)
        model = load(file, trust_code=cli.trust_code)
        content = scored(model, cli.datamodule.store, trial.score)
    _write(folder / TIMES, times)
    result = {
        **{"cell": trial.cell, "labels": trial.labels, "varied": trial.varied},
        **{"seed": int(cli.config["seed"]), "fit": trial.words},
        **{"steps": _read(folder / TRAINED)["steps"], "scoring": asdict(trial.score)},
        **content,
    }
    if tracker is not None:
        tracker.finish(result)
    if trial.score.checkpoint == "best":
        # it is large, and only a training that is not done yet needs it
        (run / LAST).unlink(missing_ok=True)
    return result


def _train(cli: MotionCLI, run: Path, resume: bool, report: Report | None) -> None:
    """Trains to the end of the budget.

    Raises:
        Interrupted: if a signal came.
    """
    if report is not None:
        cli.trainer.callbacks.append(_reporting(report))  # type: ignore[attr-defined]
    if code := fit(cli.model, cli.datamodule, cli.trainer, run, resume=resume):
        raise Interrupted(code)


def _reporting(report: Report) -> Any:
    """A callback that hands on the score of each validation."""
    from pytorch_lightning.callbacks import Callback

    class Reporting(Callback):
        def on_validation_end(self, trainer: Any, model: Any) -> None:
            score = trainer.callback_metrics.get("validation/score")
            if score is not None and not trainer.sanity_checking:
                report(trainer.global_step, float(score))

    return Reporting()


@contextmanager
def _timed(times: dict[str, Any], part: str, **facts: Any) -> Any:
    """Notes seconds of the clock and of the processor, for a part that ends well."""
    clock, cpu = time.perf_counter(), _cpu_seconds()
    yield
    seconds = round(time.perf_counter() - clock, 2)
    times[part] = {"seconds": seconds, "cpu_seconds": round(_cpu_seconds() - cpu, 2), **facts}


def _cpu_seconds() -> float:
    """CPU time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))
