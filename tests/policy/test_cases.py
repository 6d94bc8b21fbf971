"""Cases beside a policy: read as data, tried, and wrong files named."""

import json
from pathlib import Path

import pytest

from workbench.errors import Misuse
from workbench.policy import Policy
from workbench.policy.cases import cases_of, read_cases, run_cases

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
SHIPPED = sorted(path for path in POLICIES.glob("*.rego") if not path.stem.endswith("_test"))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_every_case_of_a_shipped_policy_comes_out_as_it_says(engine, path):
    ran = list(run_cases(engine, Policy.load(path), read_cases(cases_of(path))))
    assert ran
    assert [(one.name, one.said.decision, one.codes) for one in ran if not one.passed] == []


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_policy_that_allows_everything_fails_its_cases(engine, path):
    broken = Policy.parse(path.stem, f"package {Policy.load(path).package}\nallow := true\n")
    assert not all(one.passed for one in run_cases(engine, broken, read_cases(cases_of(path))))


def written(folder, told):
    path = folder / "p_cases.json"
    path.write_text(told if isinstance(told, str) else json.dumps({"p_cases": told}))
    return path


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ({"base": {}}, "cannot be read"),
        ({"base": {}, "cases": {"a": {"decision": "yes"}}}, "expects 'yes'"),
        ({"base": {}, "cases": {"a": {}}}, "expects None"),
        ({"base": {}, "cases": {"a": {"decision": "deny", "code": []}}}, "has 'code'"),
        ({"base": {}, "cases": {"a": {"decision": "deny", "remove": ["x"]}}}, "does not have"),
        ({"base": {}, "cases": {"a": {"decision": "deny", "change": {"x/y": 1}}}}, "does not have"),
    ],
)
def test_a_file_that_is_none_of_cases_says_what_is_wrong(tmp_path, told, words):
    with pytest.raises(Misuse, match=words):
        read_cases(written(tmp_path, told))


def test_no_file_of_cases_is_said(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        read_cases(tmp_path / "p_cases.json")


ANSWERS = {"action": "answer", "model": "lending", "score": 0.5, "features": {"amount": 10, "state": "CA"}}
HELD = {
    '{"model": "lending", "low": 0.45, "high": 0.55}': {},
    '{"model": "lending", "low": 0.5, "high": 0.6}': {},
    '{"model": "lending", "low": 0.1, "high": 0.2}': {"score": None},
    '{"model": "lending", "feature": "amount", "above": 9}': {},
    '{"model": "lending", "feature": "income", "above": 9}': {},
    '{"model": "lending", "feature": "state", "among": ["CA", "NY"]}': {},
}
GIVEN = {
    '{"model": "other", "low": 0.45, "high": 0.55}': {},
    '{"model": "lending", "low": 0.51, "high": 0.55}': {},
    '{"model": "lending", "feature": "amount", "above": 10}': {},
    '{"model": "lending", "feature": "state", "among": ["NY"]}': {},
}


@pytest.mark.parametrize(("rule", "change", "decision"), [
    *((rule, change, "needs-people") for rule, change in HELD.items()),
    *((rule, change, "allow") for rule, change in GIVEN.items()),
])  # fmt: skip
def test_an_answer_is_held_where_its_score_or_segment_is_named(engine, rule, change, decision):
    from workbench.policy import decide

    source = (POLICIES / "answer.rego").read_text("utf-8")
    policy = Policy.parse("answer", source.replace("held := []", f"held := [{rule}]"))
    said = decide(engine, policy, {**ANSWERS, **change})
    assert said.decision == decision, said.reasons
