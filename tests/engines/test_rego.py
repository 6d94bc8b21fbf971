"""Rego by regopy: what a policy says is heard, and whatever goes wrong is a denial that says what."""

import base64
import json
import subprocess
import sys

import pytest

from workbench.engines import rego, rego_children
from workbench.engines.rego import RegoEngine
from workbench.engines.rego_builtins import refusal
from workbench.engines.rego_child import RULES, evaluate
from workbench.engines.rego_children import CHILD
from workbench.policy import Policy, Ruling, decide

SEED = "package model\nallow := input.metrics.fairness >= 0.85\n"

slow = pytest.mark.slow  # each evaluation starts a process


def asked(body, document=None):
    """What the code of the child makes of a policy, without starting one."""
    return evaluate(f"package m\n{body}\n", "m", {} if document is None else document)


def ruled(body, document=None, *, seconds=5.0):
    return RegoEngine(seconds=seconds).evaluate(f"package m\n{body}\n", "m", {} if document is None else document)


# the form of the seed


@pytest.mark.parametrize(
    ("metrics", "answer"),
    [
        ({"fairness": 0.9}, {"allow": True}),
        ({"fairness": 0.85}, {"allow": True}),
        ({"fairness": 0.8499999999}, {"allow": False}),
        ({"fairness": 0}, {"allow": False}),
        ({"fairness": -1e300}, {"allow": False}),
        ({}, {}),
    ],
)
def test_the_seed_compares_the_number_it_gets(metrics, answer):
    assert evaluate(SEED, "model", {"metrics": metrics}) == answer


@slow
@pytest.mark.parametrize(
    ("document", "decision", "codes"),
    [
        ({"metrics": {"fairness": 0.9}}, "allow", []),
        ({"metrics": {"fairness": 0.5}}, "deny", ["limit"]),
        ({"metrics": {}}, "deny", ["missing"]),
        ({}, "deny", ["missing"]),
    ],
)
def test_the_seed_decides_and_names_its_number(document, decision, codes):
    said = decide(RegoEngine(), Policy.parse("seed", SEED), document)
    assert (said.decision, [reason.code for reason in said.reasons]) == (decision, codes)


@slow
@pytest.mark.parametrize(
    ("fairness", "code"),
    [(None, "missing"), ("0.9", "wrong-type"), (True, "wrong-type"), ([0.9], "wrong-type"), ({"v": 1}, "wrong-type")],
)
def test_the_seed_does_not_allow_what_is_no_number(fairness, code):
    """To the interpreter null, true, lists and objects are greater than every number."""
    said = decide(RegoEngine(), Policy.parse("seed", SEED), {"metrics": {"fairness": fairness}})
    assert (said.decision, [reason.code for reason in said.reasons]) == ("deny", [code])


# numbers and texts arrive as they are


@pytest.mark.parametrize("number", [0.79999996, 1e-300, 1e300, -1.5, 0, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 1e20])
def test_a_number_arrives_as_it_is(number):
    assert asked("allow := input.n", {"n": number}) == {"allow": number}


def test_a_limit_is_missed_in_the_tenth_decimal():
    assert asked("allow := input.n >= 0.8", {"n": 0.7999999999}) == {"allow": False}
    assert asked("allow := input.n >= 0.8", {"n": 0.8}) == {"allow": True}


@pytest.mark.parametrize("limit", [0.8, 0.85, 0.1, 1 / 3, 1e-9, 123456.789])
def test_a_number_a_hair_below_a_limit_misses_it(limit):
    body = f"allow := input.n >= {limit!r}"
    assert asked(body, {"n": limit * (1 - 1e-10)}) == {"allow": False}
    assert asked(body, {"n": limit}) == {"allow": True}


def test_a_number_beyond_64_bits_does_not_turn_around():
    assert asked("allow := input.n > 0", {"n": 2**63}) == {"allow": True}
    assert asked("allow := input.n > 0", {"n": -(10**30)}) == {"allow": False}


HOSTILE = [
    '"',
    "\\",
    "\n",
    "\r\t\b",
    "\x00",
    "before\x00after",
    "\x01",
    "\x7f",
    "ü 🦉 \u2028 \u202e",
    "`",
    "{{x}}",
    "%s %d %v",
    "\\u0041",
    '\\"',
    "# no comment",
    '"} deny := [] #',
    'x"}, "bindings":{"value":true}, "y":{"z":"',
    'x"], "value": [], "y": ["',
    'input.x == 1 }\nallow := true\nx := "',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_a_text(text):
    answer = asked('allow := input.s\ndeny contains sprintf("<%s>", [input.s])', {"s": text, text: 1})
    assert answer == {"allow": text, "deny": [f"<{text}>"]}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_in_a_reason_does_not_take_the_denial_back(text):
    answer = asked('allow := true\ndeny contains {"code": "c", "message": input.why}', {"why": text})
    assert answer["deny"] == [{"code": "c", "message": text}]


@pytest.mark.parametrize(
    "body",
    [
        "allow := true\ndeny contains base64.decode(input.s)",
        'allow := true\ndeny contains {"message": base64.decode(input.s)}',
        "allow := base64.decode(input.s)",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        'x"], "value": [], "y": ["',
        'x"}], "value": [], "y": [{"z":"',
        'x", "value": true, "y": "',
        'x"}, "bindings":{"value":true}, "y":{"z":"',
    ],
)
def test_a_text_that_the_policy_decodes_cannot_forge_the_answer(body, text):
    """The interpreter does not quote what it decoded; such an answer is unreadable, or still a denial."""
    answer = asked(body, {"s": base64.b64encode(text.encode()).decode()})
    assert "error" in answer or answer.get("deny") or answer["allow"] is not True


# answers


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("allow := true", {"allow": True}),
        ("allow := null", {"allow": None}),
        ('people := {"approvals": 2, "roles": ["a"]}', {"people": {"approvals": 2, "roles": ["a"]}}),
        ("allow := input.no.such.thing", {}),
        ('allow := "true"', {"allow": "true"}),
        ("default allow := false\nallow if input.x", {"allow": False}),
        ('deny contains "a" if true\ndeny contains "b" if false', {"deny": ["a"]}),
        ("deny contains x if some x in input.none", {"deny": []}),
        ('allow := true\ndeny contains {"message": input.none}', {"allow": True, "deny": []}),
    ],
)
def test_what_a_policy_says_is_heard_as_it_is(body, answer):
    assert asked(body) == answer


def test_a_policy_without_rules_says_nothing():
    assert asked("") == {}
    assert evaluate("package other\nallow := true\n", "m", {}) == {}


@pytest.mark.parametrize(
    "body",
    [
        "allow := 1 / 0",
        "allow := 1\nallow := 2",
        'allow := to_number("x")',
        'allow := sprintf("%.3f", [null])',
        'allow := true\ndeny contains sprintf("%.3f", [null])',
        "allow := allow",
    ],
)
def test_an_error_inside_a_policy_is_no_answer(body):
    answer = asked(body)
    assert answer["error"]
    assert "allow" not in answer


@slow
def test_a_deny_that_is_no_set_is_said():
    assert "deny must be a set of reasons; it is a dict" in ruled('allow := true\ndeny := {"a": 1}').error
    assert "it is a str" in ruled('allow := true\ndeny := "no"').error
    assert "it is a bool" in ruled("allow := true\ndeny := true").error


@slow
@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("package m\nallow := {", "line 2"),
        ("package m\n\n\nallow if {\n", "line 4"),
        ("package m\n# ünï\nallow := ]", "line 3"),
    ],
)
def test_a_syntax_error_names_its_line(source, line):
    ruling = RegoEngine().evaluate(source, "m", {})
    assert ruling.code == "policy-error"
    assert line in ruling.error


@slow
def test_an_endless_policy_is_stopped():
    endless = (
        "allow if { some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); "
        "some c in numbers.range(1, 3000); a + b + c < 0 }"
    )
    ruling = ruled(endless, seconds=0.5)
    assert (ruling.allow, ruling.code, ruling.error) == (None, "policy-timeout", "it took more than 0.5 seconds")


@slow
def test_a_greedy_policy_is_stopped():
    ruling = ruled("x := numbers.range(1, 50000000)\nallow if count(x) > 3", seconds=60)
    assert (ruling.allow, ruling.code, ruling.error) == (None, "policy-memory", "it used more than 1024 MB of memory")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("allow if is_fair(input)", "Function not found: is_fair"),
        ("allow := true\ndeny contains company.risk(1)", "Function not found: company.risk"),
        ("allow if b\nb if allow", "Recursion detected in rule body: data.m.allow"),
        ("allow := 1 / 0", "a built-in was given what it cannot take"),
        ("allow := true\nallow := false", "a rule has two values at once"),
    ],
)
def test_what_the_interpreter_complains_of_is_said_in_its_words(body, told):
    assert told in asked(body)["error"]


@slow
def test_a_policy_that_runs_out_of_stack_takes_nothing_with_it():
    deep = "(" * 50_000 + "1" + ")" * 50_000
    ruling = ruled(f"allow := {deep} == 1", seconds=20)
    assert ruling.allow is None
    assert ruling.error


# refused by name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("x := opa.runtime()", "opa.runtime"),
        ("x := opa.runtime ()", "opa.runtime"),
        ("x := opa .runtime()", "opa.runtime"),
        ("x := opa.\n  runtime()", "opa.runtime"),
        ("x := opa # here\n.runtime()", "opa.runtime"),
        ('x := opa["runtime"]()', "opa"),
        ("x := opa[`runtime`]()", "opa"),
        ("x := f(1) with f as opa.runtime", "opa.runtime"),
        ("x := f(1) with f as trace", "trace"),
        ('x := http.send({"url": "u"})', "http.send"),
        ('x := http["send"]({"url": "u"})', "http"),
        ('x := net.lookup_ip_addr("a")', "net.lookup_ip_addr"),
        ('x := net.cidr_is_valid("a")', "net.cidr_is_valid"),
        ("x := time.now_ns()", "time.now_ns"),
        ("x := time . now_ns()", "time.now_ns"),
        ('x := time.parse_rfc3339_ns("2026-01-01T00:00:00Z")', "time.parse_rfc3339_ns"),
        ('x := rand.intn("a", 3)', "rand.intn"),
        ('x := uuid.rfc4122("a")', "uuid.rfc4122"),
        ('x := io.jwt.decode_verify(input.token, {"secret": "s"})', "io.jwt.decode_verify"),
        ('x := trace("a")', "trace"),
        ('trace ("a")', "trace"),
        ('print("a")', "print"),
        ("x := max([1, null])", "max"),
        ("x := internal.print([1])", "internal.print"),
        ('x := semver.compare("1.0.0", "01.0.0")', "semver.compare"),
        ('x := "a # b"; y := time.now_ns()', "time.now_ns"),
        ('x := "\\""; y := time.now_ns()', "time.now_ns"),
    ],
)
def test_a_builtin_that_is_not_proven_or_reaches_outside_is_refused_however_it_is_spelled(code, name):
    found = refusal(f"package m\nallow if {{ {code} }}\n")
    assert (found.name, found.line) == (name, 2)
    assert found.why


@pytest.mark.parametrize(
    "code",
    [
        "# time.now_ns() would be a clock; http.send( too",
        'x := "opa.runtime() and time.now_ns()"',
        "x := `rand.intn(`",
        'x := "a quote \\" and time.now_ns()"',
        "x := input.time.now",
        "x := input.net.income",
        "x := input.trace",
        "x := input.opa.runtime",
        'x := input["time"][0]',
        "runtime.x := 1",
        "my_time.x",
        "stacktrace(1)",
        "overtime.hours",
        "time := 3",
        "max := input.max",
        "x := count(input.reasons)",
        'x := object.get(input, "why", "")',
        "deny contains x if x",
    ],
)
def test_the_same_words_elsewhere_are_fine(code):
    assert refusal(f"package m\n{code}\n") is None


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("x := time.now_ns()", True),
        ("x := opa.runtime()", True),
        ('x := http.send({"url": "u"})', True),
        ('x := rand.intn("a", 3)', True),
        ('print("a")', True),
        ('x := time.parse_rfc3339_ns("2026-01-01T00:00:00Z")', False),
        ("x := max([1, 2])", False),
        ('x := semver.is_valid("1.0.0")', False),
    ],
)
def test_opa_has_all_its_builtins_but_those_that_reach_outside(code, refused):
    assert (refusal(f"package m\nallow if {{ {code} }}\n", embedded=False) is not None) == refused


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize("text", ['$"{opa.runtime().env}"', "$`{time.now_ns()}`", '$"nothing"'])
def test_a_template_string_is_refused_because_it_runs_what_stands_in_a_text(text, embedded):
    assert refusal(f"package m\nallow := {text}\n", embedded=embedded)[:2] == ("a template string", 2)
    assert refusal(f'package m\nallow := true # {text}\nx := `$`\ny := "$"\n', embedded=embedded) is None


def test_a_refusal_says_how_to_have_the_builtin():
    assert 'policy_engine = "opa"' in refusal('package m\nx := semver.is_valid("1")').why


@pytest.mark.parametrize(
    ("rules", "name", "line", "says"),
    [
        ("x := 1\nallow if x(1)", "x", 3, 2),
        ("s contains 1\nallow if not s(input.x, 2)", "s", 3, 2),
        ("f if true\nf(a) if a > 1\nallow if f(3)", "f", 4, 2),
        ("f(a) if a > 1\nf if true\nallow if f(3)", "f", 4, 3),  # to the interpreter, a yes
        ("default f := false\nf(a) if a > 1\nallow if {\n\tf(3)\n}", "f", 5, 2),
    ],
)
def test_a_rule_that_is_called_and_is_no_function_is_refused_with_its_line(rules, name, line, says):
    """The interpreter aborts on it, or takes it for true; OPA does not load it."""
    ruling = ruled(rules)
    told = f"it is called like a function, and line {says} says that it is none"
    assert (ruling.allow, ruling.code) == (None, "policy-refused")
    assert ruling.error == f"line {line}: it uses {name}: {told}"


def test_a_function_with_a_default_and_a_variable_of_any_name_are_no_such_rule():
    assert refusal("package m\ndefault f(_) := false\nf(a) if a > 1\nallow if {\n\tx := f(3)\n\tx\n}") is None


def test_a_refused_policy_is_never_run(monkeypatch):
    monkeypatch.setattr(rego_children, "CHILD", "/nowhere")
    ruling = ruled("allow := true\nx := opa.runtime()")
    assert (ruling.allow, ruling.code) == (None, "policy-refused")
    assert ruling.error == "line 3: it uses opa.runtime: it shows the process to the policy"


def test_no_shipped_policy_is_refused():
    for path in (CHILD.parents[2] / "templates" / "policies").glob("*.rego"):
        assert path.stem.endswith("_test") or refusal(path.read_text("utf-8"), "promotion") is None


# the process


@slow
def test_the_child_sees_no_environment(monkeypatch):
    """Asked in the child itself, past the refusal, for what the policy could see of the process."""
    monkeypatch.setenv("WORKBENCH_SECRET", "open sesame")
    monkeypatch.setattr(rego, "refusal", lambda *_, **__: None)
    ruling = ruled("allow := opa.runtime().env")
    assert set(ruling.allow) <= {"LC_CTYPE"}  # Python sets this one itself


def asked_alone(*questions):
    """What a child says to questions put to it by hand."""
    lines = "".join(
        f"{json.dumps([[source, package, RULES]])}\n{json.dumps(document)}\n" for source, package, document in questions
    )
    done = subprocess.run([sys.executable, "-I", str(CHILD)], input=lines, env={}, capture_output=True, text=True)
    assert done.returncode == 0
    return [answer for line in done.stdout.splitlines() for answer in json.loads(line)]


@slow
def test_the_child_answers_one_question_after_another():
    fine = (SEED, "model", {"metrics": {"fairness": 1}})
    poor = (SEED, "model", {"metrics": {"fairness": 0.1}})
    broken = ("package m\nallow := {", "m", {})
    first, second, error, again = asked_alone(fine, poor, broken, fine)
    assert (first, second, again) == ({"allow": True}, {"allow": False}, {"allow": True})
    assert list(error) == ["error"]


@slow
def test_a_child_is_kept_for_the_next_question_and_replaced_when_it_hangs_or_dies():
    engine = RegoEngine(seconds=1.0)
    endless = "package m\nallow if { some a in numbers.range(1, 9000); some b in numbers.range(1, 9000); a + b < 0 }"
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    (first,) = engine._children._idle
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 0}}).allow is False
    assert engine._children._idle == [first]
    assert engine.evaluate(endless, "m", {}).code == "policy-timeout"
    assert engine._children._idle == []
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    engine._children._idle[0]._process.kill()
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    engine.close()


@slow
def test_many_questions_at_once_get_each_its_own_answer():
    engine = RegoEngine()
    documents = [{"metrics": {"fairness": number / 100}} for number in range(200)]
    rulings = list(engine.evaluate_many(SEED, "model", documents))
    assert [ruling.allow for ruling in rulings] == [number >= 85 for number in range(200)]
    engine.close()


CHILDREN = {
    "silent": ("", "its answer cannot be read"),
    "talkative": ("print('hello')", "its answer cannot be read"),
    "listing": ("print('[1]')", "its answer cannot be read"),
    "numeric": ("print('1')", "its answer cannot be read"),
    "failing": ("raise RuntimeError('no memory')", "the interpreter failed: RuntimeError: no memory"),
    "exiting": ("raise SystemExit(3)", "the interpreter failed: no word"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "the interpreter died of SIGKILL"),
    "crashing": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the interpreter died of SIGSEGV"),
    "binary": ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "its answer cannot be read"),
}


@slow
@pytest.mark.parametrize(("code", "said"), CHILDREN.values(), ids=CHILDREN)
def test_a_child_that_dies_or_babbles_is_a_denial(tmp_path, monkeypatch, code, said):
    child = tmp_path / "child.py"
    child.write_text(code)
    monkeypatch.setattr(rego_children, "CHILD", child)
    assert ruled("allow := true") == Ruling(None, error=said, code="policy-crash")


def test_an_interpreter_that_is_not_there_is_a_denial(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    ruling = ruled("allow := true")
    assert (ruling.allow, ruling.code) == (None, "policy-crash")
    assert "cannot be started" in ruling.error


@slow
def test_a_child_that_closes_its_ears_is_a_denial(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text("import os; os.close(0)")
    monkeypatch.setattr(rego_children, "CHILD", child)
    assert ruled("allow := true", {"long": "x" * 1_000_000}).code == "policy-crash"


@slow
def test_an_input_that_takes_too_long_delays_no_other_of_many():
    engine = RegoEngine(seconds=1.0)
    loop = "package m\nallow if count([1 | input.x[_]; input.x[_]; input.x[_]; input.x[_]]) == 0\nallow if input.y\n"
    documents = [{"x": [], "y": 1}] * 60 + [{"x": list(range(1000))}] + [{"x": [1]}] * 2
    rulings = list(engine.evaluate_many(loop, "m", documents))
    assert [ruling.allow for ruling in rulings] == [True] * 60 + [None] * 3
    assert [ruling.code for ruling in rulings if ruling.error] == ["policy-timeout"]
    engine.close()
