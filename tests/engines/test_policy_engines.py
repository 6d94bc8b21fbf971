"""The contract of what evaluates policies, run over the embedded engine, an OPA server and the OPA program."""

import json
import math
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from workbench.engines.opa import OpaEngine
from workbench.engines.rego import RegoEngine
from workbench.policy import Policy, decide

pytestmark = pytest.mark.slow  # each engine is a process

SEED = "package model\nallow := input.metrics.fairness >= 0.85\n"
POLICIES = Path(__file__).parents[2] / "templates" / "policies"


@pytest.fixture(scope="module")
def server(opa_program):
    """The address of an OPA that somebody else runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [opa_program, "run", "--server", "--addr", f"127.0.0.1:{port}", "--skip-version-check", "-l", "error"]
    process = subprocess.Popen(command, env={"WORKBENCH_SECRET": "open sesame"}, **quiet)
    for _ in range(500):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.02)
    yield f"opa+http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def opened(name, request, seconds=5.0):
    if name == "embedded":
        return RegoEngine(seconds=seconds)
    place = (
        request.getfixturevalue("server")
        if name == "server"
        else f"opa+exec://{request.getfixturevalue('opa_program')}"
    )
    return OpaEngine.at(place, seconds=seconds)


@pytest.fixture(scope="module", params=["embedded", "server", "program"])
def engine(request):
    engine = opened(request.param, request)
    yield engine
    engine.close()


@pytest.fixture(params=["embedded", "server", "program"])
def hasty(request):
    """An engine of its own, with a second."""
    engine = opened(request.param, request, 1.0)
    engine.evaluate(SEED, "model", {})  # so that starting it takes none of the time
    yield engine
    engine.close()


def ruled(engine, body, document=None):
    return engine.evaluate(f"package m\n{body}\n", "m", {} if document is None else document)


@pytest.mark.parametrize(
    ("document", "decision", "codes"),
    [
        ({"metrics": {"fairness": 0.9}}, "allow", []),
        ({"metrics": {"fairness": 0.85}}, "allow", []),
        ({"metrics": {"fairness": 0.8499999999}}, "deny", ["limit"]),
        ({"metrics": {"fairness": None}}, "deny", ["missing"]),
        ({"metrics": {"fairness": "0.9"}}, "deny", ["wrong-type"]),
        ({"metrics": {"fairness": True}}, "deny", ["wrong-type"]),
        ({"metrics": {}}, "deny", ["missing"]),
        ({}, "deny", ["missing"]),
    ],
)
def test_the_seed_is_decided_alike(engine, document, decision, codes):
    said = decide(engine, Policy.parse("seed", SEED), document)
    assert (said.decision, [reason.code for reason in said.reasons]) == (decision, codes)


@pytest.mark.parametrize(
    ("body", "document", "allow", "deny", "people"),
    [
        ("allow := true", {}, True, (), None),
        ("allow := null", {}, None, (), None),
        ("allow := input.no.such.thing", {}, None, (), None),
        ('allow := "true"', {}, "true", (), None),
        ("default allow := false\nallow if input.x", {}, False, (), None),
        ('deny contains "a" if true\ndeny contains "b" if false', {}, None, ("a",), None),
        ("deny contains x if some x in input.none", {}, None, (), None),
        ('allow := true\ndeny contains {"message": input.none}', {}, True, (), None),
        ('people := {"approvals": 2, "roles": ["a"]}', {}, None, (), {"approvals": 2, "roles": ["a"]}),
        ("allow if data.m.good\ngood if input.x == 1", {"x": 1}, True, (), None),
        ("allow if {\n every x in input.xs { x > 1 }\n}", {"xs": [2, 3]}, True, (), None),
        ("", {}, None, (), None),
    ],
)
def test_what_a_policy_says_is_heard_alike(engine, body, document, allow, deny, people):
    ruling = ruled(engine, body, document)
    assert (ruling.allow, ruling.deny, ruling.people, ruling.error) == (allow, deny, people, None)


@pytest.mark.parametrize("number", [0.79999996, 1e-300, 1e300, -1.5, 0, 2**53 + 1, 2**63, -(2**63) - 1, 10**30])
def test_a_number_arrives_as_it_is(engine, number):
    assert ruled(engine, "allow := input.n", {"n": number}).allow == number


def test_a_number_a_hair_above_a_limit_is_above_it(engine):
    assert ruled(engine, "allow := input.n > 0.3", {"n": 0.3 * (1 + 1e-13)}).allow is True
    assert ruled(engine, "allow := input.n > 0.3", {"n": 0.3}).allow is False


HOSTILE = [
    '"',
    "\\",
    "\n",
    "\x00",
    "ü 🦉 \u2028 \u202e",
    "{{x}}",
    "%s %d %v",
    '"} deny := [] #',
    'x"}, "bindings":{"value":true}, "y":{"z":"',
    'input.x == 1 }\nallow := true\nx := "',
    "package other\nallow := true",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_a_text(engine, text):
    body = 'allow := input.s\ndeny contains {"code": "c", "message": sprintf("<%s>", [input.s])}'
    ruling = ruled(engine, body, {"s": text, text: 1})
    assert (ruling.allow, ruling.deny) == (text, ({"code": "c", "message": f"<{text}>"},))


@pytest.mark.parametrize(
    "body",
    [
        "allow := 1 / 0",
        "allow := 1\nallow := 2",
        'allow := to_number("x")',
        "allow := allow",
        "allow if is_fair(input)",
    ],
)
def test_an_error_inside_a_policy_is_a_denial_that_says_so(engine, body):
    ruling = ruled(engine, body)
    assert (ruling.allow, ruling.code) == (None, "policy-error")
    assert ruling.error


@pytest.mark.parametrize(
    ("source", "line"), [("package m\nallow := {", "line 2"), ("package m\n\n\nallow if {\n", "line ")]
)
def test_a_syntax_error_names_its_line(engine, source, line):
    ruling = engine.evaluate(source, "m", {})
    assert ruling.code == "policy-error"
    assert line in ruling.error


def test_a_deny_that_is_no_set_is_an_error(engine):
    assert "deny must be a set of reasons; it is a dict" in ruled(engine, 'allow := true\ndeny := {"a": 1}').error


@pytest.mark.parametrize(
    "code",
    [
        "allow := opa.runtime().env",
        "allow := time.now_ns() > 0",
        'allow if http.send({"method": "get", "url": "http://127.0.0.1:9"})',
        'allow if print("x")',
        'allow := rand.intn("x", 2) == 0',
        "allow if data.other.yes",
        "import data.other\nallow if other.yes",
        'allow if data["other"].yes',
        "allow if yes with data.other as 1",
        "allow if count(data) > 0",
        'allow := $"{opa.runtime().env}"',
        'allow := $`{http.send({"method": "get", "url": "http://127.0.0.1:9"})}`',
        'deny contains $"at {time.now_ns()}"',
    ],
)
def test_a_policy_that_reaches_for_the_environment_the_network_the_clock_or_others_is_refused(engine, code):
    ruling = ruled(engine, code)
    assert (ruling.allow, ruling.code) == (None, "policy-refused")
    assert ruling.error.startswith("line 2: ")


def test_two_policies_of_one_package_do_not_mix(engine):
    strict, loose = "package m\nallow if input.x > 10\n", "package m\nallow if input.x > 1\nother := 1\n"
    for _ in range(2):
        assert engine.evaluate(strict, "m", {"x": 5}).allow is None
        assert engine.evaluate(loose, "m", {"x": 5}).allow is True


def test_an_endless_policy_is_stopped_and_the_next_is_answered(hasty):
    endless = (
        "allow if { some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); "
        "some c in numbers.range(1, 3000); a + b + c < 0 }"
    )
    ruling = ruled(hasty, endless)
    assert (ruling.allow, ruling.code) == (None, "policy-timeout")
    assert "more than 1 seconds" in ruling.error
    assert hasty.evaluate(SEED, "model", {"metrics": {"fairness": 0.9}}).allow is True


@pytest.mark.parametrize("depth", [100, 900])
def test_a_deep_input_is_judged_or_denied(engine, depth):
    document = 1
    for _ in range(depth):
        document = {"x": document}
    ruling = ruled(engine, "default allow := false\nallow if input.y", document)
    assert ruling.allow is False or ruling.error


def test_an_input_too_deep_to_be_written_down_is_no_input(engine):
    document = []
    for _ in range(200_000):
        document = [document]
    with pytest.raises(ValueError, match="too deep"):
        decide(engine, Policy.parse("p", "package m\nallow := true"), {"x": document})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_input_that_is_no_json_is_not_judged(engine, value):
    with pytest.raises(ValueError, match="JSON"):
        decide(engine, Policy.parse("p", "package m\nallow := true"), {"x": value})


def test_many_are_ruled_as_one_by_one_and_an_error_is_only_that_of_its_own(engine):
    source = "package m\ndefault allow := false\nallow if 6 / input.n > 2\n"
    documents = [{"n": n} for n in (1, 2, 3, 0, 4)]
    rulings = list(engine.evaluate_many(source, "m", documents))
    assert [ruling.allow for ruling in rulings] == [True, True, False, None, False]
    assert [ruling.error is not None for ruling in rulings] == [False, False, False, True, False]


def test_the_shipped_policies_are_decided_alike(engine):
    """Each case beside a shipped policy comes out as it says, on every engine."""
    from workbench.policy.cases import read_cases, run_cases

    for path in sorted(POLICIES.glob("*_cases.json")):
        policy = Policy.load(path.with_name(path.name.replace("_cases.json", ".rego")))
        assert [case.name for case in run_cases(engine, policy, read_cases(path)) if not case.passed] == []


# what only OPA has


@pytest.mark.parametrize("place", ["server", "program"])
def test_opa_compares_dates_and_has_what_the_embedded_engine_lacks(request, place):
    engine = opened(place, request)
    body = 'allow if time.parse_rfc3339_ns("2026-01-01T00:00:00Z") < time.parse_rfc3339_ns(input.now)'
    assert ruled(engine, body, {"now": "2026-02-01T00:00:00+01:00"}).allow is True
    assert ruled(RegoEngine(), body).code == "policy-refused"
    engine.close()


def test_a_program_that_died_is_started_again(request):
    engine = opened("program", request)
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    engine._server.close()
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).code in {"policy-unreachable", "policy-crash"}
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    engine.close()


def test_a_server_that_forgot_a_policy_is_given_it_again(request, server):
    engine = opened("server", request)
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    (name,) = engine._pushed
    for part in ("asked", "rules0"):
        request = urllib.request.Request(
            f"{server.removeprefix('opa+')}/v1/policies/workbench/{name}/{part}", method="DELETE"
        )
        urllib.request.urlopen(request, timeout=5).close()
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 0.1}}).allow is False
    engine.close()


def test_a_policy_that_was_replaced_behind_our_back_is_found_out_and_put_back(request, server):
    engine = opened("server", request)
    document = {"metrics": {"fairness": 0.1}}
    assert engine.evaluate(SEED, "model", document).allow is False
    (name,) = engine._pushed
    loose = f"package workbench.{name}.rules.model\nallow := true\n".encode()
    address = f"{server.removeprefix('opa+')}/v1/policies/workbench/{name}/rules0"
    urllib.request.urlopen(urllib.request.Request(address, loose, method="PUT"), timeout=5).close()
    ruling = engine.evaluate(SEED, "model", document)
    assert (ruling.allow, ruling.code) == (None, "policy-skew")
    assert engine.evaluate(SEED, "model", document).allow is False
    engine.close()


def test_a_real_opa_tells_its_version(server, opa_program):
    said = subprocess.run([opa_program, "version"], capture_output=True, text=True, check=True).stdout
    version = said.split()[1]
    right, wrong = (OpaEngine.at(f"{server}?version={told}") for told in (version, "0.1.0"))
    assert right.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    assert wrong.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).code == "policy-skew"
    right.close()
    wrong.close()


def test_the_program_sees_no_environment(request, monkeypatch):
    monkeypatch.setenv("WORKBENCH_SECRET", "open sesame")
    engine = opened("program", request)
    assert engine.evaluate(SEED, "model", {"metrics": {"fairness": 1}}).allow is True
    found = [
        path.read_bytes()
        for path in Path("/proc").glob("[0-9]*/environ")
        if str(engine._server.socket).encode() in (path.with_name("cmdline").read_bytes())
    ]
    assert found and not any(b"sesame" in told for told in found)
    engine.close()


def test_a_question_is_told_in_json_and_nothing_else(engine):
    assert json.dumps(ruled(engine, "allow := input.x", {"x": {"a": [1, None, "b"]}}).allow) == '{"a": [1, null, "b"]}'


ALONE = {
    "yes": "allow := true",
    "by input": "allow := input.n > 2",
    "same rules": "allow if good\ngood if input.n > 1\ndeny contains data.m.word if input.n == 4\nword := `no`",
    "an error on zero": "default allow := false\nallow if 6 / input.n > 2",
    "no Rego": "allow if {",
    "refused": "allow := opa.runtime().env.HOME",
    "people": 'people := {"approvals": input.n, "roles": ["a"]}',
}


def test_policies_side_by_side_say_what_each_says_alone(engine):
    """An error of one, in loading or on one input, touches neither the others nor the other inputs."""
    documents = [{"n": n} for n in (1, 2, 0, 3, 4, None)]
    for names in (tuple(ALONE)[:3], tuple(ALONE)[:4], ("refused", "people"), tuple(ALONE), ("yes",), ()):
        policies = [(f"package m\n{ALONE[name]}\n", "m") for name in names]
        alone = [tuple(engine.evaluate(*policy, document) for policy in policies) for document in documents]
        assert list(engine.side_by_side(policies, documents)) == alone


@pytest.mark.parametrize(
    ("score", "rule", "why"),
    [
        (0.5234234234234234, '"low": 0.45, "high": 0.55', "its score 0.5234 lies between 0.45 and 0.55"),
        (0.55, '"low": 0.1 , "high": 0.55', "its score 0.55 lies between 0.1 and 0.55"),
        (1.0, '"low": 0, "high": 1', "its score 1 lies between 0 and 1"),
        (1, '"low": 0.9995, "high": 1.5', "its score 1 lies between 0.9995 and 1.5"),
        (1.23456789e-5, '"low": 0, "high": 0.5', "its score 1.235e-05 lies between 0 and 0.5"),
        (-1e300, '"low": -1e301, "high": 12345', "its score -1e+300 lies between -1e+301 and 12345"),
        (0.0, '"feature": "amount", "above": 1e5', "its amount is above 100000"),
    ],
)
def test_why_an_answer_is_held_is_told_in_digits_that_people_read_and_alike(engine, score, rule, why):
    source = (POLICIES / "answer.rego").read_text("utf-8")
    source = source.replace("held := []", f'held := [{{"model": "lending", {rule}}}]')
    asked = {"action": "answer", "model": "lending", "score": score, "features": {"amount": 150000.5}}
    ruling = engine.evaluate(source, "answer", asked)
    assert (ruling.error, ruling.people["message"]) == (None, f"a person looks at this answer first: {why}")
