"""Whether samples help on MSR-Action3D: every arm, odd subjects train, even ones test.

    python tests/benchmarks/augmentation_on_msr.py RECORDINGS [--all-clips]

RECORDINGS is a folder that holds msr_action3d. For each seed 5 clips of each class are drawn, or
all 290 are taken; a flow-matching generator over the CNN encoder is trained on these alone, under
classical augmentation, and two recognisers (the plain GRU of published figures, and MiniRocket)
are trained in every arm. It is one `motiongen augment` command, which is printed; killed, it goes
on where it stopped. --more="--confidence 0.5 --nearest 0.3" is added to it; give such a variant a
--name. The tables go to checkpoints/results/augmentation/NAME.json.
"""

import argparse
import json
import shlex
from pathlib import Path

from encoders_on_msr import EVEN, lines, motiongen
from matrix_on_msr import commit
from recognisers_on_msr import STEPS, prepared, write

RESULTS = Path("checkpoints/results/augmentation")
RECOGNISERS = ("GRU", "MiniRocket")
#: about 2000 steps are 4 CPU-minutes on one core of the machine that made the table of families
GENERATOR_STEPS = {"5shots": 4000, "all": 6000}
GENERATOR = (
    "--model FlowMatching --model.encoder CNN --model.guidance 2 "
    "--data.variation.degrees 15 --data.variation.scale 0.1 --data.variation.warp 0.3"
)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/msr_augmentation"))
    parser.add_argument("--all-clips", action="store_true")
    parser.add_argument("--name", help="of the folder and of the results; by default the size")
    parser.add_argument("--recognisers", nargs="+", default=list(RECOGNISERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ratio", nargs="+", default=["1"])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--generator-steps", type=int)
    parser.add_argument("--more", default="", help="further options of the command")
    args = parser.parse_args()
    size = "all" if args.all_clips else "5shots"
    name, steps = args.name or size, args.generator_steps or GENERATOR_STEPS[size]
    store, out = args.out / "store", args.out / name
    prepared(args.recordings, store)
    motiongen(
        *("augment", "--real", store, "--out", out, "--test", *EVEN),
        *(("--fractions", 1) if args.all_clips else ("--shots", 5)),
        *("--recognisers", *args.recognisers, "--seeds", args.seeds, "--steps", args.steps),
        *("--ratio", *args.ratio),
        *(f"--fit={GENERATOR} --trainer.max_steps {steps}", *shlex.split(args.more)),
    )
    report = json.loads((out / "report.json").read_text())
    content = {
        **{"data": "MSR-Action3D, odd subjects train, even subjects test", "commit": commit()},
        **{"command": f"python tests/benchmarks/augmentation_on_msr.py RECORDINGS --name {name}"},
        **{"context": report["context"], "tables": compact(report)},
        "seconds": json.loads((out / "seconds.json").read_text()),
    }
    write(RESULTS / f"{name}.json", content)
    print("\n".join(line for found in content["tables"] for line in table(found)))


if __name__ == "__main__":
    main()
