"""`motiongen augment`: whether synthetic clips help a recogniser, as a study or for one model."""

import argparse
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from motiongen.commands.report import check_folder, write_report

if TYPE_CHECKING:
    from motiongen.augmentation.design import Design
    from motiongen.data.store import Store

#: values of what a checkpoint and a study both take, when left out
SEEDS, STEPS, RATIO = 5, 300, 1.0
#: options of a study alone, and their values when left out
STUDY = {
    **{"train": None, "folds": None, "shots": (), "fractions": (), "recognisers": ("RNN",)},
    **{"arms": None, "degrees": 15.0, "scale": 0.1, "warp": 0.3, "mirror": ()},
    **{"config": None, "fit": "", "guidance": None, "temperature": 1.0},
    "observed": 0.0,
    **{"confidence": 0.0, "nearest": 0.0, "farthest": math.inf, "candidates": None},
    **{"real_share": None, "strength": None},
}
#: drawn for each clip that is wanted, where a filter may drop some
CANDIDATES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen augment`."""
    add = parser.add_argument
    add(
        *("checkpoint",),
        type=Path,
        nargs="?",
        help="a run or checkpoint to judge; without one, a study trains a generator for each draw",
    )
    add("--real", type=Path, required=True, metavar="STORE", help="real clips")
    add("--out", type=Path, required=True, help="folder for the report; a study goes on there")
    add("--seeds", type=int, default=SEEDS, help="repetitions, each with draws of its own")
    add(
        *("--ratio",),
        type=float,
        nargs="+",
        default=[RATIO],
        help="synthetic clips for each real one",
    )
    add("--steps", type=int, default=STEPS, help="optimiser steps of every arm")
    add("--test", nargs="+", metavar="SUBJECT", help="whom to test on (checkpoint: all others)")
    _add_design(parser.add_argument_group("study: who, how much, which arms"))
    _add_classical(parser.add_argument_group("study: classical augmentation"))
    _add_generator(parser.add_argument_group("study: generators and their samples"))


def _add_design(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--train",
        nargs="+",
        metavar="SUBJECT",
        default=STUDY["train"],
        help="by default all others",
    )
    add(
        "--folds",
        type=int,
        default=STUDY["folds"],
        help="instead of --test: so many folds of subjects",
    )
    add("--shots", type=int, nargs="+", default=STUDY["shots"], help="real clips of each class")
    add(
        "--fractions",
        type=float,
        nargs="+",
        default=STUDY["fractions"],
        help="shares of the real clips",
    )
    add(
        *("--recognisers",),
        nargs="+",
        default=STUDY["recognisers"],
        metavar="NAME",
        help="RNN, CNN, GCN, Transformer, MixtureOfExperts, GRU, MiniRocket, MultiRocket; with "
        "options: RNN:width=128,layers=2",
    )
    add(
        *("--arms",),
        nargs="+",
        default=STUDY["arms"],
        metavar="ARM",
        help="all of them unless named: real, classical, synthetic, both, balanced, tstr, trts",
    )


def _add_classical(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--degrees", type=float, default=STUDY["degrees"], help="largest turn about the vertical")
    add("--scale", type=float, default=STUDY["scale"], help="largest change of size, as a share")
    add("--warp", type=float, default=STUDY["warp"], help="largest change of pace, as a share")
    add(
        *("--mirror",),
        nargs="+",
        default=STUDY["mirror"],
        metavar="CLASS",
        help="classes whose mirror image is of the same class; or: all",
    )


def _add_generator(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        *("-c", "--config"),
        type=Path,
        action="append",
        default=STUDY["config"],
        metavar="YAML",
        help="configuration of `motiongen fit`; may be given several times",
    )
    add("--fit", default=STUDY["fit"], metavar="OPTIONS", help='more of them: --fit="--model VAE"')
    add("--guidance", type=float, default=STUDY["guidance"], help="see `motiongen sample`")
    add("--temperature", type=float, default=STUDY["temperature"], help="see `motiongen sample`")
    add(
        *("--observed",),
        type=float,
        nargs="?",
        const=1.0,
        default=STUDY["observed"],
        metavar="SHARE",
        help="put the estimator's noise on synthetic clips; see `motiongen sample`",
    )
    add(
        *("--strength",),
        type=float,
        default=STUDY["strength"],
        help="vary the drawn clips so far, 0 to 1, in place of samples; not of a GAN or a Flow",
    )
    add(
        "--confidence",
        type=float,
        default=STUDY["confidence"],
        help="drop samples that are recognised less",
    )
    add(
        "--nearest",
        type=float,
        default=STUDY["nearest"],
        help="drop copies: nearer to a real clip than so many median distances between real ones",
    )
    add(
        "--farthest",
        type=float,
        default=STUDY["farthest"],
        help="drop outliers: farther away than that",
    )
    add(
        "--candidates",
        type=int,
        default=STUDY["candidates"],
        help="drawn for each clip, for a filter; 4 with one",
    )
    add(
        "--real-share",
        type=float,
        default=STUDY["real_share"],
        help="repeat real clips to make up this share",
    )


def run(args: argparse.Namespace) -> int:
    """Measure whether adding synthetic clips to the training set helps a recogniser."""
    check_folder(args.out)
    return _study(args) if args.checkpoint is None else _checkpoint(args)


def _checkpoint(args: argparse.Namespace) -> int:
    """Judges one trained generator."""
    from motiongen import scoring

    for name, default in STUDY.items():
        if getattr(args, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option}: belongs to a study, which takes no checkpoint")
    if len(args.ratio) != 1:
        raise ValueError(f"--ratio: found {args.ratio}, a checkpoint is judged at one")
    report = scoring.augment_store(
        args.checkpoint,
        args.real,
        test=args.test,
        seeds=args.seeds,
        ratio=args.ratio[0],
        steps=args.steps,
        trust_code=args.trust_code,
    )
    return write_report(report, args.out)


def _study(args: argparse.Namespace) -> int:
    """Runs, or goes on with, a study."""
    import json

    from motiongen.augmentation.curve import write_svg
    from motiongen.augmentation.reporting import costs, study_report
    from motiongen.augmentation.study import run_study
    from motiongen.data.store import Store
    from motiongen.viewer.page import write_text

    store = Store.open(args.real)
    design = design_of(args, store)
    results = run_study(design, store, args.out)
    report, svg = study_report(design, store, results)
    write_svg(args.out / "learning_curve.svg", svg)
    write_text(args.out / "seconds.json", json.dumps(costs(results), indent=1) + "\n")
    return write_report(report, args.out)


def design_of(args: argparse.Namespace, store: "Store") -> "Design":
    """The design that the options describe.

    Raises:
        ValueError: if an option is wrong, or neither folds nor people to test on are given.
    """
    from motiongen.augmentation.arms import ARMS
    from motiongen.augmentation.design import Design, Size, named_fold, subject_folds
    from motiongen.augmentation.filtering import Filter
    from motiongen.data.variation import Variation
    from motiongen.generators import SampleOptions
    from motiongen.trust import TRUST

    if (args.test is None) == (args.folds is None):
        raise ValueError("a study needs either --test SUBJECT ... or --folds K")
    if args.folds is not None and args.train is not None:
        raise ValueError("--train: does not go with --folds")
    filtered = Filter(args.confidence, args.nearest, args.farthest)
    many = CANDIDATES if filtered.active else 1
    many = many if args.candidates is None else args.candidates
    sizes = [Size(shots=n) for n in args.shots] + [Size(fraction=f) for f in args.fractions]
    words = [word for file in args.config or () for word in ("-c", str(file))]
    return Design(
        folds=subject_folds(store, args.folds)
        if args.folds is not None
        else (named_fold(store, args.test, args.train),),
        sizes=tuple(sizes) or (Size(),),
        recognisers=tuple(args.recognisers),
        arms=tuple(ARMS if args.arms is None else args.arms),
        ratios=tuple(args.ratio),
        seeds=args.seeds,
        steps=args.steps,
        variation=Variation(args.degrees, args.scale, args.warp),
        mirror=tuple(args.mirror),
        filter=Filter(args.confidence, args.nearest, args.farthest, many),
        real_share=args.real_share,
        fit=(*words, *shlex.split(args.fit), *([TRUST] if args.trust_code else [])),
        options=SampleOptions(args.temperature, args.guidance, observed=args.observed),
        strength=args.strength,
    )
