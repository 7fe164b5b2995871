"""One batch of samples: from keys to clean clips in physical units."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from motiongen.generators.keys import (
    SampleOptions,
    draw_count,
    gamma_rows,
    key,
    normal_rows,
)
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.observation import Observation
from motiongen.skeleton import Skeleton
from motiongen.standardizer import Standardizer
from motiongen.transforms import CENTRE_FRAMES

#: below this share of frames a joint was hardly ever seen: it is not sampled
SMALLEST_SUPPORT = 0.01
#: the stream of random numbers of the estimator's noise; see `keys.key`
STREAM = 4


@runtime_checkable
class Draws(Protocol):
    """What a batch of samples needs of a generator."""

    spec: MotionSpec
    skeleton: Skeleton
    standardizer: Standardizer
    observation: Observation
    label_counts: Int[Tensor, "K+1"]
    length_counts: Int[Tensor, "K+1 T+1"]

    def noise(self, keys: Sequence[np.random.Generator]) -> Float[Tensor, "B ..."]:
        """What samples start from."""
        ...

    def draw(
        self,
        noise: Float[Tensor, "B ..."],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        options: SampleOptions,
    ) -> Float[Tensor, "B T J C"]:
        """Standardised clean clips."""
        ...


def draw_batch(
    model: Draws,
    numbers: list[int],
    labels: list[int | None],
    lengths: list[int | None],
    seed: int,
    options: SampleOptions,
) -> MotionBatch:
    """Draws samples by their numbers, the body's centre starting at the origin.

    Args:
        model: gives `noise` and `draw`.
        numbers: sample i is a function of (seed, i), its label and its length.
        labels: class of each; None draws it as often as in training.
        lengths: frames of each; None draws them as in training, given the label.
        seed: first half of every key.
        options: see `SampleOptions`.
    """
    label, length = _conditions(model, numbers, labels, lengths, seed)
    noise = model.noise([key(seed, number, 0) for number in numbers]).to(label.device)
    frames = torch.arange(model.spec.frames, device=label.device)
    exists = (frames < length[:, None])[..., None].expand(-1, -1, model.skeleton.num_joints)
    drawn = model.draw(noise, label, length, options)
    if options.observed:
        drawn = drawn + options.observed * _noise(model.observation, drawn, numbers, seed)
    joints = model.standardizer.inverse(drawn)
    supported = model.standardizer.support >= SMALLEST_SUPPORT
    # a place that the model never learned is no place to centre on
    anchor = [joint for joint in model.skeleton.anchor if supported[joint]]
    anchor = anchor or supported.nonzero()[:, 0].tolist()
    joints = joints - begin(joints, length, anchor)[:, None, None]
    known = exists & supported
    return MotionBatch(
        joints=torch.where(known[..., None], joints, 0.0),
        confidence=known.float(),
        length=length,
        label=label,
        index=torch.tensor(numbers, device=label.device),
    )


def begin(
    joints: Float[Tensor, "B T J C"], length: Int[Tensor, "B"], anchor: Sequence[int]
) -> Float[Tensor, "B C"]:
    """Where clips begin, as `transforms.centre` has it: samples lie where clips do.

    Args:
        joints: positions, all known.
        length: frames of each clip.
        anchor: joints whose mean is the body's centre.
    """
    first = joints[:, :CENTRE_FRAMES, list(anchor)].mean(2)
    exists = torch.arange(first.shape[1], device=length.device) < length[:, None]
    return torch.where(exists[..., None], first, torch.nan).nanquantile(0.5, dim=1)


def as_observed(model: Draws, clips: MotionBatch, seed: int, share: float) -> MotionBatch:
    """Clean clips as the estimator would show them: its noise is a function of (seed, index).

    Args:
        model: knows the noise.
        clips: clean clips in physical units, numbered by `index`.
        seed: first half of every key.
        share: see `SampleOptions.observed`.

    Raises:
        ValueError: if the clips have no numbers.
    """
    if clips.index is None:
        raise ValueError("clips: found no index, which says whose noise is whose")
    clean = model.standardizer(clips.joints)
    noisy = clean + share * _noise(model.observation, clean, clips.index.tolist(), seed)
    joints = model.standardizer.inverse(noisy)
    return clips.replace(joints=torch.where(clips.mask[..., None], joints, 0.0))


def _noise(observation: Observation, clean: Tensor, numbers: list[int], seed: int) -> Tensor:
    """The estimator's noise on each sample: a function of (seed, i) alone, on any device."""
    keys, shape = [key(seed, number, STREAM) for number in numbers], clean.shape[1:]
    normal = normal_rows(keys, *shape)
    gamma = gamma_rows(keys, float(observation.degrees) / 2, *shape)
    return observation.noise(normal.to(clean), gamma.to(clean))


def _conditions(
    model: Draws,
    numbers: list[int],
    labels: list[int | None],
    lengths: list[int | None],
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Label and length of each sample, drawn where they are not given. Shapes: -> [B], [B]."""
    device, classes = model.standardizer.mean.device, len(model.spec.classes)
    found: list[tuple[int, int]] = []
    for number, label, length in zip(numbers, labels, lengths, strict=True):
        # separate streams: fixing a label or a length does not change the other draws
        own = draw_count(model.label_counts, key(seed, number, 1)) if label is None else label
        if length is None:
            counts = model.length_counts[own]
            counts = counts if counts.any() else model.length_counts.sum(0)
            length = max(2, draw_count(counts, key(seed, number, 2)))
        found.append((own, length))
    chosen = [NO_LABEL if own == classes else own for own, _ in found]
    return (
        torch.tensor(chosen, device=device),
        torch.tensor([length for _, length in found], device=device),
    )
