"""The trail of a version as steps that a person can read, and its evidence side by side with the champion's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from workbench.evidence import Figure, Finding
from workbench.ledger import Entry, Ledger
from workbench.promotion.history import DECIDED

KINDS = (*DECIDED, "version.registered", "evidence.recorded")


@dataclass(frozen=True)
class Step:
    """One thing that happened to a version."""

    at: datetime
    what: str  # in a few words, e.g. "canary at 5 %"
    kind: str  # of its entry
    actor: str
    why: str
    entry: int  # number in the ledger


@dataclass(frozen=True)
class Row:
    """One figure of a candidate beside the champion's."""

    kind: str  # of the finding, e.g. "fairness"
    name: str
    candidate: Figure | None
    champion: Figure | None

    @property
    def difference(self) -> float | None:
        """Candidate less champion; None where either has no value."""
        ours = self.candidate.value if self.candidate else None
        theirs = self.champion.value if self.champion else None
        return None if ours is None or theirs is None else ours - theirs


def trail(ledger: Ledger, model: str, version: int) -> list[Step]:
    """What happened to a version, oldest first."""
    entries = ledger.entries(subject=f"{model}/{version}", kind=KINDS)
    return [Step(e.at, told(e), e.kind, e.actor, e.why, e.seq) for e in entries]


def told(entry: Entry) -> str:
    """What an entry about a version says, in a few words."""
    body, slot = entry.body, str(entry.body.get("slot", "champion"))
    weight = body.get("weight")
    share = f" at {100 * weight:.4g}\u00a0% of the traffic" if isinstance(weight, int | float) else ""
    if entry.kind == "stage.granted":
        return f"in {slot}{share}"
    if entry.kind == "evidence.recorded":
        return f"{body.get('kind', 'evidence')}: {body.get('verdict', '')}"
    if entry.kind == "stage.denied":
        return f"{body.get('action', 'stage')} denied"
    if entry.kind == "stage.cleared":
        return f"out of {slot}"
    return _WORDS.get(entry.kind, entry.kind)


def side_by_side(candidate: Mapping[str, Finding], champion: Mapping[str, Finding]) -> list[Row]:
    """Every figure of the newest findings of two versions, one a row, by kind and name."""
    rows = []
    for kind in sorted(candidate.keys() | champion.keys()):
        ours = candidate[kind].figures if kind in candidate else {}
        theirs = champion[kind].figures if kind in champion else {}
        rows += [Row(kind, name, ours.get(name), theirs.get(name)) for name in sorted(ours.keys() | theirs.keys())]
    return rows


_WORDS = {
    "version.registered": "registered",
    "promotion.granted": "champion",
    "promotion.denied": "promotion denied",
    "rollback.granted": "brought back as champion",
    "rollback.denied": "rollback denied",
    "version.retired": "retired",
    "candidate.rejected": "turned down",
    "approval.requested": "people are asked",
    "approval.given": "approved",
    "approval.refused": "refused",
    "approval.withdrawn": "approval withdrawn",
    "approval.closed": "approvals used",
    "projection.repaired": "registry mended",
    "projection.broken": "registry damaged",
}
