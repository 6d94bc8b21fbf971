"""A question to people: what exactly they are asked to say yes to, and its digest; pure, no IO.

The digest covers everything that the answer rests on: the act, what is acted on, the policy and the
evidence. If any of it changes, it is another question, and approvals of the first are worth nothing for
it. Nothing in it says that the question is about a model: a single prediction is asked about alike.

>>> question = Question("promote", "lending/3", {"slot": "champion"}, "p" * 64, (), Requirement(1, ("approver",)))
>>> question.digest == Question.from_body(question.as_body()).digest
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.ledger import digest
from workbench.policy import People


@dataclass(frozen=True)
class Requirement:
    """What people have to give before the answer is yes."""

    approvals: int  # how many, each by another person
    roles: tuple[str, ...]  # any of which gives an approval weight
    hours: float | None = None  # how long an approval holds; None: until something changes
    why: str = ""  # one sentence

    @classmethod
    def of(cls, people: People) -> Requirement:
        """What a policy asks of people."""
        return cls(people.approvals, people.roles, people.hours, people.why)


@dataclass(frozen=True)
class Question:
    """One question, with all that the answer rests on."""

    action: str  # "promote", "stage", "rollback", …; other rooms bring their own
    subject: str  # what is acted on: "lending/3", "prediction/<id>"
    particulars: Mapping[str, Any]  # digests and settings, plain JSON: candidate, champion, slot, weight, stakes
    policy: str  # digest of the rules that ask
    evidence: tuple[str, ...]  # digests of the findings weighed, sorted
    requirement: Requirement

    @property
    def digest(self) -> str:
        """SHA-256 of the question in its one spelling, hex: its name."""
        return digest(self.as_body())

    @property
    def high_stakes(self) -> bool:
        """Whether nobody may approve what is their own, even where nobody was ever named."""
        return self.particulars.get("stakes") == "high"

    def as_body(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it."""
        needed = self.requirement
        return {
            "action": self.action,
            "subject": self.subject,
            "particulars": dict(self.particulars),
            "policy": self.policy,
            "evidence": list(self.evidence),
            "requirement": {
                "approvals": needed.approvals,
                "roles": list(needed.roles),
                "hours": needed.hours,
                "why": needed.why,
            },
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Question:
        """The question that an entry's body tells of."""
        needed = body["requirement"]
        return cls(
            body["action"],
            body["subject"],
            body["particulars"],
            body["policy"],
            tuple(body["evidence"]),
            Requirement(needed["approvals"], tuple(needed["roles"]), needed["hours"], needed["why"]),
        )

    def in_words(self) -> str:
        """The act in a few words: "promote lending 3"."""
        name, _, number = self.subject.rpartition("/")
        told = f"{self.action} {name} {number}" if name else f"{self.action} {self.subject}"
        slot, weight = self.particulars.get("slot"), self.particulars.get("weight")
        if self.action == "stage" and slot:
            told += f" into {slot}" + (f" at {100 * weight:.4g} %" if isinstance(weight, int | float) else "")
        return told
