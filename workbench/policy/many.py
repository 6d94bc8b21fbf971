"""Many inputs judged by one policy, in their order; an engine that can take them together is given them so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from workbench.policy.deciding import Engine, Ruling, decided
from workbench.policy.decision import Decision
from workbench.policy.source import Policy


@runtime_checkable
class ManyEngine(Protocol):
    """An engine that takes many inputs at once."""

    def evaluate_many(self, source: str, package: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Ruling]:
        """The rulings for many inputs, in their order."""
        ...


def decide_many(engine: Engine, policy: Policy, documents: Iterable[Mapping[str, Any]]) -> Iterator[Decision]:
    """What a policy says to each of many inputs.

    Args:
        engine: What evaluates Rego.
        policy: The rules.
        documents: The inputs, plain JSON.

    Raises:
        ValueError: One is no JSON.
    """
    known = list(documents)
    if isinstance(engine, ManyEngine):
        rulings = engine.evaluate_many(policy.source, policy.package, known)
    else:
        rulings = (engine.evaluate(policy.source, policy.package, document) for document in known)
    for document, ruling in zip(known, rulings, strict=True):
        yield decided(ruling, policy, document)
