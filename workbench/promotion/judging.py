"""What the policy is told of a request, and what it says: read and asked, nothing written.

Where the policy wants people, it is asked twice: first without any approval, which makes the question to
people; then with the approvals of exactly that question. So a changed policy, finding or candidate makes
another question, for which the old approvals do not count. The second yes is one only if there are as
many approvals as the first asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.evidence import Dossier, as_input, dossier
from workbench.ledger import Entry, Head, Ledger
from workbench.policy import Decision, Engine, Policy, Reason, decide
from workbench.promotion.approvals import Answers
from workbench.promotion.declarations import declaration
from workbench.promotion.desk import Desk
from workbench.promotion.moves import POLICIES, Judgement, Request, denied, refused_by_people, turned_down
from workbench.promotion.questions import Question, Requirement
from workbench.promotion.rejecting import rejection
from workbench.promotion.stages import CHAMPION, SLOTS, Past, Stage, stage_of

NO_REJECTION = {"clear", "retire"}  # what is turned down may still be taken out


class Judge:
    """Asks the policies of a folder about requests."""

    def __init__(self, ledger: Ledger, engine: Engine, policies: Path, desk: Desk) -> None:
        self._ledger = ledger
        self._engine = engine
        self._policies = policies
        self._desk = desk

    def __call__(self, request: Request) -> Judgement:
        """What the policy says to a request now.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        newest = self._ledger.entries(newest_first=True, limit=1)
        seen = newest[0].seq if newest else 0
        heads = self.heads(request.model)
        candidate = dossier(self._ledger, request.model, request.version)
        policy = Policy.load(self._policies / f"{POLICIES[request.action]}.rego")
        champion = _champion(self._ledger, request.model, heads)
        stakes = declaration(self._ledger, request.model).stakes
        document = self._document(request, candidate, champion, stakes, heads)
        decision = decide(self._engine, policy, document)
        question, answers = None, None
        if decision.decision == "needs-people" and decision.people is not None:
            requirement = Requirement.of(decision.people)
            question = _question(request, candidate, champion, heads, stakes, decision, requirement)
            answers = self._desk.answers(question, now=request.now)
            if answers is not None and answers.approvals and not answers.ended:
                # whoever asked first is the asker, though another asks again once the last approval is there
                document = {**document, "approvals": answers.as_input(), "actor": answers.asked_by}
                decision = _with_people(decision, decide(self._engine, policy, document), answers)
        standing = self._rejection(request)
        if standing is not None:
            decision = turned_down(decision, standing)
        elif answers is not None and answers.refused is not None:
            decision = refused_by_people(decision, answers.refused)
        return Judgement(decision, document, policy, heads, seen, question, answers)

    def heads(self, model: str) -> dict[str, Head | None]:
        """A model's slots."""
        held = {head.slot: head for head in self._ledger.heads(model=model, cleared=True)}
        return {slot: held.get(slot) for slot in SLOTS}

    def stage(self, model: str, version: int, heads: dict[str, Head | None]) -> Stage:
        """Where a version stands; reads no more of its past than that takes."""
        about = f"{model}/{version}"
        return self._stage(version, heads, about, self._newest(about, "promotion.granted"))

    def _stage(self, version: int, heads: dict[str, Head | None], about: str, granted: Entry | None) -> Stage:
        held = {slot: head.version if head else None for slot, head in heads.items()}
        newest = self._newest(about, "evidence.recorded", "candidate.rejected")
        evidence = newest is not None and (
            newest.kind == "evidence.recorded" or self._newest(about, "evidence.recorded") is not None
        )
        past = Past(
            evidence=evidence,
            was_champion=granted is not None,  # whoever was brought back had been promoted before
            rejected=newest is not None and newest.kind == "candidate.rejected",
            retired=self._newest(about, "version.retired") is not None,
        )
        return stage_of(version, held, past)

    def _document(
        self,
        request: Request,
        candidate: Dossier,
        champion: Dossier | None,
        stakes: str,
        heads: dict[str, Head | None],
    ) -> dict[str, Any]:
        granted = self._newest(request.subject, "promotion.granted")
        document: dict[str, Any] = as_input(
            candidate,
            action=request.action,
            champion=champion,
            was_champion=granted is not None,
            now=request.now,
            actor=request.actor,
            why=request.why,
            slot=request.slot,
            weight=request.weight,
            stakes=stakes,
        )
        document["granted"] = _grant_told(granted)
        document["stage"] = self._stage(request.version, heads, request.subject, granted)
        if request.automatic is not None:
            document["automatic"] = dict(request.automatic)
        document["slots"] = {slot: _slot_told(head) for slot, head in heads.items()}
        return document

    def _rejection(self, request: Request) -> Entry | None:
        return None if request.action in NO_REJECTION else rejection(self._ledger, request.subject)

    def _newest(self, subject: str, *kinds: str) -> Entry | None:
        found = self._ledger.entries(subject=subject, kind=kinds, newest_first=True, limit=1)
        return found[0] if found else None


def _champion(ledger: Ledger, model: str, heads: dict[str, Head | None]) -> Dossier | None:
    head = heads.get(CHAMPION)
    return dossier(ledger, model, head.version) if head is not None and head.version is not None else None


def _question(
    request: Request,
    candidate: Dossier,
    champion: Dossier | None,
    heads: dict[str, Head | None],
    stakes: str,
    decision: Decision,
    requirement: Requirement,
) -> Question:
    held, slot = heads.get(CHAMPION), heads.get(request.slot)
    particulars = {
        "candidate": _digests(candidate),
        "champion": None if champion is None or held is None else {**_digests(champion), "generation": held.generation},
        "slot": request.slot,
        "weight": request.weight,
        "generation": slot.generation if slot else 0,  # once the slot was moved, it is another question
        "stakes": stakes,
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
