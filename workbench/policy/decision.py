"""A decision and its reasons, as data that reads as words.

>>> reason = Reason("fairness", "disparate impact by race is not shown to be at least 0.8",
...     metric="disparate_impact.race", got=0.18, limit=0.95, flip="needs a disparate impact of 0.84 or more")
>>> Decision("deny", (reason,), policy="promotion", policy_digest="p", input_digest="i").allowed
False
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Reason:
    """Why a policy refused, in words and in numbers."""

    code: str  # short and stable, e.g. "fairness", "no-evidence", "policy-error"
    message: str  # one sentence with the number it got and the limit
    metric: str | None = None
    got: float | str | None = None
    limit: float | str | None = None
    flip: str | None = None  # what would turn this reason around
    evidence: str | None = None  # digest of the finding it rests on


@dataclass(frozen=True)
class Decision:
    """What a policy said to one input; anything but a clear yes is a denial."""

    decision: Literal["allow", "deny"]
    reasons: tuple[Reason, ...]  # empty when allowed
    policy: str  # its name
    policy_digest: str  # SHA-256 of its source, hex
    input_digest: str  # SHA-256 of the canonical input, hex

    @property
    def allowed(self) -> bool:
        """True only for a clear yes."""
        return self.decision == "allow"

    def as_body(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it."""
        body = asdict(self)
        body["reasons"] = [dict(r) for r in body["reasons"]]
        return body

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Decision:
        """The decision an entry's body tells of."""
        reasons = tuple(Reason(**reason) for reason in body["reasons"])
        return cls(body["decision"], reasons, body["policy"], body["policy_digest"], body["input_digest"])
