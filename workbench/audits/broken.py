"""Cells that are broken: what arrives now as it never did before, column by column and row by row.

Four things break a column: values that are missing more often, categories never seen, numbers far outside
the range that was known, and one number that is suddenly repeated (a zero or a default that fills in for
what no longer arrives). Each must be more than chance. A cell counts by the share by which its kind has
grown: where nulls went from 10 % to 40 %, each null is three quarters broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import special

from workbench.stats.groups import Floats

if TYPE_CHECKING:
    import pandas as pd

Fault = Literal["missing", "new category", "out of range", "repeated value"]

RARE = 1e-4  # p-value below which more is more than chance, over all columns
LEAST = 0.002  # growth of a share that is told
REPEATED = 0.02  # growth of one value's share that is told
MANY = 20  # distinct numbers, from which one that repeats is a fault
MARGIN = 0.5  # of the known range, by which a number must lie outside it


@dataclass(frozen=True)
class Broken:
    """One fault of one column."""

    column: str
    fault: Fault
    before: float  # share of the rows that had it
    now: float
    values: tuple[str, ...]  # the new categories, the repeated value, or the extremes
    cells: Floats  # one a row now: by how much its cell is broken, in [0, 1]

    @property
    def words(self) -> str:
        """What happened, in words."""
        rows = f"in {_percent(self.now)} of the rows (before {_percent(self.before)})"
        if self.fault == "missing":
            return f"{self.column} stopped arriving, {rows}"
        if self.fault == "new category":
            return f"{self.column} has values never seen before ({', '.join(self.values)}), {rows}"
        if self.fault == "out of range":
            return f"{self.column} is far outside the range known ({self.values[0]} to {self.values[1]}), {rows}"
        return f"{self.column} is {self.values[0]} {rows}"


def broken_cells(before: pd.Series[Any], now: pd.Series[Any], *, columns: int = 1) -> list[Broken]:
    """The faults of one column.

    Args:
        before: The column as it was known.
        now: As it arrives.
        columns: How many are looked at together, by which chance grows.
    """
    import pandas as pd

    name, limit = str(now.name), RARE / columns
    null_before, null_now = before.isna().to_numpy(), now.isna().to_numpy()
    numeric = pd.api.types.is_numeric_dtype(before) and not pd.api.types.is_bool_dtype(before)
    found: list[Broken] = []
    if numeric:
        then = before.to_numpy(dtype=float, na_value=np.nan)
        number = pd.to_numeric(now, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        null_now = np.isnan(number)  # a text where numbers were cannot be read: it does not arrive
        found += _numbers(name, then[~null_before], number, limit)
    else:
        found += _categories(name, before[~null_before], now, null_now, limit)
    was, share = float(null_before.mean()), float(null_now.mean())
    if share - was >= LEAST and _grown(int(null_before.sum()), len(before), int(null_now.sum()), len(now)) < limit:
        found.append(Broken(name, "missing", was, share, (), np.where(null_now, 1.0 - was / share, 0.0)))
    return found


def _numbers(name: str, then: Floats, number: Floats, limit: float) -> list[Broken]:
    found: list[Broken] = []
    if not len(then):
        return found
    low, high = float(then.min()), float(then.max())
    reach = MARGIN * (high - low)
    known = ~np.isnan(number)
    outside = known & ((number < low - reach) | (number > high + reach))
    if outside.any() and reach > 0 and _never(int(outside.sum()), len(then), len(number)) < limit:
        ends = tuple(f"{end:.6g}" for end in (low, high))
        found.append(Broken(name, "out of range", 0.0, float(outside.mean()), ends, outside.astype(float)))
    if known.any() and len(np.unique(then)) > MANY:
        values, counts = np.unique(number[known], return_counts=True)
        value, count = values[counts.argmax()], int(counts.max())
        had = int((then == value).sum())
        was, share = had / len(then), count / len(number)
        is_it = number == value
        second = int(np.partition(counts, -2)[-2]) if len(counts) > 1 else 0
        fresh = share - was >= REPEATED and share >= 3 * was and count >= 3 * second and not (outside & is_it).any()
        if fresh and _grown(had, len(then), count, len(number)) < limit:
            found.append(Broken(name, "repeated value", was, share, (f"{value:g}",), is_it * (1.0 - was / share)))
    return found


def _categories(
    name: str, then: pd.Series[Any], now: pd.Series[Any], null_now: np.ndarray, limit: float
) -> list[Broken]:
    import pandas as pd

    known = set(map(str, then.unique()))
    codes, values = pd.factorize(now, use_na_sentinel=False)
    texts = [str(value) for value in values]
    new = np.array([text not in known for text in texts], dtype=bool)[codes] & ~null_now
    if not new.any() or _never(int(new.sum()), len(then), len(now)) >= limit:
        return []
    counts = np.bincount(codes[new], minlength=len(texts))
    names = tuple(texts[code] for code in np.argsort(-counts, kind="stable")[:3] if counts[code])
    return [Broken(name, "new category", 0.0, float(new.mean()), names, new.astype(float))]


def _never(rows: int, before: int, now: int) -> float:
    """Probability that so many rows of a kind all fall into the set now, were both sets alike."""
    total = before + now
    return float(
        np.exp(
            special.gammaln(now + 1)
            - special.gammaln(now - rows + 1)
            + special.gammaln(total - rows + 1)
            - special.gammaln(total + 1)
        )
    )


def _grown(had: int, before: int, has: int, now: int) -> float:
    """One-sided p-value of a share that has grown, by the normal approximation."""
    share = (had + has) / (before + now)
    spread = (share * (1.0 - share) * (1.0 / before + 1.0 / now)) ** 0.5
    return float(special.ndtr(-(has / now - had / before) / spread)) if spread > 0 else 1.0


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or share == 0 else f"{share:.1%}"
