"""Fairness as pictures beyond the selection rates: thresholds, the lattice, slices, calibration.

They show what is in the audits' own results and compute nothing; see `audits.pictures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.audits.by_score import ScoreAudit
from workbench.audits.lattice import CALLED, Lattice
from workbench.audits.pictures import COLOURS, INK, LINE, QUIET, bare
from workbench.audits.slices import SliceAudit
from workbench.audits.thresholds import ThresholdTable
from workbench.data.pictures import Picture, drawn

PALETTE = ("#1f5fa8", "#b3261e", "#1b7f4d", "#b7791f", "#6b3fa0", "#0f7c86", "#8a4b2a", "#52606d")
MOST = 12  # rows of a picture


def threshold_curves(table: ThresholdTable, *, metrics: Sequence[str] = ("selection_rate", "tpr")) -> Picture:
    """Each group's rates over all thresholds, a panel a metric, with the best common threshold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.3 * len(metrics), 3.6), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    own = set(table.rules["common"].thresholds) if table.rules else set()
    for panel, metric in zip(panels, metrics, strict=True):
        rates = table.rates(metric)
        for place, group in enumerate(g for g in table.groups if g in own):
            row = table.groups.index(group)
            colour = PALETTE[place % len(PALETTE)]
            panel.plot(table.thresholds, rates[row], color=colour, lw=1.6, label=", ".join(group))
        if own:
            panel.axvline(next(iter(table.rules["common"].thresholds.values())), color=INK, lw=1, ls=(0, (4, 3)))
        panel.set_title(CALLED.get(metric, metric), loc="left", fontsize=10, color=INK)
        panel.set_xlabel("threshold", fontsize=9)
        panel.set_xlim(0, 1)
        panel.set_ylim(-0.02, 1.02)
        bare(panel)
    if own:
        panels[-1].legend(frameon=False, fontsize=8, labelcolor=INK)
    return drawn(figure)


def lattice_differences(found: Lattice) -> Picture:
    """The surest differences, with their intervals; grey where chance would do as much."""
    rows = [
        (
            f"{row.name}: {CALLED.get(row.metric, row.metric)}",
            f"{row.value:.1%}, {row.others} {row.others_value:.1%}",
            (row.difference, row.low, row.high),
            INK if place < found.found else QUIET,
        )
        for place, row in enumerate(found.comparisons[:MOST])
    ]
    return _intervals(rows, "difference from others, with 95 % interval")


def worst_slices(audit: SliceAudit) -> Picture:
    """The worst slices' error rates beside those of all other cases; grey where chance would do as much."""
    from matplotlib.figure import Figure

    shown = audit.slices[:MOST][::-1]
    figure = Figure(figsize=(8.5, 0.34 * max(len(shown), 1) + 1.1), dpi=110, layout="constrained")
    panel = figure.subplots()
    for place, each in enumerate(shown):
        panel.barh(place, each.error_rate, height=0.6, color=COLOURS["fail"] if each.found else LINE)
        panel.plot([each.rest_rate] * 2, [place - 0.36, place + 0.36], color=INK, lw=1.4)
    panel.set_yticks(range(len(shown)), [f"{each.name}  ({each.n:,})" for each in shown])
    panel.set_xlabel("share of wrong answers   ( | of all others )", fontsize=9)
    bare(panel)
    return drawn(figure)


def calibration_curves(audit: ScoreAudit, *, least: int = 20) -> Picture:
    """Share of yes over the mean score, a line a group, a point a band of so many cases; the diagonal is agreement."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), dpi=110, layout="constrained")
    panel = figure.subplots()
    panel.plot([0, 1], [0, 1], color=QUIET, lw=1, ls=(0, (4, 3)))
    curves = {each.group: [row[:2] for row in each.calibration.curve if row[2] >= least] for each in audit.groups}
    large = {group: points for group, points in curves.items() if len(points) > 1}
    for place, (group, points) in enumerate(large.items()):
        score, observed = np.array(points).T
        colour = PALETTE[place % len(PALETTE)]
        panel.plot(score, observed, color=colour, lw=1.6, marker="o", ms=3.5, label=", ".join(group))
    panel.set_xlabel("mean score", fontsize=9)
    panel.set_ylabel("share of yes", fontsize=9)
    if large:
        panel.legend(frameon=False, fontsize=8, labelcolor=INK)
    bare(panel)
    return drawn(figure)


def _intervals(rows: list[tuple[str, str, tuple[float, float, float], str]], label: str) -> Picture:
    """Rows of text, interval and point, the first on top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 0.4 * max(len(rows), 1) + 0.9), dpi=110, layout="constrained")
    panel: Any = figure.subplots()
    for place, (_, told, (value, low, high), colour) in enumerate(reversed(rows)):
        panel.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        panel.plot([value], [place], "o", color=colour, ms=5)
        panel.annotate(told, (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8, color=colour)
    panel.axvline(0, color=QUIET, lw=1)
    panel.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
    panel.set_ylim(-0.6, max(len(rows), 1))
    panel.margins(x=0.2)
    panel.set_xlabel(label, fontsize=9)
    bare(panel)
    return drawn(figure)
