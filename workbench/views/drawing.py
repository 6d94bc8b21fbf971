"""Small pictures as SVG text: intervals, sparklines and bars; no library, nothing loaded.

Positions are percentages of the width, so a picture stretches with its column and its marks keep their
shape. Every picture has a text equivalent, and no meaning rests on colour alone: ours is a filled disc
on a thick line, the champion's a hollow diamond on a thin one, a limit a dashed upright line.

>>> scale = Scale(0.5, 1.0)
>>> scale.at(0.75)
50.0
>>> scale.at(7.0)
100.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.evidence import Figure
from workbench.views.words import number, safe, share

ROW = 26  # height of an interval's picture, in pixels
SPARK = (120, 28)  # width and height of a sparkline, in its own units
MARGIN = 0.08  # of a scale's span, left free at both ends


@dataclass(frozen=True)
class Scale:
    """Numbers along a picture's width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where a value stands, in percent of the width; what lies outside stands at the edge."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def scale_over(figures: Iterable[Figure]) -> Scale:
    """The scale that has room for every value, interval end and target; of shares it stays in [0, 1].

    >>> scale_over([Figure(0.6), Figure(0.9, target=0.8)])
    Scale(low=0.576, high=0.924)
    """
    numbers = [v for f in figures for v in (f.value, f.low, f.high, f.target) if v is not None and math.isfinite(v)]
    if not numbers:
        return Scale(0.0, 1.0)
    low, high = min(numbers), max(numbers)
    free = (high - low) * MARGIN or max(abs(high) * MARGIN, 0.05)
    left = max(0.0, low - free) if low >= 0 else low - free
    right = min(1.0, high + free) if high <= 1 else high + free
    return Scale(round(left, 6), round(right, 6)) if left < right else Scale(0.0, 1.0)


def interval(figure: Figure, scale: Scale, other: Figure | None = None) -> str:
    """A figure with its 95 % interval, its limit, and the champion's figure below it."""
    parts = [f'<line class="wb-rail" x1="0" x2="100%" y1="{ROW / 2}" y2="{ROW / 2}"/>']
    if _known(figure.target):
        x = scale.at(figure.target or 0.0)
        parts.append(f'<line class="wb-limit" x1="{x}%" x2="{x}%" y1="1" y2="{ROW - 1}"/>')
    if other is not None:
        parts.append(_span(other, scale, ROW / 2 + 5, "wb-theirs"))
        parts.append(_diamond(other, scale, ROW / 2 + 5))
    up = 4 if other is not None else 0
    parts.append(_span(figure, scale, ROW / 2 - up, "wb-ours"))
    if _known(figure.value):
        parts.append(f'<circle class="wb-ours" cx="{scale.at(figure.value or 0.0)}%" cy="{ROW / 2 - up}" r="5"/>')
    words = safe(spoken(figure) + (f"; the champion’s is {spoken(other)}" if other else ""))
    return f'<svg class="wb-interval" role="img" height="{ROW}" aria-label="{words}">{"".join(parts)}</svg>'


def spoken(figure: Figure) -> str:
    """A figure in words, for those who do not see the picture.

    >>> spoken(Figure(0.773, 0.712, 0.831, target=0.8))
    '0.773, between 0.712 and 0.831, limit 0.800'
    """
    words = number(figure.value)
    if _known(figure.low) and _known(figure.high):
        words += f", between {number(figure.low)} and {number(figure.high)}"
    return words + (f", limit {number(figure.target)}" if _known(figure.target) else "")


def sparkline(values: Sequence[float], words: str) -> str:
    """A series from left to right, filled to zero; an empty one is a flat line."""
    width, height = SPARK
    top = max(values, default=0.0) or 1.0
    step = width / max(1, len(values) - 1)
    points = [f"{i * step:.1f},{height - 2 - (height - 6) * v / top:.1f}" for i, v in enumerate(values)]
    if len(points) == 1:
        points.append(f"{width:.1f},{points[0].partition(',')[2]}")
    line = " ".join(points) or f"0,{height - 2} {width},{height - 2}"
    return (
        f'<svg class="wb-spark" role="img" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'aria-label="{safe(words)}"><polygon points="0,{height - 2} {line} {width},{height - 2}"/>'
        f'<polyline points="{line}"/></svg>'
    )


def bar(
    value: float, *, most: float, floor: float | None = None, limit: float | None = None, high: bool = False
) -> str:
    """A bar from zero; marks show what mere chance would reach, and from where on it matters."""
    scale = Scale(0.0, most if most > 0 else 1.0)
    look = "wb-bar-high" if high else "wb-bar-low"
    mark = ""
    if floor is not None and math.isfinite(floor):
        mark = f'<line class="wb-floor" x1="{scale.at(floor)}%" x2="{scale.at(floor)}%" y1="0" y2="14"/>'
    if limit is not None and math.isfinite(limit):
        mark += f'<line class="wb-limit" x1="{scale.at(limit)}%" x2="{scale.at(limit)}%" y1="0" y2="14"/>'
    words = f"{number(value)}" + (f", chance alone reaches {number(floor)}" if floor is not None else "")
    words += f", from {number(limit)} it matters" if limit is not None else ""
    return (
        f'<svg class="wb-bar" role="img" height="14" aria-label="{safe(words)}">'
        f'<rect class="wb-trough" width="100%" height="8" y="3" rx="2"/>'
        f'<rect class="{look}" width="{scale.at(value)}%" height="8" y="3" rx="2"/>{mark}</svg>'
    )


def certainty(figure: Figure) -> str:
    """How sure it is that the target is met, in words; empty where nobody asked.

    >>> certainty(Figure(0.773, probability=0.18, target=0.8))
    '18 % sure to meet 0.800'
    """
    if figure.probability is None or figure.target is None:
        return ""
    probability = min(max(figure.probability, 0.0005), 0.9995)  # drawn from a finite sample: never a certainty
    return f"{share(probability)} sure to meet {number(figure.target)}"


def _span(figure: Figure, scale: Scale, y: float, look: str) -> str:
    if not (_known(figure.low) and _known(figure.high)):
        return ""
    left, right = scale.at(figure.low or 0.0), scale.at(figure.high or 0.0)
    return f'<line class="{look}" x1="{left}%" x2="{right}%" y1="{y}" y2="{y}"/>'


def _diamond(figure: Figure, scale: Scale, y: float) -> str:
    if not _known(figure.value):
        return ""
    x = scale.at(figure.value or 0.0)
    return (
        f'<svg class="wb-mark" x="{x}%" y="{y}"><rect class="wb-theirs" x="-3.5" y="-3.5" '
        f'width="7" height="7" transform="rotate(45)"/></svg>'
    )


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
