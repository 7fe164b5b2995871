"""How the accelerations of joints are spread over frequencies: shaking is fast, motion is slow.

Joints [N,T,J,C] and masks [N,T,J] as in `motiongen.metrics.naturalness`.
"""

import numpy as np
from jaxtyping import Bool, Float

from motiongen.metrics.checks import clips
from motiongen.metrics.masked import Joints, Mask
from motiongen.metrics.metric import Metric

WINDOW = 16


def acceleration_spectrum(
    joints: Joints, mask: Mask, window: int = WINDOW
) -> Float[np.ndarray, "F"]:
    """Mean power of second differences at each frequency, from 0 to half the frame rate.

    Windows overlap by half, have a Hann taper, and count where their joint is seen throughout.

    Shapes: joints [N,T,J,C], mask [N,T,J] -> [window // 2 + 1].
    Units: (unit of joints / frame^2)^2.

    Raises:
        ValueError: if shapes disagree, or no joint is seen in window + 2 frames in a row.

    Source: Welch, The Use of Fast Fourier Transform for the Estimation of Power Spectra, 1967.
    """
    joints, mask = clips(joints, mask)
    bend = np.diff(joints, n=2, axis=1)
    seen = mask[:, 2:] & mask[:, 1:-1] & mask[:, :-2]
    taper = np.hanning(window + 2)[1:-1]
    total, count = np.zeros(window // 2 + 1), 0
    for start in range(0, bend.shape[1] - window + 1, window // 2):
        whole = seen[:, start : start + window].all(1)
        parts = bend[:, start : start + window].swapaxes(1, 2)[whole]  # [M,window,C]
        power = np.abs(np.fft.rfft(parts * taper[:, None], axis=1)) ** 2
        total, count = total + power.sum((0, 2)), count + len(parts)
    if count == 0:
        raise ValueError(f"no joint is seen in {window + 2} frames in a row")
    return total / count / (taper**2).sum()


def spectrum_distance(
    real_joints: Float[np.ndarray, "_N _T _J _C"],
    real_mask: Bool[np.ndarray, "_N _T _J"],
    fake_joints: Float[np.ndarray, "_M _U _J _C"],
    fake_mask: Bool[np.ndarray, "_M _U _J"],
) -> float:
    """Mean distance of two acceleration spectra over their frequencies, in decibel.

    Raises:
        ValueError: as `acceleration_spectrum`.
    """
    real = acceleration_spectrum(real_joints, real_mask)
    fake = acceleration_spectrum(fake_joints, fake_mask)
    return float(np.abs(10 * np.log10(np.maximum(fake, 1e-20) / np.maximum(real, 1e-20))).mean())


SPECTRUM_DISTANCE = Metric(
    name="spectrum_distance",
    unit="dB",
    better="low",
    needs="motions",
    source="motiongen; spectra: Welch 1967",
    function=spectrum_distance,
    meaning="How far the accelerations of generated joints are from real ones at each frequency.",
)
