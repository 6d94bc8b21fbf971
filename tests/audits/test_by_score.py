"""Scores by group: areas that are one are not told apart, and one that is lower is."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from workbench.audits import audit_scores
from workbench.data import ScoreCube
from workbench.errors import Misuse


def scored(rng, n, noise):
    group = rng.integers(0, len(noise), n)
    truth = rng.random(n)
    label = (rng.random(n) < truth).astype(int)
    score = np.clip(truth + rng.normal(0, np.array(noise)[group]), 0, 1).round(2)
    return group, score, label


def test_areas_are_scikit_learns():
    group, score, label = scored(np.random.default_rng(0), 3000, [0.05, 0.3])
    audit = audit_scores(ScoreCube.scan({"g": group}, score=score, label=label))
    for each in audit.groups:
        rows = group == int(each.group[0])
        assert each.auc.value == pytest.approx(roc_auc_score(label[rows], score[rows]), abs=1e-12)
        assert each.calibration.observed == pytest.approx(label[rows].mean())
    assert audit.same_auc < 0.001
    assert audit.sentence.startswith("How well scores rank differs between groups")


def test_equal_groups_are_told_apart_no_oftener_than_said():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(200):
        group, score, label = scored(rng, 1200, [0.1] * 4)
        found += audit_scores(ScoreCube.scan({"g": group}, score=score, label=label)).same_auc <= 0.05
    assert found <= 20


def test_one_group_is_not_compared_and_bands_must_fit():
    cube = ScoreCube.scan({"g": ["a"] * 4}, score=[0.1, 0.2, 0.3, 0.4], label=[0, 1, 0, 1])
    assert audit_scores(cube).same_auc is None
    with pytest.raises(Misuse, match="bands of 1000"):
        audit_scores(cube, bands=0)
