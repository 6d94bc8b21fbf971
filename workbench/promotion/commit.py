"""The one transaction that a move is: what was judged is compared with what is true, then all or nothing.

The entry that grants, the head, the slots that the version leaves and the effects owed to the registry
are one commit. So is a denial, and so is the question to people where the policy wants them.
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import Misuse
from workbench.evidence.dossier import RETAINED
from workbench.ledger import Entry, Ledger, Writer
from workbench.promotion.approvals import ABOUT_A_QUESTION, DELEGATED, REQUESTED, Answers
from workbench.promotion.declarations import DECLARED
from workbench.promotion.desk import Desk
from workbench.promotion.moves import GRANTED, POLICIES, Judgement, Request, body_of, cleared_body
from workbench.promotion.people import CHANGED
from workbench.promotion.projection import owe
from workbench.promotion.stages import SLOTS, leaves

NEWS = frozenset({"evidence.recorded", "candidate.rejected", "version.retired"})  # what a decision rests on
ANSWERS = frozenset(ABOUT_A_QUESTION) - {REQUESTED}


def commit(
    ledger: Ledger, desk: Desk, request: Request, judgement: Judgement, *, earlier: Callable[[], Entry | None]
) -> tuple[Entry, Answers | None]:
    """Write what a judgement leads to.

    Args:
        ledger: Where to.
        desk: Where people are asked.
        request: What was asked for.
        judgement: What the policy said to it.
        earlier: The entry that has the request's key already, if there is one.

    Returns:
        The entry that it left, or the one that had the key before; and where people are asked, what they
        have said so far.

    Raises:
        Misuse: Something that was judged is not so any more; nothing was written.
    """
    with ledger.transaction() as writer:
        found = earlier()
        if found is not None:
            return found, None
        if writer.size > judgement.seen:  # else no entry came since, and heads move with entries alone
            _check_unchanged(ledger, request, judgement)
        if judgement.decision.decision == "needs-people" and judgement.question is not None:
            author = str(judgement.document["author"])
            entry = desk.ask_within(
                writer, judgement.question, author=author, actor=request.actor, why=request.why, now=request.now
            )
            return entry, desk.answers(judgement.question, now=request.now)
        entry = _written(ledger, writer, request, judgement)
        if judgement.question is not None and judgement.decision.allowed:
            desk.close_within(writer, judgement.question, cause=entry, now=request.now)
        return entry, None


def _written(ledger: Ledger, writer: Writer, request: Request, judgement: Judgement) -> Entry:
    granted = judgement.decision.allowed
    entry = writer.append(
        GRANTED[request.action] if granted else f"{POLICIES[request.action]}.denied",
        subject=request.subject,
        actor=request.actor,
        why=request.why,
        body=body_of(judgement, request),
        now=request.now,
        key=request.key,
    )
    if not granted:
        return entry
    if request.action != "retire":
        holder = None if request.action == "clear" else request.version
        expected = judgement.generation(request.slot)
        head = writer.move_head(request.model, request.slot, holder, expected_generation=expected, entry=entry)
        owe(ledger, writer, head, entry)
    for slot in leaves(request.action, request.version, request.slot, judgement.held):
        if request.action != "clear":
            _leave(ledger, writer, request, judgement, slot, entry)
    return entry


def _leave(ledger: Ledger, writer: Writer, request: Request, judgement: Judgement, slot: str, cause: Entry) -> None:
    """Empty a slot because its version moved on."""
    entry = writer.append(
        GRANTED["clear"],
        subject=request.subject,
        actor=request.actor,
        why=request.why,
        body=cleared_body(judgement, slot, request.version, cause),
        now=request.now,
    )
    expected = judgement.generation(slot)
    head = writer.move_head(request.model, slot, None, expected_generation=expected, entry=entry)
    owe(ledger, writer, head, entry)


def _check_unchanged(ledger: Ledger, request: Request, judgement: Judgement) -> None:
    hint = f"workbench models {request.model}, then decide again"
    there = {head.slot: head for head in ledger.heads(model=request.model, cleared=True)}
    for slot in SLOTS:
        head = there.get(slot)
        if head != judgement.heads.get(slot):
            held = f"version {head.version} is {slot}" if head and head.version else f"it has no {slot}"
            raise Misuse(f"{request.model} moved meanwhile: {held}; nothing was done", hint=hint)
    champion = judgement.held.get("champion")
    weighed = {request.subject} | ({f"{request.model}/{champion}"} if champion else set())
    for entry in ledger.entries(since=judgement.seen):  # few: what came while the policy was asked
        answered = judgement.question is not None and entry.body.get("digest") == judgement.question.digest
        answered = answered and entry.kind in ANSWERS
        if entry.subject in weighed and (entry.kind in NEWS or answered):
            raise Misuse(
                f"something new about {entry.subject} came meanwhile (entry {entry.seq}, {entry.kind}); "
                "nothing was done",
                hint=hint,
            )
        people = entry.kind in {CHANGED, DELEGATED} and judgement.question is not None
        if people or entry.kind == RETAINED or (entry.kind == DECLARED and entry.subject == request.model):
            raise Misuse(f"{entry.kind} came meanwhile (entry {entry.seq}); nothing was done", hint=hint)
