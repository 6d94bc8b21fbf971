"""The desk: where questions to people are asked, answered and looked up; every answer is an entry of the ledger.

It knows nothing of models: a question has an act, a subject and a digest (see `questions`), and whoever
asked acts on it once `answers` says that it is enough. Promotions ask here, and so may anything else that
must not happen before people have said yes.

    asked = desk.ask(question, author="analyst", actor="analyst", why="fairer", now=now)
    desk.approve(question.digest, by=Identity("risk-officer", "os"), why="the audit convinces me", now=now)
    desk.answers(question, now=now).enough
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger, Writer
from workbench.ledger.keys import LedgerKey, held_at
from workbench.ledger.signing import SigningKey, verify_signature
from workbench.promotion.approvals import (
    ABOUT_A_QUESTION,
    CLOSED,
    DELEGATED,
    ENDS,
    GIVEN,
    REFUSED,
    REQUESTED,
    WITHDRAWN,
    Answers,
    Approval,
    Delegation,
    answers,
    barred_from,
    delegations,
    sound,
    standing_for,
)
from workbench.promotion.people import CHANGED, MACHINE, Identity, Right, Roster, normal, person_named, roles_named
from workbench.promotion.questions import Question

KEY = "question/"  # begins the key of the entry that asks, before the question's digest
LEAST_DIGEST = 6  # characters of a digest that name a question
LONGEST = timedelta(days=90)  # of a delegation


class Desk:
    """Questions and answers over one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # people

    def roster(self) -> Roster:
        """The people and their roles now."""
        return Roster.of(self._ledger.entries(kind=CHANGED))

    def change_roles(self, person: str, roles: list[str], *, by: Identity, why: str, now: datetime) -> list[Entry]:
        """Give a person these roles and no others; none takes them out.

        The first to name anybody becomes admin by the same act, so that somebody can name the next.

        Raises:
            Misuse: They may not, a name or a role is none, or no admin would be left.
        """
        person, roles = person_named(person), roles_named(roles)
        with self._ledger.transaction() as writer:
            roster = self.roster()
            roster.check(by.name, "administer")
            changes = {person: roles}
            if not roster.named and normal(by.name) == normal(person):
                changes = {by.name: sorted({*roles, "admin"})}
            elif not roster.named:
                changes = {by.name: ["admin"], person: roles}
            after = dict(roster.people) | {normal(name): frozenset(given) for name, given in changes.items()}
            if not any("admin" in given for given in after.values()):
                raise Misuse(
                    f"{person} is the last admin; a workspace needs one",
                    hint="make another admin first: workbench people add NAME --role admin",
                )
            return [
                writer.append(
                    CHANGED,
                    subject="people",
                    actor=by.name,
                    why=why,
                    body={"person": name, "roles": given, "source": by.source},
                    now=now,
                )
                for name, given in changes.items()
            ]

    def check(self, name: str, right: Right) -> None:
        """Refuse what a person may not do.

        Raises:
            Misuse: They may not; the message says who may.
        """
        self.roster().check(name, right)

    def delegate(self, to: str, *, by: Identity, until: datetime, why: str, now: datetime) -> Entry:
        """Let another take one's place as approver until a time; a time that is past ends it.

        Raises:
            Misuse: The one who gives has no role to give, it is themselves, or the time is too far away.
        """
        to = person_named(to)
        if until.tzinfo is None:
            raise Misuse("the end of a delegation has no time zone", hint="give it with an offset, e.g. +00:00")
        if normal(to) == normal(by.name):
            raise Misuse(f"{by.name} cannot stand in for themselves")
        if until > now + LONGEST:
            raise Misuse(f"a delegation may last {LONGEST.days} days; this one would last until {until:%Y-%m-%d}")
        with self._ledger.transaction() as writer:
            roster = self.roster()
            if not roster.named:
                raise Misuse("nobody was named yet, so there is nobody to stand in for", hint="workbench people add …")
            roster.check(by.name, "approve")
            body = {"to": to, "until": until.isoformat(), "source": by.source}
            return writer.append(DELEGATED, subject="people", actor=by.name, why=why, body=body, now=now)

    # questions

    def ask(self, question: Question, *, author: str, actor: str, why: str, now: datetime) -> Entry:
        """Put a question to people; the same question again is the same entry.

        Args:
            question: What they are asked.
            author: Who made what is judged; they may not approve it.
            actor: Who asks; neither may they.
            why: The reason given.
            now: The time.
        """
        with self._ledger.transaction() as writer:
            return self.ask_within(writer, question, author=author, actor=actor, why=why, now=now)

    def ask_within(
        self, writer: Writer, question: Question, *, author: str, actor: str, why: str, now: datetime
    ) -> Entry:
        """As `ask`, in a transaction that is open already.

        Raises:
            Misuse: Something else was given the key that the question goes by.
        """
        asked = writer.append(
            REQUESTED,
            subject=question.subject,
            actor=actor,
            why=why,
            body={"digest": question.digest, "question": question.as_body(), "author": author},
            now=now,
            key=f"{KEY}{question.digest}",
        )
        if asked.kind != REQUESTED or asked.body.get("digest") != question.digest:
            raise Misuse(f"entry {asked.seq} ({asked.kind}) has the key of {question.in_words()}; nobody can be asked")
        return asked

    def close_within(self, writer: Writer, question: Question, *, cause: Entry, now: datetime) -> Entry:
        """Note, in the transaction that acts on a question, that its approvals are used up.

        Args:
            writer: Of the open transaction.
            question: The question that was acted on.
            cause: The entry of the act.
            now: The time.
        """
        body = {"digest": question.digest, "entry": cause.seq}
        return writer.append(CLOSED, subject=question.subject, actor=cause.actor, why=cause.why, body=body, now=now)

    def answers(self, question: Question, *, now: datetime) -> Answers | None:
        """What became of a question; None where it was never asked."""
        return answers(
            question,
            self._ledger.entries(subject=question.subject, kind=ABOUT_A_QUESTION),
            roster=self.roster(),
            delegations=self.delegations(),
            verifies=self._verifies,
            now=now,
        )

    def all_answers(self, *, now: datetime, subject: str | None = None, ended: bool = False) -> list[Answers]:
        """What became of every question, the oldest first, from one reading of the ledger.

        Args:
            now: The time.
            subject: Only of those about this.
            ended: Of those that were refused or done, too.
        """
        about: dict[str, list[Entry]] = {}
        for entry in self._ledger.entries(kind=ABOUT_A_QUESTION, subject=subject):
            about.setdefault(str(entry.body.get("digest")), []).append(entry)
        roster, delegations, keys = self.roster(), self.delegations(), self._ledger.keys()
        found = []
        for entries in about.values():
            asked = next((e for e in entries if e.kind == REQUESTED and sound(e)), None)
            if asked is None or (not ended and any(e.kind in ENDS and e.seq > asked.seq for e in entries)):
                continue
            known = answers(
                Question.from_body(asked.body["question"]),
                entries,
                roster=roster,
                delegations=delegations,
                verifies=lambda *said: _verified(keys, *said),
                now=now,
            )
            if known is not None:
                found.append(known)
        return sorted(found, key=lambda known: known.requested.seq)

    def find(self, name: str, *, subject: str | None = None) -> tuple[Question, Entry]:
        """The question with a digest, or with one that begins so, and the entry that asks it.

        Args:
            name: The digest, or its beginning.
            subject: What it is about, where that is known.

        Raises:
            Misuse: There is none, or more than one.
        """
        begins = name.lower()
        asked = self._ledger.entries(kind=REQUESTED, subject=subject, key_prefix=f"{KEY}{begins}")
        found = [(question, entry) for question, entry in _sound(asked) if question.digest.startswith(begins)]
        if len(name) < LEAST_DIGEST or len(found) != 1:
            many = "none begins so" if not found else f"{len(found)} begin so"
            raise Misuse(
                f"{name!r} names no question: {many}" if len(name) >= LEAST_DIGEST else f"{name!r} is too short",
                hint="workbench approvals lists the open ones",
            )
        return found[0]

    def asked(self, subject: str | None = None) -> list[tuple[Question, Entry]]:
        """Every question that was ever asked, of all subjects or of one, oldest first."""
        return _sound(self._ledger.entries(kind=REQUESTED, subject=subject))

    def delegations(self) -> list[Delegation]:
        """Who lets whom take their place."""
        return delegations(self._ledger.entries(subject="people", kind=DELEGATED))

    # answers

    def approve(self, name: str, *, by: Identity, why: str, now: datetime) -> Entry:
        """Say yes to a question, signed by the workspace over its digest.

        Args:
            name: The question's digest, or its beginning.
            by: Who says so, as something trusted told.
            why: Why, in a sentence.
            now: The time.

        Raises:
            Misuse: They may not, or did already, or the question has ended.
            EngineError: The ledger's key is missing, or others can read it.
        """
        person_named(by.name)
        self.find(name)
        key = self._ledger.signing_key(now=now)
        with self._ledger.transaction() as writer:
            return self.approve_within(writer, self.find(name)[0], key, by=by, why=why, now=now)

    def approve_within(
        self, writer: Writer, question: Question, key: SigningKey, *, by: Identity, why: str, now: datetime
    ) -> Entry:
        """As `approve`, in a transaction that is open already, with the ledger's key.

        Raises:
            Misuse: As `approve`, or the key was rotated meanwhile.
        """
        if self._ledger.keys()[-1].public != key.public:
            raise Misuse("the ledger's key was rotated at this moment; nothing was done", hint="approve again")
        person_named(by.name)
        known = self._open(question, now)
        place, role = self._place(question, known, by, now)
        hours = question.requirement.hours
        expires = None if hours is None else (now + timedelta(hours=hours)).isoformat()
        approval = Approval(question.digest, by.name, place, role, by.source, now.isoformat(), expires)
        signature = {"public": key.public, "signature": key.sign(approval.message)}
        body = {"digest": question.digest, "approval": approval.as_body(), "signature": signature}
        return writer.append(GIVEN, subject=question.subject, actor=by.name, why=why, body=body, now=now)

    def refuse(self, name: str, *, by: Identity, why: str, now: datetime) -> Entry:
        """Say no to a question; it has ended, and only another one can be asked.

        Raises:
            Misuse: They have no role that may decide, or the question has ended.
        """
        with self._ledger.transaction() as writer:
            return self.refuse_within(writer, self.find(name)[0], by=by, why=why, now=now)

    def refuse_within(self, writer: Writer, question: Question, *, by: Identity, why: str, now: datetime) -> Entry:
        """As `refuse`, in a transaction that is open already."""
        self._open(question, now)
        if not standing_for(by.name, question, self.roster(), self.delegations(), now):
            _refuse(question, by.name)
        body = {"digest": question.digest, "source": by.source}
        return writer.append(REFUSED, subject=question.subject, actor=by.name, why=why, body=body, now=now)

    def withdraw(self, name: str, *, by: Identity, why: str, now: datetime) -> Entry:
        """Take back one's own yes.

        Raises:
            Misuse: There is none.
        """
        with self._ledger.transaction() as writer:
            question, _ = self.find(name)
            known = self._open(question, now)
            mine = [a for a in (*known.approvals, *(v for v, _ in known.void)) if normal(a.by) == normal(by.name)]
            if not mine:
                raise Misuse(f"{by.name} has not approved {question.in_words()}")
            body = {"digest": question.digest, "source": by.source, "entry": mine[0].entry}
            return writer.append(WITHDRAWN, subject=question.subject, actor=by.name, why=why, body=body, now=now)

    # inside

    def _open(self, question: Question, now: datetime) -> Answers:
        known = self.answers(question, now=now)
        if known is None:
            raise Misuse(f"{question.in_words()} was never asked")
        if known.refused is not None:
            raise Misuse(
                f"{question.in_words()} was refused by {known.refused.actor} (entry {known.refused.seq}): "
                f"{known.refused.why}",
                hint="only new evidence, another policy or another candidate makes it another question",
            )
        if known.closed is not None:
            raise Misuse(f"{question.in_words()} was done already, in entry {known.closed.body['entry']}")
        return known

    def _place(self, question: Question, known: Answers, by: Identity, now: datetime) -> tuple[str | None, str]:
        roster = self.roster()
        barred = barred_from(question, known.author, known.asked_by, roster)
        if normal(by.name) == MACHINE:
            _refuse(question, by.name)
        if normal(by.name) in barred:
            raise Misuse(
                f"{by.name} {barred[normal(by.name)]}: another has to approve {question.in_words()}",
                hint="workbench approvals says who may",
            )
        if any(normal(a.by) == normal(by.name) for a in known.approvals):
            raise Misuse(f"{by.name} has approved {question.in_words()} already")
        used = frozenset[str]().union(*(a.persons for a in known.approvals))
        taken = used | set(barred)
        could = [
            (place, role)
            for place, role in standing_for(by.name, question, roster, self.delegations(), now)
            if not {normal(name) for name in (by.name, place) if name} & taken
        ]
        if not could:
            _refuse(question, by.name)
        return could[0]

    def _verifies(self, message: bytes, signature: Mapping[str, Any], seq: int) -> bool:
        return _verified(self._ledger.keys(), message, signature, seq)


def _verified(keys: Sequence[LedgerKey], message: bytes, signature: Mapping[str, Any], seq: int) -> bool:
    """Whether the key that held at an entry has signed it; one that was rotated out signs nothing later."""
    public, signed = signature.get("public"), signature.get("signature")
    key = held_at(keys, seq)
    if not isinstance(public, str) or not isinstance(signed, str) or key is None or public != key.public:
        return False
    return verify_signature(public, message, signed)


def _sound(asked: Iterable[Entry]) -> list[tuple[Question, Entry]]:
    return [(Question.from_body(entry.body["question"]), entry) for entry in asked if sound(entry)]


def _refuse(question: Question, name: str) -> NoReturn:
    wanted = " or ".join(question.requirement.roles)
    raise Misuse(
        f"{name} may not decide on {question.in_words()}: it needs the role {wanted}, in their own name",
        hint="workbench approvals says who may",
    )
