"""All that the ledger knows of one version, gathered for those who tell of it: cards and documentation; pure.

Nothing is added to what the entries say; what is not there stays a gap that the teller names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbench.data.holds import Hold, holds
from workbench.data.retention import Window, windows
from workbench.errors import EngineError, Misuse
from workbench.ledger import Entry, ModelVersion
from workbench.ledger.heads import PROMOTIONS, fold
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.seals import unsealed_among

REGISTERED, FINISHED, FOUND = "version.registered", "run.finished", "evidence.recorded"


@dataclass(frozen=True)
class Known:
    """One version with everything that the ledger tells of it."""

    version: ModelVersion
    registered: Entry
    trained: Entry | None  # the run
    evidence: Mapping[str, Entry]  # newest by kind; what rests on made-up data is none
    decisions: Sequence[Entry]  # granted and denied, about this version, in their order
    approvals: Sequence[Entry]
    history: Sequence[Entry]  # of the whole model, in its order
    retention: Mapping[str, Window]
    holds: Mapping[str, Hold]
    stage: str  # the slots it holds, e.g. "champion" or "canary, doubted"; else "former champion" or "candidate"
    at: datetime  # when it was gathered
    doubts: Mapping[int, str] = field(default_factory=dict)  # moves without the seal that is due, by their number

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return self.version.subject

    @property
    def data(self) -> list[Mapping[str, Any]]:
        """What the run that trained it read: name, digest and rows."""
        return list(self.trained.body.get("data", ())) if self.trained else []

    @property
    def granted(self) -> Entry | None:
        """The last decision that let it live."""
        return next((entry for entry in reversed(self.decisions) if entry.kind.endswith(".granted")), None)


def gather(entries: Iterable[Entry], model: str, version: int, *, now: datetime) -> Known:
    """What is known of a version.

    Args:
        entries: Of the ledger, in their order.
        model: Its name.
        version: Which.
        now: When it is asked, aware.

    Raises:
        Misuse: The version is not registered.
        EngineError: The model's moves do not follow one another, or the ledger's keys are not sound.
    """
    told = list(entries)
    subject = f"{model}/{version}"
    about = [entry for entry in told if entry.subject == subject]
    registered = next((entry for entry in about if entry.kind == REGISTERED), None)
    if registered is None:
        raise Misuse(f"{model} has no version {version}", hint="workbench models lists the versions")
    known = ModelVersion.from_body(registered.body)
    evidence = {
        str(entry.body["kind"]): entry
        for entry in about
        if entry.kind == FOUND and not (entry.body.get("details") or {}).get("simulated")
    }
    ours = [entry for entry in told if entry.subject == model or entry.subject.rpartition("/")[0] == model]
    doubts = _doubts(told, ours)
    return Known(
        version=known,
        registered=registered,
        trained=next((e for e in told if e.kind == FINISHED and e.subject == f"run/{known.run_id}"), None),
        evidence=evidence,
        decisions=[entry for entry in about if isinstance(entry.body.get("decision"), dict)],
        approvals=[entry for entry in about if entry.kind.startswith("approval.")],
        history=ours,
        retention=windows(told),
        holds=holds(told),
        stage=_stage(ours, model, version, doubts),
        at=now,
        doubts=doubts,
    )


def _doubts(told: Sequence[Entry], ours: Sequence[Entry]) -> dict[int, str]:
    """What is wrong with the seals of a model's moves.

    Raises:
        EngineError: The ledger's keys are not sound.
    """
    own = {entry.seq for entry in ours}
    try:
        found = unsealed_among(entry for entry in told if entry.kind in KEY_KINDS or entry.seq in own)
    except ValueError as error:
        raise EngineError(f"the ledger's keys cannot be told: {error}", hint="workbench ledger verify") from error
    return {seq: "; ".join(wrong) for seq, wrong in found.items()}


def _stage(entries: Sequence[Entry], model: str, version: int, doubts: Mapping[int, str]) -> str:
    """The slots that a version holds now, or what it was before.

    Raises:
        EngineError: The moves do not follow one another.
    """
    try:
        heads = fold(entries)
    except ValueError as error:
        raise EngineError(f"the moves of {model} are not sound: {error}", hint="workbench ledger verify") from error
    holds = sorted(
        f"{slot}, doubted" if head.seq in doubts else slot
        for (_, slot), head in heads.items()
        if head.version == version
    )
    if holds:
        return ", ".join(holds)
    held = any(entry.kind in PROMOTIONS and entry.subject == f"{model}/{version}" for entry in entries)
    return "former champion" if held else "candidate"
