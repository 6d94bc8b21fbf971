"""A weighted sum of a unit's numbers has the mean and error of that sum made unit by unit."""

import numpy as np
import pytest

from workbench.stats.joint import Joint, Strata, pooled_scatter
from workbench.stats.moments import Sample


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    return rng.normal([3.0, 1e9, -2.0], [1.0, 2.0, 0.5], (400, 3)) @ np.array([[1, 0.3, 0], [0, 1, 0], [0, 0.2, 1]])


def test_a_combination_is_the_sample_of_the_sums(rows):
    weights = np.array([2.0, -1.0, 0.5])
    about = rows - rows.mean(axis=0)  # at 1e9 the sums themselves have few digits left
    found, by_hand = Joint.of(rows).combined(weights), Sample.of(about @ weights)
    assert found.mean == pytest.approx(rows.mean(axis=0) @ weights, rel=1e-12)
    assert found.error == pytest.approx(by_hand.error, rel=1e-9)
    assert found.independent == 400


def test_what_was_estimated_costs_degrees_of_freedom(rows):
    plain, fitted = Joint.of(rows).combined([1, 0, 0]), Joint.of(rows).combined([1, 0, 0], fitted=2)
    assert fitted.variance == pytest.approx(plain.variance * 399 / 397)
    assert fitted.independent == 398


def test_strata_count_in_their_set_shares():
    rng = np.random.default_rng(2)
    parts = [rng.normal(mean, sd, (n, 1)) for mean, sd, n in ((0, 1, 30), (5, 2, 70))]
    found = Strata(tuple(Joint.of(part) for part in parts), (0.5, 0.5)).combined([1.0])
    assert found.mean == pytest.approx(0.5 * parts[0].mean() + 0.5 * parts[1].mean())
    variance = 0.25 * parts[0].var(ddof=1) / 30 + 0.25 * parts[1].var(ddof=1) / 70
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-12)
    assert (found.n, found.independent) == (100, 99)


def test_scatter_is_pooled_about_each_arms_own_mean(rows):
    a, b = Joint.of(rows[:100]), Joint.of(rows[100:] + 50)
    about = np.vstack([rows[:100] - rows[:100].mean(axis=0), rows[100:] - rows[100:].mean(axis=0)])
    assert pooled_scatter([a, b]) == pytest.approx(about.T @ about, rel=1e-6, abs=1e-3)
