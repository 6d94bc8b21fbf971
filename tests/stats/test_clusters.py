"""Errors that respect clusters, against sums taken cluster by cluster."""

import numpy as np
import pytest

from workbench.stats.clusters import clustered_covariance, vectors
from workbench.stats.joint import Joint
from workbench.stats.moments import Moments
from workbench.stats.ratio import fieller, ratio_of


def arm(rows: np.ndarray, of: np.ndarray) -> Joint:
    """Two measures of units in clusters, from the rows themselves."""
    about = rows - rows.mean(axis=0)
    sums = np.array([about[of == c].sum(axis=0) for c in np.unique(of)])
    residuals = np.column_stack([sums[:, 0], np.zeros((len(sums), 2)), sums[:, 1], np.zeros((len(sums), 2))])
    moments = Moments.of(vectors(np.unique(of, return_counts=True)[1], residuals))
    simple = np.cov(rows, rowvar=False)
    return Joint(
        len(rows),
        rows.mean(axis=0),
        clustered_covariance(moments, 0, [0, 1], len(rows), simple),
        len(sums),
        simple,
    )


def shop(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Forty shops whose denominators are the same in all, and numerators ten times as large but for a little."""
    of = np.repeat(np.arange(40), 10)
    below = 1.0 + np.arange(400) % 2
    return np.column_stack([10 * below + 0.3 * rng.normal(size=40)[of] + 0.3 * rng.normal(size=400), below]), of


def test_what_cancels_in_a_ratio_cancels_with_clusters_too():
    """Stated was seven times the true error while each part's variance was raised on its own."""
    rng = np.random.default_rng(1)
    found = [ratio_of(arm(*shop(rng))) for _ in range(400)]
    true = np.std([ratio.mean for ratio in found])
    assert np.sqrt(np.mean([ratio.error**2 for ratio in found])) == pytest.approx(true, rel=0.1)


def test_a_ratios_error_is_that_of_its_linear_form_cluster_by_cluster():
    rows, of = shop(np.random.default_rng(2))
    linear = (rows[:, 0] - rows[:, 0].mean() / rows[:, 1].mean() * rows[:, 1]) / rows[:, 1].mean()
    sums = np.array([linear[of == c].sum() for c in range(40)])
    by_hand = np.sqrt(40 / 39 * (sums**2).sum()) / len(rows)
    found = arm(rows, of)
    assert ratio_of(found).error == pytest.approx(by_hand, rel=1e-9)
    inside = fieller(found)
    assert inside.high - inside.low == pytest.approx(2 * 2.0227 * by_hand, rel=0.02)
    assert inside.low < rows[:, 0].mean() / rows[:, 1].mean() < inside.high


def test_an_error_below_the_simple_one_is_taken_for_chance():
    rng = np.random.default_rng(3)
    of = np.repeat(np.arange(100), 2)
    half = rng.normal(size=(100, 2))
    rows = np.stack([half, -half], axis=1).reshape(200, 2)  # pairs that cancel: no cluster varies at all
    found = arm(rows, of)
    for weights in ([1.0, 0.0], [0.5, -2.0]):
        simple = np.std(rows @ weights, ddof=1) / np.sqrt(200)
        assert found.combined(weights).error == pytest.approx(simple, rel=1e-12)
    assert np.diag(found.scatter) == pytest.approx(np.diag(found.simple) * 199)
