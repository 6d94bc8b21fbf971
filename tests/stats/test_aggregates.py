"""Aggregates are fairlearn's, to the last digit, over random counts."""

import fairlearn.metrics as peer
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_score

from workbench.stats.aggregates import HOWS, aggregate, disparities
from workbench.stats.fairness import METRICS

THEIRS = {
    "selection_rate": peer.selection_rate,
    "tpr": peer.true_positive_rate,
    "fpr": peer.false_positive_rate,
    "fnr": peer.false_negative_rate,
    "tnr": peer.true_negative_rate,
    "accuracy": accuracy_score,
    "precision": precision_score,
}


@pytest.mark.parametrize("seed", range(4))
def test_every_aggregate_is_fairlearns_to_the_last_digit(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 40, size=(rng.integers(2, 6), 2, 2))
    group, label, answer = np.repeat(np.indices(counts.shape).reshape(3, -1), counts.ravel(), axis=1)
    frame = peer.MetricFrame(metrics=THEIRS, y_true=label, y_pred=answer, sensitive_features=group)
    wanted = {
        "group_min": frame.group_min(),
        "group_max": frame.group_max(),
        "difference": frame.difference(),
        "ratio": frame.ratio(),
        "difference_to_overall": frame.difference(method="to_overall"),
        "ratio_to_overall": frame.ratio(method="to_overall"),
    }
    for how in HOWS:
        for metric in METRICS:
            assert aggregate(counts, metric, how) == wanted[how][metric], (how, metric)
    for name, value in disparities(counts).items():
        assert value == getattr(peer, name)(label, answer, sensitive_features=group), name


def test_an_undefined_rate_leaves_the_aggregate_undefined():
    counts = [[[5, 5], [0, 0]], [[5, 5], [5, 5]]]
    assert np.isnan(aggregate(counts, "tpr", "difference"))
    assert np.isnan(disparities(counts)["equalized_odds_difference"])
    assert disparities(counts)["demographic_parity_difference"] == 0.0


def test_an_aggregate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no aggregate 'mean'"):
        aggregate(np.ones((2, 2, 2)), "tpr", "mean")
