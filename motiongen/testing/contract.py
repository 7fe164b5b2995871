"""What all contract checks share: the error, repeatable randomness, and comparisons."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

Check = Callable[[Any], None]


class ContractError(AssertionError):
    """A promise that a class does not keep: which check, where, what was found."""


def check(function: Check) -> Check:
    """Makes a check repeatable: its own random state, its name in front of every complaint.

    Raises:
        ContractError: what it returns does, when the check fails.
    """

    @functools.wraps(function)
    def run(subject: Any) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                function(subject)
            except ContractError as error:
                raise ContractError(f"{function.__name__}: {error}") from None

    return run


def run_all(checks: Sequence[Check], subject: Any) -> None:
    """Runs every check, also after one has failed.

    Raises:
        ContractError: with one line for each promise that is not kept.
    """
    complaints = []
    for each in checks:
        try:
            each(subject)
        except ContractError as error:
            complaints.append(str(error))
    if complaints:
        raise ContractError("\n".join(complaints))


def require(condition: bool, complaint: str) -> None:
    """Complains unless the condition holds.

    Raises:
        ContractError: the complaint.
    """
    if not condition:
        raise ContractError(complaint)


def require_equal(
    found: Shaped[Tensor, "..."],
    expected: Shaped[Tensor, "..."],
    what: str,
    tolerance: float = 0.0,
) -> None:
    """Equal shapes, and values within `tolerance` of the larger of 1 and the largest value.

    Raises:
        ContractError: says by how much they differ.
    """
    require(
        found.shape == expected.shape,
        f"{what}: shape {tuple(found.shape)}, expected {tuple(expected.shape)}",
    )
    if torch.equal(found, expected) or not found.numel():
        return
    found, expected = found.double(), expected.double()
    gap = (found - expected).abs().max().item()
    allowed = tolerance * max(1.0, expected.abs().max().item())
    require(gap <= allowed, f"{what}: differs by {gap:.3g}, allowed {allowed:.3g}")


def require_finite(values: Shaped[Tensor, "..."], what: str) -> None:
    """Neither NaN nor infinite.

    Raises:
        ContractError: says how many are.
    """
    count = int((~torch.isfinite(values)).sum())
    require(count == 0, f"{what}: {count} of {values.numel()} values are not finite")


@torch.no_grad()
def shake(module: nn.Module, scale: float = 0.1) -> None:
    """Moves all weights a little away from where they start, such as zero or the identity."""
    for parameter in module.parameters():
        parameter.add_(scale * torch.randn_like(parameter))


def dead_parameters(module: nn.Module) -> list[str]:
    """Names of trainable parameters whose gradient is missing, zero or not finite."""
    dead = []
    for name, parameter in module.named_parameters():
        grad = parameter.grad
        alive = grad is not None and bool(torch.isfinite(grad).all()) and bool(grad.any())
        if parameter.requires_grad and not alive:
            dead.append(name)
    return dead
