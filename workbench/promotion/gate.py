"""The gate: the one way by which a model moves.

One transaction of the ledger is the move: the decision, the heads and the effects owed to the registry
become true together or not at all. A denial is an entry too. What was judged is compared with what is
true at the commit: where the model moved, its evidence changed or people took something back meanwhile,
nothing is written and the asker is told, so that two people never undo each other unseen.

    gate = Gate(ledger, RegoEngine(), Path("policies"), lambda: store)
    gate.promote("lending", 3, actor="risk-officer", why="fairer, and hardly less accurate", now=now)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger
from workbench.ledger.heads import MOVES
from workbench.policy import Decision, Engine
from workbench.promotion import declaring
from workbench.promotion.approvals import Answers
from workbench.promotion.background import stage
from workbench.promotion.commit import commit
from workbench.promotion.declarations import Declaration
from workbench.promotion.desk import Desk
from workbench.promotion.history import placed
from workbench.promotion.judging import Judge
from workbench.promotion.moves import POLICIES, Move, Request, asked_in, same_request, told_by, wait
from workbench.promotion.people import Identity
from workbench.promotion.projection import Aliases, follow
from workbench.promotion.queue import Open, look_at, queue, who_may
from workbench.promotion.reconciling import Found, reconcile
from workbench.promotion.rejecting import reject
from workbench.promotion.stages import CHAMPION, STAGED, Action, Stage
from workbench.promotion.steps import check_share, check_step, told


class Gate:
    """Moves versions from stage to stage, and reconciles; every move is judged by a policy first."""

    def __init__(
        self, ledger: Ledger, engine: Engine, policies: Path, aliases: Callable[[], Aliases], desk: Desk | None = None
    ) -> None:
        self._ledger = ledger
        self._aliases = aliases  # opened only when needed
        self.desk = desk or Desk(ledger)
        self._judge = Judge(ledger, engine, policies, self.desk)  # promotion.rego, rollback.rego, stage.rego

    # asking

    def judge(
        self,
        model: str,
        version: int,
        *,
        action: Action = "promote",
        now: datetime,
        actor: str = "",
        why: str = "",
        slot: str = CHAMPION,
        weight: float | None = None,
    ) -> Decision:
        """What the policy says now; writes nothing.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        return self._judge(Request(action, model, version, actor, why, now, None, slot, weight)).decision

    def verdicts(self, versions: Sequence[tuple[str, int]], *, now: datetime, actor: str = "") -> list[Decision]:
        """What the policy says to promoting each of some versions, by model and number; asked in one go.

        Raises:
            Misuse: There is no such version, or the policy cannot be read.
        """
        requests = [Request("promote", model, version, actor, "", now) for model, version in versions]
        return [judgement.decision for judgement in self._judge.many(requests)]

    def rehearse(
        self,
        model: str,
        version: int,
        *,
        action: Action = "promote",
        now: datetime,
        actor: str,
        why: str,
        slot: str = CHAMPION,
        weight: float | None = None,
    ) -> Decision:
        """What would become of a move that is asked for now, up to the commit; writes nothing.

        Raises:
            Misuse: As the move itself: they may not ask, there is no reason, or no such step.
        """
        if action == "stage":
            check_share(slot, weight)
        request = Request(action, model, version, actor, told(actor, why), now, None, slot, weight)
        self.desk.check(actor, "ask")
        judgement = self._judge(request)
        check_step(request, judgement)
        return judgement.decision

    def stage_of(self, model: str, version: int) -> Stage:
        """Where a version stands.

        Raises:
            Misuse: There is no such version.
        """
        self._ledger.version(model, version)
        return stage(self._ledger, model, version, self._judge.heads(model))

    # moving

    def promote(
        self, model: str, version: int, *, actor: str, why: str, now: datetime, key: str | None = None,
        fence: int | None = None,
    ) -> Move:  # fmt: skip
        """Make a version champion if the promotion policy allows it; from canary or shadow it leaves that slot.

        Args:
            model: Its name.
            version: The version to promote.
            actor: Who asks.
            why: The reason, not empty.
            now: The time, aware.
            key: Idempotency key: the same key again tells what happened the first time.
            fence: Generation of the canary's head that the wish rests on; refused where it has another by now.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            NeedsPeople: People have to approve it first; they are asked.
            Misuse: No reason, no such version, it is champion or retired, or the model moved meanwhile.
        """
        return self._move(Request("promote", model, version, actor, why, now, key, fence=fence))

    def stage(
        self, model: str, version: int, slot: str, *, actor: str, why: str, now: datetime,
        weight: float | None = None, key: str | None = None, fence: int | None = None,
    ) -> Move:  # fmt: skip
        """Put a version into shadow or canary, or give a canary another share of the traffic.

        Args:
            model: Its name.
            version: The version.
            slot: "shadow" or "canary".
            actor: Who asks.
            why: The reason, not empty.
            now: The time, aware.
            weight: The canary's share of the traffic, in (0, 1); none in shadow, where nobody gets its answers.
            key: Idempotency key.
            fence: As in `promote`.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            NeedsPeople: People have to approve it first; they are asked.
            Misuse: No such slot or share, another version holds the slot, or the model moved meanwhile.
        """
        check_share(slot, weight)
        return self._move(Request("stage", model, version, actor, why, now, key, slot, weight, fence=fence))

    def clear(
        self, model: str, slot: str, *, actor: str, why: str, now: datetime, key: str | None = None,
        fence: int | None = None,
    ) -> Move:  # fmt: skip
        """Take out whoever is in shadow or canary; `fence` as in `promote`.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            NeedsPeople: People have to approve it first; they are asked.
            Misuse: Nobody holds the slot, or the model moved meanwhile.
        """
        if slot not in STAGED:
            raise Misuse(
                f"{slot!r} cannot be cleared; {' and '.join(STAGED)} can",
                hint=f"workbench rollback {model}" if slot == CHAMPION else "",
            )
        earlier = self._ledger.find(key) if key is not None else None
        head = self._ledger.head(model, slot)
        version = head.version if head else None
        if earlier and earlier.kind == "stage.cleared":
            version = int(earlier.subject.rpartition("/")[2])
        if version is None:
            raise Misuse(f"no version of {model} is in {slot}", hint=f"workbench models {model}")
        return self._move(Request("clear", model, version, actor, why, now, key, slot, fence=fence))

    def retire(self, model: str, version: int, *, actor: str, why: str, now: datetime, key: str | None = None) -> Move:
        """Take a version out of use for good; from shadow or canary it leaves that slot.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            NeedsPeople: People have to approve it first; they are asked.
            Misuse: It is champion, or retired already.
        """
        return self._move(Request("retire", model, version, actor, why, now, key, ""))

    def rollback(
        self,
        model: str,
        *,
        actor: str,
        why: str,
        now: datetime,
        key: str | None = None,
        automatic: Mapping[str, Any] | None = None,
    ) -> Move:
        """Bring back the champion before the present one if the rollback policy allows it.

        Args:
            model: Its name.
            actor: Who asks.
            why: The reason, not empty.
            now: The time, aware.
            key: Idempotency key: the same key again tells what happened the first time.
            automatic: For which incident the machine does it by itself, as the policy is told; None: a person asks.

        Raises:
            Denied: The policy refused; the denial is in the ledger.
            NeedsPeople: People have to approve it first; they are asked.
            Misuse: No reason, no champion to go back to, or the model moved meanwhile.
        """
        told(actor, why)
        asked = Request("rollback", model, 0, actor, why, now, key, automatic=automatic)
        earlier = self._earlier(asked)
        return told_by(earlier) if earlier else self._move(replace(asked, version=self.before(model)))

    def reject(self, model: str, version: int, *, actor: str, why: str, now: datetime) -> Entry:
        """Turn a version down; it may be promoted again only on newer evidence.

        Raises:
            Misuse: No reason, no such version, it is champion, or it was turned down already.
        """
        why = told(actor, why)
        self.desk.check(actor, "approve")
        return reject(self._ledger, model, version, actor=actor, why=why, now=now)

    def declare(self, made: Declaration, *, actor: str, why: str, now: datetime) -> Entry:
        """Record what a model is: its stakes, its owner, its key figures and objectives.

        Raises:
            NeedsPeople: It lowers what is at stake: others have to approve that first; they are asked.
            Misuse: They may not, it cannot be kept, or people refused it.
        """
        why = told(actor, why)
        self.desk.check(actor, "ask")
        return declaring.declare(self._ledger, self.desk, made, actor=actor, why=why, now=now)

    # people

    def approve(
        self, question: str, *, by: Identity, why: str, now: datetime, then: bool = False
    ) -> tuple[Entry, Move | None]:
        """Approve a question; on request the move is asked for again when it was the last approval missing.

        Args:
            question: Its digest, or the beginning of it.
            by: Who approves, as something trusted told.
            why: Why, in a sentence.
            now: The time.
            then: Ask for the move again once there are enough.

        Raises:
            Denied: The policy refused the move.
            NeedsPeople: It asks for more.
            Misuse: They may not approve it, or the question has ended.
        """
        why = told(by.name, why)
        asked, _ = self.desk.find(question)
        if then and asked.action not in POLICIES:
            raise Misuse(f"{asked.in_words()} is no move of a model", hint="approve it without asking for a move")
        known = self.desk.answers(asked, now=now)
        if known is not None and not known.ended and not self.is_current(known, now=now):
            raise Misuse(
                f"{asked.in_words()}: policy, evidence, candidate or champion changed since it was asked",
                hint="ask for the move again; that makes the question anew",
            )
        entry = self.desk.approve(question, by=by, why=why, now=now)
        asked, requested = self.desk.find(str(entry.body["digest"]))
        known = self.desk.answers(asked, now=now)
        if not then or known is None or not known.enough:
            return entry, None
        return entry, self.ask_again(known, actor=by.name, why=requested.why, now=now)

    def waiting(self, *, now: datetime, subject: str | None = None, ended: bool = False) -> list[Open]:
        """The questions that wait for people, oldest first; what would be asked otherwise now is stale."""
        return self.look_at(queue(self.desk, now=now, subject=subject, ended=ended), now=now)

    def look_at(self, waiting: Sequence[Open], *, now: datetime) -> list[Open]:
        """Some questions of a long queue, each judged anew."""
        return look_at(self.desk, waiting, now=now, current=lambda known: self.is_current(known, now=now))

    def is_current(self, known: Answers, *, now: datetime) -> bool:
        """Whether a question would be asked so now; one that is not about a model is for others to say."""
        if known.question.action == declaring.LOWER:
            return declaring.is_current(self._ledger, known.question)
        if known.question.action not in POLICIES:
            return True
        try:
            request = asked_in(known.question, known.asked_by, known.requested.why, now)
            judgement = self._judge(request)
            check_step(request, judgement)
        except Misuse:  # there is no such step any more: the version was retired, or another holds the slot
            return False
        return judgement.question is not None and judgement.question.digest == known.question.digest

    def ask_again(self, known: Answers, *, actor: str, why: str, now: datetime) -> Move:
        """Carry out the move that a question is about, whose asker may still ask for it; it is judged afresh.

        Raises:
            Denied: The policy refused.
            NeedsPeople: It asks for more.
            Misuse: The question is not about a model, or one of the two may not.
        """
        if known.question.action not in POLICIES:
            raise Misuse(f"{known.question.in_words()} is no move of a model", hint="act on it where it was asked")
        if not self.desk.roster().may(actor, "approve"):
            self.desk.check(actor, "ask")
        return self._move(asked_in(known.question, actor, why, now), asked_by=known.asked_by)

    # following up

    def reconcile(self, *, now: datetime, dry_run: bool = False) -> list[str]:
        """Settle what the registry is owed, bring its aliases in line with the heads, and look for damage.

        Returns:
            A sentence for everything that was mended or that cannot be.
        """
        return [found.sentence for found in self.inspect(now=now, dry_run=dry_run)]

    def inspect(self, *, now: datetime, dry_run: bool = False) -> list[Found]:
        """As `reconcile`, each with its kind and what it is about."""
        if not self._ledger.heads(cleared=True):
            return []
        return reconcile(self._ledger, self._aliases(), now=now, dry_run=dry_run)

    def _move(self, request: Request, *, asked_by: str | None = None) -> Move:
        why = told(request.actor, request.why)
        request = request if why == request.why else replace(request, why=why)
        earlier = self._earlier(request)
        if earlier is not None:
            return told_by(earlier)
        self.desk.check(asked_by or request.actor, "ask")
        judgement = self._judge(request)
        check_step(request, judgement)
        entry, answers = commit(self._ledger, self.desk, request, judgement, earlier=lambda: self._earlier(request))
        if answers is not None:
            wait(
                request, judgement, answers, who_may(answers, self.desk.roster(), self.desk.delegations(), request.now)
            )
        moved = entry.kind in MOVES
        pending = follow(self._ledger, self._aliases, request.model, moved=moved, now=request.now)
        return told_by(entry, pending)

    def before(self, model: str) -> int:
        """The version that a rollback brings back; none that came without the seal of the ledger's key.

        Raises:
            Misuse: There is no champion, or none before it.
        """
        kinds = ("promotion.granted", "rollback.granted", "version.retired")
        entries = self._ledger.entries(prefix=f"{model}/", kind=kinds)
        line = placed(model, entries)
        while len(line) > 1 and self._ledger.unsealed([line[-2][1]]):  # somebody wrote it past the gate
            entries.remove(line[-2][1])
            line = placed(model, entries)
        if not line:
            known = sorted({head.model for head in self._ledger.heads() if head.slot == CHAMPION})
            hint = f"models with a champion: {', '.join(known)}" if known else "nothing was promoted yet"
            raise Misuse(f"{model} has no champion to roll back", hint=hint)
        if len(line) == 1:
            raise Misuse(
                f"{model} {line[-1][0]} is the first champion; there is none to go back to",
                hint=f"promote another version: workbench models {model}",
            )
        return line[-2][0]

    def _earlier(self, request: Request) -> Entry | None:
        found = self._ledger.find(request.key) if request.key is not None else None
        return None if found is None or request.key is None else same_request(found, request.key, request)
