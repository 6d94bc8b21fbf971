"""A held answer: what a model said and people have to look at first, and what it comes to; pure, no IO.

An answer is held under a question to people (`promotion.questions`), which is bound to the model, the
version and the generation that answered, to the digest of the input and to the score. What is decided is
an entry `answer.decided`, one a prediction; features are never in the ledger.

>>> Held.sample().question.subject
'prediction/p1'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from workbench.ledger import Entry
from workbench.promotion.questions import Question, Requirement

DECIDED = "answer.decided"
ACTION = "answer"  # of the question

Verdict = Literal["confirm", "change", "refuse"]  # what a reviewer may say
Told = Literal["confirmed", "changed", "refused", "timed out"]
OnTimeout = Literal["answer", "refuse"] | Mapping[str, bool]  # as the model said, not at all, or {"answer": …}


@dataclass(frozen=True)
class Held:
    """One answer that waits for people."""

    id: str  # of the prediction
    at: datetime  # when it was asked, UTC
    model: str
    version: int
    generation: int
    variant: str
    request: str
    client: str | None  # id of the key that asked; None: no key was asked for
    features: Mapping[str, Any]  # what the reviewer sees; kept here alone, whatever the log's policy
    input_digest: str
    score: float
    answer: bool | None  # None: the version has no threshold
    threshold: float | None
    stakes: str
    policy: str  # digest of the rules that hold it
    requirement: Requirement
    ends: datetime | None  # when nobody is waited for any longer; None: never
    on_timeout: OnTimeout

    @property
    def question(self) -> Question:
        """What people are asked: every part of it is part of what they sign."""
        particulars = {
            "model": self.model,
            "version": self.version,
            "generation": self.generation,
            "input_digest": self.input_digest,
            "score": self.score,
            "answer": self.answer,
            "stakes": self.stakes,
            "ends": None if self.ends is None else self.ends.isoformat(),
            "on_timeout": self.on_timeout if isinstance(self.on_timeout, str) else dict(self.on_timeout),
        }
        return Question(ACTION, subject_of(self.id), particulars, self.policy, (), self.requirement)

    @classmethod
    def sample(cls, **more: Any) -> Held:
        """One of a lending model, for examples."""
        told: dict[str, Any] = {
            "id": "p1", "at": datetime(2026, 1, 1, tzinfo=UTC), "model": "lending", "version": 2, "generation": 1,
            "variant": "champion", "request": "r1", "client": None, "features": {"income": 4.2}, "input_digest": "d",
            "score": 0.52, "answer": True, "threshold": 0.5, "stakes": "high", "policy": "p",
            "requirement": Requirement(1, ("reviewer",), 24.0, "its score is close to the threshold"),
            "ends": None, "on_timeout": "refuse",
        }  # fmt: skip
        return cls(**{**told, **more})

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, as the store keeps it."""
        told = asdict(self)
        told["at"], told["ends"] = self.at.isoformat(), None if self.ends is None else self.ends.isoformat()
        told["requirement"]["roles"] = list(self.requirement.roles)
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Held:
        """What `as_json` told of.

        >>> Held.from_json(Held.sample().as_json()) == Held.sample()
        True
        """
        ends, needed = told["ends"], told["requirement"]
        return cls(
            **{
                **told,
                "at": datetime.fromisoformat(told["at"]),
                "ends": None if ends is None else datetime.fromisoformat(ends),
                "requirement": Requirement(**{**needed, "roles": tuple(needed["roles"])}),
            }
        )


@dataclass(frozen=True)
class Decided:
    """What a held answer came to."""

    told: Told
    given: bool  # whether the caller gets an answer
    score: float | None
    answer: bool | None
    by: Literal["people", "time"]
    entry: int  # of the ledger

    @classmethod
    def of(cls, entry: Entry) -> Decided:
        """What an entry `answer.decided` says."""
        body = entry.body
        return cls(body["told"], body["given"], body["score"], body["answer"], body["by"], entry.seq)


def subject_of(prediction: str) -> str:
    """The subject of all entries about a prediction."""
    return f"prediction/{prediction}"


def body_of(held: Held, told: Told, answer: bool | float | None, approvals: tuple[int, ...] = ()) -> dict[str, Any]:
    """The body of the entry that decides.

    Args:
        held: What was held.
        told: What became of it.
        answer: What is answered: a yes or no, or a number where the version has no threshold; None: nothing is.
        approvals: Numbers of the entries by which people said yes.
    """
    yes_or_no = isinstance(answer, bool)
    value = held.score if yes_or_no else answer
    return {
        "prediction": held.id,
        "model": held.model,
        "version": held.version,
        "generation": held.generation,
        "input_digest": held.input_digest,
        "question": held.question.digest,
        "told": told,
        "given": answer is not None,
        "score": None if answer is None else value,
        "answer": answer if yes_or_no else None,
        "by": "time" if told == "timed out" else "people",
        "approvals": list(approvals),
    }


def as_said(held: Held) -> bool | float:
    """The model's own answer: a yes or no where there is a threshold, else the score."""
    return held.score if held.answer is None else held.answer


def at_the_end(held: Held) -> bool | float | None:
    """What is answered once nobody is waited for any longer, as the policy says; None: nothing is.

    >>> [at_the_end(Held.sample(on_timeout=way)) for way in ("answer", "refuse", {"answer": False})]
    [True, None, False]
    """
    if held.on_timeout == "answer":
        return as_said(held)
    if isinstance(held.on_timeout, Mapping) and held.answer is not None:
        return held.on_timeout["answer"]
    return None


def timeout_read(value: object) -> OnTimeout:
    """A policy's `on_timeout`; what is spelled otherwise refuses.

    >>> timeout_read("answer"), timeout_read({"answer": False}), timeout_read("yes"), timeout_read({"answer": 1})
    ('answer', {'answer': False}, 'refuse', 'refuse')
    """
    if value == "answer":
        return "answer"
    if isinstance(value, Mapping) and set(value) == {"answer"} and isinstance(value["answer"], bool):
        return {"answer": value["answer"]}
    return "refuse"
