"""Columns that drifted or did not, as a table: each change a bar; on it what chance alone gives, and what matters.

Bars that are to be compared by eye share one axis, so its end is given.

>>> longest([])
0.275
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from workbench.views.drawing import bar
from workbench.views.words import counted, number, safe, share

if TYPE_CHECKING:
    from workbench.audits.drift import ColumnDrift

PSI = "population stability index: 0 is no change, above 0.25 is a large one"
LEAST = 0.25  # of an axis, so that a small change does not look large
NULLS = 0.01  # a growth of empty values that is worth a word


def longest(columns: Iterable[ColumnDrift], large: float | None = None) -> float:
    """The end of an axis that has room for all of these columns, and for what matters in each."""
    return 1.1 * max([LEAST, *(max(column.psi, column.noise + (large or 0.0)) for column in columns)])


def columns_table(
    columns: Sequence[ColumnDrift], most: float, *, large: float | None = None, axis: bool = False
) -> str:
    """Columns with their change, its noise and what follows.

    Args:
        columns: In the order in which they are shown.
        most: The end of the bars' axis.
        large: The index that matters, the noise taken out: so it is marked that far above the noise. None: unknown.
        axis: Whether the ends of the axis are written below the bars.
    """
    ends = f'<span class="wb-axis"><span>0</span><span>{number(most, 2)}</span></span>' if axis else ""
    rows = "".join(
        _row(column, most, large, ends if place == len(columns) - 1 else "") for place, column in enumerate(columns)
    )
    key = f'<span class="wb-key wb-key-limit">{number(large, 2)} above it, which matters</span>' if large else ""
    return (
        '<table class="wb-drift"><thead><tr><th scope="col">Column</th>'
        '<th scope="col" class="wb-plot"><span class="wb-legend"><span class="wb-key wb-key-bar">change</span>'
        '<span class="wb-key wb-key-floor">what chance alone gives</span>'
        f"{key}</span></th>"
        f'<th scope="col"><abbr title="{PSI}">PSI</abbr></th>'
        f'<th scope="col">By chance</th><th scope="col">So</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(column: ColumnDrift, most: float, large: float | None, ends: str) -> str:
    drifted = column.verdict == "fail"
    so = {"fail": "drifted", "pass": "no drift"}.get(column.verdict, "not sure yet")
    limit = None if large is None else column.noise + large
    extra = []
    if column.verdict == "not enough evidence" and column.more_cases:
        extra.append(f"{counted(column.more_cases, 'more row')} would settle it")
    if column.nulls_now - column.nulls_before > NULLS:
        extra.append(f"empty in {share(column.nulls_now)}, before {share(column.nulls_before)}")
    if column.new_categories:
        extra.append(f"new: {', '.join(column.new_categories[:3])}" + (" …" if len(column.new_categories) > 3 else ""))
    gloss = f'<span class="wb-gloss">{safe("; ".join(extra))}</span>' if extra else ""
    return (
        f'<tr><th scope="row">{safe(column.column)}{gloss}</th>'
        f'<td class="wb-plot">{bar(column.psi, most=most, floor=column.noise, limit=limit, high=drifted)}{ends}</td>'
        f"<td><b>{number(column.psi, 2)}</b></td><td>{number(column.noise, 2)}</td>"
        f"<td>{'<b>' + so + '</b>' if drifted else so}</td></tr>"
    )
