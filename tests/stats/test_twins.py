"""The frequentist twin is statsmodels' and scipy's, and GrowthBook's where it publishes vectors."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from workbench.stats.moments import Sample
from workbench.stats.twins import (
    benjamini_hochberg,
    holm,
    relative_change,
    relative_welch,
    shares,
    welch,
    z_test,
)


def sums(total: float, squares: float, n: float) -> Sample:
    return Sample(n, total / n, squares - total**2 / n)


A, B = sums(1396.87, 52377.9767, 3407), sums(2422.7, 134698.29, 3461)


def yes(count: int, n: int) -> Sample:
    return Sample.of(np.repeat([1.0, 0.0], [count, n - count]))


def test_welch_is_statsmodels_own():
    rng = np.random.default_rng(1)
    x, y = rng.normal(1, 2, 40), rng.normal(0.5, 1, 90)
    found, oracle = welch(Sample.of(x), Sample.of(y), level=0.9), CompareMeans(DescrStatsW(x), DescrStatsW(y))
    _, p, df = oracle.ttest_ind(usevar="unequal")
    assert (found.p, found.df) == pytest.approx((p, df), rel=1e-10)
    assert (found.low, found.high) == pytest.approx(oracle.tconfint_diff(alpha=0.1, usevar="unequal"), rel=1e-10)


def test_growthbooks_published_vectors():
    absolute = welch(B, A)
    assert [round(x, 5) for x in (absolute.effect, absolute.low, absolute.high, absolute.p)] == [
        0.29, 0.04538, 0.53462, 0.02016,
    ]  # fmt: skip
    relative = relative_welch(B, A)
    assert [round(x, 5) for x in (relative.effect, relative.low, relative.high, relative.p)] == [
        0.70732, -0.03526, 1.44989, 0.06191,
    ]  # fmt: skip


def test_growthbooks_published_shares():
    """14 of 28 against 16 of 30; it divides by n where a sample variance divides by n - 1."""
    a, b = (Sample(n, k / n, k * (1 - k / n) * (n - 1) / n) for k, n in ((14, 28), (16, 30)))
    found = relative_welch(b, a)
    assert [round(x, 5) for x in (found.effect, found.low, found.high, found.p)] == [
        0.06667, -0.47767, 0.61101, 0.80707,
    ]  # fmt: skip


def test_shares_are_statsmodels_own():
    found = shares(yes(45, 300), yes(30, 310))
    assert found.p == pytest.approx(proportions_ztest([45, 30], [300, 310])[1], rel=1e-12)
    p, q = 45 / 300, 30 / 310
    error = np.sqrt(p * (1 - p) / 300 + q * (1 - q) / 310)
    assert (found.low, found.high) == pytest.approx((p - q - 1.959964 * error, p - q + 1.959964 * error), abs=1e-7)


def test_all_against_none_is_tested_too():
    found = shares(yes(5, 5), yes(0, 6))
    assert found.p == pytest.approx(proportions_ztest([5, 0], [5, 6])[1], rel=1e-12)
    assert (found.low, found.high, found.error) == (1.0, 1.0, 0.0)


def test_a_design_effect_widens_both():
    simple, wide = (Sample(100, 0.5, 25.0, 50, deff_share=d, deff_mean=d, clusters=25) for d in (1.0, 4.0))
    assert shares(wide, wide).error == pytest.approx(2 * shares(simple, simple).error)
    assert welch(wide, wide).error == pytest.approx(2 * welch(simple, simple).error)
    assert welch(wide, wide).df == pytest.approx(48)


def test_shares_of_clusters_are_a_t_test_on_their_number():
    """Three clusters an arm: taken for normal, it finds one null in seven."""
    arm, control = (Sample(90, k / 90, k * (1 - k / 90), k, deff_share=3.0, clusters=3) for k in (50, 30))
    found = shares(arm, control)
    pooled = 80 / 180
    z = (20 / 90) / np.sqrt(pooled * (1 - pooled) * 2 * 3 / 90)
    assert found.df == pytest.approx(4, abs=0.02) and found.method == "t of two shares"
    assert found.p == pytest.approx(2 * stats.t.sf(z, found.df), rel=1e-12)
    assert found.high - found.effect == pytest.approx(stats.t.ppf(0.975, found.df) * found.error, rel=1e-12)


def test_a_relative_change_is_right_by_simulation():
    rng = np.random.default_rng(2)
    change, error = relative_change(12.0, 0.3, 10.0, 0.2)
    drawn = rng.normal(12, 0.3, 400_000) / rng.normal(10, 0.2, 400_000) - 1
    assert (change, error) == pytest.approx((drawn.mean(), drawn.std()), rel=0.01)


def test_z_is_the_normal_test():
    found = z_test(0.5, 0.25, method="z")
    assert found.p == pytest.approx(2 * stats.norm.sf(2), rel=1e-12)
    assert found.low == pytest.approx(0.5 - 0.25 * stats.norm.ppf(0.975), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_corrections_are_statsmodels_own(seed):
    ps = np.random.default_rng(seed).random(1 + 3 * seed) ** 3
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1])
    assert benjamini_hochberg(ps) == pytest.approx(multipletests(ps, method="fdr_bh")[1])


def test_no_tests_need_no_correction():
    assert holm([]) == [] and benjamini_hochberg([]) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: welch(Sample.of([1.0]), Sample.of([1.0, 2.0])), "needs 2 in each"),
        (lambda: welch(Sample.of([1.0, 1.0]), Sample.of([2.0, 2.0])), "neither arm has any spread"),
        (lambda: shares(yes(0, 5), yes(0, 5)), "no spread to test"),
        (lambda: shares(Sample(0, 0, 0), yes(1, 5)), "at least one"),
        (lambda: relative_change(1, 1, 0, 1), "mean is 0"),
        (lambda: z_test(1, 0, method="z"), "must be above zero"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
