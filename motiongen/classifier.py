"""The classifier: the downstream task, and the feature space of FID-like scores."""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen import layouts
from motiongen.encoders import CNN, EncoderFactory
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.networks import Pool
from motiongen.standardizer import Standardizer

#: changes clips a little without changing their class, with the random numbers that it is given
Augment = Callable[[MotionBatch, np.random.Generator], MotionBatch]
#: keeps the draws of augmentation apart from other draws of the same seed
AUGMENTATION = 1


@runtime_checkable
class FeatureSpace(Protocol):
    """What scores read of clips: any classifier with a layer of features."""

    def features(self, batch: MotionBatch, /) -> Float[Tensor, "B F"]:
        """A vector of each clip."""
        ...

    def classify(self, features: Float[Tensor, "B F"], /) -> Float[Tensor, "B K"]:
        """Scores of the classes, in the order of the spec's."""
        ...


class MotionClassifier(nn.Module):
    """An encoder, pooled to a feature vector, and a linear layer to the classes.

    It sees filled clips and no confidences: otherwise it would tell real clips from generated
    ones by their gaps, and a score in its feature space would measure the estimator.

    Args:
        spec: the contract with the data.
        encoder: builds the encoder.
        features: size of the feature vector (after tanh).
        dropout: rate on the feature vector.

    Raises:
        ValueError: if the spec has fewer than two classes.
    """

    def __init__(
        self,
        spec: MotionSpec,
        encoder: EncoderFactory = CNN,
        features: int = 32,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if len(spec.classes) < 2:
            raise ValueError(f"a classifier needs 2 classes or more, the spec has {spec.classes}")
        skeleton = layouts.get(spec.layout)
        self.spec = spec
        self.standardizer = Standardizer(skeleton, spec.channels)
        self.pool = Pool(encoder, skeleton, spec.channels, 1, features)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(features, len(spec.classes))

    def features(self, batch: MotionBatch) -> Float[Tensor, "B F"]:
        """The feature vectors."""
        joints, seen = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
        x = self.standardizer(joints)
        nothing = x.new_zeros(len(batch), 1)
        return self.pool(x, seen.to(x.dtype), batch.length, nothing).tanh()

    def forward(self, batch: MotionBatch) -> Float[Tensor, "B K"]:
        """The logits."""
        return self.classify(self.dropout(self.features(batch)))


def fill_gaps(
    joints: Float[Tensor, "B T J C"], seen: Bool[Tensor, "B T J"], exists: Bool[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T J C"], Bool[Tensor, "B T J"]]:
    """Fills unseen joints linearly in time, ends held.

    Returns the filled joints, and a mask that is False only beyond the clip and at joints that
    its clip never shows.
    """
    known = seen.any(1, keepdim=True) & exists[..., None]
    if bool((seen | ~known).all()):
        # no gap: nothing to look for
        return joints if bool(known.all()) else torch.where(known[..., None], joints, 0.0), known
    frames = joints.shape[1]
    at = torch.arange(frames, device=joints.device)[None, :, None].expand(seen.shape)
    before = torch.where(seen, at, -1).cummax(1).values
    after = torch.where(seen, at, frames).flip(1).cummin(1).values.flip(1)
    first, last = before.clamp(min=0), after.clamp(max=frames - 1)
    first = torch.where(before < 0, last, first)
    last = torch.where(after >= frames, first, last)
    share = (at - first) / (last - first).clamp(min=1)
    low, high = _frames(joints, first), _frames(joints, last)
    return torch.where(known[..., None], low + share[..., None] * (high - low), 0.0), known


def _frames(joints: Tensor, at: Tensor) -> Tensor:
    """Takes frame at[b,t,j] of each joint."""
    return joints.gather(1, at[..., None].expand(*at.shape, joints.shape[-1]))


def fit_classifier(
    clips: MotionBatch,
    spec: MotionSpec,
    *,
    encoder: EncoderFactory = CNN,
    steps: int = 500,
    batch_size: int = 32,
    learning_rate: float = 2e-3,
    seed: int = 0,
    augment: Augment | None = None,
    progress: Callable[[], object] | None = None,
) -> MotionClassifier:
    """Trains a classifier for a fixed number of steps.

    No early stopping: every arm of a study gets the same number of steps, and no test data can
    leak in. The global random state is left as it was.

    Args:
        clips: labelled clips, in memory.
        spec: the contract with the data.
        encoder: builds the encoder.
        steps: optimiser steps.
        batch_size: clips a step, drawn without replacement until all were seen.
        learning_rate: peak of a one-cycle schedule.
        seed: of weights, order, dropout and augmentation; with and without `augment` the first
            three are the same.
        augment: changes each batch. None: clips are learned as they are.
        progress: called after each step.

    Raises:
        ValueError: if fewer than two classes have clips.
    """
    clips = clips.select(clips.label != NO_LABEL)
    if len(clips.label.unique()) < 2:
        raise ValueError("a classifier needs clips of at least 2 classes")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MotionClassifier(spec, encoder)
        joints, seen = fill_gaps(clips.joints, clips.mask, clips.frame_mask)
        model.standardizer.fit(joints[clips.frame_mask], seen[clips.frame_mask])
        # gaps are filled once, not at every step
        clips = clips.replace(joints=joints, confidence=seen.float())
        change = with_draws(augment, seed)
        train_classifier(model, clips, steps, batch_size, learning_rate, change, progress)
    return model.eval()


def with_draws(augment: Augment | None, seed: int) -> Callable[[MotionBatch], MotionBatch] | None:
    """An augmentation with its own random numbers, apart from all others of the seed."""
    if augment is None:
        return None
    draws = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(AUGMENTATION,)))
    return lambda batch: augment(batch, draws)


def train_classifier(
    model: nn.Module,
    clips: MotionBatch,
    steps: int,
    batch_size: int,
    learning_rate: float,
    change: Callable[[MotionBatch], MotionBatch] | None = None,
    progress: Callable[[], object] | None = None,
) -> None:
    """Takes exactly so many steps on what `model(batch)` gives; spends the global random numbers.

    Args:
        model: gives logits.
        clips: labelled clips, in memory.
        steps: optimiser steps.
        batch_size: clips a step.
        learning_rate: peak of a one-cycle schedule.
        change: changes each batch. None: clips are learned as they are.
        progress: called after each step.
    """
    optimizer = torch.optim.AdamW(model.parameters(), learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
    for rows in shuffled_batches(len(clips), batch_size, steps):
        batch = clips.select(rows) if change is None else change(clips.select(rows))
        loss = F.cross_entropy(model(batch), batch.label, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress()


def shuffled_batches(count: int, size: int, steps: int) -> Iterator[Int[Tensor, "_size"]]:
    """`steps` batches of row numbers; every row once before any row again."""
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(order) < min(size, count):
            order = torch.cat([order, torch.randperm(count)])
        yield order[:size]
        order = order[size:]


@torch.no_grad()
def predict(
    model: FeatureSpace, clips: MotionBatch, batch_size: int = 128
) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N K"]]:
    """Features and logits of all clips."""
    features = []
    for first in range(0, len(clips), batch_size):
        features.append(model.features(clips.select(slice(first, first + batch_size))))
    joined = torch.cat(features)
    return joined, model.classify(joined)
