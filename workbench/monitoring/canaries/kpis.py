"""The KPIs of a canary: one value a unit, from the prediction log and the labels that come late.

A unit counts once, with the first of its values that became known while the traffic was shared: whatever it
does later depends on which version it met. What became known later comes later, so that a late label makes no
earlier look another one. A row by the policy of sampling is there or not whichever version answered.

Looks become rarer as the canary gets older, since each reads the log from its first share on: over a canary's
life some twenty times as many rows are read as there are. To add only what came since the last look would not
come to the same: a label may be corrected, it may make an earlier answer its unit's first value, and rows may
reach the log late. Which of them a look has seen would have to be kept, a row a unit; the log is that already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from workbench.monitoring.canaries.counting import Counted, Mark
from workbench.monitoring.canary import Rows as AnsweredRows
from workbench.monitoring.declared import DeclaredKpi
from workbench.monitoring.summarising import value_of
from workbench.serving import Labelled, Prediction
from workbench.serving.prediction import SHADOW
from workbench.stats.canary_judge import Judge
from workbench.stats.canary_kpi import LARGEST, Units

SOONEST = timedelta(seconds=30)  # between two looks
RARER = 0.05  # of the canary's age, at least, between two looks
CHUNK = timedelta(minutes=15)  # of the log that is read at once


class Sides(NamedTuple):
    """Who is compared."""

    canary: int  # versions
    stable: int


class Rows(AnsweredRows, Protocol):
    """A log of predictions and of what became known of them."""

    def labelled(
        self, model: str, /, *, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Labelled]:
        """Answers between two times whose truth is known."""
        ...


def kpis_looked_at(
    counted: Counted, log: Rows, model: str, sides: Sides, marks: Sequence[Mark], declared: Sequence[DeclaredKpi]
) -> Counted:
    """The count with a look at its KPIs until where it is counted, if one is due.

    Args:
        counted: Outcomes so far.
        log: The prediction log.
        model: Its name.
        sides: The versions that are compared.
        marks: The canary's shares, oldest first.
        declared: The model's KPIs.
    """
    if not counted.whole.kpis or counted.whole.state == "roll back" or not _due(counted):
        return counted
    whole = judged(counted.whole, log, model, sides, marks, declared, since=counted.since, until=counted.until)
    return replace(counted, whole=whole, kpis_at=counted.until)


def judged(
    judge: Judge, log: Rows, model: str, sides: Sides, marks: Sequence[Mark], declared: Sequence[DeclaredKpi], *,
    since: datetime, until: datetime,
) -> Judge:  # fmt: skip
    """The judge after a look at each KPI that it watches and that is declared still."""
    watched = [kpi for kpi in declared if kpi.name in judge.kpis]
    for name, units in units_of(log, model, watched, sides, marks, since=since, until=until).items():
        judge = judge.look(name, units)
    return judge


def units_of(
    log: Rows, model: str, kpis: Sequence[DeclaredKpi], sides: Sides, marks: Sequence[Mark], *, since: datetime,
    until: datetime,
) -> dict[str, Units]:  # fmt: skip
    """The units of each KPI, in the order in which their values became known.

    Args:
        log: The prediction log.
        model: Its name.
        kpis: What is declared.
        sides: The versions that are compared.
        marks: The canary's shares, oldest first.
        since: Answers from then on.
        until: Answers before then, and labels that came before then.
    """
    late = any(kpi.of == "label" for kpi in kpis)
    found: dict[str, dict[str, _Seen]] = {kpi.name: {} for kpi in kpis}
    begin = since
    while kpis and begin < until:
        end = min(begin + CHUNK, until)
        labels: Mapping[str, Labelled] = {}
        if late:
            told = log.labelled(model, since=begin, until=end)
            labels = {one.id: one for one in told if one.labelled_at < until}
        truths = {id_: one.label for id_, one in labels.items()}
        for row in log.rows(model, since=begin, until=end):
            share = _share(row, sides, marks)
            if share is None:
                continue
            unit = row.unit or f"request/{row.request}"
            for kpi in kpis:
                value = value_of(row, truths, kpi)
                if not abs(value) <= LARGEST:
                    continue
                known = max(row.at, labels[row.id].labelled_at) if kpi.of == "label" else row.at
                seen = _Seen(known, row.at, row.id, row.version == sides.canary, share, value)
                before = found[kpi.name].get(unit)
                if before is None or seen < before:
                    found[kpi.name][unit] = seen
        begin = end
    told_by = {name: sorted(by_unit.values()) for name, by_unit in found.items()}
    return {
        name: Units.of([one.canary for one in seen], [one.share for one in seen], [one.value for one in seen])
        for name, seen in told_by.items()
    }


class _Seen(NamedTuple):
    """A unit's value."""

    known: datetime
    at: datetime
    id: str
    canary: bool
    share: float
    value: float


def _due(counted: Counted) -> bool:
    if counted.kpis_at is None:
        return counted.until > counted.since
    return counted.until - counted.kpis_at >= max(SOONEST, RARER * (counted.until - counted.since))


def _share(row: Prediction, sides: Sides, marks: Sequence[Mark]) -> float | None:
    """The chance that the canary would be the one to answer; None where there was none, or nobody got the answer."""
    if row.status != 200 or row.variant == SHADOW or row.version not in sides:
        return None
    share = row.propensity if row.version == sides.canary else 1 - (row.propensity or math.nan)
    if row.propensity is None:
        share = next((mark.weight for mark in reversed(marks) if mark.at <= row.at), None)
    share = None if share is None else round(share, 9)  # alike on both sides
    return share if share is not None and 0 < share < 1 else None
