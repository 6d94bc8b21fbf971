"""Where the relation changed: the segments of one column in which equal inputs now have another loss.

Of all columns the one is chosen whose segments differ most from each other, beyond chance; numbers are
cut at the quarters of the cases before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from workbench.audits.encoding import levels
from workbench.data.coding import UNKNOWN
from workbench.stats.classification import Z
from workbench.stats.groups import Floats

if TYPE_CHECKING:
    import pandas as pd

MOST = 12  # segments of a column
FEWEST = 50  # cases of a segment, in both sets
ALPHA = 0.01  # of the test that segments differ, over all columns


@dataclass(frozen=True)
class SegmentChange:
    """One segment on the inputs that both sets share."""

    column: str
    segment: str
    rows: tuple[int, int]  # before and now
    before: float  # mean loss, weighted to the inputs that both share
    now: float
    change: float
    low: float  # 95 % interval of the change
    high: float


def changed_segments(
    before: pd.DataFrame,
    now: pd.DataFrame,
    names: Sequence[str],
    loss_before: Floats,
    loss_now: Floats,
    weights_before: Floats,
    weights_now: Floats,
) -> tuple[SegmentChange, ...]:
    """The segments of the column that says most of where the relation changed, dearest first; empty where none does.

    Args:
        before: One row a case.
        now: The same columns.
        names: Columns to look at.
        loss_before: One a case.
        loss_now: The same.
        weights_before: How much each case counts among the inputs that both share (`Attribution`).
        weights_now: The same.
    """
    best: tuple[float, list[SegmentChange]] = (ALPHA / max(len(names), 1), [])
    for name in names:
        codes, segments = _cut(before[name], now[name])
        if not 2 <= len(segments) <= MOST:
            continue
        found = []
        for code, segment in enumerate(segments):
            was, is_now = (side == code for side in codes)
            if min(was.sum(), is_now.sum()) >= FEWEST:
                first = _mean(loss_before[was], weights_before[was])
                second = _mean(loss_now[is_now], weights_now[is_now])
                found.append(_change(name, segment, (int(was.sum()), int(is_now.sum())), first, second))
        if len(found) >= 2 and (p_value := _unlike(found)) < best[0]:
            best = (p_value, found)
    return tuple(sorted(best[1], key=lambda each: -each.change))


def _cut(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[tuple[np.ndarray, np.ndarray], list[str]]:
    """Both columns as codes of segments, and the segments' names."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(before) or before.nunique() <= MOST:
        return levels(before, now)
    known = before.to_numpy(dtype=float, na_value=np.nan)
    edges = np.unique(np.nanquantile(known, (0.25, 0.5, 0.75)))
    names = [f"below {edges[0]:.4g}", *(f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges))]
    names += [f"{edges[-1]:.4g} or more", UNKNOWN]
    numbers = (known, pd.to_numeric(now, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
    first, second = (np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="right")) for x in numbers)
    return (first, second), names


def _change(
    column: str, segment: str, rows: tuple[int, int], was: tuple[float, float], now: tuple[float, float]
) -> SegmentChange:
    change, reach = now[0] - was[0], Z * (was[1] ** 2 + now[1] ** 2) ** 0.5
    return SegmentChange(column, segment, rows, was[0], now[0], change, change - reach, change + reach)


def _mean(loss: Floats, weight: Floats) -> tuple[float, float]:
    share = weight / weight.sum()
    mean = float(share @ loss)
    return mean, float(((share * (loss - mean)) ** 2).sum() ** 0.5)


def _unlike(found: Sequence[SegmentChange]) -> float:
    """p-value of the segments' changes being one and the same (Cochran's Q)."""
    change = np.array([each.change for each in found])
    error = np.array([max((each.high - each.low) / 2 / Z, 1e-9) for each in found])
    weight = error**-2.0
    mean = (weight @ change) / weight.sum()
    return float(special.chdtrc(len(found) - 1, float((weight * (change - mean) ** 2).sum())))
