"""Anything but a clear yes is a denial, and a denial has a reason."""

import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.ledger import canonical, digest
from workbench.policy import Decision, People, Policy, Reason, Ruling, decide

BARE = Policy.parse("bare", "package m\nallow if input.x")
SEED = Policy.parse("seed", "package model\nallow := input.metrics.fairness >= 0.85")


@dataclass
class Says:
    """An engine that says what the test wants."""

    ruling: Ruling

    def evaluate(self, source, package, document):
        return self.ruling


def decided(*, policy=BARE, document=None, **ruling):
    return decide(Says(Ruling(**{"allow": None, **ruling})), policy, {} if document is None else document)


def test_a_clear_yes_is_the_only_yes():
    said = decided(allow=True, document={"x": 1})
    assert said == Decision("allow", (), "bare", BARE.digest, digest({"x": 1}))
    assert said.allowed


@pytest.mark.parametrize(
    ("allow", "code", "words"),
    [
        (None, "undefined", "returned nothing"),
        (False, "not-allowed", "states no reason"),
        (1, "not-boolean", "answered with a int"),
        (0, "not-boolean", "a int"),
        (1.0, "not-boolean", "a float"),
        ("true", "not-boolean", "a str"),
        ("", "not-boolean", "a str"),
        ([True], "not-boolean", "a list"),
        ({"allow": True}, "not-boolean", "a dict"),
    ],
)
def test_what_is_no_clear_yes_is_a_denial(allow, code, words):
    said = decided(allow=allow)
    assert [reason.code for reason in said.reasons] == [code]
    assert words in said.reasons[0].message
    assert not said.allowed


@pytest.mark.parametrize("code", ["policy-error", "policy-refused", "policy-timeout", "policy-crash"])
@pytest.mark.parametrize("allow", [None, True])
def test_an_error_is_a_denial_whatever_else_was_said(code, allow):
    said = decided(allow=allow, error="it broke", code=code)
    assert said.reasons == (Reason(code, "the policy bare gave no answer: it broke"),)
    assert not said.allowed


@pytest.mark.parametrize("allow", [True, False, None, "yes"])
def test_a_stated_denial_stands_even_where_allow_is_true(allow):
    said = decided(allow=allow, deny=("too old",))
    assert (said.decision, said.reasons) == ("deny", (Reason("denied", "too old"),))


def test_a_stated_reason_keeps_its_fields():
    item = {
        "code": "fairness",
        "message": "too far apart",
        "metric": "disparate_impact.race",
        "got": 0.18,
        "limit": 0.95,
        "flip": "0.84 or more",
        "evidence": "abc",
    }
    assert decided(deny=(item,)).reasons == (Reason(**item),)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"message": "no"}, Reason("denied", "no")),
        ({"message": "no", "colour": "red"}, Reason("denied", "no")),
        ({"message": "no", "code": 7}, Reason("7", "no")),
        ({"message": "no", "got": [1], "limit": {"a": 1}, "flip": None}, Reason("denied", "no")),
        ({"code": "c"}, Reason("denied", "the policy bare denies it: {'code': 'c'}")),
        ({"message": 3}, Reason("denied", "the policy bare denies it: {'message': 3}")),
        ("", Reason("denied", "the policy bare denies it: ''")),
        (None, Reason("denied", "the policy bare denies it: None")),
        (False, Reason("denied", "the policy bare denies it: False")),
        (0, Reason("denied", "the policy bare denies it: 0")),
        ([], Reason("denied", "the policy bare denies it: []")),
    ],
)
def test_an_odd_item_is_a_denial_too(item, reason):
    said = decided(allow=True, deny=(item,))
    assert said.reasons == (reason,)
    assert not said.allowed


def test_reasons_come_in_one_order_whatever_the_set_says():
    items = ("b", {"message": "a"}, "a", 3)
    assert decided(deny=items).reasons == decided(deny=items[::-1]).reasons
    assert len(decided(deny=items).reasons) == 4


# plain tests


@pytest.mark.parametrize(
    ("got", "allow", "reason"),
    [
        (0.5, False, ("limit", "input.metrics.fairness is 0.5, less than 0.85", "fairness >= 0.85")),
        (None, None, ("missing", "input.metrics.fairness is null; the policy needs it >= 0.85", None)),
        (0.8499999999, False, ("limit", "input.metrics.fairness is 0.8499999999, less than 0.85", "fairness >= 0.85")),
        ("0.9", False, ("wrong-type", "input.metrics.fairness is a str; the policy compares it with", None)),
        (True, False, ("wrong-type", "input.metrics.fairness is a bool", None)),
        ([0.9], False, ("wrong-type", "input.metrics.fairness is a list", None)),
    ],
)
def test_a_plain_test_that_failed_is_named_with_its_number(got, allow, reason):
    code, words, flip = reason
    said = decided(policy=SEED, allow=allow, document={"metrics": {"fairness": got}})
    (found,) = said.reasons
    assert found.code == code
    assert words in found.message
    assert found.limit == 0.85
    assert found.flip == flip or code != "limit"


@pytest.mark.parametrize("got", [None, "0.9", True, [0.9], {}])
def test_a_yes_to_what_is_no_number_is_a_denial(got):
    """An engine may find null greater than 0.85; nobody meant that."""
    said = decided(policy=SEED, allow=True, document={"metrics": {"fairness": got}})
    assert not said.allowed
    assert said.reasons[0].code in {"missing", "wrong-type"}


@pytest.mark.parametrize(
    ("operator", "got", "words"),
    [
        (">=", 1, "less than 2"),
        (">", 2, "not more than 2"),
        ("<=", 3, "more than 2"),
        ("<", 2, "not less than 2"),
        ("==", 3, "not 2"),
    ],
)
def test_each_comparison_tells_its_opposite(operator, got, words):
    policy = Policy.parse("p", f"package m\nallow := input.n {operator} 2")
    (reason,) = decided(policy=policy, allow=False, document={"n": got}).reasons
    assert reason.message == f"input.n is {got}, {words}"
    assert reason.flip == f"n {operator} 2"


@pytest.mark.parametrize("document", [{}, {"metrics": {}}, {"metrics": None}, {"metrics": []}])
def test_a_field_that_is_not_there_is_named(document):
    (reason,) = decided(policy=SEED, allow=None, document=document).reasons
    assert reason.message == "the input has no metrics.fairness; the policy needs it >= 0.85"
    assert reason.flip == "give evidence of it: input.metrics.fairness >= 0.85"


def test_one_way_to_yes_does_not_need_what_another_way_compares():
    policy = Policy.parse("p", "package m\nallow if input.a >= 1\nallow if input.b >= 1")
    assert decided(policy=policy, allow=True, document={"a": 1}).allowed
    assert not decided(policy=policy, allow=True, document={"a": None, "b": 1}).allowed


def test_a_plain_test_that_holds_is_not_blamed():
    said = decided(policy=SEED, allow=False, document={"metrics": {"fairness": 0.9}})
    assert [reason.code for reason in said.reasons] == ["not-allowed"]


# the record


def test_the_digest_of_the_input_does_not_depend_on_the_order_of_its_keys():
    one, other = decided(document={"a": 1, "b": 2}), decided(document={"b": 2, "a": 1})
    assert one.input_digest == other.input_digest != decided(document={"a": 1}).input_digest


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_input_that_is_no_json_is_not_judged(value):
    with pytest.raises(ValueError, match="JSON"):
        decided(document={"x": value})


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@settings(max_examples=40, deadline=None)
@given(allow=json_values, deny=st.lists(json_values, max_size=3), error=st.none() | st.text(min_size=1))
def test_nothing_but_true_with_an_empty_deny_and_no_error_allows(allow, deny, error):
    said = decided(allow=allow, deny=tuple(deny), error=error)
    assert said.allowed == (allow is True and not deny and error is None)
    assert said.allowed == (not said.reasons)
    assert all(reason.code and isinstance(reason.message, str) for reason in said.reasons)


@settings(max_examples=40, deadline=None)
@given(allow=json_values, deny=st.lists(json_values, max_size=3))
def test_a_decision_is_read_back_from_the_ledger_as_it_was_written(allow, deny):
    said = decided(allow=allow, deny=tuple(deny))
    assert Decision.from_body(json.loads(canonical(said.as_body()))) == said


# what is asked of people

ASKED = {"approvals": 2, "roles": ["risk-officer", "approver"], "hours": 72, "message": "many people are concerned"}


@pytest.mark.parametrize("allow", [None, False])
def test_a_question_that_nothing_forbids_or_allows_goes_to_the_people_that_the_policy_names(allow):
    said = decided(allow=allow, people=ASKED)
    assert said.decision == "needs-people"
    assert not said.allowed
    assert said.people == People(2, ("approver", "risk-officer"), 72.0, "many people are concerned")
    (reason,) = said.reasons
    assert (reason.code, reason.message, reason.limit) == ("needs-people", "many people are concerned", 2)
    assert reason.flip == "2 approvals by approver or risk-officer, at most 72 hours old"


def test_a_failed_comparison_does_not_keep_a_question_from_people():
    assert decided(policy=SEED, allow=False, people=ASKED).decision == "needs-people"


@pytest.mark.parametrize(
    ("ruling", "outcome"),
    [
        ({"allow": True}, "allow"),
        ({"deny": ("too old",)}, "deny"),
        ({"allow": True, "deny": ("too old",)}, "deny"),
        ({"error": "it broke"}, "deny"),
        ({"allow": "yes"}, "deny"),
        ({"allow": 0}, "deny"),
    ],
)
def test_people_are_asked_neither_where_something_forbids_nor_where_all_is_well(ruling, outcome):
    said = decided(people=ASKED, **ruling)
    assert (said.decision, said.people) == (outcome, None)


@pytest.mark.parametrize(
    "people",
    [
        True,
        "two",
        [],
        {},
        {**ASKED, "approvals": 0},
        {**ASKED, "approvals": True},
        {**ASKED, "approvals": 1.5},
        {**ASKED, "approvals": "2"},
        {**ASKED, "approvals": 101},
        {**ASKED, "roles": []},
        {**ASKED, "roles": "approver"},
        {**ASKED, "roles": ["approver", " "]},
        {**ASKED, "roles": [1]},
        {**ASKED, "hours": 0},
        {**ASKED, "hours": -1},
        {**ASKED, "hours": True},
        {**ASKED, "hours": "72"},
        {**ASKED, "message": ""},
        {**ASKED, "message": None},
        {**ASKED, "hour": 72},
        {name: value for name, value in ASKED.items() if name != "roles"},
    ],
)
def test_a_malformed_demand_of_people_is_a_denial(people):
    said = decided(people=people)
    assert (said.decision, said.people) == ("deny", None)
    assert [reason.code for reason in said.reasons] == ["malformed-people"]


def test_approvals_may_be_of_any_age_where_the_policy_says_no_hours():
    for people in ({**ASKED, "hours": None}, {name: value for name, value in ASKED.items() if name != "hours"}):
        assert decided(people=people).people == People(2, ("approver", "risk-officer"), None, ASKED["message"])


def test_a_decision_that_waits_for_people_is_read_back_as_it_was_written():
    said = decided(people=ASKED, document={"evidence": {"fairness": {"digest": "f"}, "drift": {"digest": "d"}}})
    assert said.evidence == ("d", "f")
    assert Decision.from_body(json.loads(canonical(said.as_body()))) == said


def test_a_decision_written_before_people_were_asked_is_still_read():
    body = {"decision": "deny", "reasons": [], "policy": "p", "policy_digest": "d", "input_digest": "i"}
    assert Decision.from_body(body) == Decision("deny", (), "p", "d", "i")
    assert "people" not in Decision("deny", (), "p", "d", "i").as_body()
