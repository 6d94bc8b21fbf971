"""Turning a version down: an entry that stands until newer evidence about the version comes."""

from __future__ import annotations

from datetime import datetime

from workbench.errors import Misuse
from workbench.evidence import dossier
from workbench.ledger import Entry, Ledger
from workbench.promotion.background import rejection
from workbench.promotion.stages import CHAMPION


def reject(ledger: Ledger, model: str, version: int, *, actor: str, why: str, now: datetime) -> Entry:
    """Turn a version down, on the evidence there is.

    Raises:
        Misuse: There is no such version, it is champion, or it was turned down already.
    """
    with ledger.transaction() as writer:
        known = dossier(ledger, model, version)
        head = writer.head(model, CHAMPION)
        if head is not None and head.version == version:
            raise Misuse(f"{model} {version} is champion", hint=f"workbench rollback {model} --why …")
        standing = rejection(ledger, known.version.subject)
        if standing is not None:
            raise Misuse(f"{model} {version} was turned down already, in entry {standing.seq}: {standing.why}")
        return writer.append(
            "candidate.rejected",
            subject=known.version.subject,
            actor=actor,
            why=why,
            body={"evidence": sorted(finding.digest for finding in known.findings.values())},
            now=now,
        )
