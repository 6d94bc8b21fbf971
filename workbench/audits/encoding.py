"""Columns of two sets of cases as what a classifier of *before* against *now* reads, and what is left out.

Broken cells say nothing there: what they cost is counted by itself. Left out, with the reason, are columns
that tell the two sets apart without meaning anything: names of rows, times, and what was constant before.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.audits.broken import Broken, broken_cells
from workbench.data.coding import UNKNOWN
from workbench.stats.domain import Column

if TYPE_CHECKING:
    import pandas as pd

LEVELS = 40  # of a category; rarer ones are one level
FEWEST = 20  # cases of a level
FEW = 12  # distinct numbers, up to which each is a level of its own


def left_out(before: pd.DataFrame, now: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Columns that cannot be a cause, with the reason."""
    import pandas as pd

    found = {}
    for name in names:
        column = before[name]
        if name not in now.columns:
            found[name] = "it is missing now"
            continue
        if _nested(column) or _nested(now[name]):
            found[name] = "its cells are no single values"
            continue
        distinct = column.nunique(dropna=False)
        if pd.api.types.is_datetime64_any_dtype(column):
            found[name] = "a time"
        elif distinct <= 1:
            found[name] = "it was constant before"
        elif (
            not pd.api.types.is_float_dtype(column)
            and distinct > max(200, 0.9 * len(column))
            and (not pd.api.types.is_numeric_dtype(column) or distinct + now[name].nunique() == len(column) + len(now))
        ):
            found[name] = "it names the rows"
    return found


def _nested(column: pd.Series[Any]) -> bool:
    """Whether a cell is a list, a mapping or the like, which nothing can be counted by."""
    return column.dtype == object and not all(isinstance(value, Hashable) for value in column)


def encoded(
    before: pd.DataFrame, now: pd.DataFrame, names: Sequence[str]
) -> tuple[list[Column], Mapping[str, list[Broken]]]:
    """Each column for the classifier, and the faults by column that has any."""
    columns, faults = [], {}
    for name in names:
        broken = broken_cells(before[name], now[name], columns=len(names))
        if broken:
            faults[name] = broken
        columns.append(_column(before[name], now[name], broken))
    return columns, faults


def _column(before: pd.Series[Any], now: pd.Series[Any], broken: Sequence[Broken]) -> Column:
    import pandas as pd

    silent = np.zeros(len(now), dtype=bool)
    for each in broken:
        silent |= each.cells > 0
    numeric = pd.api.types.is_numeric_dtype(before) and not pd.api.types.is_bool_dtype(before)
    if numeric:
        a = before.to_numpy(dtype=float, na_value=np.nan)
        b = pd.to_numeric(now, errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)
        b[silent] = np.nan
        seen = np.concatenate([a[np.isfinite(a)], b[np.isfinite(b)]])
        if len(np.unique(seen)) > FEW:
            return Column(a, b)
    codes, names = levels(before, now)
    counts = np.bincount(np.concatenate(codes), minlength=len(names))
    kept = [code for code in np.argsort(-counts, kind="stable")[:LEVELS] if counts[code] >= FEWEST]
    place = np.full(len(names), len(kept))
    place[kept] = np.arange(len(kept))
    a, b = (place[side].astype(float) for side in codes)
    b[silent] = -1
    if any(each.fault == "missing" for each in broken):
        a[before.isna().to_numpy()] = -1
    return Column(a, b, len(kept) + 1)


def levels(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[tuple[np.ndarray, np.ndarray], list[str]]:
    """Two columns of categories as codes, and what each code is called; 1 and 1.0 are one, missing is a level too."""
    import pandas as pd

    sides = [pd.factorize(side, use_na_sentinel=False) for side in (before, now)]
    named = [[_named(value) for value in values] for _, values in sides]
    place = {name: code for code, name in enumerate(dict.fromkeys(chain(*named)))}
    first, second = (
        np.array([place[name] for name in names], dtype=np.intp)[codes]
        for names, (codes, _) in zip(named, sides, strict=True)
    )
    return (first, second), list(place)


def _named(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return UNKNOWN
    return str(int(value)) if isinstance(value, float) and value == np.floor(value) else str(value)
