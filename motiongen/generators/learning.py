"""How a generator learns: statistics, batches, steps of one loss, validation, optimiser."""

import functools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from motiongen.generators.energy import Foretold, foretell, validation_score
from motiongen.generators.guard import require_finite
from motiongen.generators.keys import SampleOptions, key
from motiongen.generators.schedule import one_cycle
from motiongen.motion import NO_LABEL, MotionBatch
from motiongen.processes import Process, mean_of_all, own_rows, sharing
from motiongen.ranges import require_within
from motiongen.standardizer import Standardizer

if TYPE_CHECKING:
    from motiongen.data.module import MotionData

#: optimiser steps between two log entries: an entry costs as much as a small network's step
LOG_STEPS = 20
#: of the trainer; Lightning would halve or double the numbers of a batch, which is a frozen class
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


class Learner(pl.LightningModule, ABC):
    """What learns from batches by one loss; `Generator` adds what it is that was learned.

    A family gives `losses`, and where it needs them the hooks, `score` and `parameter_groups`.
    """

    #: of dropout and latents in training; set by whoever fits the model
    seed: int = 0
    #: which clips the model learned from, as plain values
    provenance: dict[str, Any]
    #: the same of the model whose weights the training began with, if there was one
    adapted_from: dict[str, Any] | None = None
    #: held-back clips and samples of the latest validation; not saved
    foretold: Foretold | None = None
    #: training clips of each class, and of none
    label_counts: Int[Tensor, "K+1"]
    standardizer: Standardizer

    #: whether batches come with their `path`: for families that cannot model the noise themselves
    learns_from_paths = False
    #: whether the loss is that of players against each other, which need not fall
    loss_is_a_game = False
    #: clips a step, unless the user says otherwise
    batch_size = 32
    #: how the samples are drawn that are scored in validation
    validation_options = SampleOptions()

    def __init__(self, *, learning_rate: float, weight_decay: float, label_dropout: float) -> None:
        super().__init__()
        require_within(0, learning_rate=learning_rate, weight_decay=weight_decay)
        require_within(0, 1, label_dropout=label_dropout)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.label_dropout = label_dropout
        self.provenance = {}

    # ---- what a generator gives ---------------------------------------------------------------

    @abstractmethod
    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """Named terms of a batch in physical units; all are logged, "total" is minimised."""

    @abstractmethod
    def fit_statistics(self, batch: MotionBatch) -> None:
        """Measures what is not learned by steps, `label_counts` too, on the whole train split."""

    @abstractmethod
    def find_path(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Where the joints most likely were, in physical units; 0 where a clip says nothing."""

    @abstractmethod
    def sample(
        self, n: int, *, seed: int = 0, options: SampleOptions | None = None
    ) -> MotionBatch:
        """Draws clips in physical units."""

    # ---- the data -----------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Takes the statistics from the train split, once, before training starts.

        Raises:
            ValueError: if the trainer's precision is not one of `PRECISIONS`.
        """
        if stage == "fit" and self.trainer.precision not in PRECISIONS:
            found = f"found {self.trainer.precision}, allowed {', '.join(PRECISIONS)}"
            raise ValueError(f"trainer.precision: {found}")
        if stage == "fit":
            self.before_statistics(self.trainer.datamodule)  # type: ignore[attr-defined]
        if stage == "fit" and not self.label_counts.any():
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            self.fit_statistics(data.train_clips())
            origin = self.adapted_from
            self.provenance = data.provenance() | ({"adapted_from": origin} if origin else {})
        if stage == "fit":
            self.choose_batches(self.trainer.datamodule)  # type: ignore[attr-defined]

    def before_statistics(self, data: "MotionData") -> None:
        """Hook: what has to be known of the train split before anything else is measured on it.

        Called at the start of each training, a resumed one too, and not kept in checkpoints: it
        has to come out the same from the same clips.
        """

    def choose_batches(self, data: "MotionData") -> None:
        """Tells the data what the family learns from; what the user chose stays."""
        data.usual_batch_size = self.batch_size
        if self.learns_from_paths and data.find_path != self.find_path:
            data.find_path = self.find_path

    def refresh(self, clips: MotionBatch) -> None:
        """Hook: brings what sampling needs besides the weights up to date with them.

        Called with the train split before each validation, so that every checkpoint has it.
        """

    def after_step(self) -> None:
        """Hook: what follows an optimiser step, such as a running average of the weights."""

    def on_train_batch_end(self, *args: Any) -> None:
        """Calls `after_step`."""
        self.after_step()

    def on_validation_start(self) -> None:
        """Refreshes, and draws the samples that everything in the validation judges."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self.refresh(data.train_clips())
        draw = functools.partial(self.sample, seed=self.seed, options=self.validation_options)
        self.foretold = foretell(data.val_dataloader().clips.to(self.device), draw)

    def diagnose(self) -> dict[str, Shaped[Tensor, ""]]:
        """Hook: numbers that tell whether the family's own machinery is healthy.

        Called at each validation, in evaluation mode and without gradients, with the clips and
        samples of `self.foretold`; logged as "monitor/<name>". Names with a healthy range in
        `motiongen.monitoring` warn outside of it; of a GAN: "critic_gap" (mean score of real
        clips less that of samples, on the scale of the critic's loss); of a flow:
        "largest_log_scale" (largest |log-scale| of any layer) and "inverse_error" (largest
        |x - inverse(forward(x))|, in standardised units).
        """
        return {}

    def training_label(self, label: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Hides some labels while training."""
        if not self.training or not self.label_dropout:
            return label
        draw = functools.partial(torch.rand, device=label.device)
        hidden = own_rows(draw, len(label)) < self.label_dropout
        return torch.where(hidden, NO_LABEL, label)

    # ---- training -----------------------------------------------------------------------------

    def on_train_batch_start(self, batch: MotionBatch, number: int) -> None:
        """Keys all randomness of a step by its number: a resumed run repeats what it would do."""
        torch.manual_seed(int(key(self.seed, self.global_step, 3).integers(2**62)))

    def training_step(self, batch: MotionBatch, number: int) -> Float[Tensor, ""]:
        """One step of the loss; of several processes, each has its part of it."""
        count = 1 if self._trainer is None else self.trainer.world_size
        with sharing(Process(self.global_rank, count)):
            losses = self.losses(batch)
            # a loss that is no number ends all processes: none waits for another
            terms = mean_of_all(torch.stack([v.detach().float() for v in losses.values()]))
        whole = dict(zip(losses, terms, strict=True))
        require_finite(whole, batch, f"loss of step {self.global_step}")
        if self.global_step % LOG_STEPS == 0:
            self.log("train/total", whole["total"], prog_bar=True)
            self.log_dict({f"train/{n}": v for n, v in whole.items() if n != "total"})
        return losses["total"]

    def validation_step(self, batch: MotionBatch, number: int) -> None:
        """The same terms on people that were not trained on."""
        losses = self.losses(batch)
        require_finite(losses, batch, f"validation loss after step {self.global_step}")
        self.log_dict({f"validation/{n}": v for n, v in losses.items()}, batch_size=len(batch))

    def on_validation_epoch_end(self) -> None:
        """Scores samples against these people, for the score that chooses the checkpoint."""
        assert self.foretold is not None
        energy = validation_score(self.foretold, self.standardizer.scale)
        self.log("validation/energy", energy)
        self.log("validation/score", self.score(energy), prog_bar=True)

    def score(self, energy: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """What chooses the checkpoint, low is good: the energy score, if nothing else does.

        An autoencoder's loss would not do: it is lowest long before samples are best, as it judges
        how well strange clips are encoded and not what comes of the latents.
        """
        return energy

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What the optimiser gets; a family may give parts their own rates and spans.

        A group's "span" is the share of the training, from start to end, over which its rate
        rises and falls.
        """
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]

    def progress(self) -> float:
        """Share of the training that is done, below 1; 1 outside of it."""
        if not self.training or self._trainer is None:
            return 1.0
        return (self.global_step + 0.5) / self.planned_steps()

    @property
    def ready_at(self) -> float:
        """Share of the training before which samples are of parts that have not learned yet."""
        return 0.0

    @property
    def adapts(self) -> bool:
        """Whether the training began with the weights of another one."""
        return "adapted_from" in self.provenance

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a short warm-up and a cosine to nearly zero."""
        # a fused step would take the scaling of mixed precision off by itself, after gradients
        # have been clipped
        optimizer = torch.optim.AdamW(
            self.parameter_groups(),
            self.learning_rate,
            weight_decay=self.weight_decay,
            fused=not self.trainer.precision.endswith("-mixed"),
        )
        schedule = one_cycle(optimizer, self.planned_steps())
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def planned_steps(self) -> int:
        """Optimiser steps of the whole training."""
        if self.trainer.max_steps > 0:
            return self.trainer.max_steps
        return max(1, int(self.trainer.estimated_stepping_batches))
