"""Quantile intervals are scipy's, cover whatever the distribution is, and refuse what cannot be told."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.quantiles import OrderStatistics, quantile_posterior, ranks


def look(values: np.ndarray, quantile: float, level: float = 0.95) -> OrderStatistics:
    found, x = ranks(len(values), quantile, level=level), np.sort(values)
    return OrderStatistics(found, x[found.low - 1], x[found.middle - 1], x[found.high - 1])


@pytest.mark.parametrize(
    ("n", "quantile", "level"), [(60, 0.5, 0.95), (500, 0.9, 0.95), (2000, 0.25, 0.8), (37, 0.6, 0.9)]
)
def test_the_interval_is_scipys(n, quantile, level):
    values = np.random.default_rng(n).exponential(size=n)
    found = look(values, quantile, level)
    expected = stats.quantile_test(values, q=0.0, p=quantile).confidence_interval(level)
    assert (found.low, found.high) == (expected.low, expected.high)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.95])
def test_ranks_are_the_tightest_that_hold(quantile):
    for n in (100, 333, 5000):
        r, binomial = ranks(n, quantile), stats.binom(n, quantile)
        assert binomial.cdf(r.low - 1) <= 0.025 < binomial.cdf(r.low)
        assert binomial.cdf(r.high - 2) < 0.975 <= binomial.cdf(r.high - 1)


def test_the_middle_is_the_sample_quantile():
    values = np.random.default_rng(1).normal(size=999)
    assert look(values, 0.9).value == np.quantile(values, 0.9, method="inverted_cdf")


@pytest.mark.parametrize("draw", ["exponential", "standard_cauchy"])
def test_intervals_and_differences_cover_whatever_the_distribution(draw):
    rng = np.random.default_rng(2)
    law = {"exponential": stats.expon, "standard_cauchy": stats.cauchy}[draw]
    own, both = [], []
    for _ in range(1500):
        a, b = (look(getattr(rng, draw)(size=400), 0.75) for _ in range(2))
        own.append(a.low <= law.ppf(0.75) <= a.high)
        both.append(abs(a.value - b.value) < 1.96 * np.hypot(a.error, b.error))
    assert np.mean(own) == pytest.approx(0.96, abs=0.02)
    assert np.mean(both) == pytest.approx(0.955, abs=0.02)


def test_the_error_is_the_asymptotic_one():
    values = stats.expon.ppf((np.arange(100_000) + 0.5) / 100_000)
    expected = np.sqrt(0.9 * 0.1 / 100_000) / stats.expon.pdf(stats.expon.ppf(0.9))
    assert quantile_posterior(look(values, 0.9)).scale == pytest.approx(expected, rel=0.01)


def test_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match="too few to enclose"):
        ranks(30, 0.99)
    with pytest.raises(ValueError, match="must lie in"):
        ranks(30, 1.0)
    with pytest.raises(ValueError, match="too many values are equal"):
        quantile_posterior(look(np.zeros(100), 0.5))
