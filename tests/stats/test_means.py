"""Posteriors of means, against scipy, published numbers and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from workbench.stats.comparison import chance_above, chances_best, difference, expected_losses
from workbench.stats.means import MeanPrior, mean_posterior
from workbench.stats.moments import Sample
from workbench.stats.posteriors import Beta, Meshes, StudentT


def test_the_weak_prior_gives_the_textbook_interval():
    x = np.random.default_rng(1).normal(3, 2, 17)
    posterior = mean_posterior(Sample.of(x))
    low, high = stats.t.interval(0.95, 16, x.mean(), stats.sem(x))
    assert posterior.ppf(np.array([0.025, 0.975])) == pytest.approx([low, high], rel=1e-12)


def test_a_proper_prior_is_the_conjugate_update():
    """Against the joint density of mean and variance, integrated by brute force."""
    x = np.array([1.0, 2.0, 4.0, 4.5])
    prior = MeanPrior(mean=2.0, weight=1.5, shape=3.0, rate=2.0)
    posterior = mean_posterior(Sample.of(x), prior=prior)

    def joint(variance: float, mu: float) -> float:
        likelihood = stats.norm.pdf(x, mu, np.sqrt(variance)).prod()
        before = stats.invgamma.pdf(variance, 3.0, scale=2.0) * stats.norm.pdf(mu, 2.0, np.sqrt(variance / 1.5))
        return float(likelihood * before)

    weight = [integrate.quad(joint, 0, 200, args=(mu,), limit=200)[0] for mu in (2.0, 3.0)]
    density = posterior.density(np.array([2.0, 3.0]))
    assert weight[0] / weight[1] == pytest.approx(density[0] / density[1], rel=1e-6)


def test_the_published_three_means():
    """NormalDataTest in the README of bayesian-testing: .1707 / .00125 / .82805 by 20,000 draws."""
    rng = np.random.default_rng(21)
    data = rng.normal(7.2, 2, 1000), rng.normal(7.1, 2, 800), rng.normal(7.0, 4, 500)
    prior = MeanPrior(mean=1.0, weight=0.01, shape=0.0, rate=0.0)
    best = chances_best([mean_posterior(Sample.of(x), prior=prior) for x in data])
    assert best == pytest.approx([0.1707, 0.00125, 0.82805], abs=0.01)


def test_normal_arms_have_a_closed_form():
    a, b = StudentT(np.inf, 1.0, 0.3), StudentT(np.inf, 1.5, 0.4)
    z = 0.5 / 0.5
    assert chance_above(b, a) == pytest.approx(stats.norm.cdf(z), abs=1e-12)
    found = difference(b, a)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.5 * 1.959963984540054, 0.5 + 0.5 * 1.959963984540054))
    loss = 0.5 * (stats.norm.pdf(z) - z * stats.norm.sf(z))  # E[(A − B)⁺]
    assert expected_losses([a, b]) == pytest.approx([loss + 0.5, loss], rel=1e-10)


def test_t_arms_agree_with_brute_force():
    a, b = StudentT(5, 0.0, 1.0), StudentT(9, 0.7, 2.0)
    chance, _ = integrate.quad(lambda x: stats.t.pdf(x, 5) * stats.t.sf(x, 9, 0.7, 2.0), -np.inf, np.inf)
    assert chance_above(b, a) == pytest.approx(chance, abs=1e-9)
    loss, _ = integrate.quad(lambda t: stats.t.sf(t, 5) * stats.t.cdf(t, 9, 0.7, 2.0), -np.inf, np.inf)
    assert expected_losses([a, b])[1] == pytest.approx(loss, rel=1e-5)


def test_large_samples_agree_with_welch():
    rng = np.random.default_rng(4)
    x, y = rng.normal(0, 1, 3000), rng.normal(0.1, 2, 2000)
    found = difference(mean_posterior(Sample.of(y)), mean_posterior(Sample.of(x)))
    welch = stats.ttest_ind(y, x, equal_var=False)
    assert 2 * min(found.chance_above, 1 - found.chance_above) == pytest.approx(welch.pvalue, abs=2e-4)
    assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval()), abs=1e-4)


def test_a_mean_near_zero_has_no_relative_effect():
    found = difference(StudentT(50, 1.0, 0.5), StudentT(50, 0.1, 0.5))
    assert found.relative is None and found.relative_low is None


def test_a_relative_effect_may_be_minus_everything():
    """An arm whose mean may be below zero against a control that is not."""
    arm, control = StudentT(200, 0.1, 0.2), StudentT(200, 2.0, 0.1)
    found = difference(arm, control)
    rng = np.random.default_rng(0)
    draws = arm.draw(rng, 400_000) / control.draw(rng, 400_000) - 1
    assert [found.relative_low, found.relative_high] == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=2e-3)


def test_intervals_cover_the_true_difference():
    """20,000 simulated experiments of skewed data, drawn and judged at once."""
    rng = np.random.default_rng(7)
    n, runs = 60, 20_000
    x, y = rng.gamma(2.0, 1.0, (runs, n)), rng.gamma(2.0, 1.5, (runs, n))
    centre = y.mean(1) - x.mean(1)
    spread = np.sqrt(x.var(1, ddof=1) / n + y.var(1, ddof=1) / n)
    found = difference(mean_posterior(Sample.of(y[0])), mean_posterior(Sample.of(x[0])))
    reach = (found.high - found.low) / 2 / spread[0]  # the interval's half width in standard errors
    assert np.mean(np.abs(centre - 1.0) < reach * spread) == pytest.approx(0.95, abs=0.01)


def test_clusters_widen_the_posterior():
    plain = Sample(n=100, mean=1.0, m2=99.0)
    clustered = Sample(n=100, mean=1.0, m2=99.0, clusters=25, deff_mean=4.0)
    assert mean_posterior(clustered).scale == pytest.approx(2 * mean_posterior(plain).scale)
    assert mean_posterior(clustered).df == 24


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0]])
def test_what_has_no_spread_has_no_posterior(values):
    with pytest.raises(ValueError, match=r"needs at least 2|spread is not known"):
        mean_posterior(Sample.of(values))


def test_different_kinds_are_not_compared():
    with pytest.raises(ValueError, match="different kinds"):
        Meshes((Beta(1, 1), StudentT(3, 0.0, 1.0)))
