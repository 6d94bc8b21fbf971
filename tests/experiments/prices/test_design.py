"""A pricing design says what is allowed, and refuses what cannot be followed."""

import json

import pytest

from workbench.errors import Misuse
from workbench.experiments.prices.design import FairBand, PricingDesign

PRICES = (9.0, 19.0, 29.0, 39.0)
START = {"small": 19.0, "large": 29.0, "school": 19.0}


def test_a_design_comes_back_from_its_text():
    design = PricingDesign("plans", PRICES, START, fair=(FairBand(("small", "school"), 1.2, 5.0),), budget=100.0)
    assert PricingDesign.from_json(design.as_json()) == design


def test_floor_and_move_both_limit_what_is_reachable():
    design = PricingDesign("plans", PRICES, START, floor=19.0, largest_move=0.53)
    assert design.reachable("large", 29.0).tolist() == [False, True, True, True]
    assert design.reachable("small", 19.0).tolist() == [False, True, True, False]


def test_a_reference_with_no_price_in_reach_is_told():
    design = PricingDesign("plans", PRICES, dict.fromkeys(START, 29.0), floor=29.0, largest_move=0.4)
    with pytest.raises(Misuse, match="no price of the list is within 40%"):
        design.reachable("small", 9.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prices": (29.0, 19.0)}, "rising"),
        ({"prices": (0.0, 19.0)}, "above zero"),
        ({"start": {}}, "no segment"),
        ({"start": {"small": 20.0}}, "not on the list"),
        ({"floor": 25.0}, "below the floor"),
        ({"largest_move": -0.1}, "largest_move"),
        ({"largest_move": 0.6}, "a segment charged 9 could never be charged more"),
        ({"budget": float("nan")}, "budget"),
        ({"half_life": 0.0}, "half_life"),
        ({"boldness": 0.0}, "boldness"),
        ({"fair": (FairBand(("small", "pupil"), 1.2),)}, "names 'pupil'"),
        ({"fair": (FairBand(("small", "large"), 1.2),)}, "which the fair band forbids"),
        ({"fair": (FairBand(("small", "school"), 2.0), FairBand(("large", "school"), 2.0))}, "two fair bands"),
    ],
)
def test_what_cannot_be_followed_is_refused(change, said):
    with pytest.raises(Misuse, match=said):
        PricingDesign(**({"name": "plans", "prices": PRICES, "start": START} | change))


@pytest.mark.parametrize("given", [(("a",), 1.2, None), (("a", "b"), None, None), (("a", "b"), 0.9, None)])
def test_a_band_needs_two_segments_and_a_bound(given):
    with pytest.raises(Misuse):
        FairBand(*given)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x"}', '{"format": "workbench.pricing/1", "prices": 3}'])
def test_text_that_is_no_design_is_refused(text):
    with pytest.raises(Misuse):
        PricingDesign.from_json(text)


def test_a_field_that_is_not_known_is_refused():
    body = json.loads(PricingDesign("plans", PRICES, START).as_json()) | {"bugdet": 5}
    with pytest.raises(Misuse, match="bugdet"):
        PricingDesign.from_body(body)
