"""What a trained model does with clips at hand: go from one to another, vary one.

Families give the steps, these functions the frame around them: checks, keys, batches of one size,
physical units.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from motiongen import transforms
from motiongen.generators.base import MICRO_BATCH, Generator
from motiongen.generators.checking import checked
from motiongen.generators.codes import Coded, Wanted, coded, great_circle
from motiongen.generators.drawing import SMALLEST_SUPPORT
from motiongen.generators.keys import (
    SampleOptions,
    concatenate,
    given,
    given_labels,
    key,
    require_counts,
)
from motiongen.generators.protocols import refuse_unused
from motiongen.motion import NO_LABEL, MotionBatch, collate

#: from clips, numbers like those that samples start from, and a strength to standardised clips
Change = Callable[[MotionBatch, Float[Tensor, "B ..."], Wanted, float], Float[Tensor, "B T J C"]]


def interpolate(model: Generator, first: MotionBatch, second: MotionBatch, n: int) -> MotionBatch:
    """Clips on the way from one to another; the first and last are the model's view of both.

    Both clips are stretched to the length of each step, which grows linearly like the share of
    the second; their codes are mixed on a great circle and their condition vectors linearly. A
    step is labelled with the class of the nearer end.

    Args:
        model: of a family that is `Coded`.
        first: one clip in physical units.
        second: another.
        n: number of steps, ends included.

    Raises:
        ValueError: if n is below 2, or a clip does not fit the model.

    Source: the great circle: White, Sampling Generative Networks, 2016, section 2.
    """
    codes = coded(model)
    ends = [checked(model, clip, name, 1) for name, clip in (("first", first), ("second", second))]

    def step(rows: list[int]) -> tuple[Tensor, Wanted]:
        share = shares[rows]
        length = [int(lengths[row]) for row in rows]
        wanted = _between(ends[0].label, ends[1].label, length, share)
        a, b = (codes.code_of(_stretched(model, end, length)) for end in ends)
        return codes.clips_of(great_circle(a, b, share), wanted, codes.code_options), wanted

    shares = _shares(n, ends[0].joints)
    lengths = torch.lerp(ends[0].length.float(), ends[1].length.float(), shares).round().long()
    return in_batches(model, n, step)


def interpolate_samples(
    model: Generator,
    first: int,
    second: int,
    n: int,
    *,
    label: str | int | Sequence[str | int] | None = None,
    length: int,
    seed: int = 0,
    options: SampleOptions | None = None,
) -> MotionBatch:
    """Clips on the way from one sample to another; the ends are those samples, not moved.

    Args:
        model: of a family that is `Coded`.
        first: number of a sample.
        second: number of another.
        n: number of steps, ends included.
        label: class of all, or of the first and of the second; None: no class.
        length: frames of all.
        seed: of both samples.
        options: see `SampleOptions`.

    Raises:
        ValueError: if n is below 2, a number, label or length is outside what is allowed, or
            noise is asked for.
    """
    codes, options = coded(model), options or SampleOptions()
    refuse_unused(model, options)
    if options.observed:
        raise ValueError(f"observed: found {options.observed}, but these clips are clean ones")
    labels = given_labels(model.spec.classes, label, 2)
    given("length", length, 1, 2, model.spec.frames)
    device = model.standardizer.mean.device
    pair = torch.tensor([NO_LABEL if one is None else one for one in labels], device=device)

    def step(rows: list[int]) -> tuple[Tensor, Wanted]:
        share, lengths = shares[rows], [length] * len(rows)
        wanted = _between(pair[:1], pair[1:], lengths, share)
        a, b = (end.expand(len(rows), *end.shape[1:]) for end in ends)
        return codes.clips_of(great_circle(a, b, share), wanted, options), wanted

    def code(number: int, own: Tensor) -> Tensor:
        noise = model.noise([key(seed, number, 0)]).to(device)
        wanted = Wanted(own, torch.tensor([length], device=device))
        return codes.code_of_noise(noise, wanted, options.temperature)

    shares = _shares(n, model.standardizer.mean)
    with at_rest(model):
        ends = code(first, pair[:1]), code(second, pair[1:])
    return in_batches(model, n, step)


def like(
    model: Generator, clips: MotionBatch, n: int = 1, *, strength: float = 0.3, seed: int = 0
) -> MotionBatch:
    """Clips like given ones, for families that are `Coded`; see `vary` and `move_code`."""
    change = functools.partial(move_code, coded(model))
    return vary(model, clips, n, change, strength=strength, seed=seed)


def vary(
    model: Generator, clips: MotionBatch, n: int, change: Change, *, strength: float, seed: int
) -> MotionBatch:
    """Clips like given ones, of their classes and lengths: those of the first clip come first.

    Variation i depends on (seed, i) and its clip alone. It starts from the noise of sample i,
    which it comes to be at strength 1.

    Args:
        model: the model.
        clips: clips in physical units.
        n: number of variations of each.
        change: what the family does.
        strength: 0 is the clip as the model sees it, 1 a sample that knows nothing of it.
        seed: first half of every variation's key.

    Raises:
        ValueError: for a strength outside 0 to 1, a count below 1, or clips that do not fit.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength: found {strength}, allowed 0 to 1")
    require_counts(n=n, seed=seed)
    clips = checked(model, clips)
    device, total = clips.joints.device, n * len(clips)

    def step(rows: list[int]) -> tuple[Tensor, Wanted]:
        noise = model.noise([key(seed, row, 0) for row in rows]).to(device)
        # rows beyond the last only fill the batch
        at = [min(row, total - 1) // n for row in rows]
        part = clips.select(torch.tensor(at, device=device))
        wanted = Wanted(part.label, part.length)
        return change(part, noise, wanted, strength), wanted

    return in_batches(model, total, step, full=True)


def move_code(
    codes: Coded,
    clips: MotionBatch,
    noise: Float[Tensor, "B ..."],
    wanted: Wanted,
    strength: float,
) -> Float[Tensor, "B T J C"]:
    """A `Change`: codes of clips and of samples, mixed so that the spread stays normal.

    A code moves to sqrt(1 - s^2) c + s e: a kernel of bandwidth s around its clip; see
    `AggregatePosterior`.
    """
    own, fresh = codes.code_of(clips), codes.code_of_noise(noise, wanted)
    code = (1 - strength**2) ** 0.5 * own + strength * fresh
    return codes.clips_of(code, wanted, codes.code_options)


# ---- what they share ----------------------------------------------------------------------------


@contextmanager
def at_rest(model: Generator) -> Iterator[None]:
    """Evaluation mode and no gradients; the mode is put back."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def in_batches(
    model: Generator,
    count: int,
    step: Callable[[list[int]], tuple[Float[Tensor, "B T J C"], Wanted]],
    *,
    full: bool = False,
) -> MotionBatch:
    """Makes clips, at most `MICRO_BATCH` at a time.

    With `full` always that many, so that no clip depends on how many others there are.
    """
    parts = []
    with at_rest(model):
        for first in range(0, count, MICRO_BATCH):
            last = first + MICRO_BATCH
            rows = list(range(first, last if full else min(last, count)))
            clean, wanted = step(rows)
            part = physical(model, clean, wanted.nearer, wanted.length)
            part = part.replace(index=torch.tensor(rows, device=clean.device))
            parts.append(part.select(slice(0, min(MICRO_BATCH, count - first))))
    return concatenate(parts)


def physical(
    model: Generator,
    clean: Float[Tensor, "B T J C"],
    label: Int[Tensor, "B"],
    length: Int[Tensor, "B"],
) -> MotionBatch:
    """Standardised clips in physical units; what was hardly ever seen in training is left out."""
    frames = torch.arange(clean.shape[1], device=clean.device)
    exists = (frames < length[:, None])[..., None].expand(clean.shape[:3])
    known = exists & (model.standardizer.support >= SMALLEST_SUPPORT)
    joints = torch.where(known[..., None], model.standardizer.inverse(clean), 0.0)
    return MotionBatch(joints=joints, confidence=known.float(), length=length, label=label)


def _shares(n: int, like: Tensor) -> Tensor:
    if n < 2:
        raise ValueError(f"n: found {n}, at least 2 are needed to hold both ends")
    return torch.linspace(0, 1, n, device=like.device)


def _between(first: Tensor, second: Tensor, length: Sequence[int], share: Tensor) -> Wanted:
    rows = len(length)
    frames = torch.tensor(list(length), device=share.device)
    return Wanted(first.expand(rows), frames, second.expand(rows), share)


def _stretched(model: Generator, clip: MotionBatch, lengths: Sequence[int]) -> MotionBatch:
    """One clip at several lengths."""
    (motion,) = clip.to("cpu").unbind(model.spec)
    motion = motion.replace(target=None)
    stretched = {n: transforms.resample_frames(motion, n) for n in set(lengths)}
    return collate([stretched[n] for n in lengths], model.spec.frames).to(clip.joints.device)
