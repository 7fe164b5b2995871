"""The VAE over each encoder on MSR-Action3D, at the shipped defaults: trains, samples, scores.

    python tests/benchmarks/encoders_on_msr.py RECORDINGS [--judge bar.py] [--readme README.md]

RECORDINGS is a folder that holds msr_action3d. Odd subjects train (one of them, chosen by the
seed, is held back to choose the checkpoint), even subjects test. `--runs runs/matrix/overview`
takes the trainings of matrix_on_msr.py, about as long, instead of its own. `--judge` names a
script that prepares the same recordings and scores 60-frame samples with its own extractor.
Figures go to checkpoints/results/msr_vae_encoders.json, the table between marks in README.md.
"""

import argparse
import ast
import json
import resource
import subprocess
import sys
from pathlib import Path

from readme_tables import write_table

from motiongen.report import Report

ENCODERS = ("CNN", "RNN", "GCN", "Transformer")
ODD, EVEN = "1 3 5 7 9".split(), "2 4 6 8 10".split()
#: name in the report, heading, and whether it is a share to be shown in per cent
LIKENESS = (("fid", "FID", 0), ("density", "density", 0), ("coverage", "coverage", 0))
OWN = (
    *(("accuracy", "accuracy", 0), ("apd", "APD", 0), ("jitter", "jitter", 0)),
    *(("bone_length_cv", "bone variation", 1), ("copy_share", "copy share", 1)),
)
JUDGE = (
    *(("fid_train", "FID train", 0), ("fid_test", "FID test", 0)),
    *(("density_train", "density train", 0), ("coverage_train", "coverage train", 0)),
    *(("coverage_test", "coverage test", 0), ("accuracy", "accuracy", 0)),
    *(("bone_variation", "bone variation %", 0), ("jerk_ratio", "jerk / real", 0)),
    ("copies", "copies", 0),
)
RESULTS = Path("checkpoints/results/msr_vae_encoders.json")


def motiongen(*words: object) -> None:
    print("+ motiongen", *words, flush=True)
    subprocess.run([sys.executable, "-m", "motiongen.cli", *map(str, words)], check=True)


def train(run: Path, store: Path, encoder: str, seed: int) -> float:
    """Trains unless it was done before; returns the CPU time in seconds."""
    clock = run / "time.json"
    if not clock.exists():
        before = cpu_seconds()
        motiongen(
            *("fit", "--data.store", store, "--data.subjects", json.dumps(ODD)),
            *("--model", "VAE", "--model.encoder", encoder, "--out", run, "--seed", seed),
        )
        clock.write_text(json.dumps({"cpu_seconds": round(cpu_seconds() - before)}))
    return json.loads(clock.read_text())["cpu_seconds"]


def cpu_seconds() -> float:
    """CPU time of finished child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def judged(script: Path, recordings: Path, samples: Path, out: Path) -> dict[str, float]:
    prepared = out / "prepared.npz"
    if not prepared.exists():
        subprocess.run([sys.executable, script, "prepare", recordings, prepared], check=True)
    words = [sys.executable, str(script), "judge", str(prepared), str(samples)]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return ast.literal_eval(shown.strip())


def shown(value: float | None, percent: int) -> str:
    if value is None:
        return "–"
    value += 0.0  # no "-0"
    return f"{100 * value:.1f} %" if percent else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def lines(heads: list[str], rows: list[list[str]]) -> list[str]:
    table = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(row) + " |" for row in table]


def own_table(tables: list[dict], which: str) -> list[str]:
    """One table of the report with what belongs to its rows elsewhere."""
    of_rows: dict[str, dict[str, float | None]] = {}
    likeness = next(table for table in tables if table["title"].endswith(which))
    others = [table for table in tables if "Likeness" not in table["title"]]
    with_samples = [table for table in tables if table["title"].endswith("training clips")]
    for table in [*with_samples, *others, likeness]:
        for row in table["rows"]:
            values = {name: value["value"] for name, value in row["values"].items()}
            of_rows.setdefault(row["name"], {}).update(values)
    columns = [*LIKENESS, *OWN]
    rows = [
        [
            row["name"],
            str(row["n"]),
            *(shown(of_rows[row["name"]].get(n), p) for n, _, p in columns),
        ]
        for row in likeness["rows"]
    ]
    return lines(["row", "n", *(head for _, head, _ in columns)], rows)


def text(result: dict) -> str:
    """What README.md says of it."""
    judged = [
        [f"VAE-{name}", str(int(row["n"])), *(shown(row[key], p) for key, _, p in JUDGE)]
        for name, row in result["judge"].items()
    ]
    used = ", ".join(f"{name} {value}" for name, value in result["cpu_seconds"].items())
    return "\n".join(
        [
            f"`{result['command']}`; data: MSR-Action3D; training seed {result['seed']}, "
            f"sampling seed 1, commit {result['commit'][:10]}. One of the odd subjects chose the "
            f"checkpoint. CPU-seconds of the trainings: {used}.",
            "",
            "Against the odd subjects (train); jitter is the mean second difference as a share of "
            "body size; nearness to copies is measured on smoothed paths:",
            "",
            *own_table(result["tables"], "training clips"),
            "",
            "Against the even subjects, whom nobody learned from (the same samples):",
            "",
            *own_table(result["tables"], "unseen people"),
            "",
            "The same samples, judged by an independent recurrent extractor on 60-frame clips:",
            "",
            *lines(["row", "n", *(head for _, head, _ in JUDGE)], judged),
        ]
    )


def readme_text() -> str:
    return text(json.loads(RESULTS.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/msr"))
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    parser.add_argument("--only-train", action="store_true")
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    store = args.out / "store"
    if not store.exists():
        motiongen("import", "msr_action3d", args.recordings / "msr_action3d", "--out", store)
    seconds, rows = {}, {}
    for encoder in args.encoders:
        run = (args.runs or args.out) / f"VAE-{encoder}-seed{args.seed}"
        seconds[encoder] = train(run, store, encoder, args.seed)
        if args.only_train:
            continue
        drawn = ("--counts-like", "train", "--seed", 1, "--overwrite")
        motiongen("sample", run, "--out", args.out / f"VAE-{encoder}", *drawn)
        if args.judge:
            file = args.out / f"VAE-{encoder}.npz"
            motiongen("sample", run, "--out", file, "--frames", 60, *drawn)
            rows[encoder] = judged(args.judge, args.recordings, file, args.out)
    if args.only_train:
        return
    sets = [args.out / f"VAE-{encoder}" for encoder in args.encoders]
    motiongen("evaluate", *sets, "--real", store, "--train", *ODD, "--test", *EVEN,
              "--out", args.out / "report")  # fmt: skip
    report = Report.from_json(args.out / "report" / "report.json")
    result = {
        "command": "python tests/benchmarks/encoders_on_msr.py RECORDINGS --judge JUDGE.py"
        + (" --runs runs/matrix/overview" if args.runs else ""),
        "seed": args.seed,
        "commit": report.context.get("commit"),
        "cpu_seconds": seconds,
        "tables": json.loads((args.out / "report" / "report.json").read_text())["tables"],
        "judge": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {RESULTS}")
    if args.readme:
        write_table(args.readme, "msr")


if __name__ == "__main__":
    main()
