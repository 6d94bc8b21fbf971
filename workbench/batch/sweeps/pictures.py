"""A metric over what was swept, drawn as SVG: small, sharp, readable without a script.

One number or day gives a line, two parameters of few values a map of colours, anything else a panel for
each parameter, with a dot for each run.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from workbench.batch.kinds import cut, shown
from workbench.batch.sweeps.results import Child, value_of

INK, QUIET, LINE, DOT, CHOSEN = "#1c2430", "#55606f", "#dfe4ea", "#2463a6", "#b84a00"
LOW, HIGH = (239, 245, 251), (12, 63, 122)  # ends of the map's colours: light to dark, whatever one's colour vision
WIDTH, HEIGHT = 720, 300  # of one panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 16, 52  # its margins
SQUARE, READABLE = 56.0, 44.0  # side of a square of the map at most, and at least when its number is written
MOST_SQUARES = 40  # values of a parameter on a side of the map
MOST_NAMED = 12  # values named along an axis
APART = 70  # pixels between two values that are both named
MOST_PANELS = 6
MOST_LETTERS = 24  # of a value along an axis
LARGEST, SMALLEST = 1e150, 1e-150  # beyond them a scale has no steps

Point = tuple[Any, float, Child]


def drawn(children: Sequence[Child], swept: Sequence[str], metric: str, best: Child | None) -> str:
    """A metric over the swept parameters, as HTML; empty where no run has it.

    Args:
        children: The runs.
        swept: The parameters that differ.
        metric: Its name.
        best: The run to mark.
    """
    having = [child for child in children if abs(child.metrics.get(metric, math.inf)) < LARGEST]
    varied = [name for name in swept if _different(children, name) > 1]
    if not having or not varied:
        return ""
    if len(varied) == 2 and all(_different(having, name) <= MOST_SQUARES for name in varied):
        return _map(having, varied[0], varied[1], metric, best)
    joined = len(varied) == 1  # only then does a line say something true
    return "".join(_panel(having, name, metric, best, joined=joined) for name in varied[:MOST_PANELS])


def _panel(children: Sequence[Child], name: str, metric: str, best: Child | None, *, joined: bool) -> str:
    """The metric over one parameter, a dot a run."""
    x_of, x_ticks, ordered = _axis(children, name)
    y_of, y_ticks = _scale([child.metrics[metric] for child in children], HEIGHT - BOTTOM, TOP)
    points = sorted(
        ((x_of(child), y_of(child.metrics[metric]), child) for child in children),
        key=lambda point: point[0],
    )
    parts = [_grid(x_ticks, y_ticks, HEIGHT - BOTTOM), _axis_names(name, metric, HEIGHT)]
    if joined and ordered and len({x for x, _, _ in points}) == len(points):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{DOT}" stroke-width="2" opacity=".55"/>')
    parts += [_dot(x, y, child, metric, best) for x, y, child in points]
    return _svg(f"{metric} over {name}, {len(children)} runs", HEIGHT, parts)


def _map(children: Sequence[Child], across: str, up: str, metric: str, best: Child | None) -> str:
    """The metric as a colour for each pair of values; of several runs of a pair, the last."""
    columns, rows = (_ordered(children, name) for name in (across, up))
    side = min(SQUARE, (WIDTH - LEFT - RIGHT) / len(columns))
    height = TOP + BOTTOM + side * len(rows)
    values = [child.metrics[metric] for child in children]
    low, high = min(values), max(values)
    parts = [_axis_names(across, up, height, width=side * len(columns))]
    for child in children:
        x = LEFT + side * columns.index(value_of(child.parameters, across))
        y = height - BOTTOM - side * (1 + rows.index(value_of(child.parameters, up)))
        share = (child.metrics[metric] - low) / (high - low) if high > low else 0.5
        colour = "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(LOW, HIGH, strict=True))
        edge = f'stroke="{CHOSEN}" stroke-width="3"' if child is best else 'stroke="#fff" stroke-width="1"'
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" fill="{colour}" {edge}>'
            f"<title>{_said(child, metric)}</title></rect>"
        )
        if side >= READABLE:
            ink = "#fff" if share > 0.5 else INK
            middle = f'x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}"'
            parts.append(f'<text {middle} text-anchor="middle" fill="{ink}">{child.metrics[metric]:.3g}</text>')
    parts += [
        _label(LEFT + side * (place + 0.5), height - BOTTOM + 16, told, "middle") for place, told in _some(columns)
    ]
    parts += [
        _label(LEFT - 6, height - BOTTOM - side * (place + 0.5) + 4, told, "end", letters=9)
        for place, told in _some(rows)
    ]
    note = f"<p>Colour: {html.escape(metric)}, light {low:.4g} to dark {high:.4g}.</p>"
    return _svg(f"{metric} over {across} and {up}, {len(children)} runs", height, parts) + note


def _axis(children: Sequence[Child], name: str) -> tuple[Callable[[Child], float], list[tuple[float, str]], bool]:
    """Where runs stand along the axis of a parameter, what is written there, and whether it has an order."""
    told = _ordered(children, name)
    numbers = {value_of(child.parameters, name): _number(child.parameters.get(name)) for child in children}
    known = [number for number in numbers.values() if number is not None]
    if len(known) < len(numbers):
        step = (WIDTH - RIGHT - LEFT) / len(told)
        where = {text: LEFT + step * (place + 0.5) for place, text in enumerate(told)}
        return (
            (lambda child: where[value_of(child.parameters, name)]),
            [(where[text], text) for _, text in _some(told)],
            False,
        )
    place, ticks = _scale(known, LEFT, WIDTH - RIGHT, days=isinstance(children[0].parameters[name], str))
    own = [(place(numbers[text] or 0.0), text) for text in told]
    if all(right - left >= APART for (left, _), (right, _) in itertools.pairwise(own)):
        ticks = own  # few enough to name each
    return (lambda child: place(_number(child.parameters[name]) or 0.0)), ticks, True


def _scale(
    values: Sequence[float], start: float, end: float, *, days: bool = False
) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """A linear scale with a little room at both ends, and round numbers along it."""
    low, high = min(values), max(values)
    room = max((high - low) * 0.04 or abs(high) * 0.1 or 1.0, SMALLEST)
    low, high = low - room, high + room

    def place(value: float) -> float:
        return start + (end - start) * ((value - low) / (high - low))

    step = _round_step((high - low) / 6)
    if days:
        step = max(1.0, math.ceil(step))
    count = int((high - low) / step) + 2
    ticks = [(math.ceil(low / step) + n) * step for n in range(min(count, 20))]
    return place, [
        (place(tick), date.fromordinal(int(tick)).isoformat() if days else f"{tick:.6g}")
        for tick in ticks
        if tick <= high
    ]


def _round_step(step: float) -> float:
    """The next of 1, 2 or 5 times a power of ten.

    >>> _round_step(0.13), _round_step(3.1)
    (0.2, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def _number(value: Any) -> float | None:
    """A number or a day as a number; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        try:
            return float(date.fromisoformat(value).toordinal())
        except ValueError:
            return None
    return float(value) if abs(value) < LARGEST else None


def _ordered(children: Sequence[Child], name: str) -> list[str]:
    """The different values of a parameter as texts: by size where they are numbers, else as they came."""
    numbers = {value_of(child.parameters, name): _number(child.parameters.get(name)) for child in children}
    if any(number is None for number in numbers.values()):
        return list(numbers)
    return sorted(numbers, key=lambda text: numbers[text] or 0.0)


def _different(children: Sequence[Child], name: str) -> int:
    return len({value_of(child.parameters, name) for child in children})


def _some(texts: Sequence[str]) -> list[tuple[int, str]]:
    """Not more of them than can be read, evenly."""
    step = math.ceil(len(texts) / MOST_NAMED)
    return [(place, text) for place, text in enumerate(texts) if place % step == 0]


def _grid(x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]], bottom: float) -> str:
    lines = [f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>' for y, _ in y_ticks]
    lines += [_label(LEFT - 8, y + 4, told, "end") for y, told in y_ticks]
    lines.append(f'<path d="M{LEFT} {bottom}H{WIDTH - RIGHT}" stroke="{QUIET}"/>')
    lines += [_label(x, bottom + 17, told, "middle", letters=max(3, 96 // max(len(x_ticks), 1))) for x, told in x_ticks]
    return "".join(lines)


def _axis_names(across: str, up: str, height: float, *, width: float = WIDTH - LEFT - RIGHT) -> str:
    middle = LEFT + width / 2
    turned = f'transform="translate(14 {(TOP + height - BOTTOM) / 2:.1f}) rotate(-90)"'
    return (
        f'<text x="{middle}" y="{height - 10:.1f}" text-anchor="middle" fill="{INK}">{html.escape(cut(across))}</text>'
        f'<text {turned} text-anchor="middle" fill="{INK}">{html.escape(cut(up, 30))}</text>'
    )


def _dot(x: float, y: float, child: Child, metric: str, best: Child | None) -> str:
    look = f'r="6.5" fill="{CHOSEN}"' if child is best else f'r="4.5" fill="{DOT}" fill-opacity=".8"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" {look}><title>{_said(child, metric)}</title></circle>'


def _said(child: Child, metric: str) -> str:
    values = ", ".join(f"{name} {shown(value)}" for name, value in child.parameters.items())
    return html.escape(f"run {child.number}: {metric} {child.metrics[metric]:.6g} at {values}")


def _label(x: float, y: float, told: str, anchor: str, *, letters: int = MOST_LETTERS) -> str:
    said = html.escape(cut(told, letters))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{QUIET}">{said}</text>'


def _svg(described: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{html.escape(described)}" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" font-family="system-ui, sans-serif" font-size="12">{"".join(parts)}</svg>'
    )
