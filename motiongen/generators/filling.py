"""Filling in what a clip does not show: what is seen stays, the rest comes from the model."""

import functools
import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.generators.base import Generator
from motiongen.generators.checking import checked
from motiongen.generators.codes import Coded, Wanted, coded
from motiongen.generators.controls import in_batches
from motiongen.generators.differentiable import without_cudnn
from motiongen.generators.keys import SampleOptions, key, require_counts
from motiongen.motion import MotionBatch
from motiongen.skeleton import Skeleton

#: streams of random numbers from here on belong to fillings; see `keys.key`
FILLING = 16
#: steps of the search for a code, and how far the first of them goes
SEARCH_STEPS, SEARCH_RATE = 30, 0.15


@runtime_checkable
class Weighs(Protocol):
    """A family that says how well clean clips explain what was seen."""

    def tempered_log_prob(self, clips: MotionBatch, clean: Tensor) -> Tensor:
        """Log density of clips, weighed against the prior as in training. Shapes: -> [B]."""
        ...


#: from clips, numbers that samples start from, and a temperature to standardised complete clips
Complete = Callable[[MotionBatch, Float[Tensor, "B ..."], Wanted, float], Float[Tensor, "B T J C"]]


def fill_code(
    model: Generator,
    clips: MotionBatch,
    *,
    n: int = 1,
    seed: int = 0,
    keep: bool = True,
    temperature: float = 1.0,
) -> MotionBatch:
    """Completes clips, for families of codes; see `fill` and `search_code`.

    Raises:
        ValueError: if the family cannot; see `fill`.
    """
    codes = coded(model)
    if not isinstance(model, Weighs):
        raise ValueError(f"{type(model).__name__}: this family cannot weigh what was seen")
    complete = functools.partial(search_code, codes, model)
    return fill(model, clips, complete, n=n, seed=seed, keep=keep, temperature=temperature)


def fill(
    model: Generator,
    clips: MotionBatch,
    complete: Complete,
    *,
    n: int,
    seed: int,
    keep: bool,
    temperature: float,
) -> MotionBatch:
    """Completes clips: the fillings of the first clip, then those of the second, and so on.

    Filling k of a clip depends on (seed, the clip's `index`, k) and the clip alone.

    Args:
        model: the model.
        clips: in physical units.
        complete: what the family does.
        n: fillings of each clip.
        seed: of the fillings.
        keep: what was seen stays in every bit. Otherwise it is brought to where the observation
            model says that the joints most likely were (`Generator.find_path`): the estimator's
            noise is taken off. Either way what is filled in is moved to meet what was seen.
        temperature: 0 fills in what is most likely, 1 what may be.

    Raises:
        ValueError: for a count below 1, a negative temperature, or clips that do not fit.
    """
    require_counts(n=n, seed=seed)
    SampleOptions(temperature=temperature)
    clips = checked(model, clips)
    index = torch.arange(len(clips)) if clips.index is None else clips.index
    numbers, device = index.tolist(), clips.joints.device
    total = n * len(clips)

    def step(rows: list[int]) -> tuple[Tensor, Wanted]:
        # rows beyond the last only fill the batch
        at = [min(row, total - 1) for row in rows]
        keys = [key(seed, numbers[row // n], FILLING + row % n) for row in at]
        part = clips.select(torch.tensor([row // n for row in at], device=device))
        wanted = Wanted(part.label, part.length)
        clean = complete(part, model.noise(keys).to(device), wanted, temperature)
        return clean, wanted

    filled = in_batches(model, total, step, full=True)
    whole = clips.select(torch.arange(len(clips), device=device).repeat_interleave(n))
    seen = whole if keep else whole.replace(joints=model.find_path(whole))
    joints = meet(filled.joints, seen, model.skeleton)
    confidence = torch.where(whole.mask, whole.confidence, filled.confidence)
    known = (confidence > 0)[..., None]
    joints = torch.where(known, joints, 0.0)
    return whole.replace(joints=joints, confidence=confidence, path=None)


def meet(
    model: Float[Tensor, "B T J C"], clips: MotionBatch, skeleton: Skeleton
) -> Float[Tensor, "B T J C"]:
    """Clips as they were seen; between, the model's joints, moved to meet what was seen.

    Where a joint was seen it is off the model's place by some vector. Across a gap this vector
    goes linearly from that before to that after the gap; before the first and after the last
    sight it stays. A joint that a clip never shows moves like the nearest one that it shows.
    """
    mask = clips.mask
    offset = over_gaps(torch.where(mask[..., None], clips.joints - model, 0.0), mask)
    hops = torch.as_tensor(skeleton.hops, device=mask.device)
    shown = mask.any(1)
    # [B,J,J]: of joints that are equally near the first
    nearest = torch.where(shown[:, None], hops[None], len(hops) + 1).argmin(-1)
    offset = offset.gather(2, nearest[:, None, :, None].expand_as(offset))
    return torch.where(mask[..., None], clips.joints, model + offset)


def over_gaps(
    values: Float[Tensor, "B T J C"], mask: Bool[Tensor, "B T J"]
) -> Float[Tensor, "B T J C"]:
    """Values where the mask is False: linear in time between the others, the ends held."""
    frames = mask.shape[1]
    time = torch.arange(frames, device=mask.device)[:, None].expand_as(mask)
    before = torch.where(mask, time, -1).cummax(1).values
    after = torch.where(mask, time, frames).flip(1).cummin(1).values.flip(1)
    low = torch.where(before < 0, after, before).clamp(max=frames - 1)
    high = torch.where(after >= frames, before, after).clamp(min=0)
    share = ((time - low) / (high - low).clamp(min=1)).to(values)[..., None]
    start, end = (values.gather(1, at[..., None].expand_as(values)) for at in (low, high))
    return torch.lerp(start, end, share)


def search_code(
    codes: Coded,
    weighs: Weighs,
    clips: MotionBatch,
    noise: Float[Tensor, "B ..."],
    wanted: Wanted,
    temperature: float,
) -> Float[Tensor, "B T J C"]:
    """A `Complete` for families of codes: the code of a sample, bent towards what was seen.

    Starting from the clip's own code, a few steps of gradient descent (Adam) find the code c that
    minimises -log p(seen | c) + |c - e|^2 / 2, with e the code of a sample. What was seen does
    not determine all of a code; the rest stays where the sample has it, so that fillings differ
    where they may. For a linear model and without noise these are draws from the posterior.

    Source: a sample of the prior bent towards the data: Bardsley, Solonen, Haario and Laine,
        Randomize-Then-Optimize, SIAM Journal on Scientific Computing 2014.
    """
    fresh = codes.code_of_noise(noise, wanted, temperature)
    code = codes.code_of(clips)
    first, second = torch.zeros_like(code), torch.zeros_like(code)
    for step in range(1, SEARCH_STEPS + 1):
        # gradients of recurrent networks in evaluation mode are not in cuDNN
        with torch.enable_grad(), without_cudnn(True):
            code = code.detach().requires_grad_()
            clean = codes.clips_of(code, wanted, codes.code_options)
            cost = 0.5 * ((code - fresh) ** 2).sum() - weighs.tempered_log_prob(clips, clean).sum()
            (slope,) = torch.autograd.grad(cost, code)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        size = (second / (1 - 0.99**step)).sqrt() + 1e-8
        rate = SEARCH_RATE * 0.5 * (1 + math.cos(math.pi * (step - 1) / SEARCH_STEPS))
        code = code.detach() - rate * first / (1 - 0.9**step) / size
    return codes.clips_of(code, wanted, codes.code_options)
