"""Rules against every rule there is, and against fairlearn's post-processing."""

from itertools import product

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.base import BaseEstimator, ClassifierMixin

from workbench.stats.thresholds import best_rule, confusions

CONSTRAINTS = {"equal_selection": "demographic_parity", "equal_opportunity": "true_positive_rate_parity"}


class Given(ClassifierMixin, BaseEstimator):
    """Answers with the score that it is asked about."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


def drawn(seed, n=4000, bins=100):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    place = np.minimum((rng.beta(2 + group, 3, n) * bins).astype(int), bins - 1)
    label = (rng.random(n) < (place + 0.5) / bins).astype(int)
    table = np.zeros((3, 2, bins), int)
    np.add.at(table, (group, label, place), 1)
    return group, place, label, table


@pytest.mark.parametrize("aim", CONSTRAINTS)
@pytest.mark.parametrize("seed", range(3))
def test_no_rule_with_equal_rates_is_better(aim, seed):
    """Fine levels against all pairs of edges, in two small groups."""
    rng = np.random.default_rng(seed)
    table = rng.integers(5, 60, size=(2, 2, 12))
    counts = confusions(table)
    rates = (
        counts[..., 1].sum(-1) / counts.sum((-1, -2))
        if aim == "equal_selection"
        else counts[:, :, 1, 1] / counts[:, :, 1].sum(-1)
    )
    tolerance, best = 0.05, 0.0
    for one, two in product(range(13), repeat=2):
        if abs(rates[0, one] - rates[1, two]) <= tolerance:
            right = sum(counts[g, e, i, i] for g, e in enumerate((one, two)) for i in (0, 1))
            best = max(best, right / table.sum())
    found = best_rule(counts, aim, tolerance=tolerance)
    assert found.gap <= tolerance
    assert best - 0.02 <= found.gain <= best + 1e-12


@pytest.mark.parametrize("aim", CONSTRAINTS)
def test_it_is_as_right_as_fairlearns_which_draws_by_lot(aim):
    group, place, label, table = drawn(0, 20_000)
    scores = (place[:, None] + 0.5) / 100
    peer = ThresholdOptimizer(
        estimator=Given(), constraints=CONSTRAINTS[aim], prefit=True, predict_method="predict_proba"
    ).fit(scores, label, sensitive_features=group)
    theirs = np.mean(
        [(peer.predict(scores, sensitive_features=group, random_state=seed) == label).mean() for seed in range(5)]
    )
    assert best_rule(confusions(table), aim).gain == pytest.approx(theirs, abs=0.004)


def test_the_best_common_threshold_is_the_best_of_all():
    *_, table = drawn(1)
    counts = confusions(table)
    right = counts[..., 0, 0].sum(0) + counts[..., 1, 1].sum(0)
    assert best_rule(counts, "common").gain == right.max() / table.sum()


def test_equality_costs_and_a_capacity_is_kept():
    *_, table = drawn(2)
    counts = confusions(table)
    common, equal = best_rule(counts, "common"), best_rule(counts, "equal_selection")
    assert equal.gain < common.gain
    assert equal.gap <= 0.01 < common.gap
    few = best_rule(counts, "equal_opportunity", capacity=0.2)
    assert few.selected <= 0.2
    assert few.gap <= 0.01
    dear = best_rule(counts, "common", worth=[[0, -5], [0, 1]])
    assert dear.selected < common.selected


def test_what_cannot_be_is_refused():
    *_, table = drawn(0)
    with pytest.raises(ValueError, match="no aim 'fair'"):
        best_rule(confusions(table), "fair")
    with pytest.raises(ValueError, match="need \\(groups, edges, 2, 2\\)"):
        best_rule(table, "common")
    table[0, 1] = 0
    with pytest.raises(ValueError, match="no case that its rate"):
        best_rule(confusions(table), "equal_opportunity")
