"""The check above all others, against scipy and a published defect."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.sample_ratio import equal_means, sample_ratio


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


def test_equal_means_of_two_arms_is_the_z_test():
    p = equal_means({"a": 1.0, "b": 1.5}, {"a": 0.2, "b": 0.15})
    assert p == pytest.approx(2 * stats.norm.sf(0.5 / 0.25), rel=1e-12)


def test_equal_means_without_spread_is_refused():
    with pytest.raises(ValueError, match="standard error"):
        equal_means({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.1})
