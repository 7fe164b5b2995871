"""A density over the latents of the training clips, to sample an autoencoder from."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen.motion import NO_LABEL


class AggregatePosterior(nn.Module):
    """The latents that training clips really have, smoothed within their class.

    A trained encoder never fills its prior: between the latents of few clips there are holes,
    and what is decoded from a hole is an average of motions, slow and typical. So samples start
    from a kernel estimate of the latents instead. Each kernel is moved towards the mean of its
    class, so that the estimate keeps the mean and the covariance that the latents have:
    z = centre + sqrt(1 - h^2) (z_n - centre) + h L e, with L L^T the covariance within classes.
    h = 1 is one Gaussian a class, h = 0 would be the training clips themselves: smaller values
    score better on likeness to the training clips, and below 0.6 samples of small data sets lie
    so near to them that they count as copies.

    Args:
        latent: size of the latent, Z.
        classes: number of classes.
        bandwidth: h, above 0 and at most 1.
        capacity: latents kept, at least one a class; of more clips, evenly spread ones.

    Raises:
        ValueError: if `bandwidth` is not above 0 and at most 1.

    Source: density of the latents after training: Ghosh et al., From Variational to
        Deterministic Autoencoders, ICLR 2020; kernels that keep the covariance: Liu and West,
        Combined Parameter and State Estimation in Simulation-Based Filtering, 2001, eq. 10.3.5.
    """

    count: Int[Tensor, ""]
    mean: Float[Tensor, "N Z"]
    label: Int[Tensor, "N"]
    centre: Float[Tensor, "K+1 Z"]
    factor: Float[Tensor, "Z Z"]

    def __init__(
        self, latent: int, classes: int, bandwidth: float = 0.7, capacity: int = 1024
    ) -> None:
        super().__init__()
        if not 0 < bandwidth <= 1:
            raise ValueError(f"bandwidth: found {bandwidth}, allowed above 0 to 1")
        self.bandwidth, self.capacity = bandwidth, max(capacity, classes + 1)
        # buffers of a fixed size, so that a checkpoint loads whatever it was fitted on
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(self.capacity, latent))
        self.register_buffer("label", torch.full((self.capacity,), NO_LABEL))
        #: mean latent of each class; the last row is that of all clips
        self.register_buffer("centre", torch.zeros(classes + 1, latent))
        self.register_buffer("factor", torch.eye(latent))

    @torch.no_grad()
    def fit(
        self,
        mean: Float[Tensor, "N Z"],
        log_variance: Float[Tensor, "N Z"],
        label: Int[Tensor, "N"],
    ) -> None:
        """Takes over the posteriors of the training clips."""
        rows = self._kept(label)
        mean, log_variance, label = mean[rows], log_variance[rows], label[rows]
        self.count.fill_(len(mean))
        self.mean[: len(mean)] = mean
        self.label[: len(mean)] = label
        self.centre[:] = mean.mean(0)
        for number in label[label != NO_LABEL].unique().tolist():
            self.centre[number] = mean[label == number].mean(0)
        # as in `draw`, -1 is the last row: clips without a label vary about the mean of all
        spread = (mean - self.centre[label]).double()
        within = spread.T @ spread / len(mean) + torch.diag(log_variance.double().exp().mean(0))
        self.factor.copy_(torch.linalg.cholesky(within))

    def _kept(self, label: Tensor) -> Tensor:
        """Rows to keep: all, or as many of each class as there is room for, evenly spread."""
        if len(label) <= self.capacity:
            return torch.arange(len(label), device=label.device)
        found = label.unique()
        rows = []
        for number in found.tolist():
            own = (label == number).nonzero()[:, 0]
            room = min(len(own), self.capacity // len(found))
            rows.append(own[torch.linspace(0, len(own) - 1, room).round().long()])
        return torch.cat(rows)

    def draw(
        self,
        choice: Float[Tensor, "B"],
        normal: Float[Tensor, "B Z"],
        label: Int[Tensor, "B"],
        temperature: float,
    ) -> Float[Tensor, "B Z"]:
        """Latents from numbers in [0,1), which choose the kernels, and normal numbers.

        At temperature 0 all of a class are its centre.

        Raises:
            ValueError: if a class has no latents.
        """
        rows = torch.stack([self._row(c, k) for c, k in zip(choice, label.tolist(), strict=True)])
        centre, h = self.centre[label], self.bandwidth
        away = math.sqrt(1 - h**2) * (self.mean[rows] - centre) + h * normal @ self.factor.T
        return centre + temperature * away

    def _row(self, choice: Tensor, label: int) -> Tensor:
        known = self.label[: int(self.count)]
        rows = torch.arange(len(known), device=known.device)
        if label != NO_LABEL:
            rows = rows[known == label]
        if len(rows) == 0:
            raise ValueError(f"class {label} has no clip that the model learned from")
        return rows[(choice * len(rows)).long().clamp(max=len(rows) - 1)]


def whitened(
    latent: Float[Tensor, "B Z"], mean: Float[Tensor, "B Z"], factor: Float[Tensor, "*B Z Z"]
) -> Float[Tensor, "B Z"]:
    """Latents in units of a normal density: e of z = mean + L e, L being a Cholesky factor."""
    away = (latent - mean)[..., None]
    return torch.linalg.solve_triangular(factor, away, upper=False)[..., 0]


def bounded(log_variance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Keeps a log variance between -10 and 4, smoothly."""
    return 7 * torch.tanh(log_variance / 7 + 3 / 7) - 3


def gaussian_kl(
    mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor
) -> Tensor:
    """KL(posterior || prior) of diagonal Gaussians, one value a dimension. Shapes: [B,Z] -> [B,Z].

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, appendix B.
    """
    difference = (mean - prior_mean) ** 2 / prior_log_variance.exp()
    ratio = (log_variance - prior_log_variance).exp()
    return 0.5 * (difference + ratio - 1 - (log_variance - prior_log_variance))
