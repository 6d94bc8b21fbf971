"""A canary in progress: what the judge has seen of it so far, step by step; read by people, decides nothing.

Where a controller drives it, its own counts are shown. One that was staged by hand is counted here, by the
same rules: from one moment to the next and never across a change of the weights; a reading goes on where the
last one stopped, so that each row is counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from workbench.ledger import Entry, Ledger
from workbench.monitoring.canaries.counting import Counted, Mark
from workbench.monitoring.canaries.kpis import Rows, Sides, kpis_looked_at
from workbench.monitoring.canaries.reading import Canary
from workbench.monitoring.canary import counting, judge_of
from workbench.monitoring.declared import Objectives
from workbench.stats.canary_judge import Judge


@dataclass(frozen=True)
class CanaryStatus:
    """A canary and what is known of it."""

    model: str
    version: int
    stable: int  # the champion's version
    generation: int  # of the canary's slot
    weight: float  # its share of the traffic now
    steps: tuple[Mark, ...]  # oldest first
    judge: Judge
    until: datetime  # up to which the log was counted
    next: str = ""  # what whoever drives it says it will do, and when; empty: nobody drives it
    counted: Counted | None = None  # what a next reading goes on from

    @property
    def since(self) -> datetime:
        """When it was first given traffic."""
        return self.steps[0].at


def canary_status(
    ledger: Ledger, log: Rows, model: str, kept: Objectives, *, now: datetime, before: CanaryStatus | None = None
) -> CanaryStatus | None:
    """The canary of a model, counted here; None where there is none.

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
    fresh = judge_of(kept, kpis=False)
    state = before.counted if before is not None and before.version == head.version else None
    if state is None or (state.champion, state.since) != (champion.generation, steps[0].at):
        state = Counted.begun(steps[0], champion.generation, steps[0].at, judge_of(kept), fresh)
    sides = Sides(head.version, champion.version)
    state = state.fed(steps, now, fresh, counting(log, model, *sides, slower=kept.latency[1]))
    state = kpis_looked_at(state, log, model, sides, steps, kept.kpis)
    return _told(model, sides, head.generation, steps, state)


def driven(canary: Canary, stable: int) -> CanaryStatus | None:
    """The canary as the controller that drives it has counted it; None where it has no share, or nothing is counted.

    Args:
        canary: In progress.
        stable: The champion's version.
    """
    if canary.state != "running" or canary.counted is None or not canary.marks:
        return None
    sides = Sides(canary.version, stable)
    told = _told(canary.model, sides, canary.marks[-1].generation, canary.marks, canary.counted)
    return replace(told, next=canary.act.why if canary.act else "")


def _told(model: str, sides: Sides, generation: int, steps: Sequence[Mark], state: Counted) -> CanaryStatus:
    return CanaryStatus(
        model=model,
        version=sides.canary,
        stable=sides.stable,
        generation=generation,
        weight=steps[-1].weight,
        steps=tuple(steps),
        judge=state.whole,
        until=state.until,
        counted=state,
    )


def _steps(entries: Sequence[Entry], version: int) -> list[Mark]:
    """The shares that a version has had since it last became canary."""
    found: list[Mark] = []
    for entry in entries:
        if entry.body.get("slot") != "canary":
            continue
        if entry.kind == "stage.cleared" or entry.subject.rpartition("/")[2] != str(version):
            found = []
        else:
            weight = float(entry.body.get("weight") or 0.0)
            found.append(Mark(entry.at, int(entry.body.get("generation") or 0), weight))
    return found
