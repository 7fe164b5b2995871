"""How joints move together, which tells where a hidden one went."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.gaps import fill_gaps

#: frames of a window, and frames from one window to the next
FRAMES, STRIDE = 8, 4
#: factors at most, and windows for each of them at least
RANK, WINDOWS_A_FACTOR = 40, 10
#: windows that are learned from, and those that the first factors are taken from, at most
MOST_WINDOWS, MOST_FIRST = 4096, 512
#: rounds of expectation maximisation
ROUNDS = 8
#: variance at which they start, and the least, in standardised units
FIRST_VARIANCE, LEAST_VARIANCE = 0.02, 1e-4


class Windows(NamedTuple):
    """Pieces of clips: which clip and frames, which of these exist, and where they are."""

    clip: Int[Tensor, "W"]
    frame: Int[Tensor, "W L"]
    exists: Bool[Tensor, "W L"]
    place: Float[Tensor, "W 1 1 C"]

    def of(self, values: Tensor) -> Tensor:
        """Their part of an array. Shapes: [B,T,...] -> [W,L,...]."""
        return values[self.clip[:, None], self.frame]


class WindowFactors(nn.Module):
    """Factor analysis of all joints in a few frames: x = mean + F z + e.

    A smoother looks at one joint at a time and knows nothing of how people move: what it says of
    a hidden hand is a guess, calmer than hands are. But joints move together, and this learns how,
    from what was seen of all clips: z are a few normal numbers that say what a window does as a
    whole, e what each coordinate does besides. Windows are placed by the mean of their root.

    Args:
        root: the joint by which windows are placed.
        joints: number of joints.
        channels: numbers of a position.

    Source: Rubin and Thayer, EM algorithms for ML factor analysis, Psychometrika 1982; with what
        was not seen left out: Ghahramani and Jordan, Supervised learning from incomplete data via
        an EM approach, NIPS 1994.
    """

    mean: Float[Tensor, "D"]
    factors: Float[Tensor, "D R"]
    variance: Float[Tensor, "D"]

    def __init__(self, root: int, joints: int, channels: int) -> None:
        super().__init__()
        self.root = root
        size = FRAMES * joints * channels
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("factors", torch.zeros(size, RANK))
        self.register_buffer("variance", torch.ones(size))

    @property
    def fitted(self) -> bool:
        """Whether anything was learned."""
        return bool(self.factors.any())

    def forget(self) -> None:
        """Back to nothing learned."""
        self.factors.zero_()

    @torch.no_grad()
    def fit(
        self,
        paths: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        exists: Bool[Tensor, "B T"],
    ) -> None:
        """Learns from paths where joints were seen; nothing, if too few windows are at hand.

        Args:
            paths: standardised, gaps filled in any way: they only tell where to begin.
            mask: where joints were seen.
            exists: frames of the clips.
        """
        self.forget()
        windows = self._windows(paths, mask, exists, MOST_WINDOWS)
        count = min(RANK, len(windows.clip) // WINDOWS_A_FACTOR)
        if count == 0:
            return
        x, seen = self._cut(windows, paths, mask)
        mean = _mean(x, seen)
        factors = _principal(x - mean, count)
        variance = torch.full_like(mean, FIRST_VARIANCE)
        for _ in range(ROUNDS):
            z, covariance = _posterior(x - mean, seen, factors, variance)
            mean = _mean(x - z @ factors.T, seen)
            factors, variance = _maximised(x - mean, seen, z, covariance)
        self.mean.copy_(mean)
        self.factors[:, :count].copy_(factors)
        self.variance.copy_(variance)

    @torch.no_grad()
    def forward(
        self,
        paths: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        exists: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B T J C"]:
        """Paths, changed where a joint of a clip was not seen: what the rest of the body says.

        By how much that errs in the frames beside a gap is taken off, linearly in time between
        them. What a clip never shows stays as it is.
        """
        hidden = exists[..., None] & ~mask & mask.any(1, keepdim=True)
        if not self.fitted or not bool(hidden.any()):
            return paths
        windows = self._windows(paths, mask, exists)
        x, seen = self._cut(windows, paths, mask)
        z, _ = _posterior(x - self.mean, seen, self.factors, self.variance)
        shape = (*windows.frame.shape, *paths.shape[2:])
        told = (self.mean + z @ self.factors.T).view(shape) + windows.place
        told = _joined(windows, told, paths)
        error, _ = fill_gaps(paths - told, mask & exists[..., None], exists)
        return torch.where(hidden[..., None], told + error, paths)

    def _windows(
        self, paths: Tensor, mask: Tensor, exists: Tensor, most: int | None = None
    ) -> Windows:
        """Windows that cover every clip; of more than `most` an even share."""
        frames = exists.shape[1]
        starts = []
        for row, length in enumerate(exists.sum(1).tolist()):
            last = max(length - FRAMES, 0)
            starts += [(row, start) for start in (*range(0, last, STRIDE), last)]
        table = torch.tensor(starts, device=paths.device)
        if most is not None and len(table) > most:
            table = table[torch.linspace(0, len(table) - 1, most).round().long()]
        clip, start = table.unbind(1)
        frame = start[:, None] + torch.arange(FRAMES, device=paths.device)
        inside = frame < frames
        frame = frame.clamp(max=frames - 1)
        there = inside & exists[clip[:, None], frame]
        place = self._places(paths, mask)[clip[:, None], frame]
        place = torch.where(there[..., None], place, 0.0).sum(1)
        place = place / there.sum(1, keepdim=True).clamp(min=1)
        return Windows(clip, frame, there, place[:, None, None])

    def _places(self, paths: Tensor, mask: Tensor) -> Float[Tensor, "B T C"]:
        """Of the root; in clips that never show it, of all joints that they show."""
        shown = mask.any(1)
        root = torch.zeros_like(shown)
        root[:, self.root] = shown[:, self.root]
        counted = torch.where(root.any(1, keepdim=True), root, shown).to(paths)
        counted = counted / counted.sum(1, keepdim=True).clamp(min=1)
        return torch.einsum("btjc,bj->btc", paths, counted)

    def _cut(self, windows: Windows, paths: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Windows of paths around their place, and 1 where that was seen. Shapes: [W,D] each."""
        seen = windows.of(mask) & windows.exists[..., None]
        x = (windows.of(paths) - windows.place).flatten(1)
        return x, seen[..., None].expand(*seen.shape, paths.shape[-1]).flatten(1).to(x)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any
    ) -> None:
        """Models of before have none: their gaps are filled joint by joint."""
        for name, value in self.named_buffers():
            state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _mean(x: Float[Tensor, "W D"], seen: Float[Tensor, "W D"]) -> Float[Tensor, "D"]:
    return (x * seen).sum(0) / seen.sum(0).clamp(min=1)


def _principal(x: Float[Tensor, "W D"], count: int) -> Float[Tensor, "D R"]:
    """Principal components, as long as their standard deviation."""
    rows = torch.linspace(0, len(x) - 1, min(len(x), MOST_FIRST)).round().long().to(x.device)
    _, sizes, axes = torch.linalg.svd(x[rows], full_matrices=False)
    return axes[:count].T * sizes[:count] / len(rows) ** 0.5


def _posterior(
    x: Float[Tensor, "W D"],
    seen: Float[Tensor, "W D"],
    factors: Float[Tensor, "D R"],
    variance: Float[Tensor, "D"],
) -> tuple[Float[Tensor, "W R"], Float[Tensor, "W R R"]]:
    """Mean and covariance of z, given what was seen."""
    precision = seen / variance
    own = torch.eye(factors.shape[1], device=x.device)
    matrix = own + (precision @ _squares(factors)).view(-1, *own.shape)
    root = torch.linalg.cholesky(matrix)
    z = torch.cholesky_solve(((x * precision) @ factors)[..., None], root)[..., 0]
    return z, torch.cholesky_inverse(root)


def _maximised(
    x: Float[Tensor, "W D"],
    seen: Float[Tensor, "W D"],
    z: Float[Tensor, "W R"],
    covariance: Float[Tensor, "W R R"],
) -> tuple[Float[Tensor, "D R"], Float[Tensor, "D"]]:
    """Factors and variances under which what was seen is likeliest.

    Each row is a regression on z; a coordinate that is hardly ever seen keeps small factors.
    """
    rank = z.shape[1]
    doubt = (seen.T @ covariance.flatten(1)).view(-1, rank, rank)
    outer = (seen.T @ _squares(z)).view(-1, rank, rank) + doubt
    matrix = outer + torch.eye(rank, device=x.device)
    factors = torch.linalg.solve(matrix, ((x * seen).T @ z)[..., None])[..., 0]
    square = (((x - z @ factors.T) ** 2) * seen).sum(0)
    square = square + (doubt.flatten(1) * _squares(factors)).sum(1)
    return factors, (square / seen.sum(0).clamp(min=1)).clamp(min=LEAST_VARIANCE)


def _squares(rows: Float[Tensor, "N R"]) -> Float[Tensor, "N _square"]:
    """The outer product of each row with itself."""
    return (rows[:, :, None] * rows[:, None]).flatten(1)


def _joined(
    windows: Windows, told: Float[Tensor, "W L J C"], paths: Float[Tensor, "B T J C"]
) -> Float[Tensor, "B T J C"]:
    """Clips of windows that overlap, each counting most in its middle."""
    ramp = torch.arange(1, FRAMES + 1, device=told.device)
    weight = torch.minimum(ramp, ramp.flip(0)).to(told) * windows.exists
    at = (windows.clip[:, None].expand_as(windows.frame), windows.frame)
    total = torch.zeros_like(paths).index_put_(at, told * weight[..., None, None], accumulate=True)
    count = paths.new_zeros(paths.shape[:2]).index_put_(at, weight, accumulate=True)
    whole = total / count.clamp(min=1)[..., None, None]
    return torch.where(count[..., None, None] > 0, whole, paths)
