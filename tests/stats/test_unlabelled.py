"""Label-free estimates against a plain expectation, and how often their intervals hold what happens."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.fairness import rate
from workbench.stats.unlabelled import WEIGHT, chances, estimated


def cases(rng, n, shape, bins=100):
    place = np.minimum((rng.beta(*shape, n) * bins).astype(int), bins - 1)
    label = (rng.random(n) < (place + 0.5) / bins).astype(int)
    table = np.zeros((2, bins), int)
    np.add.at(table, (label, place), 1)
    return table


def test_the_chance_of_a_bin_is_drawn_to_that_of_all_groups():
    reference = np.array([[[0, 0], [0, 0]], [[300, 100], [100, 300]]])
    yes, no = chances(reference)
    assert (yes / (yes + no))[0] == pytest.approx([0.25, 0.75], abs=0.001)
    assert yes[1, 0] == pytest.approx(100 + WEIGHT * 0.25, abs=0.01)


def test_the_spread_is_that_of_sums_of_beta_binomials():
    reference, today = np.array([[[30, 5], [10, 25]]]), np.array([[40, 60]])
    found = estimated(reference, today, 1, np.random.default_rng(0), draws=100_000)
    yes, no = chances(reference, [0.25, 0.75])
    for side in (0, 1):
        wanted = stats.betabinom(today[0, side], yes[0, side], no[0, side])
        positives = found.draws[:, 0, 1, side]
        assert found.counts[0, 1, side] == pytest.approx(wanted.mean())
        assert positives.mean() == pytest.approx(wanted.mean(), rel=0.003)
        assert positives.std() == pytest.approx(wanted.std(), rel=0.02)
        assert np.quantile(positives, [0.025, 0.975]) == pytest.approx(wanted.interval(0.95), abs=1.0)


def test_intervals_hold_what_happens_as_often_as_they_say_though_inputs_have_shifted():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(200):
        reference = np.stack([cases(rng, 4000, (2, 3)), cases(rng, 1000, (2, 4))])
        today = np.stack([cases(rng, 2000, (3, 3)), cases(rng, 500, (3, 4))])
        found = estimated(reference, today.sum(axis=1), 50, rng, draws=500)
        low, high = np.quantile(rate(found.draws, "fnr"), [0.025, 0.975], axis=0)
        actual = today[:, 1, :50].sum(axis=1) / today[:, 1].sum(axis=1)
        hits += ((low <= actual) & (actual <= high)).sum()
    assert 0.91 <= hits / 400 <= 0.985


def test_all_or_no_answers_can_be_yes():
    reference, today = np.array([[[30, 5], [10, 25]]]), np.array([[40, 60]])
    for edge, prediction in ((0, 1), (2, 0)):
        counts = estimated(reference, today, edge, np.random.default_rng(0)).counts
        assert counts[0, :, prediction].sum() == pytest.approx(100)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must fit"):
        estimated(np.ones((1, 2, 3)), np.ones((1, 4)), 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="and a case"):
        chances(np.zeros((1, 2, 3)))
