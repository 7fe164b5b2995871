"""The observation model: an estimated skeleton is a noisy, incomplete view of clean motion."""

from motiongen.observation.differences import calm_mean_square, mean_size, seen_near
from motiongen.observation.likelihood import Likelihood
from motiongen.observation.model import Observation
from motiongen.observation.paths import Tempo

__all__ = ["Likelihood", "Observation", "Tempo", "calm_mean_square", "mean_size", "seen_near"]
