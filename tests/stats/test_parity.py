"""Errors and places by group against statsmodels and plain counts."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from statsmodels.stats.oneway import anova_oneway

from workbench.stats.parity import ranking_parity, regression_parity


def test_errors_by_group_are_those_of_scikit_learn_and_welchs_test_is_statsmodels():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 400)
    true = rng.normal(10, 3, 400)
    guess = true + rng.normal(group * 0.2, 1 + group, 400)
    found = regression_parity(group, true, guess)
    for each in found.groups:
        rows = group == int(each.group)
        assert each.mean_absolute_error == pytest.approx(mean_absolute_error(true[rows], guess[rows]))
        assert each.root_mean_square == pytest.approx(root_mean_squared_error(true[rows], guess[rows]))
        error = guess[rows] - true[rows]
        wanted = stats.t.interval(0.95, len(error) - 1, error.mean(), stats.sem(error))
        assert (each.bias.low, each.bias.high) == pytest.approx(wanted)
    welch = anova_oneway([(guess - true)[group == g] for g in range(3)], use_var="unequal", welch_correction=True)
    assert found.same_bias == pytest.approx(welch.pvalue)


def test_a_group_of_one_has_a_bias_without_interval_and_no_test():
    found = regression_parity(["a", "b", "b"], [1, 2, 3], [2, 2, 4])
    assert found.groups[0].bias.low is None
    assert found.same_bias is None
    assert found.bias_difference == 0.5


def test_places_are_those_counted_by_hand():
    one, other = ranking_parity(["a", "a", "b", "b"], [9, 8, 7, 6], top=2)
    attention = 1 / np.log2([2, 3, 4, 5])
    assert (one.of_top, one.top_ratio, other.of_top) == (1.0, 2.0, 0.0)
    assert one.exposure == pytest.approx(attention[:2].sum() / attention.sum())
    assert one.p_value == pytest.approx(stats.fisher_exact([[2, 0], [0, 2]]).pvalue)


def test_a_blind_order_is_found_unequal_no_oftener_than_said():
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], [300, 100])
    found = sum(ranking_parity(group, rng.random(400), top=50)[1].p_value <= 0.05 for _ in range(500))
    assert found <= 35


def test_equal_scores_share_their_places_whatever_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    group, score = np.repeat(["a", "b"], [30, 20]), rng.integers(0, 4, 50)
    found = ranking_parity(group, score, top=17)
    for _ in range(5):
        order = rng.permutation(50)
        for one, other in zip(found, ranking_parity(group[order], score[order], top=17), strict=True):
            assert (one.of_top, one.exposure, one.p_value) == pytest.approx(
                (other.of_top, other.exposure, other.p_value)
            )
    broken = [ranking_parity(group, score + rng.random(50) / 2, top=17)[0] for _ in range(3000)]
    assert found[0].of_top == pytest.approx(np.mean([each.of_top for each in broken]), abs=0.005)
    assert found[0].exposure == pytest.approx(np.mean([each.exposure for each in broken]), abs=0.005)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_those_whose_group_is_missing_are_a_group_of_their_own(missing):
    group = pd.Series(["a", missing, "a", missing], dtype=object)
    assert [each.group for each in regression_parity(group, [1, 2, 3, 4], [1, 2, 3, 5]).groups] == ["(unknown)", "a"]
    assert [each.group for each in ranking_parity(group, [1, 2, 3, 4], top=2)] == ["(unknown)", "a"]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="must fit"):
        ranking_parity(["a"], [1.0], top=2)
    with pytest.raises(ValueError, match="a score is missing"):
        ranking_parity(["a", "b"], [1.0, np.nan], top=1)
    with pytest.raises(ValueError, match="must fit"):
        regression_parity(["a"], [1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no finite number"):
        regression_parity(["a"], [1.0], [np.inf])
