"""Groups' rates: posteriors against integrals worked out elsewhere, the test against scipy and enumeration."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import integrate, special, stats

from workbench.stats.groups import homogeneity, pooled_means, rate_draws, rate_interval


def test_groups_apart_have_jeffreys_posteriors():
    draws = rate_draws([12, 0], [40, 25], np.random.default_rng(0), draws=200_000)
    for column, (yes, seen) in enumerate([(12, 40), (0, 25)]):
        exact = stats.beta(yes + 0.5, seen - yes + 0.5)
        assert draws[:, column].mean() == pytest.approx(exact.mean(), abs=0.001)
        assert np.quantile(draws[:, column], 0.975) == pytest.approx(exact.ppf(0.975), abs=0.003)


def test_pooled_means_are_those_of_a_brute_integral_over_centre_and_spread():
    yes, seen = np.array([3, 8, 6]), np.array([20, 25, 10])
    size = 3 / (1 / seen).sum()

    def likelihood(m, b, group=None):
        k = size * b / (1 - b)
        terms = special.betaln(yes + m * k, seen - yes + (1 - m) * k) - special.betaln(m * k, (1 - m) * k)
        mean = 1.0 if group is None else (yes[group] + m * k) / (seen[group] + k)
        return mean * np.exp(terms.sum() + 35) / np.sqrt(m * (1 - m))

    options = {"epsabs": 1e-10, "epsrel": 1e-7}
    total = integrate.dblquad(likelihood, 1e-9, 1 - 1e-9, 1e-9, 1 - 1e-9, **options)[0]
    brute = [
        integrate.dblquad(likelihood, 1e-9, 1 - 1e-9, 1e-9, 1 - 1e-9, args=(g,), **options)[0] / total for g in range(3)
    ]
    assert pooled_means(yes, seen) == pytest.approx(brute, abs=2e-3)


def test_pooled_draws_have_the_pooled_means():
    yes, seen = [40, 55, 30, 12], [100, 120, 90, 20]
    draws = rate_draws(yes, seen, np.random.default_rng(3), draws=200_000, pooled=True)
    assert draws.mean(axis=0) == pytest.approx(pooled_means(yes, seen), abs=0.001)


def test_pooling_draws_equal_groups_together_and_leaves_different_large_ones_alone():
    equal = pooled_means([28, 31, 34, 27], [100] * 4)
    assert np.ptp(equal) < 0.035  # measured: 0.07
    different = pooled_means([1000, 5000, 9000], [10_000] * 3)
    assert different == pytest.approx([0.1, 0.5, 0.9], abs=0.001)


def test_a_group_without_cases_has_a_posterior_all_the_same():
    draws = rate_draws([5, 0, 7], [10, 0, 10], np.random.default_rng(0), draws=1000, pooled=True)
    assert np.isfinite(draws).all()
    assert (rate_draws([0, 0], [0, 0], np.random.default_rng(0), draws=10) >= 0).all()


def test_an_interval_is_the_quantiles_of_the_beta_distribution():
    low, high = rate_interval(5, 20)
    assert (low, high) == pytest.approx(stats.beta(5.5, 15.5).interval(0.95))


def test_an_interval_reaches_the_ends_where_all_or_nobody_has_the_outcome():
    assert rate_interval(0, 10)[0] == 0.0
    assert rate_interval(10, 10)[1] == 1.0


@pytest.mark.parametrize(("yes", "seen"), [([45, 30], [100, 100]), ([5, 20, 60], [50, 130, 300])])
def test_large_tables_are_tested_as_scipy_does(yes, seen):
    table = np.array([yes, np.subtract(seen, yes)])
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert homogeneity(yes, seen, np.random.default_rng(0)) == pytest.approx(expected, rel=1e-9)


def test_small_tables_are_tested_against_all_tables_with_their_margins():
    yes, seen = np.array([3, 0, 1]), np.array([4, 5, 3])
    share = yes.sum() / seen.sum()
    statistic = lambda hits: (((hits - seen * share) ** 2) / (seen * share * (1 - share))).sum()  # noqa: E731
    tables = [np.array(t) for t in product(*(range(n + 1) for n in seen)) if sum(t) == yes.sum()]
    chances = [np.prod([comb(n, x) for n, x in zip(seen, t, strict=True)]) for t in tables]
    further = sum(c for t, c in zip(tables, chances, strict=True) if statistic(t) >= statistic(yes) - 1e-9)
    assert homogeneity(yes, seen, np.random.default_rng(0)) == pytest.approx(further / sum(chances), abs=0.02)


@pytest.mark.parametrize(
    ("yes", "seen", "expected"),
    [
        ([3, 0], [10**9, 10**9], 0.25),  # a rare outcome: three tosses of a coin
        ([10**9, 10**9 - 3], [10**9, 10**9], 0.25),
        ([2, 10**8], [3, 10**9], stats.binom(3, 0.1).sf(1)),  # a small group
        ([0, 9 * 10**8], [3, 10**9], stats.binom(3, 0.9).cdf(0)),
    ],
)
def test_a_billion_cases_are_tested_too(yes, seen, expected):
    assert homogeneity(yes, seen, np.random.default_rng(0)) == pytest.approx(expected, abs=0.02)
    assert homogeneity(yes[::-1], seen[::-1], np.random.default_rng(0)) == pytest.approx(expected, abs=0.02)


def test_nothing_speaks_against_equality_where_there_is_one_group_or_one_outcome():
    rng = np.random.default_rng(0)
    assert homogeneity([3], [9], rng) == 1.0
    assert homogeneity([0, 0], [9, 4], rng) == 1.0
    assert homogeneity([9, 4], [9, 4], rng) == 1.0
    assert homogeneity([3, 0], [9, 0], rng) == 1.0


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="between 0 and seen"):
        rate_draws([5], [4], np.random.default_rng(0))
    with pytest.raises(ValueError, match="one number a group"):
        homogeneity([5, 1], [9], np.random.default_rng(0))
    with pytest.raises(ValueError, match="between 0 and seen"):
        rate_interval(5, 4)
