"""Stops of a Brownian path: published rates, the multivariate normal, and what is refused."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.crossing import Boundaries, Ranking, crossing


def peeking(looks, z=1.959963984540054):
    return Boundaries(tuple(range(1, looks + 1)), (z,) * looks, (-z,) * looks)


@pytest.mark.parametrize(
    ("looks", "rate"),
    [(1, 0.050), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320)],
)
def test_peeking_at_five_per_cent_errs_as_often_as_is_published(looks, rate):
    """Armitage, McPherson & Rowe (1969), table 2."""
    assert crossing(peeking(looks)).total == pytest.approx(rate, abs=6e-4)


@pytest.mark.parametrize("drift", [-1.0, 0.0, 2.5])
def test_unequal_steps_agree_with_the_multivariate_normal(drift):
    information, upper, lower = (1.0, 1.7, 4.0), (2.3, 2.0, 1.9), (-1.0, -0.5, 0.2)
    t = np.array(information) / information[-1]
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    inside = stats.multivariate_normal(drift * np.sqrt(t), covariance, abseps=1e-7, releps=1e-7, maxpts=10**6, seed=1)
    found = crossing(Boundaries(information, upper, lower), drift)
    assert 1 - found.total == pytest.approx(inside.cdf(upper, lower_limit=lower), abs=1e-6)


def test_all_that_can_happen_adds_up_to_one():
    bounds = Boundaries((1, 2, 5), (3.0, 2.5, 0.7), (-3.0, -1.0, 0.7))
    assert crossing(bounds, 1.3).total == pytest.approx(1.0, abs=1e-10)


def test_under_the_true_drift_the_stagewise_rank_of_a_result_is_uniform():
    bounds, drift = Boundaries((1, 2, 3), (2.4, 2.2, 2.0), (-2.4, -0.5, -2.0)), 1.5
    rng = np.random.default_rng(7)
    t = np.array([1, 2, 3]) / 3
    walks = np.cumsum(rng.normal(drift / 3, np.sqrt(1 / 3), (20_000, 3)), axis=1) / np.sqrt(t)
    out = (walks >= bounds.upper) | (walks <= bounds.lower)
    stop = np.where(out.any(axis=1), out.argmax(axis=1), 2)
    ranks = np.empty(len(walks))
    for look in range(3):
        here = stop == look
        z = walks[here, look]
        ranks[here] = Ranking(bounds.until(look + 1)).chance(z, drift * np.sqrt(t[look]))
    assert stats.kstest(ranks, "uniform").pvalue > 0.01


@pytest.mark.parametrize("drift", [-4.0, 0.0, 1.0, 6.0])
@pytest.mark.parametrize("lower", [-np.inf, -2.0])
def test_weighting_the_paths_without_drift_is_following_those_with_it(drift, lower):
    bounds = Boundaries((1, 2, 3, 7), (np.inf, 3.5, 2.4, 2.2), (lower,) * 4)
    above = crossing(bounds, drift).above
    assert float(Ranking(bounds).chance(np.array(2.2), drift)) == pytest.approx(sum(above), rel=1e-8, abs=1e-12)


def test_a_hundred_looks_are_a_moment_and_still_exact():
    fine = crossing(peeking(100, 2.5), 1.0).total
    rng = np.random.default_rng(1)
    t = np.arange(1, 101) / 100
    walks = np.cumsum(rng.normal(0.01, 0.1, (40_000, 100)), axis=1) / np.sqrt(t)
    assert fine == pytest.approx((np.abs(walks) > 2.5).any(axis=1).mean(), abs=0.008)


@pytest.mark.parametrize("information", [(), (0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, np.inf)])
def test_information_that_does_not_increase_is_refused(information):
    with pytest.raises(ValueError, match="increase from look to look"):
        Boundaries(information, (2.0,) * len(information), (-2.0,) * len(information))


def test_a_look_without_a_boundary_is_refused():
    with pytest.raises(ValueError, match="2 looks, but 1 boundary values"):
        Boundaries((1, 2), (2.0,), (-2.0, -2.0))
