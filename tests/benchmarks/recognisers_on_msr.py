"""Every recogniser on MSR-Action3D: odd subjects train, even ones test, no synthetic clips.

    python tests/benchmarks/recognisers_on_msr.py RECORDINGS [--recognisers GRU MiniRocket ...]

RECORDINGS is a folder that holds msr_action3d. Accuracy on the even subjects with all clips of the
odd ones and with 5 clips of each class, drawn anew for each seed; as they are, and under classical
augmentation. Each result is kept in --out, and what is there is not computed again. The figures go
to checkpoints/results/msr_recognisers.json.
"""

import argparse
import json
import os
import statistics
from pathlib import Path

from encoders_on_msr import EVEN, lines, motiongen
from matrix_on_msr import commit

RECOGNISERS = ("CNN", "RNN", "GCN", "Transformer", "GRU", "MiniRocket", "MultiRocket")
#: every network learns 100 clips by heart in as many
STEPS = 200
RESULTS = Path("checkpoints/results/msr_recognisers.json")


def prepared(recordings: Path, store: Path) -> None:
    if not store.exists():
        motiongen("import", "msr_action3d", recordings / "msr_action3d", "--out", store)


def scores(out: Path) -> dict:
    """Accuracies and seconds of each recogniser, size and arm, in the order of the seeds."""
    found: dict = {}
    for path in sorted((out / "results").glob("*/*.json")):
        row = json.loads(path.read_text())
        cell = found.setdefault(row["recogniser"], {}).setdefault(row["size"], {})
        ratio = row.get("ratio")
        name = row["arm"] if ratio is None else f"{row['arm']} x{ratio:g}"
        arm = cell.setdefault(name, {"accuracy": [], "seconds": []})
        arm["accuracy"].append(round(row["accuracy"], 4))
        arm["seconds"].append(round(row["seconds"], 1))
    return found


def spread(values: list[float]) -> str:
    percent = [100 * value for value in values]
    mean = f"{statistics.mean(percent):.1f}"
    return f"{mean} ± {statistics.stdev(percent):.1f}" if len(values) > 1 else mean


def table(found: dict) -> list[str]:
    cells = [(size, arm) for size in ("5shots", "100pct") for arm in ("real", "classical")]
    rows = []
    for name, sizes in found.items():
        own = [sizes.get(size, {}).get(arm) for size, arm in cells]
        rows.append([name, *("–" if each is None else spread(each["accuracy"]) for each in own)])
    return lines(["recogniser", *(f"{size}, {arm}" for size, arm in cells)], rows)


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(part, path)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/msr_recognisers"))
    parser.add_argument("--recognisers", nargs="+", default=list(RECOGNISERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    store = args.out / "store"
    prepared(args.recordings, store)
    # one after another: a recogniser that is done is in the file before the next one begins
    for name in args.recognisers:
        motiongen(
            *("augment", "--real", store, "--out", args.out / "study", "--test", *EVEN),
            *("--shots", 5, "--fractions", 1, "--arms", "real", "classical"),
            *("--recognisers", name, "--seeds", args.seeds, "--steps", args.steps),
        )
        found = scores(args.out / "study")
        content = {
            **{"data": "MSR-Action3D, odd subjects train, even subjects test"},
            **{"command": "python tests/benchmarks/recognisers_on_msr.py RECORDINGS"},
            **{"commit": commit(), "steps": args.steps, "scores": found},
        }
        write(args.results, content)
    print("\n".join(table(scores(args.out / "study"))))


if __name__ == "__main__":
    main()
