"""Sections of a sweep file other than its keys: how to score, search, stop, and what it takes."""

from dataclasses import dataclass, field
from typing import Any, Literal

from motiongen.evaluation.features import ARCHITECTURES, ENCODERS, EXTRACTOR_STEPS
from motiongen.metrics import METRICS

#: scores of sets of samples; most others that read pairs compare a clip with its truth
MEASURED = [name for name, m in METRICS.items() if m.needs != "pairs" or name == "accuracy"]


@dataclass(frozen=True)
class Score:
    """How a trained model is scored: always on the people held back from its training.

    Args:
        metric: name of the score that decides, as in `motiongen evaluate`.
        against: for scores of likeness: clips of the people held back, or training clips.
        metrics: names of the scores to measure. None: all.
        sampling_seeds: one set of samples each.
        checkpoint: which weights are scored.
        clips: samples in a set. None: as many of each class as there were to learn from.
        extractor: encoder of the feature space.
        extractor_steps: optimiser steps of the feature space.
        k: neighbours for density and coverage.
        draws: pairs of subsets over which the scores of whole sets are averaged.
        seed: of feature space, draws and intervals.

    Raises:
        ValueError: if a metric is unknown or the one that decides is not measured, or a list or
            a number is too small.
    """

    metric: str = "fid"
    against: Literal["unseen", "training"] = "unseen"
    metrics: list[str] | None = None
    sampling_seeds: list[int] = field(default_factory=lambda: [1, 2, 3])
    checkpoint: Literal["best", "last"] = "best"
    clips: int | None = None
    extractor: str = ARCHITECTURES[0]
    extractor_steps: int = EXTRACTOR_STEPS
    k: int = 5
    draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (self.metric, *(self.metrics or ())):
            if name not in MEASURED:
                raise ValueError(f"no metric {name!r}; allowed: {', '.join(MEASURED)}")
        if self.metrics is not None and self.metric not in self.metrics:
            raise ValueError(f"metrics: {self.metric!r} decides and is not among them")
        if not self.sampling_seeds or len(set(self.sampling_seeds)) != len(self.sampling_seeds):
            raise ValueError(
                f"sampling_seeds: found {self.sampling_seeds}, needed are different numbers"
            )
        if self.extractor not in ENCODERS:
            raise ValueError(f"extractor: found {self.extractor!r}, allowed {', '.join(ENCODERS)}")
        for name in ("clips", "extractor_steps", "k", "draws"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name}: found {value}, at least 1 is needed")


@dataclass(frozen=True)
class Distribution:
    """Values that a search may take: a range, or choices.

    Args:
        low: smallest value; whole if the values are.
        high: largest value.
        log: as likely between 1 and 10 as between 10 and 100.
        step: distance of the values.
        choices: the values themselves.

    Raises:
        ValueError: unless it is one of both, and a range is one.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: list[str | int | float | bool | None] | None = None

    def __post_init__(self) -> None:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None) or (self.low is None) != (self.high is None):
            raise ValueError("needed are low and high, or choices")
        if self.choices is not None and (not self.choices or self.log or self.step is not None):
            raise ValueError("choices must not be empty and have neither log nor step")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low is {self.low}, not below high, which is {self.high}")
        if self.log and (self.step is not None or (self.low or 0) <= 0):
            raise ValueError("log needs low above 0, and no step")

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return all(isinstance(n, int) for n in (self.low, self.high, self.step or 1))

    def ends(self) -> list[Any]:
        """Values between which all others lie."""
        return list(self.choices) if self.choices is not None else [self.low, self.high]


@dataclass(frozen=True)
class Search:
    """Hyper-parameters that are sampled, in each cell of the grid anew.

    Args:
        keys: of fit, and where their values come from.
        trials: trainings for each cell and seed of the grid.
        sampler: "tpe" learns from the trials before, "random" does not.
        sampler_seed: trial n is a function of it, of n, and for TPE of the trials finished before.

    Raises:
        ValueError: if there is to be no trial.
    """

    keys: dict[str, Distribution] = field(default_factory=dict)
    trials: int = 20
    sampler: Literal["tpe", "random"] = "tpe"
    sampler_seed: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"trials: found {self.trials}, at least 1 is needed")


@dataclass(frozen=True)
class Stop:
    """Early stopping by asynchronous successive halving (ASHA) of the validation score.

    Args:
        min_steps: optimiser steps that no training is stopped before.
        factor: one of so many trainings goes on at each rung.

    Raises:
        ValueError: if a number is too small.

    Source: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020.
    """

    min_steps: int = 300
    factor: int = 3

    def __post_init__(self) -> None:
        if self.min_steps < 1 or self.factor < 2:
            raise ValueError("min_steps must be at least 1 and factor at least 2")


@dataclass(frozen=True)
class Resources:
    """What one trial takes of a cluster.

    Args:
        cpus: processors.
        gpus: GPUs; below 1 trials share one.
    """

    cpus: float = 1.0
    gpus: float = 0.0
