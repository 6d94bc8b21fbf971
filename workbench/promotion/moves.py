"""A move as it is asked for, as it was judged, and as its entry in the ledger tells of it; pure, no IO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NoReturn

from workbench.errors import Denied, Misuse
from workbench.ledger import Entry, Head
from workbench.policy import Decision, Policy, Reason
from workbench.promotion.history import MOVES

Action = Literal["promote", "rollback"]

SLOT = "champion"
KINDS: Mapping[Action, str] = {"promote": "promotion", "rollback": "rollback"}  # and .granted or .denied


@dataclass(frozen=True)
class Request:
    """What somebody asks the gate for."""

    action: Action
    model: str
    version: int
    actor: str
    why: str
    now: datetime
    key: str | None = None

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return f"{self.model}/{self.version}"


@dataclass(frozen=True)
class Judgement:
    """What the policy said to a request, and on what ground."""

    decision: Decision
    document: Mapping[str, Any]  # all that the policy was told
    policy: Policy
    head: Head | None  # who was champion
    seen: int  # number of the ledger's last entry before anything was read


@dataclass(frozen=True)
class Move:
    """A model moved; the ledger has it, whatever becomes of the effects still pending."""

    model: str
    version: int
    previous: int | None  # who was champion before
    generation: int
    decision: Decision
    entry_seq: int
    pending: tuple[str, ...] = ()  # what the registry is still owed, in words; `reconcile` settles it


def body_of(judgement: Judgement, version: int) -> dict[str, Any]:
    """The body of the entry that a judgement leaves, granted or denied."""
    head, granted = judgement.head, judgement.decision.allowed
    return {
        "slot": SLOT,
        "decision": judgement.decision.as_body(),
        "policy_source": judgement.policy.source,
        "input": judgement.document,
        "from": head.version if head else None,
        "to": version,
        "generation": (head.generation if head else 0) + 1 if granted else None,
        "evidence": sorted(found["digest"] for found in judgement.document["evidence"].values()),
    }


def told_by(entry: Entry) -> Move:
    """The move that an entry tells of.

    Raises:
        Denied: It tells of a refusal.
    """
    model, _, version = entry.subject.rpartition("/")
    decision = Decision.from_body(entry.body["decision"])
    if entry.kind not in MOVES:
        refuse(entry.subject, decision)
    return Move(model, int(version), entry.body["from"], entry.body["generation"], decision, entry.seq)


def same_request(entry: Entry, key: str, action: Action, model: str, version: int | None) -> Entry:
    """The entry that has a key, if it answers this very request; a key names one act and no other.

    Raises:
        Misuse: It answers another one.
    """
    name, _, number = entry.subject.rpartition("/")
    asked = f"{model} {version}" if version is not None else model
    same_version = version is None or number == str(version)
    if not entry.kind.startswith(f"{KINDS[action]}.") or name != model or not same_version:
        raise Misuse(
            f"the key {key!r} belongs to entry {entry.seq} ({entry.kind} {entry.subject}); "
            f"it cannot also {action} {asked}",
            hint="use a key of its own for each act",
        )
    return entry


def turned_down(decision: Decision, rejection: Entry) -> Decision:
    """The decision with a standing rejection: whatever the policy says, it is a denial."""
    reason = Reason(
        "rejected",
        f"{rejection.actor} turned it down on {rejection.at:%Y-%m-%d} ({rejection.why}), and no evidence came since",
        flip="new evidence about it: run an audit again",
    )
    reasons = (reason, *decision.reasons)
    return Decision("deny", reasons, decision.policy, decision.policy_digest, decision.input_digest)


def refuse(subject: str, decision: Decision) -> NoReturn:
    """Raise a denial as a person should read it: each reason, and what would turn it.

    Raises:
        Denied: Always.
    """
    model, _, version = subject.rpartition("/")
    lines = [f"{model} {version} was not moved; policy {decision.policy!r} denies it:"]
    for reason in decision.reasons:
        lines.append(f"  - {reason.message}")
        if reason.flip:
            lines.append(f"    would pass: {reason.flip}")
    raise Denied("\n".join(lines), decision=decision, hint=f"workbench models {model} shows the evidence")
