"""What some generators can do besides sampling; asked for with `isinstance`."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from motiongen.generators.keys import SampleOptions
from motiongen.motion import MotionBatch
from motiongen.observation import Observation


@runtime_checkable
class HasDensity(Protocol):
    """Says how likely a clip is."""

    def log_prob(self, batch: MotionBatch) -> Tensor:
        """Mean log density of the coordinates that each clip shows, given label and length.

        Units: nats a coordinate, of standardised coordinates.
        Shapes: -> [B].
        """
        ...


@runtime_checkable
class Guided(Protocol):
    """A family whose labels can be made to pull more strongly than in training."""

    guidance: float


@runtime_checkable
class Integrates(Protocol):
    """A family that solves a differential equation to sample."""

    steps: int
    solver: str


@runtime_checkable
class Observing(Protocol):
    """Knows the noise of the estimator whose clips it learned from."""

    observation: Observation


@runtime_checkable
class Reconstructs(Protocol):
    """Shows clips as the model understands them: noise taken off, gaps filled."""

    def reconstruct(self, batch: MotionBatch) -> MotionBatch:
        """The model's view of each clip, in physical units."""
        ...


@runtime_checkable
class Interpolates(Protocol):
    """Finds the motions between two clips."""

    def interpolate(self, first: MotionBatch, second: MotionBatch, n: int) -> MotionBatch:
        """Clips on the way from one clip to another, both included."""
        ...


@runtime_checkable
class Varies(Protocol):
    """Draws clips like given ones."""

    def like(
        self, clips: MotionBatch, n: int = 1, *, strength: float = 0.3, seed: int = 0
    ) -> MotionBatch:
        """Variations of each clip: strength 0 is the clip itself, 1 any clip of its class."""
        ...


@runtime_checkable
class Fills(Protocol):
    """Fills in what clips do not show."""

    def fill(
        self,
        clips: MotionBatch,
        *,
        n: int = 1,
        seed: int = 0,
        keep: bool = True,
        temperature: float = 1.0,
    ) -> MotionBatch:
        """Each clip n times, complete."""
        ...


def refuse_unused(model: Observing, options: SampleOptions) -> None:
    """Refuses an option that a family, or a model, would have to ignore.

    Raises:
        ValueError: names the option and the family.
    """
    name = type(model).__name__
    if options.guidance is not None and not isinstance(model, Guided):
        raise ValueError(f"guidance: found {options.guidance}, but {name} cannot be guided")
    if options.steps is not None and not isinstance(model, Integrates):
        raise ValueError(f"steps: found {options.steps}, but {name} has no solver")
    if options.observed and not model.observation.known:
        raise ValueError(
            f"observed: found {options.observed}, but this {name} knows no noise: none was "
            "measured on the clips that it learned from, or it was told so by noise_level 0"
        )
