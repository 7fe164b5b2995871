"""Parts of the smoother that have a closed form."""

import pytest
import torch

from motiongen.observation.smoothing import noise_precision


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.95])
def test_the_precision_of_the_noise_is_the_inverse_of_its_covariance(correlation):
    frames = 12
    mask = torch.rand(6, frames, generator=torch.Generator().manual_seed(0)) > 0.4
    mask[0], mask[1] = False, True
    place = torch.arange(frames)
    covariance = correlation ** (place[:, None] - place).abs().double()
    found = noise_precision(mask, correlation)
    assert torch.equal(found, found.transpose(1, 2))
    for precision, seen in zip(found, mask, strict=True):
        inverse = torch.linalg.inv(covariance[seen][:, seen])
        torch.testing.assert_close(precision[seen][:, seen], inverse, rtol=1e-10, atol=1e-12)
        # what was not seen says nothing
        assert not precision[~seen].any()
