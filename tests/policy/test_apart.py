"""Inputs that two policies cannot judge differently are found, and never one too many."""

import pytest

from workbench.policy import Policy, Ruling
from workbench.policy.apart import apart, parts

RULES = """limits := {"f1": 0.8, "age": 30, "by": {"race": 0.8}}
kinds := {"a", "b"}
default allow := false
allow if deny == set()
low(x) := x < limits.f1
old contains kind if { some kind in kinds; input.age[kind] > limits.age }
deny contains "low" if low(input.f1)
deny contains sprintf("%s is old", [kind]) if some kind in old
deny contains "nothing" if not input.f1
"""


def can_differ(engine, old, new, documents):
    """Whether two policies may come to different outcomes, for each input."""
    return [known is not None for known in apart(engine, old, new, documents)]


@pytest.fixture(autouse=True)
def worth_it(monkeypatch):
    """Short policies are asked by their parts, too."""
    monkeypatch.setattr("workbench.policy.apart.WORTH", 10)


def written(rules=RULES):
    return Policy.parse("p", f"package m\n{rules}")


def part(before, after):
    """The lines of the new policy's part but those that ask for it; None where there is none."""
    assert before in RULES
    both = parts(written(), written(RULES.replace(before, after)))
    return None if both is None else both[1].source.split("\n")[1:-1]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("", "", []),
        ("limits :=", "# said at the top\nlimits  :=", []),
        ("0.8,", "0.9,", ["limits", "low", 'deny contains "low"']),
        ('"age": 30', '"age": 31', ["limits", "kinds", "old"]),
        ('"by": {"race": 0.8}', '"by": {"sex": 0.8}', []),
        ('"nothing" if', '"nothing at all" if', ['deny contains "nothing']),
        ("x < limits", "x <= limits", ["limits", "low", 'deny contains "low"']),
        ('\ndeny contains "nothing" if not input.f1', "", []),
        ('{"a", "b"}', '["a", "b"]', ["limits", "kinds", "old"]),
    ],
)
def test_what_differs_is_asked_with_what_it_reads(before, after, kept):
    found = part(before, after)
    assert [next((start for start in kept if one.startswith(start)), one) for one in found] == kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("allow if deny", "allow if input.x\nallow if deny"),
        ("default allow := false", "default allow := true"),
        ("allow if deny == set()", "allow if deny == set() with input.f1 as 1"),
        ("not input.f1", "not data.m.old"),
        ("x < limits.f1\n", "x < limits.f1 else := true\n"),
        ("deny contains", "  deny contains"),
        ("x < limits.f1\n", 'x < limits.f1 deny contains "x" if input.y\n'),
        ("kinds := ", "kinds = "),
        ("not input.f1", "not input.f1; input.x"),
        ('{"race": 0.8}', "{1: 0.8}"),
        ("deny contains", "refused contains"),
        ("package m", "package n"),
        ('"nothing" if not input.f1', '"nothing" if count(old) == 0\nold contains 1 if count(deny) == 0'),
        ("kinds := {", "kinds[x] := {"),
        ("allow if", "import input.limits\nallow if"),
        ("input.f1)", "input .f1)"),
        ('"nothing" if not input.f1', '"nothing" if not rego.metadata.rule().x'),
    ],
)
def test_nothing_is_told_of_a_text_that_is_not_plain(before, after):
    assert parts(written(), Policy.parse("p", f"package m\n{RULES}".replace(before, after))) is None


def test_a_change_tells_apart_only_the_inputs_that_it_is_about(engine):
    documents = [{"f1": f1 / 100, "age": {"a": age}} for f1 in range(70, 100, 2) for age in (1, 40)]
    other = written(RULES.replace('"f1": 0.8,', '"f1": 0.9,'))
    said = can_differ(engine, written(), other, documents)
    assert said == [0.8 <= one["f1"] < 0.9 for one in documents]


def test_what_one_part_denies_is_known_with_its_reasons(engine):
    old, new = written(), written(RULES.replace('"f1": 0.8,', '"f1": 0.9,'))
    documents = [{"f1": 0.85, "age": {}}, {"f1": 0.95, "age": {}}, {"f1": 0.7, "age": {}}]
    assert list(apart(engine, old, new, documents)) == [(None, Ruling(None, ("low",))), None, None]
    assert list(apart(engine, new, old, documents)) == [(Ruling(None, ("low",)), None), None, None]


def test_of_a_constant_object_only_the_keys_that_are_read_are_asked():
    _, new = parts(written(), written(RULES.replace('"age": 30', '"age": 31.50')))
    assert 'limits := {"age": 31.50}' in new.source
    whole = RULES.replace("x < limits.f1", "x < limits[input.name]")
    _, new = parts(written(whole), written(whole.replace('"age": 30', '"age": 31')))
    assert '"f1": 0.8, "age": 31' in new.source


def test_a_set_is_not_taken_for_a_list_and_a_number_not_for_its_text(engine):
    for values in (("{1}", "[1]"), ("1", '"1"'), ("1", "true"), ("[1, {2}]", "[1, [2]]")):
        one, two = (
            Policy.parse("p", f"package m\nfound contains x if {{ x := {value} }}\nallow if not input.odd[found[_]]\n"
            f"odd if input.y\nmore if input.z > 2\nless if input.z < 1\n") for value in values
        )  # fmt: skip
        assert parts(one, two) is not None
        assert can_differ(engine, one, two, [{}, {"y": 1}]) == [True, True]


def test_a_policy_that_no_engine_takes_is_judged_in_full(engine):
    broken = written(RULES + "broken := {")
    unknown = written(RULES + 'deny contains "unfair" if not is_fair(input.x)\n')
    for other in (broken, unknown):
        assert can_differ(engine, written(), other, [{"f1": 0.9}] * 3) == [True] * 3


def test_an_error_is_judged_in_full(engine):
    one = written(RULES + 'deny contains "n" if 6 / input.n > 1\n')
    two = written(RULES + 'deny contains "n" if 6 / input.n > 2\n')
    found = can_differ(engine, one, two, [{"f1": 0.9, "n": n} for n in (1, 0, 7, 5)])
    assert found == [False, True, False, True]
