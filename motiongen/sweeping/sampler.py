"""What Optuna is asked for: distributions, samplers and early stopping of a sweep file."""

import numpy as np
import optuna
from optuna.distributions import BaseDistribution

from motiongen.sweeping.options import Distribution, Search, Stop


def distribution(given: Distribution) -> BaseDistribution:
    """The same for Optuna."""
    if given.choices is not None:
        return optuna.distributions.CategoricalDistribution(given.choices)
    low, high = given.low or 0, given.high or 0
    if given.whole:
        step = int(given.step or 1)
        return optuna.distributions.IntDistribution(int(low), int(high), given.log, step)
    return optuna.distributions.FloatDistribution(low, high, given.log, given.step)


def sampler(search: Search, number: int) -> optuna.samplers.BaseSampler:
    """What samples trial `number`: seeded by it, so that no state has to survive a kill."""
    state = np.random.SeedSequence([search.sampler_seed, number]).generate_state(1)
    seed = int(state[0])
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def pruner(stop: Stop | None) -> optuna.pruners.BasePruner:
    """What ends trainings early: nothing, unless it is asked for."""
    if stop is None:
        return optuna.pruners.NopPruner()
    return optuna.pruners.SuccessiveHalvingPruner(
        min_resource=stop.min_steps, reduction_factor=stop.factor
    )
