"""Which rules cases exercise; and cases in which a policy's rules have other values."""

from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse
from workbench.policy import Policy
from workbench.policy.cases import Case, cases_of, read_cases, run_cases
from workbench.policy.coverage import exercised
from workbench.policy.statements import statements, with_values

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
SHIPPED = sorted(path for path in POLICIES.glob("*.rego") if not path.stem.endswith("_test"))
SOURCE = """package m # a package

limits := {"age": 30, "size": 5}

default allow := false

allow if {
	count(deny) == 0 # { no brace of ours
	input.kind == "} x"
}

deny contains {
	"code": "late",
	"message": sprintf("%v is late", [input.age]),
} if input.age > limits.age

deny contains {"code": "big", "message": "big"} if double(input.size) > limits.size

double(x) := x * 2

rank := "high" if {
	input.age > 10
} else := "low"
"""
POLICY = Policy.parse("m", SOURCE)


def case(document, **values):
    return Case("c", document, "deny", values=values)


def test_statements_are_told_apart_by_where_a_line_begins():
    assert [(one.name, one.line, one.default, one.is_function) for one in statements(SOURCE)] == [
        ("limits", 3, False, False),
        ("allow", 5, True, False),
        ("allow", 7, False, False),
        ("deny", 12, False, False),
        ("deny", 17, False, False),
        ("double", 19, False, True),
        ("rank", 21, False, False),
    ]


def test_each_body_of_a_rule_is_counted_on_its_own(engine):
    found = exercised(
        engine, POLICY, [case({"age": 31, "size": 1}), case({"age": 3, "kind": "} x"}), case({"age": 40})]
    )
    assert [(one.line, one.rule, one.code, one.cases) for one in found] == [
        (3, "limits", None, 3),
        (7, "allow", None, 1),
        (12, "deny", "late", 2),
        (17, "deny", "big", 0),
        (21, "rank", None, 3),
    ]


def test_a_reason_that_cannot_be_built_is_not_exercised(engine):
    """Its body held, but its head has no value: nobody would have been told."""
    policy = Policy.parse("m", 'package m\ndeny contains {"message": input.word} if input.x == 1\n')
    (found,) = exercised(engine, policy, [case({"x": 1})])
    assert found.cases == 0


def test_a_rule_whose_value_is_zero_is_exercised(engine):
    policy = Policy.parse("m", "package m\nfloor := 0\nallow := input.x > floor\n")
    assert [one.cases for one in exercised(engine, policy, [case({"x": -1})])] == [1, 0]


def test_no_case_exercises_nothing(engine):
    assert {one.cases for one in exercised(engine, POLICY, [])} == {0}


def test_a_policy_that_cannot_be_asked_says_so(engine):
    with pytest.raises(EngineError, match="cannot be told"):
        exercised(engine, Policy.parse("m", "package m\nallow if {\n"), [case({})])


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_cases_of_a_shipped_policy_exercise_every_rule(engine, path):
    assert [one for one in exercised(engine, Policy.load(path), read_cases(cases_of(path))) if not one.cases] == []


def test_a_case_tries_the_policy_with_other_values(engine):
    known = [case({"age": 31}), case({"age": 31}, limits={"age": 40}), case({"size": 2}, limits={"size": 3})]
    assert [one.codes for one in run_cases(engine, POLICY, known)] == [("late",), ("not-allowed",), ("big",)]


def test_other_values_leave_the_rest_and_its_lines_as_they_are():
    told = with_values(SOURCE, {"limits": {"age": 1}})
    assert told.splitlines()[3:-1] == SOURCE.splitlines()[3:]
    assert told.splitlines()[-1] == 'limits := object.union(limits_as_written, {"age": 1})'


@pytest.mark.parametrize("name", ["nothing", "deny", "double", "m"])
def test_a_value_of_a_rule_that_has_not_one_is_said(name):
    with pytest.raises(Misuse, match="no rule"):
        with_values(SOURCE, {name: {}})
