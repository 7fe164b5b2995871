"""What all generators share: spec, condition, units, sampling, saving; see `Learner` too."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen import __version__, layouts
from motiongen.generators.drawing import draw_batch
from motiongen.generators.keys import (
    SampleOptions,
    concatenate,
    given,
    given_labels,
    parts_of,
    require_counts,
)
from motiongen.generators.learning import Learner
from motiongen.generators.protocols import refuse_unused
from motiongen.generators.recipe import class_path, plain
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.observation import Observation
from motiongen.standardizer import Standardizer

#: the network always sees this many samples at a time, so that sample i never depends on n
MICRO_BATCH = 32
LABEL_FEATURES = 32
#: clips whose noise is taken off together: memory grows with their number and squared length
PATHS_AT_ONCE = 32


class FindsPaths(Protocol):
    """What knows better than a smoother where joints were."""

    def paths(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Standardised paths of clips in physical units."""
        ...


class Generator(Learner):
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
    #: says in training where unseen joints were; not saved
    imputer: FindsPaths | None = None
    length_counts: Int[Tensor, "K+1 T+1"]

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        *,
        learning_rate: float,
        weight_decay: float,
        label_dropout: float,
        noise_level: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, label_dropout=label_dropout
        )
        # plain values come from checkpoints and configuration files
        self.spec = spec = MotionSpec.from_dict(spec) if isinstance(spec, dict) else spec
        self.skeleton = layouts.get(spec.layout)
        self.standardizer = Standardizer(self.skeleton, spec.channels)
        self.observation = Observation(self.skeleton, noise_level)
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

    def find_path(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Where the joints most likely were, in physical units; 0 where a clip says nothing."""
        # a loader asks for clips that are not on the model's device yet
        found = [self._path_of(part.to(self.device)) for part in parts_of(clips, PATHS_AT_ONCE)]
        return torch.cat(found).to(clips.joints.device)

    def teardown(self, stage: str) -> None:
        """What stays after a training is what its checkpoint has."""
        self.imputer = None

    def _path_of(self, clips: MotionBatch) -> Tensor:
        exists = clips.frame_mask
        mask = clips.mask & exists[..., None]
        if self.imputer is not None:
            path = self.imputer.paths(clips)
        else:
            path = self.observation.clean(self.standardizer(clips.joints), mask, exists)
        shown = mask.any(1)[:, None, :, None] & exists[..., None, None]
        return torch.where(shown, self.standardizer.inverse(path), 0.0)

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
