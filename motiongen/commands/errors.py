"""`motiongen errors`: how far estimated, denoised or filled-in clips are from their truth."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen errors`."""
    add = parser.add_argument
    add("estimates", type=Path, nargs="+", help="stores of clips; each is a row")
    add(
        *("--truth",),
        type=Path,
        required=True,
        metavar="STORE",
        help="the true clips under the same ids, or noisy ones that keep their truth",
    )
    add("--out", type=Path, required=True, help="folder for the report")
    add("--seed", type=int, default=0, help="of the intervals")


def run(args: argparse.Namespace) -> int:
    """Score estimated, denoised or filled-in clips against the truth of the same clips."""
    from motiongen import pairing
    from motiongen.commands.report import check_folder, write_report

    check_folder(args.out)
    report = pairing.errors_of_stores(args.estimates, args.truth, seed=args.seed)
    return write_report(report, args.out)
