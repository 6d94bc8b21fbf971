"""The board: every version with its stage, its evidence and what the policy would say; plain objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.evidence import Finding, dossier
from workbench.ledger import Ledger, ModelVersion
from workbench.policy import Decision
from workbench.promotion.history import DECIDED, Stage, stage

ORDER: dict[Stage, int] = {"champion": 0, "candidate": 1, "former champion": 2, "rejected": 3}


@dataclass(frozen=True)
class Candidate:
    """One version as a person deciding about it should see it."""

    version: ModelVersion
    stage: Stage
    findings: Mapping[str, Finding]  # newest by kind
    decision: Decision | None  # what the policy says to promoting it now; None for the champion


def board(ledger: Ledger, judge: Callable[[str, int], Decision], model: str | None = None) -> list[Candidate]:
    """All versions, by model; in a model the champion first, then candidates, newest first.

    Args:
        ledger: What happened.
        judge: What the policy says to promoting a version.
        model: Only this model's.
    """
    found = []
    for version in ledger.versions(model):
        entries = ledger.entries(prefix=f"{version.model}/", kind=(*DECIDED, "evidence.recorded"))
        standing = stage(version.model, version.version, entries)
        known = dossier(ledger, version.model, version.version)
        decision = None if standing == "champion" else judge(version.model, version.version)
        found.append(Candidate(version, standing, known.findings, decision))
    return sorted(found, key=lambda c: (c.version.model, ORDER[c.stage], -c.version.version))
