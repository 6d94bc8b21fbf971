"""Errors of numbers: scikit-learn's values, a bootstrap's intervals, and intervals that hold."""

import numpy as np
import pytest
from sklearn import metrics as peer

from workbench.stats.regression import mae, r_squared, rmse

THEIRS = {mae: peer.mean_absolute_error, rmse: peer.root_mean_squared_error, r_squared: peer.r2_score}


def sample(rng, n=400):
    truth = rng.gamma(2, 10, n)
    return truth, truth * 0.8 + rng.normal(0, 6, n)


@pytest.mark.parametrize("metric", THEIRS)
def test_a_value_is_scikit_learns(metric):
    truth, guess = sample(np.random.default_rng(0))
    assert metric(truth, guess).value == pytest.approx(THEIRS[metric](truth, guess), rel=1e-12)


@pytest.mark.parametrize("metric", THEIRS)
def test_an_interval_is_that_of_a_bootstrap_of_rows(metric):
    rng = np.random.default_rng(1)
    truth, guess = sample(rng)
    rows = rng.integers(400, size=(2000, 400))
    brute = [THEIRS[metric](truth[r], guess[r]) for r in rows]
    found = metric(truth, guess)
    width = found.high - found.low
    assert (found.low, found.high) == pytest.approx(np.quantile(brute, (0.025, 0.975)), abs=0.12 * width)


@pytest.mark.parametrize(("metric", "true"), [(mae, 4.787), (rmse, 6.0), (r_squared, 0.82)])
def test_an_interval_holds_the_truth_as_often_as_it_says(metric, true):
    rng = np.random.default_rng(2)
    hit = []
    for _ in range(500):
        truth = rng.gamma(2, 10, 300)
        found = metric(truth, truth + rng.normal(0, 6, 300))
        hit.append(found.low <= true <= found.high)
    assert np.mean(hit) > 0.92


def test_what_is_undefined_stays_undefined():
    assert r_squared([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).value is None
    assert rmse([1.0, 2.0], [1.0, 2.0]).low is None
    assert mae([1.0], [2.0]).low is None
    assert r_squared([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).value == 1.0


@pytest.mark.parametrize(("truth", "guess", "message"), [([1], [1, 2], "needs both"), ([np.nan], [1], "not finite")])
def test_what_cannot_be_judged_is_refused(truth, guess, message):
    with pytest.raises(ValueError, match=message):
        mae(truth, guess)


def test_errors_of_one_size_have_no_interval():
    assert mae([1.0, 2.0, 5.0], [2.0, 1.0, 6.0]).low is None and rmse([1.0, 2.0, 5.0], [2.0, 1.0, 6.0]).low is None
