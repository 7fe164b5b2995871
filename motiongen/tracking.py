"""Where a run is logged: a CSV file always, Weights & Biases and TensorBoard if asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment

from motiongen.checkpoint import BEST
from motiongen.generators import Generator
from motiongen.history import LOG, History
from motiongen.monitoring import Monitor
from motiongen.motion import Motion
from motiongen.viewer.page import Group, Panel, page_html

Tracking = Literal["off", "offline", "online"]
PROJECT = "motiongen"
#: clips of the gallery: held-back ones, each beside a sample of its class and length
GALLERY = 8


class Tracked(WandbLogger):
    """Weights & Biases, in a folder that it makes when something is logged, and not before.

    What is refused before the training starts then leaves no folder behind.
    """

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run."""
        assert self.save_dir is not None
        # wandb logs to another folder where this one is not there
        Path(self.save_dir).mkdir(parents=True, exist_ok=True)
        return super().experiment


def make_loggers(
    out: Path, tracking: Tracking = "off", *, tensorboard: bool = False
) -> list[Logger]:
    """A CSV file in the run's folder and, where asked for, Weights & Biases and TensorBoard.

    Raises:
        ValueError: if TensorBoard is asked for and not installed.
    """
    loggers: list[Logger] = [History(out / LOG)]
    if tracking != "off":
        offline = tracking == "offline"
        loggers.append(Tracked(project=PROJECT, save_dir=str(out), offline=offline))
    if tensorboard:
        try:
            loggers.append(TensorBoardLogger(save_dir=str(out), name="", version="tensorboard"))
        except ModuleNotFoundError as error:
            raise ValueError(
                "--tensorboard: pip install tensorboardX or tensorboard first"
            ) from error
    return loggers


class Showcase(Callback):
    """Gives Weights & Biases more than curves.

    The configuration and what was learned from, a gallery that plays held-back clips beside
    samples of the same class after each validation, alarms of collapse, and the best checkpoint as
    an artifact. Without Weights & Biases it does nothing.

    Args:
        out: folder of the run.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_train_start(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Logs how the model is built and which clips it learns from."""
        if (run := _run(trainer)) and isinstance(model, Generator):
            known = {"recipe": model.recipe, "data": model.provenance, "seed": model.seed}
            run.config.update(known, allow_val_change=True)

    def on_validation_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Logs the gallery and what the detectors of collapse have said."""
        run = _run(trainer)
        if run is None or not isinstance(model, Generator) or model.foretold is None:
            return
        import wandb

        page = str(page_html(title=f"step {trainer.global_step}", groups=gallery(model)))
        run.log({"gallery": wandb.Html(page, inject=False), "step": trainer.global_step})
        watching = [one for one in trainer.callbacks if isinstance(one, Monitor)]  # type: ignore[attr-defined]
        alarms = {name for one in watching for name in one.warned}
        run.summary["alarms"] = ", ".join(sorted(alarms)) or "none"

    def on_fit_end(self, trainer: pl.Trainer, model: pl.LightningModule) -> None:
        """Logs the best checkpoint as an artifact."""
        run, best = _run(trainer), self.out / BEST
        if run is None or not best.is_file():
            return
        import wandb

        artifact = wandb.Artifact(f"{type(model).__name__}-{run.id}", type="model")
        # no copy in the user's home, where an offline run would leave it; the file is replaced
        # whole by a longer training, never changed
        artifact.add_file(str(best), policy="immutable")
        run.log_artifact(artifact)


def _run(trainer: pl.Trainer) -> Any:
    """The run of Weights & Biases, in the process that logs; None without one."""
    if not trainer.is_global_zero:
        return None
    found = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
    return found[0].experiment if found else None


def gallery(model: Generator) -> Sequence[Group]:
    """Held-back clips of the latest validation beside a sample with the label of each."""
    assert model.foretold is not None
    clips = model.foretold.clips.to("cpu").replace(target=None, path=None)
    samples = model.foretold.samples.to("cpu")
    each = len(samples) // len(clips)
    count = min(GALLERY, len(clips))
    real = clips.select(slice(0, count)).unbind(model.spec, "held")
    made = samples.select(slice(0, count * each, each)).unbind(model.spec, "sample")
    return [
        Group(_name(model, pair[0], number), [Panel("real", pair[:1]), Panel("sample", pair[1:])])
        for number, pair in enumerate(zip(real, made, strict=True))
    ]


def _name(model: Generator, clip: Motion, number: int) -> str:
    label = "" if clip.label is None else model.spec.classes[clip.label]
    return f"{number + 1} {label}".strip()
