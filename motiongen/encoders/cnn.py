"""Dilated temporal convolutions over flattened frames."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import Encoder, Film, frame_mask
from motiongen.ranges import require_sizes
from motiongen.skeleton import Skeleton

#: up to so many frames one matrix product is faster than a convolution, many of whose taps lie
#: outside of the clip
FEW_FRAMES = 12


class CNN(Encoder):
    """Residual temporal convolutions; a frame is one vector of all its joints.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input.
        condition: size of the condition vector.
        width: channels of the convolutions.
        layers: number of residual blocks; dilations run 1, 2, 4, 1, 2, 4, ...
        kernel: frames a convolution sees; odd.
        features: channels of the output at each joint.
        dropout: rate inside each block.

    Raises:
        ValueError: if `kernel` is even.

    Source: after Bai, Kolter and Koltun, An Empirical Evaluation of Generic Convolutional and
        Recurrent Networks for Sequence Modeling, 2018.
    Differs: not causal, layer instead of weight normalisation, conditioned by Film.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        in_channels: int,
        condition: int,
        width: int = 112,
        layers: int = 4,
        kernel: int = 5,
        features: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(skeleton, in_channels, condition)
        require_sizes(
            prefix="encoder.", width=width, layers=layers, kernel=kernel, features=features
        )
        if kernel % 2 == 0:
            raise ValueError(f"encoder.kernel: found {kernel}, must be odd")
        self.features = features
        self.enter = nn.Linear(skeleton.num_joints * in_channels, width)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(width, condition, kernel, 2 ** (i % 3), dropout)
            for i in range(layers)
        )
        self.leave = nn.Linear(width, skeleton.num_joints * features)

    def forward(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B T J F"]:
        """Computes the features; see `Encoder`."""
        h = self._frames(x, length, condition)
        return self.leave(h).unflatten(2, (self.num_joints, self.features))

    def pooled(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
        weight: Float[Tensor, "B T K"],
    ) -> Float[Tensor, "B K JF"]:
        """Sums before the last layer; see `Encoder`."""
        weight = weight.transpose(1, 2)
        sums = weight @ self._frames(x, length, condition)
        return F.linear(sums, self.leave.weight) + weight.sum(2, keepdim=True) * self.leave.bias

    def _frames(self, x: Tensor, length: Tensor, condition: Tensor) -> Tensor:
        """What the last layer reads. Shapes: [B,T,J,Cin] -> [B,T,W]."""
        exists = frame_mask(length, x.shape[1])[..., None]
        h = self.enter(x.flatten(2)) * exists
        for block in self.blocks:
            h = block(h, condition, exists)
        return h


class ConvolutionBlock(nn.Module):
    """norm, Film, GELU, dilated convolution, GELU, pointwise; added to its input."""

    def __init__(
        self, width: int, condition: int, kernel: int, dilation: int, dropout: float
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.film = Film(condition, width)
        self.dilation, self.reach = dilation, (kernel - 1) // 2
        self.convolve = nn.Conv1d(width, width, kernel, dilation=dilation)
        self.mix = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, condition: Tensor, exists: Tensor) -> Tensor:
        """Shapes: h [B,T,W], condition [B,D], exists [B,T,1] -> [B,T,W]."""
        # frames that do not exist are zero at each convolution, as if the clip ended there
        y = F.gelu(self.film(self.norm(h), condition)) * exists
        y = self._product(y) if y.shape[1] <= FEW_FRAMES else self._convolution(y)
        return (h + self.mix(self.dropout(F.gelu(y)))) * exists

    def _convolution(self, y: Tensor) -> Tensor:
        """As an image one pixel high, whose channels lie side by side in memory.

        That is how y lies there already, and how GELU is fast, forth and back.
        """
        image, taps = y.transpose(1, 2)[:, :, None], self.convolve.weight[:, :, None]
        taps = taps.contiguous(memory_format=torch.channels_last)
        margin, dilation = (0, self.dilation * self.reach), (1, self.dilation)
        out = F.conv2d(image, taps, self.convolve.bias, padding=margin, dilation=dilation)
        return out[:, :, 0].transpose(1, 2)

    def _product(self, y: Tensor) -> Tensor:
        """The same, without the taps that lie outside wherever they are applied."""
        frames = y.shape[1]
        reach = min(self.reach, (frames - 1) // self.dilation)
        margin = self.dilation * reach
        padded = F.pad(y, (0, 0, margin, margin))
        starts = range(0, 2 * margin + 1, self.dilation)
        near = torch.cat([padded[:, start : start + frames] for start in starts], dim=-1)
        taps = self.convolve.weight[:, :, self.reach - reach : self.reach + reach + 1]
        return F.linear(near, taps.transpose(1, 2).flatten(1), self.convolve.bias)
