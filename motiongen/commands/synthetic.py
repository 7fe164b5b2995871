"""`motiongen synthetic`: the embedded, procedural motion as a store, at any size and noise."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen synthetic`."""
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="STORE", help="folder to create")
    add("--people", type=int, default=16, help="number of people, named 1 to PEOPLE")
    add("--repetitions", type=int, default=2, help="clips of each person and class")
    add("--severity", type=int, default=2, help="of the corruption, 0 to 5; 2 is about a Kinect")
    add("--seed", type=int, default=0, help="of people, motion and corruption")
    add("--overwrite", action="store_true", help="replace STORE")


def run(args: argparse.Namespace) -> int:
    """Write procedural clips as an estimator sees them, with their clean truth, as a store.

    Raises:
        ValueError: if a number is below 1.
    """
    from motiongen.data.embedded import write_synthetic

    for name in ("people", "repetitions"):
        if getattr(args, name) < 1:
            raise ValueError(f"--{name}: found {getattr(args, name)}, at least 1 is needed")
    store = write_synthetic(
        args.out,
        num_subjects=args.people,
        repetitions=args.repetitions,
        severity=args.severity,
        seed=args.seed,
        overwrite=args.overwrite,
    )
    print(f"{args.out}: {len(store.records)} clips\nnext: motiongen info {args.out}")
    return 0
