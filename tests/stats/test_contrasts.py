"""Contrasts against scipy's exact test, statsmodels' intervals, and what they promise under the null."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from workbench.stats.contrasts import contrast

PAIRS = [(45, 100, 30, 100), (56, 70, 48, 80), (9, 10, 3, 10), (0, 10, 4, 20), (2, 5000, 9, 4000)]


@pytest.mark.parametrize("pair", PAIRS)
def test_intervals_are_newcombes(pair):
    found = contrast(*([value] for value in pair))
    wanted = confint_proportions_2indep(*pair, method="newcomb", compare="diff")
    assert (found.low[0], found.high[0]) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("pair", [p for p in PAIRS if min(p[0], p[2]) < 4])
def test_small_tables_have_fishers_p_value(pair):
    a, n, b, m = pair
    found = contrast([a], [n], [b], [m]).p_value[0]
    assert found == pytest.approx(stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue, rel=1e-9)


@pytest.mark.parametrize("pair", PAIRS[:2])
def test_large_tables_have_pearsons_p_value_but_for_its_correction(pair):
    a, n, b, m = pair
    chi = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False).statistic
    wanted = stats.chi2.sf(chi * (n + m - 1) / (n + m), 1)
    assert contrast([a], [n], [b], [m]).p_value[0] == pytest.approx(wanted, rel=1e-9)


def test_a_side_without_cases_is_undefined_and_one_outcome_says_nothing():
    found = contrast([0, 5], [0, 5], [3, 7], [9, 7])
    assert np.isnan(found.p_value[0])
    assert found.p_value[1] == 1.0


def test_equal_shares_are_found_different_no_oftener_than_said():
    rng = np.random.default_rng(0)
    for sizes, share in (((40, 400), 0.1), ((200, 200), 0.3), ((15, 3000), 0.5)):
        n, m = (np.full(4000, size) for size in sizes)
        p = contrast(rng.binomial(n, share), n, rng.binomial(m, share), m).p_value
        assert (p <= 0.05).mean() <= 0.062, sizes
        assert (p <= 0.001).mean() <= 0.004, sizes


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="between 0 and the cases"):
        contrast([3], [2], [1], [2])
    with pytest.raises(ValueError, match="the same"):
        contrast([3], [4, 4], [1], [2])
