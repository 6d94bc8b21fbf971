"""Cases beside a policy: inputs with what it must say to each, as data that `opa test` reads as well.

A file `NAME_cases.json` stands beside `NAME.rego`:

    {"NAME_cases": {"base": {…}, "cases": {"a champion without a grant": {
        "change": {"granted/decision": "deny"}, "remove": ["why"],
        "decision": "deny", "codes": ["never-granted"]}}}}

The input of a case is the base with changes; "change" names places by their path, "remove" takes them out.
"values" tries the policy as it would be with other values of its rules, `{"limits": {"canary": true}}`: of an
object the keys that are named, of anything else the whole; so what a policy has switched off is tried, too.
`NAME_test.rego` reads the same file as `data.NAME_cases`, so that `opa test FOLDER` runs the same cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

from workbench.errors import Misuse
from workbench.policy.deciding import Engine
from workbench.policy.decision import Decision, Outcome
from workbench.policy.many import decide_many
from workbench.policy.source import Policy
from workbench.policy.statements import with_values

ENDING = "_cases.json"
FIELDS = {"change", "remove", "values", "decision", "codes"}


@dataclass(frozen=True)
class Case:
    """An input, and what a policy must say to it."""

    name: str
    document: Mapping[str, Any]
    decision: Outcome
    codes: tuple[str, ...] | None = None  # of its reasons, sorted; None: any
    values: Mapping[str, Any] = field(default_factory=dict)  # that rules of the policy have in this case


@dataclass(frozen=True)
class Ran:
    """A case and what came of it."""

    case: Case
    said: Decision

    @property
    def name(self) -> str:
        """The case's name."""
        return self.case.name

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the reasons that were given, sorted, each once."""
        return tuple(sorted({reason.code for reason in self.said.reasons}))

    @property
    def passed(self) -> bool:
        """Whether the policy said what it must."""
        return self.said.decision == self.case.decision and self.case.codes in {None, self.codes}


def cases_of(policy: Path) -> Path:
    """The file in which a policy's cases stand."""
    return policy.with_name(f"{policy.stem}{ENDING}")


def read_cases(path: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        Misuse: It cannot be read, or is no file of cases.
    """
    name = path.stem
    form = f'{{"{name}": {{"base": {{…}}, "cases": {{"all is well": {{"decision": "allow"}}}}}}}}'
    try:
        told = json.loads(path.read_text("utf-8"))[name]
        base, cases = dict(told["base"]), {label: dict(case) for label, case in told["cases"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise Misuse(f"the cases {path} cannot be read: {why}", hint=f"the file looks like {form}") from error
    return [_case(base, label, case) for label, case in cases.items()]


def run_cases(engine: Engine, policy: Policy, cases: Sequence[Case]) -> Iterator[Ran]:
    """What a policy says to each case.

    Raises:
        Misuse: A case gives a value to a rule that is not there.
    """
    for values, some in groupby(cases, key=lambda case: case.values):
        alike, tried = list(some), policy
        if values:
            tried = Policy.parse(policy.name, with_values(policy.source, values))
        said = decide_many(engine, tried, [case.document for case in alike])
        yield from (Ran(case, decision) for case, decision in zip(alike, said, strict=True))


def changed(document: Mapping[str, Any], change: Mapping[str, Any], remove: Sequence[str] = ()) -> dict[str, Any]:
    """A copy of a document with places replaced or taken out.

    >>> changed({"a": {"b": 1, "c": 2}}, {"a/b": 3, "d": 4}, ["a/c"])
    {'a': {'b': 3}, 'd': 4}
    """
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for path, value in change.items():
        holder, last = _place(copy, path)
        holder[last] = value
    for path in remove:
        holder, last = _place(copy, path)
        del holder[last]
    return copy


def _place(document: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *way, last = path.split("/")
    holder = document
    for name in way:
        holder = holder[name]
    return holder, last


def _case(base: Mapping[str, Any], name: str, told: Mapping[str, Any]) -> Case:
    unknown = sorted(set(told) - FIELDS)
    if unknown:
        raise Misuse(f"the case {name!r} has {unknown[0]!r}", hint=f"a case may have {', '.join(sorted(FIELDS))}")
    if told.get("decision") not in get_args(Outcome):
        raise Misuse(f"the case {name!r} expects {told.get('decision')!r}", hint="allow, deny or needs-people")
    codes = told.get("codes")
    try:
        document = changed(base, told.get("change", {}), told.get("remove", ()))
    except (LookupError, TypeError) as error:
        raise Misuse(f"the case {name!r} changes a place that the base does not have: {error}") from error
    values = told.get("values", {})
    if not isinstance(values, Mapping):
        raise Misuse(f"the case {name!r} has values that are no object", hint='{"limits": {"canary": true}}')
    return Case(name, document, told["decision"], None if codes is None else tuple(sorted(set(codes))), values)
