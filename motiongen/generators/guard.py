"""Stops a training at the first loss that is no number."""

import torch
from jaxtyping import Float
from torch import Tensor

from motiongen.motion import MotionBatch


def require_finite(losses: dict[str, Float[Tensor, ""]], clips: MotionBatch, where: str) -> None:
    """Refuses a total that is not finite.

    Args:
        losses: named terms, with their "total".
        clips: the batch that they are of.
        where: which loss it is, for the message.

    Raises:
        FloatingPointError: names the clips and the terms.
    """
    total = losses["total"]
    if torch.isfinite(total):
        return
    numbers = [] if clips.index is None else clips.index.tolist()
    terms = {name: value.item() for name, value in losses.items()}
    raise FloatingPointError(f"the {where} is {total.item()}; clips {numbers}; terms {terms}")
