"""What validation draws, and its score: how well samples foretell clips of unseen people."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from motiongen.motion import NO_LABEL, MotionBatch

#: clips scored, and samples drawn for each of them
MOST_CLIPS, DRAWS = 64, 8
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
def energy_score(foretold: Foretold) -> Tensor:
    """Energy score of samples with the label and length of each clip; low is good.

    Mean distance of a clip to its samples, less half the mean distance between these samples: a
    proper score, lowest in expectation for samples from the distribution that the clips come
    from. Blurred and average samples lose by the first part, samples that are all alike by the
    second. Distances are root mean squares over the joints that the clip shows, in its unit.

    Source: Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation,
        JASA 2007, eq. 22.
    """
    clips = foretold.clips
    samples = foretold.samples.joints.unflatten(0, (len(clips), DRAWS)).to(clips.joints)
    shown = clips.mask[:, None].to(clips.joints.dtype)

    def distance(first: Tensor, second: Tensor) -> Tensor:
        squares = ((first - second) ** 2).sum(-1) * shown
        return (squares.sum((-1, -2)) / shown.sum((-1, -2)).clamp(min=1)).sqrt()

    to_samples = distance(clips.joints[:, None], samples).mean()
    turns = [distance(samples, samples.roll(turn, dims=1)) for turn in range(1, DRAWS)]
    return to_samples - 0.5 * torch.stack(turns).mean()
