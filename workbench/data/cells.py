"""Where a unit is counted in a moment cube, and what a cube tells of a measure over its days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from workbench.stats.moments import Sample


@dataclass(frozen=True, order=True)
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
