"""Pictures of prices: revenue a visitor along the list with its band, and what ways of pricing lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.data.pictures import Picture, drawn
from workbench.experiments.prices.elasticity import ShareCurve
from workbench.experiments.prices.reading import price_tag
from workbench.experiments.prices.table import PriceTable
from workbench.experiments.prices.worlds import Simulated

INK, BAND, TODAY, BEST = "#1f4e79", "#1f4e79", "#6b7280", "#1b7f4d"
LINES = ("#1b7f4d", "#b3261e", "#b7791f", "#1f4e79", "#6b46a0", "#6b7280")
COLUMNS = 4


def revenue_curves(table: PriceTable) -> Picture:
    """One panel a segment: expected revenue a visitor by price, its band, and the weights of the next table."""
    design, reading = table.design, table.reading
    figure, axes = _panels(len(design.segments))
    top = 1.12 * float(reading.high.max())
    for s, (ax, segment) in enumerate(zip(axes, design.segments, strict=False)):
        read = reading.segments[segment]
        ax.fill_between(design.prices, reading.low[s], reading.high[s], color=BAND, alpha=0.18, lw=0)
        ax.plot(design.prices, reading.expected[s], color=INK, lw=1.6)
        ax.vlines(design.prices, 0, top * table.weights[s] / 3, color=BEST, lw=5, alpha=0.5)
        ax.axvline(read.reference, color=TODAY, lw=1, ls=":")
        ax.plot([read.best], [read.at_best.mean], "o", color=BEST, ms=5)
        ax.set_title(
            f"{segment}: best {price_tag(read.best, design)}, now {price_tag(read.reference, design)}",
            fontsize=9,
            loc="left",
        )
        ax.set_ylim(0, top)
    figure.supxlabel(
        f"price, {design.currency} (dotted: charged now; bars: weights of the next table, of a third of the height)",
        fontsize=9,
    )
    figure.supylabel(f"revenue a visitor, {design.currency}, with {reading.level:.0%} band", fontsize=9)
    return drawn(figure)


def losses(runs: Mapping[str, Simulated]) -> Picture:
    """What each way of pricing lost up to each day, as a share of all that could have been earned."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), dpi=110, layout="constrained")
    ax = figure.subplots()
    for colour, (name, run) in zip(LINES * 2, runs.items(), strict=False):
        ax.plot(
            np.arange(1, len(run.lost) + 1),
            100 * run.lost.cumsum() / run.oracle.sum(),
            color=colour,
            lw=1.6,
            label=name,
        )
    ax.set_xlabel("day", fontsize=9)
    ax.set_ylabel("lost so far, % of what could be earned", fontsize=9)
    ax.legend(fontsize=8, frameon=False)
    _open(ax)
    return drawn(figure)


def share_curves(curve: ShareCurve, *, price: str, noun: str) -> Picture:
    """One panel a segment (called `noun`): the share above zero by price, its band, and what was counted."""
    figure, axes = _panels(len(curve.segments))
    for s, (ax, segment) in enumerate(zip(axes, curve.segments, strict=False)):
        ax.fill_between(curve.prices, curve.low[s], curve.high[s], color=BAND, alpha=0.18, lw=0)
        ax.plot(curve.prices, curve.share[s], color=INK, lw=1.6)
        ax.plot(curve.prices, curve.raw[s], "o", color=TODAY, ms=4)
        ax.set_title(f"{noun} {segment}", fontsize=9, loc="left")
        ax.set_ylim(float(np.nanmin([curve.low.min(), np.nanmin(curve.raw)])) - 0.05, 1)
    figure.supxlabel(f"{price} (dots: as counted)", fontsize=9)
    return drawn(figure)


def _panels(count: int) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.0 * rows + 0.5), dpi=110, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, sharex=True).ravel())
    for ax in axes[:count]:
        _open(ax)
    for ax in axes[count:]:
        ax.set_visible(False)
    return figure, axes[:count]


def _open(ax: Any) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=8)
