"""What people say to held answers, and what becomes of those that nobody decides in time.

Every decision is one transaction of the ledger: the approval or refusal, the entry `answer.decided` under
the prediction's own key, and the close of the question. So of two reviewers one decides, nothing is
decided twice, and a death leaves either all of it or nothing. `settle` brings a held answer to what the
ledger and the time say, whoever calls it; to call it again changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger, Writer
from workbench.promotion import Answers, Desk, Identity
from workbench.promotion.people import MACHINE
from workbench.promotion.queue import who_may
from workbench.serving.held import DECIDED, Decided, Held, Told, Verdict, as_said, at_the_end, body_of, subject_of
from workbench.serving.held_store import HeldStore
from workbench.serving.keys import client_of

TIMED_OUT = "nobody decided in time, and this is what the policy says then"


@dataclass(frozen=True)
class Waiting:
    """One held answer as a reviewer should see it."""

    held: Held
    missing: int  # approvals that it still needs
    approved_by: tuple[str, ...]
    may: tuple[str, ...]  # who could decide, by name


class Review:
    """The held answers of a workspace and the people who decide on them."""

    def __init__(self, ledger: Ledger, desk: Desk, store: HeldStore) -> None:
        self._ledger = ledger
        self._desk = desk
        self._store = store

    def waiting(self, *, now: datetime, model: str | None = None) -> list[Waiting]:
        """What waits, the one that ends first before the others; what is over is settled on the way."""
        roster, delegations = self._desk.roster(), self._desk.delegations()
        found = []
        for held in self._store.waiting(model):
            if self.settle(held, now=now) is not None:
                continue
            known = self._desk.answers(held.question, now=now)
            if known is not None:
                approved = tuple(approval.by for approval in known.approvals)
                found.append(Waiting(held, known.missing, approved, tuple(who_may(known, roster, delegations, now))))
        return sorted(found, key=lambda one: (one.held.ends is None, one.held.ends or one.held.at, one.held.id))

    def asked_by(self, held: Held, key: str) -> bool:
        """Whether a key is of the client that asked: its own, or one that it was rotated to or from."""
        if held.client == key:
            return True
        asked = None if held.client is None else client_of(self._ledger, held.client)
        return asked is not None and asked == client_of(self._ledger, key)

    def find(self, prediction: str, *, now: datetime) -> tuple[Held, Decided | None]:
        """A held answer, and what it came to.

        Raises:
            Misuse: No such answer was held, or it is forgotten.
        """
        known = self._store.find(prediction)
        if known is None:
            raise Misuse(f"no answer {prediction[:100]!r} is held", hint="workbench held lists those that wait")
        return known.held, known.decided or self.settle(known.held, now=now)

    def decide(
        self,
        prediction: str,
        verdict: Verdict,
        *,
        by: Identity,
        why: str,
        now: datetime,
        answer: bool | float | None = None,
    ) -> Decided | None:
        """Decide on a held answer in one's own name; None where more people are needed.

        Args:
            prediction: Its id.
            verdict: Give the model's answer, give another, or give none.
            by: Who says so, as something trusted told.
            why: Why, in a sentence.
            now: The time.
            answer: The other answer: yes or no, or a number where the version has no threshold.

        Raises:
            Misuse: It was decided before, they may not, or the other answer is none.
        """
        held, decided = self.find(prediction, now=now)
        if decided is not None:
            raise Misuse(f"{prediction} was {decided.told} already, in ledger entry {decided.entry}")
        if not why.strip():
            raise Misuse("a decision needs a reason", hint="say why in a sentence")
        other = _other(held, answer) if verdict == "change" else None
        question = held.question
        key = self._ledger.signing_key(now=now) if verdict == "confirm" else None
        made: Decided | None = None
        with self._ledger.transaction() as writer:
            if key is not None:
                self._desk.approve_within(writer, question, key, by=by, why=why, now=now)
                known = self._desk.answers(question, now=now)
                if known is not None and known.enough:
                    made = self._confirm(writer, held, known, by.name, why, now)
            else:
                self._desk.refuse_within(writer, question, by=by, why=why, now=now)
                told: Told = "refused" if other is None else "changed"
                made = self._write(writer, held, told, other, by.name, why, now)
        if made is not None and not self._ledger.rehearsing:
            self._store.decide(held.id, made)
        return made

    def asked(self, held: Held) -> bool:
        """Whether people were asked about it."""
        return bool(self._desk.asked(subject_of(held.id)))

    def settle(self, held: Held, *, now: datetime) -> Decided | None:
        """What a held answer came to by now; None while it waits."""
        known = self._desk.answers(held.question, now=now)
        if known is None:
            return None
        over = known.ended or known.enough or (held.ends is not None and held.ends <= now)
        if not over:
            return None
        made = self._settled(held, now)
        if made is not None and not self._ledger.rehearsing:
            self._store.decide(held.id, made)
        return made

    def _settled(self, held: Held, now: datetime) -> Decided | None:
        with self._ledger.transaction() as writer:
            earlier = writer.find(_key(held))
            if earlier is not None:
                return Decided.of(earlier)
            known = self._desk.answers(held.question, now=now)
            if known is None:
                return None
            if known.refused is not None:
                return self._write(writer, held, "refused", None, known.refused.actor, known.refused.why, now)
            if known.enough:  # said by `workbench approve`
                return self._confirm(writer, held, known, known.approvals[-1].by, "approved", now)
            made = self._write(writer, held, "timed out", at_the_end(held), MACHINE, TIMED_OUT, now)
            self._desk.close_within(writer, held.question, cause=self._entry(writer, held), now=now)
            return made

    def _confirm(self, writer: Writer, held: Held, known: Answers, by: str, why: str, now: datetime) -> Decided:
        approvals = tuple(approval.entry for approval in known.approvals)
        made = self._write(writer, held, "confirmed", as_said(held), by, why, now, approvals)
        self._desk.close_within(writer, held.question, cause=self._entry(writer, held), now=now)
        return made

    def _write(
        self,
        writer: Writer,
        held: Held,
        told: Told,
        answer: bool | float | None,
        by: str,
        why: str,
        now: datetime,
        approvals: tuple[int, ...] = (),
    ) -> Decided:
        body = body_of(held, told, answer, approvals)
        entry = writer.append(
            DECIDED, subject=subject_of(held.id), actor=by, why=why, body=body, now=now, key=_key(held)
        )
        return Decided.of(entry)

    def _entry(self, writer: Writer, held: Held) -> Entry:
        entry = writer.find(_key(held))
        if entry is None:
            raise Misuse(f"{held.id} has no decision to close its question with")
        return entry


def ask_all(ledger: Ledger, desk: Desk, held: Sequence[Held], *, now: datetime) -> None:
    """Ask people about answers, in one transaction."""
    with ledger.transaction() as writer:
        for one in held:
            desk.ask_within(writer, one.question, author=MACHINE, actor=MACHINE, why=one.requirement.why[:500], now=now)


def _key(held: Held) -> str:
    return f"answer/{held.id}"


def _other(held: Held, answer: bool | float | None) -> bool | float:
    if held.requirement.approvals > 1:
        raise Misuse(
            f"{held.id} needs {held.requirement.approvals} people; one alone cannot give another answer",
            hint="refuse it, or confirm it with others",
        )
    if held.answer is not None and isinstance(answer, bool):
        if answer == held.answer:
            raise Misuse("that is the model's own answer", hint="confirm it")
        return answer
    number = isinstance(answer, int | float) and not isinstance(answer, bool) and math.isfinite(answer)
    if held.answer is None and number and answer is not None:
        return float(answer)
    needs = "yes or no" if held.answer is not None else "a finite number"
    raise Misuse(f"the other answer is {answer!r}; it must be {needs}")
