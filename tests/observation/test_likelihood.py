"""The likelihood is the density that it says."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from motiongen.observation import Likelihood


def model(degrees=4.0, joints=3, **options):
    torch.manual_seed(0)
    likelihood = Likelihood(joints, degrees, **options).double()
    with torch.no_grad():
        likelihood.log_scale += torch.randn(joints)
        likelihood.doubt += 1.0
    return likelihood


def clips(shape=(2, 4, 3, 2)):
    torch.manual_seed(1)
    observed, clean = torch.randn(2, *shape, dtype=torch.float64)
    confidence = torch.rand(shape[:3], dtype=torch.float64).clamp(min=0.1)
    return observed, clean, confidence


@pytest.mark.parametrize("degrees", [1.0, 2.5, 4.0, 30.0])
def test_log_prob_is_the_student_t(degrees):
    likelihood, (observed, clean, confidence) = model(degrees), clips()
    scale = likelihood.scale(confidence).detach().numpy()[..., None]
    expected = stats.t.logpdf(observed.numpy(), degrees, clean.numpy(), scale).sum(-1)
    found = likelihood.log_prob(observed, clean, confidence).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("confidence", [0.1, 1.0])
def test_log_prob_integrates_to_one(confidence):
    likelihood = model(joints=1)

    def density(value):
        observed = torch.full((1, 1, 1, 1), value, dtype=torch.float64)
        seen = torch.full((1, 1, 1), confidence, dtype=torch.float64)
        return math.exp(likelihood.log_prob(observed, 0 * observed, seen).item())

    total = 2 * integrate.quad(density, 0, 1)[0] + 2 * integrate.quad(density, 1, np.inf)[0]
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("value", [1e3, float("nan")])
def test_what_was_not_seen_contributes_nothing(value):
    likelihood, (observed, clean, confidence) = model(), clips()
    confidence[0, 1] = 0
    clean.requires_grad_()
    observed[0, 1] = value
    log_prob = likelihood.log_prob(observed, clean, confidence)
    log_prob.sum().backward()
    assert not log_prob[0, 1].any() and bool(log_prob[confidence > 0].all())
    assert not clean.grad[0, 1].any() and bool(torch.isfinite(clean.grad).all())
    for parameter in likelihood.parameters():
        assert bool(torch.isfinite(parameter.grad).all())


def test_noise_falls_with_confidence():
    likelihood = model()
    confidence = torch.linspace(0.01, 1, 50, dtype=torch.float64)[:, None, None].expand(-1, 1, 3)
    scale = likelihood.scale(confidence)
    assert bool((scale.diff(dim=0) < 0).all())
    sure = likelihood.smallest_scale + likelihood.log_scale.exp()
    torch.testing.assert_close(scale[-1, 0], sure)


def test_a_doubted_outlier_costs_less():
    likelihood = model()
    far = torch.full((1, 1, 3, 2), 50.0, dtype=torch.float64)
    sure, doubted = (
        likelihood.log_prob(far, 0 * far, torch.full((1, 1, 3), c, dtype=torch.float64))
        for c in (1.0, 0.1)
    )
    assert bool((doubted > sure).all())


def test_noise_is_never_believed_to_vanish():
    likelihood = Likelihood(2, smallest_scale=0.05)
    with torch.no_grad():
        likelihood.log_scale.fill_(-100)
    assert bool((likelihood.scale(torch.ones(1, 1, 2)) >= 0.05).all())


def test_fitting_finds_the_noise():
    torch.manual_seed(0)
    likelihood, truth = Likelihood(2), torch.tensor([0.1, 0.4])
    noise = stats.t.rvs(4, size=(200, 10, 2, 3), random_state=0)
    observed = torch.from_numpy(noise).float() * truth[:, None]
    optimizer = torch.optim.Adam(likelihood.parameters(), 0.05)
    for _ in range(150):
        loss = -likelihood.log_prob(observed, 0 * observed, torch.ones(200, 10, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = likelihood.scale(torch.ones(1, 1, 2))[0, 0].detach()
    torch.testing.assert_close(found, truth, rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degrees": 0.0}, "degrees: found 0.0, must be above 0"),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Likelihood(3, **options)


def test_noise_is_never_believed_to_be_below_what_was_measured():
    likelihood, level = Likelihood(2), torch.tensor([0.2, 0.4])
    with torch.no_grad():
        likelihood.log_scale.fill_(-100)
    assert bool((likelihood.scale(torch.ones(1, 1, 2), level)[0, 0] >= level).all())
