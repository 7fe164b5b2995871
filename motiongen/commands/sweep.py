"""`motiongen sweep`: many trainings of one file, scored, as a leaderboard."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `motiongen sweep`; keys of the file are taken as they are."""
    add = parser.add_argument
    add("-c", "--config", type=Path, required=True, metavar="FILE", help="sweep file")
    add("--out", type=Path, help="folder of the sweep; by default runs/sweep/ and FILE's name")
    add("--workers", type=int, help="trials at a time; by default 1, on Ray as many as fit")
    add("--on", choices=["local", "ray"], default="local", help="where to run trials")
    add("--address", help="of a Ray cluster; by default one that is found, else this machine")
    add("--wandb", metavar="PROJECT", help="log each trial with Weights & Biases")
    parser.epilog = (
        "Any key of the file may follow: --trainer.max_steps 100 sets one of `fit` for all "
        "trials, --score.metric kid one of a section."
    )
    parse = parser.parse_known_args

    def parse_with_keys(args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        known, others = parse(args, namespace)
        known.keys = others
        return known, []

    parser.parse_known_args = parse_with_keys  # type: ignore[method-assign]


def run(args: argparse.Namespace) -> int:
    """Train, sample and score every trial of a file; resumes where it was killed.

    Raises:
        ValueError: if an option or the file is wrong, or a library is not installed.
    """
    changes = keys_of(args.keys)
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers: found {args.workers}, at least 1 is needed")
    if args.address is not None and args.on != "ray":
        raise ValueError("--address: needs --on ray")
    backend = _backend(args)
    from motiongen.sweeping.reading import read_sweep
    from motiongen.sweeping.running import run_sweep

    sweep = read_sweep(args.config, changes, trust_code=args.trust_code)
    out = args.out or Path("runs/sweep") / sweep.name
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: {out} is a file, a folder is needed")
    code, report = run_sweep(
        sweep, out, workers=args.workers or 0, backend=backend, project=args.wandb
    )
    for text in (*report.summary, *report.warnings):
        print(text)
    print(f"{out / 'leaderboard.html'}" if code in (0, 1) else f"{out}: interrupted; start again")
    return code


def keys_of(words: Sequence[str]) -> list[tuple[str, Any]]:
    """Keys and values of the words that are no options of the command.

    Raises:
        ValueError: if a word is no key, a key has no value, or a value is no YAML.
    """
    import yaml

    from motiongen.trust import load_yaml

    rest, found = list(words), []
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"unrecognized arguments: {word}; see motiongen sweep --help")
        key, equals, text = word[2:].partition("=")
        if not equals:
            if not rest:
                raise ValueError(f"{word}: has no value")
            text = rest.pop(0)
        try:
            found.append((key, load_yaml(text)))
        except yaml.YAMLError as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{word}: {text!r} is no value: {reason}") from error
    return found


def _backend(args: argparse.Namespace) -> Any:
    """What runs the trials; a library that lacks is said before anything else is done."""
    from importlib.util import find_spec

    needed = {"optuna": "hpo"} | ({"ray": "cluster"} if args.on == "ray" else {})
    lacking = [extra for name, extra in needed.items() if find_spec(name) is None]
    if lacking:
        raise ValueError(
            f"motiongen sweep needs what is not installed: "
            f"pip install 'motiongen[{','.join(lacking)}]'"
        )
    if args.on == "ray":
        from motiongen.sweeping.cluster import on_ray

        return on_ray(args.address)
    from motiongen.sweeping.local import run_local

    return run_local
