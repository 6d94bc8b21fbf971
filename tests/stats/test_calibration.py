"""Calibration: scikit-learn's curve, statsmodels' test, and laws that honest probabilities keep."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from statsmodels.stats.diagnostic_gen import test_chisquare_binning as binned_test

from workbench.stats.calibration import (
    calibration_error,
    expected_calibration_error,
    hosmer_lemeshow,
    reliability,
    spiegelhalter,
)


def honest(rng, n=2000, bend=0.0):
    chance = rng.beta(2, 3, n)
    return (rng.random(n) < np.clip(chance + bend, 0, 1)).astype(int), chance


def test_the_curve_is_scikit_learns():
    label, chance = honest(np.random.default_rng(0))
    curve = reliability(label, chance)
    shares, means = calibration_curve(label, chance, n_bins=10, strategy="quantile")
    assert curve.shares == pytest.approx(shares, abs=1e-15)
    assert curve.means == pytest.approx(means, abs=1e-15)
    assert curve.cases.sum() == 2000


def test_equal_probabilities_share_a_bin():
    curve = reliability([0, 1, 1, 0, 1], [0.5, 0.5, 0.5, 0.5, 0.9], bins=10)
    assert curve.cases.tolist() == [4, 1]


@pytest.mark.parametrize("fitted", [False, True])
def test_hosmer_lemeshow_is_statsmodels(fitted):
    label, chance = honest(np.random.default_rng(1), bend=0.05)
    curve = reliability(label, chance)
    inner = np.quantile(chance, np.linspace(0, 1, 11)[1:-1])
    theirs = binned_test(
        np.column_stack([1 - label, label]),
        np.column_stack([1 - chance, chance]),
        sort_var=np.searchsorted(inner, chance) + chance / 10,
        bins=10,
        df=8 if fitted else 10,
    )
    found = hosmer_lemeshow(curve, fitted=fitted)
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_tests_of_honest_probabilities_reject_as_often_as_they_say():
    rng = np.random.default_rng(2)
    p = np.array(
        [
            (spiegelhalter(y, c).p_value, hosmer_lemeshow(reliability(y, c)).p_value)
            for y, c in (honest(rng) for _ in range(400))
        ]
    )
    assert ((p < 0.05).mean(axis=0) < 0.085).all()
    assert ((p < 0.05).mean(axis=0) > 0.02).all()


def test_spiegelhalters_sign_tells_which_way_probabilities_lean():
    rng = np.random.default_rng(3)
    chance = rng.beta(2, 2, 5000)
    truth = (rng.random(5000) < 0.5 + (chance - 0.5) / 2).astype(int)  # they are too sure
    assert spiegelhalter(truth, chance).statistic > 5
    assert spiegelhalter((rng.random(5000) < chance).astype(int), 0.5 + (chance - 0.5) / 2).statistic < -5


def test_the_floor_is_the_error_that_honest_probabilities_have():
    rng = np.random.default_rng(4)
    found = [expected_calibration_error(reliability(*honest(rng))) for _ in range(300)]
    assert np.mean([each.value for each in found]) == pytest.approx(np.mean([each.floor for each in found]), rel=0.03)


@pytest.mark.parametrize("bend", [0.0, 0.03, 0.1])
def test_the_interval_holds_the_true_error(bend):
    rng = np.random.default_rng(5)
    hit = []
    for _ in range(300):
        label, chance = honest(rng, bend=bend)
        found = calibration_error(reliability(label, chance))
        true = np.sqrt(np.mean((np.clip(chance + bend, 0, 1) - chance) ** 2))
        hit.append(found.low <= true <= found.high)
    assert np.mean(hit) > 0.92


def test_the_squared_error_is_unbiased():
    rng = np.random.default_rng(6)
    squares = [calibration_error(reliability(*honest(rng, bend=0.1))).value ** 2 for _ in range(300)]
    assert np.mean(squares) == pytest.approx(0.01, abs=0.0006)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability([0, 1], [0.5]), "each case needs both"),
        (lambda: reliability([0, 2], [0.5, 0.5]), "zeros and ones"),
        (lambda: reliability([0, 1], [0.5, 1.5]), r"no number in \[0, 1\]"),
        (lambda: reliability([0, 1], [0.5, 0.5], bins=0), "at least 1"),
        (lambda: spiegelhalter([0, 1], [0.5, 1.0]), "one half"),
        (lambda: hosmer_lemeshow(reliability([0, 1], [0.0, 1.0])), "needs probabilities between"),
        (lambda: hosmer_lemeshow(reliability([0, 1], [0.5, 0.5]), fitted=True), "degrees of freedom"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_labels_that_agree_do_not_show_that_chance_is_away():
    found = calibration_error(reliability([1, 1, 1, 1], [0.6, 0.6, 0.6, 0.6], bins=1))
    assert found.low == 0.0 and found.high > 0.5
    certain = calibration_error(reliability([0] * 50, [0.0] * 50))
    assert certain.low < certain.high


@pytest.mark.parametrize("n", [100, 200])
def test_honest_probabilities_of_few_cases_seem_off_as_rarely_as_it_says(n):
    rng = np.random.default_rng(7)
    lows = [calibration_error(reliability(*honest(rng, n))).low for _ in range(500)]
    assert np.mean(np.array(lows) > 0) <= 0.05
