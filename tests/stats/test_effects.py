"""Posteriors of an effect: against brute force on a grid, scipy, and in the far tail."""

import numpy as np
import pytest
from scipy import integrate, stats

from workbench.stats.effects import Component, EffectPrior, effect_posterior


@pytest.mark.parametrize("df", [2.5, 4.0, 30.0])
@pytest.mark.parametrize(("estimate", "error"), [(0.05, 0.02), (0.3, 0.02), (-0.5, 0.1), (0.01, 0.001)])
def test_a_students_t_prior_gives_what_brute_force_gives(df, estimate, error):
    prior = EffectPrior.student(df, 0.01, 0.02)
    found = effect_posterior(estimate, error, prior)
    x = np.linspace(min(estimate, 0) - 0.4 - 9 * error, max(estimate, 0) + 0.4 + 9 * error, 400_001)
    mass = stats.t.pdf((x - 0.01) / 0.02, df) * stats.norm.pdf((x - estimate) / error)
    mass /= mass.sum()
    mean = x @ mass
    sd = np.sqrt((x - mean) ** 2 @ mass)
    assert abs(found.mean - mean) < 1e-4 * sd
    assert abs(found.sd / sd - 1) < 1e-4
    middle = float(found.ppf(np.array([0.3]))[0])
    assert abs(np.interp(middle, x, np.cumsum(mass)) - 0.3) < 1e-3


def test_a_mixture_of_normals_is_exact():
    prior = EffectPrior((Component(0.8, 0.0, 0.01), Component(0.2, 0.05, 0.1)), "relative")
    found = effect_posterior(0.08, 0.03, prior)
    first, second = np.hypot(0.01, 0.03), np.hypot(0.1, 0.03)
    evidence = np.array([0.8 * stats.norm.pdf(0.08, 0, first), 0.2 * stats.norm.pdf(0.08, 0.05, second)])
    np.testing.assert_allclose(found.weights, evidence / evidence.sum(), rtol=1e-12)


def test_nothing_assumed_leaves_the_estimate_as_it_is():
    found = effect_posterior(0.4, 0.2, EffectPrior.flat())
    assert found.interval(0.95) == pytest.approx(stats.norm.interval(0.95, 0.4, 0.2), rel=1e-12)
    assert found.chance_above(0) == pytest.approx(stats.norm.sf(-2), rel=1e-12)


@pytest.mark.parametrize("z", [-30.0, -12.5, -11.5, -3.0, 0.0, 2.0, 15.0])
def test_expected_losses_keep_their_digits_in_the_far_tail(z):
    found = effect_posterior(z, 1.0, EffectPrior.flat())
    exact = integrate.quad(lambda t: t * np.exp(-((t - z) ** 2) / 2 + min(z, 0) ** 2 / 2), 0, max(z, 0) + 12)[0]
    assert found.expected_gain() == pytest.approx(exact * np.exp(-(min(z, 0) ** 2) / 2) / np.sqrt(2 * np.pi), rel=1e-6)


def test_tails_have_their_own_digits():
    found = effect_posterior(0.0, 1.0, EffectPrior.flat())
    assert found.chance_within(9.0, 10.0) == pytest.approx(stats.norm.sf(9) - stats.norm.sf(10), rel=1e-9)
    assert found.chance_within(-10.0, -9.0) == pytest.approx(stats.norm.sf(9) - stats.norm.sf(10), rel=1e-9)
    mixture = effect_posterior(1.0, 1.0, EffectPrior.student(4, 0, 1))
    tail = mixture.isf(np.array([1e-12]))
    assert mixture.sf(tail)[0] == pytest.approx(1e-12, rel=1e-6)


@pytest.mark.parametrize("wrong", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (1.0, np.nan, 1.0)])
def test_a_part_that_is_no_distribution_is_refused(wrong):
    with pytest.raises(ValueError, match="no part of a prior"):
        EffectPrior((Component(*wrong),))
