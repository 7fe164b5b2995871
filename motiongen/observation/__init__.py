"""The observation model: an estimated skeleton is a noisy, incomplete view of clean motion."""

from motiongen.observation.likelihood import Likelihood
from motiongen.observation.model import Observation

__all__ = ["Likelihood", "Observation"]
