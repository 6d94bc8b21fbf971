"""A KPI of a canary: bets on whose units the low values are; they win nothing on average while it is no worse."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from workbench.stats import canary_kpi
from workbench.stats.canary_kpi import BETS, CUT, ENOUGH, WARM, Difference, Units, difference, won

RAMP = (0.05, 0.1, 0.25, 0.5)


def world(rng, n, *, lower=0.0, ramp=RAMP, drift=True):
    """Units of skewed, heavy-tailed value whose level moves with time, while the canary's share grows."""
    share = np.repeat(ramp, -(-n // len(ramp)))[:n]
    level = 1 + 2 * np.linspace(0, 1, n) if drift else np.ones(n)
    canary = rng.random(n) < share
    value = level * rng.lognormal(1.0, 1.0, n) * (1 - lower * canary)
    return Units.of(canary, share, np.where(rng.random(n) < 0.3, 0.0, value))


def bet_by_hand(units, sign):
    """The capital after the last unit, one unit and one bet at a time."""
    total = 0.0
    for bet in BETS:
        capital = 1.0
        for k in range(WARM, len(units.value)):
            earlier = units.value[:k]
            if not earlier.std():
                continue
            g = float(np.clip(sign * (units.value[k] - earlier.mean()) / earlier.std(), -CUT, CUT))
            s, r = units.share[k], np.exp(-bet * g)
            capital *= (r if units.canary[k] else 1.0) / (s * r + 1 - s)
        total += capital / len(BETS)
    return total


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_capital_is_that_of_betting_unit_by_unit(sign):
    units = world(np.random.default_rng(3), 200, lower=0.4)
    assert np.exp(won(units, sign)[-1]) == pytest.approx(bet_by_hand(units, sign))


@given(
    st.lists(st.floats(-1e3, 1e6), min_size=4, max_size=7),
    st.lists(st.floats(0.02, 0.98), min_size=7, max_size=7),
)
@settings(max_examples=40, deadline=None)
def test_over_all_ways_to_assign_the_units_the_capital_is_one_on_average(values, shares):
    """Exact: every assignment with its probability, whatever the values are; no unit is left out of the bet."""
    n = len(values)
    share = np.array(shares[:n])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canary_kpi, "WARM", 1)
        mean = 0.0
        for sides in product([True, False], repeat=n):
            canary = np.array(sides)
            chance = float(np.where(canary, share, 1 - share).prod())
            mean += chance * float(np.exp(won(Units.of(canary, share, values))[-1]))
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_one_that_is_better_wins_even_less():
    """Each unit is worth more where it is the canary's: over all assignments the bets lose on average."""
    values, share, n = np.array([1.0, 5.0, 2.0, 8.0, 3.0, 4.0]), 0.3, 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canary_kpi, "WARM", 1)
        mean = 0.0
        for sides in product([True, False], repeat=n):
            canary = np.array(sides)
            chance = float(np.where(canary, share, 1 - share).prod())
            mean += chance * float(np.exp(won(Units.of(canary, share, values + 2.0 * canary))[-1]))
    assert mean < 1


@pytest.mark.parametrize("ramp", [(0.05,), (0.5,), RAMP, (0.5, 0.05)], ids=["5 %", "half", "ramp", "down"])
def test_a_canary_that_is_no_worse_is_hardly_ever_taken_back_whenever_one_stops(ramp):
    """Looked at after every unit; one in a hundred is promised, of 400 runs nine or more come by chance in 2 of 100."""
    rng = np.random.default_rng([7, len(ramp), int(100 * ramp[0])])
    refuted = sum(float(won(world(rng, 1500, ramp=ramp)).max()) >= np.log(100) for _ in range(400))
    assert refuted <= 8


def test_what_loses_the_margin_hardly_ever_passes_whenever_one_stops():
    """A loss of just the margin, of values that are near normal in the mean; one in a hundred is promised."""
    passed = 0
    for run in range(150):
        units = world(np.random.default_rng([11, run]), 3000, lower=0.25, drift=False)
        for end in range(300, 3001, 300):
            seen = Difference.begun(margin=0.25).look(Units(*(part[:end] for part in units)))
            if seen.low is not None and seen.low > -seen.loss:
                passed += 1
                break
    assert passed <= 4


@pytest.mark.parametrize("rate", [0.005, 0.02])
def test_what_is_rare_and_was_not_seen_yet_is_no_proof_that_it_does_not_happen(rate):
    """Complaints, twice as many with the canary: a hundred units without one look as if there were no spread."""
    passed = 0
    for run in range(60):
        rng = np.random.default_rng([13, run])
        canary = rng.random(4000) < 0.05
        value = (rng.random(4000) < np.where(canary, 2 * rate, rate)).astype(float)
        for end in range(2000, 4001, 250):
            units = Units.of(canary[:end], 0.05, value[:end])
            seen = Difference.begun(margin=0.05, better="down").look(units)
            if seen.low is not None and seen.low > -seen.loss:
                passed += 1
                break
    assert passed <= 1


def test_a_loss_is_found_and_no_loss_passes():
    rng = np.random.default_rng(1)
    worse = Difference.begun(margin=0.05).look(world(rng, 8000, lower=0.3))
    assert worse.state == "roll back"
    gap = worse.posterior()
    assert gap.chance_worse > 0.99 and gap.high < 0
    same = Difference.begun(margin=0.3).look(world(rng, 8000))
    assert same.state == "advance"
    assert same.nearness()[1] == 1.0


def test_less_may_be_better():
    rng = np.random.default_rng(2)
    canary = rng.random(8000) < 0.3
    units = Units.of(canary, 0.3, rng.exponential(10.0, 8000) - 2.0 * canary)
    fewer = Difference.begun(margin=0.05, better="down").look(units)
    assert (fewer.state, fewer.value > 1) == ("advance", True)
    assert Difference.begun(margin=0.05).look(units).state == "roll back"


def test_a_level_that_moves_while_the_share_grows_is_no_difference():
    """Pooled, the canary's units are later and so of higher value; within one share they are not."""
    units = world(np.random.default_rng(4), 40_000)
    value, error = difference(units)
    pooled = units.value[units.canary].mean() - units.value[~units.canary].mean()
    assert abs(value) < 3 * error
    assert pooled > 10 * error


def test_the_posterior_is_the_normal_one():
    units = world(np.random.default_rng(5), 5000, lower=0.1)
    seen = Difference.begun(margin=0.1).look(units)
    gap = seen.posterior()
    assert gap.chance_worse == pytest.approx(norm.cdf(0, seen.value, seen.error))
    assert gap.chance_loss == pytest.approx(norm.cdf(-0.1 * seen.stable, seen.value, seen.error))
    assert (gap.low, gap.high) == pytest.approx(norm.interval(0.95, seen.value, seen.error), rel=1e-3)


def test_of_a_handful_of_units_no_mean_is_read():
    rng = np.random.default_rng(6)
    canary = np.arange(5000) < ENOUGH - 1
    seen = Difference.begun(margin=0.3).look(Units.of(canary, 0.02, rng.exponential(10.0, 5000)))
    assert (seen.state, seen.low) == ("hold", None)
    assert Difference.begun(margin=0.3).look(Units.of([], 0.5, [])).state == "hold"


@pytest.mark.parametrize("value", [[0.0] * 500, [1e100] * 500, [3.0] * 499 + [1e100]])
def test_values_without_spread_or_beyond_measure_refute_nothing(value):
    seen = Difference.begun(margin=0.1).look(Units.of([i % 3 == 0 for i in range(500)], 1 / 3, value))
    assert seen.state in {"hold", "advance"} and seen.worst < np.log(100)
    assert Difference.of(json.loads(json.dumps(seen.as_dict(), allow_nan=False))) == seen


@pytest.mark.parametrize("given", [{"margin": 0.0}, {"margin": 1.0, "alpha": 1.0}, {"margin": 1.0, "better": "more"}])
def test_a_kpi_without_a_margin_is_refused(given):
    with pytest.raises(ValueError, match="needed are"):
        Difference.begun(**given)


@pytest.mark.parametrize(
    "units", [([True], 0.5, [1.0, 2.0]), ([True], 1.0, [1.0]), ([True], 0.5, [float("nan")]), ([True], 0.0, [1.0])]
)
def test_units_that_cannot_be_are_refused(units):
    with pytest.raises(ValueError, match=r"must be one|is no number"):
        Units.of(*units)


@pytest.mark.parametrize("spoiled", [{"units": 3}, {"low": float("inf")}, {"capital": None}, {"better": "more"}])
def test_a_state_that_no_watch_told_is_refused(spoiled):
    with pytest.raises(ValueError, match=r"no watch|needed are"):
        Difference.of(Difference.begun(margin=0.1).as_dict() | spoiled)
