"""Every table of prices keeps every limit; its weights are the propensities of what it gives."""

import json
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench.errors import Misuse
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.prices.design import FairBand, PricingDesign, arm_of
from workbench.experiments.prices.reading import read_prices
from workbench.experiments.prices.state import PricingState, Sales
from workbench.experiments.prices.table import thompson_weights, weigh

PRICES = (9.0, 14.0, 19.0, 25.0, 29.0, 39.0, 59.0)
NAMES = ("a", "b", "c", "d")


def sold(design, days=1, seen=200, shares=None, seed=0):
    """A state of some days in which all prices were shown."""
    rng = np.random.default_rng(seed)
    shares = np.exp(-np.array(design.prices) / 30) if shares is None else np.asarray(shares)
    rows = [
        Sales((date(2026, 3, 1) + timedelta(d)).isoformat(), s, p, seen, int(rng.binomial(seen, share)))
        for d in range(days)
        for s in design.segments
        for p, share in zip(design.prices, shares, strict=True)
    ]
    return PricingState(design).updated(rows)


@st.composite
def limited(draw):
    """A design with limits of every kind, and a path of tables that were followed for some days."""
    floor = draw(st.sampled_from([0.0, 10.0, 19.0]))
    start = {name: draw(st.sampled_from([p for p in PRICES if p >= floor])) for name in NAMES}
    ratio = draw(st.none() | st.floats(1, 4))
    gap = draw(st.floats(0, 30)) if ratio is None else draw(st.none() | st.floats(0, 30))
    band = FairBand(NAMES[:3], ratio, gap)
    assume(band.holds(min(start[n] for n in NAMES[:3]), max(start[n] for n in NAMES[:3])))
    design = PricingDesign(
        "plans",
        PRICES,
        start,
        floor=floor,
        largest_move=draw(st.none() | st.floats(0.56, 1)),
        fair=(band,),
        budget=draw(st.none() | st.floats(0, 300)),
        half_life=draw(st.none() | st.floats(1, 30)),
    )
    return design, draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))


@settings(max_examples=60, deadline=None)
@given(limited())
def test_no_table_breaks_a_limit_however_long_it_is_followed(case):
    design, seed, days = case
    rng, state = np.random.default_rng(seed), PricingState(design)
    for day in range(days):
        references = state.references()
        table = weigh(state, rng, draws=100)
        assert table.weights.sum(axis=1) == pytest.approx(np.ones(4))
        charged = {
            s: [p for p, w in zip(PRICES, row, strict=True) if w > 0]
            for s, row in zip(NAMES, table.weights, strict=True)
        }
        for segment, prices in charged.items():
            assert min(prices) >= design.floor
            if design.largest_move is not None:
                reach = design.largest_move * references[segment] * (1 + 1e-6)
                assert all(abs(p - references[segment]) <= reach for p in prices)
        low, high = (end(end(charged[s]) for s in NAMES[:3]) for end in (min, max))
        bound = design.fair[0]
        assert bound.largest_ratio is None or high / low <= bound.largest_ratio * (1 + 1e-6)
        assert bound.largest_gap is None or high - low <= bound.largest_gap * (1 + 1e-6) + 1e-6
        if design.budget is not None:
            left = design.budget - table.reading.exploring.mean
            assert table.planned_cost <= max(left, 0.0) + 1e-6
        seen = rng.multinomial(60, table.weights / table.weights.sum(axis=1, keepdims=True))
        when = date(2026, 3, 1) + timedelta(day)
        state = state.updated(
            Sales(when.isoformat(), s, PRICES[k], int(n), int(rng.binomial(n, np.exp(-PRICES[k] / 25))))
            for s, row in zip(NAMES, seen, strict=True)
            for k, n in enumerate(row)
            if n
        )


def test_weights_are_how_often_a_price_brings_the_most():
    revenue = np.array([[[1.0, 2.0, 3.0]], [[1.0, 4.0, 3.0]], [[5.0, 2.0, 9.0]], [[1.0, 0.0, 3.0]]])
    assert thompson_weights(revenue, np.array([[True, True, True]])).tolist() == [[0.0, 0.25, 0.75]]
    assert thompson_weights(revenue, np.array([[True, True, False]])).tolist() == [[0.5, 0.5, 0.0]]


def test_with_full_boldness_weights_are_the_chances_of_being_best():
    """Two prices far apart in one segment: the chance by quadrature of two independent logits."""
    design = PricingDesign("plans", (10.0, 30.0), {"a": 10.0}, boldness=1.0)
    state = sold(design, seen=400, shares=(0.5, 0.17))
    table = weigh(state, np.random.default_rng(1), draws=20_000)
    free = table.reading.posterior.draw(np.random.default_rng(2), 40_000, falls=False)[:, 0] * design.prices
    assert table.weights[0, 1] == pytest.approx((free[:, 1] > free[:, 0]).mean(), abs=0.015)


def test_exploring_stops_when_its_budget_is_spent_and_says_so():
    design = PricingDesign("plans", PRICES, {"a": 19.0, "b": 19.0}, budget=50.0)
    table = weigh(sold(design), np.random.default_rng(0))
    assert table.reading.exploring.mean > 50
    assert sorted(table.weights.max(axis=1)) == [1.0, 1.0] and table.planned_cost == 0
    assert table.note.startswith("Exploring has stopped: the budget of 50.00 € is spent")


def test_before_the_first_visitor_no_cost_is_planned():
    table = weigh(PricingState(PricingDesign("plans", PRICES, {"a": 19.0}, budget=10.0)), np.random.default_rng(0))
    assert "from the second day on" in table.note and (table.weights > 0).sum() > 1


def test_a_table_is_mixed_with_the_best_until_it_can_be_paid():
    free = PricingDesign("plans", PRICES, {"a": 19.0, "b": 19.0})
    state = sold(free)
    spent = weigh(state, np.random.default_rng(0))
    assert spent.planned_cost > 3
    budget = spent.reading.exploring.mean + spent.planned_cost / 4
    tight = PricingDesign("plans", PRICES, {"a": 19.0, "b": 19.0}, budget=budget)
    table = weigh(sold(tight), np.random.default_rng(0))
    assert table.planned_cost == pytest.approx(spent.planned_cost / 4, rel=1e-6)


def test_exploring_costs_what_each_days_best_price_would_have_brought_more():
    design = PricingDesign("plans", (10.0, 20.0), {"a": 10.0})
    rows = [Sales("2026-03-01", "a", 10.0, 3000, 1500), Sales("2026-03-01", "a", 20.0, 1000, 200)]
    one_price = Sales("2026-03-02", "a", 20.0, 500, 100)
    reading = read_prices(PricingState(design).updated([*rows, one_price]), np.random.default_rng(0))
    assert reading.exploring.mean == pytest.approx(1000 * (reading.expected[0, 0] - reading.expected[0, 1]))
    assert reading.exploring.mean == pytest.approx(1000 * (5 - 4), rel=0.15)


def test_a_customer_sees_one_price_and_prices_come_by_their_weights():
    design = PricingDesign("plans", PRICES, {"a": 19.0, "b": 29.0})
    table = weigh(sold(design, seen=40), np.random.default_rng(0))
    offers = [table.offer("a", f"customer {i}") for i in range(4000)]
    assert offers[:50] == [table.offer("a", f"customer {i}") for i in range(50)]
    given_prices = Counter(offer.price for offer in offers)
    for price, weight in zip(PRICES, table.weights[0], strict=True):
        assert given_prices[price] / 4000 == pytest.approx(weight, abs=4 * np.sqrt(weight * (1 - weight) / 4000) + 1e-9)
        assert all(offer.propensity == weight for offer in offers if offer.price == price)
    with pytest.raises(Misuse, match="no segment 'z'"):
        table.offer("z", "customer 1")


def test_segments_charged_too_far_apart_are_told():
    band = FairBand(("a", "b"), largest_ratio=1.2)
    design = PricingDesign("plans", PRICES, {"a": 19.0, "b": 19.0}, largest_move=0.6, fair=(band,))
    charged = [Sales("2026-03-01", "a", 9.0, 10, 1), Sales("2026-03-01", "b", 59.0, 10, 1)]
    with pytest.raises(Misuse, match="a, b were last charged so far apart"):
        weigh(PricingState(design).updated(charged), np.random.default_rng(0))


def test_the_sentence_has_the_money_the_range_and_the_chance():
    design = PricingDesign("plans", (9.0, 19.0, 29.0), {"small companies": 9.0})
    reading = read_prices(sold(design, seen=2000, shares=(0.4, 0.3, 0.1)), np.random.default_rng(0))
    sentence = reading.sentences["small companies"]
    assert sentence.startswith("At 19 € a visitor of small companies brings 5.")
    assert "moving from 9 € is worth 2." in sentence and "over 99.9\u00a0%" in sentence
    assert reading.sentence.startswith("Over 1 day, against the prices charged before, the best known ones bring 2.")
    assert reading.gain == reading.segments["small companies"].gain


def test_what_was_only_assumed_or_seen_elsewhere_is_said_to_be():
    design = PricingDesign("plans", (9.0, 19.0), {"a": 9.0, "b": 9.0})
    assert "assumed beforehand" in read_prices(PricingState(design), np.random.default_rng(0)).sentences["a"]
    state = PricingState(design).updated([Sales("2026-03-01", "b", 9.0, 500, 100)])
    assert "from other segments alone" in read_prices(state, np.random.default_rng(0)).sentences["a"]


def test_a_unit_cost_moves_the_best_price_up():
    cheap, dear = (PricingDesign("plans", PRICES, {"a": 19.0}, unit_cost=cost) for cost in (0.0, 20.0))
    best = [read_prices(sold(d, seen=3000), np.random.default_rng(0)).segments["a"].best for d in (cheap, dear)]
    assert best[0] < best[1]


def test_a_table_is_served_as_a_decision_table():
    design = PricingDesign("plans", PRICES, {"a": 19.0, "b": 29.0}, floor=14.0)
    table = weigh(sold(design), np.random.default_rng(0))
    body = json.loads(table.as_json())
    served = DecisionTable.from_json(table.as_json())
    assert served == table.decisions and body["beside"]["currency"] == "EUR"
    assert set(body["beside"]["revenue_a_visitor"]) == {"a", "b"} and body["beside"]["note"] == table.note
    for segment, row in zip("ab", table.weights, strict=True):
        assert list(map(served.weights[segment].get, map(arm_of, PRICES))) == pytest.approx(row.tolist(), abs=1e-12)
        assert served.weights[segment]["9"] == 0
        for i in range(200):
            arm, propensity, version, leaf = served.choose(f"customer {i}", {"segment": segment})
            assert (float(arm), propensity, version) == table.offer(segment, f"customer {i}") and leaf == segment


def test_nothing_is_tried_on_whoever_is_of_no_segment():
    design = PricingDesign("plans", PRICES, {"a": 29.0, "b": 19.0})
    served = weigh(sold(design), np.random.default_rng(0)).decisions
    assert served.choose("customer 1", {"segment": "c"})[:2] == ("19", 1.0) == served.choose("customer 2")[:2]


def test_with_a_level_that_is_none_it_refuses():
    with pytest.raises(Misuse, match="level is 1"):
        read_prices(PricingState(PricingDesign("plans", PRICES, {"a": 19.0})), np.random.default_rng(0), level=1.0)


def test_the_best_price_that_is_told_is_within_the_fair_band():
    shares = {"a": (0.6, 0.1, 0.05), "b": (0.6, 0.55, 0.5)}
    rows = [
        Sales("2026-03-01", s, p, 1000, int(1000 * share))
        for s, given in shares.items()
        for p, share in zip((10.0, 20.0, 40.0), given, strict=True)
    ]
    for ratio, best in ((4.0, (10.0, 40.0)), (1.0, (40.0, 40.0))):
        band = FairBand(("a", "b"), largest_ratio=ratio)
        design = PricingDesign("plans", (10.0, 20.0, 40.0), {"a": 10.0, "b": 10.0}, fair=(band,))
        reading = read_prices(PricingState(design).updated(rows), np.random.default_rng(0))
        assert tuple(segment.best for segment in reading.segments.values()) == best
