"""A move as it is asked for, as it was judged, and as its entry in the ledger tells of it; pure, no IO."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from workbench.errors import Denied, Misuse, NeedsPeople
from workbench.ledger import Entry, Head
from workbench.ledger.heads import MOVES
from workbench.policy import Decision, Policy, Reason
from workbench.promotion.approvals import Answers
from workbench.promotion.questions import Question
from workbench.promotion.stages import CHAMPION, Action

POLICIES: Mapping[Action, str] = {  # which policy judges it
    "promote": "promotion",
    "rollback": "rollback",
    "stage": "stage",
    "clear": "stage",
    "retire": "stage",
}
GRANTED: Mapping[Action, str] = {
    "promote": "promotion.granted",
    "rollback": "rollback.granted",
    "stage": "stage.granted",
    "clear": "stage.cleared",
    "retire": "version.retired",
}
DONE: Mapping[Action, str] = {
    "promote": "promoted",
    "rollback": "brought back",
    "stage": "moved",
    "clear": "taken out",
    "retire": "retired",
}


@dataclass(frozen=True)
class Request:
    """What somebody asks the gate for."""

    action: Action
    model: str
    version: int
    actor: str
    why: str
    now: datetime
    key: str | None = None
    slot: str = CHAMPION  # where to, or out of which
    weight: float | None = None  # share of the traffic there, in (0, 1]
    fence: int | None = None  # generation of the canary's head that it rests on; None: on none
    automatic: Mapping[str, Any] | None = None  # for which incident the machine rolls back, as the policy is told

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return f"{self.model}/{self.version}"


def asked_in(question: Question, actor: str, why: str, now: datetime) -> Request:
    """The request that a question to people is about, as somebody asks it again."""
    model, _, number = question.subject.rpartition("/")
    slot, weight = str(question.particulars.get("slot", CHAMPION)), question.particulars.get("weight")
    action: Action = question.action  # type: ignore[assignment]
    return Request(action, model, int(number), actor, why, now, None, slot, weight)


@dataclass(frozen=True)
class Judgement:
    """What the policy said to a request, and on what ground."""

    decision: Decision
    document: Mapping[str, Any]  # all that the policy was told
    policy: Policy
    heads: Mapping[str, Head | None]  # the model's slots, by name
    seen: int  # number of the ledger's last entry before anything was read
    question: Question | None = None  # what people are or were asked, where the policy wants them
    answers: Answers | None = None  # what they said to it so far

    @property
    def held(self) -> dict[str, int | None]:
        """Who holds which slot."""
        return {slot: head.version if head else None for slot, head in self.heads.items()}

    def generation(self, slot: str) -> int:
        """How often a slot was moved."""
        head = self.heads.get(slot)
        return head.generation if head else 0


@dataclass(frozen=True)
class Move:
    """A model moved; the ledger has it, whatever becomes of the effects still pending."""

    model: str
    version: int
    previous: int | None  # who held the slot before
    generation: int
    decision: Decision
    entry_seq: int
    pending: tuple[str, ...] = ()  # what the registry is still owed, in words; `reconcile` settles it
    slot: str = CHAMPION
    weight: float | None = None


def body_of(judgement: Judgement, request: Request) -> dict[str, Any]:
    """The body of the entry that a judgement leaves, granted or denied."""
    granted = judgement.decision.allowed
    answers = judgement.answers
    return {
        "action": request.action,
        "slot": request.slot,
        "weight": request.weight,
        "decision": judgement.decision.as_body(),
        "policy_source": judgement.policy.source,
        "input": judgement.document,
        "from": judgement.held.get(request.slot),
        "to": request.version,
        "generation": judgement.generation(request.slot) + 1 if granted and request.action != "retire" else None,
        "evidence": sorted(found["digest"] for found in judgement.document["evidence"].values()),
        "question": judgement.question.digest if judgement.question else None,
        "approvals": [approval.entry for approval in answers.approvals] if answers else [],
    }


def cleared_body(judgement: Judgement, slot: str, version: int, cause: Entry) -> dict[str, Any]:
    """The body of the entry that empties a slot because its version moved on; the move's decision is its own."""
    return {
        "action": "clear",
        "slot": slot,
        "decision": judgement.decision.as_body(),
        "from": version,
        "to": None,
        "generation": judgement.generation(slot) + 1,
        "cause": cause.seq,
    }


def told_by(entry: Entry, pending: tuple[str, ...] = ()) -> Move:
    """The move that an entry tells of, and what the registry is still owed for it.

    Raises:
        Denied: It tells of a refusal.
    """
    model, _, version = entry.subject.rpartition("/")
    body = entry.body
    decision = Decision.from_body(body["decision"])
    action = action_of(entry)
    if entry.kind not in (*MOVES, GRANTED["retire"]):
        refuse(entry.subject, decision, action)
    slot, weight = body.get("slot", CHAMPION), body.get("weight")
    return Move(model, int(version), body["from"], body["generation"] or 0, decision, entry.seq, pending, slot, weight)


def action_of(entry: Entry) -> Action:
    """What was asked for in an entry that decides; older entries tell it by their kind alone."""
    given = entry.body.get("action")
    known: Action | None = next((action for action in POLICIES if action == given), None)
    return known or ("rollback" if entry.kind.startswith("rollback") else "promote")


def same_request(entry: Entry, key: str, request: Request) -> Entry:
    """The entry that has a key, if it answers this very request; a key names one act and no other.

    Whoever rolls back names no version, so any version brought back is an answer.

    Raises:
        Misuse: It answers another one.
    """
    name, _, number = entry.subject.rpartition("/")
    model, action, version = request.model, request.action, request.version
    about = entry.kind == GRANTED[action] or entry.kind == f"{POLICIES[action]}.denied"
    same = about and name == model and action_of(entry) == action
    if action != "rollback":
        same = same and number == str(version)
    if action in {"stage", "clear"}:
        same = same and entry.body.get("slot") == request.slot
    if action == "stage":
        same = same and entry.body.get("weight") == request.weight
    if not same:
        asked = f"{model} {version}" if action != "rollback" else model
        raise Misuse(
            f"the key {key!r} belongs to entry {entry.seq} ({entry.kind} {entry.subject}); "
            f"it cannot also {action} {asked}",
            hint="use a key of its own for each act",
        )
    return entry


def turned_down(decision: Decision, rejection: Entry) -> Decision:
    """The decision with a standing rejection: whatever the policy says, it is a denial."""
    message = (
        f"{rejection.actor} turned it down on {rejection.at:%Y-%m-%d} ({rejection.why}), and no evidence came since"
    )
    return denied(decision, Reason("rejected", message, flip="new evidence about it: run an audit again"))


def refused_by_people(decision: Decision, refusal: Entry) -> Decision:
    """The decision where people said no to the very question that the policy asks them."""
    message = f"{refusal.actor} refused it on {refusal.at:%Y-%m-%d} ({refusal.why}), and nothing changed since"
    flip = "other evidence, another candidate or another policy: then it is another question"
    return denied(decision, Reason("refused", message, flip=flip))


def denied(decision: Decision, reason: Reason) -> Decision:
    """A denial for one more reason than the policy's own."""
    known = tuple(found for found in decision.reasons if found.code != "needs-people")
    return Decision(
        "deny",
        (reason, *known),
        decision.policy,
        decision.policy_digest,
        decision.input_digest,
        evidence=decision.evidence,
    )


def refuse(subject: str, decision: Decision, action: Action = "promote") -> NoReturn:
    """Raise a denial as a person should read it: each reason, and what would turn it.

    Raises:
        Denied: Always.
    """
    model, _, version = subject.rpartition("/")
    done = "moved" if action in {"promote", "rollback"} else DONE[action]
    lines = [f"{model} {version} was not {done}; policy {decision.policy!r} denies it:"]
    for reason in decision.reasons:
        lines.append(f"  - {reason.message}")
        if reason.flip:
            lines.append(f"    would pass: {reason.flip}")
    raise Denied("\n".join(lines), decision=decision, hint=f"workbench models {model} shows the evidence")


def wait(request: Request, judgement: Judgement, answers: Answers, may: list[str]) -> NoReturn:
    """Raise that people have to say yes first, with who may and how.

    Raises:
        NeedsPeople: Always.
    """
    question = answers.question
    asked = judgement.decision.people
    lines = [
        (
            f"{request.model} {request.version} was not {DONE[request.action]}: "
            f"{asked.why if asked else 'people have to approve it'}"
        ),
        f"  - needed: {asked.asked if asked else question.requirement.approvals}",
        f"  - given: {', '.join(a.by for a in answers.approvals) or 'none yet'}",
        f"  - who may: {', '.join(may) or 'nobody yet: an admin gives the role (workbench people add)'}",
    ]
    raise NeedsPeople(
        "\n".join(lines),
        decision=judgement.decision,
        question=question.digest,
        missing=answers.missing,
        hint=f'workbench approve {question.digest[:12]} --why "…"',
    )
