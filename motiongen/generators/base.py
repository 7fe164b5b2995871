"""What every generator shares: spec, condition, units, sampling, training of one loss, saving."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen import __version__, layouts
from motiongen.generators.energy import energy_score
from motiongen.generators.recipe import class_path, plain
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.networks import Standardizer

#: the network always sees this many samples at a time, so that sample i never depends on n
MICRO_BATCH = 32
LABEL_FEATURES = 32
#: optimiser steps between two log entries: an entry costs as much as a small network's step
LOG_STEPS = 20
#: below this share of frames a joint was hardly ever seen: it is not sampled
SMALLEST_SUPPORT = 0.01


@dataclass(frozen=True)
class SampleOptions:
    """What a user can turn when sampling.

    Args:
        temperature: how far samples may lie from what is typical of their class; below 1 they
            are less diverse, at 0 all alike.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"temperature: found {self.temperature}, must not be negative")


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
    """

    recipe: dict[str, Any]
    #: of dropout and latents in training; set by whoever fits the model
    seed: int = 0
    #: which clips the model learned from, as plain values
    provenance: dict[str, Any]
    label_counts: Tensor
    length_counts: Tensor

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        *,
        learning_rate: float,
        weight_decay: float,
        label_dropout: float,
    ) -> None:
        super().__init__()
        # plain values come from checkpoints and configuration files
        self.spec = spec = MotionSpec.from_dict(spec) if isinstance(spec, dict) else spec
        self.skeleton = layouts.get(spec.layout)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.label_dropout = label_dropout
        self.provenance = {}
        self.standardizer = Standardizer(self.skeleton, spec.channels)
        classes = len(spec.classes)
        #: the last row stands for "no label"
        self.label_embedding = nn.Embedding(classes + 1, LABEL_FEATURES)
        self.register_buffer("label_counts", torch.zeros(classes + 1, dtype=torch.long))
        self.register_buffer(
            "length_counts", torch.zeros(classes + 1, spec.frames + 1, dtype=torch.long)
        )

    #: size of what `condition` returns
    condition_features = LABEL_FEATURES + 2

    # ---- what a family gives ------------------------------------------------------------------

    @abstractmethod
    def losses(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Named terms of a batch in physical units; all are logged, "total" is minimised."""

    @abstractmethod
    def noise(self, keys: Sequence[np.random.Generator]) -> Tensor:
        """What samples start from: one row a key, drawn from that key alone."""

    @abstractmethod
    def draw(
        self,
        noise: Tensor,
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
        row = torch.where(batch.label == NO_LABEL, len(self.spec.classes), batch.label)
        self.label_counts.zero_().index_add_(0, row, torch.ones_like(row))
        self.length_counts.zero_().index_put_(
            (row, batch.length), torch.ones_like(row), accumulate=True
        )

    def setup(self, stage: str) -> None:
        """Takes the statistics from the train split, once, before training starts."""
        if stage == "fit" and not self.label_counts.any():
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            self.fit_statistics(data.train_clips())
            self.provenance = data.provenance()

    def refresh(self, clips: MotionBatch) -> None:
        """Hook: brings what sampling needs besides the weights up to date with them.

        Called with the train split before each validation, so that every checkpoint has it.
        """

    def on_validation_start(self) -> None:
        """Refreshes before the checkpoint that follows a validation."""
        self.refresh(self.trainer.datamodule.train_clips())  # type: ignore[attr-defined]

    # ---- conditions ---------------------------------------------------------------------------

    def condition(self, label: Int[Tensor, "B"], length: Int[Tensor, "B"]) -> Float[Tensor, "B D"]:
        """The condition vector: label (-1: none) and length."""
        row = torch.where(label == NO_LABEL, len(self.spec.classes), label)
        share = length[:, None] / self.spec.frames
        return torch.cat([self.label_embedding(row), share, share.clamp(min=0.01).log()], dim=1)

    def training_label(self, label: Tensor) -> Tensor:
        """Hides some labels while training."""
        if not self.training or not self.label_dropout:
            return label
        hidden = torch.rand(label.shape, device=label.device) < self.label_dropout
        return torch.where(hidden, NO_LABEL, label)

    # ---- sampling -----------------------------------------------------------------------------

    @final
    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        label: int | Sequence[int] | None = None,
        length: int | Sequence[int] | None = None,
        seed: int = 0,
        start: int = 0,
        options: SampleOptions | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> MotionBatch:
        """Draws clean clips in physical units, the body's centre starting at the origin.

        Sample i depends on (seed, start + i), its label and its length alone, whatever n.

        Args:
            n: number of clips.
            label: class of all or of each; None draws it as often as in training.
            length: frames of all or of each; None draws it as in training, given the label.
            seed: first half of every sample's key.
            start: number of the first sample, so that a set can be drawn in parts.
            options: see `SampleOptions`.
            progress: called with the number of clips finished at each step.

        Raises:
            ValueError: for a label, length or count outside what the model knows.
        """
        for name, number, least in (("n", n, 1), ("seed", seed, 0), ("start", start, 0)):
            if number < least:
                raise ValueError(f"{name}: found {number}, at least {least} is allowed")
        labels = self._given("label", label, n, 0, len(self.spec.classes) - 1)
        lengths = self._given("length", length, n, 2, self.spec.frames)
        was_training = self.training
        self.eval()
        parts = []
        for first in range(0, n, MICRO_BATCH):
            count = min(MICRO_BATCH, n - first)
            # the batch is always full: another batch size may take another kernel
            rows = range(first, first + MICRO_BATCH)
            part = self._sample_batch(
                [start + row for row in rows],
                [labels[row] if row < n else None for row in rows],
                [lengths[row] if row < n else None for row in rows],
                seed,
                options or SampleOptions(),
            )
            parts.append(part.select(slice(0, count)))
            if progress is not None:
                progress(count)
        self.train(was_training)
        return concatenate(parts)

    def _given(
        self, name: str, value: int | Sequence[int] | None, n: int, low: int, high: int
    ) -> list[int | None]:
        if value is None:
            return [None] * n
        values = [value] * n if isinstance(value, int) else list(value)
        if len(values) != n:
            raise ValueError(f"{name}: {len(values)} values were given for {n} samples")
        for given in values:
            if isinstance(given, bool) or int(given) != given or not low <= given <= high:
                allowed = f"{low} to {high}" if high >= low else "none: the model has no classes"
                raise ValueError(f"{name}: found {given}, allowed {allowed}")
        return [int(given) for given in values]

    def _sample_batch(
        self,
        numbers: list[int],
        labels: list[int | None],
        lengths: list[int | None],
        seed: int,
        options: SampleOptions,
    ) -> MotionBatch:
        device, classes = self.standardizer.mean.device, len(self.spec.classes)
        for row, number in enumerate(numbers):
            # separate streams: fixing a label or a length does not change the other draws
            if labels[row] is None:
                labels[row] = draw_count(self.label_counts, key(seed, number, 1))
            if lengths[row] is None:
                counts = self.length_counts[labels[row]]
                counts = counts if counts.any() else self.length_counts.sum(0)
                lengths[row] = max(2, draw_count(counts, key(seed, number, 2)))
        label = torch.tensor([NO_LABEL if v == classes else v for v in labels], device=device)
        length = torch.tensor(lengths, device=device)
        noise = self.noise([key(seed, number, 0) for number in numbers]).to(device)
        frames = torch.arange(self.spec.frames, device=device)
        exists = (frames < length[:, None])[..., None].expand(-1, -1, self.skeleton.num_joints)
        clean = self.draw(noise, label, length, options)
        joints = self.standardizer.inverse(clean)
        anchor = list(self.skeleton.anchor)
        joints = joints - joints[:, :1, anchor].mean(2, keepdim=True)
        known = exists & (self.standardizer.support >= SMALLEST_SUPPORT)
        return MotionBatch(
            joints=torch.where(known[..., None], joints, 0.0),
            confidence=known.float(),
            length=length,
            label=label,
            index=torch.tensor(numbers, device=device),
        )

    # ---- training -----------------------------------------------------------------------------

    def on_train_batch_start(self, batch: MotionBatch, number: int) -> None:
        """Keys all randomness of a step by its number: a resumed run repeats what it would do."""
        torch.manual_seed(int(key(self.seed, self.global_step, 3).integers(2**62)))

    def training_step(self, batch: MotionBatch, number: int) -> Tensor:
        """One step of the loss; generators with several optimisers replace it."""
        losses = self.losses(batch)
        total = losses["total"]
        if not torch.isfinite(total):
            clips = [] if batch.index is None else batch.index.tolist()
            raise FloatingPointError(
                f"the loss of step {self.global_step} is {total.item()}; clips {clips}; "
                f"terms { {name: value.item() for name, value in losses.items()} }"
            )
        if self.global_step % LOG_STEPS == 0:
            self.log("train/total", total.detach(), prog_bar=True)
            rest = {n: v.detach() for n, v in losses.items() if n != "total"}
            self.log_dict({f"train/{n}": v for n, v in rest.items()})
        return total

    def validation_step(self, batch: MotionBatch, number: int) -> None:
        """The same terms on people that were not trained on."""
        losses = self.losses(batch)
        self.log_dict({f"validation/{n}": v for n, v in losses.items()}, batch_size=len(batch))

    def on_validation_epoch_end(self) -> None:
        """Scores samples against these people: the score that chooses the checkpoint.

        The loss does not: it is lowest long before samples are best, as it judges how well
        strange clips are encoded and not what comes of the latents.
        """

        def draw(labels: list[int], lengths: list[int]) -> MotionBatch:
            known = None if NO_LABEL in labels else labels
            return self.sample(len(labels), label=known, length=lengths, seed=self.seed)

        held = self.trainer.datamodule.val_dataloader().clips  # type: ignore[attr-defined]
        labelled = held.label != NO_LABEL
        # clips without a label cannot be asked for: they count only where there is nothing else
        held = held.select(labelled) if labelled.any() else held
        score = energy_score(held.to(self.device), draw) / self.standardizer.scale
        self.log("validation/score", score, prog_bar=True)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a short warm-up and a cosine to zero."""
        optimizer = torch.optim.AdamW(
            self.parameters(), self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        steps, warm_up = self.planned_steps(), 100

        def share(step: int) -> float:
            rise = min(1.0, (step + 1) / warm_up)
            return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
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


def key(seed: int, number: int, stream: int) -> np.random.Generator:
    """The random numbers of one sample: a function of (seed, number, stream) alone."""
    bits = np.random.Philox(key=np.array([seed, number], np.uint64), counter=[0, 0, 0, stream])
    return np.random.Generator(bits)


def draw_count(counts: Tensor, source: np.random.Generator) -> int:
    """Draws an index as often as it was counted."""
    total = torch.cumsum(counts, 0)
    if total[-1] == 0:
        raise ValueError("the model was never fitted: it knows no labels and lengths")
    at = int(source.integers(int(total[-1])))
    return int(torch.searchsorted(total.cpu(), at, right=True))


def concatenate(parts: Sequence[MotionBatch]) -> MotionBatch:
    """Joins batches of the same number of frames."""
    values: dict[str, Any] = {}
    for name in parts[0].__dataclass_fields__:
        columns = [getattr(part, name) for part in parts]
        values[name] = None if columns[0] is None else torch.cat(columns)
    return MotionBatch(**values)
