"""Simulated worlds and the ways of pricing set beside each other in them."""

import numpy as np
import pytest

from workbench.experiments.prices.design import FairBand, PricingDesign
from workbench.experiments.prices.rivals import RIVALS, ab_test, explore_then_commit, smooth_thompson
from workbench.experiments.prices.worlds import PRICES, WORLDS, guarded, simulate


def world(name="logit", seed=1, segments=8, days=100):
    return WORLDS[name](np.random.default_rng(seed), segments=segments, days=days)


@pytest.mark.parametrize("name", WORLDS)
def test_demand_falls_with_price_in_every_world(name):
    drawn = world(name)
    assert drawn.conversion.shape == (100, 8, 10)
    assert (np.diff(drawn.conversion) < 0).all()


def test_only_the_drifting_world_drifts():
    moves = {name: np.ptp(world(name).conversion, axis=0).max() for name in WORLDS}
    assert moves["logit"] == moves["two populations"] == 0 < moves["drifting"]


def test_two_populations_make_two_peaks_of_revenue():
    peaks = 0
    for seed in range(20):
        revenue = world("two populations", seed).revenue[0]
        inner = (revenue[:, 1:-1] > revenue[:, :-2]) & (revenue[:, 1:-1] > revenue[:, 2:])
        peaks += (inner.sum(axis=1) + (revenue[:, 0] > revenue[:, 1]) >= 2).sum()
    assert peaks > 0.9 * 20 * 8


def test_charging_the_best_price_loses_nothing_and_any_other_its_difference():
    drawn = world()
    best = np.eye(10)[drawn.revenue[0].argmax(axis=1)]
    assert simulate(lambda *_: best, drawn, np.random.default_rng(0)).regret == 0
    fixed = simulate(lambda *_: np.tile(np.eye(10)[0], (8, 1)), drawn, np.random.default_rng(0))
    seen = fixed.seen.sum(axis=(0, 2))
    expected = seen @ (drawn.revenue[0].max(axis=1) - drawn.revenue[0, :, 0]) / (seen @ drawn.revenue[0].max(axis=1))
    assert fixed.regret == pytest.approx(expected)


@pytest.mark.parametrize("name", RIVALS)
def test_every_way_of_pricing_gives_weights_from_the_first_day_on(name):
    run = simulate(RIVALS[name](PRICES), world(days=5), np.random.default_rng(0))
    assert run.weights.sum(axis=2) == pytest.approx(np.ones((5, 8)))
    assert run.seen.sum() == 2500 and (run.bought <= run.seen).all()


def test_the_pooled_curve_loses_less_than_committing():
    runs = [
        simulate(p, world(seed=3), np.random.default_rng(3))
        for p in (smooth_thompson(PRICES), explore_then_commit(PRICES))
    ]
    assert runs[0].regret < 0.07 < runs[1].regret


def test_a_fixed_test_stays_with_its_winner():
    run = simulate(ab_test(PRICES, control=29.0, challenger=59.0), world(), np.random.default_rng(0))
    assert (run.weights[:14, :, [4, 9]] == 0.5).all()
    assert (run.weights[14:, :, 4] == 1).all()


def test_a_design_keeps_its_limits_in_a_world():
    start = {f"s{i}": 29.0 for i in range(8)}
    band = FairBand(("s0", "s1"), largest_ratio=1.5)
    design = PricingDesign("plans", PRICES, start, floor=14.0, largest_move=0.4, fair=(band,))
    run = simulate(guarded(design, draws=100), world(days=12), np.random.default_rng(0))
    assert run.weights[:, :, 0].sum() == 0
    for day in run.weights:
        charged = np.array(PRICES)[day[:2].sum(axis=0) > 0]
        assert charged.max() / charged.min() <= 1.5
    assert run.state(design).days[-1] == "2026-01-12"
    assert run.state(design, 3).by_day.seen.sum() == 1500
