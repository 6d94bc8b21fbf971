"""The drift audit: what was served against what the model was trained on, column by column.

Nulls and categories never seen before are bins like any other, so they are drift like any other. A
column has drifted where the change is both large (a stability index of 0.1 or more, the noise taken
out) and beyond chance (false discoveries kept at 5 % over the columns). It has not where its interval
ends below 0.1. Between the two there is not enough evidence, and it is said how many rows are missing.
A column that is missing is null in every row; one that is of another kind now is a change by itself.

A stream of windows is looked at again and again (`watch_drift`): each look spends its share of the
error rate, so that a stream without drift raises an alarm with probability `alpha` at most, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.audits.verdict import HANDFUL, Verdict, worst
from workbench.data import ColumnProfile, Histogram, Profile
from workbench.errors import Misuse
from workbench.stats import drift as exact
from workbench.stats.change import Change, change_point
from workbench.stats.groups import Floats

LARGE = 0.1  # stability index that matters, the noise taken out
ALPHA = 0.05  # false discovery rate over the columns
NUMERIC = {"integer", "number"}


@dataclass(frozen=True)
class ColumnDrift:
    """One column's change."""

    column: str
    psi: float  # population stability index, as measured
    low: float  # 95 % interval of the true index, noise taken out
    high: float
    noise: float  # the index that chance alone gives on average
    p: float  # adjusted over the columns
    distances: Mapping[str, float]  # "ks", "ks_p", "wasserstein" (in scales) of numbers; "jensen_shannon",
    # "chi_squared", "chi_squared_p" and "cramers_v" of all; empty where none were asked for
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
class SchemaChange:
    """How the table's columns differ from the reference's."""

    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # kind before and now, by column

    @property
    def sentence(self) -> str:
        """What changed, in words; empty where nothing did."""
        told = [f"{name} was {before}, is {now}" for name, (before, now) in self.retyped.items()]
        told += [f"missing: {', '.join(self.missing)}"] if self.missing else []
        told += [f"new: {', '.join(self.added)}"] if self.added else []
        return f"The schema changed ({'; '.join(told)})." if told else ""


@dataclass(frozen=True)
class DriftAudit:
    """All columns, most drifted first."""

    columns: tuple[ColumnDrift, ...]
    rows_before: int
    rows_now: int
    verdict: Verdict
    sentence: str
    data_digest: str  # of what was served
    schema: SchemaChange = field(default_factory=SchemaChange)
    large: float = LARGE  # the index that matters, the noise taken out

    @property
    def drifted_share(self) -> float:
        """Share of the columns that drifted, in [0, 1]."""
        return sum(column.verdict == "fail" for column in self.columns) / len(self.columns)


@dataclass(frozen=True)
class DriftWatch:
    """A stream of windows, each against the same reference."""

    audits: tuple[DriftAudit, ...]  # one a window, in the order of time
    changes: Mapping[str, Change]  # by column that drifted: where in the stream it changed most

    @property
    def first(self) -> int | None:
        """The first window that drifted, from 0; None where none did."""
        return next((place for place, audit in enumerate(self.audits) if audit.verdict == "fail"), None)


def audit_drift(
    reference: Profile, current: Profile, *, large: float = LARGE, alpha: float = ALPHA, distances: bool = True
) -> DriftAudit:
    """Compare two profiles of the same columns and scales.

    Args:
        reference: Of the training data.
        current: Of what was served, scanned with `like=reference`.
        large: Stability index that matters, above zero.
        alpha: False discovery rate over the columns, in (0, 1).
        distances: Whether distances are worked out too that others measure, and no verdict rests on.

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
    sides = [(name, before, current.columns[name]) for name, before in reference.columns.items()]
    found = [_column(*of, large, distances=distances) for of in sides]
    adjusted = exact.benjamini_hochberg([column.p for column in found])
    rows = min(reference.rows, current.rows)
    judged = [_judged(column, float(p), large, alpha, rows) for column, p in zip(found, adjusted, strict=True)]
    judged.sort(key=lambda column: (-column.excess, column.p))
    schema = schema_change(reference, current)
    verdict = worst(["fail" if schema.retyped else "pass", *(column.verdict for column in judged)])
    sentence = f"{_sentence(judged, verdict, (reference.rows, current.rows), large)} {schema.sentence}".strip()
    return DriftAudit(
        tuple(judged), reference.rows, current.rows, verdict, sentence, current.data_digest, schema, large
    )


def watch_drift(
    reference: Profile,
    windows: Sequence[Profile],
    *,
    rng: np.random.Generator,
    large: float = LARGE,
    alpha: float = ALPHA,
) -> DriftWatch:
    """Audit windows of a stream in the order of time, spending the error rate over them.

    Args:
        reference: Of the training data, or a sum of earlier windows.
        windows: Each scanned with `like=reference`, the oldest first.
        rng: Shuffles the windows, to tell where a column changed.
        large: Stability index that matters, above zero.
        alpha: Chance of an alarm over the whole stream where nothing drifts, in (0, 1).

    Raises:
        Misuse: As for `audit_drift`.
    """
    audits = tuple(
        audit_drift(reference, window, large=large, alpha=exact.spent_at(look, alpha))
        for look, window in enumerate(windows, start=1)
    )
    drifted = {column.column for audit in audits for column in audit.columns if column.verdict == "fail"}
    changes = {
        name: change_point(counts, rng=rng, ordered=isinstance(before, Histogram))
        for name, before in reference.columns.items()
        if name in drifted and len(counts := window_counts(before, [window.columns[name] for window in windows])) > 1
    }
    return DriftWatch(audits, changes)


def schema_change(reference: Profile, current: Profile) -> SchemaChange:
    """Columns that are missing, new or of another kind; profiles without a schema tell of none."""
    before, now = reference.schema, current.schema
    if not before or not now:
        return SchemaChange()
    retyped = {
        name: (kind, now[name])
        for name, kind in before.items()
        if name in now and not same_kind(kind, now[name], current.columns[name].nulls)
    }
    missing = tuple(name for name in before if name not in now)
    return SchemaChange(missing, tuple(name for name in now if name not in before), retyped)


def same_kind(before: str, now: str, nulls: int) -> bool:
    """Whether a column's kind is what it was.

    Whole numbers are numbers; numbers in their place are excused where values are missing, since many
    tables cannot hold both.

    >>> same_kind("integer", "number", nulls=3), same_kind("integer", "number", nulls=0)
    (True, False)
    """
    return before == now or ({before, now} <= NUMERIC and (now == "integer" or nulls > 0))


def _column(name: str, before: ColumnProfile, now: ColumnProfile, large: float, *, distances: bool) -> ColumnDrift:
    """A column compared.

    Raises:
        Misuse: It is of another kind or scale now.
    """
    if isinstance(before, Histogram) != isinstance(now, Histogram) or (
        isinstance(before, Histogram) and isinstance(now, Histogram) and before.scale != now.scale
    ):
        raise Misuse(f"the column {name!r} is scaled differently", hint="scan the current data with like=reference")
    a, b = (np.append(of, side.nulls) for of, side in zip(_binned(before, now), (before, now), strict=True))
    rows_before, rows_now = before.n + before.nulls, now.n + now.nulls
    index = exact.psi(a, b)
    more = exact.cases_to_pass(index, rows_before, rows_now, limit=large)
    return ColumnDrift(
        column=name,
        psi=index.value,
        low=index.low,
        high=index.high,
        noise=index.floor,
        p=index.p_value,
        distances=_distances(a, b) | _ordered(before, now) if distances else {},
        nulls_before=before.nulls / rows_before,
        nulls_now=now.nulls / rows_now,
        new_categories=_new(before, now),
        more_cases=more,
        verdict="not enough evidence",
    )


def _binned(before: ColumnProfile, now: ColumnProfile) -> tuple[Floats, Floats]:
    """Counts over the same few bins, nulls left aside."""
    if isinstance(before, Histogram) and isinstance(now, Histogram):
        if not before.n:
            return np.zeros(1), np.array([float(now.n)])
        a, b = before.counts_beside(now).astype(float)
        place = exact.even_bins(a)
    else:
        sides = [side.counts for side in (before, now) if not isinstance(side, Histogram)]
        names = sorted({name for side in sides for name in side})
        a, b = (np.array([side.get(each, 0) for each in names], dtype=float) for side in sides)
        place = exact.frequent(a, b) if a.any() and b.any() else np.arange(len(names))
    return np.bincount(place, a).astype(float), np.bincount(place, b).astype(float)


def _distances(a: Floats, b: Floats) -> dict[str, float]:
    """Distances that all columns have, over the same few bins."""
    test = exact.chi_squared(a, b)
    return {
        "jensen_shannon": exact.jensen_shannon(a, b),
        "chi_squared": test.statistic,
        "chi_squared_p": test.p_value,
        "cramers_v": test.cramers_v,
    }


def _ordered(before: ColumnProfile, now: ColumnProfile) -> dict[str, float]:
    """Distances that only numbers have, over all their bins."""
    if not isinstance(before, Histogram) or not isinstance(now, Histogram) or not before.n or not now.n:
        return {}
    counts, values = before.beside(now)
    a, b = counts.astype(float)
    distance, chance = exact.kolmogorov_smirnov(a, b)
    distances, finite = {"ks": distance, "ks_p": chance}, np.isfinite(values)
    if a[finite].any() and b[finite].any():
        distances["wasserstein"] = exact.wasserstein(a[finite], b[finite], values[finite]) / before.scale
    return distances


def _new(before: ColumnProfile, now: ColumnProfile) -> tuple[str, ...]:
    """Categories that were never seen before."""
    if isinstance(before, Histogram) or isinstance(now, Histogram):
        return ()
    return tuple(each for each in now.counts if each not in before.counts)


def window_counts(reference: ColumnProfile, windows: list[ColumnProfile]) -> list[Floats]:
    """A column's counts in each window, over the reference's bins, nulls the last.

    Args:
        reference: The column in the training data.
        windows: The same column in each window, in the order of time.
    """
    if isinstance(reference, Histogram):
        numbers = [each for each in windows if isinstance(each, Histogram)]
        fine = sorted({*reference.bins, *(code for each in numbers for code in each.bins)})
        place = exact.even_bins(reference.counts_at(fine)) if reference.n else np.zeros(len(fine), dtype=int)
        bins = int(place.max(initial=0)) + 1
        counts = [np.bincount(place, each.counts_at(fine), minlength=bins) for each in numbers]
    else:
        texts = [each for each in windows if not isinstance(each, Histogram)]
        names = sorted({name for each in texts for name in each.counts})
        counts = [np.array([each.counts.get(name, 0) for name in names], dtype=float) for each in texts]
    return [np.append(found, each.nulls) for found, each in zip(counts, windows, strict=True)]


def _judged(column: ColumnDrift, p: float, large: float, alpha: float, rows: int) -> ColumnDrift:
    verdict: Verdict = "not enough evidence"
    if rows < HANDFUL:
        return replace(column, p=p)
    if column.excess >= large and p <= alpha:
        verdict = "fail"
    elif column.high < large:
        verdict = "pass"
    return replace(column, p=p, verdict=verdict)


def _sentence(judged: list[ColumnDrift], verdict: Verdict, sizes: tuple[int, int], large: float) -> str:
    rows = sizes[1]
    drifted = [column for column in judged if column.verdict == "fail"]
    if drifted:
        names = ", ".join(f"{column.column} (PSI {column.psi:.2f})" for column in drifted[:3])
        return f"{len(drifted)} of {len(judged)} columns drifted in {rows:,} rows served: {names}."
    if verdict == "pass":
        return f"No column drifted: {rows:,} rows served look like the training data."
    open_ones = [column for column in judged if column.verdict != "pass"]
    if hopeless := [column for column in open_ones if column.more_cases is None]:
        name = hopeless[0].column
        why = f"{name} changed by about what matters"
        if hopeless[0].excess < large / 2:
            why = f"{sizes[0]:,} rows of training data are too few to tell of {name}"
        return f"No drift is shown in {rows:,} rows served, nor its absence: {why}."
    most = max((column.more_cases or 0 for column in open_ones), default=0)
    return f"No drift is shown, but {rows:,} rows served are too few to be sure; about {most:,} more would do."
