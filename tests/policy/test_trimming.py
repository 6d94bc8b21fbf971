"""What of an input a policy's text can read, and that nothing else turns a decision."""

import importlib.util
import json
import random
from pathlib import Path

import pytest

from workbench.policy import Policy
from workbench.policy.cases import cases_of, read_cases
from workbench.policy.many import rulings_each
from workbench.policy.trimming import reads

spec = importlib.util.spec_from_file_location("mutants", Path(__file__).with_name("mutants.py"))
mutants = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutants)

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
SHIPPED = [path for path in sorted(POLICIES.glob("*.rego")) if cases_of(path).is_file()]
DOCUMENT = {"a": {"b": {"c": 1, "d": 2}, "e": 3}, "f": [{"g": 1, "h": 2}], "i": None, 'q"u': {"x": 1}, "input": 5}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("allow if input.a.b.c > 0", {"a": {"b": {"c": 1}}}),
        ('allow if input["a"].b["c"] > 0', {"a": {"b": {"c": 1}}}),
        ('allow if input["q\\"u"].x > 0', {'q"u': {"x": 1}}),
        ("allow if input.a[k].c", {"a": {"b": {"c": 1}, "e": 3}}),
        ("allow if input.a[input.input].d", {"a": {"b": {"d": 2}, "e": 3}, "input": 5}),
        ('allow if input.a["b]"][k[1]].d', {"a": {}}),
        ("allow if input.f[0].g", {"f": DOCUMENT["f"]}),
        ('allow if object.get(input, "i", 1) == 2', {"i": None}),
        ('allow if object.get(input.a, ["b", "c"], 1) == 2', {"a": {"b": {"c": 1}}}),
        ('allow if object.get(input, ["a", k, "c"], null) == 2', {"a": {"b": {"c": 1}, "e": 3}}),
        ('allow if object.get(input, "a", null) == null', {"a": {}}),
        ('allow if object.get(input, "a", null) == nullish', {"a": DOCUMENT["a"]}),
        ('allow if object.get(input, "a", {}) == {}', {"a": DOCUMENT["a"]}),
        ("allow if input.a == null", {"a": {}}),
        ("allow if input.a == input.i", {"a": DOCUMENT["a"], "i": None}),
        ("allow if count(object.keys(input.a)) == 2", {"a": {"b": {}, "e": 3}}),
        ("allow if {\n\tsome k, _ in input.a\n\tk == 1\n}", {"a": {"b": {}, "e": 3}}),
        ("allow if some k, _ in input.a", {"a": {"b": {}, "e": 3}}),
        ("allow if { some k, _ in input.a; k }", {"a": {"b": {}, "e": 3}}),
        ("allow if some k, _ in input.a | x", {"a": DOCUMENT["a"]}),
        ("allow if some k, v in input.a", {"a": DOCUMENT["a"]}),
        ("allow if object.keys(input.a)[k] == input.a.b", {"a": {"b": {"c": 1, "d": 2}, "e": 3}}),
        ("allow if count(object.keys(object.get(input, key, {}))) == 2", DOCUMENT),
        ("allow if object.get(input, key, 1) == 2", DOCUMENT),
        ("allow if object.get(input, [], 1) == 2", DOCUMENT),
        ("allow if some x in input", DOCUMENT),
        ("allow if input[k] == 1", DOCUMENT),
        ("allow if walk(input, [p, v])", DOCUMENT),
        ("allow if x with input as {}", DOCUMENT),
        ("allow if x with input.a.e as 1", {"a": {"e": 3}}),
        ("import input as doc\nallow if doc.a", DOCUMENT),
        ("import input.a as doc\nallow if doc.e", {"a": DOCUMENT["a"]}),
        ('allow if inputs.a == "input.f" # input.i', {}),
        ("allow if x.input.a", {}),
        ("allow := `input` == data.m.input", {}),
        ("allow := true", {}),
    ],
)
def test_what_a_text_can_read_is_kept(body, kept):
    assert reads(f"package m\n{body}\n").part(DOCUMENT) == kept


def test_texts_are_taken_together():
    together = reads("package m\nallow if input.a.e", "package n\nallow if input.i")
    assert together.part(DOCUMENT) == {"a": {"e": 3}, "i": None}


@pytest.mark.parametrize("value", [None, 3, "text", [1], True])
def test_what_is_no_object_stays_as_it_is(value):
    assert reads("package m\nallow if input.a.b").part({"a": value}) == {"a": value}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_says_the_same_to_the_part_as_to_the_whole(engine, path):
    policy, rng = Policy.load(path), random.Random(7)
    known = [case.document for case in read_cases(cases_of(path))]
    documents = known + [mutants.shaken(rng.choice(known), rng) for _ in range(150)]
    whole = [engine.evaluate(policy.source, policy.package, document) for document in documents]
    assert [said for (said,) in rulings_each(engine, [(policy.source, policy.package)], documents)] == whole
    assert len({(bool(said.deny), str(said.allow)) for said in whole}) > 1


def test_policies_that_are_asked_together_say_what_each_says_alone(engine, promotion):
    rng = random.Random(8)
    other = Policy.parse("promotion", promotion.source.replace('"f1": 0.80', '"f1": 0.85'))
    known = [case.document for case in read_cases(POLICIES / "promotion_cases.json")]
    documents = known + [mutants.shaken(rng.choice(known), rng) for _ in range(50)]
    asked = [(policy.source, policy.package) for policy in (promotion, other)]
    alone = [tuple(engine.evaluate(*policy, document) for policy in asked) for document in documents]
    assert list(rulings_each(engine, asked, documents)) == alone


def test_a_part_is_smaller_than_its_whole(promotion):
    (case, *_) = read_cases(POLICIES / "promotion_cases.json")
    assert len(json.dumps(reads(promotion.source).part(case.document))) < len(json.dumps(case.document)) * 0.8
