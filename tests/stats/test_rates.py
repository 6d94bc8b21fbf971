"""Rates of counts: the Gamma posterior against scipy, and what overdispersion does."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.moments import Sample
from workbench.stats.rates import Gamma, pooled_dispersion, rate_posterior, rate_posteriors, spreads_as_poisson


def test_it_is_scipys_gamma():
    ours, theirs = Gamma(3.5, 20.0), stats.gamma(3.5, scale=1 / 20)
    x, p = np.array([0.01, 0.1, 0.4, 1.2]), np.array([1e-8, 0.2, 0.9])
    assert ours.cdf(x) == pytest.approx(theirs.cdf(x), rel=1e-12)
    assert ours.sf(x) == pytest.approx(theirs.sf(x), rel=1e-12)
    assert ours.ppf(p) == pytest.approx(theirs.ppf(p), rel=1e-10)
    assert ours.isf(p) == pytest.approx(theirs.isf(p), rel=1e-10)
    assert ours.density(np.log(x)) == pytest.approx(theirs.pdf(x) * x, rel=1e-12)
    assert (ours.mean, ours.sd) == pytest.approx((theirs.mean(), theirs.std()), rel=1e-12)


def test_draws_come_from_it():
    drawn = Gamma(3.5, 20.0).draw(np.random.default_rng(1), 20_000)
    assert stats.kstest(drawn, stats.gamma(3.5, scale=1 / 20).cdf).pvalue > 0.01


def test_intervals_cover_the_rate_of_counts_that_spread_wider_than_poissons():
    """Negative binomial counts of variance three times the mean: with the dispersion 95 %, without it far less."""
    rng, inside, narrow = np.random.default_rng(5), 0, 0
    for _ in range(400):
        counts = rng.negative_binomial(1.0, 1 / 3, size=400)  # mean 2, variance 6
        phi = counts.var(ddof=1) / counts.mean()
        wide = rate_posterior(counts.sum(), 400, prior=(1.0, 0.5), dispersion=phi)
        plain = rate_posterior(counts.sum(), 400, prior=(1.0, 0.5))
        inside += 0.025 < wide.cdf(np.array([2.0]))[0] < 0.975
        narrow += 0.025 < plain.cdf(np.array([2.0]))[0] < 0.975
    assert inside / 400 == pytest.approx(0.95, abs=0.03)
    assert narrow / 400 < 0.85


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rate_posterior(-1, 2, prior=(1.0, 1.0)), "neither may be negative"),
        (lambda: rate_posterior(1, 2, prior=(1.0, 1.0), dispersion=0.5), "at least 1"),
        (lambda: rate_posterior(0, 0, prior=(0.0, 1.0)), "no distribution"),
    ],
)
def test_what_is_no_rate_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_poissons_counts_are_taken_for_others_one_time_in_a_hundred():
    rng = np.random.default_rng(4)
    for mean in (0.3, 5.0):
        taken = [spreads_as_poisson([Sample.of(row) for row in rng.poisson(mean, (2, 300))]) for _ in range(1000)]
        assert 0.975 <= np.mean(taken) <= 1.0
    for wide in (rng.negative_binomial(2, 0.4, (2, 300)), rng.binomial(10, 0.9, (2, 300))):
        assert not spreads_as_poisson([Sample.of(row) for row in wide])


def test_arms_share_one_dispersion_and_the_largest_design_effect():
    one, two = Sample.of([0.0, 6.0, 0.0, 2.0]), Sample.of([0.0, 0.0, 0.0, 0.0])
    phi = one.m2 / (3 * one.mean)
    assert pooled_dispersion([one, two]) == pytest.approx(phi)
    wide = Sample(4.0, 0.0, 0.0, clusters=4.0, deff_mean=2.0)
    first, second = rate_posteriors([one, wide])
    assert (first.shape, first.exposure) == pytest.approx((1 + 8 / (2 * phi), 4 / (2 * phi)))
    assert (second.shape, second.exposure) == pytest.approx((1, 4 / (2 * phi)))


def test_values_below_zero_are_no_rate():
    with pytest.raises(ValueError, match="1 values are negative"):
        rate_posteriors([Sample.of([-1.0, 2.0])])
