"""Acceleration spectra: known waves, known noise, and only what was seen."""

import math

import numpy as np
import pytest

from motiongen.metrics.spectrum import acceleration_spectrum, spectrum_distance


def wave(bin_number, frames=66, window=16):
    """A joint that swings at one bin of the spectrum. -> joints, mask"""
    at = np.arange(frames) * 2 * np.pi * bin_number / window
    joints = np.zeros((2, frames, 3, 3))
    joints[..., 0] = np.cos(at)[None, :, None]
    return joints, np.ones(joints.shape[:3], bool)


@pytest.mark.parametrize("number", [2, 5])
def test_a_wave_is_found_at_its_frequency(number):
    power = acceleration_spectrum(*wave(number))
    assert int(power.argmax()) == number
    assert power[np.abs(np.arange(9) - number) > 2].max() < 1e-3 * power[number]


def test_white_noise_has_the_spectrum_of_its_differences():
    noise = np.random.default_rng(0).standard_normal((40, 130, 5, 3))
    power = acceleration_spectrum(noise, np.ones(noise.shape[:3], bool))
    angle = np.pi * np.arange(9) / 8
    expected = 3 * (2 * np.sin(angle / 2)) ** 4
    np.testing.assert_allclose(power[3:], expected[3:], rtol=0.2)


def test_distance_is_in_decibel_and_zero_for_the_same():
    first, second = wave(2), wave(2)
    assert spectrum_distance(*first, *second) == 0
    noise = np.random.default_rng(0).standard_normal((4, 66, 3, 3))
    mask = np.ones(noise.shape[:3], bool)
    assert spectrum_distance(noise, mask, 10 * noise, mask) == pytest.approx(20)


def test_what_was_not_seen_changes_nothing():
    joints, mask = wave(3)
    mask[0, 20, 1] = False
    expected = acceleration_spectrum(joints, mask)
    joints[0, 20, 1] = math.nan
    np.testing.assert_array_equal(acceleration_spectrum(joints, mask), expected)
    with pytest.raises(ValueError, match="no joint is seen in 18 frames in a row"):
        acceleration_spectrum(joints, mask & (np.arange(66) % 17 > 0)[:, None])
