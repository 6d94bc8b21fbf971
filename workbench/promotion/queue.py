"""The queue: every question that waits for people, with what was answered and who is missing; plain objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from workbench.promotion.approvals import Answers, Delegation, barred_from, standing_for
from workbench.promotion.desk import Desk
from workbench.promotion.people import Roster, normal

State = Literal["waiting", "enough", "stale", "refused", "done"]
ANYBODY = "anybody but its author and whoever asked"  # where nobody was named
ONE_USER = "whoever uses this workspace"  # the same, where nothing much is at stake


@dataclass(frozen=True)
class Open:
    """One question as a reviewer should see it."""

    answers: Answers
    state: State
    may: tuple[str, ...] = ()  # who could give what is missing, by name; known once it was looked at

    @property
    def digest(self) -> str:
        """The question's name."""
        return self.answers.question.digest

    @property
    def in_words(self) -> str:
        """What is asked, in a few words."""
        return self.answers.question.in_words()


def queue(desk: Desk, *, now: datetime, subject: str | None = None, ended: bool = False) -> list[Open]:
    """The questions that wait, oldest first; there may be thousands, so none was looked at yet.

    Args:
        desk: Where they were asked.
        now: The time.
        subject: Only those about this, e.g. "lending/3".
        ended: Those that were refused or done, too.
    """
    return [Open(known, _state(known)) for known in desk.all_answers(now=now, subject=subject, ended=ended)]


def look_at(
    desk: Desk, waiting: Sequence[Open], *, now: datetime, current: Callable[[Answers], bool] = lambda _: True
) -> list[Open]:
    """Questions of the queue with who may answer them, and whether they are stale.

    Args:
        desk: Where they were asked.
        waiting: The questions; each is judged anew, which takes milliseconds.
        now: The time.
        current: Whether a question would still be asked so; what would not is stale.
    """
    roster, delegations = desk.roster(), desk.delegations()
    found = []
    for one in waiting:
        stale = not one.answers.ended and not current(one.answers)
        may = tuple(who_may(one.answers, roster, delegations, now))
        found.append(replace(one, may=may, state="stale" if stale else one.state))
    return found


def _state(known: Answers) -> State:
    if known.ended:
        return "done" if known.closed else "refused"
    return "enough" if known.enough else "waiting"


def who_may(known: Answers, roster: Roster, delegations: Sequence[Delegation], now: datetime) -> list[str]:
    """Who could approve a question and has not, by name."""
    question = known.question
    if not roster.named:
        return [ANYBODY if question.high_stakes else ONE_USER]
    barred = barred_from(question, known.author, known.asked_by, roster)
    used = frozenset[str]().union(*(approval.persons for approval in known.approvals))
    names = {normal(name): name for name in (*roster.people, *(d.to for d in delegations))}
    may = []
    for name in sorted(names):
        if name in barred or name in used:
            continue
        places = standing_for(name, question, roster, delegations, now)
        if any(place is None or normal(place) not in used | set(barred) for place, _ in places):
            may.append(names[name])
    return may


def why_not(known: Answers, name: str, roster: Roster, delegations: Sequence[Delegation], now: datetime) -> str:
    """Why a person's yes to a question would not count now; empty where it would."""
    question = known.question
    barred = barred_from(question, known.author, known.asked_by, roster)
    if normal(name) in barred:
        return f"{name} {barred[normal(name)]}"
    if any(normal(approval.by) == normal(name) for approval in known.approvals):
        return f"{name} has approved it"
    places = standing_for(name, question, roster, delegations, now)
    if not places:
        return f"it needs the role {' or '.join(question.requirement.roles)}"
    taken = frozenset[str]().union(*(approval.persons for approval in known.approvals)) | set(barred)
    if not any({normal(one) for one in (name, place) if one}.isdisjoint(taken) for place, _ in places):
        return "another approval speaks for the same person"
    return ""


def may_refuse(known: Answers, name: str, roster: Roster, delegations: Sequence[Delegation], now: datetime) -> bool:
    """Whether a person may end a question by a no."""
    return bool(standing_for(name, known.question, roster, delegations, now))
