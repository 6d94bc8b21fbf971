"""Many inputs judged by one policy or by several, in their order; an engine that can take them together does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from workbench.ledger import digest
from workbench.policy.deciding import Engine, Ruling, decided
from workbench.policy.decision import Decision
from workbench.policy.source import Policy
from workbench.policy.trimming import reads


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
        self, policies: Sequence[tuple[str, str]], documents: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[Ruling, ...]]:
        """What each of some policies, told by text and package, rules of many inputs, in their order."""
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


def decide_each(
    engine: Engine, policies: Sequence[Policy], documents: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Decision, ...]]:
    """What each of some policies says to each of many inputs; engines are asked about what the policies can read.

    Args:
        engine: What evaluates Rego.
        policies: The rules.
        documents: The inputs, plain JSON.

    Raises:
        ValueError: One is no JSON.
    """
    read = reads(*(policy.source for policy in policies))
    asked = [read.part(document) for document in documents]
    if isinstance(engine, SideBySide):
        rulings = engine.side_by_side([(policy.source, policy.package) for policy in policies], asked)
    else:
        rulings = (tuple(engine.evaluate(p.source, p.package, one) for p in policies) for one in asked)
    for document, found in zip(documents, rulings, strict=True):
        known = digest(document)
        yield tuple(decided(one, policy, document, known) for one, policy in zip(found, policies, strict=True))
