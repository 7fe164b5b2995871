"""By how much samples of a model shake more than clips, and what takes it off."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from motiongen.generators.base import Generator
from motiongen.generators.codes import Wanted
from motiongen.generators.keys import key
from motiongen.motion import MotionBatch
from motiongen.observation import calm_mean_square, mean_size
from motiongen.observation.smoothing import smooth

#: clips and samples that are compared
MEASURED = 32
#: the stream of random numbers that these samples start from; see `keys.key`
STREAM = 5
#: of an independent error in each frame: variance of its second difference over its own
SECOND = 6.0
#: an error below this share of the usual second difference is left alone
LEAST = 0.02
#: the level is looked for from this share of the usual second difference on at least, in so many
#: rounds, by at most this factor in each
FIRST, ROUNDS, LARGEST = 0.1, 8, 4.0
#: and it is at most so many times that of an independent error
MOST = 2.0
#: standardised clips and which frames exist, to the clips at last
Finish = Callable[[Float[Tensor, "B T J C"], Bool[Tensor, "B T"]], Float[Tensor, "B T J C"]]


def _as_is(x: Tensor, exists: Tensor) -> Tensor:
    return x


class Shaking(nn.Module):
    """What samples shake more than clips do, per joint, and the last step that takes it off.

    A network that says every coordinate of a clip errs a little in each: samples shake by what a
    trained eye sees before anything else. The smoother that takes off an estimator's noise takes
    it off as well, with the tempo of the clips as its prior: what is as quick as they are stays.

    An independent error of deviation s adds 6 s^2 to the mean squared second difference, so a
    first s is known from samples and the clips that were learned from; both are measured alike,
    outliers cut, else the quickest moves of a good model would count as errors. But the error of
    a network is not independent from frame to frame, and a posterior mean moves less than what
    it is the mean of. So s is then changed until second differences of smoothed samples are on
    average as large as those of clips.

    Args:
        joints: number of joints.
    """

    level: Float[Tensor, "J"]
    speed: Float[Tensor, "J"]
    turn: Float[Tensor, "J"]

    def __init__(self, joints: int) -> None:
        super().__init__()
        #: standardised units: of the error, and of first and second differences of clips
        for name in ("level", "speed", "turn"):
            self.register_buffer(name, torch.zeros(joints))

    @torch.no_grad()
    def measure(
        self,
        samples: Float[Tensor, "N T J C"],
        exists: Bool[Tensor, "N T"],
        clips: Float[Tensor, "M T J C"],
        shown: Bool[Tensor, "M T J"],
        turn: Float[Tensor, "J"] | None = None,
        finish: Finish | None = None,
    ) -> None:
        """Compares samples with the clips that the model learns from, both standardised.

        Args:
            samples: before their last step.
            exists: frames of the samples.
            clips: what the model learns from.
            shown: joints of the clips that count.
            turn: root mean square of second differences of clean motion, where an estimate is at
                hand: what is left of the noise in the clips makes theirs larger.
            finish: what the model does to samples after this.
        """
        everywhere = exists[..., None].expand(samples.shape[:3])
        self.speed.copy_(calm_mean_square(clips, shown, 1).sqrt())
        usual = calm_mean_square(clips, shown, 2)
        if turn is not None:
            usual = torch.minimum(usual, turn**2)
        self.turn.copy_(usual.sqrt())
        more = calm_mean_square(samples, everywhere, 2) - usual
        # a model that has learned nothing yet may be anywhere
        level = (more.nan_to_num(0.0, 0.0, 0.0).clamp(min=0) / SECOND).sqrt()
        # noise that is left in the clips makes both measures larger
        share = (usual / calm_mean_square(clips, shown, 2)).nan_to_num(1.0).sqrt()
        goal = share * mean_size(clips, shown, 2)
        shaky = shown.any(1).any(0) & (mean_size(samples, everywhere, 2) > goal)
        self.level.copy_(torch.where(shaky, level.maximum(FIRST * self.turn), 0.0))
        if self.level.any():
            self._adjust(samples, exists, goal, finish or _as_is)

    def _adjust(self, samples: Tensor, exists: Tensor, goal: Tensor, finish: Finish) -> None:
        """Changes the level until finished samples turn as much as clips. Shapes: goal [J]."""
        everywhere = exists[..., None].expand(samples.shape[:3])
        low, high = torch.zeros_like(self.level), torch.full_like(self.level, torch.inf)
        # where the noise of the clips hides how little a joint turns, all motion would go
        most = MOST * self.level
        for _ in range(ROUNDS):
            found = mean_size(finish(self(samples, exists), exists), everywhere, 2)
            low = torch.where(found > goal, self.level, low)
            high = torch.where(found > goal, high, self.level)
            change = (found / goal).nan_to_num(1.0).clamp(1 / LARGEST, LARGEST)
            # once it is known to be too low and too high it is halved between them
            between = (low > 0) & high.isfinite()
            level = torch.where(between, (low * high).sqrt(), self.level * change).minimum(most)
            # what rests in all clips has no size to be brought to
            self.level.copy_(torch.where(goal > 0, level, self.level))

    def forward(
        self, x: Float[Tensor, "B T J C"], exists: Bool[Tensor, "B T"]
    ) -> Float[Tensor, "B T J C"]:
        """Takes the error off standardised clips."""
        shaky = (self.level > LEAST * self.turn).nonzero()[:, 0]
        if not len(shaky):
            return x
        clips, frames = exists.shape
        rows = x[:, :, shaky].transpose(1, 2).flatten(0, 1)
        there = exists.repeat_interleave(len(shaky), 0)
        level, speed, turn = (v[shaky].repeat(clips) for v in (self.level, self.speed, self.turn))
        options = {"level": level, "correlation": 0.0, "speed": speed, "turn": turn}
        # samples are seen whole, and the level is what makes them as calm as clips
        calm = smooth(rows, there, there, **options, doubts=False)
        return x.index_copy(2, shaky, calm.view(clips, -1, frames, x.shape[3]).transpose(1, 2))


@torch.no_grad()
def measure_shaking(
    shaking: Shaking,
    model: Generator,
    clips: MotionBatch,
    draw: Callable[[Float[Tensor, "B ..."], Wanted], Float[Tensor, "B T J C"]],
    finish: Finish | None = None,
) -> None:
    """Measures with some samples of the labels and lengths of some clips.

    Args:
        shaking: what is measured.
        model: gives paths, units and noise.
        clips: the train split; evenly spread ones are taken.
        draw: from noise to standardised clips, before any last step.
        finish: the last step after this one.
    """
    rows = torch.linspace(0, len(clips) - 1, min(len(clips), MEASURED)).round().long()
    part = clips.select(rows.to(clips.joints.device)).to(model.device)
    shown = part.mask.any(1, keepdim=True) & part.frame_mask[..., None]
    noise = model.noise([key(0, row, STREAM) for row in rows.tolist()]).to(model.device)
    drawn = draw(noise, Wanted(part.label, part.length))
    paths = model.standardizer(model.find_path(part))
    turn = model.observation.turn if model.observation.known else None
    shaking.measure(drawn, part.frame_mask, paths, shown, turn, finish)
