"""What people answered to a question, and whether that is enough: signed statements, folded; pure, no IO.

An approval counts while it is signed by the key that the workspace had when it was given, is about this
very question, has not expired or been withdrawn, and comes from somebody who has the role now. The author
of what is judged and whoever asked never count, nor does anybody who stands in for them. Two approvals are
two persons: whoever stands in for another uses up both names. A single refusal ends the question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from workbench.ledger import Entry
from workbench.ledger.signing import to_sign
from workbench.promotion.people import Roster, normal
from workbench.promotion.questions import Question

REQUESTED, GIVEN, REFUSED = "approval.requested", "approval.given", "approval.refused"
WITHDRAWN, CLOSED, DELEGATED = "approval.withdrawn", "approval.closed", "approval.delegated"
ABOUT_A_QUESTION = (REQUESTED, GIVEN, REFUSED, WITHDRAWN, CLOSED)
ENDS = frozenset({REFUSED, CLOSED})
PURPOSE = "approval"  # so that a signature of an approval is one of nothing else

Verifies = Callable[[bytes, Mapping[str, Any], int], bool]  # of a message, the signature beside it, its entry's number


@dataclass(frozen=True)
class Approval:
    """One person's yes to one question."""

    question: str  # its digest
    by: str
    stands_for: str | None  # whose place they take; None: their own
    role: str  # that gave it weight
    source: str  # who vouched for the name
    at: str  # ISO 8601, UTC
    expires: str | None  # ISO 8601, UTC; None: never by itself
    entry: int = 0  # number of its entry; 0: not in the ledger yet

    @property
    def message(self) -> bytes:
        """What is signed."""
        return to_sign(PURPOSE, self.as_body())

    def as_body(self) -> dict[str, Any]:
        """Plain JSON, as it is signed and as the ledger keeps it."""
        told = asdict(self)
        del told["entry"]
        return told

    @property
    def persons(self) -> frozenset[str]:
        """The persons it speaks for, normalised."""
        return frozenset(normal(name) for name in (self.by, self.stands_for) if name)


@dataclass(frozen=True)
class Delegation:
    """One approver lets another take their place until a time."""

    giver: str
    to: str
    until: datetime


@dataclass(frozen=True)
class Answers:
    """A question with what became of it so far."""

    question: Question
    requested: Entry
    author: str  # of what is judged
    asked_by: str
    approvals: tuple[Approval, ...]  # that count now
    void: tuple[tuple[Approval, str], ...]  # that do not, each with the reason
    refused: Entry | None  # the refusal that ended it
    closed: Entry | None = None  # that it was acted on: its approvals are used up

    @property
    def missing(self) -> int:
        """How many approvals are still needed."""
        return max(0, self.question.requirement.approvals - len(self.approvals))

    @property
    def enough(self) -> bool:
        """Whether people have said yes."""
        return not self.ended and self.missing == 0

    @property
    def ended(self) -> bool:
        """Whether nothing more can be answered."""
        return self.refused is not None or self.closed is not None

    def as_input(self) -> list[dict[str, Any]]:
        """What a policy is told of the approvals that count."""
        return [
            {
                "by": a.by,
                "stands_for": a.stands_for,
                "role": a.role,
                "source": a.source,
                "at": a.at,
                "expires": a.expires,
            }
            for a in self.approvals
        ]


def answers(
    question: Question,
    entries: Iterable[Entry],
    *,
    roster: Roster,
    delegations: Sequence[Delegation],
    verifies: Verifies,
    now: datetime,
) -> Answers | None:
    """What became of a question; None where it was never asked.

    Args:
        question: The question.
        entries: Those about its subject, in their order; of other questions too.
        roster: The people and their roles now.
        delegations: Who stands in for whom.
        verifies: Whether a signature is by the key that the workspace had at an entry.
        now: The time.
    """
    wanted = question.digest
    about = [e for e in entries if e.kind in ABOUT_A_QUESTION and e.body.get("digest") == wanted]
    requested = next((e for e in about if e.kind == REQUESTED and sound(e)), None)
    if requested is None:
        return None
    author, asker = str(requested.body["author"]), requested.actor
    given: dict[str, tuple[Approval, str]] = {}
    seen = set[bytes]()
    for entry in about:
        if entry.kind == GIVEN:
            approval, flaw = _read(entry, verifies)
            if approval is not None and approval.message not in seen:  # a copy of an earlier one says nothing
                seen.add(approval.message)
                given[normal(approval.by)] = (approval, flaw)
        elif entry.kind == WITHDRAWN:
            given.pop(normal(entry.actor), None)
    count, void, used = [], [], set[str]()
    barred = barred_from(question, author, asker, roster)
    for approval, flaw in given.values():
        wrong = flaw or _flaw(approval, question, barred, roster, delegations, now)
        if not wrong and approval.persons & used:
            wrong = "another approval speaks for the same person"
        if wrong:
            void.append((approval, wrong))
        else:
            used |= approval.persons
            count.append(approval)
    refused = next((e for e in about if e.kind == REFUSED and e.seq > requested.seq), None)
    closed = next((e for e in about if e.kind == CLOSED and e.seq > requested.seq), None)
    return Answers(question, requested, author, asker, tuple(count), tuple(void), refused, closed)


def sound(requested: Entry) -> bool:
    """Whether an entry that asks carries the question whose digest it names."""
    try:
        return Question.from_body(requested.body["question"]).digest == str(requested.body["digest"])
    except (KeyError, TypeError):
        return False


def barred_from(question: Question, author: str, asker: str, roster: Roster) -> Mapping[str, str]:
    """Who may not approve whatever their role, by normalised name, and why.

    In a workspace in which nobody was ever named the one user may say yes to what is their own, but not
    under high stakes.
    """
    if not roster.named and not question.high_stakes:
        return {}
    return {normal(asker): "asked for it", normal(author): "is its author"}


def standing_for(
    name: str, question: Question, roster: Roster, delegations: Sequence[Delegation], now: datetime
) -> list[tuple[str | None, str]]:
    """In whose place, and by which role, a person could approve: their own first, then those they stand in for."""
    found: list[tuple[str | None, str]] = []
    wanted = question.requirement.roles
    found += [(None, role) for role in wanted if roster.holds(name, role)][:1]
    for delegation in delegations:
        if normal(delegation.to) == normal(name) and delegation.until > now and roster.named:
            found += [(delegation.giver, role) for role in wanted if roster.holds(delegation.giver, role)][:1]
    return found


def delegations(entries: Iterable[Entry]) -> list[Delegation]:
    """Who lets whom take their place; the newest between two people counts, and ends it where it cannot be read."""
    found: dict[tuple[str, str], Delegation] = {}
    for entry in entries:
        if entry.kind != DELEGATED:
            continue
        to = str(entry.body.get("to"))
        found.pop((normal(entry.actor), normal(to)), None)
        try:
            until = _moment(entry.body["until"])
        except (KeyError, TypeError, ValueError):
            continue
        found[normal(entry.actor), normal(to)] = Delegation(entry.actor, to, until)
    return list(found.values())


def _moment(text: object) -> datetime:
    """The moment that a text tells.

    Raises:
        ValueError: It tells none, or none of one place.
    """
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return at


def _read(entry: Entry, verifies: Verifies) -> tuple[Approval | None, str]:
    """The approval that an entry tells of, and what is wrong with the entry itself."""
    try:
        approval = replace(Approval(**entry.body["approval"]), entry=entry.seq)
        for at in (approval.at, approval.expires):
            if at is not None:
                _moment(at)
    except (KeyError, TypeError, ValueError):
        return None, "it cannot be read"
    if approval.question != entry.body["digest"] or normal(approval.by) != normal(entry.actor):
        return approval, "it is about another question, or by somebody else"
    signature = entry.body.get("signature")
    if not isinstance(signature, Mapping) or not verifies(approval.message, signature, entry.seq):
        return approval, "its signature is not this workspace's"
    return approval, ""


def _flaw(
    approval: Approval,
    question: Question,
    barred: Mapping[str, str],
    roster: Roster,
    delegations: Sequence[Delegation],
    now: datetime,
) -> str:
    for person in (approval.by, approval.stands_for):
        if person is not None and normal(person) in barred:
            return f"{person} {barred[normal(person)]}"
    hours = question.requirement.hours
    given = datetime.fromisoformat(approval.at)
    if given > now:
        return "it is dated from the future"
    if approval.expires is not None and datetime.fromisoformat(approval.expires) <= now:
        return "it has expired"
    if hours is not None and (now - given).total_seconds() > hours * 3600:
        return "it has expired"
    could = standing_for(approval.by, question, roster, delegations, now)
    if approval.role not in question.requirement.roles:
        return f"the role {approval.role} is not asked for"
    places = {(normal(place) if place else None) for place, _ in could}
    if (normal(approval.stands_for) if approval.stands_for else None) not in places:
        return "the role or the delegation was taken away"
    return ""
