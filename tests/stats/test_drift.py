"""Distances are scipy's; the stability index has the distribution that its p-value and interval claim."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from statsmodels.stats.multitest import multipletests

from workbench.stats.drift import (
    benjamini_hochberg,
    cases_to_pass,
    chi_squared,
    even_bins,
    frequent,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    spent_at,
    wasserstein,
)


def counted(before, now):
    """Counts of both samples over the values that occur, and these values."""
    values = np.unique(np.concatenate([before, now]))
    return [np.array([(sample == v).sum() for v in values]) for sample in (before, now)], values


def samples(seed, shift=0.3, n=400, m=250):
    rng = np.random.default_rng(seed)
    return np.round(rng.normal(0, 1, n), 2), np.round(rng.normal(shift, 1.2, m), 2)


def test_psi_is_the_sum_worked_by_hand():
    found = psi([4999.5, 4999.5], [3999.5, 5999.5])  # with half a case: .5 and .4
    assert found.value == pytest.approx(-0.1 * np.log(0.4 / 0.5) + 0.1 * np.log(0.6 / 0.5))


@pytest.mark.parametrize(("n", "m", "bins"), [(200, 200, 10), (1600, 400, 10), (1000, 300, 4)])
def test_psi_without_drift_has_its_floor_as_mean_and_errs_as_often_as_its_p_value_says(n, m, bins):
    rng = np.random.default_rng(0)
    share = np.full(bins, 1 / bins)
    found = [psi(a, b) for a, b in zip(rng.multinomial(n, share, 3000), rng.multinomial(m, share, 3000), strict=True)]
    assert np.mean([f.value for f in found]) == pytest.approx(found[0].floor, rel=0.06)
    assert np.mean([f.p_value <= 0.05 for f in found]) == pytest.approx(0.05, abs=0.015)


def test_the_interval_of_psi_covers_the_true_index():
    rng = np.random.default_rng(1)
    p, q = np.array([0.25, 0.25, 0.25, 0.25]), np.array([0.2, 0.22, 0.26, 0.32])
    true = ((p - q) * np.log(p / q)).sum()
    pairs = zip(rng.multinomial(1500, p, 1500), rng.multinomial(500, q, 1500), strict=True)
    covered = np.mean([found.low <= true <= found.high for found in (psi(a, b) for a, b in pairs)])
    assert 0.93 <= covered <= 0.985


@pytest.mark.parametrize("now", [[260, 255, 250, 245], [200, 240, 260, 300], [5, 900, 40, 3], [0, 0, 0, 80_000]])
def test_the_ends_of_psis_interval_leave_a_fortieth_on_either_side(now):
    found = psi([250] * 4, now)
    scale = 1 / 1000 + 1 / sum(now)
    statistic = found.value / scale
    assert stats.ncx2.cdf(max(statistic, 3), 3, found.high / scale) == pytest.approx(0.025, rel=1e-6)
    if found.low:
        assert stats.ncx2.cdf(statistic, 3, found.low / scale) == pytest.approx(0.975, rel=1e-6)
    else:
        assert stats.chi2.cdf(statistic, 3) <= 0.975


def test_a_value_never_seen_counts_although_its_bin_was_empty():
    found = psi([1000, 0], [500, 500])
    assert found.value > 1
    assert found.p_value < 1e-12


def test_a_constant_column_does_not_drift():
    found = psi([100, 0], [40, 0])
    assert (found.value, found.p_value, found.low) == (0.0, 1.0, 0.0)
    assert found.high > 0.1 > psi([4000], [1000]).high > 0.0  # forty that are alike show little, a thousand much


def test_the_cases_asked_for_would_show_that_there_is_no_drift():
    found = psi([250, 250, 250, 250], [12, 11, 13, 14])  # so close by luck; it shows little
    more = cases_to_pass(found, 1000, 50, limit=0.1)
    assert more > 0
    grown = np.array([12, 11, 13, 14]) * (50 + more) / 50
    assert psi([250, 250, 250, 250], grown).high < 0.1
    assert cases_to_pass(psi([2500] * 4, [250] * 4), 10_000, 1000, limit=0.1) == 0
    assert cases_to_pass(psi([250] * 4, [100, 10, 10, 10]), 1000, 130, limit=0.1) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_kolmogorov_distance_is_scipys(seed):
    before, now = samples(seed, shift=0.1)
    (a, b), _ = counted(before, now)
    theirs = stats.ks_2samp(before, now, method="asymp")
    distance, p_value = kolmogorov_smirnov(a, b)
    assert distance == pytest.approx(theirs.statistic, abs=1e-12)
    assert p_value == pytest.approx(theirs.pvalue, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_the_wasserstein_distance_is_scipys(seed):
    before, now = samples(seed)
    (a, b), values = counted(before, now)
    assert wasserstein(a, b, values) == pytest.approx(stats.wasserstein_distance(before, now), abs=1e-12)


def test_the_jensen_shannon_distance_is_scipys():
    a, b = np.array([10, 0, 30, 5]), np.array([3, 4, 8, 0])
    assert jensen_shannon(a, b) == pytest.approx(jensenshannon(a, b, base=2), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_chi_squared_test_is_scipys(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.multinomial(400, [0.1, 0.2, 0.3, 0.4]), rng.multinomial(150, [0.15, 0.2, 0.3, 0.35])
    found, theirs = chi_squared(np.append(a, 0), np.append(b, 0)), stats.chi2_contingency([a, b], correction=False)
    assert (found.statistic, found.p_value, found.df) == pytest.approx((theirs.statistic, theirs.pvalue, theirs.dof))
    assert found.cramers_v == pytest.approx(stats.contingency.association(np.array([a, b]), method="cramer"))


def test_adjusted_p_values_are_scipys_and_statsmodels():
    p_values = np.random.default_rng(0).random(30) ** 3
    found = benjamini_hochberg(p_values)
    assert found == pytest.approx(stats.false_discovery_control(p_values), abs=1e-15)
    assert found == pytest.approx(multipletests(p_values, method="fdr_bh")[1], abs=1e-15)


def test_what_a_stream_of_looks_spends_is_never_more_than_the_error_rate():
    spent = [spent_at(look, 0.05) for look in range(1, 10_000)]
    assert sum(spent) == pytest.approx(0.05 * (1 - 1 / np.log2(10_001)))
    assert all(a > b for a, b in itertools.pairwise(spent))
    with pytest.raises(ValueError, match="the first is 1"):
        spent_at(0, 0.05)


@pytest.mark.parametrize(("n", "m"), [(10_000, 1000), (2000, 2000), (1000, 300)])
def test_a_long_tail_of_rare_categories_leaves_the_p_value_honest(n, m):
    """Without pooling, 500 categories of Zipf's law would never be found to have drifted."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 501)
    share /= share.sum()
    alarms = 0
    for a, b in zip(rng.multinomial(n, share, 400), rng.multinomial(m, share, 400), strict=True):
        place = frequent(a, b)
        alarms += psi(np.bincount(place, a), np.bincount(place, b)).p_value <= 0.05
    assert alarms / 400 == pytest.approx(0.05, abs=0.025)


def test_a_heavy_new_category_is_not_pooled_with_the_rare_ones():
    a, b = np.r_[np.ones(1000), 0], np.r_[np.zeros(1000), 500]
    place = frequent(a, b)
    assert (place.max(), place[-1]) == (1, 1)
    assert psi(np.bincount(place, a), np.bincount(place, b)).value > 5


def test_bins_are_filled_evenly_with_a_small_one_at_either_end():
    counts = np.r_[0, 0, np.ones(1000, dtype=int), 0]
    filled = np.bincount(even_bins(counts), counts)
    assert filled.tolist() == [20, 80, *[100] * 8, 80, 20]


def test_beyond_a_heavy_value_there_is_a_bin_for_what_was_never_seen():
    assert even_bins([0, 0, 500, 500, 0]).tolist() == [0, 0, 1, 2, 3]
    assert even_bins([0, 9, 0]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("n", "m"), [(500, 500), (2000, 300), (300, 2000), (5000, 5000)])
def test_bins_chosen_from_the_reference_keep_the_p_value_honest(n, m):
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        before, now = np.sort(rng.normal(size=n)), rng.normal(size=m)
        place = even_bins(np.bincount(np.arange(1, 2 * n + 1, 2), minlength=2 * n + 1))  # a fine bin a value and a gap
        where = place[2 * np.searchsorted(before, now)]
        alarms += psi(np.bincount(place[1::2], minlength=13), np.bincount(where, minlength=13)).p_value <= 0.05
    assert alarms / 400 == pytest.approx(0.05, abs=0.03)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="need the same"):
        psi([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least one case"):
        kolmogorov_smirnov([1, 2], [0, 0])
