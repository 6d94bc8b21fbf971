"""Drawing cells is drawing rows: the same distribution, for any metric."""

import numpy as np
import pytest

from workbench.stats.fairness import rate
from workbench.stats.resampling import rate_intervals, resampled

COUNTS = np.array([[[40, 20], [10, 30]], [[15, 5], [5, 25]]])


def test_its_moments_are_those_of_a_bootstrap_of_rows():
    rng = np.random.default_rng(0)
    group, label, answer = np.repeat(np.indices(COUNTS.shape).reshape(3, -1), COUNTS.ravel(), axis=1)
    found = []
    for _ in range(3000):
        rows = rng.integers(len(group), size=len(group))
        table = np.zeros(COUNTS.shape)
        np.add.at(table, (group[rows], label[rows], answer[rows]), 1)
        found.append(rate(table, "tpr"))
    ours = rate(resampled(COUNTS, rng, draws=3000), "tpr")
    assert ours.mean(axis=0) == pytest.approx(np.mean(found, axis=0), abs=0.006)
    assert ours.std(axis=0) == pytest.approx(np.std(found, axis=0), rel=0.07)
    theirs = np.quantile(found, [0.025, 0.975], axis=0).T
    assert rate_intervals(COUNTS, "tpr", rng, draws=3000) == pytest.approx(theirs, abs=0.02)


def test_groups_keep_their_sizes_where_asked():
    rng = np.random.default_rng(0)
    kept = resampled(COUNTS, rng, draws=50, within_groups=True).sum(axis=(2, 3))
    assert (kept == COUNTS.sum(axis=(1, 2))).all()
    assert np.ptp(resampled(COUNTS, rng, draws=50).sum(axis=(2, 3))[:, 0]) > 0


def test_an_undefined_rate_has_no_interval():
    counts = np.array([[[5, 5], [0, 0]], [[5, 5], [5, 5]]])
    ends = rate_intervals(counts, "tpr", np.random.default_rng(0), draws=100)
    assert np.isnan(ends[0]).all()
    assert np.isfinite(ends[1]).all()


def test_the_interval_covers_a_rate_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        table = rng.multinomial(600, [0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]).reshape(2, 2, 2)
        low, high = rate_intervals(table, "tpr", rng, draws=200)[0]
        hits += low <= 0.5 <= high
    assert 0.91 <= hits / 400 <= 0.98


def test_a_table_without_a_case_is_refused():
    with pytest.raises(ValueError, match="no case"):
        resampled(np.zeros((2, 2, 2)), np.random.default_rng(0))
