"""Spatial-temporal graph convolutions along bones and time."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders.base import Encoder, Film, fold, frame_mask, pooled_unfold, unfold
from motiongen.ranges import require_sizes
from motiongen.skeleton import Skeleton


class GCN(Encoder):
    """Graph convolution over the skeleton, then depthwise convolution over time, residual.

    Frames are processed in patches of a few consecutive ones, which share their graph
    convolutions: time costs a `patch`-th, and at usual frame rates neighbouring frames say
    almost the same.

    Args:
        skeleton: joints and bones of the input.
        in_channels: channels of the input.
        condition: size of the condition vector.
        width: channels at each joint.
        layers: number of residual blocks.
        kernel: patches a temporal convolution sees; odd.
        patch: frames in a patch.
        features: channels of the output at each joint.
        dropout: rate inside each block.

    Raises:
        ValueError: if `kernel` is even.

    Source: after Yan, Xiong and Lin, Spatial Temporal Graph Convolutional Networks for
        Skeleton-Based Action Recognition, AAAI 2018; the graph layer is torch-geometric's
        `DenseGCNConv` (Kipf and Welling, ICLR 2017).
    Differs: depthwise temporal convolution, patches, layer normalisation, Film; a learned vector
        at each joint, without which a graph convolution cannot tell the left from the right arm.
    """

    adjacency: Float[Tensor, "J J"]

    def __init__(
        self,
        skeleton: Skeleton,
        in_channels: int,
        condition: int,
        width: int = 40,
        layers: int = 4,
        kernel: int = 5,
        patch: int = 4,
        features: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(skeleton, in_channels, condition)
        require_sizes(
            prefix="encoder.",
            width=width,
            layers=layers,
            kernel=kernel,
            patch=patch,
            features=features,
        )
        if kernel % 2 == 0:
            raise ValueError(f"encoder.kernel: found {kernel}, must be odd")
        self.features, self.patch = features, patch
        adjacency = torch.zeros(skeleton.num_joints, skeleton.num_joints)
        adjacency[
            torch.as_tensor(skeleton.edge_index[0]), torch.as_tensor(skeleton.edge_index[1])
        ] = 1
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.enter = nn.Linear(patch * in_channels, width)
        self.joint = nn.Parameter(0.5 * torch.randn(skeleton.num_joints, width))
        self.blocks = nn.ModuleList(
            GraphBlock(width, condition, kernel, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, 2 * patch * features)

    def forward(
        self,
        x: Float[Tensor, "B T J Cin"],
        mask: Bool[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B T J F"]:
        """Computes the features; see `Encoder`."""
        h, steps = self._steps(x, length, condition)
        return unfold(self.leave(h), steps, x.shape[1], self.patch)

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
        return pooled_unfold(h, self.leave, weight, steps, self.patch).flatten(2)

    def _steps(self, x: Tensor, length: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer reads, and how many steps exist. Shapes: -> [B,S,J,W], [B]."""
        x, steps = fold(x, length, self.patch)
        exists = frame_mask(steps, x.shape[1])[..., None, None]
        h = (self.enter(x) + self.joint) * exists
        for block in self.blocks:
            h = block(h, self.adjacency, condition, exists)
        return self.norm(h), steps


class GraphBlock(nn.Module):
    """norm, Film, graph convolution, GELU, depthwise convolution over time, pointwise."""

    def __init__(self, width: int, condition: int, kernel: int, dropout: float) -> None:
        super().__init__()
        # torch-geometric takes seconds to import: only who builds a GCN pays
        from torch_geometric.nn import DenseGCNConv

        self.norm = nn.LayerNorm(width)
        self.film = Film(condition, width)
        self.graph = DenseGCNConv(width, width)
        self.margin = (kernel - 1) // 2
        self.over_time = nn.Conv2d(width, width, (kernel, 1), groups=width)
        self.mix = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, adjacency: Tensor, condition: Tensor, exists: Tensor) -> Tensor:
        """Shapes: h [B,T,J,W], adjacency [J,J], exists [B,T,1,1] -> [B,T,J,W]."""
        y = self.film(self.norm(h), condition)
        y = F.gelu(self.graph(y.flatten(0, 1), adjacency).unflatten(0, h.shape[:2])) * exists
        # seen as [B,W,T,J] in channels-last memory, so that nothing is copied
        y = self.over_time(F.pad(y.permute(0, 3, 1, 2), (0, 0, self.margin, self.margin)))
        return (h + self.mix(self.dropout(F.gelu(y.permute(0, 2, 3, 1))))) * exists
