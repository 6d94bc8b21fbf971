"""How a policy's answer and its explanation are told on a terminal, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workbench.cli.options import print_table, say

if TYPE_CHECKING:
    from workbench.policy import Decision
    from workbench.policy.explaining import Explanation

WIDEST = 60  # characters of a value in a table


def plain(decision: Decision) -> dict[str, Any]:
    """A decision as plain JSON."""
    body = decision.as_body()
    return {name: body[name] for name in body if name != "policy"}


def tell(decision: Decision) -> None:
    """Print a decision with its reasons, and what would turn them."""
    say(f"{decision.decision} (policy {decision.policy}, digest {decision.policy_digest[:12]})")
    for reason in decision.reasons:
        say(f"  - {reason.message}" + (f"\n    would pass: {reason.flip}" if reason.flip else ""))


def tell_rules(found: Explanation) -> None:
    """Print what an answer rests on."""
    if found.conditions:
        held = [("holds" if one.holds else "FAILS", one.line, one.text) for one in found.conditions]
        print_table(["", "line", "condition of allow"], held)
    rows = [(rule.line, rule.name, _brief(rule.value) if rule.defined else "undefined") for rule in found.rules]
    print_table(["line", "rule", "value"], rows)
    read = [(f"input.{path}", _brief(value)) for path, value in found.read.items()]
    print_table(["read", "value"], [*read, *((f"input.{path}", "not there") for path in found.missing)])


def tell_cases(told: dict[str, Any]) -> None:
    """Print what came of a policy's cases, and which rules none of them exercises, where that was asked."""
    rows = [
        ("ok" if case["passed"] else "FAIL", case["case"], case["expected"], case["said"], ", ".join(case["codes"]))
        for case in told["cases"]
    ]
    title = f"{told['policy']}: {told['passed']} of {len(rows)} cases passed"
    print_table(["", "case", "expected", "said", "reasons"], rows, title=title)
    for advice in told["advice"]:
        say(f"  advice: {advice}")
    if "rules" in told:
        counted = [(one["line"], one["rule"], one["code"], one["cases"] or "NONE") for one in told["rules"]]
        title = f"{told['policy']}: {told['exercised']} of {len(counted)} rules exercised"
        print_table(["line", "rule", "code", "cases in which it spoke"], counted, title=title)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
