"""Many profiles or score cubes added at once, as a window of hours is: column by column, in one step each.

The result is that of adding one after the other, whose cost would be that of a scan at each step.

>>> import pandas as pd
>>> from workbench.data import Profile
>>> day = Profile.scan(pd.DataFrame({"age": [31.0, 40.0, None]}))
>>> profiles_added([day, day, day]) == day + day + day
True
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.data import Categories, ColumnProfile, Histogram, Profile, ScoreCube


def profiles_added(profiles: Sequence[Profile]) -> Profile | None:
    """The sum of profiles with the columns and scales of the last; those of another form are left out.

    Args:
        profiles: In the order of time.
    """
    if not profiles:
        return None
    form = _form(profiles[-1])
    alike = [profile for profile in profiles if profile is profiles[-1] or _form(profile) == form]
    if len(alike) == 1:
        return alike[0]
    columns = {name: _added([profile.columns[name] for profile in alike]) for name in alike[-1].columns}
    kinds: dict[str, str] = {}
    for profile in alike:
        kinds |= profile.schema
    sources = tuple(sorted(source for profile in alike for source in profile.sources))
    return Profile(columns, sum(profile.rows for profile in alike), sources, kinds)


def cubes_added(cubes: Sequence[ScoreCube]) -> ScoreCube | None:
    """The sum of score cubes by the attributes and bins of the last; those of another form are left out."""
    if not cubes:
        return None
    last = cubes[-1]
    alike = [cube for cube in cubes if (cube.attributes, cube.bins) == (last.attributes, last.bins)]
    groups = sorted({group for cube in alike for group in cube.groups})
    place = {group: row for row, group in enumerate(groups)}
    table = np.zeros((len(groups), *last.table.shape[1:]), np.int64)
    for cube in alike:
        table[[place[group] for group in cube.groups]] += cube.table
    return ScoreCube(last.attributes, tuple(groups), table)


def _form(profile: Profile) -> list[tuple[str, float, float]]:
    return [
        (name, column.centre, column.scale) if isinstance(column, Histogram) else (name, 0.0, 0.0)
        for name, column in profile.columns.items()
    ]


def _added(columns: Sequence[ColumnProfile]) -> ColumnProfile:
    numbers = [column for column in columns if isinstance(column, Histogram)]
    if len(numbers) != len(columns):
        texts = [column for column in columns if isinstance(column, Categories)]
        total = texts[0]
        for each in texts[1:]:
            total = total + each
        return total
    bins, counts, rests = (
        np.concatenate([np.asarray(getattr(column, part), dtype=np.int64) for column in numbers])
        for part in ("bins", "counts", "rests")
    )
    kept, place = np.unique(bins, return_inverse=True)
    cases, lower = np.zeros(len(kept), np.int64), np.zeros(len(kept), np.int64)
    np.add.at(cases, place, counts)
    np.add.at(lower, place, rests)
    ends = [end for column in numbers for end in (column.low, column.high) if end is not None]
    first = numbers[-1]
    return Histogram.of(
        first.centre,
        first.scale,
        (kept, cases, lower),
        sum(column.nulls for column in numbers),
        min(ends, default=None),
        max(ends, default=None),
    )
