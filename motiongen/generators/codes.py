"""Codes: the vectors that clips are made of, and what a clip is asked to be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen.generators.base import Generator
from motiongen.generators.keys import SampleOptions
from motiongen.motion import MotionBatch


@dataclass(frozen=True)
class Wanted:
    """What clips are asked for: a length, and a class or a place between two classes.

    Args:
        label: class, -1 for none. Shapes: [B].
        length: frames. Shapes: [B].
        other: the class at the other end of the way. Shapes: [B].
        share: how far on that way: 0 is `label`, 1 is `other`. Shapes: [B].
    """

    label: Int[Tensor, "B"]
    length: Int[Tensor, "B"]
    other: Int[Tensor, "B"] | None = None
    share: Float[Tensor, "B"] | None = None

    def mix(self, values: Callable[[Tensor], Tensor]) -> Tensor:
        """A vector of each class, mixed linearly on the way to the other. Shapes: -> [B,D]."""
        own = values(self.label)
        if self.other is None or self.share is None:
            return own
        return torch.lerp(own, values(self.other), self.share[:, None])

    def condition(self, model: Generator, embedding: nn.Embedding | None = None) -> Tensor:
        """The condition vector; see `Generator.condition`. Shapes: -> [B,D]."""
        return self.mix(lambda label: model.condition(label, self.length, embedding))

    @property
    def nearer(self) -> Tensor:
        """The class of the nearer end. Shapes: -> [B]."""
        if self.other is None or self.share is None:
            return self.label
        return torch.where(self.share < 0.5, self.label, self.other)


@runtime_checkable
class Coded(Protocol):
    """A family whose clips are made of codes: vectors that are near standard normal.

    A code that was taken from noise or from a clip makes that sample or clip again, the latter
    as far as the family can.
    """

    #: how `clips_of` undoes `code_of`
    code_options: SampleOptions

    def code_of(self, clips: MotionBatch) -> Tensor:
        """Codes of clips in physical units. Shapes: B clips -> [B,...]."""
        ...

    def code_of_noise(self, noise: Tensor, wanted: Wanted, temperature: float = 1.0) -> Tensor:
        """Codes of the samples that start from noise. Shapes: [B,...] -> [B,...]."""
        ...

    def clips_of(self, code: Tensor, wanted: Wanted, options: SampleOptions) -> Tensor:
        """Clean clips in standardised units. Shapes: [B,...] -> [B,T,J,C]."""
        ...


def coded(model: Generator) -> Coded:
    """The model as one that has codes.

    Raises:
        ValueError: if its family has none.
    """
    if not isinstance(model, Coded):
        raise ValueError(f"{type(model).__name__}: clips of this family have no codes")
    return model


def great_circle(
    first: Float[Tensor, "B *rest"], second: Float[Tensor, "B *rest"], share: Float[Tensor, "B"]
) -> Float[Tensor, "B *rest"]:
    """Spherical interpolation: what lies between normal vectors is as long as they are.

    Source: Shoemake, Animating Rotation with Quaternion Curves, SIGGRAPH 1985.
    """
    a, b = first.flatten(1), second.flatten(1)
    cosine = torch.cosine_similarity(a, b, dim=1).clamp(-1, 1)
    angle = cosine.acos()[:, None]
    sine, share = angle.sin(), share[:, None]
    # vectors of one direction have no circle, of opposite directions too many
    straight = sine < 1e-4
    sine = torch.where(straight, 1.0, sine)
    left = torch.where(straight, 1 - share, ((1 - share) * angle).sin() / sine)
    right = torch.where(straight, share, (share * angle).sin() / sine)
    return (left * a + right * b).view_as(first)
