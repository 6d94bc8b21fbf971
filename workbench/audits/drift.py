"""The drift audit: what was served against what the model was trained on, column by column.

A column has drifted when its change is both large (PSI above its noise by more than 0.1, or more nulls
by five points) and beyond chance (Benjamini-Hochberg over the columns). Too few cases to see a change
of that size are said to be too few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from workbench.audits.verdict import Verdict
from workbench.data import ColumnProfile, Profile
from workbench.errors import Misuse
from workbench.stats import drift as exact

LARGE = 0.1  # PSI above its noise
NULLS = 0.05  # more nulls, as a share of the rows
ALPHA = 0.05  # false discovery rate over the columns


@dataclass(frozen=True)
class ColumnDrift:
    """One column's change."""

    column: str
    psi: float
    noise: float  # PSI that chance alone gives
    p: float  # adjusted over the columns
    distance: float  # Kolmogorov-Smirnov for numbers, Jensen-Shannon for categories, in [0, 1]
    nulls_before: float  # share of the rows
    nulls_now: float
    new_categories: tuple[str, ...]
    verdict: Verdict  # "fail": it drifted

    @property
    def excess(self) -> float:
        """PSI above its noise; what the columns are ranked by."""
        return self.psi - self.noise


@dataclass(frozen=True)
class DriftAudit:
    """All columns, most drifted first."""

    columns: tuple[ColumnDrift, ...]
    rows_before: int
    rows_now: int
    verdict: Verdict
    sentence: str


def audit_drift(reference: Profile, current: Profile) -> DriftAudit:
    """Compare two profiles of the same columns and scales.

    Raises:
        Misuse: One of them has no rows, or their columns differ.
    """
    if list(reference.columns) != list(current.columns):
        raise Misuse("the profiles have different columns", hint="scan the current data with like=reference")
    if not reference.rows or not current.rows:
        raise Misuse(f"there are {reference.rows} rows before and {current.rows} now; both must be above zero")
    found = [_column(name, column, current.columns[name]) for name, column in reference.columns.items()]
    adjusted = exact.benjamini_hochberg([column.p for column in found])
    judged = sorted(
        (_judged(column, float(p)) for column, p in zip(found, adjusted, strict=True)), key=lambda c: -c.excess
    )
    drifted = [column for column in judged if column.verdict == "fail"]
    unsure = [column for column in judged if column.verdict == "not enough evidence"]
    verdict: Verdict = "fail" if drifted else "not enough evidence" if unsure else "pass"
    return DriftAudit(
        tuple(judged), reference.rows, current.rows, verdict, _sentence(judged, drifted, unsure, current.rows)
    )


def _column(name: str, before: ColumnProfile, now: ColumnProfile) -> ColumnDrift:
    rows_before, rows_now = before.n + before.nulls, now.n + now.nulls
    share_before, share_now = before.nulls / rows_before, now.nulls / rows_now
    numeric = before.scale is not None
    labels = sorted({*before.counts, *now.counts}, key=int if numeric else str)
    a = np.array([before.counts.get(label, 0) for label in labels], dtype=float)
    b = np.array([now.counts.get(label, 0) for label in labels], dtype=float)
    p_nulls = _more_nulls(before.nulls, rows_before, now.nulls, rows_now)
    if not a.sum() or not b.sum():
        index, distance = exact.Psi(0.0, 0.0, 1.0), 0.0
    else:
        index = exact.psi(*(exact.coarse(a, b) if numeric else (a, b)))
        distance = exact.kolmogorov_smirnov(a, b) if numeric else exact.jensen_shannon(a, b)
    p = min(1.0, 2 * min(index.p, p_nulls))  # Bonferroni over its two tests
    new = () if numeric else tuple(label for label in now.counts if label not in before.counts)
    return ColumnDrift(name, index.value, index.noise, p, distance, share_before, share_now, new, "pass")


def _judged(column: ColumnDrift, p: float) -> ColumnDrift:
    large = column.excess > LARGE or column.nulls_now - column.nulls_before > NULLS
    verdict: Verdict = "pass"
    if large and p < ALPHA:
        verdict = "fail"
    elif column.noise > LARGE or large:
        verdict = "not enough evidence"
    return ColumnDrift(
        column.column,
        column.psi,
        column.noise,
        p,
        column.distance,
        column.nulls_before,
        column.nulls_now,
        column.new_categories,
        verdict,
    )


def _more_nulls(nulls_before: int, rows_before: int, nulls_now: int, rows_now: int) -> float:
    """P-value of "no more nulls than before", pooled normal test."""
    share = (nulls_before + nulls_now) / (rows_before + rows_now)
    if share in {0.0, 1.0}:
        return 1.0
    error = np.sqrt(share * (1 - share) * (1 / rows_before + 1 / rows_now))
    return float(ndtr(-(nulls_now / rows_now - nulls_before / rows_before) / error))


def _sentence(judged: list[ColumnDrift], drifted: list[ColumnDrift], unsure: list[ColumnDrift], rows: int) -> str:
    if drifted:
        names = ", ".join(column.column for column in drifted[:3])
        return f"{len(drifted)} of {len(judged)} columns drifted, {names} most, in {rows:,} rows served."
    if unsure:
        return f"Too few rows to be sure: {rows:,} were served, and no column has shown a drift yet."
    return f"No column drifted: {rows:,} rows served look like the training data."
