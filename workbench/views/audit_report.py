"""A drift audit, a data-quality audit or both as one HTML page that stands alone and loads nothing.

Each column's distribution before and now is drawn on one axis, and its stability index with the noise
that chance alone brings. A page of thirty columns has about 60 KB. Whatever a name holds is shown as text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.audits.drift import LARGE, ColumnDrift, DriftAudit
from workbench.audits.quality import QualityAudit
from workbench.audits.verdict import Verdict
from workbench.batch.page import page
from workbench.data import ColumnProfile, Histogram, Profile
from workbench.stats.groups import Floats
from workbench.views.words import safe

WIDTH, HEIGHT = 168, 40  # of a picture, in pixels
CELLS, MOST_BARS = 28, 14  # of a column of numbers; of one of categories
EDGE = 0.005  # of the rows at either end, drawn in the outermost cells
MOST_PICTURES = 100  # columns, most drifted first
WORDS: dict[Verdict, str] = {"fail": "drifted", "pass": "no drift", "not enough evidence": "not enough evidence"}
CHECKED: dict[Verdict, str] = {"fail": "failed", "pass": "passed", "not enough evidence": "not enough evidence"}
STYLE = """
main { max-width: 78rem; } td { vertical-align: middle; }
.v { white-space: nowrap; font-weight: 600; } .v-fail { color: #b3261e; } .v-pass { color: #1b7f4d; }
.v-open { color: #8a5a10; } .name { max-width: 16rem; overflow-wrap: anywhere; font-weight: 600; }
.quiet { color: #55606f; font-size: .85rem; } svg { display: block; min-width: 168px; }
.now { fill: #2463a6; fill-opacity: .35; } .before { fill: none; stroke: #1c2430; stroke-width: 1.25; }
.rail { stroke: #e4e7ec; } .noise { stroke: #7b8794; stroke-width: 2; }
.limit { stroke: #1c2430; stroke-dasharray: 3 3; }
.reach { stroke: #2463a6; stroke-width: 3; } .dot { fill: #2463a6; }
"""


def audit_report(
    title: str,
    *,
    drift: DriftAudit | None = None,
    quality: QualityAudit | None = None,
    reference: Profile | None = None,
    current: Profile | None = None,
    large: float = LARGE,
) -> str:
    """The page as HTML.

    Args:
        title: What was looked at, as plain text.
        drift: Shown with the distributions of `reference` and `current` where these are given.
        quality: Shown below.
        reference: The profile that drift was judged against.
        current: The profile that was judged.
        large: The stability index that matters, drawn as a line.
    """
    parts = [f"<h1>{safe(title)}</h1>"]
    parts += [f'<p class="said">{safe(audit.sentence)}</p>' for audit in (drift, quality) if audit is not None]
    if drift is not None:
        parts.append(_drift(drift, reference, current, large))
    if quality is not None:
        parts.append(_quality(quality))
    return page(title, "\n".join(parts), style=STYLE)


def _drift(audit: DriftAudit, reference: Profile | None, current: Profile | None, large: float) -> str:
    top = max(2.0 * large, min(8.0 * large, max(each.high for each in audit.columns)))
    rows = [
        _column_row(each, reference, current, large, top, drawn=place < MOST_PICTURES)
        for place, each in enumerate(audit.columns)
    ]
    head = ["column", "verdict", "before (line) and now (area)", "index, with its noise and limit", "PSI"]
    head += ["p, adjusted", "KS", "Jensen-Shannon", "Wasserstein", "nulls", "new categories"]
    told = (
        f"{audit.rows_before:,} rows before, {audit.rows_now:,} now. The population stability index (PSI) is larger "
        "than zero by chance alone: the grey mark is that noise, the blue line the 95 % interval of the true index "
        f"with the noise taken out, the dashed line the index that matters ({large:g}). A column has drifted where "
        "the index is beyond that line and beyond chance over all columns."
    )
    return f'<h2>Drift</h2>\n<p class="quiet">{safe(told)}</p>\n{_table(head, rows)}'


def _column_row(
    column: ColumnDrift,
    reference: Profile | None,
    current: Profile | None,
    large: float,
    top: float,
    *,
    drawn: bool,
) -> list[str]:
    sides = [side.columns[column.column] for side in (reference, current) if side is not None]
    distances = column.distances
    return [
        f'<span class="name">{safe(column.column)}</span>',
        _verdict(column.verdict, WORDS),
        _distributions(*sides) if drawn and len(sides) == 2 else "",
        _index(column, large, top) if drawn else "",
        f"{column.psi:.3f}",
        f"{column.p:.2g}",
        *(f"{distances[name]:.3f}" if name in distances else "" for name in ("ks", "jensen_shannon", "wasserstein")),
        f"{column.nulls_before:.1%} → {column.nulls_now:.1%}" if column.nulls_before or column.nulls_now else "",
        safe(", ".join(column.new_categories[:3]) + (", …" if len(column.new_categories) > 3 else "")),
    ]


def _distributions(before: ColumnProfile, now: ColumnProfile) -> str:
    """Both sides' shares on one axis, the reference as a line, the current as an area."""
    a, b = _shares(before, now)
    if not len(a) or max(a.max(), b.max()) <= 0:
        return ""
    highest = float(max(a.max(), b.max()))
    words = "distribution before and now, on one axis"
    area = f'<path class="now" d="{_steps(b / highest)}Z"/>'
    line = f'<path class="before" d="{_steps(a / highest)}"/>'
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{words}">{area}{line}</svg>'


def _shares(before: ColumnProfile, now: ColumnProfile) -> tuple[Floats, Floats]:
    if isinstance(before, Histogram) and isinstance(now, Histogram):
        sides, values = before.beside(now)
        finite = np.isfinite(values)
        sides, values = sides[:, finite], values[finite]
        if not len(values):
            return np.zeros(0), np.zeros(0)
        heights = np.cumsum(sides[0] + sides[1])
        ends = np.searchsorted(heights, [EDGE * heights[-1], (1.0 - EDGE) * heights[-1]])
        low, high = values[ends[0]], values[min(int(ends[1]), len(values) - 1)]
        place = np.clip((values - low) / ((high - low) or 1.0) * CELLS, 0, CELLS - 1).astype(np.intp)
        counted = [np.bincount(place, side, minlength=CELLS) for side in sides]
    elif not isinstance(before, Histogram) and not isinstance(now, Histogram):
        names = sorted({*before.counts, *now.counts}, key=lambda n: -before.counts.get(n, 0) - now.counts.get(n, 0))
        counted = [
            np.array([side.counts.get(each, 0) for each in names[:MOST_BARS]], dtype=float) for side in (before, now)
        ]
    else:
        return np.zeros(0), np.zeros(0)
    return counted[0] / max(1, before.n), counted[1] / max(1, now.n)


def _steps(heights: npt.NDArray[np.float64]) -> str:
    """The outline of bars whose heights lie in [0, 1]."""
    width = WIDTH / len(heights)
    drawn = "".join(
        f"V{HEIGHT - 1 - (HEIGHT - 3) * height:.1f}H{width * (place + 1):.1f}" for place, height in enumerate(heights)
    )
    return f"M0 {HEIGHT - 1}{drawn}V{HEIGHT - 1}"


def _index(column: ColumnDrift, large: float, top: float) -> str:
    def at(value: float) -> float:
        return round(4 + (WIDTH - 8) * min(1.0, value / top), 1)

    middle = HEIGHT // 2
    words = f"index {column.excess:.3f} without noise, from {column.low:.3f} to {column.high:.3f}"
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{words}">'
        f'<line class="rail" x1="4" x2="{WIDTH - 4}" y1="{middle}" y2="{middle}"/>'
        f'<line class="noise" x1="{at(column.noise)}" x2="{at(column.noise)}" y1="{middle - 9}" y2="{middle + 9}"/>'
        f'<line class="limit" x1="{at(large)}" x2="{at(large)}" y1="2" y2="{HEIGHT - 2}"/>'
        f'<line class="reach" x1="{at(column.low)}" x2="{at(column.high)}" y1="{middle}" y2="{middle}"/>'
        f'<circle class="dot" cx="{at(column.excess)}" cy="{middle}" r="4"/></svg>'
    )


def _quality(audit: QualityAudit) -> str:
    rows = [
        [
            f'<span class="name">{safe(check.column or "the table")}</span>',
            safe(check.name),
            _verdict(check.verdict, CHECKED),
            safe(check.sentence),
            "" if check.probability is None else f"{check.probability:.3f}",
            f"{check.more_cases:,}" if check.more_cases else "no number" if check.more_cases is None else "",
        ]
        for check in audit.checks
    ]
    head = ["column", "check", "verdict", "what was found", "P(within limit)", "more rows that would tell"]
    return f"<h2>Data quality</h2>\n{_table(head, rows)}"


def _verdict(verdict: Verdict, words: dict[Verdict, str]) -> str:
    look = "open" if verdict == "not enough evidence" else verdict
    return f'<span class="v v-{look}">{words[verdict]}</span>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML."""
    top = "".join(f"<th>{safe(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
