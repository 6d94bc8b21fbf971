"""The drift audit: what was served against what the model was trained on, column by column.

Nulls and categories never seen before are bins like any other, so they are drift like any other. A
column has drifted where the change is both large (a stability index of 0.1 or more, the noise taken
out) and beyond chance (false discoveries kept at 5 % over the columns). It has not where its interval
ends below 0.1. Between the two there is not enough evidence, and it is said how many rows are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from workbench.audits.verdict import Verdict
from workbench.data import ColumnProfile, Histogram, Profile
from workbench.errors import Misuse
from workbench.stats import drift as exact
from workbench.stats.groups import Floats

LARGE = 0.1  # stability index that matters, the noise taken out
ALPHA = 0.05  # false discovery rate over the columns


@dataclass(frozen=True)
class ColumnDrift:
    """One column's change."""

    column: str
    psi: float  # population stability index, as measured
    low: float  # 95 % interval of the true index, noise taken out
    high: float
    noise: float  # the index that chance alone gives on average
    p: float  # adjusted over the columns
    distances: Mapping[str, float]  # "ks", "ks_p" and "wasserstein" (in scales) of numbers; "jensen_shannon" of all
    nulls_before: float  # share of the rows
    nulls_now: float
    new_categories: tuple[str, ...]
    more_cases: int | None  # rows that would show that it has not drifted; 0: shown; None: no number would
    verdict: Verdict  # "fail": it drifted

    @property
    def excess(self) -> float:
        """The index above its noise, never below zero; what the columns are ranked by."""
        return max(0.0, self.psi - self.noise)


@dataclass(frozen=True)
class DriftAudit:
    """All columns, most drifted first."""

    columns: tuple[ColumnDrift, ...]
    rows_before: int
    rows_now: int
    verdict: Verdict
    sentence: str
    data_digest: str  # of what was served

    @property
    def drifted_share(self) -> float:
        """Share of the columns that drifted, in [0, 1]."""
        return sum(column.verdict == "fail" for column in self.columns) / len(self.columns)


def audit_drift(reference: Profile, current: Profile, *, large: float = LARGE, alpha: float = ALPHA) -> DriftAudit:
    """Compare two profiles of the same columns and scales.

    Args:
        reference: Of the training data.
        current: Of what was served, scanned with `like=reference`.
        large: Stability index that matters, above zero.
        alpha: False discovery rate over the columns, in (0, 1).

    Raises:
        Misuse: One of them has no rows or no columns, or their columns or scales differ.
    """
    if list(reference.columns) != list(current.columns) or not reference.columns:
        raise Misuse("the profiles have different columns", hint="scan the current data with like=reference")
    if not reference.rows or not current.rows:
        raise Misuse(
            f"there are {reference.rows:,} rows of training data and {current.rows:,} served; both need at least one",
            hint="widen the window, or serve the model first",
        )
    found = [_column(name, before, current.columns[name], large) for name, before in reference.columns.items()]
    adjusted = exact.benjamini_hochberg([column.p for column in found])
    judged = [_judged(column, float(p), large, alpha) for column, p in zip(found, adjusted, strict=True)]
    judged.sort(key=lambda column: (-column.excess, column.p))
    verdicts = {column.verdict for column in judged}
    verdict: Verdict = (
        "fail" if "fail" in verdicts else "not enough evidence" if "not enough evidence" in verdicts else "pass"
    )
    sentence = _sentence(judged, verdict, current.rows)
    return DriftAudit(tuple(judged), reference.rows, current.rows, verdict, sentence, current.data_digest)


def _column(name: str, before: ColumnProfile, now: ColumnProfile, large: float) -> ColumnDrift:
    a, b, distances, new = _compared(name, before, now)
    rows_before, rows_now = before.n + before.nulls, now.n + now.nulls
    index = exact.psi(np.append(a, before.nulls), np.append(b, now.nulls))
    distances["jensen_shannon"] = exact.jensen_shannon(np.append(a, before.nulls), np.append(b, now.nulls))
    more = exact.cases_to_pass(index, rows_before, rows_now, limit=large)
    return ColumnDrift(
        column=name,
        psi=index.value,
        low=index.low,
        high=index.high,
        noise=index.floor,
        p=index.p_value,
        distances=distances,
        nulls_before=before.nulls / rows_before,
        nulls_now=now.nulls / rows_now,
        new_categories=new,
        more_cases=more,
        verdict="not enough evidence",
    )


def _compared(
    name: str, before: ColumnProfile, now: ColumnProfile
) -> tuple[Floats, Floats, dict[str, float], tuple[str, ...]]:
    """Counts over the same bins, distances that only numbers have, and categories never seen before.

    Raises:
        Misuse: The column is of another kind or scale now.
    """
    if not isinstance(before, Histogram) and not isinstance(now, Histogram):
        names = sorted({*before.counts, *now.counts})
        a, b = (np.array([side.counts.get(each, 0) for each in names], dtype=float) for side in (before, now))
        return a, b, {}, tuple(each for each in now.counts if each not in before.counts)
    if not isinstance(before, Histogram) or not isinstance(now, Histogram) or before.scale != now.scale:
        raise Misuse(f"the column {name!r} is scaled differently", hint="scan the current data with like=reference")
    if not before.n:
        return np.zeros(1), np.array([float(now.n)]), {}, ()
    both = before + now
    a, b = (side.counts_at(list(both.bins)).astype(float) for side in (before, now))
    place = exact.even_bins(a)
    distances: dict[str, float] = {}
    if now.n:
        distances["ks"], distances["ks_p"] = exact.kolmogorov_smirnov(a, b)
        distances["wasserstein"] = exact.wasserstein(a, b, both.values()) / before.scale
    return np.bincount(place, a).astype(float), np.bincount(place, b).astype(float), distances, ()


def _judged(column: ColumnDrift, p: float, large: float, alpha: float) -> ColumnDrift:
    verdict: Verdict = "not enough evidence"
    if column.excess >= large and p <= alpha:
        verdict = "fail"
    elif column.high < large:
        verdict = "pass"
    return replace(column, p=p, verdict=verdict)


def _sentence(judged: list[ColumnDrift], verdict: Verdict, rows: int) -> str:
    drifted = [column for column in judged if column.verdict == "fail"]
    if drifted:
        names = ", ".join(f"{column.column} (PSI {column.psi:.2f})" for column in drifted[:3])
        return f"{len(drifted)} of {len(judged)} columns drifted in {rows:,} rows served: {names}."
    if verdict == "pass":
        return f"No column drifted: {rows:,} rows served look like the training data."
    needed = [column.more_cases for column in judged if column.verdict != "pass"]
    if None in needed:
        name = judged[0].column
        return f"No drift is shown in {rows:,} rows served, nor its absence: {name} changed by about what matters."
    most = max((cases for cases in needed if cases is not None), default=0)
    return f"No drift is shown, but {rows:,} rows served are too few to be sure; about {most:,} more would do."
