"""A decision and its reasons, as data that reads as words.

There are three: a clear yes, a no, and a yes that waits for people. Anything but the first moves nothing.

>>> reason = Reason("fairness", "disparate impact by race is not shown to be at least 0.8",
...     metric="disparate_impact.race", got=0.18, limit=0.95, flip="needs a disparate impact of 0.84 or more")
>>> Decision("deny", (reason,), policy="promotion", policy_digest="p", input_digest="i").allowed
False
>>> People(2, ("approver", "risk-officer"), 72, "many people are concerned").asked
'2 approvals by approver or risk-officer, at most 72 hours old'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["allow", "deny", "needs-people"]


@dataclass(frozen=True)
class Reason:
    """Why a policy refused or waits, in words and in numbers."""

    code: str  # short and stable, e.g. "fairness", "no-evidence", "policy-error"
    message: str  # one sentence with the number it got and the limit
    metric: str | None = None
    got: float | str | None = None
    limit: float | str | None = None
    flip: str | None = None  # what would turn this reason around
    evidence: str | None = None  # digest of the finding it rests on


@dataclass(frozen=True)
class People:
    """What a policy asks of people before it says yes."""

    approvals: int  # how many, each by another person
    roles: tuple[str, ...]  # any of which gives an approval weight
    hours: float | None  # how old an approval may be; None: any age
    why: str  # one sentence

    @property
    def asked(self) -> str:
        """What is asked for, in words."""
        many = "1 approval" if self.approvals == 1 else f"{self.approvals} approvals"
        lasting = "" if self.hours is None else f", at most {self.hours:g} hours old"
        return f"{many} by {' or '.join(self.roles)}{lasting}"


@dataclass(frozen=True)
class Decision:
    """What a policy said to one input; anything but a clear yes moves nothing."""

    decision: Outcome
    reasons: tuple[Reason, ...]  # empty when allowed
    policy: str  # its name
    policy_digest: str  # SHA-256 of its source, hex
    input_digest: str  # SHA-256 of the canonical input, hex
    people: People | None = None  # set where, and only where, people are needed
    evidence: tuple[str, ...] = ()  # digests of the findings the input held, sorted

    @property
    def allowed(self) -> bool:
        """True only for a clear yes."""
        return self.decision == "allow"

    def as_body(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it; what asks nothing of people says nothing of them."""
        body: dict[str, Any] = {
            **vars(self),
            "reasons": [dict(vars(reason)) for reason in self.reasons],
            "evidence": list(self.evidence),
        }
        if self.people is None:
            del body["people"]
        else:
            body["people"] = {**vars(self.people), "roles": list(self.people.roles)}
        return body

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Decision:
        """The decision an entry's body tells of; older ones know neither people nor evidence."""
        asked = body.get("people")
        return cls(
            body["decision"],
            tuple(Reason(**reason) for reason in body["reasons"]),
            body["policy"],
            body["policy_digest"],
            body["input_digest"],
            None if asked is None else People(asked["approvals"], tuple(asked["roles"]), asked["hours"], asked["why"]),
            tuple(body.get("evidence", ())),
        )
