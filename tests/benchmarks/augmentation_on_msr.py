"""Whether samples help on MSR-Action3D: every arm, odd subjects train, even ones test.

    python tests/benchmarks/augmentation_on_msr.py RECORDINGS [--all-clips]
    python tests/benchmarks/augmentation_on_msr.py table --readme README.md

RECORDINGS is a folder that holds msr_action3d and utd_mhad_odd. A flow-matching generator over the
CNN encoder learns from UTD-MHAD how people move. For each seed 5 clips of each class are drawn, or
all 290 are taken; the generator is adapted to these alone, under classical augmentation, and two
recognisers (the plain GRU of published figures, and MiniRocket) are trained in every arm; samples
have the estimator's noise put on. After that first training it is one `motiongen augment` command,
which is printed; killed, it goes on where it stopped. Choices were made by augmentation_trials.py,
which sees no even subject. --more="--confidence 0.5 --nearest 0.3" is added to the command; give
such a variant a --name. The tables go to checkpoints/results/augmentation/NAME.json.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

from augmentation_trials import MODEL, pretrained
from augmentation_trials import RESULTS as TRIALS
from encoders_on_msr import EVEN, lines, motiongen
from matrix_on_msr import commit
from recognisers_on_msr import RESULTS as RECOGNISERS_FOUND
from recognisers_on_msr import prepared, write
from recognisers_on_msr import table as recognisers_table

RESULTS = Path("checkpoints/results/augmentation")
RECOGNISERS = ("GRU", "MiniRocket")
SIZES = ("5shots", "all")
STEPS, PRETRAINING = 400, 400
#: of the generator, on the drawn clips
GENERATOR_STEPS = {"5shots": 300, "all": 400}
#: recordings are noisy, and so is what a recogniser is tested on
SAMPLED = "--observed 1"


def compact(report: dict) -> list[dict]:
    """The tables of a report with what belongs to each arm: values, intervals, p values."""
    return [
        {
            "title": table["title"],
            "interval": table["interval"],
            "arms": {
                row["name"]: {
                    "clips": row["n"],
                    **{
                        name: [round(v, 4) for v in (value["value"], value["low"], value["high"])
                               if v is not None]
                        for name, value in row["values"].items()
                    },
                }
                for row in table["rows"]
            },
        }
        for table in report["tables"]
    ]  # fmt: skip


def shown(values: list[float] | None, sign: str = "") -> str:
    if not values:
        return "–"
    mean, *ends = (100 * value for value in values)
    interval = f" [{ends[0]:.1f}, {ends[1]:.1f}]" if ends else ""
    return f"{mean:{sign}.1f}{interval}"


def table(found: dict) -> list[str]:
    rows = []
    for name, arm in found["arms"].items():
        gains = [
            cell
            for key in ("real", "classical")
            for cell in (
                shown(arm.get(f"gain_{key}"), "+"),
                "–" if f"p_{key}" not in arm else f"{arm[f'p_{key}'][0]:.2g}",
            )
        ]
        rows.append([name, str(arm["clips"]), shown(arm["accuracy"]), *gains])
    heads = ["arm", "clips", "accuracy %", "over real", "p", "over real + classical", "p"]
    return [f"**{found['title']}**", "", *lines(heads, rows), ""]


def trials() -> list[str]:
    """What was tried among the odd subjects."""
    rows = []
    for name, trial in json.loads(TRIALS.read_text()).items():
        for recogniser, arms in trial["found"].items():
            base = arms["classical"]["accuracy"]
            for arm, own in arms.items():
                if arm == "classical":
                    continue
                gain = f"{own['over_classical']:+.1f} ± {own['standard_error'] or 0:.1f}"
                cells = [f"{own['accuracy']:.1f}", f"{base:.1f}", gain]
                rows.append([name, recogniser, arm, *cells])
    heads = ["trial", "recogniser", "arm", "accuracy %", "real + classical", "difference"]
    return lines(heads, rows)


def text() -> list[str]:
    """What README.md says."""
    found = []
    for size in SIZES:
        if (path := RESULTS / f"{size}.json").exists():
            content = json.loads(path.read_text())
            clock = (
                f"{content['minutes']:.0f} minutes after the training on UTD-MHAD"
                if content["minutes"]
                else "in parts"
            )
            found += [f"`{content['command']}`, {clock}, commit {content['commit'][:10]}:", ""]
            found += [line for each in content["tables"] for line in table(each)]
    if TRIALS.exists():
        names = " ".join(json.loads(TRIALS.read_text()))
        command = f"python tests/benchmarks/augmentation_trials.py RECORDINGS {names}"
        title = f"Tried before, `{command}`,"
        found += [f"{title} among the odd subjects (± standard error over draws):", ""]
        found += [*trials(), ""]
    if RECOGNISERS_FOUND.exists():
        content = json.loads(RECOGNISERS_FOUND.read_text())
        found += [
            f"Recognisers alone, `{content['command']}`, commit {content['commit'][:10]}:",
            "",
        ]
        found += recognisers_table(content["scores"])
    return found


def readme_text() -> str:
    return "\n".join(text()).strip()


def command() -> str:
    """What was typed, without the folder of the recordings and what changes no figure."""
    words = iter(sys.argv[2:])
    kept = [word for word in words if word not in ("--out", "--readme") or not next(words)]
    return shlex.join(["python", "tests/benchmarks/augmentation_on_msr.py", "RECORDINGS", *kept])


def study(args: argparse.Namespace) -> dict:
    size = "all" if args.all_clips else "5shots"
    name, steps = args.name or size, args.generator_steps or GENERATOR_STEPS[size]
    store, out = args.out / "store", args.out / name
    prepared(args.recordings, store)
    adapted = pretrained(args.recordings, args.out, PRETRAINING)
    begun, start = out.exists(), time.perf_counter()
    motiongen(
        *("augment", "--real", store, "--out", out, "--test", *EVEN),
        *(("--fractions", 1) if args.all_clips else ("--shots", 5)),
        *("--recognisers", *args.recognisers, "--seeds", args.seeds, "--steps", args.steps),
        *("--ratio", *args.ratio, *shlex.split(SAMPLED)),
        *(f"--fit={MODEL} --init {adapted} --trainer.max_steps {steps}", *shlex.split(args.more)),
    )
    report = json.loads((out / "report.json").read_text())
    content = {
        **{"data": "MSR-Action3D, odd subjects train, even subjects test", "commit": commit()},
        "command": command(),
        # of one process from beginning to end, as busy as the machine was
        "minutes": None if begun else round((time.perf_counter() - start) / 60, 1),
        **{"context": report["context"], "tables": compact(report)},
        "seconds": json.loads((out / "seconds.json").read_text()),
    }
    write(RESULTS / f"{name}.json", content)
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", help="folder, or: table")
    parser.add_argument("--out", type=Path, default=Path("runs/msr_augmentation"))
    parser.add_argument("--all-clips", action="store_true")
    parser.add_argument("--name", help="of the folder and of the results; by default the size")
    parser.add_argument("--recognisers", nargs="+", default=list(RECOGNISERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ratio", nargs="+", default=["1"])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--generator-steps", type=int)
    parser.add_argument("--more", default="", help="further options of the command")
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    if args.recordings != "table":
        args.recordings = Path(args.recordings)
        print("\n".join(line for each in study(args)["tables"] for line in table(each)))
    if args.readme is not None:
        write_table(args.readme, "augmentation")


if __name__ == "__main__":
    main()
