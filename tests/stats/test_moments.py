"""Moments add without loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.stats.clusters import design_effect
from workbench.stats.moments import Logs, Moments, Sample, merged, merged_logs, stacked

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))
ROWS = st.integers(1, 6).flatmap(lambda n: arrays(np.float64, (n, 2), elements=NUMBERS))


def together(*parts: Moments) -> Moments:
    cells = stacked(parts)
    return merged(cells, np.zeros(len(cells.n), dtype=np.int64), 1)


def assert_same(one: Moments, other: Moments, scale: float) -> None:
    assert one.n == pytest.approx(other.n)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(one.scatter, other.scatter, rtol=1e-12, atol=1e-12 * scale**2)


@given(ROWS, ROWS)
def test_merging_is_the_whole(a, b):
    both = np.vstack([a, b])
    assert_same(together(Moments.of(a), Moments.of(b)), Moments.of(both), 1 + np.abs(both).max() * len(both))


@given(ROWS, ROWS, ROWS)
def test_merging_does_not_care_about_order_or_grouping(a, b, c):
    x, y, z = Moments.of(a), Moments.of(b), Moments.of(c)
    scale = 1 + 18 * max(np.abs(m).max() for m in (a, b, c))
    assert_same(together(x, y), together(y, x), scale)
    assert_same(together(together(x, y), z), together(x, together(y, z)), scale)


def test_an_empty_cell_changes_nothing():
    some = Moments.of([[1.0, 2.0], [3.0, 5.0]])
    empty = Moments(np.zeros(1), np.zeros((1, 2)), np.zeros((1, 2, 2)))
    assert_same(together(empty, some), some, 1)


def test_nothing_cancels_at_a_mean_of_billions():
    """Raw sums of squares give a variance of −1.6e8 here."""
    rng = np.random.default_rng(1)
    x = 1.7e9 + rng.standard_normal((4000, 1))
    parts = [Moments.of(part) for part in np.array_split(x, 7)]
    whole = together(*parts)
    assert whole.scatter[0, 0, 0] == pytest.approx(((x - x.mean()) ** 2).sum(), rel=2e-8)


def test_logarithms_merge_by_their_own_numbers():
    rng = np.random.default_rng(2)
    a, b = rng.lognormal(size=5), rng.lognormal(size=9)

    def logs(x: np.ndarray) -> tuple[float, float, float]:
        y = np.log(x)
        return len(y), y.mean(), ((y - y.mean()) ** 2).sum()

    cells = np.array([logs(a), logs(b), (0, 0, 0)])
    parts = Logs(*(column[:, None] for column in cells.T))
    whole = merged_logs(parts, np.zeros(3, dtype=np.int64), 1)
    assert tuple(float(part[0, 0]) for part in whole) == pytest.approx(logs(np.concatenate([a, b])), rel=1e-12)


def test_identical_twins_double_the_variance():
    values = np.repeat([1.0, 2.0, 4.0, 9.0, 3.0, 7.0], 2)
    about = values - values.mean()
    square = (about**2).sum()
    effect = design_effect(6, ((about.reshape(-1, 2).sum(axis=1)) ** 2).sum(), 12, square)
    assert effect == pytest.approx(2 * (11 / 12) * (6 / 5))


def test_clusters_of_one_have_no_effect():
    about = np.array([-1.0, 0.0, 1.0])
    assert design_effect(3, (about**2).sum(), 3, (about**2).sum()) == pytest.approx(1)


def test_a_sample_of_values_knows_its_error():
    assert Sample.of([1.0, 2.0, 3.0]).error == pytest.approx(1 / np.sqrt(3))
