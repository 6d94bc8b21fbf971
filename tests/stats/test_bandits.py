"""Tallies add and fade; weights are chances, sum to one, and do not depend on which way is called good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.stats.bandits import (
    Tally,
    arm_posteriors,
    borrowed,
    fading,
    floored,
    pooled,
    thompson,
    top_two,
)
from workbench.stats.hurdle import Hurdle
from workbench.stats.posteriors import Beta, StudentT

SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda w: sum(w) > 1e-6)


def shares(weights):
    return np.array(weights) / sum(weights)


def test_a_tally_of_parts_is_that_of_the_whole():
    rng = np.random.default_rng(2)
    values = np.where(rng.random(500) < 0.4, rng.lognormal(3, 1, 500), 0.0)
    parts = [Tally.of(part) for part in np.array_split(values, 7)]
    assert pooled(parts) == pytest.approx(Tally.of(values), rel=1e-12)


def test_large_means_keep_their_spread():
    rng = np.random.default_rng(2)
    values = 1.7e9 + rng.standard_normal(1000)
    one_by_one = pooled(Tally.of([v]) for v in values)
    assert one_by_one.m2 == pytest.approx(float(((values - values.mean()) ** 2).sum()), rel=1e-6)


def test_fading_twice_is_fading_by_the_product():
    tally = Tally.of([1.0, 2.0, 5.0])
    assert tally.faded(fading(3, 7)).faded(fading(4, 7)) == pytest.approx(tally.faded(0.5), rel=1e-15)


def test_a_faded_mean_is_the_weighted_mean():
    """Discounted sums by hand: 2 rewards at a quarter, 1 at one."""
    faded = Tally.of([1.0, 3.0]).faded(0.25).plus(Tally.of([10.0]))
    assert faded.mean == pytest.approx((0.25 * 1 + 0.25 * 3 + 10) / 1.5)
    assert faded.m2 == pytest.approx(
        0.25 * (1 - faded.mean) ** 2 + 0.25 * (3 - faded.mean) ** 2 + (10 - faded.mean) ** 2
    )


def test_what_is_borrowed_counts_for_no_more_than_it_may():
    own, others = Tally.of([1.0] * 10), Tally.of([0.0] * 1000)
    assert borrowed(own, others, 40).n == pytest.approx(50)
    assert borrowed(own, others, 40).mean == pytest.approx(0.2)
    assert borrowed(own, Tally.of([0.0] * 3), 40).n == 13
    assert borrowed(own, Tally(), 40) == own


@given(SHARES, st.floats(0, 1))
def test_the_floor_lifts_and_keeps_the_sum(weights, part):
    w = shares(weights)
    floor = part / len(w)
    lifted = floored(w, floor)
    assert lifted.sum() == pytest.approx(1, abs=1e-12)
    assert lifted.min() >= floor * (1 - 1e-12)
    assert (np.diff(lifted[np.argsort(w, kind="stable")]) >= -1e-12).all(), "the order of arms is kept"


@given(SHARES, st.floats(0.05, 1.0))
def test_top_two_is_what_russo_draws(weights, leader):
    """The closed form against the procedure, summed over all pairs of leader and challenger."""
    a = shares(weights)
    by_hand = leader * a
    for i in range(len(a)):
        for j in range(len(a)):
            others = 1 - a[j]
            if i != j and others > 1e-9:
                by_hand[i] += (1 - leader) * a[j] * a[i] / others
    if a.max() < 1 - 1e-6:
        assert top_two(a, leader=leader) == pytest.approx(by_hand, abs=1e-7)
    assert top_two(a, leader=leader).sum() == pytest.approx(1, abs=1e-12)


def test_top_two_is_right_for_two_arms_and_for_less_is_better():
    """Four means 1, 1.5, 2, 2.5: the two best share, whichever way is good (a peer gives the best arm 0.01)."""
    arms = [StudentT(np.inf, mean, 0.3) for mean in (1.0, 1.5, 2.0, 2.5)]
    low, high = top_two(thompson(arms, better="lower")), top_two(thompson(arms))
    assert low == pytest.approx(high[::-1], abs=1e-9)
    assert np.argsort(-low)[:2].tolist() == [0, 1] and low[:2].sum() > 0.97
    assert top_two(thompson(arms[:2], better="lower"), leader=0.5) == pytest.approx([0.5, 0.5], abs=1e-9)


def test_top_two_is_right_where_one_arm_is_certain():
    assert top_two([1.0, 0.0, 0.0]).tolist() == [0.5, 0.25, 0.25]


def test_binary_rewards_make_beta_posteriors():
    assert arm_posteriors("binary", [Tally.of([0.0, 1.0, 1.0]), Tally()]) == [Beta(3, 2), Beta(1, 1)]


def test_counts_that_spread_wider_than_poissons_count_for_less():
    rng = np.random.default_rng(1)
    poisson = [Tally.of(rng.poisson(2.0, 3000)) for _ in range(2)]
    wide = [Tally.of(rng.negative_binomial(1.0, 1 / 3, 3000)) for _ in range(2)]
    assert arm_posteriors("count", poisson)[0].exposure == pytest.approx(3000, rel=0.06)
    assert arm_posteriors("count", wide)[0].exposure == pytest.approx(1000, rel=0.1)


def test_means_without_any_spread_tell_nothing():
    assert arm_posteriors("mean", [Tally(), Tally()]) is None
    assert arm_posteriors("mean", [Tally.of([5.0]), Tally.of([5.0])]) is None


def test_an_arm_never_played_has_the_spread_of_all():
    seen, never = arm_posteriors("mean", [Tally.of([1.0, 2.0, 3.0, 4.0] * 50), Tally()])
    assert never.mean == pytest.approx(2.5) and never.sd > 10 * seen.sd


def test_revenue_is_a_hurdle_once_every_arm_carries_one():
    rng = np.random.default_rng(4)
    many = [Tally.of(np.where(rng.random(400) < 0.3, rng.lognormal(3, 0.5, 400), 0)) for _ in range(3)]
    few = [*many[:2], Tally.of([0.0, 20.0, 30.0])]
    assert {type(p) for p in arm_posteriors("revenue", many)} == {Hurdle}
    assert {type(p) for p in arm_posteriors("revenue", few)} == {StudentT}


def test_revenue_of_another_shape_is_judged_by_plain_means():
    """Two prices: a log-normal misses their mean, so that it is not used."""
    rng = np.random.default_rng(4)
    prices = [np.where(rng.random(6000) < 0.5, rng.choice([0.01, 100.0], 6000), 0.0) for _ in range(2)]
    assert {type(p) for p in arm_posteriors("revenue", [Tally.of(x) for x in prices])} == {StudentT}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: floored([0.5, 0.5], 0.6), "must lie in"),
        (lambda: floored([0.5, 0.5], -0.1), "must lie in"),
        (lambda: top_two([0.5, 0.5], leader=0.0), "must lie in"),
        (lambda: fading(1, 0), "above zero"),
        (lambda: fading(-1, 2), "not below"),
    ],
)
def test_what_is_out_of_range_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
