"""Intervals by betting: they hold where the normal ones do not, and are not much wider where those hold."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.betting import betting_interval


def test_it_holds_for_rare_large_values():
    """Values of 50 once in 500 draws, 300 at a time: the normal interval misses every second time."""
    rng = np.random.default_rng(8)
    held = normal = 0
    for _ in range(300):
        x = 50.0 * (rng.random(300) < 1 / 500)
        low, high = betting_interval(x, 50.0)
        held += low <= 0.1 <= high
        reach = 1.96 * x.std(ddof=1) / np.sqrt(300)
        normal += x.mean() - reach <= 0.1 <= x.mean() + reach
    assert held / 300 >= 0.95
    assert normal / 300 < 0.6


def test_it_is_not_much_wider_than_the_exact_interval_of_a_share():
    rng = np.random.default_rng(1)
    x = (rng.random(2000) < 0.2).astype(float)
    low, high = betting_interval(x, 1.0)
    exact = stats.binomtest(int(x.sum()), 2000).proportion_ci(method="exact")
    assert low <= exact.low and exact.high <= high
    assert high - low < 1.35 * (exact.high - exact.low)


def test_it_turns_over_with_the_numbers():
    x = np.random.default_rng(2).beta(2, 5, 400)
    low, high = betting_interval(x, 1.0)
    assert betting_interval(1 - x, 1.0) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_it_scales_with_the_bound():
    x = np.random.default_rng(2).beta(2, 5, 400)
    assert betting_interval(7 * x, 7.0) == pytest.approx(7 * np.array(betting_interval(x, 1.0)), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "upper", "level", "said"),
    [
        ([], 1.0, 0.95, "there must be one"),
        ([0.5, 1.5], 1.0, 0.95, "must lie in"),
        ([-0.5], 1.0, 0.95, "must lie in"),
        ([0.5], 1.0, 1.0, "level"),
    ],
)
def test_what_has_no_interval_is_refused(x, upper, level, said):
    with pytest.raises(ValueError, match=said):
        betting_interval(x, upper, level=level)
