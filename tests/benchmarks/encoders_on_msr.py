"""The VAE over each encoder on MSR-Action3D, at the shipped defaults: trains, samples, scores.

    python tests/benchmarks/encoders_on_msr.py RECORDINGS [--judge bar.py] [--readme README.md]

RECORDINGS is a folder that holds msr_action3d. Odd subjects train (one of them, chosen by the
seed, is held back to choose the checkpoint), even subjects test. `--judge` names a script that
prepares the same recordings and scores 60-frame samples with its own extractor. The figures go
to checkpoints/results/msr_vae_encoders.json, the table between the markers in README.md.
"""

import argparse
import ast
import json
import subprocess
import sys
import time
from pathlib import Path

from motiongen.report import Report

ENCODERS = ("CNN", "RNN", "GCN", "Transformer")
ODD, EVEN = "1 3 5 7 9".split(), "2 4 6 8 10".split()
COLUMNS = (
    ("likeness", ("fid", "density", "coverage", "accuracy", "apd")),
    ("movement", ("jitter", "bone_length_cv")),
    ("copies", ("copy_share",)),
)
RESULTS = Path("checkpoints/results/msr_vae_encoders.json")


def motiongen(*words: object) -> None:
    print("+ motiongen", *words, flush=True)
    subprocess.run([sys.executable, "-m", "motiongen.cli", *map(str, words)], check=True)


def train(out: Path, store: Path, encoder: str, seed: int) -> float:
    """Trains unless it was done before; returns the wall time in seconds."""
    clock = out / f"{encoder}.seconds"
    if clock.exists():
        return float(clock.read_text())
    start = time.perf_counter()
    motiongen(
        *("fit", "--data.store", store, "--data.subjects", json.dumps(ODD)),
        *("--model", "VAE", "--model.encoder", encoder, "--out", out / encoder, "--seed", seed),
    )
    clock.write_text(f"{time.perf_counter() - start:.1f}")
    return float(clock.read_text())


def judged(script: Path, recordings: Path, samples: Path, out: Path) -> dict[str, float]:
    prepared = out / "prepared.npz"
    if not prepared.exists():
        subprocess.run([sys.executable, script, "prepare", recordings, prepared], check=True)
    words = [sys.executable, str(script), "judge", str(prepared), str(samples)]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return ast.literal_eval(shown.strip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/msr"))
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
        seconds[encoder] = train(args.out, store, encoder, args.seed)
        if args.only_train:
            continue
        drawn = ("--counts-like", "train", "--seed", 1, "--overwrite")
        motiongen("sample", args.out / encoder, "--out", args.out / f"VAE-{encoder}", *drawn)
        if args.judge:
            file = args.out / f"VAE-{encoder}.npz"
            motiongen("sample", args.out / encoder, "--out", file, "--frames", 60, *drawn)
            rows[encoder] = judged(args.judge, args.recordings, file, args.out)
    if args.only_train:
        return
    sets = [args.out / f"VAE-{encoder}" for encoder in args.encoders]
    motiongen("evaluate", *sets, "--real", store, "--train", *ODD, "--test", *EVEN,
              "--out", args.out / "report")  # fmt: skip
    report = Report.from_json(args.out / "report" / "report.json")
    result = {
        "command": "python tests/benchmarks/encoders_on_msr.py RECORDINGS --judge bar.py",
        "seed": args.seed,
        "commit": report.context.get("commit"),
        "seconds": {name: round(value) for name, value in seconds.items()},
        "tables": json.loads((args.out / "report" / "report.json").read_text())["tables"],
        "judge": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
