"""A certificate: why one version was promoted, in one file that can be checked without us and without a network.

An in-toto statement about the model's files in a signed DSSE envelope. Its predicate carries the ledger's
entries themselves (registration, training, evidence, approvals, decision) with the proof that each stands
in the ledger whose signed checkpoint is in it too. Nothing in it is written by hand, and what a reader is
told in short is compared with the entries when it is checked (`workbench.evidence.checking`).

Rules: pure, no IO; the clock, the key, the files' digests and the proofs are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbench.errors import Misuse
from workbench.ledger import Entry, ModelVersion
from workbench.ledger.dsse import Signer, seal, statement
from workbench.ledger.heads import MOVES

PREDICATE = "urn:workbench:promotion:v1"


@dataclass(frozen=True)
class Proofs:
    """That entries stand in a ledger: one signed checkpoint, and a path to it from each."""

    checkpoint: Any = None  # as the ledger signed it, plain JSON or its text
    inclusion: Mapping[int, Any] = field(default_factory=dict)  # by the entry's number, plain JSON
    publics: Sequence[str] = ()  # public keys, in base64, by which the checkpoint is signed


Prove = Callable[[Sequence[int]], Proofs]


@dataclass(frozen=True)
class Grounds:
    """The entries that a version's promotion rests on."""

    registered: Entry
    trained: Entry | None  # the run; None where a version was registered without one
    decision: Entry
    evidence: tuple[Entry, ...]
    audits: tuple[Entry, ...]  # the runs that found the evidence
    approvals: tuple[Entry, ...]

    @property
    def all(self) -> list[Entry]:
        """All of them once, by number."""
        known = [self.registered, self.trained, self.decision, *self.evidence, *self.audits, *self.approvals]
        return sorted({e.seq: e for e in known if e is not None}.values(), key=lambda entry: entry.seq)


def grounds(entries: Iterable[Entry], model: str, version: int) -> Grounds:
    """What the last promotion of a version rests on.

    Args:
        entries: Of the ledger, in their order.
        model: Its name.
        version: Which.

    Raises:
        Misuse: It is not registered, or was never promoted.
    """
    subject, told = f"{model}/{version}", list(entries)
    about = [entry for entry in told if entry.subject == subject]
    registered = next((entry for entry in about if entry.kind == "version.registered"), None)
    if registered is None:
        raise Misuse(f"{model} has no version {version}", hint="workbench models lists the versions")
    moves = [entry for entry in about if entry.kind in MOVES and entry.body.get("generation") is not None]
    if not moves:
        hint = f'workbench promote {model} {version} --why "…"; only what was granted is certified'
        raise Misuse(f"{model} {version} was never promoted", hint=hint)
    decision = moves[-1]
    weighed = set(decision.body.get("evidence", ()))
    before = [entry for entry in told if entry.seq < decision.seq]
    evidence = [e for e in before if e.kind == "evidence.recorded" and e.body.get("digest") in weighed]
    runs = {str(e.body.get("run_id")) for e in evidence}
    ran = {e.subject.removeprefix("run/"): e for e in told if e.kind == "run.finished"}
    numbers = set(decision.body.get("approvals") or ())
    return Grounds(
        registered=registered,
        trained=ran.get(str(registered.body.get("run_id"))),
        decision=decision,
        evidence=tuple(evidence),
        audits=tuple(ran[name] for name in sorted(runs) if name in ran),
        approvals=tuple(e for e in before if e.seq in numbers),
    )


def certify(
    found: Grounds, files: Mapping[str, str], *, prove: Prove, key: Signer, public: str, actor: str, now: datetime
) -> dict[str, Any]:
    """The signed certificate of a promotion, plain JSON.

    Args:
        found: What it rests on.
        files: SHA-256 of each of the model's files, by name.
        prove: Gives the proofs that entries stand in the ledger.
        key: What it is signed with.
        public: The key's public part, in base64.
        actor: Who asked for it.
        now: When, aware.
    """
    told = found.all
    proofs = prove([entry.seq for entry in told])
    version = ModelVersion.from_body(found.registered.body)
    predicate = {
        "model": version.model,
        "version": version.version,
        "issued_at": now.isoformat(),
        "issued_by": actor,
        "digests": summary(found),
        "roles": {
            "registered": found.registered.seq,
            "trained": found.trained.seq if found.trained else None,
            "decision": found.decision.seq,
            "evidence": [entry.seq for entry in found.evidence],
            "audits": [entry.seq for entry in found.audits],
            "approvals": [entry.seq for entry in found.approvals],
        },
        "entries": [{"entry": e.as_dict(), "inclusion": proofs.inclusion.get(e.seq)} for e in told],
        "checkpoint": proofs.checkpoint,
        "keys": list(dict.fromkeys([public, *proofs.publics])),
    }
    return seal(statement(files, PREDICATE, predicate), key)


def summary(found: Grounds) -> dict[str, Any]:
    """The digests that a reader asks for, as the entries have them."""
    registered, decision = found.registered.body, found.decision.body
    trained = found.trained.body if found.trained else {}
    judged = decision["decision"]
    return {
        "model": registered["model_digest"],
        "data": registered["data_digest"],
        "feature_set": registered["feature_set"],
        "feature_set_digest": registered.get("feature_set_digest"),
        "notebook": registered["notebook_digest"],
        "environment": trained.get("environment"),
        "policy": judged["policy_digest"],
        "input": judged["input_digest"],
        "evidence": sorted(decision.get("evidence", ())),
    }
