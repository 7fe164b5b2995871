"""What was tried before the study: every choice among the odd subjects of MSR-Action3D.

    python tests/benchmarks/augmentation_trials.py RECORDINGS TRIAL ... [--splits 3] [--seeds 3]

RECORDINGS is a folder that holds msr_action3d and utd_mhad_odd. A trial is one of `TRIALS`: a few
options of `motiongen augment`, run on 5 clips of each class of three odd subjects and tested on
the other two; the splits take turns. Nothing is ever tested on even subjects here. Figures of all
trials, useful or not, go to checkpoints/results/augmentation/trials.json; what is there already
and is not named stays.
"""

import argparse
import json
import shlex
import statistics
from pathlib import Path

from encoders_on_msr import motiongen
from matrix_on_msr import commit
from recognisers_on_msr import prepared, scores, write

RESULTS = Path("checkpoints/results/augmentation/trials.json")
#: people to learn from and to test on: all have 5 clips of each class to learn from
SPLITS = (("137", "59"), ("157", "39"), ("179", "35"))
CLASSICAL = "--data.variation.degrees 15 --data.variation.scale 0.1 --data.variation.warp 0.3"
MODEL = f"--model FlowMatching --model.encoder CNN --model.guidance 2 {CLASSICAL}"
#: learns how people move from UTD-MHAD, in the skeleton, rate and length of MSR-Action3D
PRETRAINED = f"--data.frames 64 --data.validation 0 {MODEL} --trainer.max_steps {{steps}}"
#: from a model of UTD-MHAD, in so many steps
ADAPTED = f"{MODEL} --init {{utd}} --trainer.max_steps"
BRIEF = "--arms real classical both --steps 400"
FEW = "--arms real classical --recognisers MiniRocket"
#: options of `motiongen augment`; {utd} is the folder of the model that was trained on UTD-MHAD
TRIALS = {
    "rocket-15-.1-.3": f"{FEW} --degrees 15 --scale .1 --warp .3",
    "rocket-15-.1-0": f"{FEW} --degrees 15 --scale .1 --warp 0",
    "rocket-10-.06-.15": f"{FEW} --degrees 10 --scale .06 --warp .15",
    "rocket-30-.1-.3": f"{FEW} --degrees 30 --scale .1 --warp .3",
    "rocket-9-copies": "--arms real classical --recognisers MiniRocket:copies=9",
    "flow-matching-300": f'{BRIEF} --ratio 1 3 --fit="{MODEL} --trainer.max_steps 300"',
    "adapted-300": f'{BRIEF} --ratio 1 3 --fit="{ADAPTED} 300"',
    "adapted-600": f'{BRIEF} --ratio 3 --fit="{ADAPTED} 600"',
    "observed": f'{BRIEF} --ratio 3 --observed 1 --fit="{ADAPTED} 300"',
    "varied-.5-observed": f'{BRIEF} --ratio 3 --strength .5 --observed 1 --fit="{ADAPTED} 300"',
    "varied-.8": f'{BRIEF} --ratio 3 --strength .8 --fit="{ADAPTED} 300"',
    "varied-.5": f'{BRIEF} --ratio 3 --strength .5 --fit="{ADAPTED} 300"',
    "sure-.5": f'{BRIEF} --ratio 3 --confidence .5 --fit="{ADAPTED} 300"',
}


def pretrained(recordings: Path, out: Path, steps: int) -> Path:
    """The generator of UTD-MHAD that others are adapted from, trained unless it was before."""
    store, run = out / "utd_mhad", out / f"pretrained-{steps}"
    if not store.exists():
        words = ("--layout", "kinect20_msr", "--fps", 15)
        motiongen("import", "utd_mhad", recordings / "utd_mhad_odd", "--out", store, *words)
    done = out / f"{run.name}.done"
    if not done.exists():
        words = shlex.split(PRETRAINED.format(steps=steps))
        resume = (run / "last.ckpt").exists()
        motiongen("fit", "--data.store", store, *words, "--out", run, "--resume", resume)
        done.touch()
    return run


def found(folders: list[Path]) -> dict:
    """Mean accuracies and differences to the arm with classical augmentation, over all splits."""
    result: dict = {}
    each = [scores(folder) for folder in folders]
    for name in each[0]:
        arms = [cell[name]["5shots"] for cell in each]
        values = {arm: [v for part in arms for v in part[arm]["accuracy"]] for arm in arms[0]}
        base = values["classical"]
        for arm, own in values.items():
            gains = [100 * (a - b) for a, b in zip(own, base, strict=True)]
            error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
            result.setdefault(name, {})[arm] = {
                "accuracy": round(100 * statistics.mean(own), 2),
                "over_classical": round(statistics.mean(gains), 2),
                "standard_error": error and round(error, 2),
            }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("trials", nargs="+", choices=TRIALS)
    parser.add_argument("--out", type=Path, default=Path("runs/msr_augmentation"))
    parser.add_argument("--recognisers", nargs="+", default=["MiniRocket"])
    parser.add_argument("--splits", type=int, default=len(SPLITS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretraining", type=int, default=400, help="steps on UTD-MHAD")
    args = parser.parse_args()
    prepared(args.recordings, args.out / "store")
    for trial in args.trials:
        utd, folders = "", []
        if "{utd}" in TRIALS[trial]:
            utd = str(pretrained(args.recordings, args.out, args.pretraining))
        words = shlex.split(TRIALS[trial].format(utd=utd))
        if "--recognisers" not in words:
            words += ["--recognisers", *args.recognisers]
        for learn, test in SPLITS[: args.splits]:
            folders.append(args.out / "trials" / f"{trial}-{learn}")
            motiongen(
                *("augment", "--real", args.out / "store", "--out", folders[-1], "--shots", 5),
                *("--train", *learn, "--test", *test, "--seeds", args.seeds, *words),
            )
        known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        known[trial] = {
            "options": shlex.join(words),
            **{"splits": args.splits, "seeds": args.seeds, "commit": commit()},
            **({"pretraining": args.pretraining} if utd else {}),
            "found": found(folders),
        }
        write(RESULTS, known)
        print(trial, json.dumps(known[trial]["found"]), flush=True)


if __name__ == "__main__":
    main()
