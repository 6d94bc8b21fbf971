"""The training-serving skew check: the same rows, once through the training path and once as they were served.

Feature values and predictions must agree within a tolerance, row by row. What differs is named by column,
with how often, by how much, and where it shows, how: nulls, a constant factor, a constant shift, rounding.
A check of few rows that agree is no pass: how many would be needed is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from workbench.audits.verdict import CERTAINTY, Verdict, verdict_of
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-6  # of a number, relative to its size where that is above one
ALLOWED = 0.001  # share of the rows that may differ


@dataclass(frozen=True)
class ColumnSkew:
    """One column on both paths."""

    column: str
    differing: int  # rows
    share: float
    low: float  # 95 % interval of the share of all rows that are served
    high: float
    largest: float | None  # largest difference of numbers; None: there is none, or texts differ
    how: str  # in words; empty: nothing differs
    example: str  # one row that differs, in words; empty: none


@dataclass(frozen=True)
class SkewCheck:
    """All columns, most often differing first."""

    columns: tuple[ColumnSkew, ...]
    rows: int
    differing: int  # rows in which any column differs
    more: int | None  # rows that would decide; 0: decided; None: no number would
    verdict: Verdict
    sentence: str


def check_skew(
    trained: pd.DataFrame,
    served: pd.DataFrame,
    *,
    key: str | None = None,
    tolerance: float = TOLERANCE,
    allowed: float = ALLOWED,
    certainty: float = CERTAINTY,
) -> SkewCheck:
    """Compare two frames of the same cases.

    Args:
        trained: From the training path; all its columns are compared, predictions among them.
        served: As they were served; columns that the other has not are left aside.
        key: Column that names a case; by default rows are compared in their order.
        tolerance: Difference of numbers that does not count, relative where they are above one.
        allowed: Share of the rows that may differ, in (0, 1).
        certainty: Probability from which a thing counts as shown, in (0.5, 1).

    Raises:
        Misuse: A column is missing where it was served, a key is missing or names two rows, no row is in
            both, or without a key the numbers of rows differ.
    """
    a, b, keys = _aligned(trained, served, key)
    unserved = [name for name in a.columns if name not in b.columns]
    if unserved:
        raise Misuse(f"the column {unserved[0]!r} was not served", hint=f"served were {', '.join(map(str, b.columns))}")
    found, anywhere = [], np.zeros(len(a), dtype=bool)
    for name in a.columns:
        differs, column = _column(str(name), a[name], b[name], keys, tolerance)
        anywhere |= differs
        found.append(column)
    found.sort(key=lambda column: -column.differing)
    rows, differing = len(a), int(anywhere.sum())
    chance = float(special.betainc(differing + 0.5, rows - differing + 0.5, allowed))  # that the share is allowed
    verdict = verdict_of(chance, certainty)
    more: int | None = 0
    if verdict == "not enough evidence":
        more = _rows_to_pass(rows, allowed, certainty) if differing == 0 else None
    return SkewCheck(tuple(found), rows, differing, more, verdict, _sentence(found, rows, differing, verdict, more))


def _aligned(
    trained: pd.DataFrame, served: pd.DataFrame, key: str | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    if key is None:
        if len(trained) != len(served) or trained.empty:
            raise Misuse(
                f"there are {len(trained):,} rows of training and {len(served):,} served",
                hint="name the column that identifies a row",
            )
        return trained.reset_index(drop=True), served.reset_index(drop=True), [str(k) for k in range(len(trained))]
    for name, frame in (("of training", trained), ("served", served)):
        if key not in frame.columns:
            raise Misuse(f"the rows {name} have no column {key!r}", hint="name the column that identifies a row")
        if frame[key].duplicated().any():
            raise Misuse(f"{key!r} names two rows {name}", hint="a key names each row once")
    known = trained[key][trained[key].isin(served[key])]
    if known.empty:
        raise Misuse(f"no {key!r} is in both", hint="check the rows that were sent")
    a, b = (frame.set_index(key).loc[known].reset_index(drop=True) for frame in (trained, served))
    return a, b, [str(value) for value in known]


def _column(
    name: str,
    a: pd.Series[Any],
    b: pd.Series[Any],
    keys: list[str],
    tolerance: float,
) -> tuple[np.ndarray, ColumnSkew]:
    import pandas as pd

    null_a, null_b = a.isna().to_numpy(), b.isna().to_numpy()
    numbers = pd.api.types.is_numeric_dtype(a) and pd.api.types.is_numeric_dtype(b)
    largest: float | None = None
    if numbers:
        x, y = (side.to_numpy(dtype=float, na_value=np.nan) for side in (a, b))
        gap = np.where(x == y, 0.0, np.abs(y - x))  # infinities of one sign are equal
        differs = ~(gap <= tolerance * np.maximum(1.0, np.abs(x))) & ~(null_a & null_b)
        known = differs & ~null_a & ~null_b
        largest = float(gap[known].max()) if known.any() else None
        how = _how(x, y, differs, known, null_b & ~null_a)
    else:
        same_kind = pd.api.types.is_numeric_dtype(a) == pd.api.types.is_numeric_dtype(b)
        differs = (a.astype(str).to_numpy() != b.astype(str).to_numpy()) | (not same_kind)
        differs = (differs & ~(null_a & null_b)) | (null_a != null_b)
        how = "" if not differs.any() else "other values" if same_kind else "texts on one path, numbers on the other"
        if differs.any() and (differs == (null_b & ~null_a)).all():
            how = "missing where it was served"
    count, n = int(differs.sum()), len(differs)
    low = float(special.betaincinv(count + 0.5, n - count + 0.5, 0.025)) if count else 0.0
    high = float(special.betaincinv(count + 0.5, n - count + 0.5, 0.975)) if count < n else 1.0
    first = int(np.argmax(differs))
    example = f"row {keys[first]}: {a.iloc[first]} in training, {b.iloc[first]} served" if count else ""
    return differs, ColumnSkew(name, count, count / n, low, high, largest, how, example)


def _how(x: np.ndarray, y: np.ndarray, differs: np.ndarray, known: np.ndarray, lost: np.ndarray) -> str:
    """What numbers that differ have in common."""
    if not differs.any():
        return ""
    if (differs == lost).all():
        return "missing where it was served"
    a, b = x[known], y[known]
    if len(a) >= 3:
        shift = np.median(b - a)
        if np.allclose(b - a, shift, rtol=1e-3, atol=0.0):
            return f"shifted by {shift:g}"
        factors = b[a != 0] / a[a != 0]
        if len(factors) >= 3 and np.allclose(factors, np.median(factors), rtol=1e-3):
            return f"multiplied by {np.median(factors):g}"
        for digits in range(7):
            if np.allclose(np.round(a, digits), b, rtol=0.0, atol=1e-9):
                return f"rounded to {digits} decimals"
    return "other values" + (f", {int(lost.sum()):,} of them missing" if lost.any() else "")


def _rows_to_pass(rows: int, allowed: float, certainty: float) -> int:
    """Rows to add, all of which agree, until so small a share is shown."""
    low, high = rows, max(rows, math.ceil(10.0 / allowed))
    while high - low > 1:
        middle = (low + high) // 2
        enough = special.betainc(0.5, middle + 0.5, allowed) >= certainty
        low, high = (low, middle) if enough else (middle, high)
    return high - rows


def _sentence(found: list[ColumnSkew], rows: int, differing: int, verdict: Verdict, more: int | None) -> str:
    worst = [f"{each.column} in {each.share:.1%} ({each.how})" for each in found if each.differing][:3]
    if differing:
        told = f"{differing:,} of {rows:,} rows differ between training and serving: {'; '.join(worst)}."
        return told if verdict != "not enough evidence" else f"{told} Whether that is more than chance allows is open."
    if verdict == "pass":
        return f"All {rows:,} rows are the same in training and serving."
    return f"All {rows:,} rows are the same in training and serving; about {more:,} more would make that sure."
