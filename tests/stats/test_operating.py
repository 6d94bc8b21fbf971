"""How rules work out: against exact integration, raw counts, published rates; and belief that stays calibrated."""

import time
from dataclasses import replace

import numpy as np
import pytest

from workbench.stats.always_valid import always_valid
from workbench.stats.crossing import Boundaries, crossing
from workbench.stats.effects import Component, EffectPrior, effect_posterior
from workbench.stats.group_sequential import pocock_spending, spending_boundaries, with_futility
from workbench.stats.operating import (
    always_valid_boundaries,
    calibration,
    chance_boundaries,
    information,
    loss_boundaries,
    operate,
)

LOOKS = np.arange(1, 21)
SHOP = np.sqrt(2 * 0.09 / (1000 * LOOKS))  # p = 0.1, a thousand more in each arm before every look
FLAT = EffectPrior.flat()
MIXED = EffectPrior((Component(0.7, 0.001, 0.002), Component(0.3, 0.0, 0.01, 4.0)))


def rng(seed=1):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("drift", [0.0, 1.5, -2.0])
def test_simulated_shares_are_those_of_exact_integration(drift):
    known = (2.0, 3.0, 7.0, 10.0)
    efficacy = spending_boundaries(known, 0.05, pocock_spending)
    bounds, _ = with_futility(efficacy, 0.8, pocock_spending)
    effect = drift / np.sqrt(known[-1])
    (found,) = operate(bounds, [effect], rng=rng(), runs=100_000)
    exact = crossing(bounds, drift)
    noise = 4 * 0.5 / np.sqrt(100_000)
    assert found.better == pytest.approx(sum(exact.above), abs=noise)
    assert found.worse + found.futile == pytest.approx(sum(exact.below), abs=noise)
    assert found.stops[:3] == pytest.approx(np.add(exact.above, exact.below)[:3], abs=noise)
    assert sum(found.stops) == pytest.approx(1.0)


def test_walks_stand_for_counts_of_people():
    """Binomial arms, twenty looks, the usual z-test at each."""
    draws = rng(3)
    control, treated = (np.cumsum(draws.binomial(1000, p, (20_000, 20)), axis=1) for p in (0.1, 0.105))
    n = 1000 * LOOKS
    a, b = control / n, treated / n
    z = (b - a) / np.sqrt((a * (1 - a) + b * (1 - b)) / n)
    out = np.abs(z) > 2.5
    first = np.where(out.any(axis=1), out.argmax(axis=1), 19)
    errors = np.sqrt((0.1 * 0.9 + 0.105 * 0.895) / n)
    (found,) = operate(Boundaries(information(errors), (2.5,) * 20, (-2.5,) * 20), [0.005], rng=rng())
    assert found.better == pytest.approx((out.any(axis=1) & (z[np.arange(20_000), first] > 0)).mean(), abs=0.016)
    assert found.mean_duration(LOOKS) == pytest.approx(first.mean() + 1, abs=0.25)
    assert found.median_duration(LOOKS) == np.median(first) + 1


@pytest.mark.parametrize(("looks", "rate"), [(1, 0.100), (5, 0.259), (10, 0.340), (20, 0.423), (50, 0.525)])
def test_a_chance_of_ninety_five_per_cent_without_a_prior_errs_as_often_as_was_measured(looks, rate):
    bounds = chance_boundaries(1 / np.sqrt(np.arange(1, looks + 1)), FLAT, 0.95)
    assert crossing(bounds).total == pytest.approx(rate, abs=0.003)


@pytest.mark.parametrize(("most", "ever", "last"), [(1e-3, 0.704, 0.445), (5e-4, 0.519, 0.274), (1e-4, 0.203, 0.074)])
def test_a_small_expected_loss_ships_a_change_that_does_nothing_as_often_as_was_measured(most, ever, last):
    both = loss_boundaries(SHOP, FLAT, most)
    ship = replace(both, lower=(-np.inf,) * 20)
    once = Boundaries(ship.information[-1:], ship.upper[-1:], ship.lower[-1:])
    assert crossing(ship).total == pytest.approx(ever, abs=0.008)
    assert crossing(once).total == pytest.approx(last, abs=0.004)


@pytest.mark.parametrize("prior", [FLAT, EffectPrior.normal(0.001, 0.004), MIXED])
def test_at_its_boundary_a_rule_of_belief_is_just_fulfilled(prior):
    for bounds, sides in (
        (chance_boundaries(SHOP[:4], prior, 0.95), [lambda b: b.chance_above(0), lambda b: 1 - b.chance_above(0)]),
        (loss_boundaries(SHOP[:4], prior, 2e-4), [lambda b: b.expected_shortfall(), lambda b: b.expected_gain()]),
    ):
        for k, error in enumerate(SHOP[:4]):
            at = [effect_posterior(z[k] * error, error, prior) for z in (bounds.upper, bounds.lower)]
            goal = 0.95 if sides[0](at[0]) > 0.5 else 2e-4
            assert [side(p) for side, p in zip(sides, at, strict=True)] == pytest.approx([goal, goal], rel=1e-6)


def test_an_always_valid_rule_stops_where_its_interval_leaves_zero():
    bounds = always_valid_boundaries(SHOP, scale=0.005, alpha=0.05)
    found = always_valid(np.array(bounds.upper) * SHOP, SHOP, scale=0.005)
    np.testing.assert_allclose(found.low, 0, atol=1e-12)


TRUTHS = [EffectPrior.normal(0.0, 0.0068), EffectPrior.normal(0.001, 0.004), MIXED]


@pytest.mark.parametrize("prior", TRUTHS)
def test_with_the_right_prior_a_reported_certainty_is_true_however_often_one_looks(prior):
    found = calibration(chance_boundaries(SHOP, prior, 0.95), prior, prior, rng=rng(), runs=200_000)
    noise = 3.5 * np.sqrt(0.04 / (200_000 * found.stopped))
    assert abs(found.reported - found.right) < max(0.003, noise)
    assert found.inflation == pytest.approx(1.0, abs=0.02)


def test_without_a_prior_ninety_seven_per_cent_are_ninety():
    """And the effect is reported at more than twice its size."""
    bounds = chance_boundaries(SHOP, FLAT, 0.95)
    found = calibration(bounds, TRUTHS[0], FLAT, rng=rng())
    matched = calibration(chance_boundaries(SHOP, TRUTHS[0], 0.95), TRUTHS[0], TRUTHS[0], rng=rng())
    assert (found.reported, found.right) == pytest.approx((0.9708, 0.9013), abs=0.003)
    assert (matched.reported, matched.right) == pytest.approx((0.9652, 0.9654), abs=0.003)
    assert found.inflation > 2


def test_an_early_stop_exaggerates():
    (found,) = operate(Boundaries((1, 2, 3), (2.3, 2.3, 2.3), (-2.3, -2.3, -2.3)), [1.0], rng=rng())
    assert found.inflation > 1.3
    nothing, never = operate(Boundaries((1,), (9.0,), (-9.0,)), [0.0, -1.0], rng=rng())
    assert nothing.inflation is None and never.estimate is None and nothing.open == 1.0


def test_twenty_thousand_runs_of_twenty_looks_take_less_than_half_a_second():
    bounds = chance_boundaries(SHOP, FLAT, 0.95)
    began = time.process_time()
    operate(bounds, [0.0], rng=rng())
    assert time.process_time() - began < 0.5  # 0.02 on a quiet machine


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: chance_boundaries([0.1], FLAT, 0.4), "the chance is 0.4"),
        (lambda: loss_boundaries([0.1], FLAT, 0.0), "the expected loss is 0"),
        (lambda: information([0.1, 0.0]), "each must be above zero"),
        (lambda: chance_boundaries([0.1, 0.2], FLAT, 0.9), "increase from look to look"),
        (lambda: calibration(Boundaries((1,), (2.0,), (-2.0,)), FLAT, FLAT, rng=rng()), "flat"),
        (lambda: calibration(Boundaries((1,), (99.0,), (-99.0,)), TRUTHS[0], FLAT, rng=rng()), "none of"),
    ],
)
def test_what_cannot_be_used_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
