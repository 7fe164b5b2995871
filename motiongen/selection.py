"""Which checkpoint of a training is kept as the best one."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from jaxtyping import Float
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

#: relative difference below which two scores of a few dozen clips are no different
TOLERANCE = 0.02


class BestCheckpoint(ModelCheckpoint):
    """Keeps the latest of the good checkpoints of the second half of a training.

    Held-back people are few, and all that a score on them says is whether their clips could have
    come from the model. It hardly tells sharp samples from the blurred and broad ones of a
    training that has just begun, which so may win by chance. So the first half, in which the
    rates are still high and the running averages reach far back, only counts until the second
    has begun, or the model is `ready_at` a later share; and of two scores that differ by less than
    `TOLERANCE`, the later one wins.

    Args:
        file: where the checkpoint is kept.
    """

    def __init__(self, file: Path) -> None:
        super().__init__(
            str(file.parent),
            file.stem,
            monitor="validation/score",
            mode="min",
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )
        self.lowest, self.late = math.inf, False

    def check_monitor_top_k(
        self, trainer: pl.Trainer, current: Float[Tensor, ""] | None = None
    ) -> bool:
        """Whether the present weights are kept instead of the ones before."""
        if current is None:
            return False
        value = float(current)
        # a longer training that goes on from a shorter one has its second half still to come
        model = trainer.lightning_module
        share = trainer.global_step / model.planned_steps()  # type: ignore[operator]
        late = share >= max(0.5, model.ready_at)  # type: ignore[call-overload]
        if late and not self.late:
            self.lowest = math.inf
        self.late = late
        first = not self.best_k_models or self.lowest == math.inf
        if not math.isnan(value):
            self.lowest = min(self.lowest, value)
        kept = first or value <= self.lowest + TOLERANCE * abs(self.lowest)
        # all processes have to agree
        return trainer.strategy.reduce_boolean_decision(kept)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs to choose as an uninterrupted one does."""
        return {**super().state_dict(), "lowest": self.lowest, "late": self.late}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes back `state_dict`."""
        super().load_state_dict(state_dict)
        self.lowest, self.late = state_dict["lowest"], state_dict["late"]
