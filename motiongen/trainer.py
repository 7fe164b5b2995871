"""The trainer of `motiongen fit`: Lightning's, with motiongen's defaults and callbacks."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, TQDMProgressBar

from motiongen.checkpoint import BEST, LAST
from motiongen.monitoring import Monitor
from motiongen.resuming import Saving
from motiongen.selection import BestCheckpoint
from motiongen.tracking import Showcase


class MotionTrainer(pl.Trainer):
    """Lightning's trainer, whose whole numbers of batches are never read as fractions.

    `limit_train_batches: 1` is one batch and `1.0` is all of them. Which of the two a
    configuration's `1` becomes hangs on the order of the types in Lightning's annotation, and
    `typing` may exchange that for the order of another module's equal annotation that was
    imported before. The annotations here are of the kind that it does not keep.
    """

    def __init__(
        self,
        *args: Any,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the trainer.

        Args:
            *args: of Lightning's trainer.
            limit_train_batches: training batches of an epoch; a float is their share.
            limit_val_batches: validation batches; a float is their share.
            limit_test_batches: test batches; a float is their share.
            limit_predict_batches: batches to predict; a float is their share.
            overfit_batches: training batches to overfit; a float is their share.
            val_check_interval: training batches between validations; a float is their share of
                an epoch, a string or a dict is time as Lightning reads it.
            **kwargs: of Lightning's trainer.
        """
        super().__init__(
            *args,
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            **kwargs,
        )


def trainer_defaults() -> dict[str, Any]:
    """What `configs/trainer.yaml` holds, so that a bare `motiongen fit` does the same."""
    return {
        "max_steps": 1500,
        "max_epochs": -1,
        "devices": 1,
        "gradient_clip_val": 1.0,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
        "enable_model_summary": False,
    }


def callbacks(out: Path, *, progress: bool = True) -> list[Callback]:
    """Keeps the best checkpoint, and the last one to resume from."""
    bar = [ScoreBar(refresh_rate=10)] if progress else []
    kept = [BestCheckpoint(out / BEST), Saving(out / LAST)]
    return [*kept, LastValidation(), Monitor(), Showcase(out), *bar]


class ScoreBar(TQDMProgressBar):
    """The progress bar with the losses and the score, and without the logger's name."""

    def get_metrics(self, trainer: pl.Trainer, model: pl.LightningModule) -> dict[str, Any]:
        """What stands behind the bar."""
        metrics = super().get_metrics(trainer, model)
        return {name: value for name, value in metrics.items() if name != "v_num"}


class LastValidation(Callback):
    """Validates, and so saves, after the very last step, too, where no epoch ends there."""

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        """Asks for an early stop, which Lightning validates before."""
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True


def check_sizes(trainer: pl.Trainer) -> None:
    """Refuses a training without a step, of which there would be no checkpoint.

    Raises:
        ValueError: names the key.
    """
    for key in ("max_steps", "max_epochs", "limit_train_batches", "accumulate_grad_batches"):
        found, unlimited = getattr(trainer, key), key.startswith("max_")
        if found is not None and found <= 0 and not (unlimited and found == -1):
            allowed = "1 or more, or -1 for no limit" if unlimited else "above 0"
            raise ValueError(f"trainer.{key}: found {found}, allowed {allowed}")
