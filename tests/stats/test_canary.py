"""The canary's judge holds its promised error rates under any ramp and traffic, and says nothing too early."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from workbench.stats.canary import LIMIT, Arrivals, Bar

COUNTS = st.integers(0, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def watched(intervals, bar=None):
    """A watch after (canary, bad, stable, bad) intervals, and the first decision and when it fell."""
    watch = Arrivals.begun(bar)
    for look, (n1, e1, n0, e0) in enumerate(intervals, start=1):
        watch = watch.add(canary=int(n1), canary_bad=int(e1), stable=int(n0), stable_bad=int(e0))
        if watch.state != "hold":
            return watch, look
    return watch, 0


def traffic(rng, *, canary, stable=0.01, share=0.05, rate=500, looks=240, ramp=()):
    """Intervals of ten seconds; `ramp` gives the share by tens of looks."""
    for look in range(looks):
        now = ramp[min(look // 10, len(ramp) - 1)] if ramp else share
        n1 = rng.binomial(rate, now)
        p0 = stable(look) if callable(stable) else stable
        p1 = canary(look, p0) if callable(canary) else canary
        yield n1, rng.binomial(n1, p1), rate - n1, rng.binomial(rate - n1, p0)


def shares(runs, seed=0, bar=None, **world):
    """How often each state was reached first; each run has dice of its own, whatever the judge did in the others."""
    dice = [np.random.default_rng([seed, run]) for run in range(runs)]
    states = [watched(traffic(rng, **world), bar)[0].state for rng in dice]
    return {state: states.count(state) / runs for state in ("advance", "hold", "roll back")}


def test_nothing_seen_is_no_reason_to_advance():
    watch, _ = watched([(0, 0, 0, 0), (50, 0, 950, 0)] * 100)
    assert watch.state == "hold"
    assert watch.posterior().chance_harm == pytest.approx(Arrivals.begun().posterior().chance_harm)


def test_five_times_the_errors_goes_back_within_a_few_intervals():
    watch, look = watched([(50, 3, 950, 10)] * 30)
    assert (watch.state, look < 10) == ("roll back", True)


def test_an_equal_canary_advances_once_enough_errors_are_seen():
    watch, look = watched([(100, 1, 900, 9)] * 300)
    assert watch.state == "advance"
    assert watch.stable_bad > 50
    assert look > 5


def test_the_capital_against_harm_is_the_likelihood_ratio_worked_by_hand():
    """Half the traffic, all 20 errors at the stable version: each bet on r has won (3 / (1 + r))²⁰."""
    watch = Arrivals.begun().add(canary=500, canary_bad=0, stable=500, stable_bad=20)
    bets = [(3 / (1 + 2.0 ** (k / 4))) ** 20 for k in range(-4, 2)]  # from a half to 1.19 of the tolerated
    assert watch.best == pytest.approx(math.log(sum(bets) / len(bets)))


def test_traffic_of_one_version_alone_says_nothing():
    watch = Arrivals.begun().add(canary=0, canary_bad=0, stable=1000, stable_bad=400)
    assert (watch.worst, watch.best, watch.posterior()) == (0.0, 0.0, Arrivals.begun().posterior())


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_intervals_of_the_same_split_add_whatever_their_cut(intervals):
    """The ratio's likelihood is a sum over intervals; kept as JSON and read again it goes on alike."""
    watch = Arrivals.begun()
    for (n1, e1), (n0, e0) in intervals:
        watch = watch.add(canary=n1, canary_bad=e1, stable=n0, stable_bad=e0)
        watch = Arrivals.of(json.loads(json.dumps(watch.as_dict(), allow_nan=False)))
    again = Arrivals.begun()
    for (n1, e1), (n0, e0) in reversed(intervals):
        again = again.add(canary=n1, canary_bad=e1, stable=n0, stable_bad=e0)
    assert watch.likelihood == pytest.approx(again.likelihood)
    assert (watch.canary, watch.stable_bad) == (again.canary, again.stable_bad)
    assert abs(watch.worst) <= 2 * LIMIT


@given(st.floats(0.05, 0.95), st.floats(0.001, 0.5), st.integers(1, 40), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_no_bet_gains_on_average_while_its_claim_holds(share, rate, canary, stable):
    """Exact expectation over both binomials, at the edge of each claim and for any rate of bad outcomes."""
    ratios = np.array([0.5, 1.0, 2.0, 4.0])
    for claim, bets in ((1.0, ratios[2:]), (2.0, ratios[:2])):
        p0 = min(rate, 0.99 / claim)
        p1 = claim * p0
        e1, e0 = np.arange(canary + 1), np.arange(stable + 1)
        mass = np.outer(binom.pmf(e1, canary, p1), binom.pmf(e0, stable, p0))
        split = canary / stable
        for bet in bets:
            log = np.add.outer(
                e1 * math.log(bet / claim * (1 + claim * split) / (1 + bet * split)),
                e0 * math.log((1 + claim * split) / (1 + bet * split)),
            )
            assert float((mass * np.exp(log)).sum()) <= 1 + 1e-9


@pytest.mark.parametrize(
    "world",
    [
        {"canary": 0.01},
        {"canary": 0.01, "ramp": (0.05, 0.1, 0.25, 0.5)},
        {"canary": 0.2, "stable": 0.2, "rate": 100},
        {"canary": lambda _, p0: p0, "stable": lambda look: 0.01 * (1 + 9 * (look % 40 > 30))},
    ],
    ids=["flat", "ramp", "many errors", "outages of both"],
)
def test_a_canary_like_the_stable_version_is_hardly_ever_taken_back(world):
    """At most one in a hundred is promised; of 60 runs three or more would come by chance in 2 of 100."""
    assert shares(60, **world)["roll back"] <= 2 / 60


@pytest.mark.parametrize("ramp", [(), (0.01, 0.5), (0.05, 0.1, 0.25, 0.5)], ids=["flat", "jump", "ramp"])
def test_twice_the_errors_hardly_ever_advances(ramp):
    """One in a hundred is promised; of 150 runs five or more would come by chance in 2 of 100."""
    assert shares(150, canary=0.02, ramp=ramp)["advance"] <= 4 / 150


def test_one_that_turns_bad_late_is_caught_although_it_was_good_for_long():
    rng = np.random.default_rng(5)
    watch = Arrivals.begun()
    caught = 0
    for look, (n1, e1, n0, e0) in enumerate(
        traffic(rng, canary=lambda at, p0: 5 * p0 if at >= 400 else p0, share=0.2, looks=500)
    ):
        watch = watch.add(canary=n1, canary_bad=e1, stable=n0, stable_bad=e0)
        if watch.state == "roll back":
            caught = look
            break
        assert look < 400 or watch.state == "advance"
    assert 400 < caught < 420


def test_a_rate_that_is_negligible_advances_without_an_error_of_the_stable_version():
    bar = Bar(negligible=0.001)
    assert watched([(100, 0, 900, 0)] * 40)[0].state == "hold"
    assert watched([(100, 0, 900, 0)] * 100, bar)[0].state == "advance"
    assert shares(40, canary=0.01, stable=0.0, bar=bar)["advance"] == 0


def test_several_measures_share_the_chance_of_a_false_alarm():
    watch, _ = watched([(50, 3, 950, 10)] * 30)
    bare = replace(watch, worst=math.log(150), best=math.log(101))
    assert (bare.judged(1.0), bare.judged(0.5)) == ("roll back", "advance")


def test_the_posterior_is_that_of_a_share_of_the_errors():
    """Of 40 errors 15 are the canary's, at half the traffic: the odds of Beta(15, 25) are the ratio."""
    watch = Arrivals.begun().add(canary=1000, canary_bad=15, stable=1000, stable_bad=25)
    told = watch.posterior()
    quantiles = beta.ppf([0.025, 0.5, 0.975], 15, 25)
    assert (told.low, told.median, told.high) == pytest.approx(tuple(quantiles / (1 - quantiles)), rel=1e-3)


@pytest.mark.parametrize("counts", [(5, 6, 5, 0), (-1, 0, 5, 0), (5, 0, 5, -1)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="each count must lie"):
        watched([counts])


@pytest.mark.parametrize("spoiled", [{"looks": -1}, {"likelihood": [0.0]}, {"bar": {"harm": 0.5}}, {"canary": "x"}])
def test_a_state_that_no_watch_told_is_refused(spoiled):
    with pytest.raises(ValueError, match=r"no watch|ratios"):
        Arrivals.of(Arrivals.begun().as_dict() | spoiled)


@pytest.mark.parametrize("bar", [{"harm": 1.0}, {"alpha": 0.0}, {"negligible": 1.0}, {"tolerated": -1.0}])
def test_a_bar_that_cannot_be_is_refused(bar):
    with pytest.raises(ValueError, match=r"need|must lie"):
        Bar(**bar)
