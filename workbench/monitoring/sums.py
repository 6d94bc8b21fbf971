"""Profiles and score cubes as summaries hold them: arrays that add many at once, made a profile when one asks.

The sum is that of adding one profile after the other, whose cost would be that of a scan at each step.

>>> import pandas as pd
>>> day = Profile.scan(pd.DataFrame({"age": [31.0, 40.0, None]}))
>>> inputs_added([Inputs.of(day)] * 3).profile == day + day + day
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from workbench.data import Categories, Histogram, Profile, ScoreCube

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column's histogram, as arrays."""

    centre: float
    scale: float
    nulls: int
    low: float | None
    high: float | None
    bins: Whole  # in order
    counts: Whole
    rests: Whole

    @cached_property
    def histogram(self) -> Histogram:
        """The same as a profile has it.

        Raises:
            ValueError: The arrays are none that a scan could have made.
        """
        fits = len(self.bins) == len(self.counts) == len(self.rests)
        if not fits or (np.diff(self.bins) <= 0).any() or not self.scale > 0:
            raise ValueError("a column holds no histogram")
        return Histogram.of(
            self.centre, self.scale, (self.bins, self.counts, self.rests), self.nulls, self.low, self.high
        )


@dataclass(frozen=True, eq=False)
class Inputs:
    """The profile of the inputs of some hours."""

    columns: Mapping[str, Numbers | Categories]
    rows: int
    schema: Mapping[str, str]

    @classmethod
    def of(cls, profile: Profile) -> Inputs:
        """A profile's arrays."""
        columns: dict[str, Numbers | Categories] = {}
        for name, column in profile.columns.items():
            if isinstance(column, Categories):
                columns[name] = column
                continue
            arrays = (np.array(part, dtype=np.int64) for part in (column.bins, column.counts, column.rests))
            columns[name] = Numbers(column.centre, column.scale, column.nulls, column.low, column.high, *arrays)
        return cls(columns, profile.rows, dict(profile.schema))

    @cached_property
    def profile(self) -> Profile:
        """The same as a profile."""
        told = {
            name: column if isinstance(column, Categories) else column.histogram
            for name, column in self.columns.items()
        }
        return Profile(told, self.rows, (), self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inputs) and self.profile == other.profile

    __hash__ = None  # type: ignore[assignment]  # equal by what it counts


def inputs_added(inputs: Sequence[Inputs]) -> Inputs | None:
    """The sum of inputs with the columns and scales of the last; those of another form are left out.

    Args:
        inputs: In the order of time.
    """
    if not inputs:
        return None
    form = _form(inputs[-1])
    alike = [one for one in inputs if one is inputs[-1] or _form(one) == form]
    if len(alike) == 1:
        return alike[0]
    columns = {name: _added([one.columns[name] for one in alike]) for name in alike[-1].columns}
    kinds: dict[str, str] = {}
    for one in alike:
        kinds |= one.schema
    return Inputs(columns, sum(one.rows for one in alike), kinds)


def cubes_added(cubes: Sequence[ScoreCube]) -> ScoreCube | None:
    """The sum of score cubes by the attributes and bins of the last; those of another form are left out."""
    if not cubes:
        return None
    last = cubes[-1]
    alike = [cube for cube in cubes if (cube.attributes, cube.bins) == (last.attributes, last.bins)]
    if len(alike) == 1:
        return last
    groups = sorted({group for cube in alike for group in cube.groups})
    place = {group: row for row, group in enumerate(groups)}
    table = np.zeros((len(groups), *last.table.shape[1:]), np.int64)
    for cube in alike:
        table[[place[group] for group in cube.groups]] += cube.table
    return ScoreCube(last.attributes, tuple(groups), table)


def _form(inputs: Inputs) -> list[tuple[str, float, float]]:
    return [
        (name, column.centre, column.scale) if isinstance(column, Numbers) else (name, 0.0, 0.0)
        for name, column in inputs.columns.items()
    ]


def _added(columns: Sequence[Numbers | Categories]) -> Numbers | Categories:
    numbers = [column for column in columns if isinstance(column, Numbers)]
    if len(numbers) != len(columns):
        texts = [column for column in columns if isinstance(column, Categories)]
        total = texts[0]
        for each in texts[1:]:
            total = total + each
        return total
    bins, counts, rests = (
        np.concatenate([getattr(column, part) for column in numbers]) for part in ("bins", "counts", "rests")
    )
    kept, place = np.unique(bins, return_inverse=True)
    cases, lower = np.zeros(len(kept), np.int64), np.zeros(len(kept), np.int64)
    np.add.at(cases, place, counts)
    np.add.at(lower, place, rests)
    ends = [end for column in numbers for end in (column.low, column.high) if end is not None]
    return Numbers(
        centre=numbers[-1].centre,
        scale=numbers[-1].scale,
        nulls=sum(column.nulls for column in numbers),
        low=min(ends, default=None),
        high=max(ends, default=None),
        bins=kept,
        counts=cases,
        rests=lower,
    )
