"""Paired comparisons: statsmodels' McNemar, scipy's paired t, DeLong by every pair, and bootstraps of rows."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom
from sklearn.metrics import f1_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as peer

from workbench.stats.paired import accuracy_gain, auc_gain, joint_counts, mcnemar, mean_gain, metric_gain


def cases(seed=0, n=400, edge=0.3):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.5).astype(int)
    shared = rng.normal(0, 1, n)
    old = 0.8 * label + shared + rng.normal(0, 0.7, n)
    new = (0.8 + edge) * label + shared + rng.normal(0, 0.7, n)
    return label, old, new


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (0, 5), (3, 3), (15, 5), (120, 90), (1, 2)])
def test_mcnemar_is_statsmodels_exact_test(wins, losses):
    theirs = peer([[10, wins], [losses, 7]], exact=True).pvalue
    assert mcnemar(wins, losses).p_value == pytest.approx(theirs, abs=1e-12)


def test_the_paired_mean_is_scipys():
    _, old, new = cases()
    theirs = stats.ttest_rel(new, old)
    low, high = theirs.confidence_interval(0.95)
    found = mean_gain(old, new)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
    assert min(found.chance_above, 1 - found.chance_above) == pytest.approx(theirs.pvalue / 2, rel=1e-6)


def test_the_gain_in_auc_has_the_variance_of_every_pair():
    label, old, new = cases(n=120)
    placed = []
    for score in (old, new):
        a, b = score[label == 1], score[label == 0]
        placed.append((a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None]))
    rest = placed[1] - placed[0]
    variance = rest.mean(axis=1).var(ddof=1) / len(rest) + rest.mean(axis=0).var(ddof=1) / rest.shape[1]
    found = auc_gain(label, old, new)
    assert found.value == pytest.approx(roc_auc_score(label, new) - roc_auc_score(label, old), abs=1e-12)
    assert found.high - found.value == pytest.approx(1.959964 * variance**0.5, rel=1e-6)


def test_a_gain_in_f1_is_that_of_a_bootstrap_of_rows():
    label, old, new = cases()
    a, b = (old > 0.4).astype(int), (new > 0.4).astype(int)
    found = metric_gain(joint_counts(label, a, b), "f1", np.random.default_rng(0))
    assert found.value == pytest.approx(f1_score(label, b) - f1_score(label, a), abs=1e-12)
    rng = np.random.default_rng(1)
    rows = rng.integers(len(label), size=(4000, len(label)))
    y, p, q = label[rows], a[rows], b[rows]
    f1 = lambda y, x: 2 * (y & x).sum(axis=1) / (y.sum(axis=1) + x.sum(axis=1))  # noqa: E731
    brute = f1(y, q) - f1(y, p)
    assert (found.low, found.high) == pytest.approx(np.quantile(brute, (0.025, 0.975)), abs=0.006)
    assert found.chance_above == pytest.approx((brute > 0).mean(), abs=0.02)


def test_an_interval_of_two_accuracies_holds_as_often_as_it_says():
    rng = np.random.default_rng(2)
    draws = rng.multinomial(60, (0.12, 0.05, 0.83), size=3000)
    found = [accuracy_gain(int(w), int(n), 60) for w, n, _ in draws]
    assert np.mean([each.low <= 0.07 <= each.high for each in found]) > 0.94


def test_the_chance_of_being_better_is_the_posteriors():
    draws = np.random.default_rng(3).dirichlet((15.5, 5.5, 80.5), 200_000)
    assert accuracy_gain(15, 5, 100).chance_above == pytest.approx((draws[:, 0] > draws[:, 1]).mean(), abs=0.003)


def test_pairing_is_surer_than_two_intervals_side_by_side():
    label, old, new = cases(n=2000)
    a, b = (old > 0.4) == label, (new > 0.4) == label
    found = accuracy_gain(int((b & ~a).sum()), int((a & ~b).sum()), 2000)
    apart = 2 * 1.96 * np.sqrt(a.var() / 2000 + b.var() / 2000)
    assert found.high - found.low < 0.8 * apart


def test_the_same_answers_gain_nothing():
    assert mean_gain([1.0, 2.0], [1.0, 2.0]).chance_above == 0.5
    assert auc_gain([0, 1, 0, 1], [1, 2, 3, 4], [1, 2, 3, 4]).value == 0.0
    assert auc_gain([1, 1], [1, 2], [2, 1]).value is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mcnemar(-1, 2), "below zero"),
        (lambda: accuracy_gain(3, 3, 5), "at least one case"),
        (lambda: joint_counts([0, 1], [0, 1], [0]), "one value a case"),
        (lambda: joint_counts([0, 2], [0, 1], [0, 1]), "zeros and ones"),
        (lambda: metric_gain(np.zeros((2, 2, 2)), "f1", np.random.default_rng(0)), "not empty"),
        (lambda: mean_gain([1.0], [2.0]), "at least two cases"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("n", "differ"), [(20, 0.2), (60, 0.1), (100, 0.3), (400, 0.05), (200, 0.2)])
def test_equal_accuracies_seem_different_in_five_of_a_hundred_samples_at_most(n, differ):
    apart = np.arange(n + 1)
    shown = [
        sum(binom.pmf(w, d, 0.5) for w in range(d + 1) if accuracy_gain(w, d - w, n).chance_above >= 0.95)
        for d in apart[apart < 3 * n * differ]
    ]
    assert binom.pmf(apart[: len(shown)], n, differ) @ shown <= 0.0515  # Jeffreys' prior is right to a thousandth


def test_three_wins_to_none_leave_it_open():
    assert accuracy_gain(3, 0, 100).chance_above == 1 - mcnemar(3, 0).p_value / 2 == 0.875
    assert accuracy_gain(0, 3, 100).chance_above == 0.125


def test_differences_without_a_spread_leave_the_chance_unknown():
    found = mean_gain([1.0, 2.0], [0.0, 1.0])
    assert (found.value, found.low, found.high, found.chance_above) == (-1.0, None, None, None)


def test_a_gain_in_f1_by_a_few_answers_is_not_certain():
    label = np.repeat([1, 0], 50)
    old, new = label.copy(), label.copy()
    old[:3] = 0
    assert metric_gain(joint_counts(label, old, new), "f1", np.random.default_rng(0)).chance_above < 0.95
