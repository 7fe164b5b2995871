import numpy as np
import pytest

from motiongen.metrics.diversity import acpd, apd
from motiongen.metrics.fidelity import coverage, density, fid, mms
from motiongen.metrics.published import evaluating_hmg as hmg
from motiongen.metrics.recognition import accuracy
from motiongen.metrics.timing import wpd


def normal(rows, columns=5, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_those_that_are_ours():
    real, fake = normal(80), normal(70, seed=1) + 0.3
    assert hmg.hmg_fid(real, fake) == fid(real, fake)
    assert hmg.hmg_density(real, fake) == density(real, fake, 5)
    assert hmg.hmg_coverage(real, fake) == coverage(real, fake, 5)
    assert hmg.hmg_mms(real, fake) == mms(real, fake)
    labels = np.arange(70) % 3
    assert hmg.hmg_aog(labels, labels * 0) == accuracy(labels, labels * 0)


def test_the_suite_is_the_eight():
    rng = np.random.default_rng
    real, fake, labels = normal(80), normal(70, seed=1) + 0.3, np.arange(70) % 3
    clips = rng(0).normal(size=(70, 10, 4, 3)).cumsum(1)
    draws = rng(5)
    assert hmg.hmg_suite(
        real, fake, labels=labels, predicted=labels * 0, clips=clips, rng=rng(5)
    ) == {
        "fid": hmg.hmg_fid(real, fake),
        "density": hmg.hmg_density(real, fake),
        "coverage": hmg.hmg_coverage(real, fake),
        "mms": hmg.hmg_mms(real, fake),
        "apd": hmg.hmg_apd(fake, draws),
        "acpd": hmg.hmg_acpd(fake, labels, draws),
        "aog": hmg.hmg_aog(labels, labels * 0),
        "wpd": hmg.hmg_wpd(clips, draws),
    }


def test_apd_expects_n_minus_1_over_n_of_ours():
    features = normal(12)
    many = hmg.hmg_apd(features, np.random.default_rng(0), runs=5000)
    assert many == pytest.approx(apd(features) * 11 / 12, rel=0.01)


def test_five_runs_of_200_pairs_or_as_many_as_there_are_rows():
    rng = np.random.default_rng
    assert hmg._drawn(700, rng(0), hmg.PAIRS, hmg.RUNS).shape == (1000, 2)
    few = hmg._drawn(30, rng(0), hmg.PAIRS, hmg.RUNS)
    assert few.shape == (150, 2) and set(few.ravel()) == set(range(30))


def test_acpd_without_a_middle_class_and_with_the_last():
    labels = np.array([0] * 20 + [2] * 20 + [3])
    features = normal(41)
    found = hmg.hmg_acpd(features, labels, np.random.default_rng(0), runs=3000)
    parts = [apd(features[:20]) * 19 / 20, apd(features[20:40]) * 19 / 20, 0]
    assert found == pytest.approx(np.mean(parts), rel=0.02)
    assert acpd(features, labels) == pytest.approx(np.mean([p * 20 / 19 for p in parts[:2]]))


def test_draws_are_seeded():
    clips = np.random.default_rng(0).normal(size=(15, 10, 4, 3)).cumsum(1)
    labels, features = np.arange(15) % 3, normal(15)
    for function, inputs in (
        (hmg.hmg_wpd, (clips,)),
        (hmg.hmg_apd, (features,)),
        (hmg.hmg_acpd, (features, labels)),
    ):
        first, again, other = (function(*inputs, np.random.default_rng(s)) for s in (0, 0, 1))
        assert first == again != other
    assert hmg.hmg_wpd(clips, np.random.default_rng(0)) == wpd(clips, np.random.default_rng(0))
