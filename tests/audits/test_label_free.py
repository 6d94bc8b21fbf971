"""Estimates without labels state their assumption, hold where it holds, and are reconciled with what happens."""

import numpy as np
import pytest

from workbench.audits import estimate_unlabelled
from workbench.data import ScoreCube
from workbench.errors import Misuse


def cases(rng, n, shapes, honest=True, labelled=True):
    group = rng.choice(list(shapes), n)
    score = np.array([rng.beta(*shapes[g]) for g in group])
    label = rng.random(n) < (score if honest else score**3)
    return ScoreCube.scan({"g": group}, score=score, label=label.astype(int) if labelled else None)


BEFORE, NOW = {"a": (2, 2), "b": (2, 4)}, {"a": (3, 2), "b": (3, 4), "new": (2, 3)}


def test_rates_of_shifted_cases_are_estimated_by_group_and_over_all():
    rng = np.random.default_rng(0)
    reference, current = cases(rng, 8000, BEFORE), cases(rng, 6000, NOW)
    found = estimate_unlabelled(reference, current, 0.4, rng=rng)
    actual = current.at(0.4)
    rows = found.reconcile(current)
    assert {row.group for row in rows} == set(actual.cells)
    assert sum(row.inside for row in rows) >= 0.9 * len(rows)
    for row in rows:
        assert row.estimate.value == pytest.approx(row.actual, abs=0.06)
    assert "cannot see a changed relation" in found.assumption
    assert found.waiting == current.total


def test_a_changed_relation_is_seen_when_labels_arrive_and_not_before():
    rng = np.random.default_rng(1)
    reference, current = cases(rng, 8000, BEFORE), cases(rng, 6000, BEFORE, honest=False)
    found = estimate_unlabelled(reference, current, 0.4, rng=rng)
    precision = [row for row in found.reconcile(current) if row.metric == "precision"]
    assert not any(row.inside for row in precision)


def test_labels_change_nothing_in_the_estimate():
    """What is known of today's labels is not peeped at."""
    now = [cases(np.random.default_rng(2), 500, BEFORE, labelled=known) for known in (True, False)]
    reference = cases(np.random.default_rng(3), 2000, BEFORE)
    one, other = (estimate_unlabelled(reference, cube, 0.5, rng=np.random.default_rng(0)) for cube in now)
    assert one == other


def test_cubes_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(Misuse, match="the reference is by"):
        estimate_unlabelled(ScoreCube.scan({"h": ["a"]}, score=[0.1], label=[1]), cases(rng, 9, BEFORE), 0.5, rng=rng)
    with pytest.raises(Misuse, match="no label"):
        estimate_unlabelled(cases(rng, 9, BEFORE, labelled=False), cases(rng, 9, BEFORE), 0.5, rng=rng)
