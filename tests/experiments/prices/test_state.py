"""Counts of a price experiment add, come back from JSON, and say what was charged last."""

import json

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.prices.state import PricingState, Sales

DESIGN = PricingDesign("plans", (9.0, 19.0, 29.0), {"small": 19.0, "large": 29.0}, half_life=2.0)
MONDAY = [Sales("2026-03-02", "small", 19.0, 100, 20), Sales("2026-03-02", "small", 29.0, 50, 5)]
TUESDAY = [Sales("2026-03-03", "small", 29.0, 90, 9), Sales("2026-03-03", "large", 29.0, 10, 4)]


def test_days_add_in_any_order():
    one = PricingState(DESIGN).updated(MONDAY).updated(TUESDAY)
    other = PricingState(DESIGN).updated(TUESDAY) + PricingState(DESIGN).updated(reversed(MONDAY))
    assert one == other and one.digest == other.digest
    assert one.by_day.seen.sum() == 250


def test_it_comes_back_from_its_text():
    state = PricingState(DESIGN).updated(MONDAY)
    assert PricingState.from_json(state.as_json()) == state


def test_the_same_sales_do_not_count_twice():
    state = PricingState(DESIGN).updated(MONDAY)
    with pytest.raises(Misuse, match="count twice"):
        state.updated(MONDAY)


def test_a_batch_is_known_by_its_log_where_there_is_one():
    state = PricingState(DESIGN).updated(MONDAY, "a" * 64)
    assert state.updated(MONDAY, "b" * 64).by_day.seen.sum() == 300
    with pytest.raises(Misuse, match="count twice"):
        state.updated(TUESDAY, "a" * 64)


def test_older_sales_count_less_and_stay_whole_in_the_state():
    state = PricingState(DESIGN).updated(MONDAY).updated(TUESDAY)
    seen, bought = state.counts()
    assert seen[0].tolist() == pytest.approx([0, 100 / 2**0.5, 50 / 2**0.5 + 90])
    assert bought[0, 1] == pytest.approx(20 / 2**0.5)
    assert state.by_day.seen[0, 0].tolist() == [0, 100, 50]


def test_the_reference_is_what_most_were_shown_last():
    assert PricingState(DESIGN).references() == DESIGN.start
    state = PricingState(DESIGN).updated(MONDAY)
    assert state.references() == {"small": 19.0, "large": 29.0}
    assert state.updated(TUESDAY).references() == {"small": 29.0, "large": 29.0}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("2026-03-02", "small", 19.0, 10, 11), "0 ≤ bought ≤ seen"),
        (("2026-03-02", "small", 19.0, 10.5, 1), "whole numbers"),
        (("2026-03-02", "tiny", 19.0, 10, 1), "no segment 'tiny'"),
        (("2026-03-02", "small", 20.0, 10, 1), "not on the list"),
        (("yesterday", "small", 19.0, 10, 1), "no row of sales"),
        (("2026-03-02", "small", 19.0, float("inf"), 1), "no row of sales"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(row, said):
    with pytest.raises(Misuse, match=said):
        PricingState(DESIGN).updated([Sales(*row)])


def test_a_state_that_was_tampered_with_is_refused():
    body = json.loads(PricingState(DESIGN).updated(MONDAY).as_json())
    with pytest.raises(Misuse, match="no JSON"):
        PricingState.from_json("{")
    for change in ({"rows": body["rows"] * 2}, {"rows": [["2026-03-02"]]}, {"format": "x"}, {"sources": 3}):
        with pytest.raises(Misuse):
            PricingState.from_json(json.dumps(body | change))


def test_an_empty_state_has_counts_of_nothing():
    assert np.array_equal(PricingState(DESIGN).counts().seen, np.zeros((2, 3)))
