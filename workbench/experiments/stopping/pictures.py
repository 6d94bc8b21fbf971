"""Pictures of an experiment over its days, and of what days can find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.data.pictures import Picture, drawn
from workbench.experiments.stopping.planning import Reach
from workbench.experiments.stopping.sequential import Look, SequentialResult

LINE, BETTER, WORSE, FUTILE = "#1f3b57", "#1b7f4d", "#b3261e", "#6b7280"


def evolution(result: SequentialResult, days: Sequence[Look]) -> Picture:
    """The difference day by day, the boundaries at the looks, and where the rule stopped.

    Args:
        result: The rule followed over its planned looks.
        days: Every day's look, the planned ones among them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 4.6), dpi=110, layout="constrained")
    ax = figure.subplots()
    times = 100.0 if result.scale == "relative" else 1.0
    names = [look.day for look in days]
    x = np.arange(len(days), dtype=float)
    estimate, error = (times * np.array([getattr(look, part) for look in days]) for part in ("estimate", "error"))
    ax.fill_between(x, estimate - 1.96 * error, estimate + 1.96 * error, color=LINE, alpha=0.12, lw=0)
    ax.plot(x, estimate, color=LINE, lw=1.6, label="difference so far, with its plain 95 % range")
    at = np.array([names.index(step.day) for step in result.steps], dtype=float)
    first = int(at[0])  # days before the first look are wide; they do not set the height
    bounds = [times * abs(v) for s in result.steps for v in (s.better_from, s.worse_from) if np.isfinite(v)]
    reach = 1.25 * float(max(np.max((np.abs(estimate) + 1.96 * error)[first:]), np.median(bounds or [0.0])))
    _bound(ax, at, [times * s.better_from for s in result.steps], reach, BETTER, "better from here")
    if np.isfinite([s.worse_from for s in result.steps]).any():
        _bound(ax, at, [times * s.worse_from for s in result.steps], reach, WORSE, "worse from here")
    if any(s.futile_until is not None for s in result.steps):
        side = "below" if result.better == "higher" else "above"
        _bound(
            ax, at, [times * (s.futile_until or 0.0) for s in result.steps], reach, FUTILE, f"not worth it {side} here"
        )
    ax.axhline(0, color="black", lw=1)
    stop = at[result.at]
    low, high = times * result.low, times * result.high
    ax.plot([stop, stop], [low, high], color="black", lw=2.2, solid_capstyle="butt")
    label = "stopped: " if result.stopped else "so far: "
    ax.plot(stop, times * result.estimate, "o", color="black", ms=7, label=f"{label}corrected difference and range")
    ax.set_ylim(-reach, reach)
    every = max(1, len(days) // 10)
    ax.set_xticks(x[::every], names[::every], rotation=30, ha="right", fontsize=8)
    ax.set_ylabel("difference, %" if result.scale == "relative" else "difference")
    ax.set_title(f"{result.arm}, looked at by the rule {result.rule.text}", fontsize=10, loc="left")
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=3)
    return drawn(figure, ax)


def days_against_effects(rows: Sequence[Reach], *, wanted: float | None = None) -> Picture:
    """The smallest effect that is found, by the days an experiment may last.

    Args:
        rows: From `planning.reach`.
        wanted: The relative effect that matters, drawn as a line.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 3.6), dpi=110, layout="constrained")
    ax = figure.subplots()
    found = [(row.days, 100 * row.effect, row.mean_days) for row in rows if row.effect is not None]
    if found:
        days, effects, means = zip(*found, strict=True)
        ax.plot(days, effects, "o-", color=LINE, lw=1.6, label="by the last day")
        if any(mean < day - 0.5 for mean, day in zip(means, days, strict=True)):
            ax.plot(means, effects, "o--", color=BETTER, lw=1.2, ms=4, label="on average, stopping early")
            ax.legend(fontsize=8, frameon=False)
    if wanted is not None:
        ax.axhline(100 * wanted, color=WORSE, lw=1, ls=":")
        label: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": 8, "color": WORSE}
        ax.annotate("the effect that matters", (0.01, 100 * wanted), xycoords=("axes fraction", "data"), **label)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("days")
    ax.set_ylabel("smallest effect found, %")
    return drawn(figure, ax)


def _bound(ax: Any, at: Any, values: Sequence[float], reach: float, colour: str, label: str) -> None:
    """A boundary at the looks; what lies outside the picture is cut at its edge."""
    ax.plot(at, np.clip(values, -reach, reach), "s--", color=colour, lw=1.2, ms=4, label=label)
