"""What validation draws, and its score: how well samples foretell clips of unseen people."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen.motion import NO_LABEL, MotionBatch

#: clips scored, and samples drawn for each of them
MOST_CLIPS, DRAWS = 64, 8
#: frames over which a change of position is looked at: noise is small beside it
STRIDE = 4
#: draws n clips of given lengths, and of given labels unless they are None: (n, *, label, length)
Draw = Callable[..., MotionBatch]


@dataclass(frozen=True)
class Foretold:
    """Real clips and the samples that were drawn to foretell them.

    Args:
        clips: N clips.
        samples: `DRAWS` for each clip, with its label and length: those of the first clip, then
            those of the second, and so on.
    """

    clips: MotionBatch
    samples: MotionBatch


@torch.no_grad()
def foretell(clips: MotionBatch, draw: Draw) -> Foretold:
    """Draws samples with the label and length of each clip.

    Args:
        clips: real clips; of more than `MOST_CLIPS`, evenly spread ones are taken. Those without
            a label cannot be asked for: they count only where there are no others.
        draw: such as `Generator.sample`.
    """
    labelled = clips.label != NO_LABEL
    clips = clips.select(labelled) if labelled.any() else clips
    rows = torch.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).round().long()
    clips = clips.select(rows.to(clips.label.device))
    label = clips.label.repeat_interleave(DRAWS).tolist() if labelled.any() else None
    length = clips.length.repeat_interleave(DRAWS).tolist()
    return Foretold(clips, draw(len(length), label=label, length=length))


@torch.no_grad()
def energy_score(foretold: Foretold) -> Float[Tensor, ""]:
    """Energy score of samples with the label and length of each clip; low is good.

    Mean distance of a clip to its samples, less half the mean distance between these samples: a
    proper score, lowest in expectation for samples from the distribution that the clips come
    from. Blurred and average samples lose by the first part, samples that are all alike by the
    second. Distances are root mean squares over the joints that the clip shows, in its unit.

    Source: Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation,
        JASA 2007, eq. 22.
    """
    clips, samples = foretold.clips, _of_each_clip(foretold)
    return _score(clips.joints, samples, clips.mask)


@torch.no_grad()
def validation_score(foretold: Foretold, scale: Float[Tensor, ""] | float) -> Float[Tensor, ""]:
    """What chooses a checkpoint: energy scores of positions and of how they change; low is good.

    Where a body is says little about how it moves: samples that are slow and average, or shake,
    are hardly farther from a clip than others. So changes over `STRIDE` frames are scored as
    well, relative to those of the clips. A sum of proper scores is one.

    Units: none (distances in units of `scale`, and of the usual change).

    Args:
        foretold: clips and samples.
        scale: unit of positions.
    """
    clips, samples = foretold.clips, _of_each_clip(foretold)
    total = _score(clips.joints, samples, clips.mask) / scale
    both = shown_twice(clips.mask)
    if not both.any():
        return total
    change = changes(clips.joints)
    usual = change[both].square().sum(-1).mean().sqrt().clamp(min=1e-8)
    return total + _score(change, changes(samples), both) / usual


def changes(joints: Float[Tensor, "*clips T J C"]) -> Float[Tensor, "*clips S J C"]:
    """By how much joints move in `STRIDE` frames."""
    return joints[..., STRIDE:, :, :] - joints[..., :-STRIDE, :, :]


def shown_twice(mask: Bool[Tensor, "*clips T J"]) -> Bool[Tensor, "*clips S J"]:
    """Where `changes` is known."""
    return mask[..., STRIDE:, :] & mask[..., :-STRIDE, :]


def _of_each_clip(foretold: Foretold) -> Tensor:
    """Shapes: -> [N,DRAWS,T,J,C]."""
    samples = foretold.samples.joints.unflatten(0, (len(foretold.clips), DRAWS))
    return samples.to(foretold.clips.joints)


def _score(clips: Tensor, samples: Tensor, mask: Tensor) -> Tensor:
    shown = mask[:, None].to(clips.dtype)
    # a clip that shows nothing of this has nothing to say
    says = shown.flatten(1).any(1)

    def distance(first: Tensor, second: Tensor) -> Tensor:
        squares = ((first - second) ** 2).sum(-1) * shown
        each = (squares.sum((-1, -2)) / shown.sum((-1, -2)).clamp(min=1)).sqrt()
        return each[says].mean()

    turns = [distance(samples, samples.roll(turn, dims=1)) for turn in range(1, DRAWS)]
    return distance(clips[:, None], samples) - 0.5 * torch.stack(turns).mean()
