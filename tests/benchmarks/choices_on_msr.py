"""Which options a final of matrix_on_msr.py is trained and sampled with: asked of one subject.

    python tests/benchmarks/choices_on_msr.py RECORDINGS Flow-CNN --temperatures 0.8 0.9 1
    python tests/benchmarks/choices_on_msr.py RECORDINGS FlowMatching-CNN --guidance 1.5 2 \
        --fit="--data.variation.degrees 20 --data.variation.scale 0.15"

Trains a cell as the overview does, on the odd subjects but one, with other options where `--fit`
has some (without, the overview's own training is taken, or made); samples the same weights in
every way; and prints one row a way: against the training clips and against the subject set aside.
With `--minutes 12` it trains for as long as the final, and samples from the last weights, as the
final does. The even subjects are not looked at. Training resumes, and is skipped where it was
done; every other run of the script only samples.
"""

import argparse
import hashlib
import itertools
import json
import shlex
import statistics
import sys
from pathlib import Path

from encoders_on_msr import lines, motiongen, shown
from matrix_on_msr import COPIES, MOVEMENT, ODD, STEPS, held_back, real_clips, scores, train

from motiongen import sampling
from motiongen.checkpoint import load
from motiongen.data.clips import as_batch
from motiongen.evaluation import evaluate
from motiongen.generators import SampleOptions

#: heading, part of the table's title, column
COLUMNS = (
    *(("FID train", "training clips", "fid"), ("density train", "training clips", "density")),
    *(("coverage train", "training clips", "coverage"), ("FID unseen", "unseen people", "fid")),
    *(
        ("coverage unseen", "unseen people", "coverage"),
        ("accuracy", "training clips", "accuracy"),
    ),
    *(("jitter", MOVEMENT, "jitter"), ("bone variation", MOVEMENT, "bone_length_cv")),
    ("copy share", COPIES, "copy_share"),
)


def trained(cell: str, words: list[str], store: Path, out: Path, seed: int, minutes: int) -> Path:
    """The run of a cell with these options of `fit`; trains what is left of it."""
    family, encoder = cell.split("-")
    if not words and minutes == 4:
        run = out / "overview" / f"{cell}-seed{seed}"
        train(cell, store, run, 4, seed)
        return run
    told = hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]
    run = out / "choices" / f"{cell}-{told}-{minutes}min-seed{seed}"
    if not (run / "done").exists():
        resume = ("--resume", "true") if (run / "last.ckpt").exists() else ()
        motiongen(
            *(
                "fit",
                "--data.store",
                store,
                "--data.subjects",
                json.dumps(ODD),
                "--model",
                family,
                "--model.encoder",
                encoder,
                *words,
            ),
            *("--seed", seed, "--out", run),
            *("--trainer.max_steps", STEPS[family][encoder] * minutes // 4, *resume),
        )
        (run / "done").touch()
    return run


def ways(args: argparse.Namespace) -> dict[str, SampleOptions]:
    """Every way of sampling, by what tells it from the default."""
    found = {}
    for values in itertools.product(args.temperatures, args.guidance or [None], args.observed):
        names = zip(("temperature", "guidance", "observed"), values, strict=True)
        name = " ".join(f"{name} {value:g}" for name, value in names if value is not None)
        temperature, guidance, observed = values
        found[name] = SampleOptions(temperature, guidance, observed=observed)
    return found


def rows(
    run: Path, weights: str, store: Path, options: dict[str, SampleOptions], seeds: int
) -> list[list[str]]:
    """Scores of every way of sampling, mean of the sampling seeds; first those of real clips."""
    model, aside = load(run / weights), held_back(run)
    known = tuple(name for name in ODD if name not in aside)
    train, unseen, extractor = real_clips(store, known, tuple(aside))
    labels = sampling.wanted_labels(model, None, "train", None)
    sets = {
        f"{name} @{seed}": as_batch(
            sampling.draw(model, labels=labels, seed=seed, options=own), model.spec
        )
        for name, own in options.items()
        for seed in range(1, seeds + 1)
    }
    report = evaluate(sets, train=train, test=unseen, spec=model.spec, extractor=extractor)
    print(f"set aside: subject {', '.join(aside)}; {len(labels or [])} clips; {run}")
    real = {name: scores(report, [name]) for name in report_names(report) if name not in sets}
    ours = {n: scores(report, [f"{n} @{s}" for s in range(1, seeds + 1)]) for n in options}
    return [[name, *values(found)] for name, found in {**real, **ours}.items()]


def report_names(report) -> list[str]:  # noqa: ANN001
    """Rows that every table has, in the order of the first."""
    names = [[row.name for row in table.rows] for table in report.tables]
    return [name for name in names[0] if all(name in own for own in names)]


def values(found: dict[str, dict[str, list[float]]]) -> list[str]:
    own = []
    for _, title, column in COLUMNS:
        table = next((table for name, table in found.items() if title in name), {})
        numbers = table.get(column)
        own.append(shown(statistics.mean(numbers), 0) if numbers else "–")
    return own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("cell", help="FAMILY-ENCODER")
    parser.add_argument("--fit", default="", help="options of `motiongen fit`, in one word")
    parser.add_argument("--minutes", type=int, default=4, help="12: trained as long as a final")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.8, 0.9, 1.0])
    parser.add_argument("--guidance", type=float, nargs="+")
    parser.add_argument("--observed", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--out", type=Path, default=Path("runs/matrix"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sampling-seeds", type=int, default=3)
    args = parser.parse_args()
    store = args.out / "store"
    if not store.exists():
        motiongen("import", "msr_action3d", args.recordings / "msr_action3d", "--out", store)
    run = trained(args.cell, shlex.split(args.fit), store, args.out, args.seed, args.minutes)
    weights = "best.ckpt" if args.minutes == 4 else "last.ckpt"
    found = rows(run, weights, Path(store), ways(args), args.sampling_seeds)
    print("\n".join(lines(["samples", *(head for head, _, _ in COLUMNS)], found)))


if __name__ == "__main__":
    sys.exit(main())
