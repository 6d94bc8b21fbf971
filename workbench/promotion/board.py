"""The board: every version with its stage, its evidence and what the policy would say; plain objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.errors import EngineError
from workbench.evidence import Finding
from workbench.evidence.dossier import newest
from workbench.ledger import Entry, Head, Ledger, ModelVersion
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

Verdicts = Callable[[Sequence[tuple[str, int]]], Sequence[Decision]]  # of versions by model and number, in their order


@dataclass(frozen=True)
class Candidate:
    """One version as a person deciding about it should see it."""

    version: ModelVersion
    stage: Stage
    findings: Mapping[str, Finding]  # newest by kind
    decision: Decision | None  # what the policy says to promoting it now; None: not asked (yet), or nothing to ask
    weight: float | None = None  # a canary's share of the traffic
    doubt: str = ""  # what speaks against the head by which it holds its slot, in a sentence


def board(ledger: Ledger, model: str | None = None) -> list[Candidate]:
    """All versions, by model; in a model the champion first, then who comes next, newest first.

    The ledger is read once; no policy is asked (`judged` does).

    Args:
        ledger: What happened.
        model: Only this model's.
    """
    held: dict[str, dict[str, Head]] = {}
    for head in ledger.heads(model=model):
        held.setdefault(head.model, {})[head.slot] = head
    doubts = doubted(ledger, [head for slots in held.values() for head in slots.values()])
    about: dict[str, list[Entry]] = {}
    for entry in ledger.entries(kind=ABOUT, prefix=None if model is None else f"{model}/"):
        about.setdefault(entry.subject, []).append(entry)
    found = []
    for version in ledger.versions(model):
        slots, entries = held.get(version.model, {}), about.get(version.subject, [])
        standing = stage_of(version.version, {slot: head.version for slot, head in slots.items()}, past_of(entries))
        weight = slots["canary"].weight if standing == "canary" else None
        doubt = doubts.get(slots[standing], "") if standing in slots else ""
        found.append(Candidate(version, standing, newest(entries), None, weight, doubt))
    return sorted(found, key=lambda c: (c.version.model, ORDER[c.stage], -c.version.version))


def doubted(ledger: Ledger, heads: Sequence[Head]) -> dict[Head, str]:
    """What speaks against heads, in a sentence for each that something speaks against; all, where nobody can tell.

    Args:
        ledger: What happened.
        heads: As they were just read.
    """
    try:
        return ledger.doubts(heads)
    except EngineError as error:
        return dict.fromkeys(heads, error.message)


def open_questions(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those about whose promotion the policy has something to say and was not asked."""
    return [one for one in candidates if one.decision is None and one.stage not in OVER]


def judged(candidates: Sequence[Candidate], judge: Verdicts) -> list[Candidate]:
    """The board with what the policy says, for those about whom it was not asked yet.

    Args:
        candidates: The board.
        judge: What the policy says to promoting each of some versions, in their order.
    """
    asked = open_questions(candidates)
    said = dict(zip((one.version.subject for one in asked), judge([_name(one) for one in asked]), strict=True))
    return [replace(one, decision=said.get(one.version.subject, one.decision)) for one in candidates]


def _name(candidate: Candidate) -> tuple[str, int]:
    return candidate.version.model, candidate.version.version


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
