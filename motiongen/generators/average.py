"""A running average of weights: what is sampled from, where training circles around its goal."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn


class Average(nn.Module):
    """An average of a network's weights over the last part of the training.

    After step t the average moves by a share 1 - (1 - 1/t)^(g+1) towards the weights, which
    weights step s as s^g: whatever the length of a training, it reaches over the same share of it.

    Args:
        network: what to average; its copy is `self.network`.
        sharpness: g; 7 averages over about the last tenth.
        shared: modules that the network refers to and that are nobody's copy.

    Source: Karras et al., Analyzing and Improving the Training Dynamics of Diffusion Models,
        CVPR 2024, eq. 121-123 (power function averages).
    """

    steps: Int[Tensor, ""]
    #: the copy, of the same kind as what is averaged
    network: Any

    def __init__(
        self, network: nn.Module, sharpness: float = 7.0, shared: Sequence[nn.Module] = ()
    ) -> None:
        super().__init__()
        known = {id(module): module for module in shared}
        self.network = copy.deepcopy(network, known).requires_grad_(False)
        self.sharpness = sharpness
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        """Takes one step towards the weights of `network`."""
        self.steps += 1
        share = 1 - (1 - 1 / float(self.steps)) ** (self.sharpness + 1)
        own, other = self.network.state_dict(), network.state_dict()
        floating = [name for name, value in own.items() if value.is_floating_point()]
        torch._foreach_lerp_([own[n] for n in floating], [other[n] for n in floating], share)
        for name in own.keys() - set(floating):
            own[name].copy_(other[name])
