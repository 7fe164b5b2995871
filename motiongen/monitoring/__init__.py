"""Detectors of collapse that run at each validation, and the callback that speaks for them."""

from motiongen.monitoring.detectors import Detectors, Healthy
from motiongen.monitoring.monitor import Monitor

__all__ = ["Detectors", "Healthy", "Monitor"]
