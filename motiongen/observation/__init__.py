"""The observation model: an estimated skeleton is a noisy, incomplete view of clean motion."""

from motiongen.observation.likelihood import Likelihood
from motiongen.observation.model import Observation, calm_mean_square, mean_size, seen_near

__all__ = ["Likelihood", "Observation", "calm_mean_square", "mean_size", "seen_near"]
