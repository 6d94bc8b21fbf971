"""A density on panels has the probabilities, quantiles and moments of the distribution it was taken from."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.panelled import Panelled

GAMMA = stats.gamma(3.0, scale=2.0)
EDGES = np.concatenate([[0.0], GAMMA.ppf([1e-9, 1e-4, 0.05, 0.3, 0.6, 0.9]), GAMMA.isf(np.logspace(-2, -14, 9))])


def gamma() -> Panelled:
    return Panelled.of(EDGES, GAMMA.logpdf)


def test_probabilities_are_exact_in_both_tails():
    x = np.array([0.01, 0.5, 3.0, 12.0, 40.0])
    assert gamma().cdf(x) == pytest.approx(GAMMA.cdf(x), rel=1e-7)
    assert gamma().sf(x) == pytest.approx(GAMMA.sf(x), rel=1e-6)
    assert gamma().density(x) == pytest.approx(GAMMA.pdf(x), rel=1e-6)
    assert gamma().density(np.array([-1.0, 1e9])).tolist() == [0.0, 0.0]
    assert gamma().chance_within(30.0, 40.0) == pytest.approx(GAMMA.sf(30) - GAMMA.sf(40), rel=1e-6)


def test_quantiles_and_moments_are_the_distributions():
    p = np.array([1e-6, 0.025, 0.5, 0.975])
    assert gamma().ppf(p) == pytest.approx(GAMMA.ppf(p), rel=1e-8)
    assert gamma().isf(p) == pytest.approx(GAMMA.isf(p), rel=1e-8)
    assert gamma().interval(0.9) == pytest.approx(GAMMA.interval(0.9), rel=1e-9)
    assert (gamma().mean, gamma().sd) == pytest.approx((6.0, 12**0.5), rel=1e-9)


def test_draws_follow_it():
    drawn = gamma().draw(np.random.default_rng(1), 4000)
    assert stats.kstest(drawn, GAMMA.cdf).pvalue > 0.01


def test_nothing_is_no_distribution():
    with pytest.raises(ValueError, match="zero everywhere"):
        Panelled.of(EDGES, lambda x: np.full(x.shape, -np.inf))
