"""A canary in progress: what the judge has seen of it so far, step by step; read by people, decides nothing.

Outcomes are counted from the prediction log, from one moment to the next and never across a change of the
weights; a reading goes on where the last one stopped, so that each row is counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbench.ledger import Entry, Ledger
from workbench.monitoring.canary import counted, judge_of
from workbench.monitoring.declared import Objectives
from workbench.monitoring.summarising import Log
from workbench.stats.canary_judge import Judge

CHUNK = timedelta(hours=1)  # of the log that is read at once
SETTLED = timedelta(seconds=30)  # after which the log holds what was answered


@dataclass(frozen=True)
class Step:
    """From when on the canary had which share of the traffic."""

    at: datetime
    weight: float


@dataclass(frozen=True)
class CanaryStatus:
    """A canary and what is known of it."""

    model: str
    version: int
    stable: int  # the champion's version
    generation: int  # of the canary's slot
    weight: float  # its share of the traffic now
    steps: tuple[Step, ...]  # oldest first
    judge: Judge
    until: datetime  # up to which the log was counted
    next: str = ""  # what whoever drives it says it will do, and when; empty: nobody drives it

    @property
    def since(self) -> datetime:
        """When it was first given traffic."""
        return self.steps[0].at


def canary_status(
    ledger: Ledger, log: Log, model: str, kept: Objectives, *, now: datetime, before: CanaryStatus | None = None
) -> CanaryStatus | None:
    """The canary of a model; None where there is none.

    Args:
        ledger: Who is canary, with which share.
        log: The prediction log.
        model: Its name.
        kept: What it is declared to keep to.
        now: The time, aware.
        before: The last reading; it is gone on from where it is of the same canary against the same champion.
    """
    head, champion = ledger.head(model, "canary"), ledger.head(model)
    if head is None or head.version is None or champion is None or champion.version is None:
        return None
    steps = _steps(ledger.entries(prefix=f"{model}/", kind=("stage.granted", "stage.cleared")), head.version)
    if not steps:
        return None
    same = before is not None and (before.version, before.stable, before.since) == (
        head.version,
        champion.version,
        steps[0].at,
    )
    known = before if before is not None and same else None
    judge, begin = (known.judge, known.until) if known else (judge_of(kept), steps[0].at)
    end = max(begin, now - SETTLED)
    edges = [step.at for step in steps if begin < step.at < end]
    while begin < end:
        until = min([end, begin + CHUNK, *(edge for edge in edges if edge > begin)])
        rows = log.rows(model, since=begin, until=until)
        found = counted(rows, canary=head.version, stable=champion.version, slower=kept.latency[1])
        if any(each.canary + each.stable for each in found.values()):
            judge = judge.add(found)
        begin = until
    return CanaryStatus(
        model=model,
        version=head.version,
        stable=champion.version,
        generation=head.generation,
        weight=head.weight or 0.0,
        steps=tuple(steps),
        judge=judge,
        until=end,
    )


def driven(status: CanaryStatus, words: str) -> CanaryStatus:
    """The status with what whoever drives the canary says of its next step."""
    return replace(status, next=words)


def _steps(entries: Sequence[Entry], version: int) -> list[Step]:
    """The shares that a version has had since it last became canary."""
    found: list[Step] = []
    for entry in entries:
        if entry.body.get("slot") != "canary":
            continue
        if entry.kind == "stage.cleared" or entry.subject.rpartition("/")[2] != str(version):
            found = []
        else:
            found.append(Step(entry.at, float(entry.body.get("weight") or 0.0)))
    return found
