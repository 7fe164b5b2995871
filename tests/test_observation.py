"""The observation model is the density that it says, and draws from it."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from motiongen.observation import Observation


def model(degrees=4.0, joints=3, **options):
    torch.manual_seed(0)
    observation = Observation(joints, degrees, **options).double()
    with torch.no_grad():
        observation.log_scale += torch.randn(joints)
        observation.doubt += 1.0
    return observation


def clips(shape=(2, 4, 3, 2)):
    torch.manual_seed(1)
    observed, clean = torch.randn(2, *shape, dtype=torch.float64)
    confidence = torch.rand(shape[:3], dtype=torch.float64).clamp(min=0.1)
    return observed, clean, confidence


@pytest.mark.parametrize("degrees", [1.0, 2.5, 4.0, 30.0])
def test_log_prob_is_the_student_t(degrees):
    observation, (observed, clean, confidence) = model(degrees), clips()
    scale = observation.scale(confidence).detach().numpy()[..., None]
    expected = stats.t.logpdf(observed.numpy(), degrees, clean.numpy(), scale).sum(-1)
    found = observation.log_prob(observed, clean, confidence).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("confidence", [0.1, 1.0])
def test_log_prob_integrates_to_one(confidence):
    observation = model(joints=1)

    def density(value):
        observed = torch.full((1, 1, 1, 1), value, dtype=torch.float64)
        seen = torch.full((1, 1, 1), confidence, dtype=torch.float64)
        return math.exp(observation.log_prob(observed, 0 * observed, seen).item())

    total = 2 * integrate.quad(density, 0, 1)[0] + 2 * integrate.quad(density, 1, np.inf)[0]
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("value", [1e3, float("nan")])
def test_what_was_not_seen_contributes_nothing(value):
    observation, (observed, clean, confidence) = model(), clips()
    confidence[0, 1] = 0
    clean.requires_grad_()
    observed[0, 1] = value
    log_prob = observation.log_prob(observed, clean, confidence)
    log_prob.sum().backward()
    assert not log_prob[0, 1].any() and bool(log_prob[confidence > 0].all())
    assert not clean.grad[0, 1].any() and bool(torch.isfinite(clean.grad).all())
    for parameter in observation.parameters():
        assert bool(torch.isfinite(parameter.grad).all())


def test_noise_falls_with_confidence():
    observation = model()
    confidence = torch.linspace(0.01, 1, 50, dtype=torch.float64)[:, None, None].expand(-1, 1, 3)
    scale = observation.scale(confidence)
    assert bool((scale.diff(dim=0) < 0).all())
    sure = observation.smallest_scale + observation.log_scale.exp()
    torch.testing.assert_close(scale[-1, 0], sure)


def test_a_doubted_outlier_costs_less():
    observation = model()
    far = torch.full((1, 1, 3, 2), 50.0, dtype=torch.float64)
    sure, doubted = (
        observation.log_prob(far, 0 * far, torch.full((1, 1, 3), c, dtype=torch.float64))
        for c in (1.0, 0.1)
    )
    assert bool((doubted > sure).all())


def test_noise_is_never_believed_to_vanish():
    observation = Observation(2, smallest_scale=0.05)
    with torch.no_grad():
        observation.log_scale.fill_(-100)
    assert bool((observation.scale(torch.ones(1, 1, 2)) >= 0.05).all())


def drawn(rho=0.7, degrees=4.0):
    """Noise of long clips, in units of its scale. Shapes: -> [B,T,J,C]."""
    observation = Observation(2, degrees, initial_scale=0.5, correlation=rho)
    clean = torch.randn(40, 1, 2, 3).expand(-1, 500, -1, -1)
    confidence = torch.ones(40, 500, 2)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        seen = observation.corrupt(clean, confidence, generator)
        return (seen - clean) / observation.scale(confidence)[..., None]


@pytest.mark.parametrize("degrees", [3.0, 4.0, 8.0])
def test_corrupt_draws_what_log_prob_describes(degrees):
    # independent values: every 20th frame, one coordinate
    noise = drawn(degrees=degrees)[:, ::20, :, 0].flatten().double().numpy()
    assert stats.kstest(noise, stats.t(degrees).cdf).pvalue > 0.01
    other = stats.t(degrees, scale=1.3)
    assert stats.kstest(noise, other.cdf).pvalue < 0.01


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_corrupt_is_correlated_in_time(rho):
    # two normal values of correlation rho agree in sign with probability 1/2 + asin(rho)/pi, and
    # the tails, which are drawn for each frame, change no sign
    noise = drawn(rho)
    for lag in (1, 2):
        agree = (noise[:, lag:] * noise[:, :-lag] > 0).double().mean()
        assert float(agree) == pytest.approx(0.5 + math.asin(rho**lag) / math.pi, abs=0.01)


def test_corrupt_follows_joint_and_confidence():
    observation = model().float()
    clean = torch.zeros(20, 300, 3, 2)
    confidence = torch.tensor([1.0, 0.4, 0.0]).expand(20, 300, 3)
    with torch.no_grad():
        seen = observation.corrupt(clean, confidence, torch.Generator().manual_seed(0))
        scale = observation.scale(confidence)[0, 0]
    assert not seen[:, :, 2].any()
    middle = stats.t(4).ppf(0.75)  # the median of |t|
    for joint in (0, 1):
        found = float(seen[:, :, joint].abs().median())
        assert found == pytest.approx(middle * float(scale[joint]), rel=0.05)


def test_corrupt_is_drawn_from_the_generator_alone():
    observation, clean = Observation(3), torch.zeros(2, 5, 3, 2)
    state = torch.get_rng_state()
    first, again, other = (
        observation.corrupt(clean, torch.ones(2, 5, 3), torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_fitting_finds_the_noise():
    torch.manual_seed(0)
    observation, truth = Observation(2), torch.tensor([0.1, 0.4])
    noise = stats.t.rvs(4, size=(200, 10, 2, 3), random_state=0)
    observed = torch.from_numpy(noise).float() * truth[:, None]
    optimizer = torch.optim.Adam(observation.parameters(), 0.05)
    for _ in range(150):
        loss = -observation.log_prob(observed, 0 * observed, torch.ones(200, 10, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = observation.scale(torch.ones(1, 1, 2))[0, 0].detach()
    torch.testing.assert_close(found, truth, rtol=0.05, atol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"degrees": 0.0}, "degrees: found 0.0, must be above 0"),
        ({"correlation": 1.0}, "correlation: found 1.0, allowed 0 to below 1"),
        ({"correlation": -0.1}, "correlation: found -0.1"),
    ],
)
def test_impossible_settings_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Observation(3, **options)
