"""An answer explained: which conditions and rules held, on what values, and what would turn it."""

from workbench.policy import Policy
from workbench.policy.explaining import explain

POLICY = Policy.parse(
    "p",
    """package m
# allow if { input.no }
default allow := false

allow if {
	input.f1 >= limit
	fresh; input.kind == "a"
}

limit := 0.8

fresh if input.age <= 30

double(x) := x * 2

deny contains {"code": "late", "message": "too old", "flip": "audit again"} if input.age > 30
""",
)


def test_each_condition_of_allow_is_told_with_its_line(engine):
    found = explain(engine, POLICY, {"f1": 0.9, "age": 31, "kind": "a"})
    assert [(one.text, one.line, one.holds) for one in found.conditions] == [
        ("input.f1 >= limit", 6, True),
        ("fresh", 7, False),
        ('input.kind == "a"', 7, True),
    ]


def test_each_rule_is_told_with_its_value_and_functions_are_left_out(engine):
    found = explain(engine, POLICY, {"f1": 0.9, "age": 31})
    assert [(rule.name, rule.line, rule.value, rule.defined) for rule in found.rules] == [
        ("allow", 3, False, True),
        ("limit", 10, 0.8, True),
        ("fresh", 12, None, False),
        ("deny", 16, [{"code": "late", "message": "too old", "flip": "audit again"}], True),
    ]
    assert found.flips == ("audit again",)


def test_what_was_read_is_told_and_what_was_not_there(engine):
    found = explain(engine, POLICY, {"f1": 0.9, "age": 31})
    assert (found.read, found.missing) == ({"f1": 0.9, "age": 31}, ("kind",))


def test_a_policy_that_cannot_be_asked_is_explained_by_its_decision(engine):
    found = explain(engine, Policy.parse("p", "package m\nallow := 1 / 0"), {})
    assert (found.decision.decision, found.rules) == ("deny", ())


def test_the_shipped_promotion_policy_is_explained(engine, promotion):
    found = explain(engine, promotion, {})
    assert not found.decision.allowed
    assert {one.text for one in found.conditions if one.holds} >= {"breached == set()"}
    assert "evidence.fairness.data_digest" in found.missing
