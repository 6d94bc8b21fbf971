"""From an engine's raw ruling to a decision: anything but a clear yes is a denial with a reason, or waits for people.

A policy says yes by `allow` being true and `deny`, where it has one, being empty. It hands the question to
people where `deny` is empty, `allow` is false or undefined, and `people` says what it asks of them. Whatever
else comes (null, a text, an error, a crash, a time-out) is a denial, and the reason says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeGuard

from workbench.errors import Misuse
from workbench.ledger import digest
from workbench.policy.asking import asked_of
from workbench.policy.decision import Decision, Outcome, People, Reason
from workbench.policy.source import NOTHING, Comparison, Policy

RULES = ("allow", "deny", "people")  # by which a policy speaks
OPPOSITE = {">=": "less than", "<=": "more than", ">": "not more than", "<": "not less than", "==": "not"}


@dataclass(frozen=True)
class Ruling:
    """What an engine made of a policy and an input, unjudged."""

    allow: Any  # the value of the rule `allow`; None where it is undefined or null
    deny: tuple[Any, ...] = ()  # what the set `deny` holds: texts, or objects with the fields of a Reason
    error: str | None = None  # why there is no ruling
    code: str = "policy-error"  # or "policy-refused", "policy-timeout", "policy-memory", "policy-crash"
    people: Any = None  # the value of the rule `people`; None where it is undefined or null


class Engine(Protocol):
    """Evaluates Rego; knows nothing of models."""

    def evaluate(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        """The values of `allow`, `deny` and `people` in a package, for one input."""
        ...


def decide(engine: Engine, policy: Policy, document: Mapping[str, Any]) -> Decision:
    """What a policy says to an input.

    Args:
        engine: What evaluates Rego.
        policy: The rules.
        document: The input, plain JSON.

    Raises:
        ValueError: The input is no JSON (it holds NaN or an infinity).
        Misuse: It is nested too deep to be written.
    """
    known = input_digest(document)
    return decided(engine.evaluate(policy.source, policy.package, document), policy, document, known)


def input_digest(document: Mapping[str, Any]) -> str:
    """The digest by which a decision names its input.

    Raises:
        ValueError: The input is no JSON (it holds NaN or an infinity).
        Misuse: It is nested too deep to be written.
    """
    try:
        return digest(document)
    except RecursionError:
        raise Misuse(
            "the input is nested too deep to be judged", hint="give plain evidence, a few levels deep"
        ) from None


def decided(ruling: Ruling, policy: Policy, document: Mapping[str, Any], known: str) -> Decision:
    """What a raw ruling about an input comes to, given the input's digest."""
    asked = _asked(ruling)
    outcome: Outcome = "needs-people"
    if isinstance(asked, People):
        reasons: tuple[Reason, ...] = (
            Reason("needs-people", asked.why, "approvals", limit=asked.approvals, flip=asked.asked),
        )
    else:
        reasons = tuple(_reasons(ruling, policy, document, asked))
        outcome = "allow" if ruling.allow is True and not reasons else "deny"
    return Decision(
        outcome,
        reasons,
        policy.name,
        policy.digest,
        known,
        asked if isinstance(asked, People) else None,
        _evidence(document),
    )


def _asked(ruling: Ruling) -> People | str | None:
    """What is asked of people, where nothing forbids and nothing allows; a sentence where that is malformed."""
    open_ = ruling.error is None and not ruling.deny and (ruling.allow is None or ruling.allow is False)
    return asked_of(ruling.people) if open_ and ruling.people is not None else None


def _evidence(document: Mapping[str, Any]) -> tuple[str, ...]:
    known = document.get("evidence")
    found = known.values() if isinstance(known, Mapping) else ()
    digests = [one.get("digest") for one in found if isinstance(one, Mapping)]
    return tuple(sorted({one for one in digests if isinstance(one, str)}))


def _reasons(ruling: Ruling, policy: Policy, document: Mapping[str, Any], wrong: object) -> Iterator[Reason]:
    if ruling.error is not None:
        yield Reason(ruling.code, f"the policy {policy.name} gave no answer: {ruling.error}")
        return
    for item in sorted(ruling.deny, key=str):
        yield _stated(item, policy)
    if ruling.deny:
        return
    if isinstance(wrong, str):
        yield Reason("malformed-people", f"what the policy {policy.name} asks of people cannot be read: {wrong}")
        return
    tests = policy.comparisons()
    if ruling.allow is True:  # Rego puts null, texts and lists in one order with numbers; nobody meant that
        yield from (_compared(test, document) for test in tests if not _is_number(test.found_in(document, 0)))
        return
    failed = [test for test in tests if not _holds(test, document)]
    if failed:
        yield from (_compared(test, document) for test in failed)
    elif ruling.allow is None:
        yield Reason("undefined", f"the policy {policy.name} returned nothing: allow is undefined for this input")
    elif ruling.allow is False:
        yield Reason("not-allowed", f"the policy {policy.name} does not allow it, and states no reason")
    else:
        said = type(ruling.allow).__name__
        yield Reason("not-boolean", f"the policy {policy.name} answered with a {said}; allow must be true or false")


def _stated(item: Any, policy: Policy) -> Reason:
    if isinstance(item, str) and item:
        return Reason("denied", item)
    if isinstance(item, Mapping) and isinstance(item.get("message"), str):
        known = {field.name for field in fields(Reason)} - {"code", "message"}
        plain = {name: value for name, value in item.items() if name in known and _is_plain(value)}
        return Reason(str(item.get("code", "denied")), item["message"], **plain)
    return Reason("denied", f"the policy {policy.name} denies it: {item!r}")


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds(test: Comparison, document: Mapping[str, Any]) -> bool:
    got = test.found_in(document)
    if not _is_number(got):
        return False
    held = {
        ">=": got >= test.limit,
        "<=": got <= test.limit,
        ">": got > test.limit,
        "<": got < test.limit,
        "==": got == test.limit,
    }
    return held[test.operator]


def _compared(test: Comparison, document: Mapping[str, Any]) -> Reason:
    name, got, metric = f"input.{'.'.join(test.field)}", test.found_in(document, NOTHING), test.field[-1]
    if got is NOTHING or got is None:
        lacks = f"the input has no {name.removeprefix('input.')}" if got is NOTHING else f"{name} is null"
        return Reason(
            "missing",
            f"{lacks}; the policy needs it {test.operator} {test.limit:g}",
            metric=metric,
            limit=test.limit,
            flip=f"give evidence of it: {test}",
        )
    if not _is_number(got):
        return Reason(
            "wrong-type",
            f"{name} is a {type(got).__name__}; the policy compares it with the number {test.limit:g}",
            metric=metric,
            got=str(got),
            limit=test.limit,
        )
    return Reason(
        "limit",
        f"{name} is {_told(got, test.limit)}, {OPPOSITE[test.operator]} {test.limit:g}",
        metric=metric,
        got=got,
        limit=test.limit,
        flip=f"{metric} {test.operator} {test.limit:g}",
    )


def _told(got: float, limit: float) -> str:
    """A number in short, but never so short that it reads like the limit it missed."""
    return f"{got:g}" if f"{got:g}" != f"{limit:g}" else repr(got)
