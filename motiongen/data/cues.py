"""Timing: what a script is played to, and the profiles along which joints move.

Rest to rest movements follow minimum-jerk profiles.
Source: Flash and Hogan, "The coordination of arm movements", J. Neuroscience, 1985.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Key = tuple[float, float]


@dataclass(frozen=True)
class Cue:
    """What a script is played to.

    Args:
        progress: 0 at the start of the clip, 1 at its end.
        seconds: time in seconds of a person of average tempo.
        amplitude: size of the movement; 1 is average.
        phase: where periodic actions begin, in cycles; about 0.
        detail: free numbers in [-1,1] by which repetitions of the same script differ.
    """

    progress: Float[np.ndarray, "T"]
    seconds: Float[np.ndarray, "T"]
    amplitude: float
    phase: float
    detail: Float[np.ndarray, "4"]


def ease(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Minimum-jerk step from 0 at x <= 0 to 1 at x >= 1."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)


def track(x: Float[np.ndarray, "*shape"], *keys: Key) -> Float[np.ndarray, "*shape"]:
    """Values that rest at each key (place, value) and ease from one to the next."""
    value = np.full_like(x, keys[0][1])
    for (begin, low), (end, high) in zip(keys[:-1], keys[1:], strict=True):
        value += (high - low) * ease((x - begin) / (end - begin))
    return value


def beats(cue: Cue, first: float, last: float, count: int) -> Float[np.ndarray, "T"]:
    """Smooth 0-1-0 beats between two places, 0 outside them."""
    x = np.clip((cue.progress - first) / (last - first), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(2 * np.pi * count * x)
