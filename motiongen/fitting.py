"""`motiongen fit`: Lightning's command line, with one YAML an axis and the spec from the data."""

import inspect
import logging
import re
import warnings
from argparse import ArgumentError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from motiongen import encoders, generators
from motiongen.adapting import take_autoencoder, take_weights
from motiongen.checkpoint import LAST
from motiongen.data.module import MotionData
from motiongen.generators import Generator
from motiongen.processes import Process
from motiongen.resuming import Saving, begin, checkpoint_before, require_same_run
from motiongen.tracking import Tracking, make_loggers
from motiongen.trainer import MotionTrainer, callbacks, check_sizes, trainer_defaults
from motiongen.trust import TRUST, allowed_classes, without_trust


class MotionCLI(LightningCLI):
    """Parses and builds; model and data share the spec, which comes from the data."""

    def __init__(self, args: Sequence[str]) -> None:
        words, self.trust_code = without_trust(args)
        with allowed_classes(trust_code=self.trust_code):
            super().__init__(
                Generator,
                MotionData,
                subclass_mode_model=True,
                save_config_callback=None,
                trainer_class=MotionTrainer,
                seed_everything_default=0,
                trainer_defaults=trainer_defaults(),
                parser_kwargs={
                    "prog": "motiongen fit",
                    "description": FIT_HELP,
                    "exit_on_error": False,
                    "allow_abbrev": False,
                },
                args=with_encoder(words),
                run=False,
            )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the run's folder, resuming and tracking; links the spec."""
        parser.add_argument("--out", type=Path, default=Path("runs/fit"), help="folder of the run")
        parser.add_argument("--resume", type=bool, default=False, help="go on where OUT stopped")
        parser.add_argument(
            "--wandb",
            type=Tracking,
            default="off",
            help="track the run with Weights & Biases: offline or online",
        )
        parser.add_argument(
            "--tensorboard", type=bool, default=False, help="log for TensorBoard, too"
        )
        parser.add_argument(
            "--autoencoder",
            type=Path | None,
            default=None,
            help="for a latent flow: run or checkpoint of the VAE to take instead of training one",
        )
        parser.add_argument(
            "--init",
            type=Path | None,
            default=None,
            help="run or checkpoint of a model of the same family whose weights are adapted",
        )
        parser.add_argument("--seed", type=int, default=0, help="of weights, order and latents")
        parser.link_arguments("seed", "seed_everything")
        parser.link_arguments("seed", "data.seed")
        parser.link_arguments("data.spec", "model.init_args.spec", apply_on="instantiate")
        parser.set_defaults({"model": {"class_path": "motiongen.generators.VAE"}})

    def instantiate_trainer(self, **changes: Any) -> pl.Trainer:
        """Adds the run's folder, logger and callbacks to what was configured.

        Raises:
            ValueError: if an option needs a package that is not installed.
        """
        config = self.config_init
        out = Path(config["out"])
        changes.setdefault("default_root_dir", str(out))
        changes.setdefault(
            "logger", make_loggers(out, config["wandb"], tensorboard=config["tensorboard"])
        )
        shown = config["trainer"].get("enable_progress_bar") is not False
        changes.setdefault("callbacks", callbacks(out, progress=shown))
        try:
            return super().instantiate_trainer(**changes)
        except ModuleNotFoundError as error:
            # an accelerator or a plugin whose package is not installed
            raise ValueError(f"trainer: {error}") from error


_ENCODER = ("--model.encoder", "--model.init_args.encoder")


def with_encoder(args: Sequence[str]) -> list[str]:
    """The arguments, with the default encoder named where only its options are given.

    It is no default of the parser: the parser would hand its options on to whatever encoder is
    named in its place.
    """
    names = [word.partition("=")[0] for word in args]
    options = any(name.startswith(tuple(f"{key}." for key in _ENCODER)) for name in names)
    named = {*_ENCODER, *(f"{key}.class_path" for key in _ENCODER), "-c", "--config"}
    return [*(["--model.encoder", "CNN"] if options and not named & set(names) else []), *args]


FIT_HELP = (
    "Train a generator. Without --data.store it learns from the embedded synthetic motion. "
    f"{TRUST} allows classes from outside motiongen, whose modules are then imported."
)


def make_trainer(out: str | Path, **changes: Any) -> pl.Trainer:
    """The trainer of `motiongen fit`, for use from Python."""
    quiet()
    out = Path(out)
    defaults = {
        **trainer_defaults(),
        "default_root_dir": str(out),
        "logger": make_loggers(out),
        "callbacks": callbacks(out, progress=changes.get("enable_progress_bar") is not False),
    }
    return MotionTrainer(**{**defaults, **changes})


def run(args: Sequence[str], say: Callable[[str], object]) -> int:
    """Runs `motiongen fit` and returns the exit code.

    Args:
        args: the words after `fit`.
        say: shows the one line that a finished run ends with.

    Raises:
        ValueError: if an option or a configuration is wrong, in one line that names the key.
    """
    cli = prepared(args)
    out, resume = Path(cli.config["out"]), bool(cli.config["resume"])
    code = fit(cli.model, cli.datamodule, cli.trainer, out, resume=resume)
    if code == 0 and cli.trainer.is_global_zero:
        best = getattr(cli.trainer.checkpoint_callback, "best_model_score", None)
        score = "" if best is None else f", best validation score {float(best):.4g}"
        say(f"{out}: {cli.trainer.global_step} steps{score}; next: motiongen sample {out} --out …")
    return code


def prepared(args: Sequence[str]) -> MotionCLI:
    """Builds model, data and trainer from the options of `motiongen fit`.

    Raises:
        ValueError: if an option or a configuration is wrong, in one line that names the key.
    """
    quiet()
    try:
        cli = MotionCLI(args)
    except (ArgumentError, ValueError, MisconfigurationException) as error:
        raise ValueError(in_one_line(str(error))) from error
    cli.model.seed = int(cli.config["seed"])
    if cli.config["autoencoder"] is not None:
        take_autoencoder(cli.model, cli.config["autoencoder"], trust_code=cli.trust_code)
    if cli.config["init"] is not None:
        take_weights(cli.model, cli.config["init"], trust_code=cli.trust_code)
    return cli


def fit(
    model: Generator,
    data: MotionData,
    trainer: pl.Trainer,
    out: str | Path,
    *,
    resume: bool = False,
) -> int:
    """Trains and returns the exit code: 0, or 130 / 143 after SIGINT / SIGTERM.

    The first signal ends the training after its step, with a checkpoint; the second at once.

    Args:
        model: what to train.
        data: what to train it on.
        trainer: made by `make_trainer` with the same `out`.
        out: folder of the run.
        resume: go on from the last checkpoint of the run in `out`; from its beginning, if it
            ended before there was one. The options have to be those it was started with, but
            for a longer training.

    Raises:
        FileExistsError: if `out` holds a run that is not to be resumed.
        FileNotFoundError: if there is nothing to resume.
        OSError: if a checkpoint cannot be written; the earlier one is as it was.
        ValueError: if the trainer would do no step, the clips cannot be trained on, the run to
            resume is of another model, or its checkpoint is damaged.
        FloatingPointError: if the loss or the weights are no numbers any more.
    """
    check_sizes(trainer)
    saving = next(found for found in trainer.checkpoint_callbacks if isinstance(found, Saving))
    last = Path(out) / LAST
    try:
        with saving.stop:
            before = checkpoint_before(last, resume=resume)
            # what is wrong with the clips is said before anything is written
            data.setup("fit")
            model.choose_batches(data)
            # said before anything is written, too
            processes = Process(count=trainer.num_devices * trainer.num_nodes)
            processes.rows(min(data.clips_a_step, len(data.train)))
            if before:
                require_same_run(model, data, last, before)
            begin(trainer, Path(out), before)
            path = str(last) if before else None
            trainer.fit(model, data, ckpt_path=path, weights_only=True)
    except (KeyboardInterrupt, SystemExit):
        # Lightning makes the one of the other; without a signal it is no wish of the user
        if saving.stop.number is None:
            raise
    if saving.stop.number is None:
        return 0
    told = f"resume with --out {out} --resume true" if last.exists() else "nothing was saved"
    logging.getLogger(__name__).warning("interrupted; %s", told)
    return 128 + saving.stop.number


def is_concrete(value: object, base: type) -> bool:
    """Whether a value is a class that can be built, of a kind."""
    return isinstance(value, type) and issubclass(value, base) and not inspect.isabstract(value)


#: classes that a configuration may name without their module
BARE_NAMES = [
    *(name for name in encoders.__all__ if is_concrete(getattr(encoders, name), encoders.Encoder)),
    *(name for name in generators.__all__ if is_concrete(getattr(generators, name), Generator)),
]
#: lines of the parser's report on alternatives that were not meant, and on what it was given
_CLUTTER = re.compile(
    r"Does not validate|Subtypes|Errors$|Expected a <class 'NoneType'>|Expected a path|Given v"
)
#: how the parser says what we say in other words
_WORDING = {
    r"Importing ('[^']*') is not allowed, denied by.*? to allow it\.": r"\1 is not part of "
    f"motiongen; importing it would run its code. If you trust its author, add {TRUST}",
    r"(If you trust its author, add [-a-z]+): .*": r"\1",
    r"Type collections\.abc\.Callable.*? callable class: ": "",
    r"\. Got value: Namespace\(.*": "",
    r"Problem with given class_path ('[^']*')": r"\1",
    r"Expected a dot import path string: (\S+)": r"there is no class '\1'; full paths work, "
    f"and the names {', '.join(BARE_NAMES)}",
}


def in_one_line(report: str) -> str:
    """The line of reasons in the parser's tree of failed attempts."""
    lines = (line.strip().removeprefix("- ").rstrip(":") for line in report.splitlines())
    text = ": ".join(line for line in lines if line and not _CLUTTER.match(line))
    for theirs, ours in _WORDING.items():
        text = re.sub(theirs, ours, text)
    return text


#: beginnings of warnings about how Lightning uses other libraries, or about what is meant to be so
_KNOWN_WARNINGS = (
    ".*tensorboardX",
    ".*does not have many workers",
    "LightningCLI's args parameter is intended to run from",
    r"\s*By default only one JsonargparseDeprecationWarning",
    r"(?s)\s.*was\s+deprecated\s+in\s+v4",
    ".*treespec, LeafSpec",
    ".*jit.script.* is deprecated",
    ".*Checkpoint directory .* exists and is not empty",
    # every process validates on the same clips and the same samples
    ".*recommended to use `self.log.*sync_dist=True",
)


def quiet() -> None:
    """Silences what Lightning says about itself and keeps what it says about the run."""
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message)
