"""Attribution: Shapley's axioms by brute force, weights by known densities, and worlds whose truth is known."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit

from workbench.stats.attribution import _Side, attribute, shapley, shapley_shares
from workbench.stats.domain import Column, basis, tilts
from workbench.stats.onset import onset


def by_orders(value, players):
    """The mean over every order of what a player adds, as Shapley defines it."""
    found = np.zeros(players)
    for order in itertools.permutations(range(players)):
        mask = 0
        for player in order:
            found[player] += value[mask | 1 << player] - value[mask]
            mask |= 1 << player
    return found / math.factorial(players)


def test_shapley_values_are_the_mean_over_every_order():
    value = np.random.default_rng(0).normal(size=1 << 6)
    assert shapley(value) == pytest.approx(by_orders(value, 6), abs=1e-12)


def test_shapley_values_add_up_and_a_dummy_gets_nothing():
    value = np.random.default_rng(1).normal(size=(3, 1 << 5))
    found = shapley(value)
    assert found.sum(axis=1) == pytest.approx(value[:, -1] - value[:, 0], abs=1e-12)
    subsets = np.arange(1 << 5)
    assert shapley(value[0][subsets & 0b10111])[3] == pytest.approx(0.0, abs=1e-12)


def test_random_orders_come_near_with_an_error_that_holds():
    rng = np.random.default_rng(2)
    players = 12
    effect, pair = rng.normal(size=players), rng.normal(size=(players, players)) / 4
    value = lambda s: (s @ effect + ((s @ pair) * s).sum(axis=1))[None]  # noqa: E731
    exact = effect + np.diag(pair) + ((pair + pair.T).sum(axis=1) - 2 * np.diag(pair)) / 2
    every = shapley_shares(lambda s: value(s.astype(float)), players, rng=rng, exact=12)
    some = shapley_shares(lambda s: value(s.astype(float)), players, rng=rng)
    assert every.values[0] == pytest.approx(exact, abs=1e-9)
    assert not every.errors.any()
    assert some.values[0].sum() == pytest.approx(exact.sum(), abs=1e-9)
    assert (np.abs(some.values[0] - exact) <= 4 * some.errors + 1e-9).all()


def test_the_curves_are_the_logarithm_of_the_ratio_of_densities():
    """Normal sets a unit apart: the log of the ratio is x - 1/2 in the column that moved, 0 in the other."""
    rng = np.random.default_rng(3)
    before, now = rng.normal(0, 1, (8000, 2)), rng.normal((1, 0), 1, (8000, 2))
    found = tilts([Column(before[:, j], now[:, j]) for j in range(2)], rng=rng)
    inner = np.abs(before[:, 0]) < 2
    slope = np.polyfit(before[inner, 0], found.before[inner, 0], 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)
    assert found.before[:, 1].std() < 0.1


def test_a_category_has_the_ratio_of_its_shares():
    before, now = np.repeat([0.0, 1.0], [6000, 2000]), np.repeat([0.0, 1.0], [2000, 6000])
    found = tilts([Column(before, now, 2)], rng=np.random.default_rng(4))
    step = found.before[-1, 0] - found.before[0, 0]
    assert step == pytest.approx(np.log(9), abs=0.05)


def test_a_value_that_is_not_known_tells_nothing():
    rng = np.random.default_rng(5)
    before, now = rng.normal(0, 1, 4000), rng.normal(0, 1, 4000)
    now[:1500] = np.nan
    found = tilts([Column(before, now)], rng=rng)
    assert np.abs(found.now[:, 0] - found.before[:, 0].mean()).max() < 0.5


def world(rng, n=4000, *, shift=0.0, turned=0.0):
    """x0 moves by `shift`, x1 follows it, and the part of x2 in the outcome is turned; losses and their means."""
    sides = []
    for move, turn in ((0.0, 0.0), (shift, turned)):
        x0 = rng.normal(move, 1, n)
        x = np.column_stack([x0, 0.6 * x0 + rng.normal(0, 0.8, n), rng.normal(0, 1, n)])
        chance = expit(1.5 * x[:, 0] + (1 - turn) * x[:, 2])
        answer = 1.5 * x[:, 0] + x[:, 2] >= 0
        loss = (answer != (rng.random(n) < chance)).astype(float)
        sides.append((x, loss))
    return sides


def attributed(rng, **kind):
    (a, loss_a), (b, loss_b) = world(rng, **kind)
    found = tilts([Column(a[:, j], b[:, j]) for j in range(3)], rng=rng)
    return attribute(found, loss_a, loss_b, rng=rng, draws=300)


@pytest.mark.parametrize("kind", [{}, {"shift": 1.0}, {"turned": 2.0}, {"shift": 0.7, "turned": 1.0}])
def test_the_parts_add_up_to_the_difference(kind):
    found = attributed(np.random.default_rng(6), **kind)
    assert found.inputs.value + found.relation.value == pytest.approx(found.total.value, abs=1e-12)
    assert sum(part.value for part in found.columns) == pytest.approx(found.inputs.value, abs=1e-12)
    assert found.now - found.before == pytest.approx(found.total.value, abs=1e-12)


def test_where_inputs_moved_the_relation_is_not_accused_nor_the_column_that_followed():
    found = attributed(np.random.default_rng(7), n=20_000, shift=-0.7)
    assert found.relation.low < 0 < found.relation.high
    assert found.columns[0].value == pytest.approx(found.inputs.value, abs=0.002)
    assert abs(found.columns[1].value) < 0.002


def test_where_the_relation_changed_inputs_are_not_accused():
    found = attributed(np.random.default_rng(8), n=20_000, turned=2.0)
    assert found.relation.low > 0.15
    assert all(part.low < 0 < part.high for part in found.columns)


def test_on_known_densities_the_shared_cases_are_those_of_the_paper():
    """Weights q / (p + q) by the true densities give the same four numbers."""
    rng = np.random.default_rng(9)
    a, b = rng.normal(0, 1, 40_000), rng.normal(1, 1, 40_000)
    loss_a, loss_b = np.sin(a) + rng.normal(0, 0.1, 40_000), np.sin(b) + 0.3 + rng.normal(0, 0.1, 40_000)
    found = attribute(tilts([Column(a, b)], rng=rng), loss_a, loss_b, rng=rng, draws=200)
    weight_a, weight_b = expit(a - 0.5), expit(0.5 - b)
    assert found.shared_before == pytest.approx(np.average(loss_a, weights=weight_a), abs=0.012)
    assert found.shared_now == pytest.approx(np.average(loss_b, weights=weight_b), abs=0.012)
    assert found.relation.value == pytest.approx(0.3, abs=0.01)
    assert found.overlap == pytest.approx((weight_a.mean() ** 2) / (weight_a**2).mean(), abs=0.02)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say():
    """Eighty worlds in which nothing changed, and eighty in which one column moved and the relation did too."""
    quiet = [attributed(np.random.default_rng(100 + k), n=1500) for k in range(80)]
    assert np.mean([p.low <= 0 <= p.high for each in quiet for p in (*each.columns, each.relation)]) > 0.92
    rng = np.random.default_rng(10)
    truth = attributed(rng, n=400_000, shift=0.7, turned=1.0)
    moved = [attributed(np.random.default_rng(200 + k), n=1500, shift=0.7, turned=1.0) for k in range(80)]
    for part in ("inputs", "relation", "total"):
        true = getattr(truth, part).value
        assert np.mean([getattr(each, part).low <= true <= getattr(each, part).high for each in moved]) > 0.85


def test_an_onset_is_found_where_it_is_and_rarely_where_it_is_not():
    rng = np.random.default_rng(11)
    steps = (rng.random(3000) < np.where(np.arange(3000) < 1800, 0.02, 0.3)).astype(float)
    found = onset(steps)
    assert abs(found.place - 1800) < 15 and found.p_value < 1e-10
    assert np.mean([onset(rng.normal(size=500)).p_value < 0.05 for _ in range(400)]) < 0.08
    assert onset([1.0, 1.0, 1.0]) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shapley(np.zeros(3)), "power of two"),
        (lambda: shapley_shares(np.zeros, 12, rng=np.random.default_rng(0), orders=5), "must be even"),
        (lambda: tilts([], rng=np.random.default_rng(0)), "two folds"),
    ],
)
def test_what_cannot_be_divided_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_halves_of_the_columns_give_the_weights_of_all_of_them():
    """The ratio of a subset is worked out directly here."""
    rng = np.random.default_rng(0)
    for players in (1, 2, 5):
        tilt, loss = rng.normal(0, 2, (300, players)), rng.random(300)
        side = _Side(tilt, loss, rng, 5)
        subsets = (np.arange(1 << players)[:, None] >> np.arange(players) & 1).astype(bool)
        found = side.shared(subsets)[0]
        for subset, value in zip(subsets, found, strict=True):
            ratio = np.exp(tilt[:, subset].sum(axis=1))
            ratio /= ratio.mean()
            assert value == pytest.approx(np.average(loss, weights=ratio / (1 + ratio)), abs=1e-12)


def test_a_curve_along_a_column_is_its_parts_times_the_curve():
    rng = np.random.default_rng(0)
    number = np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200))
    code = rng.integers(-1, 4, 200).astype(float)
    silent = np.full(150, np.nan)
    for column in (Column(number, number[:150]), Column(code, code[:150], 4), Column(number, silent)):
        for side in basis(column):
            curve, asked = rng.normal(size=side.size), rng.permutation(len(side.values))[:50]
            assert side.rows().sum(axis=1) == pytest.approx(1.0)
            assert side.along(curve, asked) == pytest.approx(side.rows(asked) @ curve)
