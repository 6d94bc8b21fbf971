"""Classifiers' figures: values equal to scikit-learn's, intervals to a bootstrap of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn import metrics as peer

from workbench.stats.classification import (
    METRICS,
    auc,
    brier,
    confusion,
    confusion_chance,
    confusion_interval,
    confusion_metric,
    log_loss,
)

THEIRS = {
    "accuracy": peer.accuracy_score,
    "precision": peer.precision_score,
    "recall": peer.recall_score,
    "f1": peer.f1_score,
}


def sample(seed, n=400):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.6).astype(int)
    score = np.round(np.clip(0.5 + 0.15 * label + rng.normal(0, 0.2, n), 0, 1), 2)  # rounded: ties
    return label, score


@pytest.mark.parametrize("metric", THEIRS)
def test_a_metric_is_scikit_learns(metric):
    for seed in range(5):
        label, score = sample(seed)
        answer = (score >= 0.6).astype(int)
        assert confusion(label, answer).tolist() == peer.confusion_matrix(label, answer).tolist()
        assert confusion_metric(confusion(label, answer), metric) == pytest.approx(
            THEIRS[metric](label, answer), abs=1e-15
        )


@pytest.mark.parametrize("metric", THEIRS)
def test_an_interval_is_that_of_a_bootstrap_of_rows(metric):
    label, score = sample(1)
    answer = (score >= 0.6).astype(int)
    rng = np.random.default_rng(0)
    rows = rng.integers(len(label), size=(4000, len(label)))
    y, a = label[rows], answer[rows]
    right, chosen, positive = (y == a).mean(axis=1), a.mean(axis=1), y.mean(axis=1)
    both = (y & a).mean(axis=1)
    brute = {"accuracy": right, "precision": both / chosen, "recall": both / positive}
    brute["f1"] = 2 / (1 / brute["precision"] + 1 / brute["recall"])
    ours = confusion_interval(confusion(label, answer), metric, rng)
    assert ours == pytest.approx(np.quantile(brute[metric], [0.025, 0.975]), abs=0.005)


def test_a_metric_without_a_denominator_is_undefined():
    assert np.isnan(confusion_metric([[5, 0], [0, 0]], "f1"))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40))
def test_auc_is_scikit_learns_with_ties(cases):
    label, score = np.array([y for y, _ in cases], dtype=int), np.array([s for _, s in cases], dtype=float)
    found = auc(label, score)
    if len(set(label)) < 2:
        assert found.value is None
    else:
        assert found.value == pytest.approx(peer.roc_auc_score(label, score), abs=1e-12)


def test_the_error_of_auc_is_that_of_comparing_every_pair():
    """DeLong's variance from the matrix of pairs, as the paper writes it."""
    label, score = sample(2, n=120)
    positive, negative = score[label == 1], score[label == 0]
    pairs = (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
    variance = pairs.mean(axis=1).var(ddof=1) / len(positive) + pairs.mean(axis=0).var(ddof=1) / len(negative)
    found = auc(label, score)
    odds = lambda p: np.log(p / (1 - p))  # noqa: E731
    reach = 1.959964 * np.sqrt(variance) / (found.value * (1 - found.value))
    assert odds(found.high) - odds(found.value) == pytest.approx(reach, rel=1e-6)
    assert odds(found.value) - odds(found.low) == pytest.approx(reach, rel=1e-6)


def test_the_interval_of_auc_is_near_that_of_a_bootstrap_of_rows():
    label, score = sample(3)
    rng = np.random.default_rng(0)
    rows = rng.integers(len(label), size=(400, len(label)))
    brute = [peer.roc_auc_score(label[r], score[r]) for r in rows]
    found = auc(label, score)
    assert (found.low, found.high) == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=0.015)


def test_a_perfect_ranking_has_no_interval():
    found = auc([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_the_brier_score_is_scikit_learns_with_the_interval_of_a_mean():
    label, score = sample(4)
    found = brier(label, score)
    assert found.value == pytest.approx(peer.brier_score_loss(label, score), abs=1e-15)
    rng = np.random.default_rng(0)
    squares = (score - label) ** 2
    brute = squares[rng.integers(len(label), size=(4000, len(label)))].mean(axis=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(brute, [0.025, 0.975]), abs=0.002)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confusion([0, 2], [0, 1]), "zeros and ones"),
        (lambda: confusion([0, 1], [0]), "each case needs both"),
        (lambda: auc([0, 1], [0.5]), "each case needs both"),
        (lambda: brier([], []), "each case needs both"),
        (lambda: confusion_metric([[1, 2, 3]], "f1"), "need \\(2, 2\\)"),
        (lambda: confusion_metric([[1, 2], [3, 4]], "f2"), "no metric 'f2'"),
        (lambda: confusion_interval([[0, 0], [0, 0]], "f1", np.random.default_rng(0)), "at least one case"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("counts", [[[0, 0], [0, 1]], [[1, 0], [0, 1]], [[0, 1], [1, 0]], [[40, 0], [0, 3]]])
def test_perfect_and_failed_answers_of_few_cases_have_an_interval_with_a_width(metric, counts):
    if np.isnan(confusion_metric(counts, metric)):
        return
    low, high = confusion_interval(counts, metric, np.random.default_rng(0))
    assert high - low > 0.05


def test_an_interval_of_few_cases_is_clopper_and_pearsons():
    low, high = confusion_interval([[0, 2], [0, 9]], "precision", np.random.default_rng(0))
    theirs = binomtest(9, 11).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("metric", "target"), [("precision", 0.8), ("f1", 0.8)])
@pytest.mark.parametrize("n", [1, 2, 5, 15, 40, 300])
def test_at_the_target_a_metric_seems_above_or_below_in_five_of_a_hundred_tables_at_most(metric, target, n):
    share = target if metric == "precision" else target / (2 - target)
    chance = np.array([confusion_chance([[0, n - hits], [0, hits]], metric, target) for hits in range(n + 1)])
    weight = binom.pmf(np.arange(n + 1), n, share)
    assert weight[chance >= 0.95].sum() <= 0.05 and weight[chance <= 0.05].sum() <= 0.05


def test_losses_without_a_spread_have_no_interval():
    assert brier([1, 0], [0.9, 0.1]).low is None and log_loss([1, 0], [0.9, 0.1]).low is None
