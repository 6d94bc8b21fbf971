"""The one scan behind a moment cube: a plan goes to a table, its answer comes back as arrays.

One query (`statements`) gives counts, moments and faults in one pass; what a silent aggregate would
have swallowed is refused here in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.data.cells import day_order
from workbench.data.faults import refuse_faults, refuse_missing, refuse_scale
from workbench.data.sources import Answer, Table, opened
from workbench.data.statements import Measure, Plan, Within, cap_statement, check_within, pairs, statement
from workbench.errors import Misuse
from workbench.stats.moments import Floats, Logs, Moments

__all__ = ["Measure", "Plan", "Scanned", "Within", "cap_at", "scan", "scan_sql"]


@dataclass(frozen=True)
class Scanned:
    """What a scan found, one row a cell; a cell may come more than once, in parts that add up."""

    keys: tuple[tuple[tuple[str, ...], str, str], ...]  # segment, day, arm
    units: Moments
    logs: Logs
    negatives: Floats
    clusters: Moments | None
    rows: int  # of the table, in these arms
    sql: str
    digest: str
    across: Moments | None = None  # clusters counted once, one row a day and arm, in order; None: as in the cells


def scan(source: Any, plan: Plan, *, digest: str | None = None) -> Scanned:
    """Scan a table once, as `MomentCube.scan` describes.

    Raises:
        Misuse: The table cannot be read as asked, or what it holds would mislead.
    """
    with opened(source) as table:
        _check(table, plan.columns)
        sql = table.spelled(statement(plan, kinds=table.kinds))
        answer = table.scan(plan)
        refuse_faults(plan, answer, texts=plan.day is not None and table.kinds.get(plan.day) == "text")
        found = _scanned(plan, answer, sql, digest or table.digest(sql, answer))
        refuse_scale(plan, found.units, found.logs)
        if found.clusters is None or not plan.segments:
            return found
        once = _scanned(replace(plan, segments=()), table.scan(replace(plan, segments=())), sql, found.digest)
        order = sorted(range(len(once.keys)), key=lambda i: (day_order(once.keys[i][1]), once.keys[i][2]))
        across = None if once.clusters is None else Moments(*(part[order] for part in once.clusters))
        spans = across is not None and float(across.n.sum()) < float(found.clusters.n.sum())
        return replace(found, across=across if spans else None)


def scan_sql(source: Any, plan: Plan) -> str:
    """The query that a scan of this source would run, in its own dialect; nothing is scanned.

    Raises:
        Misuse: The source lacks a column.
    """
    with opened(source) as table:
        _check(table, plan.columns)
        return table.spelled(statement(plan, kinds=table.kinds))


def cap_at(source: Any, column: str, share: float, *, unit: str | None = None, within: Within = "sum") -> float:
    """The number that a share of the units does not exceed, all arms together: a cap for a measure.

    Args:
        source: What `MomentCube.scan` takes.
        column: Where the number is read.
        share: Share of units at or below it, in (0, 1); 0.99 and more is usual.
        unit: The column that names the unit; its rows are made one number first.
        within: How.

    Returns:
        The quantile, between two units' numbers by straight line. It is taken over all arms: one an
        arm would hide what a treatment does to its largest numbers.

    Raises:
        Misuse: The share is out of range, or a number is missing.

    >>> import pandas as pd
    >>> cap_at(pd.DataFrame({"spend": [0.0, 1.0, 2.0, 3.0, 100.0]}), "spend", 0.75)
    3.0
    """
    if not 0 < share < 1:
        raise Misuse(f"share is {share}; it must lie in (0, 1)", hint="0.99 caps the largest hundredth")
    check_within(within)
    with opened(source) as table:
        _check(table, (column, unit) if unit is not None else (column,))
        found = table.ask(cap_statement(column, share, unit, within, kinds=table.kinds))
    if not found["n"][0]:
        raise Misuse("the data has no row")
    if found["fault"][0]:
        refuse_missing(int(found["fault"][0]), "unit" if unit is not None else "row", column)
    return float(found["cap"][0])


def _check(table: Table, wanted: Sequence[str]) -> None:
    if absent := sorted(set(wanted) - set(table.columns)):
        raise Misuse(f"there is no column {', '.join(absent)}", hint=f"the columns are: {', '.join(table.columns)}")


def _scanned(plan: Plan, answer: Answer, sql: str, digest: str) -> Scanned:
    k, rows = len(plan.measures), len(answer["n"])

    def column(name: str) -> Floats:
        return np.array(answer[name], dtype=np.float64)

    def optional(name: str, there: bool) -> Floats:
        """Zero where it was not asked for, or there was nothing to take it of."""
        return np.nan_to_num(column(name)) if there else np.zeros(rows)

    def moments(count: str, mean: str, covariance: str, size: int) -> Moments:
        n, scatter = column(count), np.zeros((rows, size, size))
        for i, j in pairs(size):
            scatter[:, i, j] = scatter[:, j, i] = n * column(f"{covariance}{i}_{j}")
        return Moments(n, np.column_stack([column(f"{mean}{j}") for j in range(size)]), scatter)

    above = np.column_stack([column(f"above{j}") for j in range(k)])
    log = np.column_stack([optional(f"log{j}", m.logs) for j, m in enumerate(plan.measures)])
    spread = np.column_stack([optional(f"spread{j}", m.logs) for j, m in enumerate(plan.measures)])
    segments = zip(*(answer[f"s{i}"] for i in range(len(plan.segments))), strict=True) if plan.segments else [()] * rows
    return Scanned(
        keys=tuple(zip(segments, answer["day"], answer["arm"], strict=True)),
        units=moments("n", "mean", "cov", k),
        logs=Logs(above, log, above * spread),
        negatives=np.column_stack([column(f"below{j}") for j in range(k)]),
        clusters=moments("clusters", "v", "w", 1 + 3 * k) if plan.cluster is not None else None,
        rows=int(column("lines").sum()),
        sql=sql,
        digest=digest,
    )
