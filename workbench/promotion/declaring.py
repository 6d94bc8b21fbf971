"""Declaring what a model is; whoever lowers what is at stake with it needs others' yes.

High stakes are what makes policies ask people. So lowering them is a move past those people, and is asked of two
others like one: a question about this very declaration, signed yeses, and both used up by the commit that acts on
them. Everything else is declared at once. A workspace in which nobody was ever named belongs to whoever uses it.
"""

from __future__ import annotations

from datetime import datetime

from workbench.errors import Misuse, NeedsPeople
from workbench.ledger import Entry, Ledger
from workbench.promotion.approvals import Answers
from workbench.promotion.declarations import DECLARED, Declaration, check, told_by
from workbench.promotion.desk import Desk
from workbench.promotion.questions import Question, Requirement
from workbench.promotion.queue import who_may

LOWER = "lower the stakes of"  # the act, as a question names it
NEEDED = Requirement(2, ("approver",), 72.0, "with normal stakes a model moves without the people who decide about it")


def declare(ledger: Ledger, desk: Desk, made: Declaration, *, actor: str, why: str, now: datetime) -> Entry:
    """Record what a model is; the newest declaration counts.

    Raises:
        NeedsPeople: It lowers what is at stake, and others have to approve that first; they are asked.
        Misuse: The stakes are neither of the two, a name is empty or taken, a value is no plain JSON, or people
            refused it.
    """
    check(made)
    with ledger.transaction() as writer:
        before = newest(ledger, made.model)
        question = None
        if before is not None and told_by(before).stakes == "high" != made.stakes and desk.roster().named:
            question = Question(LOWER, made.model, _particulars(before, made), "", (), NEEDED)
        known = None if question is None else desk.answers(question, now=now)
        if known is not None and known.refused is not None:
            raise Misuse(
                f"{known.refused.actor} refused to {known.question.in_words()} on {known.refused.at:%Y-%m-%d}: "
                f"{known.refused.why}",
                hint="another declaration is another question",
            )
        if question is None or (known is not None and known.enough):
            entry = writer.append(DECLARED, subject=made.model, actor=actor, why=why, body=made.as_body(), now=now)
            if question is not None:
                desk.close_within(writer, question, cause=entry, now=now)
            return entry
        desk.ask_within(writer, question, author=actor, actor=actor, why=why, now=now)
        known = desk.answers(question, now=now)
    raise NeedsPeople(
        _told(desk, question, known, now),
        question=question.digest,
        missing=known.missing if known else NEEDED.approvals,
        hint=f'workbench approve {question.digest[:12]} --why "…", then declare it again',
    )


def is_current(ledger: Ledger, question: Question) -> bool:
    """Whether the declaration that a question would replace is still the newest."""
    before = newest(ledger, question.subject)
    return before is not None and before.seq == question.particulars.get("replaces")


def newest(ledger: Ledger, model: str) -> Entry | None:
    """The entry that says what a model is; None where nobody declared it."""
    found = ledger.entries(subject=model, kind=DECLARED, newest_first=True, limit=1)
    return found[0] if found else None


def _particulars(before: Entry, made: Declaration) -> dict[str, object]:
    return {"stakes": "high", "replaces": before.seq, "declared": made.as_body()}


def _told(desk: Desk, question: Question, known: Answers | None, now: datetime) -> str:
    given = [approval.by for approval in known.approvals] if known else []
    may = who_may(known, desk.roster(), desk.delegations(), now) if known else []
    return "\n".join(
        (
            f"the stakes of {question.subject} stay high: {NEEDED.why}",
            f"  - needed: {NEEDED.approvals} approvals by {' or '.join(NEEDED.roles)}, of others than whoever asks",
            f"  - given: {', '.join(given) or 'none yet'}",
            f"  - who may: {', '.join(may) or 'nobody yet: an admin gives the role (workbench people add)'}",
        )
    )
