"""Scores in bins against scikit-learn, against the same scores case by case, and by simulation."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, roc_auc_score

from workbench.stats.classification import auc
from workbench.stats.score_bins import area_under_curve, calibration, confusions

BINS = 50


def drawn(seed, n=3000, lift=1.0):
    """Scores on the middles of bins, and labels that are likelier for high ones."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, BINS, n)
    score = (place + 0.5) / BINS
    label = (rng.random(n) < np.clip(score * lift, 0, 1)).astype(int)
    return place, score, label


def table_of(place, label):
    table = np.zeros((1, 2, BINS), int)
    np.add.at(table, (0, label, place), 1)
    return table


@pytest.mark.parametrize("seed", range(3))
def test_the_area_and_its_interval_are_those_of_the_cases_one_by_one(seed):
    place, score, label = drawn(seed)
    (found,) = area_under_curve(table_of(place, label))
    assert found.value == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    wanted = auc(label, score)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_delongs_interval_covers_as_often_as_it_says():
    rng, hits = np.random.default_rng(3), 0
    chance = np.stack([np.linspace(2, 1, 10), np.linspace(1, 2, 10)]) / 15
    true = float((chance[1] * (np.cumsum(chance[0]) - chance[0] / 2)).sum())
    tables = np.stack([rng.multinomial(150, chance[label], size=500) for label in (0, 1)], axis=1)
    for found in area_under_curve(tables):
        hits += found.low <= true <= found.high
    assert 0.925 <= hits / 500 <= 0.975


def test_one_label_only_has_no_area_and_one_case_of_a_label_no_interval():
    nothing = np.zeros(4, int)
    one_label, one_case = np.array([nothing, [1, 2, 0, 0]]), np.array([[0, 1, 0, 0], [1, 0, 2, 0]])
    assert area_under_curve(one_label[None])[0].value is None
    assert area_under_curve(one_case[None])[0].low is None


def test_confusions_are_those_of_each_threshold():
    place, _, label = drawn(0, 400)
    found = confusions(table_of(place, label))[0]
    for edge in range(BINS + 1):
        wanted = confusion_matrix(label, (place >= edge).astype(int), labels=[0, 1])
        assert found[edge].tolist() == wanted.tolist()


def test_the_calibration_curve_is_scikit_learns():
    place, score, label = drawn(1)
    (found,) = calibration(table_of(place, label), bands=10)
    observed, predicted = calibration_curve(label, score, n_bins=10)
    assert [row[1] for row in found.curve] == pytest.approx(observed.tolist())
    assert [row[0] for row in found.curve] == pytest.approx(predicted.tolist())
    weight = np.array([row[2] for row in found.curve]) / len(label)
    assert found.error == pytest.approx((weight * np.abs(observed - predicted)).sum())


def test_a_calibrated_group_is_not_found_off_and_another_is():
    covered = 0
    for seed in range(200):
        place, _, label = drawn(seed, 500)
        (found,) = calibration(table_of(place, label))
        covered += found.excess.low <= 0 <= found.excess.high
    assert 0.91 <= covered / 200 <= 0.99
    place, _, label = drawn(0, lift=0.7)
    assert calibration(table_of(place, label))[0].excess.high < -0.1


def test_a_group_without_cases_has_no_calibration_and_wrong_shapes_are_refused():
    assert calibration(np.zeros((1, 2, 20), int))[0].observed is None
    with pytest.raises(ValueError, match="needs \\(groups, 2, bins\\)"):
        area_under_curve(np.zeros((1, 3, 20)))
    with pytest.raises(ValueError, match="30 bands of 20"):
        calibration(np.zeros((1, 2, 20)), bands=30)


def test_a_group_whose_few_labels_agree_is_not_shown_to_be_off():
    table = np.zeros((1, 2, 20), int)
    table[0, 1, 11] = 3  # three yes at a score of 0.575
    excess = calibration(table)[0].excess
    assert excess.value == pytest.approx(0.425) and excess.low < 0 < excess.high
