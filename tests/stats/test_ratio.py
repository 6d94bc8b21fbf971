"""Ratios: the delta method against the linearised units, Fieller against the test it inverts, both against truth."""

import numpy as np
import pytest
from scipy import optimize, stats

from workbench.stats.joint import Joint
from workbench.stats.ratio import fieller, linear_weights, ratio_of


def orders(rng: np.random.Generator, n: int) -> np.ndarray:
    count = rng.poisson(2, n)
    return np.column_stack([count * rng.gamma(2, 5, n), count]).astype(float)


def test_it_is_the_mean_of_the_linearised_units():
    rows = orders(np.random.default_rng(1), 500)
    found = ratio_of(Joint.of(rows))
    ratio = rows[:, 0].sum() / rows[:, 1].sum()
    linear = (rows[:, 0] - ratio * rows[:, 1]) / rows[:, 1].mean()
    assert found.mean == pytest.approx(ratio, rel=1e-14)
    assert found.error == pytest.approx(linear.std(ddof=1) / np.sqrt(500), rel=1e-12)


def test_its_error_is_the_published_formula():
    """Var(N/D) from variances and covariance of the means, written out as in Deng, Knoblich and Lu."""
    rows = orders(np.random.default_rng(2), 300)
    (n, d), c = rows.mean(axis=0), np.cov(rows.T) / 300
    variance = c[0, 0] / d**2 + n**2 * c[1, 1] / d**4 - 2 * n * c[0, 1] / d**3
    assert ratio_of(Joint.of(rows)).error == pytest.approx(np.sqrt(variance), rel=1e-12)


def test_intervals_of_both_kinds_cover_the_true_ratio():
    rng = np.random.default_rng(3)
    delta, exact = [], []
    for _ in range(1500):
        arm = Joint.of(orders(rng, 200))
        ratio, band = ratio_of(arm), fieller(arm)
        delta.append(abs(ratio.mean - 10) < 1.96 * ratio.error)
        exact.append(band.low < 10 < band.high)
    assert np.mean(delta) == pytest.approx(0.945, abs=0.02)
    assert np.mean(exact) == pytest.approx(0.95, abs=0.02)


def test_fieller_is_the_inverted_test():
    rows = orders(np.random.default_rng(4), 40)
    band, t = fieller(Joint.of(rows), level=0.9), stats.t.ppf(0.95, 39)

    def beyond(ratio):
        return abs(stats.ttest_1samp(rows[:, 0] - ratio * rows[:, 1], 0).statistic) - t

    ratio = rows[:, 0].sum() / rows[:, 1].sum()
    assert band.low == pytest.approx(optimize.brentq(beyond, 0.1, ratio), rel=1e-9)
    assert band.high == pytest.approx(optimize.brentq(beyond, ratio, 100), rel=1e-9)


def test_fieller_says_anything_where_the_denominator_may_be_zero():
    rows = np.column_stack([np.random.default_rng(5).normal(1, 1, 50), np.tile([1.1, -0.9], 25)])
    band = fieller(Joint.of(rows))
    assert (band.low, band.high) == (-np.inf, np.inf) and band.noisy


def test_with_a_sure_denominator_both_agree():
    rows = orders(np.random.default_rng(6), 100_000)
    arm = Joint.of(rows)
    ratio, band = ratio_of(arm), fieller(arm)
    assert not band.noisy
    ends = (ratio.mean - 1.96 * ratio.error, ratio.mean + 1.96 * ratio.error)
    assert (band.low, band.high) == pytest.approx(ends, rel=1e-4)


def test_a_denominator_of_zero_is_refused():
    with pytest.raises(ValueError, match="mean is 0"):
        linear_weights(Joint.of([[1.0, 1.0], [1.0, -1.0]]))
