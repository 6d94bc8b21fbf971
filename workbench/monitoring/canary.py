"""What the judge of a canary is fed: outcomes of one interval, counted by version from the prediction log's rows.

An outcome is a request, and counts as independent of others: where one unit sends many, what is wrong with the unit
can look like harm, and `by_one_unit` says so. It is bad for "errors" where it failed on our side, and for "slow" where
it was answered later than the objective; requests that did not fit are nobody's, and events are all the champion's,
so that they tell nothing. Intervals are those in which the traffic was divided in one way: where the weights move, a
new one begins.

>>> from datetime import UTC, datetime
>>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
>>> rows = [Prediction(id=str(i), at=noon, model="lending", version=1 + (i == 0), generation=1, request=str(i),
...     input_digest="d", features={}, score=0.5, answer=True, latency_us=900, status=500 if i < 2 else 200)
...     for i in range(10)]
>>> counted(rows, canary=2, stable=1, slower=0.05)["errors"]
Counts(canary=1, canary_bad=1, stable=9, stable_bad=1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from workbench.monitoring.declared import Objectives
from workbench.promotion.declarations import COUNTED
from workbench.serving import Prediction
from workbench.serving.prediction import SHADOW
from workbench.stats.canary import Bar
from workbench.stats.canary_judge import Counts, Judge

SEVERAL = 3  # bad outcomes of one unit, from which they are remarkable
NEGLIGIBLE = 0.1  # of the errors that are allowed: below it a canary may advance whatever the ratio


def judge_of(kept: Objectives, *, alpha: float = 0.01, negligible: float = NEGLIGIBLE, kpis: bool = True) -> Judge:
    """A judge of a canary that is to keep to what its model is declared to.

    Args:
        kept: What is declared.
        alpha: Chance of ever taking back a sound canary, and of ever passing one that harms.
        negligible: Part of the errors that are allowed, below which a canary may advance whatever the ratio.
        kpis: Whether the declared KPIs are watched too.
    """
    told = {kpi.name: (kpi.margin, kpi.better) for kpi in kept.kpis if kpi.name not in COUNTED} if kpis else {}
    return Judge.begun(Bar(alpha=alpha, negligible=negligible * kept.errors), rates=COUNTED, kpis=told)


class Rows(Protocol):
    """A log of predictions."""

    def rows(
        self, model: str | None = None, /, *, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Prediction]:
        """Rows of a model between two times."""
        ...


def counting(
    log: Rows, model: str, canary: int, stable: int, *, slower: float
) -> Callable[[datetime, datetime], Mapping[str, Counts]]:
    """Counts the outcomes of a model between two times; arguments as those of `counted`."""
    return lambda since, until: counted(
        log.rows(model, since=since, until=until), canary=canary, stable=stable, slower=slower
    )


def counted(rows: Iterable[Prediction], *, canary: int, stable: int, slower: float) -> dict[str, Counts]:
    """The outcomes of an interval.

    Args:
        rows: Of one model, between two times; any other version's are left out.
        canary: Its version.
        stable: The champion's.
        slower: Seconds from which an answer is slow.
    """
    worst: dict[tuple[int, str], Prediction] = {}
    for row in rows:
        shared = row.variant != SHADOW and not row.of_event and row.version in {canary, stable}
        if shared and (row.status < 400 or row.status >= 500):
            place = (row.version or 0, row.request)
            if place not in worst or row.status > worst[place].status:
                worst[place] = row
    sides = [[row for (version, _), row in worst.items() if version == side] for side in (canary, stable)]
    failed = [sum(row.status >= 500 for row in side) for side in sides]
    answered = [[row for row in side if row.status < 400] for side in sides]
    slow = [sum(row.latency_us > slower * 1e6 for row in side) for side in answered]
    return {
        "errors": Counts(len(sides[0]), failed[0], len(sides[1]), failed[1]),
        "slow": Counts(len(answered[0]), slow[0], len(answered[1]), slow[1]),
    }


def by_one_unit(rows: Iterable[Prediction], *, canary: int, slower: float) -> str:
    """That most of a canary's bad outcomes are of one unit, in words; empty where they are not.

    Args:
        rows: Of one model.
        canary: Its version.
        slower: Seconds from which an answer is slow.
    """
    bad = {
        row.request: row.unit
        for row in rows
        if row.version == canary and row.variant != SHADOW and not row.of_event
        if row.status >= 500 or (row.status < 400 and row.latency_us > slower * 1e6)
    }
    units = Counter(unit for unit in bad.values() if unit is not None)
    most = max(units.values(), default=0)
    if most < SEVERAL or most < len(bad) / 2:
        return ""
    return f"{most} of its last {len(bad)} bad outcomes are of one unit, which may be to blame and not the version"
