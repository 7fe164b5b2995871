"""The density of latents that samples start from."""

import numpy as np
import pytest
import torch

from motiongen.generators.latent import AggregatePosterior


def fitted(count=4000, bandwidth=0.7, capacity=1024):
    density = AggregatePosterior(2, 3, bandwidth, capacity)
    rng = torch.Generator().manual_seed(0)
    label = torch.arange(count) % 3
    mean = torch.randn(count, 2, generator=rng) @ torch.tensor([[1.0, 0.5], [0.0, 0.3]])
    mean = mean + 5.0 * label[:, None]
    density.fit(mean, torch.full((count, 2), -6.0), label)
    return density, mean, label


def drawn(density, label, count=4000, temperature=1.0):
    rng = torch.Generator().manual_seed(1)
    labels = torch.full((count,), label)
    normal = torch.randn(count, 2, generator=rng)
    return density.draw(torch.rand(count, generator=rng), normal, labels, temperature)


@pytest.mark.parametrize("bandwidth", [0.3, 0.7, 1.0])
def test_kernels_keep_mean_and_covariance_of_the_class(bandwidth):
    density, mean, label = fitted(bandwidth=bandwidth)
    sample, own = drawn(density, 1), mean[label == 1]
    assert torch.allclose(sample.mean(0), own.mean(0), atol=0.1)
    assert np.allclose(np.cov(sample.numpy().T), np.cov(own.numpy().T), atol=0.1)


def test_room_is_shared_by_the_classes():
    # every other clip of a class: a fixed step over the rows would lose whole classes
    density, _, _ = fitted(count=3000, capacity=300)
    kept = density.label[: int(density.count)]
    assert torch.bincount(kept).tolist() == [100, 100, 100]


def test_temperature_zero_is_the_centre():
    density, _, _ = fitted()
    assert torch.equal(drawn(density, 2, temperature=0.0), density.centre[[2]].expand(4000, -1))


def test_a_class_without_latents_is_refused():
    density, _, _ = fitted()
    density.label[density.label == 1] = 0
    with pytest.raises(ValueError, match="class 1 has no clip"):
        drawn(density, 1, count=2)


@pytest.mark.parametrize("bandwidth", [0.0, 1.5])
def test_bandwidths_outside_are_refused(bandwidth):
    with pytest.raises(ValueError, match="bandwidth"):
        AggregatePosterior(2, 3, bandwidth)
