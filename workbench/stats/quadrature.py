"""Integrals over posteriors: Gauss-Legendre on panels laid between quantiles.

A panel between two quantiles of a smooth density, in a coordinate in which that density runs over
the whole line, needs a dozen nodes. Quantiles far into both tails make small probabilities exact in
their own size, not only in the size of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from workbench.stats.moments import Floats

NODES = 12  # a panel
TAILS = np.array([1e-15, 1e-11, 1e-7, 1e-4, 1e-2, 0.1, 0.3])  # levels of the panels' edges, in each tail


@lru_cache(maxsize=8)
def _rule(nodes: int) -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    return x, w


def panels(edges: Floats, nodes: int = NODES) -> tuple[Floats, Floats]:
    """Nodes and weights of the composite rule over sorted edges.

    >>> x, w = panels(np.array([0.0, 1.0, 3.0]))
    >>> round(float((w * x**2).sum()), 12)
    9.0
    """
    edges = np.unique(edges[np.isfinite(edges)])
    x, w = _rule(nodes)
    half = np.diff(edges) / 2
    middle = edges[:-1] + half
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@dataclass(frozen=True, eq=False)
class Smooth:
    """A smooth function known by its values and slopes on an even grid (cubic Hermite between).

    >>> u = np.linspace(0.0, 1.0, 101)
    >>> squares = Smooth(0.0, 0.01, u**2, 2 * u)
    >>> round(float(squares(np.array([0.505]))[0]), 12)
    0.255025
    """

    start: float
    step: float
    values: Floats
    slopes: Floats

    def __call__(self, u: Floats) -> Floats:
        """The function between its grid's ends; beyond them, its value there."""
        place = np.clip((np.asarray(u) - self.start) / self.step, 0, len(self.values) - 1)
        left = np.minimum(place.astype(np.int64), len(self.values) - 2)
        t = place - left
        rise = self.values[left + 1] - self.values[left]
        a, b = self.slopes[left] * self.step - rise, rise - self.slopes[left + 1] * self.step
        return np.asarray(self.values[left] + t * rise + t * (1 - t) * (a * (1 - t) + b * t))


def increasing_root(
    value_and_slope: Callable[[Floats], tuple[Floats, Floats]],
    target: Floats,
    low: Floats,
    high: Floats,
    *,
    start: Floats | None = None,
    tolerance: float = 1e-13,
) -> Floats:
    """Where an increasing function takes each target, by Newton's steps kept inside a bracket.

    Args:
        value_and_slope: The function and its slope, elementwise.
        target: The values to be taken.
        low: Points at which the function is at most the target.
        high: Points at which it is at least the target.
        start: First guesses; by default the middle.
        tolerance: Last step, as a share of the root and of the bracket, at which it is found.

    >>> root = increasing_root(lambda x: (x**3, 3 * x**2), np.array([8.0]), np.array([0.0]), np.array([10.0]))
    >>> round(float(root[0]), 12)
    2.0
    """
    low, high = low.astype(np.float64), high.astype(np.float64)
    x = (low + high) / 2 if start is None else np.clip(start, low, high)
    for _ in range(200):
        value, slope = value_and_slope(x)
        above = value > target
        high = np.where(above, x, high)
        low = np.where(above, low, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = x - (value - target) / slope
        inside = (step >= low) & (step <= high)  # a root that is hit stays where it is
        new = np.where(inside, step, (low + high) / 2)
        if np.all(np.abs(new - x) <= tolerance * (np.abs(x) + np.abs(high - low))):
            return new
        x = new
    return x
