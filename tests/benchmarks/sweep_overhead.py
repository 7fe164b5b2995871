"""What a sweep costs besides its trials, which only sleep here: leases, journal, results.

    python tests/benchmarks/sweep_overhead.py [--trials 30] [--workers 1 2] [--seconds 0.2]

Prints JSON: seconds that a trial costs besides its own, what share that is of a trial of 60
seconds, and what start and leaderboard cost once.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from motiongen.sweeping import local, running
from motiongen.sweeping.local import Job
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.study import Book

#: of the trial that the overhead is compared with, and the share that is allowed
TRIAL, ALLOWED = 60.0, 0.03


def result_of(trial) -> dict:
    """What a trial would find, as large as it usually is."""
    columns = {
        f"score {n}": {"title": f"score {n}", "unit": "", "better": "low"} for n in range(15)
    }
    values = {name: [0.123456] * 5 for name in columns}
    rows = {"samples": {"kind": "generated", "n": 145, "values": values}}
    for name in ("real", "class mean", "noisy copy", "copy"):
        values = dict.fromkeys(columns, 0.123456)
        rows[name] = {"kind": "reference", "n": 145, "values": values}
    columns["fid"] = {"title": "FID", "unit": "", "better": "low"}
    table = {"reference": "real", "columns": columns, "rows": rows}
    seed = trial.varied["seed"]
    return {
        **{"cell": trial.cell, "labels": trial.labels, "varied": trial.varied, "seed": seed},
        **{"fit": trial.words, "steps": 1, "scoring": trial.score.__dict__, "parameters": 1},
        "score": {"metric": "fid", "table": "table 0", "value": seed, "real": 0, "loss": seed},
        "scores": {f"table {n}": table for n in range(4)},
        **{"data": {"store": "", "manifest_sha256": "", "validation_subjects": []}},
        **{"versions": {}, "version": "", "commit": ""},
    }


def sleep(seconds: float) -> None:
    """Puts trials that sleep in the place of those that train."""

    def run_trial(trial, folder, **options) -> dict:
        time.sleep(seconds)
        return result_of(trial)

    local.run_trial = run_trial


def measured(trials: int, workers: int, seconds: float) -> dict[str, float]:
    """Seconds for each trial besides its own, and those that are spent once."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "overhead.yaml", Path(folder) / "out"
        file.write_text(json.dumps({"grid": {"seed": list(range(trials))}}))
        book = Book(read_sweep(file), out)
        book.prepare()
        words = [sys.executable, __file__, "--work", str(file), "--seconds", str(seconds)]
        crew = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(workers)]
        spans = [json.loads(process.communicate()[0]) for process in crew]
        assert book.finished() == trials
        begun = time.perf_counter()
        running.write_leaderboard(book)
        board = time.perf_counter() - begun
    # all workers have begun, and none has ended yet: what one trial takes of one of them
    each = sum(end - begin for begin, end in spans) / trials - seconds
    return {
        "workers": workers,
        "seconds_a_trial": round(each, 4),
        "share_of_60_s": round(each / TRIAL, 6),
        "leaderboard_seconds": round(board, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        sleep(args.seconds)
        begin = time.time()
        local.work(Job(read_sweep(args.work), args.work.parent / "out"))
        print(json.dumps([begin, time.time()]))
        return
    rows = [measured(args.trials, workers, args.seconds) for workers in args.workers]
    within = all(row["share_of_60_s"] < ALLOWED for row in rows)
    print(json.dumps({"trials": args.trials, "runs": rows, "within_3_percent": within}, indent=1))


if __name__ == "__main__":
    main()
