"""Which rules of a policy its cases exercise: a rule that never spoke in any case is a rule that nobody tried.

Each statement is put beside itself under a name of its own and asked for, of the engine that decides; so a rule
counts as exercised where its body held and its head had a value. Functions have no value of their own and are
left out, defaults too; `opa test --coverage` counts expressions, functions among them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import EngineError
from workbench.policy.cases import Case
from workbench.policy.explaining import Explaining
from workbench.policy.source import Policy
from workbench.policy.statements import renamed, statements, with_values

CODE = re.compile(r'"code":\s*"([^"]+)"')


@dataclass(frozen=True)
class Exercised:
    """A rule, or one body of a rule that has several, and in how many cases it spoke."""

    line: int
    rule: str
    code: str | None  # of the reason that it gives
    cases: int


def exercised(engine: Explaining, policy: Policy, cases: Sequence[Case]) -> list[Exercised]:
    """In how many cases each rule of a policy spoke, in the order of its text.

    Raises:
        EngineError: The rules cannot be asked one by one, in any case.
        Misuse: A case gives a value to a rule that is not there.
    """
    known = [one for one in statements(policy.source) if not one.default and not one.is_function]
    names = [f"spoke_{number}" for number in range(len(known))]
    count, errors = dict.fromkeys(names, 0), []
    for case in cases:
        beside = [
            f"{name} := {one.name}" if one.name in case.values else renamed(one, name)
            for one, name in zip(known, names, strict=True)
        ]
        source = "\n".join([with_values(policy.source, case.values), *beside])
        found = engine.values(source, policy.package, names, case.document)
        if "error" in found:
            errors.append(found["error"])
            continue
        for name in names:
            value = found.get(name, False)
            count[name] += value is not False and value not in ([], {})  # zero is a value
    if cases and len(errors) == len(cases):
        raise EngineError(f"which rules of the policy {policy.name} its cases exercise cannot be told: {errors[0]}")
    return [Exercised(one.line, one.name, _code(one.text), count[name]) for one, name in zip(known, names, strict=True)]


def _code(text: str) -> str | None:
    found = CODE.search(text)
    return found[1] if found else None
