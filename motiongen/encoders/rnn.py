"""Bidirectional gated recurrent units over flattened frames."""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from motiongen.encoders.base import Encoder, Film, fold, pooled_unfold, unfold
from motiongen.ranges import require_sizes
from motiongen.skeleton import Skeleton


class RNN(Encoder):
    """Residual layers of bidirectional GRUs; a frame is one vector of all its joints.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input.
        condition: size of the condition vector.
        width: units of each direction.
        layers: number of GRU layers.
        patch: consecutive frames that make one step: recurrence is slow because steps wait for
            each other, and two frames say almost the same.
        features: channels of the output at each joint.
        dropout: rate between layers.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
    Differs: initial state zero, packed by length (or padding would leak into the backward
        direction), residual, conditioned by Film.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        in_channels: int,
        condition: int,
        width: int = 80,
        layers: int = 2,
        patch: int = 2,
        features: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(skeleton, in_channels, condition)
        require_sizes(
            prefix="encoder.", width=width, layers=layers, patch=patch, features=features
        )
        self.features, self.patch = features, patch
        self.enter = nn.Linear(patch * skeleton.num_joints * in_channels, 2 * width)
        self.films = nn.ModuleList(Film(condition, 2 * width) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(2 * width) for _ in range(layers))
        self.recurrent = nn.ModuleList(
            nn.GRU(2 * width, width, batch_first=True, bidirectional=True) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.last_film = Film(condition, 2 * width)
        self.last_norm = nn.LayerNorm(2 * width)
        self.mix = nn.Linear(2 * width, 2 * width)
        self.leave = nn.Linear(2 * width, 2 * patch * skeleton.num_joints * features)

    def forward(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B T J F"]:
        """Computes the features; see `Encoder`."""
        h, steps = self._steps(x, length, condition)
        h = unfold(self.leave(h), steps, x.shape[1], self.patch)
        return h.unflatten(2, (self.num_joints, self.features))

    def pooled(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
        weight: Float[Tensor, "B T K"],
    ) -> Float[Tensor, "B K JF"]:
        """Sums before the last layer; see `Encoder`."""
        h, steps = self._steps(x, length, condition)
        return pooled_unfold(h, self.leave, weight, steps, self.patch)

    def _steps(self, x: Tensor, length: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer reads, and how many steps exist. Shapes: -> [B,S,2W], [B]."""
        x, steps = fold(x.flatten(2), length, self.patch)
        h, on_cpu = self.enter(x), steps.cpu()
        for film, norm, recurrent in zip(self.films, self.norms, self.recurrent, strict=True):
            y = film(norm(h), condition)
            h = h + self.dropout(_recur(recurrent, y, on_cpu))
        return h + self.mix(F.gelu(self.last_film(self.last_norm(h), condition))), steps


def _recur(recurrent: nn.Module, x: Tensor, steps: Tensor) -> Tensor:
    """Runs over the steps that exist. Shapes: x [B,S,F], steps [B] on the CPU -> [B,S,2W]."""
    if bool((steps == x.shape[1]).all()):
        return recurrent(x)[0]
    packed = pack_padded_sequence(x, steps, batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(recurrent(packed)[0], batch_first=True, total_length=x.shape[1])[0]
