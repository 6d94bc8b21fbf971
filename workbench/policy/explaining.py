"""A policy's answer to one input, explained: which rules held, what was read, and what would turn it.

The rules and the single conditions of `allow` are asked one by one, of the engine that decides; the text is
read only to find their names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.errors import EngineError
from workbench.policy.deciding import Engine, decide
from workbench.policy.decision import Decision
from workbench.policy.source import NOTHING, Policy, without_comments

RULE = re.compile(r"^(?:default[ \t]+)?([A-Za-z_]\w*)(?=[ \t]|$)", re.MULTILINE)
BODY = re.compile(r"^allow[ \t]+if[ \t]*\{([^{}]*)\}|^allow[ \t]+if[ \t]+([^\n{}]+)$", re.MULTILINE)
READ = re.compile(r"\binput((?:\.[A-Za-z_]\w*)+)")
NO_RULE = {"package", "import", "else", "default", "if", "not", "some", "every", "error"}
BINDS = re.compile(r":=|\bsome\b|\bevery\b")


class Explaining(Engine, Protocol):
    """An engine that tells the value of any rule."""

    def values(self, source: str, package: str, rules: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some rules; undefined ones are left out, and "error" says why there are none."""
        ...


@dataclass(frozen=True)
class Rule:
    """A rule of the policy, and what it came to."""

    name: str
    line: int
    value: Any  # None where it is undefined
    defined: bool


@dataclass(frozen=True)
class Condition:
    """One condition of `allow`."""

    text: str
    line: int
    holds: bool


@dataclass(frozen=True)
class Explanation:
    """A decision with what it rests on."""

    decision: Decision
    conditions: tuple[Condition, ...]
    rules: tuple[Rule, ...]
    read: Mapping[str, Any]  # fields of the input that the policy names in the open; a missing one is left out
    missing: tuple[str, ...]  # those that the input does not have

    @property
    def flips(self) -> tuple[str, ...]:
        """What would turn the answer, each once."""
        return tuple(dict.fromkeys(reason.flip for reason in self.decision.reasons if reason.flip))


def explain(engine: Explaining, policy: Policy, document: Mapping[str, Any]) -> Explanation:
    """What a policy says to an input, and why.

    Raises:
        EngineError: The rules cannot be asked.
        ValueError: The input is no JSON.
    """
    decision = decide(engine, policy, document)
    names, conditions = _rules(policy), _conditions(policy)
    asked = [*names, *(f"condition_{number}" for number in range(len(conditions)))]
    added = "".join(f"\ncondition_{number} if {{ {text} }}\n" for number, (text, _) in enumerate(conditions))
    found = engine.values(policy.source + added, policy.package, asked, document)
    if "error" in found:
        if decision.allowed:
            raise EngineError(f"the policy {policy.name} cannot be explained: {found['error']}")
        return Explanation(decision, (), (), *_read(policy, document))
    return Explanation(
        decision,
        tuple(
            Condition(text, line, found.get(f"condition_{number}") is True)
            for number, (text, line) in enumerate(conditions)
        ),
        tuple(Rule(name, line, found.get(name), name in found) for name, line in names.items()),
        *_read(policy, document),
    )


def _rules(policy: Policy) -> dict[str, int]:
    """The rules by name with the line of their first mention; functions are none."""
    code, found = without_comments(policy.source), dict[str, int]()
    for match in RULE.finditer(code):
        if match[1] not in NO_RULE:
            found.setdefault(match[1], code.count("\n", 0, match.start()) + 1)
    return found


def _conditions(policy: Policy) -> list[tuple[str, int]]:
    """The conditions of `allow` that stand on their own; a body that binds names is left to the engine."""
    code, found = without_comments(policy.source), []
    for match in BODY.finditer(code):
        body, start = (match[1], match.start(1)) if match[1] is not None else (match[2], match.start(2))
        if BINDS.search(body):
            continue
        line = code.count("\n", 0, start) + 1
        for offset, row in enumerate(body.split("\n")):
            found += [(part.strip(), line + offset) for part in row.split(";") if part.strip()]
    return found


def _read(policy: Policy, document: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    read, missing = dict[str, Any](), []
    for path in dict.fromkeys(READ.findall(without_comments(policy.source))):
        value: Any = document
        for name in path[1:].split("."):
            value = value.get(name, NOTHING) if isinstance(value, Mapping) else NOTHING
        if value is NOTHING:
            missing.append(path[1:])
        elif not isinstance(value, Mapping | list):
            read[path[1:]] = value
    return read, tuple(missing)
