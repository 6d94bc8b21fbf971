"""Where a unit is counted in a moment cube, the order of its days, and what it tells of a measure over them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

from workbench.stats.clusters import design_effect, places, residual_squares
from workbench.stats.moments import Floats, Logs, Moments, Sample


@dataclass(frozen=True)
class Cell:
    """Where a unit is counted."""

    segment: tuple[str, ...]  # one value a segment column
    day: str  # ISO date or the day column's text; "" where there are no days
    arm: str


class Series(NamedTuple):
    """One measure in one arm over the days; a day without units is an empty sample."""

    days: tuple[str, ...]
    daily: tuple[Sample, ...]  # units whose first day this is
    cumulative: tuple[Sample, ...]  # all units up to that day


@lru_cache(1 << 14)
def day_order(day: str) -> tuple[int, float, tuple[tuple[str, int], ...], str]:
    """What days are sorted by, everywhere: numbers by value, then ISO dates by date, then other texts.

    Numbers in a text count by their value ("w2" before "w10"); a date that is not written as 2026-01-31 is a
    text like any other.
    """
    with suppress(ValueError):
        if isfinite(value := float(day)):
            return 0, value, (), day
    with suppress(ValueError):  # what follows the date is left to the order of texts
        return 1, float(date.fromisoformat(day[:10]).toordinal()), (), day
    parts = re.findall(r"(\D*)(\d*)", day)
    return 2, 0.0, tuple((text, int(number or 0)) for text, number in parts), day


def in_order(days: Iterable[str]) -> tuple[str, ...]:
    """Days, each once, first to last.

    >>> in_order(["10", "2", "1", "2"]), in_order(["week 10", "2026-01-31", "week 2"])
    (('1', '2', '10'), ('2026-01-31', 'week 2', 'week 10'))
    """
    return tuple(sorted(set(days), key=day_order))


def sample_of(units: Moments, logs: Logs, negatives: Floats, clusters: Moments | None, row: int, j: int) -> Sample:
    """The j-th measure in the cell of a row, from the moments of all cells."""
    n, n_log = float(units.n[row]), float(logs.n[row, j])
    m2, m2_log = float(units.scatter[row, j, j]), float(logs.scatter[row, j])
    effects = (1.0, 1.0, 1.0)
    groups = None
    if clusters is not None:
        groups = float(clusters.n[row])
        square = (m2, n_log * (n - n_log) / max(n, 1.0), m2_log)
        weight = (n, n, n_log)
        effects = tuple(  # type: ignore[assignment]
            design_effect(groups, residual_squares(clusters, row, place), w, s)
            for place, w, s in zip(places(j), weight, square, strict=True)
        )
    return Sample(
        n=n,
        mean=float(units.mean[row, j]),
        m2=m2,
        n_positive=n_log,
        mean_log=float(logs.mean[row, j]),
        m2_log=m2_log,
        n_negative=float(negatives[row, j]),
        clusters=groups,
        deff_mean=effects[0],
        deff_share=effects[1],
        deff_log=effects[2],
    )
