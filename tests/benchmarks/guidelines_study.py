"""The study behind GUIDELINES.md: data size, noise, missing joints and a Kinect, cell by cell.

    python tests/benchmarks/guidelines_study.py RECORDINGS [--phases stores sweeps scores]

Trains what configs/sweep/guidelines_*.yaml list, by `motiongen sweep`, one factor at a time
around a centre, and scores each model on people that neither it nor its choice of a checkpoint
saw. All models of a data set are measured with one ruler, whatever they learned from: synthetic
ones against clean clips of people 13 to 16, in a feature space fitted on clean clips of people 1
to 12; those of UI-PRMD's Kinect clips (correct repetitions) against those of subject 6.
RECORDINGS is a folder that holds ui_prmd. Each model leaves one small JSON in
checkpoints/results/guidelines and is skipped where that exists; a stopped sweep goes on. A model
is trained for about a minute of one processor, which is short: families reach more in longer.
"""

import argparse
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cleaner_than_data import MISSING, batch_of, noisy_clips, truth
from encoders_on_msr import motiongen
from matrix_on_msr import commit

from motiongen.checkpoint import load
from motiongen.data import synthetic
from motiongen.data.store import Store, write_store
from motiongen.evaluation import EvaluationSettings, evaluate
from motiongen.evaluation.features import Cache, fit_extractor
from motiongen.motion import Motion, MotionBatch
from motiongen.sweeping.results import read_result
from motiongen.sweeping.scores import plain_tables

#: sweep file and encoder, the most telling first
SWEEPS = tuple(
    f"{file}-{encoder}" for encoder in ("CNN", "RNN") for file in ("conditions", "seeds")
)
PHASES = ("stores", "sweeps", "scores")
RESULTS = Path("checkpoints/results/guidelines")
OUT = Path("runs/guidelines")
#: severity of the noise and share of joints that are missing in a synthetic store
SEEN = {"centre": (2, MISSING), "noisy": (4, MISSING), "gaps": (2, 0.6)}
#: who is learned from at most, and who is scored on
LEARNED = {"clean": [str(n) for n in range(1, 13)], "kinect": ["1", "2", "3", "4", "5"]}
UNSEEN = {"clean": ["13", "14", "15", "16"], "kinect": ["6"]}
SEEDS = (1, 2)
METRICS = ("fid", "coverage", "accuracy", "apd_ratio", "jitter", "bone_length_cv", "copy_share")


def write_stores(recordings: Path) -> None:
    """Writes what the sweeps learn from, unless it is there."""
    clean = {"clean": truth, **{n: functools.partial(noisy_clips, *s) for n, s in SEEN.items()}}
    for name, clips in clean.items():
        if not (path := OUT / "stores" / name).exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_synthetic(path, clips())
    if not (path := OUT / "stores" / "kinect").exists():
        options = ("--option", "sensor=kinect", "--option", "quality=correct")
        motiongen("import", "ui_prmd", recordings / "ui_prmd", "--out", path, *options)


def write_synthetic(path: Path, clips: list[Motion]) -> None:
    origin = {"format": "synthetic", "arm": path.name, "seed": 0}
    write_store(path, clips, classes=synthetic.class_names(), origin=origin)


@functools.cache
def ruler(name: str) -> tuple[Any, MotionBatch, MotionBatch, Any]:
    """Spec, clips to learn from and of unseen people, and the extractor of a data set."""
    store = Store.open(OUT / "stores" / name)
    known, unseen = (batch_of(store, who[name]) for who in (LEARNED, UNSEEN))
    return store.spec, known, unseen, fit_extractor(known, store.spec, seed=0, cache=Cache.usual())


def scored(run: Path, condition: str) -> dict[str, Any]:
    """What the evaluation says of as many samples as there are clips of unseen people."""
    spec, known, unseen, extractor = ruler("kinect" if condition == "kinect" else "clean")
    model, labels = load(run), unseen.label.tolist()
    sets = {f"samples {s}": model.sample(len(labels), label=labels, seed=s) for s in SEEDS}
    settings = EvaluationSettings(player_classes=0, metrics=METRICS)
    report = evaluate(
        sets, train=known, test=unseen, spec=spec, extractor=extractor, settings=settings
    )
    return {"n": len(labels), "scores": small(plain_tables(report))}


def small(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Values alone, of samples and of what they are to be compared with."""
    rows = ("samples", "train", "test", "class mean", "train, other half", "test, other half")
    return {
        title: {row: table["rows"][row]["values"] for row in rows if row in table["rows"]}
        for title, table in tables.items()
    }


def score_all(sweep: str) -> None:
    """Scores the models that are trained and have not been scored."""
    file, encoder = sweep.split("-")
    for path in sorted((OUT / sweep / "results").glob("*.json")):
        found = read_result(path)
        condition, family = found["labels"]["condition"], found["labels"]["model"]
        cell = f"{family}-{encoder}"
        result = RESULTS / f"{condition}-{cell}-seed{found['seed']}.json"
        if result.exists():
            continue
        folder = OUT / sweep / "trials" / path.stem.rpartition("-")[0]
        times = json.loads((folder / "times.json").read_text())["train"]
        content = {
            **{"cell": cell, "condition": condition, "seed": found["seed"]},
            **{"commit": commit(), "trained_at": found["commit"]},
            "command": "python tests/benchmarks/guidelines_study.py RECORDINGS",
            **{"sweep": f"configs/sweep/guidelines_{file}.yaml", "steps": found["steps"]},
            "cpu_seconds": None if times["resumed"] else times["cpu_seconds"],
            "parameters": found["parameters"],
            "clips": found["data"]["clips"],
            "sampling_seeds": list(SEEDS),
            **scored(folder / "run", condition),
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        part = result.with_suffix(".part")
        part.write_text(json.dumps(content, indent=1) + "\n")
        os.replace(part, result)
        print(f"wrote {result}", flush=True)


def train(sweep: str) -> None:
    """Runs a sweep, or what is left of it."""
    file, encoder = sweep.split("-")
    config = f"configs/sweep/guidelines_{file}.yaml"
    changed = ("--model.encoder", encoder, "--out", OUT / sweep)
    motiongen("sweep", "-c", config, "--workers", 1, *changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--sweeps", nargs="+", choices=SWEEPS, default=list(SWEEPS))
    args = parser.parse_args()
    if "stores" in args.phases:
        write_stores(args.recordings)
    for sweep in args.sweeps:
        if "sweeps" in args.phases:
            train(sweep)
        if "scores" in args.phases:
            score_all(sweep)


if __name__ == "__main__":
    main()
