"""A canary as it stands: its plan, steps and end, read from the ledger's entries, and what is counted of it.

    canary.planned    somebody wants a version tried, and how
    stage.granted     it has a share of the traffic (the gate's entry)
    canary.ended      it is champion, was taken back, stopped or denied, and why

One model has one plan at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from workbench.ledger import Entry, Ledger
from workbench.ledger.heads import CLEARED, STAGED
from workbench.monitoring.canaries.counting import Counted, Mark
from workbench.monitoring.canaries.plan import Plan
from workbench.monitoring.canaries.steps import Act, Judged

PLANNED, ENDED = "canary.planned", "canary.ended"
SLOT = "canary"

State = Literal["waiting", "running", "ended"]
Outcome = Literal["promoted", "taken back", "stopped", "denied", "ended by others"]


@dataclass(frozen=True)
class Planned:
    """What somebody wants tried."""

    seq: int  # of the entry; the canary's number
    model: str
    version: int
    plan: Plan
    actor: str
    why: str
    at: datetime
    adopted: int | None  # entry that had given it a share before it was planned
    ended: Entry | None = None

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return f"{self.model}/{self.version}"


@dataclass(frozen=True)
class Canary:
    """One canary in progress, or the last of its model."""

    seq: int
    model: str
    version: int
    plan: Plan
    state: State  # waiting: it has no share yet
    why: str  # why it was planned
    actor: str
    planned_at: datetime
    marks: tuple[Mark, ...] = ()  # its shares so far
    counted: Counted | None = None
    judged: Judged | None = None
    act: Act | None = None  # what is to be done now, while it runs
    outcome: Outcome | None = None
    ended_at: datetime | None = None
    ending: str = ""  # why it ended

    @property
    def weight(self) -> float | None:
        """Its share of the traffic."""
        return self.marks[-1].weight if self.marks and self.state == "running" else None

    @property
    def step(self) -> int:
        """At which step it is, from 1; 0: none yet."""
        return self.plan.place(self.marks[-1].weight) if self.marks else 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        told: dict[str, Any] = {
            "canary": self.seq,
            "model": self.model,
            "version": self.version,
            "state": self.state,
            "weight": self.weight,
            "step": self.step,
            "steps": list(self.plan.steps),
            "plan": self.plan.as_dict(),
            "why": self.why,
            "actor": self.actor,
            "planned_at": self.planned_at.isoformat(),
            "since": self.marks[0].at.isoformat() if self.marks else None,
            "outcome": self.outcome,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "ending": self.ending,
            "next": self.act._asdict() if self.act else None,
        }
        if self.judged is not None and self.counted is not None:
            told["judge"] = self.judged._asdict() | {"counted_until": self.counted.until.isoformat()}
            told["measures"] = {
                name: {
                    "canary": each.canary,
                    "canary_bad": each.canary_bad,
                    "champion": each.stable,
                    "champion_bad": each.stable_bad,
                    "log_e_tolerated": each.worst,
                    "log_e_harm": each.best,
                    "ratio": each.posterior()._asdict(),
                }
                for name, each in self.counted.whole.rates.items()
            }
            told["kpis"] = {
                name: {
                    "difference": each.value,
                    "low": each.low,
                    "high": each.high,
                    "margin": each.loss,
                    "champion": each.stable,
                    "units": list(each.units),
                    "log_e_no_worse": each.worst,
                    "state": self.counted.whole.states[name],
                    "belief": None if (gap := each.posterior()) is None else gap._asdict(),
                }
                for name, each in self.counted.whole.kpis.items()
            }
        return told


def plans(ledger: Ledger, model: str | None = None) -> list[Planned]:
    """All plans, oldest first."""
    return fold(ledger.entries(kind=(PLANNED, ENDED), prefix=None if model is None else f"{model}/"), model)


def fold(entries: Iterable[Entry], model: str | None = None) -> list[Planned]:
    """The plans that entries tell of, in their order."""
    found: dict[int, Planned] = {}
    for entry in entries:
        name, _, number = entry.subject.rpartition("/")
        if model not in {None, name} or not number.isdecimal():
            continue
        if entry.kind == PLANNED:
            told, adopted = entry.body["plan"], entry.body.get("adopted")
            found[entry.seq] = Planned(
                entry.seq, name, int(number), Plan.of(told), entry.actor, entry.why, entry.at, adopted
            )
        elif entry.kind == ENDED and entry.body.get("plan") in found:
            seq = int(entry.body["plan"])
            before = found[seq]
            found[seq] = replace(before, ended=before.ended or entry)
    return list(found.values())


def running(ledger: Ledger, model: str | None = None) -> list[Planned]:
    """The plans that have not ended."""
    return [planned for planned in plans(ledger, model) if planned.ended is None]


def marks(ledger: Ledger, planned: Planned) -> tuple[Mark, ...]:
    """The shares that a canary was given, oldest first."""
    since = planned.seq if planned.adopted is None else planned.adopted - 1
    found = ledger.entries(subject=planned.subject, kind=STAGED, since=since)
    return tuple(
        Mark(entry.at, int(entry.body["generation"]), float(entry.body["weight"]))
        for entry in found
        if entry.body.get("slot") == SLOT and (planned.ended is None or entry.seq < planned.ended.seq)
    )


def left_by(ledger: Ledger, planned: Planned) -> Entry | None:
    """The entry by which a canary last lost its slot; None: it never did."""
    gone = ledger.entries(subject=planned.subject, kind=CLEARED, since=planned.seq, newest_first=True)
    return next((entry for entry in gone if entry.body.get("slot") == SLOT), None)


def newest(found: Sequence[Planned]) -> list[Planned]:
    """The last plan of each model, by model."""
    return [planned for _, planned in sorted({planned.model: planned for planned in found}.items())]
