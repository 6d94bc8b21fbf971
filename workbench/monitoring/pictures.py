"""One model's hours as a picture: traffic, errors, latency and the answers, on one time axis, with since when."""

from __future__ import annotations

from typing import Any

from workbench.data.pictures import Picture, drawn
from workbench.monitoring.passes import Looked

INK, QUIET, BAD = "#1f2933", "#c3cad2", "#b3261e"


def hours_picture(looked: Looked) -> Picture:
    """The hours of a model that was looked at; the dashed line is when its gravest trouble began."""
    from matplotlib import dates
    from matplotlib.figure import Figure

    watched = looked.watched
    kept = watched.subject.declared
    times = [at for at, _ in watched.hours]
    hours = [hour for _, hour in watched.hours]
    figure = Figure(figsize=(8.5, 6.0), dpi=110, layout="constrained")
    panels: Any = figure.subplots(4, 1, sharex=True)
    series: tuple[tuple[str, Any, float | None], ...] = (
        ("requests an hour", [hour.asked for hour in hours], None),
        ("failed, share", [hour.failed / hour.asked if hour.asked else 0.0 for hour in hours], kept.errors),
        (f"{kept.latency[0]:.0%} within, s", [hour.quantile(kept.latency[0]) for hour in hours], kept.latency[1]),
        ("yes, share", [hour.yes / hour.decided if hour.decided else None for hour in hours], None),
    )
    since = looked.troubles[0].since if looked.troubles else None
    for panel, (name, values, limit) in zip(panels, series, strict=True):
        panel.plot(times, [float("nan") if value is None else value for value in values], color=INK, lw=1.3)
        panel.set_ylabel(name, fontsize=8)
        panel.set_ylim(bottom=0)
        if limit is not None:
            panel.axhline(limit, color=QUIET, lw=1)
        if since is not None:
            panel.axvline(since, color=BAD, lw=1, ls=(0, (4, 3)))
    when: Any = dates  # without types
    locator = when.AutoDateLocator()
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(when.ConciseDateFormatter(locator))
    return drawn(figure, *panels)
