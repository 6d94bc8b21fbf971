"""The dossier of a version: its newest finding of each kind, and what a policy is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.data.retention import DATA, DECLARED, Window, moment, windows
from workbench.evidence.finding import Finding
from workbench.evidence.retention import data_behind
from workbench.ledger import Entry, Ledger, ModelVersion, Wanted

EVIDENCE, RETAINED = "evidence.recorded", DECLARED  # kinds of the entries that a dossier is made from
DISPARATE_IMPACT = "disparate_impact."


@dataclass(frozen=True)
class Dossier:
    """A version with what is known about it."""

    version: ModelVersion
    findings: Mapping[str, Finding]  # newest by kind
    windows: tuple[Window, ...] = ()  # how long each body of its data may be kept, where that is declared


def dossier(ledger: Ledger, model: str, version: int) -> Dossier:
    """The newest evidence of each kind about a version; what rests on made-up data is none.

    Raises:
        Misuse: The version is not in the ledger.
    """
    known = ledger.version(model, version)
    evidence, declared = ledger.gather(Wanted((EVIDENCE,), known.subject), Wanted((DECLARED,)))
    return filed(ledger, known, evidence, declared)


def filed(ledger: Ledger, version: ModelVersion, evidence: Iterable[Entry], retained: Sequence[Entry]) -> Dossier:
    """The dossier of a version, of entries that were read before; the ledger is asked only for its run.

    Args:
        ledger: Where the run of its training is read, if any window is declared.
        version: The version.
        evidence: All the evidence about it, in its order, among other entries.
        retained: All that declares windows of retention, in its order.
    """
    declared = windows(retained)
    runs = ledger.entries(subject=f"run/{version.run_id}", kind="run.finished", limit=1) if declared else []
    kept = _kept(version, runs[0] if runs else None, declared)
    return Dossier(version, newest(evidence), kept)


def newest(entries: Iterable[Entry]) -> dict[str, Finding]:
    """The last finding of each kind among the entries about one version, in their order; none on made-up data."""
    findings = (Finding.from_body(entry.body) for entry in entries if entry.kind == EVIDENCE)
    return {finding.kind: finding for finding in findings if not finding.simulated}


def dossiers(ledger: Ledger, model: str | None = None) -> dict[tuple[str, int], Dossier]:
    """The dossiers of all versions, of one model or of all, by model and number; the ledger is read once."""
    prefix = None if model is None else f"{model}/"
    found: dict[str, list[Entry]] = {}
    for entry in ledger.entries(kind=EVIDENCE, prefix=prefix):
        found.setdefault(entry.subject, []).append(entry)
    versions = ledger.versions(model)
    declared = windows(ledger.entries(kind=DECLARED))
    runs = {entry.subject: entry for entry in ledger.entries(kind="run.finished")} if declared else {}
    return {
        (v.model, v.version): Dossier(
            v, newest(found.get(v.subject, ())), _kept(v, runs.get(f"run/{v.run_id}"), declared)
        )
        for v in versions
    }


def as_input(
    candidate: Dossier,
    *,
    action: str,
    champion: Dossier | None,
    was_champion: bool,
    now: datetime,
    actor: str,
    why: str,
    slot: str = "champion",
    weight: float | None = None,
    stakes: str = "normal",
    approvals: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a policy is asked about: plain JSON, everything it may know.

    Args:
        candidate: The version to be moved.
        action: "promote", "rollback", "stage", "clear" or "retire".
        champion: Who holds the place now.
        was_champion: Whether the candidate held it before.
        now: The time of the question, aware.
        actor: Who asks.
        why: The reason given.
        slot: Where the version is to go, or what it is to leave.
        weight: The share of the traffic that it is to get there, in (0, 1]; None: none is set.
        stakes: "high" or "normal", as the model was declared.
        approvals: What people said to this very question, as far as it counts now.
    """
    version = candidate.version
    return {
        # what policies read most stands first: the embedded engine looks for a key from the front
        "evidence": {kind: _told(finding, now) for kind, finding in candidate.findings.items()},
        "action": action,
        "model": version.model,
        "version": version.version,
        "now": now.isoformat(),
        "actor": actor,
        "author": version.registered_by,
        "why": why,
        "slot": slot,
        "weight": weight,
        "stakes": stakes,
        "approvals": [dict(approval) for approval in approvals],
        "candidate": {
            "run_id": version.run_id,
            "model_digest": version.model_digest,
            "data_digest": version.data_digest,
            "feature_set": version.feature_set,
            "threshold": version.threshold,
            "registered_at": version.registered_at,
            "registered_by": version.registered_by,
        },
        "champion": None
        if champion is None
        else {
            "version": champion.version.version,
            "feature_set": champion.version.feature_set,
            "metrics": _defined(champion),
        },
        "was_champion": was_champion,
        **_retention(candidate, now),
        "metrics": _defined(candidate),
    }


def _retention(known: Dossier, now: datetime) -> dict[str, Any]:
    """Until when its data may be kept, by the windows that are declared and by what the training said, the first end.

    In days too, since policies read no clock; a last day counts to its end, and an end that cannot be read is none,
    and is told.
    """
    ends = [window.end for window in known.windows if window.end is not None]
    told = known.version.parameters.get("retain_until")
    try:
        day = moment(str(told), last=True) if told else None
    except ValueError:
        return {"retention": {"until": str(told), "days_left": None}}
    if day is not None:
        ends.append(day)
    if not ends:
        return {}
    first = min(ends)
    until = str(told) if day is not None and first == ends[-1] else first.isoformat()
    return {"retention": {"until": until, "days_left": (first - now).total_seconds() / 86_400}}


def _kept(version: ModelVersion, run: Entry | None, declared: Mapping[str, Window]) -> tuple[Window, ...]:
    behind = data_behind(version.data_digest, run) if declared else {}
    return tuple(declared[f"{DATA}{one}"] for one in behind if f"{DATA}{one}" in declared)


def metrics(known: Dossier) -> dict[str, float | None]:
    """Every figure's value by name; `fairness` is the smallest disparate impact over single attributes."""
    flat = {name: figure.value for finding in known.findings.values() for name, figure in finding.figures.items()}
    single = [value for name, value in flat.items() if name.startswith(DISPARATE_IMPACT) and "*" not in name]
    if single:
        flat["fairness"] = None if None in single else min(value for value in single if value is not None)
    return flat


def _defined(known: Dossier) -> dict[str, float]:
    """The metrics that have a value: to the interpreter, null is greater than every number."""
    return {name: value for name, value in metrics(known).items() if value is not None}


def _told(finding: Finding, now: datetime) -> dict[str, Any]:
    age = now - datetime.fromisoformat(finding.at)
    return {
        "verdict": finding.verdict,
        "sentence": finding.sentence,
        "subject": finding.subject,
        "digest": finding.digest,
        "at": finding.at,
        "age_days": age.total_seconds() / 86_400,
        "data_digest": finding.data_digest,
        "figures": {name: dict(vars(figure)) for name, figure in finding.figures.items()},
    }
