"""Pictures of an analysis: what is believed of each arm's difference from the control."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.data.pictures import Picture as Picture
from workbench.data.pictures import drawn
from workbench.experiments import words
from workbench.experiments.results import Analysis, MetricResult
from workbench.stats.comparison import difference_density

COLOURS = {
    "better": "#1b7f4d",
    "worse": "#b3261e",
    "no difference that matters": "#1f5fa8",
    "not enough evidence": "#6b7280",
}


def differences(analysis: Analysis) -> Picture:
    """One row a metric: the density of each arm's true difference from the control.

    The shaded part holds the design's certainty; the line at zero is the control.
    """
    from matplotlib.figure import Figure

    rows = max(len(r.arms) - 1 for r in analysis.metrics.values())
    height = len(analysis.metrics) * (1.0 + 0.75 * rows)
    figure = Figure(figsize=(8.5, height), dpi=110, layout="constrained")
    axes = figure.subplots(len(analysis.metrics), 1, squeeze=False)[:, 0]
    for ax, result in zip(axes, analysis.metrics.values(), strict=True):
        _metric(ax, result, analysis.control)
    return drawn(figure)


def _metric(ax: Any, result: MetricResult, control: str) -> None:
    others = [r for r in result.arms.values() if r.verdict != "control"]
    pad = 0.35 * max(r.high - r.low for r in others)
    left, right = min(0.0, *(r.low for r in others)) - pad, max(0.0, *(r.high for r in others)) + pad
    grid = np.linspace(left, right, 400)
    for row, r in enumerate(others):
        base = float(len(others) - 1 - row)
        if r.arm in result.effects:
            density = result.effects[r.arm].density(grid)
        else:
            density = difference_density(result.posteriors[r.arm], result.posteriors[control], grid)
        curve = base + 0.72 * density / density.max()
        colour = COLOURS[r.verdict]
        inside = (grid >= r.low) & (grid <= r.high)
        ax.fill_between(grid, base, curve, where=inside, color=colour, alpha=0.35, lw=0)
        ax.plot(grid, curve, color=colour, lw=1.4)
        ax.plot([r.effect, r.effect], [base, base + 0.72], color=colour, lw=1.0, ls=":")
        label = f"{words.number(r.effect)}  [{words.number(r.low)}, {words.number(r.high)}]"
        ax.annotate(
            label, (1.01, base + 0.2), xycoords=("axes fraction", "data"), fontsize=9, color=colour, va="bottom"
        )
    ax.axvline(0, color="black", lw=1)
    ax.set_yticks([len(others) - 1 - i for i in range(len(others))], [r.arm for r in others])
    ax.set_ylim(-0.1, len(others) - 0.1)
    ax.set_xlim(left, right)
    good = "less is better" if result.metric.better == "lower" else "more is better"
    title = f"{result.metric.called}: difference from {control} ({good}), with {words.share(result.level)} intervals"
    ax.set_title(title, fontsize=10, loc="left")
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(left=False)
