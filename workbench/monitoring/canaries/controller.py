"""The controller: takes each canary a step further, or back, as its judge and its plan say; through the gate.

What it does is an entry, under a key of the canary's generation and the act: whoever is killed between two
steps, or works beside another, finds by the key what was done; whoever acts on what has moved meanwhile is
refused by the generation that they looked at. The order is: count, find, ask the gate, note
the end; each repairs what the one before it left. It decides nothing that a policy does not allow.

    controller = Controller(ledger, gate, log, store, loads)
    controller.start("lending", 4, Plan(), actor="risk-officer", why="trained on the summer", now=now)
    controller.once(now)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from workbench.errors import Denied, EngineError, Misuse, NeedsPeople, WorkbenchError
from workbench.ledger import Entry, Ledger
from workbench.monitoring.canaries import told
from workbench.monitoring.canaries.counting import Counted
from workbench.monitoring.canaries.kpis import Rows, Sides, kpis_looked_at
from workbench.monitoring.canaries.plan import Plan
from workbench.monitoring.canaries.reading import (
    ENDED,
    PLANNED,
    SLOT,
    Canary,
    Outcome,
    Planned,
    left_by,
    marks,
    newest,
    plans,
    running,
)  # fmt: skip
from workbench.monitoring.canaries.steps import Act, Judged, Standing, next_step
from workbench.monitoring.canaries.store import CanaryStore
from workbench.monitoring.canary import by_one_unit, counting, judge_of
from workbench.monitoring.declared import Objectives, objectives
from workbench.monitoring.shares import percent
from workbench.promotion import Gate
from workbench.promotion.background import rejection
from workbench.promotion.people import MACHINE
from workbench.promotion.stages import CHAMPION
from workbench.serving.loads import Loads

RECENT = timedelta(hours=1)  # in which it is looked whose the bad outcomes are
RETRY = timedelta(minutes=10)  # after which a step that the policy denied is asked for again
RETRY_BACK = timedelta(seconds=5)  # the same of taking a canary back


class Done(NamedTuple):
    """What a pass did with one canary, or would do."""

    model: str
    version: int
    act: str  # "begin", "hold", "advance", "promote", "roll back", "ended"
    why: str
    weight: float | None = None  # its share of the traffic now
    entry: int | None = None  # of the ledger
    problem: str = ""  # why it could not be done


@dataclass(frozen=True)
class Looked:
    """A canary that has a share, as it was found."""

    canary: Canary
    generation: int
    standing: Standing
    refusals: int  # denials of the next step, and of going back, so far
    revision: int  # of the row that was read


class Controller:
    """Acts on the canaries of a ledger."""

    def __init__(self, ledger: Ledger, gate: Gate, log: Rows, store: CanaryStore, loads: Loads | None = None) -> None:
        self._ledger = ledger
        self._gate = gate
        self._log = log
        self._store = store
        self._loads = loads

    # what people ask for

    def start(self, model: str, version: int, plan: Plan, *, actor: str, why: str, now: datetime) -> Done:
        """Plan a canary and give it its first share; one that has a share already is gone on with.

        Raises:
            Denied: The policy denies the first step; the plan has ended.
            NeedsPeople: People have to approve the first step; the plan waits.
            Misuse: Another is in progress, or the version was taken back just now.
        """
        self._gate.desk.check(actor, "ask")
        self._ledger.version(model, version)
        if not why.strip():
            raise Misuse("the reason is empty; every canary needs one", hint='--why "…", in a sentence')
        with self._ledger.transaction() as writer:
            self.check(model, version, plan, now)
            head = writer.head(model, SLOT)
            adopted = head.seq if head is not None and head.version == version else None
            body = {"plan": plan.as_dict(), "adopted": adopted}
            entry = writer.append(
                PLANNED, subject=f"{model}/{version}", actor=actor, why=why.strip(), body=body, now=now
            )
        planned = next(one for one in running(self._ledger, model) if one.seq == entry.seq)
        return self._begin(planned, actor, now) if adopted is None else self._one(planned, now, dry_run=False)

    def check(self, model: str, version: int, plan: Plan, now: datetime) -> None:
        """Refuse a canary that cannot be started.

        Raises:
            Misuse: Another is in progress, the version was taken back just now, or it is champion.
        """
        before = plans(self._ledger, model)
        for one in before:
            if one.ended is None:
                raise Misuse(
                    f"{model} {one.version} is being tried already, since {one.at:%Y-%m-%d %H:%M}",
                    hint=f"workbench canary status {model}, or workbench canary stop {model} --why …",
                )
            rest = one.ended.at + timedelta(hours=plan.cooldown) - now
            if one.version == version and one.ended.body.get("outcome") == "taken back" and rest > timedelta(0):
                raise Misuse(
                    f"{model} {version} was taken back on {one.ended.at:%Y-%m-%d %H:%M}: {one.ended.why}",
                    hint=f"wait {rest.total_seconds() / 3600:.1f} hours, or try another version",
                )
        head = self._ledger.head(model, CHAMPION)
        if head is None or head.version is None or head.version == version:
            said = f"{version} is champion already" if head and head.version == version else "has no champion"
            raise Misuse(f"{model} {said}; a canary is compared with the champion", hint=f"workbench models {model}")

    def stop(self, model: str, *, actor: str, why: str, now: datetime) -> Done:
        """End a model's canary and take it off the traffic.

        Raises:
            Denied: The policy refused.
            Misuse: None is in progress.
        """
        found = running(self._ledger, model)
        if not found:
            raise Misuse(f"no version of {model} is being tried", hint="workbench canary status")
        planned, head = found[-1], self._ledger.head(model, SLOT)
        if head is not None and head.version == planned.version:
            self._gate.clear(model, SLOT, actor=actor, why=why, now=now)
        return self._end(planned, "stopped", why, now, actor=actor)

    # what it does by itself

    def once(
        self,
        now: datetime,
        *,
        models: Sequence[str] = (),
        dry_run: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> list[Done]:
        """One pass over the canaries in progress; what fails at one hides no other.

        Args:
            now: The time, aware.
            models: Only these; empty: all.
            dry_run: Only say what would be done.
            tell: Is told what is looked at.
        """
        found = []
        for planned in running(self._ledger):
            if models and planned.model not in models:
                continue
            tell(planned.model)
            try:
                found.append(self._one(planned, now, dry_run=dry_run))
            except WorkbenchError as error:
                why = error.message.splitlines()[0]
                found.append(Done(planned.model, planned.version, "hold", why, problem=why))
        return found

    def canaries(self, now: datetime, model: str | None = None, *, alive: bool = False) -> list[Canary]:
        """The canary in progress of each model, or its last one; reads only.

        Args:
            now: The time, aware.
            model: Of this model.
            alive: Without those that have ended.
        """
        found = newest(plans(self._ledger, model))
        return [self._told(planned, now) for planned in found if planned.ended is None or not alive]

    def _told(self, planned: Planned, now: datetime) -> Canary:
        if planned.ended is None and self._holds(planned):
            return self._look(planned, now, feed=False).canary
        canary = _canary(planned, marks=marks(self._ledger, planned))
        body, _ = self._store.get(planned.seq)
        with suppress(ValueError):
            kept = Counted.of(body or {})
            canary = replace(canary, counted=kept, judged=Judged.of(kept.whole, kept.step))
        return canary

    def _one(self, planned: Planned, now: datetime, *, dry_run: bool) -> Done:
        if not self._holds(planned):
            return self._without_a_share(planned, now, dry_run=dry_run)
        looked = self._look(planned, now, feed=True)
        canary, act = looked.canary, looked.canary.act
        if canary.counted is None or act is None:
            return Done(planned.model, planned.version, "hold", "nothing is counted yet", canary.weight)
        if dry_run:
            return Done(planned.model, planned.version, act.kind, act.why, act.weight or canary.weight)
        with suppress(*((EngineError,) if act.kind == "roll back" else ())):  # going back needs no memory
            kept = self._store.put(planned.seq, canary.counted.as_dict(), revision=looked.revision)
            if not kept and act.kind != "roll back":
                return Done(planned.model, planned.version, "hold", "another controller has just looked", canary.weight)
        if act.kind == "hold":
            return Done(planned.model, planned.version, act.kind, act.why, canary.weight)
        if act.code != "rejected":  # new evidence would end the rejection
            self._find(planned, looked, act, now)
        return self._do(planned, looked, act, now)

    def _without_a_share(self, planned: Planned, now: datetime, *, dry_run: bool) -> Done:
        """Begin, or note how it ended: it was promoted, taken out by others, or whoever ended it was cut off."""
        gone = left_by(self._ledger, planned)
        if gone is None and planned.adopted is None:
            share = planned.plan.steps[0]
            if dry_run:
                return Done(planned.model, planned.version, "begin", planned.why, share)
            return self._begin(planned, MACHINE, now)
        if dry_run:
            return Done(planned.model, planned.version, "ended", gone.why if gone else "it is not the canary")
        head = self._ledger.head(planned.model, CHAMPION)
        outcome: Outcome = "ended by others"
        if head is not None and head.version == planned.version:
            outcome = "promoted"
        elif gone is not None and gone.actor == MACHINE:
            outcome = "taken back"
        return self._end(planned, outcome, gone.why if gone else "it is not the canary any more", now)

    def _begin(self, planned: Planned, actor: str, now: datetime) -> Done:
        model, version, share = planned.model, planned.version, planned.plan.steps[0]
        head = self._ledger.head(model, SLOT)
        if head is not None and head.version is not None:
            raise Misuse(f"{model} {head.version} is the canary; {version} waits for it", hint="workbench canary stop")
        key = f"canary:{planned.subject}:{head.generation if head else 0}:begin:{planned.seq}"
        why = f"{planned.why} (first step, {percent(share)} of the traffic)"
        try:
            move = self._gate.stage(model, version, SLOT, weight=share, actor=actor, why=why, now=now, key=key)
        except Denied as error:
            self._end(planned, "denied", error.message, now)
            raise
        return Done(model, version, "begin", why, share, move.entry_seq)

    def _look(self, planned: Planned, now: datetime, *, feed: bool) -> Looked:
        """A canary that has a share, counted until now, with what is to be done.

        Raises:
            Misuse: The model has no champion any more.
        """
        model, plan = planned.model, planned.plan
        steps = marks(self._ledger, planned)
        kept = objectives(self._ledger).get(model, Objectives())
        champion = self._ledger.head(model, CHAMPION)
        if champion is None or champion.version is None or not steps:
            raise Misuse(f"{model} has no champion to compare with", hint=f"workbench models {model}")
        here = steps[-1]
        fresh = judge_of(kept, alpha=plan.alpha, negligible=plan.negligible, kpis=False)
        state, revision = None, 0
        with suppress(ValueError, EngineError):  # without its memory it is counted anew from the log
            body, revision = self._store.get(planned.seq)
            state = Counted.of(body) if body is not None else None
        if state is None or state.champion != champion.generation:
            since = max(steps[0].at, self._ledger.entries(since=champion.seq - 1, limit=1)[0].at)
            first = next((mark for mark in reversed(steps) if mark.at <= since), steps[0])
            whole = judge_of(kept, alpha=plan.alpha, negligible=plan.negligible)
            state = Counted.begun(first, champion.generation, since, whole, fresh)
        if feed:
            sides = Sides(planned.version, champion.holder)
            with suppress(EngineError):  # the log cannot be read now; for how long, the rules are told
                state = state.fed(steps, now, fresh, counting(self._log, model, *sides, slower=kept.latency[1]))
                state = kpis_looked_at(state, self._log, model, sides, steps, kept.kpis)
        current = state.generation == here.generation  # what an earlier step has shown says nothing of this one
        declared = {kpi.name for kpi in kept.kpis}
        judged = Judged.of(state.whole, state.step if current else fresh, declared)
        refused, refusals = self._refused(planned, here.generation, now)
        standing = Standing(
            here.weight, steps[0].at, here.at, state.agreed if current else 0, state.until if feed else None,
            rejected=self._rejected(planned), refused=refused, waiting=self._waiting(planned, here.at),
            killed=self._killed(model),
        )  # fmt: skip
        act = next_step(plan, standing, judged, now)
        if feed and act.code == "harm":
            with suppress(EngineError):  # it goes back all the same
                rows = self._log.rows(model, since=max(steps[0].at, now - RECENT), until=now)
                blamed = by_one_unit(rows, canary=planned.version, slower=kept.latency[1])
                act = act._replace(why=f"{act.why} {blamed}.") if blamed else act
        canary = replace(_canary(planned, marks=steps), counted=state, judged=judged, act=act, state="running")
        return Looked(canary, here.generation, standing, refusals, revision)

    def _find(self, planned: Planned, looked: Looked, act: Act, now: datetime) -> None:
        """Record what the judge found, once for each act: the policy and the people read the same."""
        canary = looked.canary
        if canary.counted is None or canary.judged is None or canary.weight is None:
            return
        found = told.finding(planned.model, planned.version, canary.counted, canary.judged, act, canary.weight, now)
        self._ledger.append(
            "evidence.recorded", subject=planned.subject, actor=MACHINE, why=act.why, body=found.as_body(), now=now,
            key=f"canary:{planned.subject}:{looked.generation}:{act.kind}:evidence",
        )  # fmt: skip

    def _do(self, planned: Planned, looked: Looked, act: Act, now: datetime) -> Done:
        model, version, weight = planned.model, planned.version, looked.canary.weight
        key = f"canary:{planned.subject}:{looked.generation}:{act.kind}:{looked.refusals}"
        said = {"actor": MACHINE, "why": act.why, "now": now, "key": key, "fence": looked.generation}
        try:
            if act.kind == "advance":
                move = self._gate.stage(model, version, SLOT, weight=act.weight, **said)  # type: ignore[arg-type]
                return Done(model, version, act.kind, act.why, act.weight, move.entry_seq)
            if act.kind == "promote":
                move = self._gate.promote(model, version, **said)  # type: ignore[arg-type]
                return self._end(planned, "promoted", act.why, now, entry=move.entry_seq)
            move = self._gate.clear(model, SLOT, **said)  # type: ignore[arg-type]
            return self._end(planned, "taken back", act.why, now, entry=move.entry_seq)
        except (Denied, NeedsPeople) as error:
            return Done(model, version, "hold", error.message, weight, problem=error.message)

    def _end(
        self, planned: Planned, outcome: Outcome, why: str, now: datetime, *, actor: str = MACHINE,
        entry: int | None = None,
    ) -> Done:  # fmt: skip
        self._ledger.append(
            ENDED, subject=planned.subject, actor=actor, why=why, body={"plan": planned.seq, "outcome": outcome},
            now=now, key=f"canary:{planned.seq}:ended",
        )  # fmt: skip
        acts = {"promoted": "promote", "taken back": "roll back"}
        return Done(planned.model, planned.version, acts.get(outcome, "ended"), why, None, entry)

    def _holds(self, planned: Planned) -> bool:
        head = self._ledger.head(planned.model, SLOT)
        return head is not None and head.version == planned.version and bool(marks(self._ledger, planned))

    def _killed(self, model: str) -> int:
        """How many loads of the canary ended their process."""
        head = self._ledger.head(model, SLOT)
        with suppress(EngineError):  # what cannot be read is not held against it
            return self._loads.killed(head) if self._loads is not None and head is not None else 0
        return 0

    def _rejected(self, planned: Planned) -> str:
        found = rejection(self._ledger, planned.subject)
        return found.why if found else ""

    def _refused(self, planned: Planned, generation: int, now: datetime) -> tuple[str, int]:
        """Why the policy has just denied the next step, while it is not asked again; and how many denials there are."""
        about = f"canary:{planned.subject}:{generation}:"
        kinds = ("stage.denied", "promotion.denied")
        since = planned.seq
        found = [
            entry
            for entry in self._ledger.entries(subject=planned.subject, kind=kinds, since=since)
            if (entry.key or "").startswith(about)
        ]
        if not found:
            return "", 0
        last: Entry = found[-1]
        fresh = now - last.at < (RETRY_BACK if ":roll back:" in (last.key or "") else RETRY)
        reasons = "; ".join(str(reason.get("message", "")) for reason in last.body["decision"]["reasons"])
        return (f"The policy denies it: {reasons}" if fresh else ""), len(found)

    def _waiting(self, planned: Planned, since: datetime) -> str:
        """Whom the next step waits for, where the machine has asked."""
        kinds = ("approval.requested", "approval.closed", "approval.refused")
        asked = self._ledger.entries(subject=planned.subject, kind=kinds, newest_first=True, limit=1)
        open_ = bool(asked) and asked[0].kind == kinds[0] and asked[0].actor == MACHINE and asked[0].at >= since
        return "It waits for people: workbench approvals." if open_ else ""


def _canary(planned: Planned, **more: object) -> Canary:
    ended = planned.ended
    return Canary(
        planned.seq, planned.model, planned.version, planned.plan, "ended" if ended else "waiting", planned.why,
        planned.actor, planned.at, outcome=ended.body.get("outcome") if ended else None,
        ended_at=ended.at if ended else None, ending=ended.why if ended else "", **more,  # type: ignore[arg-type]
    )  # fmt: skip
