"""The parts of the motion-space flow that are fitted to data: typical paths and correlations."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.motion import NO_LABEL
from motiongen.networks import hats

#: a network changes a log-scale by this much at most, from what the data say
SCALE_BOUND = 2.0
#: and it shifts by so many usual standard deviations
SHIFT_BOUND = 8.0
#: how far a coordinate's whitening leans on another one at most, from what the data say
SLANT_BOUND = 0.5
#: no scale that is taken from data is below this, in standardised units
SMALLEST_SCALE = 1e-3
#: how many frames the prior knowledge of a fit is worth
PRIOR_FRAMES = 4.0


class Context(NamedTuple):
    """What is known of each clip, and the frames of the batch."""

    condition: Float[Tensor, "B D"]
    label: Int[Tensor, "B"]
    length: Int[Tensor, "B"]
    frames: int


def soft_clamp(value: Float[Tensor, "*shape"], bound: float) -> Float[Tensor, "*shape"]:
    """Smoothly bounded; the identity near 0."""
    return bound * (value / bound).tanh()


def exact(device: torch.device) -> torch.autocast:
    """Keeps mixed precision away: a density is made of differences that it would round away."""
    return torch.autocast(device.type, enabled=False)


class MeanPath(nn.Module):
    """The typical path of each class over the share of a clip that has passed.

    Linear between knots; the last row is the path of all clips, for those without a label. It is
    fitted, not learned: networks that learn what to add do not chase it.

    Shapes: -> [B,T,J,C].
    """

    table: Float[Tensor, "K+1 knots J C"]

    def __init__(self, classes: int, joints: int, channels: int, knots: int) -> None:
        super().__init__()
        self.knots = knots
        self.register_buffer("table", torch.zeros(classes + 1, knots, joints, channels))

    def forward(self, context: Context) -> Float[Tensor, "B T J C"]:
        """The path that each clip is expected to take."""
        row = context.label.where(context.label != NO_LABEL, len(self.table) - 1)
        weight = hats(context.length, context.frames, self.knots).to(self.table.dtype)
        with exact(self.table.device):
            return (weight @ self.table[row].flatten(2)).unflatten(2, self.table.shape[2:])

    @torch.no_grad()
    def fit(
        self,
        x: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
    ) -> None:
        """Least squares for all clips, then for each class, drawn a little to that of all."""
        weight = hats(length, x.shape[1], self.knots).to(x.dtype)
        self.table.zero_()
        everything = torch.arange(len(x), device=x.device)
        own = [(label == number).nonzero()[:, 0] for number in range(len(self.table) - 1)]
        for number, rows in zip([-1, *range(len(own))], [everything, *own], strict=True):
            w, seen = weight[rows], mask[rows].to(x.dtype)
            square = torch.einsum("btk,btj,btl->jkl", w, seen, w)
            product = torch.einsum("btk,btj,btjc->jkc", w, seen, x[rows])
            ridge = torch.eye(self.knots, dtype=x.dtype, device=x.device)
            prior = self.table[-1].transpose(0, 1)
            found = torch.linalg.solve(square + ridge, product + prior)
            self.table[number] = found.transpose(0, 1)


class Whitening(nn.Module):
    """Takes the correlations of a pose's coordinates out, as far as they are linear.

    The pose is Gaussian with covariance A A^T, A triangular. Of a pose of which some coordinates
    are missing the rest is Gaussian with the rest of the covariance: so its own Cholesky factor
    gives the exact marginal density, whatever is missing.

    Shapes: x [B,S,J,C], seen [B,S,J] -> the same, log-determinant [B].
    """

    fitted: Float[Tensor, "J*C J*C"]

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        size = joints * channels
        self.channels = channels
        # what is learned multiplies what is fitted: poses hardly vary along some directions, and
        # a step that is small in units of the others would be large there
        self.below = nn.Parameter(torch.zeros(size, size))
        self.diagonal = nn.Parameter(torch.zeros(size))
        self.register_buffer("fitted", torch.eye(size))

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"]) -> None:
        """Covariance of the coordinates, each pair where both were seen."""
        known = seen.repeat_interleave(self.channels, -1).flatten(0, 1).double()
        rows = x.flatten(2).flatten(0, 1).double() * known
        count = known.T @ known
        covariance = rows.T @ rows / count.clamp(min=1)
        usual = (covariance.diagonal() + SMALLEST_SCALE**2).sqrt()
        # unseen pairs count as uncorrelated; few pairs say little of how they are correlated
        trust = count / (count + len(usual) / 4)
        correlation = covariance / torch.outer(usual, usual) * trust
        value, vector = torch.linalg.eigh(correlation)
        correlation = vector @ (value.clamp(min=1e-3)[:, None] * vector.T)
        # a coordinate that was never seen, or never varies, stands alone
        never = (count.diagonal() == 0).double()
        factor = torch.linalg.cholesky(correlation + torch.diag(never)) * usual[:, None]
        factor = factor * (1 - never)[:, None] + torch.diag(never)
        self.fitted.copy_(factor)
        self.below.zero_()
        self.diagonal.zero_()

    def factor(self) -> Tensor:
        """A. Shapes: -> [D,D]."""
        scale = soft_clamp(self.diagonal, SCALE_BOUND).exp()
        below = soft_clamp(self.below, SLANT_BOUND).tril(-1)
        with exact(self.fitted.device):
            return self.fitted @ (below + scale.diag())

    def forward(
        self, x: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"]
    ) -> tuple[Float[Tensor, "B S J C"], Float[Tensor, "B"]]:
        """To independent coordinates."""
        flat, factor = x.flatten(2).flatten(0, 1), self.factor()
        whole = seen.all(-1).flatten()
        z = torch.linalg.solve_triangular(factor, flat.mT, upper=False).mT
        z = torch.where(whole[:, None], z, flat)
        log_det = torch.where(whole, -factor.diagonal().log().sum(), 0.0)
        if alike := poses_alike(seen.flatten(0, 1)):
            parts = self._parts(alike, factor)
            block = flat[alike.rows]
            solved = torch.linalg.solve_triangular(parts, block.mT, upper=False).mT
            z = z.index_put((alike.rows[alike.filled],), solved[alike.filled])
            growth = -parts.diagonal(dim1=1, dim2=2).log().sum(-1)
            growth = growth[:, None].expand(alike.rows.shape)
            log_det = log_det.index_put((alike.rows[alike.filled],), growth[alike.filled])
        return z.view(x.shape), log_det.view(x.shape[:2]).sum(1)

    def inverse(
        self, z: Float[Tensor, "B S J C"], seen: Bool[Tensor, "B S J"]
    ) -> Float[Tensor, "B S J C"]:
        """Back to a pose."""
        flat, factor = z.flatten(2).flatten(0, 1), self.factor()
        with exact(z.device):
            x = torch.where(seen.all(-1).view(-1, 1), flat @ factor.mT, flat)
            if alike := poses_alike(seen.flatten(0, 1)):
                block = flat[alike.rows] @ self._parts(alike, factor).mT
                x = x.index_put((alike.rows[alike.filled],), block[alike.filled])
        return x.view(z.shape)

    def _parts(self, alike: "Alike", factor: Tensor) -> Tensor:
        """The Cholesky factor of each block of poses. Shapes: factor [D,D] -> [blocks,D,D]."""
        known = alike.patterns.repeat_interleave(self.channels, -1).double()
        # in double precision: the square of A is much nearer to singular than A
        covariance = (factor.double() @ factor.double().mT) * known[:, :, None] * known[:, None]
        parts = torch.linalg.cholesky(covariance + (1 - known).diag_embed()).to(factor)
        return parts[alike.pattern]


class Alike(NamedTuple):
    """Poses of which the same coordinates were seen, in blocks of equal size."""

    patterns: Bool[Tensor, "P J"]
    #: pattern of each block
    pattern: Int[Tensor, "blocks"]
    #: numbers of the poses; the last blocks of a pattern may repeat one
    rows: Int[Tensor, "blocks size"]
    #: which of them are no repetition
    filled: Bool[Tensor, "blocks size"]


def poses_alike(seen: Bool[Tensor, "N J"]) -> Alike | None:
    """Sorts the poses that were seen in part, and not whole, by what of them was seen.

    Blocks are of as many poses as a pattern has on average: so there are at most twice as many
    blocks as patterns, and at most about as many repetitions as poses.
    """
    partly = (seen.any(-1) & ~seen.all(-1)).nonzero()[:, 0]
    if not len(partly):
        return None
    patterns, which, count = seen[partly].unique(dim=0, return_inverse=True, return_counts=True)
    size = -(-len(partly) // len(patterns))
    blocks = (count + size - 1) // size
    pattern = torch.arange(len(count), device=seen.device).repeat_interleave(blocks)
    # the pose at each place: the block's number within its pattern, then the place in the block
    number = torch.arange(len(pattern), device=seen.device) - (blocks.cumsum(0) - blocks)[pattern]
    place = number[:, None] * size + torch.arange(size, device=seen.device)
    filled = place < count[pattern, None]
    last = (count - 1)[pattern, None]
    start = (count.cumsum(0) - count)[pattern, None]
    rows = partly[which.argsort(stable=True)][start + torch.minimum(place, last)]
    return Alike(patterns, pattern, rows, filled)
