"""Curves as SVG text: how likely each size of an effect is, and how an effect came out day by day.

No library, nothing loaded; lines keep their width when the picture stretches. Each picture says in words
what it shows, and no meaning rests on colour alone: harm is hatched, good is solid, what does not matter is
pale, a belief is a dashed line.

>>> ticks(-0.021, 0.052)
[-0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from workbench.experiments.looking import Look, signed
from workbench.experiments.opened import Day
from workbench.stats.effects import Scale as Kind
from workbench.views.drawing import Scale
from workbench.views.words import safe

WIDTH, HEIGHT = 1000, 220  # of a picture's own units
TOP, FLOOR = 10, 196  # between which a curve lies
MARK = 11  # half the length of a look's mark
NIL = ' class="wb-nil"'  # a mark whose words are long
EDGE = 5  # percent of the width from which a label would be cut off if it were centred


def belief(look: Look) -> str:
    """How likely each size of the effect is, after the data; the belief before it as a dashed line."""
    r = look.reading
    at, density = np.array(look.at), np.array(look.density)
    scale = Scale(look.at[0], look.at[-1])
    most = float(density.max()) or 1.0
    edge = look.trivial or 0.0
    upward = r.better == "higher"
    zones = [("wb-zone-harm" if upward else "wb-zone-good", -math.inf, -edge)]
    zones += [("wb-zone-same", -edge, edge)] if edge else []
    zones += [("wb-zone-good" if upward else "wb-zone-harm", edge, math.inf)]
    filled = "".join(_area(at, density / most, scale, look_, low, high) for look_, low, high in zones)
    before = ""
    if look.before:
        height = np.array(look.before)
        before = f'<polyline class="wb-before" points="{_points(at, height / max(most, height.max()), scale)}"/>'
    line = f'<polyline class="wb-curve" points="{_points(at, density / most, scale)}"/>'
    zero = _upright(0.0, scale, "wb-zero")
    words = (
        f"How likely each size of the effect of {r.arm} on {r.metric} is: most likely about "
        f"{signed(look.after.value, r.scale)}, between {signed(look.after.low, r.scale)} and "
        f"{signed(look.after.high, r.scale)}"
    )
    return _framed(f"{HATCH}{filled}{zero}{before}{line}", words, scale, r.scale)


def evolution(days: Sequence[Day], kind: Kind, words: str) -> str:
    """An effect day by day with its interval, and the boundary that it had to pass."""
    numbers = [v for d in days for v in (d.low, d.high, d.bound_low, d.bound_high, 0.0) if v is not None]
    kept = sorted(numbers)[len(numbers) // 40 : len(numbers) - len(numbers) // 40] or [0.0]  # the first days are wild
    low, high = min(*kept, 0.0), max(*kept, 0.0)
    free = (high - low) * 0.06 or 1.0
    up = Scale(low - free, high + free)
    step = WIDTH / max(1, len(days) - 1)

    def xy(i: int, value: float) -> str:
        return f"{i * step:.1f},{FLOOR - (FLOOR - TOP) * up.at(value) / 100:.1f}"

    band = " ".join([xy(i, d.high) for i, d in enumerate(days)] + [xy(i, days[i].low) for i in _backwards(len(days))])
    drawn = [f'<polygon class="wb-band" points="{band}"/>']
    drawn += [
        f'<line class="wb-bound" x1="{max(0.0, i * step - MARK):.1f}" x2="{min(WIDTH, i * step + MARK):.1f}" '
        f'y1="{y}" y2="{y}"/>'
        for i, day in enumerate(days)
        for bound in (day.bound_low, day.bound_high)
        if bound is not None and up.low <= bound <= up.high
        for y in [xy(i, bound).partition(",")[2]]
    ]
    drawn += [
        f'<line class="wb-stop" x1="{i * step:.1f}" x2="{i * step:.1f}" y1="0" y2="{FLOOR}"/>'
        for i, day in enumerate(days)
        if day.stopped
    ]
    zero = xy(0, 0.0).partition(",")[2]
    drawn.append(f'<line class="wb-zero" x1="0" x2="{WIDTH}" y1="{zero}" y2="{zero}"/>')
    middle = " ".join(xy(i, d.value) for i, d in enumerate(days))
    drawn.append(f'<polyline class="wb-curve" points="{middle}"/>')
    marks = "".join(
        f'<span style="bottom:{_bottom(up.at(tick)):.1f}%">{safe(signed(tick, kind))}</span>'
        for tick in ticks(up.low, up.high)
    )
    ends = f"<span>{safe(days[0].name)}</span><span>{safe(days[-1].name)}</span>" if days else ""
    return (
        f'<div class="wb-plotted wb-by-day"><div class="wb-upright">{marks}</div>{_svg("".join(drawn), words)}'
        f'<p class="wb-axis">{ends}</p></div>'
    )


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers between two ends, zero among them where it lies between."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return []
    rough = span / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


HATCH = (
    '<defs><pattern id="wb-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="wb-hatch-ground" width="7" height="7"/><line class="wb-hatch-line" x1="0" x2="0" y1="0" y2="7"/>'
    "</pattern></defs>"
)


def _framed(drawn: str, words: str, scale: Scale, kind: Kind) -> str:
    marks = "".join(
        f'<span{"" if tick else NIL} style="left:{scale.at(tick)}%{_kept(scale.at(tick))}">'
        f"{safe(signed(tick, kind)) if tick else 'no difference'}</span>"
        for tick in ticks(scale.low, scale.high)
    )
    return f'<div class="wb-plotted">{_svg(drawn, words)}<div class="wb-along">{marks}</div></div>'


def _svg(drawn: str, words: str) -> str:
    return (
        f'<svg class="wb-curves" role="img" viewBox="0 0 {WIDTH} {FLOOR + 2}" preserveAspectRatio="none" '
        f'aria-label="{safe(words)}">{drawn}</svg>'
    )


def _area(at: np.ndarray, height: np.ndarray, scale: Scale, look: str, low: float, high: float) -> str:
    """The part of a curve between two values, down to the floor."""
    low, high = max(low, float(at[0])), min(high, float(at[-1]))
    if low >= high:
        return ""
    x = np.concatenate([[low], at[(at > low) & (at < high)], [high]])
    y = np.interp(x, at, height)
    corners = f"{_x(low, scale)},{FLOOR} {_points(x, y, scale)} {_x(high, scale)},{FLOOR}"
    return f'<polygon class="{look}" points="{corners}"/>'


def _points(at: np.ndarray, height: np.ndarray, scale: Scale) -> str:
    return " ".join(f"{_x(x, scale)},{FLOOR - (FLOOR - TOP) * y:.1f}" for x, y in zip(at, height, strict=True))


def _upright(value: float, scale: Scale, look: str) -> str:
    x = _x(value, scale)
    return f'<line class="{look}" x1="{x}" x2="{x}" y1="0" y2="{FLOOR}"/>'


def _x(value: float, scale: Scale) -> float:
    return round(WIDTH * scale.at(value) / 100, 1)


def _bottom(percent: float) -> float:
    """Where a mark stands, in percent of the picture's height from its foot."""
    return 100 * (FLOOR + 2 - FLOOR + (FLOOR - TOP) * percent / 100) / (FLOOR + 2)


def _backwards(count: int) -> range:
    return range(count - 1, -1, -1)


def _kept(percent: float) -> str:
    """What keeps a label inside the picture where it stands near an end."""
    if EDGE <= percent <= 100 - EDGE:
        return ""
    return ";transform:none" if percent < EDGE else ";transform:translateX(-100%)"
