"""Bidirectional gated recurrent units over flattened frames."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from motiongen.encoders.base import Encoder, Film, fold, unfold
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

    def forward(self, x: Tensor, mask: Tensor, length: Tensor, condition: Tensor) -> Tensor:
        """Computes the features; see `Encoder`."""
        frames = x.shape[1]
        x, steps = fold(x.flatten(2), length, self.patch)
        h = self.enter(x)
        for film, norm, recurrent in zip(self.films, self.norms, self.recurrent, strict=True):
            y = film(norm(h), condition)
            packed = pack_padded_sequence(y, steps.cpu(), batch_first=True, enforce_sorted=False)
            y, _ = pad_packed_sequence(
                recurrent(packed)[0], batch_first=True, total_length=h.shape[1]
            )
            h = h + self.dropout(y)
        h = h + self.mix(F.gelu(self.last_film(self.last_norm(h), condition)))
        h = unfold(self.leave(h), steps, frames, self.patch)
        return h.unflatten(2, (self.num_joints, self.features))
