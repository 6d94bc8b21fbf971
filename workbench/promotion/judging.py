"""What the policy is told of a request, and what it says: read and asked, nothing written.

Where the policy wants people, it is asked twice: first without any approval, which makes the question to
people; then with the approvals of exactly that question. So a changed policy, finding or candidate makes
another question, for which the old approvals do not count. The second yes is one only if there are as
many approvals as the first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.evidence import Dossier, as_input
from workbench.ledger import Entry, Head, Ledger
from workbench.policy import Decision, Engine, Policy, Reason, decide, decide_many
from workbench.promotion.approvals import Answers
from workbench.promotion.background import Background, background
from workbench.promotion.desk import Desk
from workbench.promotion.moves import POLICIES, Judgement, Request, denied, refused_by_people, turned_down
from workbench.promotion.questions import Question, Requirement
from workbench.promotion.stages import CHAMPION, SLOTS, Action

NO_REJECTION = {"clear", "retire"}  # what is turned down may still be taken out


@dataclass(frozen=True)
class _Asked:
    """A request with all that the policy is told of it, and what that rests on."""

    request: Request
    seen: int  # the ledger's last entry before it was read
    heads: dict[str, Head | None]
    known: Background
    policy: Policy
    document: dict[str, Any]


class Judge:
    """Asks the policies of a folder about requests."""

    def __init__(self, ledger: Ledger, engine: Engine, policies: Path, desk: Desk) -> None:
        self._ledger = ledger
        self._engine = engine
        self._policies = {action: policies / f"{name}.rego" for action, name in POLICIES.items()}
        self._desk = desk

    def __call__(self, request: Request) -> Judgement:
        """What the policy says to a request now.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        asked = self._asked(request, self._policy(request.action))
        return self._judged(asked, decide(self._engine, asked.policy, asked.document))

    def many(self, requests: Sequence[Request]) -> list[Judgement]:
        """What the policy says to each of several requests for one act now; it is asked in one go.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        if not requests:
            return []
        policy = self._policy(requests[0].action)
        asked = [self._asked(request, policy) for request in requests]
        said = decide_many(self._engine, policy, [one.document for one in asked])
        return [self._judged(one, decision) for one, decision in zip(asked, said, strict=True)]

    def _policy(self, action: Action) -> Policy:
        return Policy.load(self._policies[action])

    def _asked(self, request: Request, policy: Policy) -> _Asked:
        seen, there = self._ledger.standing(request.model)
        heads = by_slot(there)
        known = background(self._ledger, request.model, request.version, heads)
        return _Asked(request, seen, heads, known, policy, _document(request, known, heads))

    def _judged(self, asked: _Asked, decision: Decision) -> Judgement:
        request, known, policy, document = asked.request, asked.known, asked.policy, asked.document
        question, answers = None, None
        if decision.decision == "needs-people" and decision.people is not None:
            requirement = Requirement.of(decision.people)
            question = _question(request, known, asked.heads, decision, requirement)
            answers = self._desk.answers(question, now=request.now)
            if answers is not None and answers.approvals and not answers.ended:
                # whoever asked first is the asker, though another asks again once the last approval is there
                document = {**document, "approvals": answers.as_input(), "actor": answers.asked_by}
                decision = _with_people(decision, decide(self._engine, policy, document), answers)
        if known.rejection is not None and request.action not in NO_REJECTION:
            decision = turned_down(decision, known.rejection)
        elif answers is not None and answers.refused is not None:
            decision = refused_by_people(decision, answers.refused)
        return Judgement(decision, document, policy, asked.heads, asked.seen, question, answers)

    def heads(self, model: str) -> dict[str, Head | None]:
        """A model's slots."""
        return by_slot(self._ledger.heads(model=model, cleared=True))


def by_slot(heads: Iterable[Head]) -> dict[str, Head | None]:
    """A model's heads by slot, in the order of the slots; None where one was never held."""
    held = {head.slot: head for head in heads}
    return {slot: held.get(slot) for slot in SLOTS}


def _document(request: Request, known: Background, heads: Mapping[str, Head | None]) -> dict[str, Any]:
    document: dict[str, Any] = as_input(
        known.candidate,
        action=request.action,
        champion=known.champion,
        was_champion=known.granted is not None,
        now=request.now,
        actor=request.actor,
        why=request.why,
        slot=request.slot,
        weight=request.weight,
        stakes=known.stakes,
    )
    document["granted"] = _grant_told(known.granted)
    document["stage"] = known.stage
    if request.automatic is not None:
        document["automatic"] = dict(request.automatic)
    document["slots"] = {slot: _slot_told(head) for slot, head in heads.items()}
    return document


def _question(
    request: Request,
    known: Background,
    heads: Mapping[str, Head | None],
    decision: Decision,
    requirement: Requirement,
) -> Question:
    candidate, champion = known.candidate, known.champion
    held, slot = heads.get(CHAMPION), heads.get(request.slot)
    particulars = {
        "candidate": _digests(candidate),
        "champion": None if champion is None or held is None else {**_digests(champion), "generation": held.generation},
        "slot": request.slot,
        "weight": request.weight,
        "generation": slot.generation if slot else 0,  # once the slot was moved, it is another question
        "stakes": known.stakes,
    }
    evidence = sorted(finding.digest for finding in candidate.findings.values())
    return Question(request.action, request.subject, particulars, decision.policy_digest, tuple(evidence), requirement)


def _digests(known: Dossier) -> dict[str, Any]:
    version = known.version
    return {
        "version": version.version,
        "run_id": version.run_id,
        "source": version.source,
        "model_digest": version.model_digest,
        "data_digest": version.data_digest,
        "notebook_digest": version.notebook_digest,
        "feature_set": version.feature_set,
        "threshold": version.threshold,
    }


def _with_people(first: Decision, second: Decision, answers: Answers) -> Decision:
    """The second answer of the policy; a yes before there are as many approvals as it asked for is none."""
    if second.allowed and not answers.enough:
        return Decision(
            "needs-people",
            first.reasons,
            second.policy,
            second.policy_digest,
            second.input_digest,
            first.people,
            second.evidence,
        )
    if second.decision == "needs-people" and answers.enough:
        message = "people gave all that the policy asked of them, and it asks for more"
        return denied(
            second, Reason("people-not-counted", message, flip="mend the policy: it must count input.approvals")
        )
    return second


def _slot_told(head: Head | None) -> dict[str, Any] | None:
    if head is None or head.version is None:
        return None
    return {"version": head.version, "generation": head.generation, "weight": head.weight}


def _grant_told(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "entry": entry.seq,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "decision": entry.body["decision"]["decision"],
    }
