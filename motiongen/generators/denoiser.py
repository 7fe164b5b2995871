"""The network of flow matching: from a noisy clip and its time to the clip."""

import torch
from torch import Tensor, nn

from motiongen.encoders import EncoderFactory
from motiongen.encoders.base import fourier
from motiongen.networks import PerJoint, Queries
from motiongen.skeleton import Skeleton

TIME_BANDS = 8
#: where the path from noise to clip is so near its end that a network cannot see the difference
LAST = 0.98


class Foretelling:
    """The network under guidance, as a function of point and time."""

    def __init__(
        self,
        denoiser: "Denoiser",
        conditions: list[Tensor],
        known: Tensor,
        length: Tensor,
        guidance: float,
    ) -> None:
        self.denoiser, self.conditions = denoiser, conditions
        self.known, self.length, self.guidance = known.float(), length, guidance

    def __call__(self, x: Tensor, time: float) -> Tensor:
        """Shapes: [B,T,J,C] -> [B,T,J,C]."""
        at = x.new_full((len(x),), min(time, LAST))
        clips = [self._clip(x, condition, at) for condition in self.conditions]
        if len(clips) == 1:
            return clips[0]
        return clips[1] + self.guidance * (clips[0] - clips[1])

    def _clip(self, x: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        out = self.denoiser(x, self.known, self.length, condition, time)
        keep, gain = scales(time)
        return keep * x + gain * out


class Denoiser(nn.Module):
    """The network: a noisy clip, its time and its condition to what is unknown of the clip.

    Shapes: x [B,T,J,C], known [B,T,J], length [B], condition [B,D], time [B] -> [B,T,J,C].
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        query: int = 8,
        knots: int = 8,
    ) -> None:
        super().__init__()
        total = condition + 2 * TIME_BANDS
        self.queries = Queries(skeleton, total, query, knots)
        self.per_joint = PerJoint(encoder, skeleton, channels + query, total, channels)

    def forward(
        self, x: Tensor, known: Tensor, length: Tensor, condition: Tensor, time: Tensor
    ) -> Tensor:
        """Scales the input to unit variance at every time."""
        condition = torch.cat([condition, fourier(time, TIME_BANDS, 0.25)], dim=1)
        keep = (time**2 + (1 - time) ** 2).rsqrt()[:, None, None, None]
        queries = self.queries(condition, length, x.shape[1])
        return self.per_joint(torch.cat([keep * x, queries], -1), known, length, condition)


def scales(time: Tensor) -> tuple[Tensor, Tensor]:
    """How much of x_t stays, and how large what the network adds is, for clips of variance 1."""
    square = time**2 + (1 - time) ** 2
    keep, gain = time / square, (1 - time) / square.sqrt()
    return keep[:, None, None, None], gain[:, None, None, None]


def target_of(x: Tensor, now: Tensor, time: Tensor) -> Tensor:
    """What the network has to say at a time, so that `scales` give the clip."""
    keep, gain = scales(time)
    return (x - keep * now) / gain
