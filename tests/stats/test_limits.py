"""The chance of being within a limit is the Beta distribution's, and the cases asked for do settle it."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from workbench.stats.limits import cases_to_settle, chance_within


@pytest.mark.parametrize(("broken", "cases", "limit"), [(0, 10, 0.1), (5, 100, 0.05), (40, 1000, 0.05), (7, 7, 0.9)])
def test_the_chance_is_that_of_jeffreys_posterior(broken, cases, limit):
    exact = stats.beta(broken + 0.5, cases - broken + 0.5).cdf(limit)
    assert chance_within(broken, cases, limit) == pytest.approx(exact, rel=1e-12)


def test_the_ends_of_statsmodels_interval_have_its_chances():
    low, high = proportion_confint(12, 200, alpha=0.05, method="jeffreys")
    assert chance_within(12, 200, low) == pytest.approx(0.025, rel=1e-6)
    assert chance_within(12, 200, high) == pytest.approx(0.975, rel=1e-6)


def test_a_share_at_its_limit_is_called_broken_as_seldom_as_the_certainty_says():
    rng = np.random.default_rng(0)
    chances = np.array([chance_within(int(k), 400, 0.05) for k in rng.binomial(400, 0.05, 2000)])
    assert (chances <= 0.05).mean() <= 0.07
    assert (chances >= 0.95).mean() <= 0.07


@pytest.mark.parametrize(("broken", "cases"), [(0, 20), (1, 50), (4, 60), (8, 100)])
def test_so_many_more_cases_settle_it_and_hardly_fewer_would(broken, cases):
    more = cases_to_settle(broken, cases, 0.05, certainty=0.95)
    share = broken / cases
    for total, settled in ((cases + more, True), (int(cases + 0.95 * more), False)):
        chance = stats.beta(share * total + 0.5, (1 - share) * total + 0.5).cdf(0.05)
        assert (not 0.05 < chance < 0.95) is settled


def test_what_is_settled_needs_no_more_and_what_lies_at_the_limit_is_never_settled():
    assert cases_to_settle(0, 1000, 0.05, certainty=0.95) == 0
    assert cases_to_settle(5, 100, 0.05, certainty=0.95) is None


def test_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="between 0 and the number"):
        chance_within(5, 4, 0.1)
    with pytest.raises(ValueError, match="must lie in"):
        chance_within(1, 4, 1.0)
