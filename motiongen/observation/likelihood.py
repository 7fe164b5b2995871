"""The density of what was seen, given where the joints really were."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Likelihood(nn.Module):
    """Student-t noise at each joint that depends on its confidence; unseen joints are missing.

    The tails forgive outliers. The scale is learned for each joint and grows as the confidence
    falls: it holds the estimator's noise and what a decoder cannot explain, so it is never
    believed to be below the noise that the data were measured to have.

    Args:
        num_joints: joints J.
        degrees: degrees of freedom of the Student-t; small ones have heavy tails.
        initial_scale: noise that training starts from, in standardised units.
        smallest_scale: noise is never believed to be below this, in standardised units.

    Raises:
        ValueError: unless `degrees` is above 0.

    Source: the Student-t as a likelihood for outliers: Lange, Little and Taylor, Robust
        Statistical Modeling Using the t Distribution, JASA 1989; learned noise: Rybkin,
        Daniilidis and Levine, Simple and Effective VAE Training with Calibrated Decoders, ICML
        2021.
    """

    def __init__(
        self,
        num_joints: int,
        degrees: float = 4.0,
        initial_scale: float = 0.3,
        smallest_scale: float = 0.02,
    ) -> None:
        super().__init__()
        if not degrees > 0:
            raise ValueError(f"likelihood.degrees: found {degrees}, must be above 0")
        self.degrees, self.smallest_scale = degrees, smallest_scale
        self.log_scale = nn.Parameter(torch.full((num_joints,), math.log(initial_scale)))
        #: how much larger the noise of a joint of confidence 0 would be than that of 1
        self.doubt = nn.Parameter(torch.zeros(()))

    def scale(self, confidence: Tensor, level: Tensor | float = 0.0) -> Tensor:
        """Scale of the noise in standardised units; `level` [J] is its measured part.

        Shapes: [B,T,J] -> [B,T,J].
        """
        growth = 1 + F.softplus(self.doubt) * (1 - confidence)
        return self.smallest_scale + (level + self.log_scale.exp()) * growth

    def log_prob(
        self,
        observed: Float[Tensor, "B T J C"],
        clean: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        level: Float[Tensor, "J"] | float = 0.0,
    ) -> Float[Tensor, "B T J"]:
        """Log density of what was seen, summed over the coordinates of a joint; 0 where unseen."""
        scale, nu = self.scale(confidence, level)[..., None], self.degrees
        seen = (confidence > 0)[..., None]
        error = torch.where(seen, observed - clean, 0.0) / scale
        constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu * math.pi)
        density = constant - scale.log() - (nu + 1) / 2 * torch.log1p(error**2 / nu)
        return torch.where(seen, density, 0.0).sum(-1)
