"""Several series one below the other on one time axis, with marks through all of them; SVG text, nothing loaded.

A mark is a number at the top whose words stand below the picture, so that none covers another. Times in which
something was wrong are shaded. Every panel says in words what it shows. Where the window is too narrow for the
picture, its newest end is seen first, and titles and scales stay in view.

>>> noon = datetime(2026, 1, 1, 12)
>>> panel = Panel("requests an hour", (Series("", (1.0, 3.0)),), str)
>>> "aria-label" in drawn([noon, noon + timedelta(hours=1)], [panel])
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workbench.views.words import safe

WIDTH, LEFT, RIGHT = 860, 62, 12  # of the picture, and what is free at its sides, in its own units
TITLES = 360  # of its width, for titles and scales
TOP, TALL, GAP, FOOT = 26, 74, 36, 22  # the marks' band, a panel, the space above it, and the axis
STEPS = (1, 2, 3, 6, 12, 24, 48, 96, 168)  # hours between two ticks
MOST_TICKS = 9
BESIDE, NUMBER = 17, 8  # units between two numbers of marks, and half of one


@dataclass(frozen=True)
class Series:
    """Values at the moments of the axis."""

    name: str
    values: Sequence[float | None]  # None: nothing is known
    look: str = "a"  # "a", "b" or "c": its line


@dataclass(frozen=True)
class Panel:
    """One picture of the stack."""

    title: str
    series: Sequence[Series]
    tell: Callable[[float], str]  # a value in words
    limit: float | None = None
    limit_words: str = "allowed"
    filled: bool = False  # down to zero
    zero: bool = True  # whether the scale begins at zero


@dataclass(frozen=True)
class Event:
    """A mark through all panels."""

    at: datetime
    look: str  # "move" or "bad"


def drawn(
    times: Sequence[datetime],
    panels: Sequence[Panel],
    events: Sequence[Event] = (),
    *,
    bad_since: datetime | None = None,
) -> str:
    """The stack.

    Args:
        times: The moments, in order, at least one.
        panels: From top to bottom; each series has one value a moment.
        events: Marks, numbered in their order.
        bad_since: From when on something is wrong.
    """
    begin, end = times[0], max(times[-1], times[0] + timedelta(minutes=1))

    def x(at: datetime) -> float:
        place = (at - begin) / (end - begin)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(place, 0.0), 1.0), 1)

    height = TOP + len(panels) * (TALL + GAP) + FOOT
    bottom = height - FOOT
    parts = []
    if bad_since is not None and bad_since <= end:
        left = x(bad_since)
        parts.append(
            f'<rect class="wb-bad-time" x="{left}" y="{TOP}" width="{WIDTH - RIGHT - left:.1f}" '
            f'height="{bottom - TOP}"/>'
        )
    parts += [_tick(x(at), words, bottom) for at, words in ticks(begin, end)]
    places = [x(event.at) for event in events]
    for number, (event, place, shown) in enumerate(zip(events, places, beside(places), strict=True), 1):
        parts.append(
            f'<line class="wb-event wb-event-{event.look}" x1="{place}" x2="{place}" y1="{TOP - 6}" y2="{bottom}"/>'
            f'<circle class="wb-event-{event.look}" cx="{shown}" cy="{TOP - 14}" r="{NUMBER}"/>'
            f'<text class="wb-event-number" x="{shown}" y="{TOP - 10}" text-anchor="middle">{number}</text>'
        )
    at = [x(each) for each in times]
    parts += [_panel(panel, at, TOP + place * (TALL + GAP) + GAP) for place, panel in enumerate(panels)]
    words = "; ".join(_spoken(panel) for panel in panels)
    scales = "".join(_scale(panel, TOP + place * (TALL + GAP) + GAP) for place, panel in enumerate(panels))
    return (
        '<div class="wb-timed" tabindex="0" role="region" aria-label="Picture of the time"><div>'
        f'<svg class="wb-time" role="img" viewBox="0 0 {WIDTH} {height}" aria-label="{safe(words)}">'
        f"{''.join(parts)}</svg>"
        f'<svg class="wb-scale" aria-hidden="true" viewBox="0 0 {TITLES} {height}" style="width:{TITLES / WIDTH:.2%}">'
        f'<rect width="{LEFT - 2}" height="{bottom + 3}"/>{scales}</svg></div></div>'
    )


def ticks(begin: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Whole hours along the axis, few enough to be read; the day is named where it begins.

    >>> [words for _, words in ticks(datetime(2026, 1, 1, 10), datetime(2026, 1, 2, 14))]
    ['12:00', '16:00', '20:00', '2 Jan', '04:00', '08:00', '12:00']
    """
    hours = (end - begin) / timedelta(hours=1)
    step = next((step for step in (*STEPS[:3], 4, *STEPS[3:]) if hours / step <= MOST_TICKS), STEPS[-1])
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    found, at = [], midnight
    while at <= end:
        if at >= begin:
            found.append((at, f"{at.day} {at:%b}" if at.hour == 0 else f"{at:%H:%M}"))
        at += timedelta(hours=step)
    return found


def beside(places: Sequence[float]) -> list[float]:
    """Where the numbers of marks stand, given their marks in order: none covers another or leaves the picture.

    >>> beside([100, 105, 848]), beside([848, 848])
    ([100, 117, 848], [835, 852])
    """
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + BESIDE) if found else place)
    most: float = WIDTH - NUMBER
    for which in reversed(range(len(found))):
        found[which] = min(found[which], most)
        most = found[which] - BESIDE
    return found


def _tick(x: float, words: str, bottom: float) -> str:
    return (
        f'<line class="wb-grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}"/>'
        f'<text class="wb-tick" x="{x}" y="{bottom + 15}" text-anchor="middle">{safe(words)}</text>'
    )


def _ends(panel: Panel) -> tuple[float, float]:
    """The lowest and the highest value of a panel's scale."""
    known = [value for series in panel.series for value in series.values if value is not None]
    ends = [*known, *([panel.limit] if panel.limit is not None else [])]
    low = 0.0 if panel.zero else min(ends, default=0.0)
    high = max(ends, default=1.0)
    if not panel.zero:
        low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    return low, high if high > low else low + (abs(low) or 1.0)


def _scale(panel: Panel, top: float) -> str:
    low, high = _ends(panel)
    return (
        f'<text class="wb-panel-title" x="{LEFT}" y="{top - 7}">{safe(panel.title)}</text>'
        f'<text class="wb-tick" x="{LEFT - 6}" y="{top + TALL}" text-anchor="end">{safe(panel.tell(low))}</text>'
        f'<text class="wb-tick" x="{LEFT - 6}" y="{top + 11}" text-anchor="end">{safe(panel.tell(high))}</text>'
    )


def _panel(panel: Panel, at: Sequence[float], top: float) -> str:
    low, high = _ends(panel)

    def y(value: float) -> float:
        return round(top + TALL - (TALL - 4) * (value - low) / (high - low), 1)

    base = top + TALL
    parts = [f'<line class="wb-base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>']
    if panel.limit is not None:
        parts.append(
            f'<line class="wb-limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(panel.limit)}" y2="{y(panel.limit)}"/>'
        )
    names = [series.name for series in panel.series if series.name]
    if names or panel.limit is not None:
        parts.append(_key(panel, top))
    for series in panel.series:
        for run in _runs(at, series.values):
            points = " ".join(f"{x},{y(value)}" for x, value in run)
            if panel.filled:
                parts.append(f'<polygon class="wb-fill" points="{run[0][0]},{base} {points} {run[-1][0]},{base}"/>')
            if len(run) == 1:
                parts.append(f'<circle class="wb-dot-{series.look}" cx="{run[0][0]}" cy="{y(run[0][1])}" r="2.2"/>')
            else:
                parts.append(f'<polyline class="wb-line-{series.look}" points="{points}"/>')
    if all(value is None for series in panel.series for value in series.values):
        parts.append(
            f'<text class="wb-tick" x="{(LEFT + WIDTH) / 2}" y="{top + TALL / 2}" text-anchor="middle">'
            "nothing is known in this time</text>"
        )
    return "".join(parts)


def _key(panel: Panel, top: float) -> str:
    """What the lines are, at the right of the title."""
    parts, right = [], float(WIDTH - RIGHT)
    told = [(f"wb-line-{series.look}", series.name) for series in panel.series if series.name]
    if panel.limit is not None:
        told.append(("wb-limit", f"{panel.limit_words} {panel.tell(panel.limit)}"))
    for look, words in reversed(told):
        shown = words if len(words) <= 34 else f"{words[:33]}…"
        parts.append(f'<text class="wb-tick" x="{right}" y="{top - 7}" text-anchor="end">{safe(shown)}</text>')
        right -= 6.4 * len(shown) + 8
        parts.append(f'<line class="{look}" x1="{right - 18:.0f}" x2="{right:.0f}" y1="{top - 11}" y2="{top - 11}"/>')
        right -= 34
    return f'<g class="wb-keys">{"".join(parts)}</g>'


def _runs(at: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    found: list[list[tuple[float, float]]] = []
    gap = True
    for x, value in zip(at, values, strict=True):
        if value is None or not math.isfinite(value):
            gap = True
            continue
        if gap:
            found.append([])
        found[-1].append((x, value))
        gap = False
    return found


def _spoken(panel: Panel) -> str:
    told = []
    for series in panel.series:
        known = [value for value in series.values if value is not None]
        if known:
            name = f"{series.name} " if series.name else ""
            told.append(f"{name}last {panel.tell(known[-1])}, at most {panel.tell(max(known))}")
    return f"{panel.title}: {', '.join(told) or 'nothing is known'}"
