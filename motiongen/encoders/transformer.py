"""Self-attention between short stretches of flattened frames."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import Encoder, Film, fold, fourier, frame_mask, pooled_unfold, unfold
from motiongen.ranges import require_sizes
from motiongen.skeleton import Skeleton


class Transformer(Encoder):
    """Pre-norm transformer; a token is a few frames with all their joints.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input.
        condition: size of the condition vector.
        width: channels of a token.
        patch: consecutive frames that make one token.
        layers: number of blocks.
        heads: attention heads; must divide `width`.
        features: channels of the output at each joint.
        dropout: rate inside each block.

    Raises:
        ValueError: if `heads` does not divide `width`.

    Source: Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    Differs: pre-norm, conditioned by Film after each norm, Fourier features of the frame number.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        in_channels: int,
        condition: int,
        width: int = 128,
        layers: int = 3,
        heads: int = 4,
        patch: int = 2,
        features: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(skeleton, in_channels, condition)
        require_sizes(
            prefix="encoder.",
            width=width,
            layers=layers,
            heads=heads,
            patch=patch,
            features=features,
        )
        if width % heads:
            raise ValueError(f"encoder.heads: {heads} does not divide encoder.width {width}")
        self.features, self.patch = features, patch
        self.enter = nn.Linear(patch * skeleton.num_joints * in_channels, width)
        self.position = nn.Linear(2 * POSITION_BANDS, width)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, condition, heads, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, 2 * patch * skeleton.num_joints * features)

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
        """What the last layer reads, and how many steps exist. Shapes: -> [B,S,W], [B]."""
        x, steps = fold(x.flatten(2), length, self.patch)
        exists = frame_mask(steps, x.shape[1])
        at = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
        h = self.enter(x) + self.position(fourier(at, POSITION_BANDS, 1 / 512))
        for block in self.blocks:
            h = block(h, condition, exists)
        return self.norm(h), steps


#: periods from 512 tokens down to 4
POSITION_BANDS = 8


class AttentionBlock(nn.Module):
    """Self-attention over existing frames, then a pointwise network; both residual."""

    def __init__(self, width: int, condition: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.first_film, self.second_film = Film(condition, width), Film(condition, width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.pointwise = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, condition: Tensor, exists: Tensor) -> Tensor:
        """Shapes: h [B,T,W], condition [B,D], exists [B,T] -> [B,T,W]."""
        h = h + self.dropout(self.attend(self.first_film(self.first_norm(h), condition), exists))
        return h + self.dropout(self.pointwise(self.second_film(self.second_norm(h), condition)))

    def attend(self, h: Tensor, exists: Tensor) -> Tensor:
        """Attention from every frame to the frames that exist. Shapes: [B,T,W] -> [B,T,W]."""
        # [B,T,3W] -> 3 x [B,heads,T,W/heads]
        parts = self.query_key_value(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, attn_mask=exists[:, None, None])
        return self.merge(mixed.transpose(1, 2).flatten(2))
