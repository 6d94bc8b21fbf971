"""A certificate: why one version was promoted, in one file that can be checked without us and without a network.

An in-toto statement about the model's files in a signed DSSE envelope. Its predicate carries the ledger's
entries themselves (registration, training, evidence, approvals, decision) with the proof that each stands
in the ledger whose signed checkpoint is in it too. Nothing in it is written by hand, and what a reader is
told in short is compared with the entries when it is checked (`workbench.evidence.checking`).

Rules: pure, no IO; the clock, the key, the files' digests and the proofs are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger import Entry, ModelVersion
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.dsse import seal, statement
from workbench.ledger.heads import PROMOTIONS, STAGED
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.proofs import Inclusion
from workbench.ledger.seals import unsealed_among
from workbench.ledger.signing import SigningKey

PREDICATE = "urn:workbench:promotion:v1"


@dataclass(frozen=True)
class Signed:
    """What a ledger signs for: one checkpoint, and the proof of each entry in it."""

    checkpoint: Checkpoint
    prove: Callable[[int], Inclusion]  # that an entry, by its number, is covered by the checkpoint


@dataclass(frozen=True)
class Grounds:
    """The entries that a version's promotion rests on."""

    registered: Entry
    trained: Entry | None  # the run; None where a version was registered without one
    decision: Entry
    evidence: tuple[Entry, ...]
    audits: tuple[Entry, ...]  # the runs that found the evidence
    approvals: tuple[Entry, ...]
    keys: tuple[Entry, ...] = ()  # that brought the ledger's keys

    @property
    def all(self) -> list[Entry]:
        """All of them once, by number."""
        known = [
            self.registered,
            self.trained,
            self.decision,
            *self.evidence,
            *self.audits,
            *self.approvals,
            *self.keys,
        ]
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
    moves = [entry for entry in about if entry.kind in PROMOTIONS] or [e for e in about if e.kind == STAGED]
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
        keys=tuple(e for e in told if e.kind in KEY_KINDS),
    )


def certify(
    found: Grounds, files: Mapping[str, str], *, ledger: Signed, key: SigningKey, actor: str, now: datetime
) -> dict[str, Any]:
    """The signed certificate of a promotion, plain JSON.

    Args:
        found: What it rests on.
        files: SHA-256 of each of the model's files, by name.
        ledger: What the ledger signs for.
        key: What it is signed with: the ledger's key.
        actor: Who asked for it.
        now: When, aware.

    Raises:
        EngineError: The ledger's key did not seal the decision, or its keys are not sound.
    """
    told = found.all
    try:
        wrong = unsealed_among(told).get(found.decision.seq, ())
    except ValueError as error:
        wrong = (str(error),)
    if wrong:
        raise EngineError(f"nothing is certified: {'; '.join(wrong)}", hint="workbench ledger verify")
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
            "keys": [entry.seq for entry in found.keys],
        },
        "entries": [{"entry": e.as_dict(), "inclusion": _way(ledger.prove(e.seq))} for e in told],
        "checkpoint": ledger.checkpoint.note,
        "keys": list(dict.fromkeys([key.public, *(str(e.body["public"]) for e in found.keys)])),
    }
    return seal(statement(files, PREDICATE, predicate), key)


def _way(proof: Inclusion) -> dict[str, Any]:
    """A proof without the checkpoint, which is the same for all."""
    return {name: value for name, value in proof.as_dict().items() if name != "checkpoint"}


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
