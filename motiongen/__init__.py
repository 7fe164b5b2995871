"""motiongen: deep generative models of human motion from noisy, incomplete skeletons."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Motion", "MotionBatch", "MotionSpec", "Skeleton", "evaluate", "load"]

if TYPE_CHECKING:
    from motiongen.checkpoint import load
    from motiongen.evaluation.arrays import evaluate
    from motiongen.motion import Motion, MotionBatch, MotionSpec
    from motiongen.skeleton import Skeleton

_HOME = {
    "Motion": "motion",
    "MotionBatch": "motion",
    "MotionSpec": "motion",
    "Skeleton": "skeleton",
    "evaluate": "evaluation.arrays",
    "load": "checkpoint",
}


def __getattr__(name: str) -> Any:
    # torch is imported by the first use, so that the command answers at once
    if name not in _HOME:
        raise AttributeError(f"module 'motiongen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"motiongen.{_HOME[name]}"), name)
