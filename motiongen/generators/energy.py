"""The validation score: how well samples foretell the clips of people not trained on."""

from collections.abc import Callable

import torch
from torch import Tensor

from motiongen.motion import MotionBatch

#: clips scored, and samples drawn for each of them
MOST_CLIPS, DRAWS = 64, 8

#: draws one clip for each label and length that it is given
Draw = Callable[[list[int], list[int]], MotionBatch]


@torch.no_grad()
def energy_score(clips: MotionBatch, draw: Draw) -> Tensor:
    """Energy score of samples with the label and length of each clip; low is good.

    Mean distance of a clip to its samples, less half the mean distance between these samples: a
    proper score, lowest in expectation for samples from the distribution that the clips come
    from. Blurred and average samples lose by the first part, samples that are all alike by the
    second. Distances are root mean squares over the joints that the clip shows, in its unit.

    Args:
        clips: real clips; of more than `MOST_CLIPS`, evenly spread ones are scored.
        draw: gives samples for labels and lengths.

    Source: Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation,
        JASA 2007, eq. 22.
    """
    rows = torch.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).round().long()
    clips = clips.select(rows.to(clips.label.device))
    wanted = [column.repeat_interleave(DRAWS).tolist() for column in (clips.label, clips.length)]
    samples = draw(*wanted).joints.unflatten(0, (len(clips), DRAWS)).to(clips.joints)
    shown = clips.mask[:, None].to(clips.joints.dtype)

    def distance(first: Tensor, second: Tensor) -> Tensor:
        squares = ((first - second) ** 2).sum(-1) * shown
        return (squares.sum((-1, -2)) / shown.sum((-1, -2)).clamp(min=1)).sqrt()

    to_samples = distance(clips.joints[:, None], samples).mean()
    turns = [distance(samples, samples.roll(turn, dims=1)) for turn in range(1, DRAWS)]
    return to_samples - 0.5 * torch.stack(turns).mean()
