"""The signs by which a policy that fails open is known."""

import pytest

from workbench.policy import Policy, lint

GUARDED = 'deny contains "none" if not input.evidence.fairness\n'


@pytest.mark.parametrize(
    ("rules", "advice"),
    [
        ("allow := input.f1 >= 0.8", []),
        ("default allow := false\nallow if input.f1 >= 0.8", []),
        (f"default allow := false\nallow if count(deny) == 0\n{GUARDED}", []),
        (f"allow if count(deny) == 0\n{GUARDED}", ["allow has no default"]),
        ("default allow := true\n", ["allow is true by default"]),
        ("default allow = true\n", ["allow is true by default"]),
        ("# default allow := false\nallow if input.x", ["allow has no default"]),
        (GUARDED, ["there is no rule allow"]),
        (
            "default allow := false\nallow if not is_number(input.f1)",
            ["line 3: to OPA, this negation is silent where input.f1"],
        ),
        (
            "default allow := false\nallow if not input.f1 < 0.8",
            ["line 3: to OPA, this negation is silent where input.f1"],
        ),
        ('default allow := false\nallow if not input.a["b"] in {1}', ["line 3"]),
        ("default allow := false\nallow if not input.a == 1", []),
        ('default allow := false\nallow if not is_number(object.get(input, "f1", null))', []),
        (
            'default allow := false\nallow if count(deny) == 0\ndeny contains "low" if input.metrics.f1 < 0.8',
            ["where input.metrics.f1 is not there, its rule is silent"],
        ),
        (
            'default allow := false\nallow if count(deny) == 0\ndeny contains "low" if input.f1 < 0.8 # not input.f1',
            ["where input.f1 is not there"],
        ),
    ],
)
def test_what_fails_open_is_told(rules, advice):
    told = lint(Policy.parse("p", f"package p\n{rules}\n"))
    assert len(told) == len(advice)
    assert all(words in sentence for words, sentence in zip(advice, told, strict=True))


def test_no_shipped_policy_fails_open(shipped):
    assert {policy.name: lint(policy) for policy in shipped} == dict.fromkeys(
        ("answer", "promotion", "rollback", "seed", "stage"), ()
    )


def test_no_shipped_policy_allows_an_input_that_holds_nothing(shipped, engine):
    for policy in shipped:
        for document in ({}, {"evidence": {}}, {"evidence": None, "metrics": None}, {"action": "promote"}):
            assert engine.evaluate(policy.source, policy.package, document).allow is not True


def test_the_seed_ships_word_for_word(shipped):
    (seed,) = (policy for policy in shipped if policy.name == "seed")
    assert seed.source.splitlines() == [
        "package model",
        "# A model can only be promoted if its fairness metric exceeds 0.85",
        "allow := input.metrics.fairness >= 0.85",
    ]
