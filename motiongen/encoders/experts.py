"""Feed-forward networks whose weights are blended from those of experts."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import Encoder, fold, pooled_unfold, unfold
from motiongen.ranges import require_sizes
from motiongen.skeleton import Skeleton

#: units of the gate's hidden layers
GATE = 64


class MixtureOfExperts(Encoder):
    """One feed-forward network for all frames, its weights blended anew at each by a gate.

    The gate sees the frame and the condition. Under `motiongen.networks.Decoder` these are the
    frame's time and what the latent plans there, and latent, label and length: the weights
    follow the clip and its time. The condition enters every layer.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input.
        condition: size of the condition vector.
        width: units of each layer.
        layers: number of blended layers.
        experts: sets of weights that are blended.
        patch: consecutive frames that make one step, under the same weights: at 1 each frame has
            its own.
        features: channels of the output at each joint.
        dropout: rate before each blended layer.

    Raises:
        ValueError: if there are fewer than two experts.

    Source: the decoder of Ling et al., Character Controllers Using Motion VAEs, ACM Transactions
        on Graphics (SIGGRAPH) 2020; blended weights: Zhang et al., Mode-Adaptive Neural Networks
        for Quadruped Motion Control, ACM Transactions on Graphics (SIGGRAPH) 2018.
    Differs: no earlier pose is seen; linear layers that the experts share lead in and out.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        in_channels: int,
        condition: int,
        width: int = 128,
        layers: int = 3,
        experts: int = 6,
        patch: int = 1,
        features: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(skeleton, in_channels, condition)
        require_sizes(
            prefix="encoder.", width=width, layers=layers, patch=patch, features=features
        )
        if experts < 2:
            raise ValueError(f"encoder.experts: found {experts}, at least 2 can be blended")
        self.features, self.patch = features, patch
        self.enter = nn.Linear(patch * skeleton.num_joints * in_channels, width)
        self.gate = nn.Sequential(
            nn.Linear(width + condition, GATE),
            nn.ELU(),
            nn.Linear(GATE, GATE),
            nn.ELU(),
            nn.Linear(GATE, experts),
            nn.Softmax(-1),
        )
        self.blended = nn.ModuleList(
            BlendedLinear(width, condition, experts) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
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
        h = self.enter(x)
        share = self.shares(h, condition)
        for layer in self.blended:
            h = F.elu(layer(self.dropout(h), condition, share))
        return h, steps

    def shares(self, h: Tensor, condition: Tensor) -> Tensor:
        """How much of each expert is in the weights of a step; they sum to 1.

        Shapes: h [B,S,W], condition [B,D] -> [B,S,experts].
        """
        return self.gate(torch.cat([h, condition[:, None].expand(-1, h.shape[1], -1)], -1))


class BlendedLinear(nn.Module):
    """A linear layer of input and condition, its weights a weighted mean over experts.

    Blending what the experts' layers give is the same as blending their weights, as they are
    linear, and needs no matrix for each step.
    """

    def __init__(self, width: int, condition: int, experts: int) -> None:
        super().__init__()
        self.experts = experts
        self.of_input = nn.Linear(width, experts * width, bias=False)
        self.of_condition = nn.Linear(condition, experts * width)

    def forward(self, h: Tensor, condition: Tensor, share: Tensor) -> Tensor:
        """Shapes: h [B,S,W], condition [B,D], share [B,S,experts] -> [B,S,W]."""
        each = self.of_input(h) + self.of_condition(condition)[:, None]
        return torch.einsum("bse,bsew->bsw", share, each.unflatten(-1, (self.experts, -1)))
