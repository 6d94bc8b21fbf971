"""Falling curves are those of scikit-learn, for any number of curves at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.stats.isotonic import falling


def test_it_is_scikit_learns_isotonic_regression():
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(3)
    values, weights = rng.normal(size=(40, 3, 9)), rng.uniform(0.1, 5, (3, 9))
    fitted = falling(values, weights)
    for i, j in np.ndindex(40, 3):
        oracle = IsotonicRegression(increasing=False).fit(np.arange(9), values[i, j], weights[j]).predict(np.arange(9))
        assert fitted[i, j] == pytest.approx(oracle, abs=1e-12)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12), st.data())
def test_it_falls_keeps_the_weighted_mean_and_repeats(values, data):
    weights = np.array(data.draw(st.lists(st.floats(0.01, 100), min_size=len(values), max_size=len(values))))
    fitted = falling(np.array(values), weights)
    assert (np.diff(fitted) <= 1e-9).all()
    assert weights @ fitted == pytest.approx(weights @ np.array(values), abs=1e-6 * weights.sum())
    assert falling(fitted, weights) == pytest.approx(fitted, abs=1e-9)


def test_a_curve_that_falls_already_is_left_alone():
    curve = np.array([3.0, 2.0, 2.0, -1.0])
    assert falling(curve, np.array([1.0, 9.0, 2.0, 0.5])) == pytest.approx(curve, abs=1e-14)


def test_a_weight_of_zero_is_refused():
    with pytest.raises(ValueError, match="not above zero"):
        falling(np.ones(2), np.array([1.0, 0.0]))
