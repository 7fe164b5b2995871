"""The `motiongen` command. Heavy imports happen inside the commands, so that --help is quick."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from motiongen import __version__
from motiongen.commands import (
    augment,
    errors,
    export,
    release,
    sample,
    studio,
    sweep,
    synthetic,
)
from motiongen.commands.report import check_folder, write_report


def demo(args: argparse.Namespace) -> int:
    """Train, sample, evaluate and look, on the embedded synthetic motion, in minutes."""
    from motiongen import demonstration

    page = demonstration.run(args.out, seed=args.seed, severity=args.severity)
    print(f"wrote {page} and {page.with_suffix('.json')}")
    return 0


def import_(args: argparse.Namespace) -> int:
    """Read skeletons in a known format and prepare a store."""
    from motiongen.data.importing import import_source

    store = import_source(
        args.format,
        args.source,
        args.out,
        options=dict(_option(text) for text in args.option),
        fps=args.fps,
        layout=args.layout,
        overwrite=args.overwrite,
        strict=args.strict,
    )
    for entry in store.dropped:
        print(f"dropped {entry['source']}: {entry['reason']}")
    findings = store.manifest["origin"]["findings"]
    for entry in findings:
        if not entry["source"]:
            print(
                f"{'repaired' if entry['repaired'] else 'found'} in all clips: {entry['reason']}"
            )
    print(
        f"{store.path}: {len(store)} clips, {len(store.dropped)} dropped, {len(findings)} findings"
    )
    print(f"next: motiongen info {store.path}")
    return 0


def info(args: argparse.Namespace) -> int:
    """Tell what a store holds and what to know before training."""
    import json

    from motiongen.data.inspection import inspect
    from motiongen.data.shards import files_of
    from motiongen.data.store import Store, verify

    if args.verify:
        verify(args.store)
    found = files_of(args.store) or inspect(Store.open(args.store))
    text = json.dumps(found.as_dict(), indent=2, allow_nan=False) if args.json else found.as_text()
    print(text)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Score sets of samples beside real data and trivial baselines."""
    from motiongen import scoring
    from motiongen.evaluation.features import ARCHITECTURES, Cache

    check_folder(args.out)
    report = scoring.evaluate_stores(
        args.samples,
        args.real,
        train=args.train,
        test=args.test,
        seed=args.seed,
        k=args.k,
        extractors=args.extractors or ARCHITECTURES,
        metrics=args.metrics,
        cache=None if args.no_cache else Cache.usual(),
    )
    return write_report(report, args.out)


def view(args: argparse.Namespace) -> int:
    """Write one self-contained page that plays clips of several stores side by side."""
    from motiongen import scoring

    scoring.view_stores(args.stores, args.out, clips=args.clips)
    print(f"wrote {args.out}: at most {args.clips} clips of each class and store (--clips)")
    return 0


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--option: found {text!r}, expected NAME=VALUE")
    return name, value


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option like every other error: in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "motiongen",
        allow_abbrev=False,
        description="Deep generative models of human motion from noisy, incomplete skeletons.",
    )
    parser.add_argument("--version", action="version", version=f"motiongen {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_demo, _add_import, _add_info):
        add(commands)
    _command(commands, "fit", fit)
    _add_sample(commands)
    export.add_arguments(_command(commands, "export", export.run))
    _add_evaluate(commands)
    errors.add_arguments(_command(commands, "errors", errors.run))
    for add in (_add_augment, _add_sweep, _add_view):
        add(commands)
    for part, name in ((studio, "studio"), (release, "release"), (synthetic, "synthetic")):
        part.add_arguments(_command(commands, name, part.run))
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001  (argparse gives this type no public name)


def _command(commands: _Commands, name: str, function: object) -> argparse.ArgumentParser:
    text = (function.__doc__ or "").splitlines()[0]
    formatter = argparse.ArgumentDefaultsHelpFormatter
    command = commands.add_parser(
        name, help=text, description=text, formatter_class=formatter, allow_abbrev=False
    )
    command.set_defaults(function=function)
    return command


def _add_demo(commands: _Commands) -> None:
    add = _command(commands, "demo", demo).add_argument
    add("--out", type=Path, default=Path("runs/demo"), help="folder of the run")
    add("--seed", type=int, default=0, help="of data, training and samples")
    add("--severity", type=int, default=2, help="of the corruption, 0 to 5; 2 is about a Kinect")


def _add_import(commands: _Commands) -> None:
    add = _command(commands, "import", import_).add_argument
    add("format", help="its name, see --formats")
    add("source", type=Path, help="folder, file, or tar/zip archive")
    add("--out", type=Path, required=True, metavar="STORE", help="folder to create")
    add("--option", action="append", default=[], metavar="NAME=VALUE", help="for the reader")
    add("--fps", type=float, help="frame rate for models; by default chosen from the clips")
    add("--layout", help="skeleton for models; by default the most frequent one")
    add("--strict", action="store_true", help="repair nothing; refuse if anything is wrong")
    add("--overwrite", action="store_true", help="replace STORE once the new one is complete")
    listed = "list the formats that can be read, and exit"
    add("--formats", action=_ListFormats, default=argparse.SUPPRESS, help=listed)


class _ListFormats(argparse.Action):
    """Prints what `import` can read; an action, as nothing else of the line is needed then."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from motiongen import formats

        for name in formats.names():
            # a package that cannot be imported is named too: its error comes when it is asked for
            reader = formats.READERS.get(name)
            text = sys.modules[reader.__module__].__doc__ or "" if reader else ""
            print(f"{name:<13} {text.splitlines()[0] if text else 'of an installed package'}")
        parser.exit()


def _add_info(commands: _Commands) -> None:
    add = _command(commands, "info", info).add_argument
    add("store", type=Path, help="folder made by `import` or `sample`")
    add("--json", action="store_true", help="print JSON")
    add("--verify", action="store_true", help="compare every file's checksum first")


def fit(args: argparse.Namespace) -> int:
    """Train a generator; its own options: motiongen fit --help."""
    from motiongen import fitting

    return fitting.run([], print)


def _add_sample(commands: _Commands) -> None:
    command = _command(commands, "sample", sample.run)
    sample.add_arguments(command)
    add = command.add_argument
    add("--device", default="cpu", help="where to compute")
    _add_trust(add)
    add("--overwrite", action="store_true", help="replace what is at OUT, unless it is shards")


def _add_evaluate(commands: _Commands) -> None:
    add = _command(commands, "evaluate", evaluate).add_argument
    add("samples", type=Path, nargs="+", help="stores of samples; each is a row")
    add("--real", type=Path, required=True, metavar="STORE", help="real clips")
    add("--out", type=Path, required=True, help="folder for the report")
    add("--train", nargs="+", metavar="SUBJECT", help="default: whom the generator was given")
    add("--test", nargs="+", metavar="SUBJECT", help="default: all others of the store")
    add("--seed", type=int, default=0, help="of extractor, draws and intervals")
    add("--k", type=int, default=5, help="neighbours for density and coverage")
    add(
        *("--extractors",),
        nargs="+",
        metavar="ENCODER",
        help="feature spaces, by default RNN and CNN; the first fills the tables, another table "
        "compares them",
    )
    add("--metrics", nargs="+", metavar="NAME", help="scores to show; by default all")
    add("--no-cache", action="store_true", help="train extractors anew and keep nothing")


def _add_augment(commands: _Commands) -> None:
    command = _command(commands, "augment", augment.run)
    augment.add_arguments(command)
    _add_trust(command.add_argument)


def _add_sweep(commands: _Commands) -> None:
    command = _command(commands, "sweep", sweep.run)
    sweep.add_arguments(command)
    _add_trust(command.add_argument)


def _add_view(commands: _Commands) -> None:
    add = _command(commands, "view", view).add_argument
    add("stores", type=Path, nargs="+", help="stores of real, noisy or generated clips")
    add("--out", type=Path, default=Path("view.html"), help="page to write")
    add("--clips", type=int, default=3, help="clips of each class and store")


def _add_trust(add: Callable[..., object]) -> None:
    add("--trust-code", action="store_true", help="allow classes from outside motiongen")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # clips are small: a second thread gains little, and on a busy machine costs a factor of ten
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        if words[:1] == ["fit"]:
            from motiongen import fitting

            return fitting.run(words[1:], print)
        chosen = _parser().parse_args(words)
        code = chosen.function(chosen)
        # a reader that went away is noticed here and not at the interpreter's end
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has seen enough; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError, ArithmeticError) as error:
        if os.environ.get("MOTIONGEN_DEBUG"):
            raise
        print(f"motiongen: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
