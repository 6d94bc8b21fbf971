"""Two policies asked as one say what each says alone, and what is not asked could not have differed."""

import importlib.util
import random
from pathlib import Path

import pytest

from workbench.policy import Policy, decide
from workbench.policy.apart import apart
from workbench.policy.cases import cases_of, read_cases
from workbench.policy.jointly import decide_both, joined

spec = importlib.util.spec_from_file_location("mutants", Path(__file__).with_name("mutants.py"))
mutants = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutants)

POLICIES = Path(__file__).parents[2] / "templates" / "policies"
SHIPPED = [path for path in sorted(POLICIES.glob("*.rego")) if cases_of(path).is_file()]
CHANGES = {  # of the promotion policy, and whether both policies can be asked as one
    "a limit": ('"f1": 0.80', '"f1": 0.85', True),
    "another limit": ('"certainty": 0.95', '"certainty": 0.995', True),
    "a measure more": ('"f1": 0.80', '"f1": 0.80, "auc": 0.9', True),
    "an attribute less": ('{"race", "sex"}', '{"race"}', True),
    "fewer approvals": ('"approvals": 2', '"approvals": 1', True),
    "a helper": ("got <= limit\n", "got < limit - 0.1\n", True),
    "a function": ("is_number(figure.high)\n", "", True),
    "a default": ("default days_left := null", "default days_left := -1", True),
    "a rule of allow less": ("\tenough_people\n}", "}", True),
    "a name": ("earliest", "soonest", True),
    "a conflict": ("days_left := input", "days_left := 3\n\ndays_left := input", True),
    "a runtime error": ("got <= limit\n", "1 / (got - got) > limit\n", True),
    "a word": ("this policy judges promotions only", "only promotions", True),
    "a comment": ("# performance", "# how well it does", True),
    "no Rego": ("allow if {", "allow if {{", False),
    "an else": ("named) := split(", "named) := 1 if false else := split(", False),
    "other data": ("default stakes", "default allow := data.promotion.stakes\ndefault stakes", False),
}


def documents_of(path, rng, many):
    """Inputs of the cases beside a policy: the first, others, and some of them shaken."""
    known = [case.document for case in read_cases(cases_of(path))]
    some = [known[0] if rng.random() < 0.3 else rng.choice(known) for _ in range(many)]
    return [mutants.shaken(one, rng) if rng.random() < 0.4 else one for one in some]


def weighed(engine, old, new, documents):
    """For how many inputs both policies were known to come to the same, and on how many they differ; all is checked."""
    alone = [(decide(engine, old, one), decide(engine, new, one)) for one in documents]
    assert list(decide_both(engine, old, new, documents)) == alone
    known = list(apart(engine, old, new, documents))
    unlike = [said for said in alone if said[0].decision != said[1].decision]
    open_ = [(one, said) for one, said in zip(documents, known, strict=True) if said is not None]
    found = decide_both(engine, old, new, [one for one, _ in open_], [said for _, said in open_])
    assert [said for said in found if said[0].decision != said[1].decision] == unlike
    return known.count(None), len(unlike)


def mutant(path, rng):
    """A shipped policy and one that was changed once or twice."""
    old = Policy.load(path)
    new = Policy.parse(old.name, mutants.changed(old.source, rng))
    return old, Policy.parse(old.name, mutants.changed(new.source, rng)) if rng.random() < 0.3 else new


ALONE = (  # pairs of which one word decides whether they may be read as one
    ("allow := true\npeople := {}", 'allow := input.people\npeople := {"approvals": 1}'),
    ("allow if input.x\nx := 1", "allow if { some x in input.xs; x > 1 }"),
    ("allow if { y := [1, 2]; y[i] == 2; input.x }", "allow if { y := [1, 2]; y[i] == 2; input.x }\ni := 0"),
    ('deny contains "people" if input.people', 'deny contains "people" if input.people\nallow if count(deny) == 0'),
    ("allow := true if input.x\nallow := false if input.y", "allow := true if input.x\nallow := 1 if input.y"),
    ("default allow := false\nallow if count(input.xs) > 1", "count(x) := 7\nallow if count(input.xs) > 1"),
    ("allow := limits.a\nlimits := {`a`: 1}", "allow := limits.a\nlimits := {`a`: 2}"),
    ("allow := limits_too\nlimits_too := 1\nlimits := 3", "allow := limits_too\nlimits_too := 1\nlimits := 4"),
    ("deny := {input.x}", "deny contains input.x"),
    ("import input.people\nallow := people", "import input.people\nallow := people\ny := 1"),
    ("allow if not low\nlow if input.x < 3", "allow if not low\nlow if input.x > 3"),
    ('allow := `"` == input.t # "\nx := 1', 'allow := `"` == input.t # "\nx := 2'),
    ("  allow := true\nx := 1", "  allow := true\nx := 2"),
    ("allow if f(input.x)\nf(x) := y if { y := x > 1 }", "allow if f(input.x)\nf(x) := y if { y := x > 2 }"),
    ("allow if { input.x }", "allow  if  { input.x }"),  # the interpreter takes one of them
    ("", "allow := true"),
)


@pytest.mark.parametrize(("old", "new"), ALONE)
def test_short_policies_say_what_each_says_alone(engine, worth_it, old, new):
    documents = [{}, {"x": 1}, {"x": 2, "xs": [1, 2]}, {"y": 1, "people": True}, {"x": 5, "y": 1, "t": '"', "xs": [1]}]
    shared = "\nshared if input.x == 2\n"
    for one, two in ((old, new), (new, old)):
        weighed(engine, *(Policy.parse("p", f"package m\n{text}{shared}") for text in (one, two)), documents)


@pytest.fixture
def worth_it(monkeypatch):
    """Short policies are asked by their parts and as one, too."""
    monkeypatch.setattr("workbench.policy.apart.WORTH", 10)
    monkeypatch.setattr("workbench.policy.jointly.WORTH", 10)


@pytest.mark.slow
def test_short_policies_say_to_a_real_opa_what_each_says_alone(opa_program, worth_it):
    from workbench.engines.opa import OpaEngine

    engine = OpaEngine.at(f"opa+exec://{opa_program}", seconds=60)
    for old, new in ALONE[:6]:
        policies = (Policy.parse("p", f"package m\n{text}\nshared if input.x == 2\n") for text in (old, new))
        weighed(engine, *policies, [{}, {"x": 1, "people": True}, {"x": 2, "xs": [1, 2]}])
    engine.close()


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_promotion_policy_says_what_it_says_alone(engine, promotion, name):
    before, after, together = CHANGES[name]
    assert before in promotion.source
    other = Policy.parse("promotion", promotion.source.replace(before, after))
    assert (joined(promotion, other) is not None) == together
    weighed(engine, promotion, other, documents_of(POLICIES / "promotion.rego", random.Random(5), 16))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_and_a_mutant_say_what_each_says_alone(engine, path, worth_it):
    for seed in range(8):
        rng = random.Random(seed)
        weighed(engine, *mutant(path, rng), documents_of(path, rng, 8))
