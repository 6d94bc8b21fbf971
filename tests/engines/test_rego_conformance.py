"""The built-ins that the embedded engine accepts, against OPA's own conformance cases and against OPA itself."""

import json
import os
import re
import select
import subprocess
import sys
from collections import Counter

import pytest

from workbench.engines.opa import OpaEngine
from workbench.engines.rego_builtins import KNOWN, PROVEN, without_words

pytestmark = pytest.mark.slow  # 2,400 cases, and an OPA

CALLED = re.compile(
    r"(?<![\w.\]])([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)\s*\(|\bas\s+([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
)
EXPLAINED = {  # what fails for a reason outside of the built-in
    "arithmetic/int32 window edges (results crossing into wider integers)": "1e30 + 1 is rounded by +, not by sprintf",
}
CHILD = r"""
import json, os, sys
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
from regopy import Interpreter
for line in sys.stdin:
    case = json.loads(line)
    try:
        rego = Interpreter()
        rego.strict_built_in_errors = bool(case.get("strict_error"))
        for number, module in enumerate(case.get("modules") or []):
            rego.add_module(f"m{number}", module)
        if case.get("data") is not None:
            rego.add_data_json(json.dumps(case["data"]))
        if "input_term" in case or "input" in case:
            rego.set_input_term(case.get("input_term") or json.dumps(case["input"], ensure_ascii=False))
        told = {"text": str(rego.query(case["query"]))}
    except Exception as error:
        told = {"error": str(error)[:500]}
    os.write(out, (json.dumps(told) + "\n").encode())
"""


class Asked:
    """Puts one case after another to the interpreter; a case that kills or hangs it gets no answer."""

    process = None

    def __call__(self, case):
        if self.process is None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen([sys.executable, "-I", "-c", CHILD], env={}, **pipes)
        self.process.stdin.write((json.dumps(case, default=str) + "\n").encode())
        self.process.stdin.flush()
        line = b""
        if select.select([self.process.stdout], [], [], 5)[0]:
            line = self.process.stdout.readline()
        if not line:
            self.close()
            return {"died": True}
        return json.loads(line)

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def read_cases(folder, names):
    """The cases whose text names one of the built-ins."""
    import yaml

    class Loader(yaml.CSafeLoader):
        """As Go reads it: `on` and `yes` are texts."""

    plain = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
    Loader.yaml_implicit_resolvers = {
        letter: [(tag, pattern) for tag, pattern in found if tag not in plain]
        for letter, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
    wanted = re.compile("|".join(re.escape(name) for name in names))
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text("utf-8")
        if wanted.search(text):
            yield from yaml.load(text, Loader=Loader)["cases"]


def called(case):
    code = without_words(" ; ".join([*(case.get("modules") or []), case["query"]]))
    return {re.sub(r"\s", "", one or other) for one, other in CALLED.findall(code)} & {*PROVEN, *KNOWN}


def in_order(value, as_set):
    if isinstance(value, dict):
        return {str(name): in_order(inner, as_set) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [in_order(one, as_set) for one in value]
        return sorted(inner, key=lambda one: json.dumps(one, sort_keys=True)) if as_set else inner
    return value


def passes(case, told):
    """Whether the interpreter's answer is the case's; None where it does not even load the case."""
    wants_error = bool(case.get("want_error_code") or case.get("want_error"))
    if "died" in told:
        return False
    if "error" in told:
        return True if wants_error else None if "errorseq" in told["error"] else False
    try:
        found = None if told["text"].startswith("undefined") else json.loads(told["text"])
    except ValueError:
        return wants_error
    if wants_error:
        return False
    if case.get("want_result") is None:
        return case.get("want_defined") in {None, found is not None}
    rows = [] if found is None else found if isinstance(found, list) else [found]
    got = [one["bindings"] for row in rows for one in row.get("result", [row])]
    as_set = bool(case.get("sort_bindings"))
    one, other = ([in_order(row, as_set) for row in side] for side in (got, case["want_result"]))
    return in_order(one, True) == in_order(other, True)


def test_every_accepted_builtin_gives_opas_answer_in_all_of_opas_own_cases(opa_cases):
    ask, passed, failed = Asked(), Counter(), []
    for case in read_cases(opa_cases, PROVEN):
        names = called(case) & set(PROVEN)
        if not names or case["note"] in EXPLAINED or called(case) - set(PROVEN):
            continue
        came = passes(case, ask(case))
        passed.update(name for name in names if came)
        failed += [(case["note"], names)] if came is False else []
    ask.close()
    assert failed == []
    assert {name: passed[name] for name in PROVEN if passed[name] < 1} == {}


DIFFERENT = [  # expressions over values of many kinds, as no case has them
    *(
        f"{name}({value})"
        for name in ("count", "is_number", "type_name", "round", "to_number")
        for value in ("null", "true", "1.5", '"a"', '"1"', "[null]", '{"a": 1}', "set()")
    ),
    'object.get({"a": 1}, "b", null)',
    'object.get({"a": {"b": 1}}, ["a", "b"], null)',
    'object.get({"a": null}, "a", 1)',
    'object.get({"a": 1}, ["a", "b"], "no")',
    'sprintf("%v %s %d %.3f %5.1f %v", [null, "a", 3, 0.12345, 2.25, true])',
    'sprintf("%v", [{"a": [1, null]}])',
    'sprintf("%.0f %.2f", [2.5, 1.005])',
    'concat("-", ["a", "b"])',
    'trim_space("\\t a \\n")',
    'split("a@b", "@")',
    "{1, 2, 3} - {2}",
    "{1} | {2}",
    'startswith("abc", "")',
    "1 in [1, 2]",
    "numbers.range(3, 1)",
    "round(-2.5)",
    "json.marshal({1, 2})",
]


def test_an_accepted_builtin_gives_opas_answer_to_values_of_every_kind(opa_program):
    from workbench.engines.rego_child import evaluate

    rules = [f"r{number}" for number in range(len(DIFFERENT))]
    opa, differ = OpaEngine.at(f"opa+exec://{opa_program}"), {}
    for rule, expression in zip(rules, DIFFERENT, strict=True):
        source = f"package m\n{rule} := input.f if {{ input.x }}\n{rule} := {expression} if not input.x\n"
        theirs = opa.values(source, "m", [rule], {"f": 1})
        ours = evaluate(source, "m", {"f": 1}, [rule])
        if "error" in theirs and "error" in ours:
            continue
        if in_order(theirs, True) != in_order(ours, True):
            differ[expression] = (ours, theirs)
    opa.close()
    assert differ == {}


def test_the_cases_are_not_part_of_this_project():
    assert not [path for path in os.listdir(os.path.dirname(__file__)) if path.endswith(".yaml")]
