"""Many inputs judged by one policy or by several, in their order; an engine that can take them together does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from workbench.policy.deciding import RULES, Engine, Ruling, decided, input_digest
from workbench.policy.decision import Decision
from workbench.policy.source import Policy
from workbench.policy.trimming import reads

FIRST = 3  # inputs, on one of which a policy is without an error if an engine takes it


@runtime_checkable
class ManyEngine(Protocol):
    """An engine that takes many inputs at once."""

    def evaluate_many(self, source: str, package: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Ruling]:
        """The rulings for many inputs, in their order."""
        ...


@runtime_checkable
class SideBySide(Protocol):
    """An engine that puts many inputs to several policies at once."""

    def side_by_side(
        self, policies: Sequence[tuple[str, str]], documents: Iterable[Mapping[str, Any]], rules: tuple[str, ...]
    ) -> Iterator[tuple[Ruling, ...]]:
        """What each of some policies, told by text and package, says of many inputs by some of `RULES`, in order."""
        ...


def decide_many(engine: Engine, policy: Policy, documents: Iterable[Mapping[str, Any]]) -> Iterator[Decision]:
    """What a policy says to each of many inputs.

    Args:
        engine: What evaluates Rego.
        policy: The rules.
        documents: The inputs, plain JSON.

    Raises:
        ValueError: One is no JSON.
        Misuse: One is nested too deep to be written.
    """
    known = [(document, input_digest(document)) for document in documents]
    if isinstance(engine, ManyEngine):
        rulings = engine.evaluate_many(policy.source, policy.package, (document for document, _ in known))
    else:
        rulings = (engine.evaluate(policy.source, policy.package, document) for document, _ in known)
    for (document, named), ruling in zip(known, rulings, strict=True):
        yield decided(ruling, policy, document, named)


def rulings_each(
    engine: Engine,
    policies: Sequence[tuple[str, str]],
    documents: Sequence[Mapping[str, Any]],
    rules: tuple[str, ...] = RULES,
) -> Iterator[tuple[Ruling, ...]]:
    """What an engine makes of many inputs by each of some policies; it is asked about what the policies can read.

    Args:
        engine: What evaluates Rego.
        policies: The rules, by text and package.
        documents: The inputs, plain JSON.
        rules: Those that are asked for; of others an engine may tell or not.

    Raises:
        ValueError: An input is no JSON.
    """
    read = reads(*(source for source, _ in policies))
    asked = (read.part(document) for document in documents)  # while an engine is busy with those before
    if isinstance(engine, SideBySide):
        yield from engine.side_by_side(policies, asked, rules)
    else:
        yield from (tuple(engine.evaluate(*policy, one) for policy in policies) for one in asked)


def answered(engine: Engine, policies: Sequence[Policy], documents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether policies are answered by at all, by the first few inputs; one that an engine does not take never is."""
    asked = [(policy.source, policy.package) for policy in policies]
    return any(all(one.error is None for one in found) for found in rulings_each(engine, asked, documents[:FIRST]))
