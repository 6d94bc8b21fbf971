"""The check above all others, against scipy and a published defect."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.sample_ratio import equal_means, sample_ratio, sequential_sample_ratio


def test_it_is_the_chi_square_test():
    found = sample_ratio({"a": 480, "b": 530, "c": 990}, {"a": 1, "b": 1, "c": 2})
    assert found.p == pytest.approx(stats.chisquare([480, 530, 990], [500, 500, 1000]).pvalue, rel=1e-12)
    assert found.passed is True


def test_an_arm_that_was_to_get_nobody_adds_no_degree_of_freedom():
    """Counting it gives 0.135 here, a defect of a known tool."""
    assert sample_ratio({"a": 450, "b": 513, "c": 0}, {"a": 1, "b": 1, "c": 0}).p == pytest.approx(
        stats.chisquare([450, 513]).pvalue
    )
    found = sample_ratio({"a": 4900, "b": 5100, "c": 0}, {"a": 1, "b": 1, "c": 0})
    assert found.p == pytest.approx(0.0455, abs=1e-4)


def test_somebody_in_an_arm_for_nobody_fails():
    found = sample_ratio({"a": 500, "b": 500, "c": 1}, {"a": 1, "b": 1, "c": 0})
    assert found.p == 0 and found.passed is False and "do not trust" in found.sentence


def test_without_a_plan_nothing_is_claimed():
    found = sample_ratio({"a": 900, "b": 100}, None)
    assert found.p is None and found.passed is None and "could not be checked" in found.sentence


def test_sound_experiments_fail_once_in_a_thousand():
    rng = np.random.default_rng(1)
    counts = rng.multinomial(3000, [0.5, 0.3, 0.2], size=20_000)
    failed = [not sample_ratio(dict(zip("abc", row, strict=True)), {"a": 5, "b": 3, "c": 2}).passed for row in counts]
    assert np.mean(failed) == pytest.approx(0.001, abs=0.0008)


@pytest.mark.parametrize(
    ("observed", "planned"),
    [({"a": 0, "b": 0}, {"a": 1, "b": 1}), ({"a": 1}, {"b": 1}), ({"a": 1, "b": 2}, {"a": -1, "b": 2})],
)
def test_an_impossible_plan_is_refused(observed, planned):
    with pytest.raises(ValueError, match=r"needs at least one|the arms are|may be negative"):
        sample_ratio(observed, planned)


@pytest.mark.parametrize(
    ("observed", "planned"),
    [
        ({"a": np.nan, "b": 1}, {"a": 1, "b": 1}),
        ({"a": 10, "b": 1}, {"a": 1, "b": np.nan}),
        ({"a": 10, "b": 1}, {"a": 1, "b": np.inf}),
        ({"a": -1, "b": 10}, {"a": 1, "b": 1}),
    ],
)
def test_numbers_that_are_none_are_refused(observed, planned):
    """A NaN once read as a filling that had failed."""
    with pytest.raises(ValueError, match="must be finite"):
        sample_ratio(observed, planned)


def test_equal_means_of_two_arms_is_the_z_test():
    p = equal_means({"a": 1.0, "b": 1.5}, {"a": 0.2, "b": 0.15})
    assert p == pytest.approx(2 * stats.norm.sf(0.5 / 0.25), rel=1e-12)


def test_equal_means_without_spread_is_refused():
    with pytest.raises(ValueError, match="standard error"):
        equal_means({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.1})


def days(rng, shares, users, length):
    return [dict(zip("abc", map(int, rng.multinomial(users, shares)), strict=False)) for _ in range(length)]


def test_the_sequential_check_is_the_dirichlet_mixture():
    """Against scipy's Dirichlet-multinomial, as the known tools compute it."""
    looks, share = [{"a": 480, "b": 520, "c": 330}, {"a": 400, "b": 560, "c": 350}], np.array([0.375, 0.375, 0.25])
    found = sequential_sample_ratio(looks, {"a": 3, "b": 3, "c": 2}, concentrations=(10_000.0,))
    total, least = np.zeros(3), 1.0
    for look, p in zip(looks, found.by_look, strict=True):
        total += np.array(list(look.values()))
        n = int(total.sum())
        against = stats.dirichlet_multinomial.logpmf(total, 10_000 * share, n)
        least = min(least, np.exp(stats.multinomial.logpmf(total, n, share) - against))
        assert p == pytest.approx(least, rel=1e-8)


def test_looking_every_day_gives_no_more_false_alarms():
    rng = np.random.default_rng(2)
    false = [
        not sequential_sample_ratio(
            days(rng, [0.5, 0.3, 0.2], 200, 60), {"a": 5, "b": 3, "c": 2}, threshold=0.05
        ).passed
        for _ in range(1000)
    ]
    assert np.mean(false) < 0.05
    naive = [
        any(
            sample_ratio(dict(zip("ab", row, strict=True)), {"a": 1, "b": 1}).p < 0.05
            for row in np.cumsum(rng.multinomial(200, [0.5, 0.5], 60), axis=0)
        )
        for _ in range(200)
    ]
    assert np.mean(naive) > 0.15, "the fixed check looked at daily cries wolf"


@pytest.mark.parametrize(("share", "users"), [(0.51, 5000), (0.6, 200)])
def test_a_small_and_a_large_departure_are_both_found(share, users):
    rng = np.random.default_rng(3)
    found = [sequential_sample_ratio(days(rng, [share, 1 - share], users, 30), {"a": 1, "b": 1}) for _ in range(100)]
    assert np.mean([not f.passed for f in found]) > 0.95
    assert all(np.all(np.diff(f.by_look) <= 0) for f in found)


def test_somebody_in_an_arm_for_nobody_fails_at_once():
    looks = [{"a": 50, "b": 50}, {"a": 50, "b": 49, "c": 1}]
    found = sequential_sample_ratio(looks, {"a": 1, "b": 1, "c": 0})
    assert (found.p, found.failed_at) == (0.0, 1) and found.by_look[0] > 0.5


def test_a_look_may_lack_an_arm_but_not_know_a_strange_one():
    assert sequential_sample_ratio([{"a": 1}, {"b": 1}], {"a": 1, "b": 1}).passed
    for looks, said in (([], "no looks"), ([{"a": 1, "z": 1}], "'z' has no planned share")):
        with pytest.raises(ValueError, match=said):
            sequential_sample_ratio(looks, {"a": 1, "b": 1})
