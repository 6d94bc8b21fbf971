"""The logistic curve is used where it fits and refused in words where it does not."""

import numpy as np
import pytest
from scipy import special

from workbench.stats.demand_check import check_logistic, logistic_demand

PRICES = tuple(np.linspace(9, 59, 10).tolist())
LOGISTIC = special.expit(1.5 - 0.07 * np.array(PRICES)) * np.ones((4, 1))
KINKED = 0.5 * (0.7 * special.expit((15 - np.array(PRICES)) / 2) + 0.3 * special.expit((48 - np.array(PRICES)) / 2))


def drawn(share, seen, seed):
    n = np.full((4, 10), seen)
    return np.random.default_rng(seed).binomial(n, share), n


def test_a_logistic_world_passes_nine_times_in_ten():
    checks = [check_logistic(*drawn(LOGISTIC, 300, s), PRICES, np.random.default_rng(s), draws=200) for s in range(40)]
    assert np.mean([c.fits for c in checks]) > 0.85


def test_two_populations_are_always_found_out():
    for seed in range(10):
        check = check_logistic(*drawn(KINKED * np.ones((4, 1)), 300, seed), PRICES, np.random.default_rng(seed))
        assert not check.fits and check.log_factor > 3


def test_the_refusal_says_why_and_what_to_use():
    with pytest.raises(ValueError, match=r"does not fit.*times as likely under the smooth.*use demand_posterior"):
        logistic_demand(*drawn(KINKED * np.ones((4, 1)), 500, 1), PRICES, np.random.default_rng(1))


def test_where_it_fits_it_is_narrower_than_the_smooth_curve():
    from workbench.stats.demand import demand_posterior

    y, n = drawn(LOGISTIC, 300, 2)
    assert logistic_demand(y, n, PRICES, np.random.default_rng(2)).sd.mean() < demand_posterior(y, n, PRICES).sd.mean()


def test_it_needs_whole_visitors():
    with pytest.raises(ValueError, match="fractions"):
        check_logistic(np.array([[0.5]]), np.array([[1.5]]), (9.0,), np.random.default_rng(0))
    with pytest.raises(ValueError, match="no visitor"):
        check_logistic(np.zeros((1, 1)), np.zeros((1, 1)), (9.0,), np.random.default_rng(0))
