"""From a store to batches: choose clips, split by subject, conform to the spec, add noise."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor

from motiongen.data import splits
from motiongen.data.clips import as_batch, cut, load_clips, window_start
from motiongen.data.embedded import embedded_store
from motiongen.data.store import Store
from motiongen.data.variation import Variation
from motiongen.motion import Motion, MotionBatch, collate
from motiongen.noise import Noise, noisy_view
from motiongen.processes import Process

DEFAULT_VARIATION = Variation()
#: keep the draws of order, windows and variations apart
ORDER, WINDOW, VARIATION = range(3)
#: frames of a clip whose path is found as a whole: the cost grows with their third power
LONGEST_PATH = 512


def stream(seed: int, *numbers: int) -> np.random.Generator:
    """The random numbers of one thing: a function of the seed and its numbers alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=numbers))


class MotionData(pl.LightningDataModule):
    """Batches of clips for training, and of held-back people for validation.

    Args:
        store: folder made by `motiongen import`. None: the embedded synthetic data set, seen
            through an estimator-like corruption.
        subjects: people to use, as a list or as text with commas. None: all of them.
        classes: classes to use, in this order. None: all of them.
        layout: skeleton to bring the clips to. None: the store's.
        frames: longest clip; longer ones are cut to a random window. None: the store's.
        fps: frames per second. None: the store's.
        validation: share of the clips that is held back for validation, as whole people. 0:
            everything is learned from; validation then sees training clips, its score chooses
            nothing worth having, and the last checkpoint is the one to take.
        noise: corruption added to each clip at each epoch, the clean clip kept as target.
        variation: small changes of view and size, drawn anew for each batch. None: none.
        batch_size: clips a step. None: what the family learns best with, see `Generator`.
        epoch_steps: optimiser steps between two validations; passes over the clips run on
            across this border.
        seed: of split, order, windows and noise.

    Raises:
        ValueError: if `validation` is not from 0 to below 1, `batch_size` or `epoch_steps` below
            1, the store is none, or a class is not in it.
    """

    def __init__(
        self,
        store: Path | None = None,
        *,
        subjects: Sequence[str | int] | str | int | None = None,
        classes: list[str] | None = None,
        layout: str | None = None,
        frames: int | None = None,
        fps: float | None = None,
        validation: float = 0.15,
        noise: Noise | None = None,
        variation: Variation | None = DEFAULT_VARIATION,
        batch_size: int | None = None,
        epoch_steps: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= validation < 1:
            raise ValueError(f"data.validation: found {validation}, allowed 0 to below 1")
        for name, size in (("batch_size", batch_size), ("epoch_steps", epoch_steps)):
            if size is not None and size < 1:
                raise ValueError(f"data.{name}: found {size}, allowed 1 or more")
        self.store = Store.open(store) if store is not None else embedded_store()
        changes = {"layout": layout, "frames": frames, "fps": fps}
        if classes is not None:
            splits.select(self.store.records, None, classes)
            changes["classes"] = tuple(classes)
        self.spec = replace(
            self.store.spec, **{name: v for name, v in changes.items() if v is not None}
        )
        self.subjects, self.validation, self.noise = names(subjects), validation, noise
        self.variation = variation
        self.epoch_steps, self.seed = epoch_steps, seed
        #: what is taken where `batch_size` is None; set by a generator
        self.batch_size, self.usual_batch_size = batch_size, 32
        self.train: list[Motion] = []
        self.held: list[Motion] = []
        self._find_path: Callable[[MotionBatch], Tensor] | None = None
        self._whole_paths: dict[int, Tensor] = {}
        #: called when a step is done and the next batch is asked for; set by what saves then
        self.before_batch: Callable[[], object] | None = None

    def setup(self, stage: str | None = None) -> None:
        """Loads and splits the clips, once.

        Raises:
            ValueError: if a class has no clip in the train split.
        """
        if self.train:
            return
        motions = load_clips(self.store, self.spec, subjects=self.subjects)
        if self.subjects is None:
            self.subjects = sorted({motion.subject for motion in motions})
        if self.validation == 0:
            self._check_classes(motions, [])
            self.train, self.held = motions, motions
            return
        split = splits.by_subject(
            [motion.subject for motion in motions],
            self.validation,
            self.seed,
            labels=[motion.label for motion in motions],
        )
        if split.note:
            logging.getLogger(__name__).warning("validation: %s", split.note)
        train, held = ([motions[i] for i in rows] for rows in split)
        self._check_classes(train, held)
        self.train, self.held = train, held

    def _check_classes(self, train: list[Motion], held: list[Motion]) -> None:
        present = {motion.label for motion in train}
        absent = [name for i, name in enumerate(self.spec.classes) if i not in present]
        if absent:
            kept = [name for name in self.spec.classes if name not in absent]
            raise ValueError(
                f"no clips to train on for class {', '.join(map(repr, absent))} after "
                f"{len(held)} clips were held back for validation; choose other subjects or "
                f"name the classes to use: --data.classes '{kept}'"
            )

    def train_clips(self) -> MotionBatch:
        """The whole train split in one batch, as first seen."""
        return collate([self._view(i, 0) for i in range(len(self.train))], self.spec.frames)

    def provenance(self) -> dict[str, Any]:
        """Which clips these are, as plain values for the checkpoint."""
        counts = [0] * len(self.spec.classes)
        aside = self.held if self.validation else []
        everyone = [*self.train, *aside]
        for motion in everyone:
            if motion.label is not None:
                counts[motion.label] += 1
        return {
            "store": self.store.path.name,
            "seed": self.seed,
            "clips": len(everyone),
            "manifest_sha256": self.store.manifest.get("sha256", ""),
            "subjects": list(self.subjects or []),
            "validation_subjects": sorted({m.subject for m in aside}),
            "class_counts": counts,
        }

    def _view(self, number: int, turn: int) -> Motion:
        """Clip `number` as it looks in pass `turn` over the data: its window and its noise."""
        motion = self.train[number]
        if motion.num_frames > self.spec.frames:
            motion = cut(motion, self._start(number, turn), self.spec.frames)
        if self.noise is not None:
            motion = noisy_view(motion, self.noise, self.seed, number, turn + 1)
        return motion

    def _start(self, number: int, turn: int) -> int:
        """First frame of a clip's window in a turn."""
        motion = self.train[number]
        if motion.num_frames <= self.spec.frames:
            return 0
        share = stream(self.seed, WINDOW, turn, number).random()
        return window_start(motion, self.spec.frames, share)

    def batch(self, step: int) -> MotionBatch:
        """Batch `step` of the training: a function of the seed and of `step` alone."""
        clips = self._plain_batch(step)
        if self.variation is None:
            return clips
        return self.variation(clips, stream(self.seed, VARIATION, step))

    def _plain_batch(self, step: int) -> MotionBatch:
        count, size = len(self.train), min(self.clips_a_step, len(self.train))
        places = np.arange(step * size, (step + 1) * size)
        turns, at = places // count, places % count
        rows = np.concatenate([self._order(t)[at[turns == t]] for t in np.unique(turns).tolist()])
        if self._same_each_turn is not None:
            return self._same_each_turn.select(torch.from_numpy(rows))
        pairs = zip(rows.tolist(), turns.tolist(), strict=True)
        views = [self._view(row, turn) for row, turn in pairs]
        clips = collate(views, self.spec.frames, rows.tolist())
        return (
            clips
            if self.find_path is None
            else clips.replace(path=self._paths(clips, turns.tolist()))
        )

    @property
    def find_path(self) -> Callable[[MotionBatch], Float[Tensor, "B T J C"]] | None:
        """Gives batches their `path`; set by a generator that learns from it."""
        return self._find_path

    @find_path.setter
    def find_path(self, value: Callable[[MotionBatch], Float[Tensor, "B T J C"]] | None) -> None:
        self._find_path = value
        # what was found by another one is none of its
        self._whole_paths = {}
        self.__dict__.pop("_same_each_turn", None)

    def _paths(self, clips: MotionBatch, turns: list[int]) -> Tensor:
        """Paths of a batch of views; without noise they are cut from those of whole clips.

        The others are found one by one: in another batch a path could differ in its last bits,
        and a resumed run would no longer be the same.
        """
        assert self.find_path is not None and clips.index is not None
        paths = []
        for place, (row, turn) in enumerate(zip(clips.index.tolist(), turns, strict=True)):
            view = clips.select(slice(place, place + 1))
            whole = self._whole_path(row)
            paths.append(
                self.find_path(view)[0] if whole is None else self._cut(whole, row, turn, view)
            )
        return torch.stack(paths)

    def _whole_path(self, row: int) -> Tensor | None:
        """Path of a whole clip, found once; None where each view has its own."""
        motion = self.train[row]
        if self.noise is not None or motion.num_frames > LONGEST_PATH:
            return None
        if row not in self._whole_paths:
            assert self.find_path is not None
            self._whole_paths[row] = self.find_path(collate([motion], motion.num_frames))[0]
        return self._whole_paths[row]

    def _cut(self, path: Tensor, row: int, turn: int, view: MotionBatch) -> Tensor:
        """The part of a whole clip's path that a view shows, moved as the view was."""
        start, frames, seen = self._start(row, turn), int(view.length[0]), view.mask[0]
        frame, joint = seen.nonzero()[0].tolist()
        moved = view.joints[0, frame, joint] - self.train[row].joints[start + frame, joint]
        part = path[start : start + frames] + moved
        # a joint that the view never shows is none of its
        part = torch.where(seen.any(0)[:, None], part, 0.0)
        return torch.cat([part, part.new_zeros(view.joints.shape[1] - frames, *part.shape[1:])])

    def _order(self, turn: int) -> np.ndarray:
        return stream(self.seed, ORDER, turn).permutation(len(self.train))

    @cached_property
    def _same_each_turn(self) -> MotionBatch | None:
        """All clips in one batch, where no window and no noise changes them."""
        fits = all(motion.num_frames <= self.spec.frames for motion in self.train)
        if not fits or self.noise is not None:
            return None
        clips = self.train_clips()
        # found once for all, as what changes a clip later changes its path alike
        return clips if self.find_path is None else clips.replace(path=self.find_path(clips))

    @property
    def clips_a_step(self) -> int:
        """The batch size that was chosen, by the user or by the generator."""
        return self.usual_batch_size if self.batch_size is None else self.batch_size

    def train_dataloader(self) -> "Epoch":
        """The batches of the trainer's current epoch."""
        return Epoch(self)

    def val_dataloader(self) -> "Held":
        """The clips of held-back people."""
        return Held(as_batch(self.held, self.spec), 4 * self.clips_a_step)


def names(given: Sequence[str | int] | str | int | None) -> list[str] | None:
    """Subjects as a list of names: "1,3" and [1, 3] mean the people "1" and "3"."""
    if given is None:
        return None
    parts = given.split(",") if isinstance(given, str) else given
    return [str(part).strip() for part in ([parts] if isinstance(parts, int) else parts)]


class Epoch:
    """Batches of the trainer's epoch, from where it stands: a resumed run sees what it would have.

    Batch i of the training is the same whenever it is asked for. So the trainer's own count is
    all that a checkpoint needs.
    """

    def __init__(self, data: MotionData) -> None:
        self.data = data

    def __len__(self) -> int:
        return self.data.epoch_steps

    @property
    def begun(self) -> int:
        """Batches of the whole training that were taken."""
        trainer = self.data.trainer
        return 0 if trainer is None else trainer.fit_loop.total_batch_idx + 1

    @property
    def process(self) -> Process:
        """The one that these batches are for: it gets its rows of each."""
        trainer = self.data.trainer
        return Process() if trainer is None else Process(trainer.global_rank, trainer.world_size)

    def __iter__(self) -> Iterator[MotionBatch]:
        # counted when the first batch is asked for: a checkpoint may be read in between
        begun = self.begun
        for number in range(begun, begun - begun % len(self) + len(self)):
            if self.data.before_batch is not None:
                self.data.before_batch()
            batch = self.data.batch(number)
            yield batch if self.process.count == 1 else batch.select(self.process.rows(len(batch)))

    def state_dict(self) -> dict[str, int]:
        """For the checkpoint: what a resumed run has to have alike, and its place."""
        sizes = {"epoch_steps": len(self), "batch_size": self.data.clips_a_step}
        return {**sizes, "begun": self.begun}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Nothing is left to do: the trainer's count is back already."""


class Held:
    """The same few batches at each validation."""

    def __init__(self, clips: MotionBatch, size: int) -> None:
        self.clips, self.size = clips, size

    def __len__(self) -> int:
        return -(-len(self.clips) // self.size)

    def __iter__(self) -> Iterator[MotionBatch]:
        starts = range(0, len(self.clips), self.size)
        return (self.clips.select(slice(at, at + self.size)) for at in starts)
