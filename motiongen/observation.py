"""The observation model: an estimated skeleton is a noisy, incomplete view of clean motion."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Observation(nn.Module):
    """How an estimator sees clean motion: noise at each joint that depends on its confidence.

    A seen coordinate is the clean one plus Student-t noise, whose tails forgive outliers; its
    scale is learned for each joint and grows as the confidence falls. An unseen one is missing.
    `log_prob` is the likelihood of a generator that has one; `corrupt` makes samples comparable
    with what was observed.

    Args:
        num_joints: joints J.
        degrees: degrees of freedom of the Student-t; small ones have heavy tails.
        initial_scale: noise that training starts from, in standardised units.
        smallest_scale: noise is never believed to be below this, in standardised units.
        correlation: AR(1) coefficient in time of the Gaussian part of the noise that `corrupt`
            draws; its tails are independent from frame to frame.

    Source: the Student-t as a likelihood for outliers: Lange, Little and Taylor, Robust
        Statistical Modeling Using the t Distribution, JASA 1989.
    """

    def __init__(
        self,
        num_joints: int,
        degrees: float = 4.0,
        initial_scale: float = 0.3,
        smallest_scale: float = 0.02,
        correlation: float = 0.7,
    ) -> None:
        super().__init__()
        if not degrees > 0:
            raise ValueError(f"observation.degrees: found {degrees}, must be above 0")
        if not 0 <= correlation < 1:
            raise ValueError(f"observation.correlation: found {correlation}, allowed 0 to below 1")
        self.degrees, self.smallest_scale = degrees, smallest_scale
        self.correlation = correlation
        self.log_scale = nn.Parameter(torch.full((num_joints,), math.log(initial_scale)))
        #: how much larger the noise of a joint of confidence 0 would be than that of 1
        self.doubt = nn.Parameter(torch.zeros(()))

    def scale(self, confidence: Tensor) -> Tensor:
        """Scale of the noise in standardised units. Shapes: [B,T,J] -> [B,T,J]."""
        growth = 1 + F.softplus(self.doubt) * (1 - confidence)
        return self.smallest_scale + self.log_scale.exp() * growth

    def log_prob(
        self,
        observed: Float[Tensor, "B T J C"],
        clean: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
    ) -> Float[Tensor, "B T J"]:
        """Log density of what was seen, summed over the coordinates of a joint; 0 where unseen."""
        scale, nu = self.scale(confidence)[..., None], self.degrees
        seen = (confidence > 0)[..., None]
        error = torch.where(seen, observed - clean, 0.0) / scale
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
        density = constant - scale.log() - (nu + 1) / 2 * torch.log1p(error**2 / nu)
        return torch.where(seen, density, 0.0).sum(-1)

    def corrupt(
        self,
        clean: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        generator: torch.Generator,
    ) -> Float[Tensor, "B T J C"]:
        """Draws what an estimator with these confidences would see; 0 where it sees nothing."""
        normal = torch.randn(clean.shape, generator=generator, device=clean.device)
        rho = self.correlation
        steps = [normal[:, 0]]
        for frame in range(1, clean.shape[1]):
            steps.append(rho * steps[-1] + math.sqrt(1 - rho**2) * normal[:, frame])
        # a gamma number for each coordinate turns the Gaussian into a Student-t
        half = torch.full_like(clean, self.degrees / 2)
        chi = torch._standard_gamma(half, generator=generator) / (self.degrees / 2)
        noise = torch.stack(steps, 1) / chi.clamp(min=1e-3).sqrt()
        seen = (confidence > 0)[..., None]
        return torch.where(seen, clean + self.scale(confidence)[..., None] * noise, 0.0)
