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
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from workbench.data import Categories, ColumnProfile, Histogram, Profile, ScoreCube

Whole = npt.NDArray[np.int64]
KEY_BITS = 32  # of a key, for a bin; a column's number stands above


class Numbers(msgspec.Struct, array_like=True, tag="n", frozen=True, gc=False):
    """A column of numbers but for its bins, which lie among those of all columns."""

    name: str
    centre: float
    scale: float
    nulls: int
    low: float | None
    high: float | None
    size: int  # bins that are not empty


class Arrays(NamedTuple):
    """Bins of histograms, those of one column after those of another; three arrays of one length."""

    bins: Whole  # in order within a column
    counts: Whole
    rests: Whole


@dataclass(frozen=True, eq=False)
class Inputs:
    """The profile of the inputs of some hours."""

    columns: Mapping[str, Numbers | Categories]
    arrays: Arrays  # of the columns of numbers, in their order
    rows: int
    schema: Mapping[str, str]

    def __post_init__(self) -> None:
        sizes = [column.size for column in self.columns.values() if isinstance(column, Numbers)]
        if {len(part) for part in self.arrays} != {sum(sizes)} or min(sizes, default=0) < 0:
            raise ValueError("its arrays are not as long as its columns say")

    @classmethod
    def of(cls, profile: Profile) -> Inputs:
        """A profile's arrays."""
        columns: dict[str, Numbers | Categories] = {}
        parts: tuple[list[int], list[int], list[int]] = ([], [], [])
        for name, column in profile.columns.items():
            if isinstance(column, Categories):
                columns[name] = column
                continue
            of = column
            columns[name] = Numbers(name, of.centre, of.scale, of.nulls, of.low, of.high, len(of.bins))
            for part, more in zip(parts, (of.bins, of.counts, of.rests), strict=True):
                part += more
        return cls(columns, Arrays(*(np.array(part, np.int64) for part in parts)), profile.rows, dict(profile.schema))

    @cached_property
    def profile(self) -> Profile:
        """The same as a profile."""
        return Profile({name: self.column(name) for name in self.columns}, self.rows, (), self.schema)

    def column(self, name: str) -> ColumnProfile:
        """One column as a profile has it.

        Raises:
            KeyError: There is none of this name.
            ValueError: The arrays are none that a scan could have made.
        """
        column = self.columns[name]
        if isinstance(column, Categories):
            return column
        begin = self._begins[name]
        bins, counts, rests = (part[begin : begin + column.size] for part in self.arrays)
        if (bins[1:] <= bins[:-1]).any() or not column.scale > 0:
            raise ValueError("a column holds no histogram")
        ends = (column.low, column.high)
        return Histogram.of(column.centre, column.scale, (bins, counts, rests), column.nulls, *ends)

    @cached_property
    def _begins(self) -> dict[str, int]:
        """Where the bins of each column of numbers begin."""
        begins, at = {}, 0
        for name, column in self.columns.items():
            if isinstance(column, Numbers):
                begins[name] = at
                at += column.size
        return begins

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
    numbers = [name for name, column in alike[-1].columns.items() if isinstance(column, Numbers)]
    arrays, sizes = _arrays_added(alike, numbers)
    columns: dict[str, Numbers | Categories] = {}
    for name, column in alike[-1].columns.items():
        of = [one.columns[name] for one in alike]
        if isinstance(column, Numbers):
            columns[name] = _numbers_added([each for each in of if isinstance(each, Numbers)], sizes[name])
        else:
            columns[name] = Categories.total([each for each in of if isinstance(each, Categories)])
    kinds: dict[str, str] = {}
    for one in alike:
        kinds |= one.schema
    return Inputs(columns, arrays, sum(one.rows for one in alike), kinds)


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
        if list(cube.groups) == groups:
            table += cube.table
        else:
            table[[place[group] for group in cube.groups]] += cube.table
    return ScoreCube(last.attributes, tuple(groups), table)


def _form(inputs: Inputs) -> list[tuple[str, float, float]]:
    return [
        (name, column.centre, column.scale) if isinstance(column, Numbers) else (name, 0.0, 0.0)
        for name, column in inputs.columns.items()
    ]


def _arrays_added(inputs: Sequence[Inputs], numbers: Sequence[str]) -> tuple[Arrays, dict[str, int]]:
    """The sum of all columns' arrays at once, and how many bins each column then has."""
    sizes = [one.columns[name].size for one in inputs for name in numbers]  # type: ignore[union-attr]
    bins, counts, rests = (np.concatenate([getattr(one.arrays, part) for one in inputs]) for part in Arrays._fields)
    column = np.repeat(np.tile(np.arange(len(numbers)), len(inputs)), sizes)
    keys = column << KEY_BITS | bins
    order = keys.argsort()
    keys = keys[order]
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else keys
    kept = keys[begins]
    cases, lower = (np.add.reduceat(part[order], begins) if len(keys) else part for part in (counts, rests))
    found = np.bincount(kept >> KEY_BITS, minlength=len(numbers))
    summed = Arrays(kept & ((1 << KEY_BITS) - 1), cases, lower)
    return summed, dict(zip(numbers, found.tolist(), strict=True))


def _numbers_added(columns: Sequence[Numbers], size: int) -> Numbers:
    lows = [column.low for column in columns if column.low is not None]
    highs = [column.high for column in columns if column.high is not None]
    nulls = sum(column.nulls for column in columns)
    ends = (min(lows, default=None), max(highs, default=None))
    return Numbers(columns[-1].name, columns[-1].centre, columns[-1].scale, nulls, *ends, size)
