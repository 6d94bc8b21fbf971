"""Power and sample size: against statsmodels, published numbers and simulated people."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from workbench.stats.group_sequential import wang_tsiatis
from workbench.stats.power import (
    Baseline,
    Split,
    difference_error,
    inflation_of,
    power,
    sample_size,
    smallest_effect,
)

TWO = Split.equal(2)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 3.0])
@pytest.mark.parametrize(("two_sided", "alternative"), [(True, "two-sided"), (False, "larger")])
@pytest.mark.parametrize("goal", [0.3, 0.8, 0.95])
def test_means_agree_with_statsmodels(ratio, two_sided, alternative, goal):
    base, split = Baseline(7.0, 4.0), Split.of([1.0, ratio])
    n = sample_size(base, 0.3, split, power=goal, two_sided=two_sided)
    peer = NormalIndPower()
    theirs = peer.solve_power(0.15, alpha=0.05, power=goal, ratio=ratio, alternative=alternative)
    assert n * split.control == pytest.approx(theirs, rel=1e-6)
    mine = power(base, 0.1, 5000, split, two_sided=two_sided)
    assert mine == pytest.approx(peer.power(0.05, 5000 * split.control, 0.05, ratio, alternative), abs=1e-9)


@pytest.mark.parametrize(("share", "rise"), [(0.1, 0.01), (0.5, -0.02), (0.02, 0.01)])
def test_shares_agree_with_statsmodels(share, rise):
    """Its variance under no difference is pooled; the two part ways by less than a hundredth here."""
    theirs = power_proportions_2indep(rise, share, 6000, ratio=1, alpha=0.05, return_results=False)
    assert power(Baseline.binary(share), rise, 12_000, TWO) == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize(
    ("base", "effect", "each"),
    [
        (Baseline.binary(0.05), 0.0025, 121_600),  # Kohavi et al. (2009), 16 σ² ÷ Δ², section 3.2
        (Baseline(0.0, 1.0), 0.5, 63),  # Cohen (1988), table 2.4.1 has 64 for a t-test
        (Baseline(0.0, 1.0), 0.2, 393),  # ... 393
        (Baseline(0.0, 1.0), 0.8, 25),  # ... 26 for a t-test
    ],
)
def test_published_sample_sizes(base, effect, each):
    assert sample_size(base, effect, TWO) / 2 == pytest.approx(each, rel=0.02)


@pytest.mark.parametrize(
    "base",
    [
        Baseline.binary(0.1),
        Baseline(20.0, 900.0).clustered(4, 0.3, unevenness=0.5),
        Baseline.count(2.0, 5.0).adjusted(0.6),
    ],
)
@pytest.mark.parametrize("split", [TWO, Split.of([3, 1, 2])])
def test_size_effect_and_power_are_one_relation(base, split):
    effect = smallest_effect(base, 50_000, split, alpha=0.02, power=0.9, inflation=1.2)
    asked = {"alpha": 0.02, "inflation": 1.2}
    assert sample_size(base, effect, split, power=0.9, **asked) == pytest.approx(50_000, rel=1e-6)
    assert power(base, effect, 50_000, split, **asked) == pytest.approx(0.9, abs=1e-8)


def test_people_who_are_counted_find_as_often_as_is_said():
    rng = np.random.default_rng(2)
    for base, arms, effect in (
        (Baseline.binary(0.1), (rng.binomial(4000, 0.1, 40_000), rng.binomial(2000, 0.12, 40_000)), 0.02),
        (Baseline.count(1.5), (rng.poisson(1.5 * 4000, 40_000), rng.poisson(1.6 * 2000, 40_000)), 0.1),
    ):
        split = Split.of([2, 1])
        difference = arms[1] / 2000 - arms[0] / 4000
        error = difference_error(base, effect, 6000, split)
        assert difference.std() == pytest.approx(error, rel=0.02)
        found = (np.abs(difference) > 1.959964 * error).mean()
        assert power(base, effect, 6000, split) == pytest.approx(found, abs=0.012)


def test_clusters_and_covariates_change_the_sample_by_their_factor():
    plain = Baseline(10.0, 9.0)
    n = sample_size(plain, 0.2, TWO)
    assert sample_size(plain.clustered(11, 0.1), 0.2, TWO) == pytest.approx(2 * n)
    assert sample_size(plain.adjusted(-0.6), 0.2, TWO) == pytest.approx(0.64 * n)


def test_more_arms_share_the_error():
    base = Baseline(0.0, 1.0)
    three = sample_size(base, 0.1, Split.equal(3))
    assert three / 3 == pytest.approx(sample_size(base, 0.1, TWO, alpha=0.025) / 2)


def test_looking_five_times_takes_the_published_share_more():
    assert inflation_of(wang_tsiatis(range(1, 6), 0.05)) == pytest.approx(1.028, abs=6e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Baseline.binary(1.0), "the share is 1"),
        (lambda: Baseline.count(0.0), "the mean count is 0"),
        (lambda: Baseline(1.0, 0.0), "variance above zero"),
        (lambda: Baseline(1.0, 1.0, removed=1.0), "removed is 1"),
        (lambda: Baseline(1.0, 1.0, design_effect=0.5), "design effect is 0.5"),
        (lambda: Baseline(1.0, 1.0).clustered(0.5, 0.1), "size 0.5"),
        (lambda: Split.equal(1), "arms is 1"),
        (lambda: Split.of([1, 0]), "each above zero"),
        (lambda: Split(0.7, 0.7), "together at most 1"),
        (lambda: Split(0.5, 0.5, 0), "comparisons is 0"),
        (lambda: sample_size(Baseline.binary(0.1), 0.0, TWO), "an effect of zero"),
        (lambda: sample_size(Baseline.binary(0.1), 0.95, TWO), "not in"),
        (lambda: sample_size(Baseline.count(0.1), -0.2, TWO), "not above zero"),
        (lambda: sample_size(Baseline.binary(0.1), 0.01, TWO, power=0.01), "power is 0.01"),
        (lambda: power(Baseline.binary(0.1), 0.01, 0, TWO), "units is 0"),
        (lambda: power(Baseline.binary(0.1), 0.01, 10, TWO, alpha=0.0), "alpha is 0"),
        (lambda: smallest_effect(Baseline.binary(0.9), 10, TWO), "more are needed"),
    ],
)
def test_what_cannot_be_used_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
