"""Periods: the minute, hour, day or week that a time lies in, as a part of a run's key.

A schedule that fires twice in a period has the same key both times, so that it runs once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from typing import Literal

Period = Literal["minute", "hour", "day", "week"]

FORMS: dict[Period, str] = {
    "minute": "%Y-%m-%dT%H:%M",
    "hour": "%Y-%m-%dT%H",
    "day": "%Y-%m-%d",
    "week": "%G-W%V",
}
PERIODS: tuple[Period, ...] = tuple(FORMS)


def period_of(when: datetime, by: Period) -> str:
    """The period that a time lies in, by the clock that the time is given in.

    >>> monday = datetime(2027, 1, 4, 6, 30)
    >>> [period_of(monday, by) for by in PERIODS]
    ['2027-01-04T06:30', '2027-01-04T06', '2027-01-04', '2027-W01']
    """
    return when.strftime(FORMS[by])


def shared(times: Iterable[datetime], by: Period) -> tuple[datetime, datetime] | None:
    """The first two neighbours among rising times that share a period; None where none do.

    >>> shared([datetime(2027, 1, 4, 6), datetime(2027, 1, 4, 18)], "hour")
    """
    for first, second in pairwise(times):
        if period_of(first, by) == period_of(second, by):
            return first, second
    return None
