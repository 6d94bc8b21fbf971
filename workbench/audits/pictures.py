"""Audits as pictures, for notebooks and reports; what they show is in the audits themselves."""

from __future__ import annotations

from typing import Any

from workbench.audits.drift import LARGE, DriftAudit
from workbench.audits.fairness import AttributeAudit, FairnessAudit
from workbench.data.pictures import Picture, drawn

INK, QUIET, LINE = "#1f2933", "#7b8794", "#c3cad2"
COLOURS = {"pass": "#1b7f4d", "fail": "#b3261e", "not enough evidence": "#b7791f"}
SIGNS = {"pass": "shown", "fail": "refuted", "not enough evidence": "not enough evidence"}
MOST_COLUMNS = 20


def selection_rates(audit: FairnessAudit) -> Picture:
    """Selection rate by group with its interval, a panel an attribute, and the line of four fifths.

    The line stands at the target's share of the highest rate: a group that lies left of it is selected
    too rarely. Groups that are not compared are grey.
    """
    from matplotlib.figure import Figure

    heights = [len(each.groups) for each in audit.by]
    figure = Figure(figsize=(8.5, 0.42 * sum(heights) + 0.8 * len(audit.by) + 0.5), dpi=110, layout="constrained")
    panels = figure.subplots(len(audit.by), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, each in zip(panels[:, 0], audit.by, strict=True):
        _rates(panel, each)
    panels[-1, 0].set_xlabel("selection rate, with 95 % interval", fontsize=9)
    return drawn(figure)


def drift_by_column(audit: DriftAudit, *, large: float = LARGE) -> Picture:
    """Stability index by column, noise taken out, with its interval and the line that matters."""
    from matplotlib.figure import Figure

    shown = audit.columns[:MOST_COLUMNS][::-1]
    figure = Figure(figsize=(8.5, 0.28 * len(shown) + 1.3), dpi=110, layout="constrained")
    panel = figure.subplots()
    for place, each in enumerate(shown):
        colour = COLOURS[each.verdict]
        panel.plot([each.low, each.high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        panel.plot([each.excess], [place], "o", color=colour, ms=5)
        panel.plot([each.noise], [place], "|", color=QUIET, ms=10)
    panel.axvline(large, color=INK, lw=1, ls=(0, (4, 3)))
    panel.text(large, len(shown) - 0.4, f" {large:g}: matters", fontsize=9, va="bottom", color=INK)
    panel.set_yticks(range(len(shown)), [each.column for each in shown])
    panel.set_ylim(-0.7, len(shown) + 0.3)
    panel.set_xlim(left=-0.01 * max(large, max(each.high for each in shown)))
    panel.set_xlabel("population stability index, noise taken out, with 95 % interval   ( | the noise )", fontsize=9)
    bare(panel)
    return drawn(figure)


def _rates(panel: Any, audit: AttributeAudit) -> None:
    for place, group in enumerate(reversed(audit.groups)):
        found = group.rates["selection_rate"]
        if found.value is None or found.low is None or found.high is None:
            continue
        colour = INK if group.compared else LINE
        panel.plot([found.low, found.high], [place, place], color=colour, lw=2, solid_capstyle="butt")
        panel.plot([found.value], [place], "o", color=colour, ms=5)
        panel.annotate(
            f"{found.value:.3f}",
            (found.value, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    impact = audit.disparate_impact
    top = max((g.rates["selection_rate"].value or 0.0 for g in audit.groups if g.compared), default=0.0)
    if impact.target is not None and top:
        panel.text(
            impact.target * top,
            len(audit.groups) - 0.25,
            f" {impact.target:g} × highest",
            fontsize=8,
            va="top",
            color=QUIET,
        )
        panel.axvline(impact.target * top, color=COLOURS[audit.verdict], lw=1.2, ls=(0, (4, 3)))
    told = (
        "" if impact.value is None else f"   disparate impact {impact.value:.3f} [{impact.low:.3f}, {impact.high:.3f}]"
    )
    panel.set_title(
        f"by {' and '.join(audit.attributes)}{told}: {SIGNS[audit.verdict]}", loc="left", fontsize=10, color=INK
    )
    panel.set_yticks(range(len(audit.groups)), [f"{group.name}  ({group.n:,})" for group in reversed(audit.groups)])
    panel.set_ylim(-0.6, len(audit.groups) - 0.2)
    bare(panel)


def bare(panel: Any) -> None:
    """Take away what shows nothing: frames and ticks; leave a faint grid."""
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(colors=INK)
    panel.grid(axis="x", color="#eef1f4")
    panel.set_axisbelow(True)
