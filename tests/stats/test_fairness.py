"""Fairness from counts: equal to fairlearn, to a bootstrap of rows, to exact integrals; honest about many groups."""

import fairlearn.metrics as peer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special
from sklearn.metrics import accuracy_score, precision_score

from workbench.stats.fairness import (
    METRICS,
    difference,
    difference_spread,
    more_cases,
    needed_ratio,
    rate,
    ratio,
    ratio_spread,
)

TABLES = arrays(np.int64, st.tuples(st.integers(2, 5), st.just(2), st.just(2)), elements=st.integers(0, 40))
HAND = np.array([[[10, 40], [5, 45]], [[30, 20], [20, 30]]])  # 100 cases a group, 50 positives in each


def rows_of(counts):
    """A group, a label and a prediction a case."""
    cells = np.indices(counts.shape).reshape(3, -1)
    return np.repeat(cells, counts.ravel(), axis=1)


def with_selection(yes, seen):
    """Counts with these selection rates; the labels are all negative."""
    counts = np.zeros((len(yes), 2, 2), dtype=int)
    counts[:, 0, 1], counts[:, 0, 0] = yes, np.subtract(seen, yes)
    return counts


def test_rates_are_those_worked_by_hand():
    assert {m: rate(HAND, m).tolist() for m in METRICS} == {
        "selection_rate": [0.85, 0.5],
        "tpr": [0.9, 0.6],
        "fpr": [0.8, 0.4],
        "fnr": [0.1, 0.4],
        "tnr": [0.2, 0.6],
        "precision": [45 / 85, 0.6],
        "accuracy": [0.55, 0.6],
    }


def test_every_rate_is_fairlearns_to_the_last_digit():
    theirs = {
        "selection_rate": peer.selection_rate,
        "tpr": peer.true_positive_rate,
        "fpr": peer.false_positive_rate,
        "fnr": peer.false_negative_rate,
        "tnr": peer.true_negative_rate,
        "accuracy": accuracy_score,
        "precision": precision_score,
    }
    rng = np.random.default_rng(5)
    for _ in range(5):
        counts = rng.integers(1, 60, size=(4, 2, 2))
        group, label, prediction = rows_of(counts)
        frame = peer.MetricFrame(metrics=theirs, y_true=label, y_pred=prediction, sensitive_features=group)
        for metric in METRICS:
            assert rate(counts, metric).tolist() == frame.by_group[metric].tolist(), metric
        assert ratio(rate(counts, "selection_rate")) == peer.demographic_parity_ratio(
            label, prediction, sensitive_features=group
        )
        assert difference(rate(counts, "selection_rate")) == peer.demographic_parity_difference(
            label, prediction, sensitive_features=group
        )
        odds = difference_spread(counts, ("tpr", "fpr"), rng, draws=100).value
        assert odds == peer.equalized_odds_difference(label, prediction, sensitive_features=group)


def test_a_rate_without_cases_is_undefined_and_so_is_all_that_rests_on_it():
    counts = np.array([[[10, 5], [3, 20]], [[10, 5], [0, 0]]])  # the second group has no positive label
    assert np.isnan(rate(counts, "tpr")[1])
    assert difference_spread(counts, ("tpr", "fpr"), np.random.default_rng(0)).value is None
    assert ratio_spread(with_selection([0, 0], [5, 5]), "selection_rate", np.random.default_rng(0)).value is None
    assert needed_ratio(with_selection([0, 0], [5, 5]), "selection_rate", np.random.default_rng(0)) is None
    assert more_cases(with_selection([0, 0], [5, 5]), "selection_rate", np.random.default_rng(0)) is None


@given(TABLES, st.integers(0, 3))
def test_a_spread_keeps_its_bounds_whatever_the_counts(counts, seed):
    found = ratio_spread(counts, "selection_rate", np.random.default_rng(seed), draws=200)
    if found.value is None:
        return
    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.value <= 1
    assert 0 <= found.probability <= 1


def test_the_probability_for_groups_apart_is_that_of_an_exact_integral():
    """P(lowest >= t highest) is the integral, over which group is highest and where, of the others lying in between."""
    yes, seen, target = np.array([178, 1536]), np.array([308, 1681]), 0.65
    nodes = np.linspace(1e-6, 1 - 1e-6, 400_001)
    a, b = yes + 0.5, seen - yes + 0.5
    total = 0.0
    for top, other in ((0, 1), (1, 0)):
        density = np.exp(
            (a[top] - 1) * np.log(nodes) + (b[top] - 1) * np.log1p(-nodes) - special.betaln(a[top], b[top])
        )
        within = special.betainc(a[other], b[other], nodes) - special.betainc(a[other], b[other], target * nodes)
        total += np.trapezoid(density * within, nodes)
    found = ratio_spread(
        with_selection(yes, seen), "selection_rate", np.random.default_rng(0), target=target, draws=200_000
    )
    assert found.probability == pytest.approx(total, abs=0.004)


def test_intervals_of_two_large_groups_are_those_of_a_bootstrap_of_rows():
    counts = np.array([[[60, 30], [40, 178]], [[60, 95], [76, 1450]]])
    group, label, prediction = rows_of(counts)
    rng = np.random.default_rng(1)
    impact, odds = [], []
    for _ in range(1500):
        rows = rng.integers(len(group), size=len(group))
        g, y, p = group[rows], label[rows], prediction[rows]
        selected = np.array([p[g == 0].mean(), p[g == 1].mean()])
        impact.append(ratio(selected))
        tpr = [p[(g == i) & (y == 1)].mean() for i in (0, 1)]
        fpr = [p[(g == i) & (y == 0)].mean() for i in (0, 1)]
        odds.append(max(abs(tpr[0] - tpr[1]), abs(fpr[0] - fpr[1])))
    ours = ratio_spread(counts, "selection_rate", rng)
    assert (ours.low, ours.high) == pytest.approx(np.quantile(impact, [0.025, 0.975]), abs=0.012)
    assert ours.probability == pytest.approx(np.mean(np.array(impact) >= 0.8), abs=0.03)
    apart = difference_spread(counts, ("tpr", "fpr"), rng)
    assert (apart.low, apart.high) == pytest.approx(np.quantile(odds, [0.025, 0.975]), abs=0.02)


def test_eight_equal_groups_are_not_found_different():
    """Peers' intervals exclude equality always here, and the plain four-fifths rule fails four in five."""
    rng = np.random.default_rng(2)
    excluded = failed = naive = 0
    for _ in range(100):
        counts = with_selection(rng.binomial(200, 0.3, size=8), [200] * 8)
        impact = ratio_spread(counts, "selection_rate", rng, draws=1000)
        parity = difference_spread(counts, ("selection_rate",), rng, draws=1000)
        excluded += parity.low > 0 or impact.high < 1
        failed += impact.probability <= 0.05
        naive += impact.value < 0.8
    assert naive > 60
    assert excluded <= 12  # 5 in 100 are expected
    assert failed <= 3


def test_the_interval_of_the_ratio_holds_the_true_one_as_often_as_it_says():
    rng, seen, rates, hits = np.random.default_rng(4), np.array([300, 500, 800]), [0.5, 0.65, 0.8], 0
    for _ in range(200):
        found = ratio_spread(with_selection(rng.binomial(seen, rates), seen), "selection_rate", rng, draws=1000)
        hits += found.low <= 0.5 / 0.8 <= found.high
    assert hits >= 184  # 190 are expected at least


def test_a_small_group_that_is_treated_worse_is_not_pooled_away():
    """On the border of four fifths (true ratio .8, one group of 50), passing must be rare, not the rule."""
    rng = np.random.default_rng(3)
    seen = np.array([1400, 200, 300, 50])
    passed = 0
    for _ in range(100):
        counts = with_selection(rng.binomial(seen, [0.9, 0.9, 0.9, 0.72]), seen)
        passed += ratio_spread(counts, "selection_rate", rng, draws=1000).probability >= 0.95
    assert passed <= 10


def test_a_real_breach_among_eight_groups_is_shown():
    yes, seen = [90, 91, 88, 90, 92, 89, 90, 40], [100] * 8
    found = ratio_spread(with_selection(yes, seen), "selection_rate", np.random.default_rng(0))
    assert found.probability < 0.001
    assert found.high < 0.8


def test_what_is_needed_would_be_enough_and_a_little_less_would_not():
    yes, seen = [240, 1500], [308, 1681]
    rng = np.random.default_rng(0)
    needed = needed_ratio(with_selection(yes, seen), "selection_rate", rng)
    for step, enough in ((0.015, True), (-0.015, False)):
        low = round((needed + step) * 1500 / 1681 * 308)
        reached = ratio_spread(with_selection([low, 1500], seen), "selection_rate", rng, draws=100_000)
        assert (reached.probability >= 0.95) is enough


def test_nothing_is_enough_where_groups_are_too_small():
    assert needed_ratio(with_selection([3, 3], [6, 6]), "selection_rate", np.random.default_rng(0)) is None


def test_the_cases_asked_for_would_decide_it():
    counts = with_selection([88, 450], [115, 500])  # .85, undecided
    rng = np.random.default_rng(0)
    more = more_cases(counts, "selection_rate", rng)
    assert more > 0
    times = 1 + more / counts.sum()
    grown = np.round(counts * times * 1.02).astype(int)
    assert ratio_spread(grown, "selection_rate", rng, draws=100_000).probability >= 0.95


def test_a_decided_case_asks_for_no_more_and_one_on_the_border_for_no_number():
    rng = np.random.default_rng(0)
    assert more_cases(with_selection([400, 480], [500, 500]), "selection_rate", rng, target=0.5) == 0
    assert more_cases(with_selection([80, 100], [200, 200]), "selection_rate", rng, target=0.8) is None


def test_wrong_shapes_and_names_are_refused():
    with pytest.raises(ValueError, match="need \\(groups, 2, 2\\)"):
        rate(np.ones((2, 4)), "tpr")
    with pytest.raises(ValueError, match="there is no metric 'recall'"):
        rate(HAND, "recall")
