"""Group sequential tests: published constants, other packages' numbers, laws by integration and simulation."""

import time

import numpy as np
import pytest
from scipy import special, stats

from workbench.stats.crossing import Boundaries, Ranking, crossing
from workbench.stats.group_sequential import (
    corrected,
    drift_for,
    obrien_fleming_spending,
    pocock_spending,
    power_spending,
    spending_boundaries,
    wang_tsiatis,
    with_futility,
)

OBF = obrien_fleming_spending(0.025)


@pytest.mark.parametrize(
    ("shape", "alpha", "looks", "constant"),
    [
        (0.5, 0.05, 2, 2.1783),
        (0.5, 0.05, 5, 2.4132),
        (0.5, 0.05, 10, 2.5550),
        (0.0, 0.05, 2, 1.9774),
        (0.0, 0.05, 5, 2.0401),
        (0.0, 0.05, 10, 2.0865),
        (0.5, 0.01, 5, 2.986),
        (0.0, 0.01, 5, 2.621),
        (0.5, 0.05, 20, 2.672),
        (0.0, 0.05, 20, 2.126),
    ],
)
def test_constants_are_those_that_are_published(shape, alpha, looks, constant):
    """Jennison & Turnbull (2000), tables 2.1 and 2.3."""
    found = wang_tsiatis(range(1, looks + 1), alpha, shape=shape).upper[-1]
    assert found == pytest.approx(constant, abs=6e-4 if constant == round(constant, 3) else 6e-5)


@pytest.mark.parametrize(
    ("shape", "looks", "factor"), [(0.5, 2, 1.110), (0.5, 5, 1.229), (0.0, 2, 1.008), (0.0, 5, 1.028), (0.0, 10, 1.040)]
)
def test_the_largest_sample_grows_by_the_published_factor(shape, looks, factor):
    """Jennison & Turnbull (2000), tables 2.2 and 2.4: 5 % two-sided, power 80 %."""
    drift = drift_for(wang_tsiatis(range(1, looks + 1), 0.05, shape=shape), 0.8)
    assert (drift / (stats.norm.isf(0.025) + stats.norm.isf(0.2))) ** 2 == pytest.approx(factor, abs=6e-4)


def test_lan_and_demets_boundaries_are_those_that_are_published():
    found = spending_boundaries(range(1, 6), 0.05, OBF).upper
    assert found == pytest.approx((4.8769, 3.3570, 2.6803, 2.2898, 2.0310), abs=6e-5)


@pytest.mark.parametrize("spending", [OBF, pocock_spending, power_spending(2)])
@pytest.mark.parametrize("two_sided", [True, False])
def test_all_of_alpha_is_spent_by_unequal_looks_as_agreed(spending, two_sided):
    information = (3.0, 4.0, 11.0, 20.0)
    bounds = spending_boundaries(information, 0.05, spending, two_sided=two_sided)
    side = 0.025 if two_sided else 0.05
    spent = np.cumsum(crossing(bounds).above)
    assert spent == pytest.approx([side * spending(i / 20) for i in information], abs=1e-10)


def test_earlier_boundaries_do_not_change_when_a_look_is_added():
    plan = (0.2, 0.4, 0.6, 0.8, 1.0)
    whole = spending_boundaries((10, 22, 30, 41, 50), 0.05, OBF, plan=plan)
    so_far = spending_boundaries((10, 22, 30), 0.05, OBF, plan=plan[:3])
    assert so_far.upper == pytest.approx(whole.upper[:3], abs=1e-9)


@pytest.mark.parametrize("grown", [1e-4, 3e-5, 1e-6, 1e-7, 1e-12])
def test_a_look_at_which_information_stood_still_changes_nothing_after_it(grown):
    """The last value was 2.130 after a step of a millionth, and nothing at all after a tenth of that."""
    once = spending_boundaries([1, 2], 0.05, pocock_spending)
    twice = spending_boundaries([1, 1 + grown, 2], 0.05, pocock_spending)
    assert twice.upper[::2] == pytest.approx(once.upper, abs=5e-4)
    assert crossing(twice).total == pytest.approx(0.05, abs=1e-6)
    best, bad = (corrected(twice, z * 0.1, 0.1) for z in (2.5, -1.0))
    assert (best.estimate, best.p) == pytest.approx(
        (corrected(once, 0.25, 0.1).estimate, corrected(once, 0.25, 0.1).p), abs=2e-4
    )
    assert bad.low == pytest.approx(corrected(once, -0.1, 0.1).low, abs=2e-4)


def test_more_error_spent_where_information_stands_still_is_spent_there():
    """Twice the same data at half of alpha and at all of it is the ordinary test."""
    found = spending_boundaries([1, 1 + 1e-9], 0.05, power_spending(1), plan=[0.5, 1.0])
    assert found.upper == pytest.approx([special.ndtri(1 - 0.0125), special.ndtri(0.975)], abs=1e-6)


@pytest.mark.parametrize("power", [0.8, 0.9])
def test_futility_spends_what_the_power_leaves_and_no_error(power):
    efficacy = spending_boundaries(range(1, 6), 0.05, OBF)
    both, drift = with_futility(efficacy, power, obrien_fleming_spending(1 - power))
    reached = crossing(both, drift)
    assert sum(reached.above) == pytest.approx(power, abs=1e-8)
    assert sum(reached.below) == pytest.approx(1 - power, abs=1e-8)
    assert both.upper == efficacy.upper
    assert sum(crossing(both).above) < 0.025 < sum(crossing(efficacy).above) + 1e-9
    assert drift > drift_for(efficacy, power)
    assert list(both.futility) == sorted(both.futility)


def test_futility_of_one_look_is_the_ordinary_test():
    both, drift = with_futility(Boundaries((1,), (1.96,), (-1.96,)), 0.8, pocock_spending)
    assert drift == pytest.approx(1.96 + stats.norm.isf(0.2), abs=1e-8) and both.futility == (1.96,)


def simulated(bounds, drift, runs, seed):
    """Stops of walks: the look, and the estimate of the drift there."""
    t = np.array(bounds.information) / bounds.information[-1]
    steps = np.diff(t, prepend=0.0)
    walks = np.cumsum(np.random.default_rng(seed).normal(drift * steps, np.sqrt(steps), (runs, len(t))), axis=1)
    z = walks / np.sqrt(t)
    out = (z >= bounds.upper) | (z <= bounds.floor)
    stop = np.where(out.any(axis=1), out.argmax(axis=1), len(t) - 1)
    return stop, (walks / t)[np.arange(runs), stop], 1 / np.sqrt(t[stop])


def test_the_corrected_estimate_is_as_often_too_high_as_too_low_and_its_interval_covers():
    """Corrected values increase with the result, so that one of each look says where the others fall."""
    bounds, drift = wang_tsiatis(range(1, 5), 0.05, shape=0.5), 2.5
    stop, estimate, error = simulated(bounds, drift, 100, 3)
    found = [corrected(bounds.until(k + 1), e, s) for k, e, s in zip(stop, estimate, error, strict=True)]
    ranks = [
        float(Ranking(bounds.until(k + 1)).chance(np.array(e / s), c.estimate / s))
        for c, k, e, s in zip(found, stop, estimate, error, strict=True)
    ]
    np.testing.assert_allclose(ranks, 0.5, atol=1e-7)
    assert np.mean([c.estimate > drift for c in found]) == pytest.approx(0.5, abs=0.15)
    assert np.mean([c.low <= drift <= c.high for c in found]) == pytest.approx(0.95, abs=0.06)
    assert np.mean(estimate) > drift, "the plain estimate is bent upwards"


@pytest.mark.parametrize("z", [5.0, 30.0, 60.0, 500.0])
def test_what_no_one_doubts_is_corrected_by_next_to_nothing(z):
    bounds = spending_boundaries(range(1, 201), 0.05, OBF)
    assert np.isfinite(bounds.upper).all() and bounds.upper[0] > 30
    found = corrected(bounds.until(1), z * 0.1, 0.1)
    assert (found.low, found.estimate, found.high) == pytest.approx(
        (0.1 * (z - 1.96), 0.1 * z, 0.1 * (z + 1.96)), rel=1e-4
    )
    later = corrected(bounds.until(2), z * 0.1, 0.1)
    assert np.isfinite([later.low, later.estimate, later.high]).all() and 0 < later.low < later.estimate < later.high
    if z < 50:
        assert later.estimate == pytest.approx(0.1 * z, rel=1e-3)


@pytest.mark.parametrize("look", [0, 1, 2, 3, 4])
def test_interval_and_p_value_agree_with_the_decision(look):
    bounds = spending_boundaries(range(1, 6), 0.05, OBF)
    error = 1 / np.sqrt(look + 1)
    at = bounds.upper[look]
    just, short = (corrected(bounds.until(look + 1), (at + d) * error, error) for d in (1e-6, -1e-3))
    assert (just.low > 0) == (just.p < 0.05)
    assert just.p == pytest.approx(2 * sum(crossing(bounds).above[: look + 1]), rel=1e-3)
    assert short.p > just.p and short.low < just.low


def test_better_and_worse_are_mirrored():
    bounds = wang_tsiatis(range(1, 4), 0.05)
    up, down = (corrected(bounds.until(2), sign * 0.4, 0.13) for sign in (1, -1))
    assert (up.estimate, up.low, up.high) == pytest.approx((-down.estimate, -down.high, -down.low), rel=1e-7)
    assert up.p == pytest.approx(down.p, rel=1e-7)


def test_boundaries_take_a_sixth_of_a_second_at_most():
    began = time.process_time()
    wang_tsiatis(range(1, 21), 0.05)
    spending_boundaries(range(1, 51), 0.05, OBF)
    assert time.process_time() - began < 0.5  # 0.1 on a quiet machine


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_an_alpha_that_is_no_probability_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        wang_tsiatis([1, 2], alpha)


@pytest.mark.parametrize("plan", [(0.5,), (0.5, 0.4), (0.5, 1.1)])
def test_a_plan_that_does_not_fit_the_looks_is_refused(plan):
    with pytest.raises(ValueError, match="plan is"):
        spending_boundaries([1, 2], 0.05, OBF, plan=plan)
