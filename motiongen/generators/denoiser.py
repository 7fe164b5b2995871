"""The network of flow matching: from a noisy clip and its time to the clip."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders import EncoderFactory
from motiongen.encoders.base import fourier
from motiongen.networks import PerJoint, Queries
from motiongen.skeleton import Skeleton

TIME_BANDS = 8
#: where the path from noise to clip is so near its end that a network cannot see the difference
LAST = 0.98
#: softens the weight of late errors
HELD = 0.1


class Foretelling:
    """The network under guidance, as a function of point and time."""

    def __init__(
        self,
        denoiser: "Denoiser",
        conditions: list[Float[Tensor, "B D"]],
        known: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
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
        return self.denoiser(x, self.known, self.length, condition, time)


class Denoiser(nn.Module):
    """The network: a noisy clip, its time and its condition to the clip that it may come from.

    It says the clip, not the noise in it: a clip is smooth, and every encoder can say it, while
    noise is as many independent numbers as there are coordinates, more than most encoders carry
    from frame to frame, and what they could not carry would stay in the samples.

    Shapes: x [B,T,J,C], known [B,T,J], length [B], condition [B,D], time [B] -> [B,T,J,C].
    Source: Li and He, Back to Basics: Let Denoising Generative Models Denoise, 2025.
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
        self,
        x: Float[Tensor, "B T J C"],
        known: Float[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
        time: Float[Tensor, "B"],
    ) -> Float[Tensor, "B T J C"]:
        """Scales the input to unit variance at every time."""
        condition = torch.cat([condition, fourier(time, TIME_BANDS, 0.25)], dim=1)
        keep = (time**2 + (1 - time) ** 2).rsqrt()[:, None, None, None]
        queries = self.queries(condition, length, x.shape[1])
        return self.per_joint(torch.cat([keep * x, queries], -1), known, length, condition)


def emphasis(time: Tensor) -> Tensor:
    """Weight of an error at each time, 1 on average: late ones decide what samples look like.

    An error e of the foretold clip is one of e / (1 - t) of the velocity. At the very end, where
    that grows beyond bounds, it is held.

    Shapes: [B] -> [B,1,1,1].
    """
    mean = (1 / (1 - LAST + HELD) - 1 / (1 + HELD)) / LAST
    return ((1 - time + HELD) ** -2 / mean)[:, None, None, None]
