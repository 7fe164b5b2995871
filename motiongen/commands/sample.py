"""`motiongen sample`: draw clips, vary one, go from one to another, fill in what is missing."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motiongen.generators import Generator
    from motiongen.motion import Motion

#: what is done besides drawing, and the options that go with it
MODES = {
    "like": {"clip", "strength", "n", "seed"},
    "between": {"n"},
    "fill": {"n", "seed", "temperature", "denoise"},
}
#: options that one way of sampling has and another has not, and their values when left out
DEFAULTS = {
    **dict.fromkeys(("n", "counts_like", "label", "length", "guidance", "steps", "clip")),
    "strength": None,
    "seed": 0,
    "temperature": 1.0,
    "denoise": False,
}
#: of variations, unless given
STRENGTH, VARIATIONS, STEPS_BETWEEN = 0.3, 8, 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen sample`."""
    add = parser.add_argument
    add("checkpoint", type=Path, help="folder of a run, or a checkpoint file")
    add("--out", type=Path, required=True, help="a file if named *.npz, else a store")
    add(
        "--n",
        type=int,
        help="number of clips; by default as many as `fit` was given (--like: 8, --between: 9)",
    )
    add("--counts-like", choices=["train"], help="as many of each class as `fit` was given")
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
    add("--frames", type=int, help="stretch every clip to so many frames, for recognisers")
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


def run(args: argparse.Namespace) -> int:
    """Draw clean clips from a trained generator."""
    import motiongen
    from motiongen import sampling

    mode = check_options(args)
    sampling.check_target(args.out, overwrite=args.overwrite)
    model = motiongen.load(args.checkpoint, trust_code=args.trust_code, device=args.device)
    motions = WAYS[mode](model, args)
    if args.frames is not None:
        motions = sampling.stretched(motions, args.frames)
    made = "filled" if mode == "fill" else "generated"
    sampling.write(motions, args.out, model, overwrite=args.overwrite, made=made)
    print(f"{args.out}: {len(motions)} clips")
    return 0


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
    return mode


def _draw(model: "Generator", args: argparse.Namespace) -> "list[Motion]":
    from tqdm import tqdm

    from motiongen import sampling
    from motiongen.generators import SampleOptions

    labels = sampling.wanted_labels(model, args.n, args.counts_like, args.label)
    total = len(labels) if labels is not None else sampling.wanted_count(model, args.n)
    options = SampleOptions(args.temperature, args.guidance, args.steps)
    with tqdm(total=total, unit="clip", desc="sampling", disable=None) as bar:
        return sampling.draw(
            model,
            n=args.n,
            labels=labels,
            length=args.length,
            seed=args.seed,
            options=options,
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
