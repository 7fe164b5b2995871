"""`motiongen sample`: draw clips, vary one, go from one to another, fill in what is missing."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from motiongen.commands.export import FORMATS

if TYPE_CHECKING:
    from motiongen.generators import Generator, SampleOptions
    from motiongen.motion import Motion
    from motiongen.sampling import Wanted
    from motiongen.sharding import Plan

#: what is done besides drawing, and the options that go with it
MODES = {
    "like": {"clip", "strength", "n", "seed"},
    "between": {"n"},
    "fill": {"n", "seed", "temperature", "denoise"},
}
#: options that one way of sampling has and another has not, and their values when left out
DEFAULTS = {
    **dict.fromkeys(("n", "counts_like", "counts", "label", "length", "guidance", "steps")),
    **dict.fromkeys(("clip", "strength", "shard_size", "address")),
    "balanced": False,
    "on": "local",
    "seed": 0,
    "temperature": 1.0,
    "denoise": False,
    "observed": 0.0,
}
#: of variations, unless given
STRENGTH, VARIATIONS, STEPS_BETWEEN = 0.3, 8, 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen sample`."""
    add = parser.add_argument
    add("checkpoint", type=Path, help="folder of a run, or a checkpoint file")
    add(
        "--out",
        type=Path,
        required=True,
        help="a file if named *.npz, *.pkl, *.parquet or *.csv, else a folder",
    )
    add(
        "--n",
        type=int,
        help="number of clips; by default as many as `fit` was given (--like: 8, --between: 9)",
    )
    add("--counts-like", choices=["train"], help="as many of each class as `fit` was given")
    add("--balanced", action="store_true", help="as many of each class, which take turns")
    add(
        *("--counts",),
        nargs="+",
        metavar="CLASS=N",
        help='so many of these classes and none of the others: --counts wave=10 "high throw=20"',
    )
    add("--label", help="name of the one class to sample")
    add("--length", type=int, help="frames of every clip; by default drawn as in training")
    add("--seed", type=int, default=0, help="sample i depends on (seed, i) alone")
    add(
        *("--temperature",),
        type=float,
        default=1.0,
        help="below 1 truncates: more typical clips, less diverse ones",
    )
    add("--guidance", type=float, help="how strongly a label pulls (flow matching); 1: as trained")
    add("--steps", type=int, help="steps of the solver (flow matching); more are finer, slower")
    add(
        *("--observed",),
        type=float,
        nargs="?",
        const=1.0,
        default=0.0,
        metavar="SHARE",
        help="as recordings show such motion: put the noise that the model measured on its clips "
        "on the samples, all of it or a share of 0 to 1",
    )
    add("--frames", type=int, help="stretch every clip to so many frames, for recognisers")
    _add_output(parser)
    ways = parser.add_mutually_exclusive_group()
    way = ways.add_argument
    way("--like", type=Path, metavar="STORE", help="draw --n clips like --clip of a store")
    way(
        *("--between",),
        nargs=3,
        metavar=("STORE", "ID", "ID"),
        help="draw --n clips on the way from one clip of a store to another",
    )
    way("--fill", type=Path, metavar="STORE", help="fill in what the clips of a store lack")
    add("--clip", metavar="ID", help="with --like: which clip")
    add("--strength", type=float, help="with --like: 0 the clip itself to 1 any; by default 0.3")
    add("--denoise", action="store_true", help="with --fill: clean what was seen as well")


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        *("--format",),
        choices=["store", *FORMATS],
        help="store: read by motiongen; the others: see `motiongen export --help`; aeon stretches "
        "to one length; by default what a file's name ends in, store for a folder",
    )
    add(
        *("--shard-size",),
        type=int,
        metavar="K",
        help="write OUT as shards of K clips, in constant memory; the same command again goes on "
        "where it was ended. By default 1024, for more than 10,000 clips or files in a folder",
    )
    add("--on", choices=["local", "ray"], default="local", help="where shards are drawn")
    add("--address", help="of the Ray cluster; by default the one at hand or a new one here")


def run(args: argparse.Namespace) -> int:
    """Draw clips from a trained generator: clean ones, or as recordings would show them."""
    import motiongen
    from motiongen import sampling, sharding

    mode = check_options(args)
    format = sampling.chosen_format(args.out, args.format)
    if mode == "draw" and sharding.is_begun(args.out):
        sharding.check_folder(args.out)
    else:
        sampling.check_target(args.out, overwrite=args.overwrite, format=format)
    model = motiongen.load(args.checkpoint, trust_code=args.trust_code, device=args.device)
    frames = sampling.chosen_frames(model.spec, format, args.frames)
    if mode == "draw":
        sampling.warn_of_length(model, args.length)
        wanted = _wanted(model, args)
        sampling.check_classes(model, wanted, format)
        if is_sharded(args, format, wanted.count):
            return _shards(model, _plan(args, wanted, format, frames), args)
        sampling.check_target(args.out, overwrite=args.overwrite, format=format)
    motions = WAYS[mode](model, args)
    if frames is not None:
        motions = sampling.stretched(motions, frames)
    made = "filled" if mode == "fill" else "generated"
    sampling.write(
        *(motions, args.out, model),
        overwrite=args.overwrite,
        made=made,
        format=format,
        frames=frames,
    )
    print(f"{args.out}: {len(motions)} clips")
    return 0


def is_sharded(args: argparse.Namespace, format: str, count: int) -> bool:
    """Whether the samples go into shards: if asked for, for many, and for files in a folder.

    A small set stays one plain store, drawn anew in minutes if it is ended. A large one would be
    lost with its hours, and would have to fit into memory; as shards it reads like a store, too.
    """
    from motiongen import sampling
    from motiongen.sharding import LARGE

    if sampling.is_whole(args.out, format):
        return False
    return args.shard_size is not None or count > LARGE or format != "store"


def _shards(model: "Generator", plan: "Plan", args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from motiongen import sharding

    with tqdm(total=plan.wanted.count, unit="clip", desc="sampling", disable=None) as bar:
        if args.on == "ray":
            options = {"address": args.address, "trust_code": args.trust_code}
            draw = sharding.drawn_on_ray(
                model, args.checkpoint, plan, progress=bar.update, **options
            )
        else:
            draw = sharding.drawn_here(model, plan, bar.update)
        made = sharding.write_set(model, plan, args.out, draw=draw, began=bar.update)
    print(f"{args.out}: {plan.wanted.count} clips in {len(made.shards)} shards")
    return 0


def _plan(args: argparse.Namespace, wanted: "Wanted", format: str, frames: int | None) -> "Plan":
    from motiongen.sharding import SHARD_SIZE, Plan

    return Plan(
        wanted,
        shard_size=SHARD_SIZE if args.shard_size is None else args.shard_size,
        format=format,
        seed=args.seed,
        length=args.length,
        frames=frames,
        options=_sample_options(args),
    )


def _sample_options(args: argparse.Namespace) -> "SampleOptions":
    from motiongen.generators import SampleOptions

    return SampleOptions(args.temperature, args.guidance, args.steps, args.observed)


def _wanted(model: "Generator", args: argparse.Namespace) -> "Wanted":
    from motiongen import sampling

    return sampling.wanted(
        model,
        n=args.n,
        counts_like=args.counts_like,
        label=args.label,
        balanced=args.balanced,
        counts=args.counts,
    )


def check_options(args: argparse.Namespace) -> str:
    """The way of sampling: "draw" or one of `MODES`.

    Raises:
        ValueError: if an option that was given does not go with it, or one is missing.
    """
    mode = next((name for name in MODES if getattr(args, name) is not None), "draw")
    own = {"clip", "strength", "denoise"}
    allowed = MODES.get(mode, set(DEFAULTS) - own)
    for name, default in DEFAULTS.items():
        if getattr(args, name) != default and name not in allowed:
            option, way = f"--{name.replace('_', '-')}", "" if mode == "draw" else f" --{mode}"
            needs = [f"--{other}" for other, names in MODES.items() if name in names]
            hint = f"needs {' or '.join(needs)}" if not way else f"does not go with{way}"
            raise ValueError(f"{option}: {hint}")
    if mode == "like" and args.clip is None:
        raise ValueError("--like: name the clip with --clip")
    check_output(args, mode)
    return mode


def check_output(args: argparse.Namespace, mode: str) -> None:
    """Checks what is said about the form of the samples.

    Raises:
        ValueError: if it does not go together.
    """
    from motiongen import formats, sampling

    format = sampling.chosen_format(args.out, args.format)
    whole = sampling.is_whole(args.out, format)
    if args.address is not None and args.on != "ray":
        raise ValueError("--address: needs --on ray")
    if whole and args.shard_size is not None:
        raise ValueError(
            f"--shard-size: shards need a folder and a format of one file; {args.out} is named "
            f"like a file, or {format} is a folder already"
        )
    if args.on == "ray" and args.shard_size is None:
        raise ValueError("--on ray: draws shards; give their size with --shard-size")
    if mode != "draw" and not whole and format != "store":
        suffix = formats.get_writer(format).holds.suffix
        raise ValueError(f"--format {format}: with --{mode}, name the file in --out *{suffix}")


def _draw(model: "Generator", args: argparse.Namespace) -> "list[Motion]":
    from tqdm import tqdm

    from motiongen import sampling

    wanted = _wanted(model, args)
    with tqdm(total=wanted.count, unit="clip", desc="sampling", disable=None) as bar:
        return sampling.draw(
            model,
            n=wanted.count,
            labels=wanted.labels(),
            length=args.length,
            seed=args.seed,
            options=_sample_options(args),
            progress=bar.update,
        )


def _like(model: "Generator", args: argparse.Namespace) -> "list[Motion]":
    from motiongen import editing
    from motiongen.data.store import Store

    strength = STRENGTH if args.strength is None else args.strength
    n = VARIATIONS if args.n is None else args.n
    store = Store.open(args.like)
    return editing.vary(model, store, args.clip, n=n, strength=strength, seed=args.seed)


def _between(model: "Generator", args: argparse.Namespace) -> "list[Motion]":
    from motiongen import editing
    from motiongen.data.store import Store

    folder, first, second = args.between
    n = STEPS_BETWEEN if args.n is None else args.n
    return editing.between(model, Store.open(folder), first, second, n=n)


def _fill(model: "Generator", args: argparse.Namespace) -> "list[Motion]":
    from tqdm import tqdm

    from motiongen import editing
    from motiongen.data.store import Store

    store = Store.open(args.fill)
    with tqdm(total=len(store), unit="clip", desc="filling", disable=None) as bar:
        return editing.fill(
            model,
            store,
            n=1 if args.n is None else args.n,
            seed=args.seed,
            keep=not args.denoise,
            temperature=args.temperature,
            progress=bar.update,
        )


WAYS: "dict[str, Callable[[Generator, argparse.Namespace], list[Motion]]]" = {
    "draw": _draw,
    "like": _like,
    "between": _between,
    "fill": _fill,
}
