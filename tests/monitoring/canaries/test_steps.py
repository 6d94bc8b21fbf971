"""What is done with a canary follows from plan, standing and judge alone; harm first, and nothing open advances."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import Misuse
from workbench.monitoring.canaries import Judged, Plan
from workbench.monitoring.canaries.steps import BLIND, CLOCK, Standing, next_step
from workbench.promotion import Declaration
from workbench.serving.loads import DEADLY

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=30)
STANDING = Standing(0.05, NOON, NOON, agreed=2, looked=LATER)
SHOWN = Judged("advance", "advance", ("errors: fine",), canary=500, here=500, stable=9500)
OPEN = SHOWN._replace(state="hold", step="hold")
HARM = SHOWN._replace(state="roll back", reasons=("errors: worse",))


@pytest.mark.parametrize(
    ("standing", "judged", "code"),
    [
        ({}, SHOWN, "shown"),
        ({}, OPEN, "open"),
        ({}, HARM, "harm"),
        ({"agreed": 1}, SHOWN, "early"),
        ({}, SHOWN._replace(here=199), "early"),
        ({"stepped": LATER}, SHOWN, "early"),
        ({"rejected": "no"}, SHOWN, "rejected"),
        ({"killed": DEADLY}, SHOWN, "deadly"),
        ({"killed": DEADLY - 1}, SHOWN, "shown"),
        ({"refused": "no"}, SHOWN, "refused"),
        ({"looked": LATER + 2 * CLOCK}, SHOWN, "clock"),
        ({"looked": LATER - 2 * BLIND}, SHOWN, "blind"),
        ({}, OPEN._replace(here=0, stable=400), "silent"),
        ({}, OPEN._replace(here=0, stable=100), "open"),
        ({}, OPEN._replace(harm=101), "budget"),
        ({}, OPEN._replace(canary=1_000_001), "budget"),
        ({}, SHOWN._replace(canary=1_000_001), "shown"),
        ({"begun": NOON - timedelta(days=4)}, OPEN, "time"),
        ({"begun": NOON - timedelta(days=4)}, SHOWN, "shown"),
        ({"begun": NOON - timedelta(days=4), "refused": "no"}, SHOWN, "time"),
        ({"begun": NOON - timedelta(days=4), "agreed": 0, "waiting": "for people"}, SHOWN, "people"),
    ],
)
def test_the_rules_in_their_order(standing, judged, code):
    assert next_step(Plan(), replace(STANDING, **standing), judged, LATER).code == code


def test_after_the_last_step_it_is_put_forward_unless_people_are_to_do_it():
    last = replace(STANDING, weight=0.4)
    assert next_step(Plan(), last, SHOWN, LATER).kind == "promote"
    assert next_step(Plan.of({"promote": False}), last, SHOWN, LATER + timedelta(days=9)).kind == "roll back"  # blind
    assert next_step(Plan.of({"promote": False}), last, SHOWN, LATER).code == "done"


STATES = st.sampled_from(["advance", "hold", "roll back"])


@given(
    STATES, STATES, st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1000), st.floats(0.001, 0.6),
    st.integers(0, 5), st.integers(-10**5, 10**6), st.booleans(),
)  # fmt: skip
def test_nothing_advances_but_what_is_shown_and_harm_always_goes_back(
    whole, step, here, stable, harm, weight, agreed, seconds, waiting
):
    judged = Judged(whole, step, ("errors: so",), here, here, stable, harm)
    standing = Standing(weight, NOON, NOON, agreed, NOON, waiting="people" if waiting else "")
    act = next_step(Plan(), standing, judged, NOON + timedelta(seconds=seconds))
    if act.kind in {"advance", "promote"}:
        assert whole != "roll back" and step == "advance" and agreed >= 2 and here >= 200 and seconds >= 600
    if whole == "roll back":
        assert act.kind == "roll back"
    if act.kind == "advance":
        assert act.weight in Plan().steps and act.weight > weight
    assert act.why


@pytest.mark.parametrize(
    "told",
    [{"steps": []}, {"steps": [0.2, 0.1]}, {"steps": [0.5, 1.0]}, {"steps": "5"}, {"steps": [True]}, {"minutes": -1},
     {"hours": 0}, {"alpha": 1.0}, {"looks": 1.5}, {"promote": "yes"}, {"harm": float("nan")}, {"speed": 1}],
)  # fmt: skip
def test_a_plan_that_is_none_is_refused(told):
    with pytest.raises(Misuse):
        Plan.of(told)


def test_a_plan_is_the_declared_one_and_survives_its_way_through_json():
    declared = Plan.declared(Declaration("lending", objectives={"canary": {"minutes": 30, "steps": [0.01, 0.02]}}))
    assert (declared.minutes, declared.steps) == (30, (0.01, 0.02))
    assert Plan.of(declared.as_dict()) == declared
    with pytest.raises(Misuse, match="no table"):
        Plan.declared(Declaration("lending", objectives={"canary": 3}))
