"""What every generator shares: spec, condition, units, sampling, training of one loss, saving."""

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from motiongen import __version__, layouts
from motiongen.generators.drawing import draw_batch
from motiongen.generators.energy import Foretold, foretell, validation_score
from motiongen.generators.guard import require_finite
from motiongen.generators.keys import (
    SampleOptions,
    concatenate,
    given,
    given_labels,
    key,
    parts_of,
    require_counts,
)
from motiongen.generators.protocols import refuse_unused
from motiongen.generators.recipe import class_path, plain
from motiongen.generators.schedule import one_cycle
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.observation import Observation
from motiongen.processes import Process, mean_of_all, own_rows, sharing
from motiongen.ranges import require_within
from motiongen.standardizer import Standardizer

if TYPE_CHECKING:
    from motiongen.data.module import MotionData

#: the network always sees this many samples at a time, so that sample i never depends on n
MICRO_BATCH = 32
LABEL_FEATURES = 32
#: optimiser steps between two log entries: an entry costs as much as a small network's step
LOG_STEPS = 20
#: clips whose noise is taken off together: memory grows with their number and squared length
PATHS_AT_ONCE = 32
#: of the trainer; Lightning would halve or double the numbers of a batch, which is a frozen class
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")


class Generator(pl.LightningModule, ABC):
    """A generative model of whole clips.

    A subclass calls `super().__init__`, builds its networks, calls `self.remember(locals())` and
    gives `losses`, `noise` and `draw`. Everything else is shared.

    Args:
        spec: the contract with the data.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden, so that the model can be
            sampled without one.
        noise_level: standard deviation of the estimator's noise, in the spec's unit. None: it is
            measured on the train split. 0: the data are believed as they are.

    Raises:
        ValueError: if an option is outside what is allowed; names it.
    """

    recipe: dict[str, Any]
    #: of dropout and latents in training; set by whoever fits the model
    seed: int = 0
    #: which clips the model learned from, as plain values
    provenance: dict[str, Any]
    #: the same of the model whose weights the training began with, if there was one
    adapted_from: dict[str, Any] | None = None
    label_counts: Int[Tensor, "K+1"]
    length_counts: Int[Tensor, "K+1 T+1"]
    #: held-back clips and samples of the latest validation; not saved
    foretold: Foretold | None = None

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        *,
        learning_rate: float,
        weight_decay: float,
        label_dropout: float,
        noise_level: float | None = None,
    ) -> None:
        super().__init__()
        require_within(0, learning_rate=learning_rate, weight_decay=weight_decay)
        require_within(0, 1, label_dropout=label_dropout)
        # plain values come from checkpoints and configuration files
        self.spec = spec = MotionSpec.from_dict(spec) if isinstance(spec, dict) else spec
        self.skeleton = layouts.get(spec.layout)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.label_dropout = label_dropout
        self.provenance = {}
        self.standardizer = Standardizer(self.skeleton, spec.channels)
        self.observation = Observation(self.skeleton, noise_level)
        classes = len(spec.classes)
        #: the last row stands for "no label"
        self.label_embedding = nn.Embedding(classes + 1, LABEL_FEATURES)
        self.register_buffer("label_counts", torch.zeros(classes + 1, dtype=torch.long))
        self.register_buffer(
            "length_counts", torch.zeros(classes + 1, spec.frames + 1, dtype=torch.long)
        )

    #: whether batches come with their `path`: for families that cannot model the noise themselves
    learns_from_paths = False
    #: whether the loss is that of players against each other, which need not fall
    loss_is_a_game = False
    #: clips a step, unless the user says otherwise
    batch_size = 32
    #: how the samples are drawn that are scored in validation
    validation_options = SampleOptions()
    #: size of what `condition` returns
    condition_features = LABEL_FEATURES + 2

    # ---- what a family gives ------------------------------------------------------------------

    @abstractmethod
    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """Named terms of a batch in physical units; all are logged, "total" is minimised."""

    @abstractmethod
    def noise(self, keys: Sequence[np.random.Generator]) -> Float[Tensor, "B ..."]:
        """What samples start from: one row a key, drawn from that key alone."""

    @abstractmethod
    def draw(
        self,
        noise: Float[Tensor, "B ..."],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        options: SampleOptions,
    ) -> Float[Tensor, "B T J C"]:
        """Clean clips of `spec.frames` in standardised units; what is too long is cut later."""

    # ---- fitting to the data ------------------------------------------------------------------

    def fit_statistics(self, batch: MotionBatch) -> None:
        """Measures units, support, labels and lengths on the whole train split."""
        exists = batch.frame_mask
        self.standardizer.fit(batch.joints[exists], batch.mask[exists])
        unit = float(self.standardizer.scale)
        # not standardised: without the joints' mean places bones would stretch as they turn
        self.observation.fit(batch.joints / unit, batch.mask, unit)
        row = torch.where(batch.label == NO_LABEL, len(self.spec.classes), batch.label)
        self.label_counts.zero_().index_add_(0, row, torch.ones_like(row))
        self.length_counts.zero_().index_put_(
            (row, batch.length), torch.ones_like(row), accumulate=True
        )

    def setup(self, stage: str) -> None:
        """Takes the statistics from the train split, once, before training starts.

        Raises:
            ValueError: if the trainer's precision is not one of `PRECISIONS`.
        """
        if stage == "fit" and self.trainer.precision not in PRECISIONS:
            found = f"found {self.trainer.precision}, allowed {', '.join(PRECISIONS)}"
            raise ValueError(f"trainer.precision: {found}")
        if stage == "fit" and not self.label_counts.any():
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            self.fit_statistics(data.train_clips())
            origin = self.adapted_from
            self.provenance = data.provenance() | ({"adapted_from": origin} if origin else {})
        if stage == "fit":
            self.choose_batches(self.trainer.datamodule)  # type: ignore[attr-defined]

    def choose_batches(self, data: "MotionData") -> None:
        """Tells the data what the family learns from; what the user chose stays."""
        data.usual_batch_size = self.batch_size
        if self.learns_from_paths and data.find_path != self.find_path:
            data.find_path = self.find_path

    def find_path(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Where the joints most likely were, in physical units; 0 where a clip says nothing."""
        # a loader asks for clips that are not on the model's device yet
        found = [self._path_of(part.to(self.device)) for part in parts_of(clips, PATHS_AT_ONCE)]
        return torch.cat(found).to(clips.joints.device)

    def _path_of(self, clips: MotionBatch) -> Tensor:
        exists = clips.frame_mask
        mask = clips.mask & exists[..., None]
        path = self.observation.clean(self.standardizer(clips.joints), mask, exists)
        shown = mask.any(1)[:, None, :, None] & exists[..., None, None]
        return torch.where(shown, self.standardizer.inverse(path), 0.0)

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

    # ---- conditions ---------------------------------------------------------------------------

    def condition(
        self,
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        embedding: nn.Embedding | None = None,
    ) -> Float[Tensor, "B D"]:
        """The condition vector: label (-1: none), by the own or another embedding, and length."""
        row = torch.where(label == NO_LABEL, len(self.spec.classes), label)
        share = length[:, None] / self.spec.frames
        known = (embedding or self.label_embedding)(row)
        return torch.cat([known, share, share.clamp(min=0.01).log()], dim=1)

    def training_label(self, label: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
        """Hides some labels while training."""
        if not self.training or not self.label_dropout:
            return label
        draw = functools.partial(torch.rand, device=label.device)
        hidden = own_rows(draw, len(label)) < self.label_dropout
        return torch.where(hidden, NO_LABEL, label)

    # ---- sampling -----------------------------------------------------------------------------

    @final
    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        label: str | int | np.integer | Sequence[str | int | np.integer] | None = None,
        length: int | np.integer | Sequence[int | np.integer] | None = None,
        seed: int = 0,
        start: int = 0,
        options: SampleOptions | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> MotionBatch:
        """Draws clips in physical units, the body's centre starting at the origin.

        They are clean, unless the options ask for what an estimator would show of them.

        Sample i depends on (seed, start + i), its label and its length alone, whatever n.

        Args:
            n: number of clips.
            label: class of all or of each, its name or number; None draws it as often as in
                training.
            length: frames of all or of each; None draws it as in training, given the label.
            seed: first half of every sample's key.
            start: number of the first sample, so that a set can be drawn in parts.
            options: see `SampleOptions`.
            progress: called with the number of clips finished at each step.

        Raises:
            ValueError: for a label, length or count outside what the model knows, or an option
                that the family would have to ignore.
        """
        require_counts(n=n, seed=seed, start=start)
        options = options or SampleOptions()
        refuse_unused(self, options)
        labels = given_labels(self.spec.classes, label, n)
        lengths = given("length", length, n, 2, self.spec.frames)
        was_training = self.training
        self.eval()
        parts = []
        # the batch is always full, and sample i always in the same row of it: another size or
        # another row may take another kernel
        for first in range(-(start % MICRO_BATCH), n, MICRO_BATCH):
            rows = range(first, first + MICRO_BATCH)
            part = draw_batch(
                self,
                [start + row for row in rows],
                [labels[row] if 0 <= row < n else None for row in rows],
                [lengths[row] if 0 <= row < n else None for row in rows],
                seed,
                options,
            )
            wanted = slice(max(0, -first), min(MICRO_BATCH, n - first))
            parts.append(part.select(wanted))
            if progress is not None:
                progress(len(parts[-1]))
        self.train(was_training)
        return concatenate(parts)

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

    # ---- saving and loading -------------------------------------------------------------------

    def remember(self, values: dict[str, Any]) -> None:
        """Keeps the arguments of `__init__` as plain values, for the checkpoint."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        arguments = {name: plain(values[name]) for name in names}
        self.recipe = {"class_path": class_path(type(self)), "init_args": arguments}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Writes what `motiongen.load` needs to build the model again."""
        checkpoint["motiongen"] = {
            "version": __version__,
            "recipe": self.recipe,
            "provenance": self.provenance,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes back what the model learned from."""
        self.provenance = checkpoint["motiongen"]["provenance"]
