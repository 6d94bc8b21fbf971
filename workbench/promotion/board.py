"""The board: every version with its stage, its evidence and what the policy would say; plain objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from workbench.evidence import Finding, dossier
from workbench.ledger import Ledger, ModelVersion
from workbench.policy import Decision
from workbench.promotion.stages import ABOUT, Stage, past_of, stage_of

ORDER: dict[Stage, int] = {
    "champion": 0,
    "canary": 1,
    "shadow": 2,
    "candidate": 3,
    "registered": 4,
    "former champion": 5,
    "rejected": 6,
    "retired": 7,
}
OVER: frozenset[Stage] = frozenset({"champion", "retired"})  # nothing is to be asked about them


@dataclass(frozen=True)
class Candidate:
    """One version as a person deciding about it should see it."""

    version: ModelVersion
    stage: Stage
    findings: Mapping[str, Finding]  # newest by kind
    decision: Decision | None  # what the policy says to promoting it now; None for the champion and the retired
    weight: float | None = None  # a canary's share of the traffic


def board(ledger: Ledger, judge: Callable[[str, int], Decision], model: str | None = None) -> list[Candidate]:
    """All versions, by model; in a model the champion first, then who comes next, newest first.

    Args:
        ledger: What happened.
        judge: What the policy says to promoting a version.
        model: Only this model's.
    """
    heads = {(head.model, head.slot): head for head in ledger.heads()}
    found = []
    for version in ledger.versions(model):
        slots = {slot: head for (name, slot), head in heads.items() if name == version.model}
        past = past_of(ledger.entries(subject=version.subject, kind=ABOUT))
        standing = stage_of(version.version, {slot: head.version for slot, head in slots.items()}, past)
        known = dossier(ledger, version.model, version.version)
        decision = None if standing in OVER else judge(version.model, version.version)
        weight = slots["canary"].weight if standing == "canary" else None
        found.append(Candidate(version, standing, known.findings, decision, weight))
    return sorted(found, key=lambda c: (c.version.model, ORDER[c.stage], -c.version.version))


def by_stage(candidates: Iterable[Candidate]) -> dict[Stage, list[Candidate]]:
    """The board as columns, one a stage in the order of the way, each in the board's order."""
    columns: dict[Stage, list[Candidate]] = {stage: [] for stage in COLUMNS}
    for candidate in candidates:
        columns[candidate.stage].append(candidate)
    return columns


COLUMNS: tuple[Stage, ...] = (
    "registered",
    "candidate",
    "shadow",
    "canary",
    "champion",
    "former champion",
    "rejected",
    "retired",
)
