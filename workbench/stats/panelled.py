"""A distribution of one number known by its density on panels: probabilities, quantiles and moments of it.

On each panel the density is the polynomial through its Gauss-Legendre nodes, so that it can be
integrated up to anywhere without loss. Panels reach far into both tails, and each tail is summed
from its own end: no small probability is one minus a large one.

>>> edges = np.linspace(-9.0, 9.0, 37)
>>> bell = Panelled.of(edges, lambda x: -x * x / 2)
>>> round(bell.chance_above(1.959963984540054), 12), [round(x, 6) for x in bell.interval(0.95)]
(0.025, [-1.959964, 1.959964])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.stats.moments import Floats, Whole
from workbench.stats.quadrature import increasing_root, panels

NODES = 10  # a panel


@dataclass(frozen=True, eq=False)
class Panelled:
    """One unknown number."""

    edges: Floats  # of the panels, rising
    values: Floats  # its density at each panel's nodes, one row a panel

    @classmethod
    def of(cls, edges: Floats, log_density: Callable[[Floats], Floats]) -> Panelled:
        """The distribution whose density is proportional to exp of a function.

        Args:
            edges: Where it may bend; it is taken as zero beyond the first and the last.
            log_density: The logarithm of its density but for a constant, of an array of places.

        Raises:
            ValueError: The density is zero, or not finite, everywhere.
        """
        edges = np.unique(edges[np.isfinite(edges)])
        x, weight = panels(edges, NODES)
        log = log_density(x)
        top = log.max() if len(log) else -np.inf
        if not np.isfinite(top):
            raise ValueError("the density is zero everywhere; a distribution needs some probability")
        values = np.exp(log - top)
        return cls(edges, (values / (weight @ values)).reshape(-1, NODES))

    @property
    def mean(self) -> float:
        """The expected value."""
        return float(self._nodes @ self._mass)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt((self._nodes - self.mean) ** 2 @ self._mass))

    def density(self, x: Floats) -> Floats:
        """Density; zero beyond the panels."""
        x = np.asarray(x, dtype=np.float64)
        inside = (x >= self.edges[0]) & (x <= self.edges[-1])
        return np.asarray(np.where(inside, interpolated(self.edges, self.values, x), 0.0))

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        panel, t = _place(self.edges, np.asarray(x, dtype=np.float64))
        left, _ = self._ends
        return np.asarray(np.clip(left[panel] + self._within(panel, t), 0.0, 1.0))

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x, exact where it is small."""
        panel, t = _place(self.edges, np.asarray(x, dtype=np.float64))
        _, right = self._ends
        return np.asarray(np.clip(right[panel] + self._parts[panel] - self._within(panel, t), 0.0, 1.0))

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        return self._quantile(p, lambda x: (self.cdf(x), self.density(x)), 1.0)

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return self._quantile(p, lambda x: (-self.sf(x), self.density(x)), -1.0)

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""
        return self.ppf(rng.random(size))

    def interval(self, level: float) -> tuple[float, float]:
        """Equal-tailed interval that holds the number with probability `level`, in (0, 1)."""
        tail = np.array([(1 - level) / 2])
        return float(self.ppf(tail)[0]), float(self.isf(tail)[0])

    def chance_above(self, x: float) -> float:
        """Probability of being above x."""
        return float(self.sf(np.array(x)))

    def chance_below(self, x: float) -> float:
        """Probability of being at or below x."""
        return float(self.cdf(np.array(x)))

    def chance_within(self, low: float, high: float) -> float:
        """Probability of lying in (low, high); no digits are lost in either tail."""
        ends = np.array([low, high])
        inside = self.sf(ends) if low > self.mean else self.cdf(ends)
        return float(abs(inside[1] - inside[0]))

    def _quantile(self, p: Floats, value: Callable[[Floats], tuple[Floats, Floats]], sign: float) -> Floats:
        flat: Floats = np.atleast_1d(np.asarray(p, dtype=np.float64))
        left, right = self._ends
        before = left if sign > 0 else -(right + self._parts)
        panel = np.clip(np.searchsorted(before, sign * flat, side="right") - 1, 0, len(before) - 1)
        found = increasing_root(value, sign * flat, self.edges[panel], self.edges[panel + 1])
        return np.asarray(found.reshape(np.shape(p)), dtype=np.float64)

    def _within(self, panel: Whole, t: Floats) -> Floats:
        """Probability between a panel's left edge and a place in it: ∫ Pₘ = (Pₘ₊₁ − Pₘ₋₁) ÷ (2m + 1)."""
        p = _legendre(t, NODES + 1)
        m = np.arange(1, NODES)
        risen = np.concatenate([t[..., None] + 1, (p[..., 2:] - p[..., :-2]) / (2 * m + 1)], axis=-1)
        half = (self.edges[panel + 1] - self.edges[panel]) / 2
        return np.asarray(half * (risen * _series(self.values)[panel]).sum(axis=-1))

    @cached_property
    def _nodes(self) -> Floats:
        return panels(self.edges, NODES)[0]

    @cached_property
    def _mass(self) -> Floats:
        return np.asarray(panels(self.edges, NODES)[1] * self.values.ravel())

    @cached_property
    def _parts(self) -> Floats:
        """Probability of each panel."""
        return np.asarray(self._mass.reshape(-1, NODES).sum(axis=1))

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """Probability before each panel, and after it."""
        parts = self._parts
        before = np.concatenate([[0.0], np.cumsum(parts)[:-1]])
        after = np.concatenate([np.cumsum(parts[:0:-1])[::-1], [0.0]])
        return before, after


def interpolated(edges: Floats, values: Floats, x: Floats) -> Floats:
    """The polynomials through values at each panel's nodes, anywhere; beyond the panels, their ends.

    Args:
        edges: Of the panels, rising.
        values: At each panel's nodes, one row a panel.
        x: Places.
    """
    panel, t = _place(edges, x)
    return np.asarray((_legendre(t, NODES) * _series(values)[panel]).sum(axis=-1))


def _place(edges: Floats, x: Floats) -> tuple[Whole, Floats]:
    """The panel of each place, and where in it, from −1 to 1; beyond the panels, their ends."""
    panel = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    low, high = edges[panel], edges[panel + 1]
    return panel, np.clip(2 * (x - low) / (high - low) - 1, -1.0, 1.0)


def _series(values: Floats) -> Floats:
    """Each panel's values as a series of Legendre polynomials, one row a panel."""
    x, w = panels(np.array([-1.0, 1.0]), NODES)
    scale = (2 * np.arange(NODES) + 1) / 2
    return np.asarray(values @ (w[:, None] * _legendre(x, NODES) * scale))


def _legendre(t: Floats, count: int) -> Floats:
    """The first Legendre polynomials, on the last axis."""
    return np.reshape(
        np.asarray(np.polynomial.legendre.legvander(t, count - 1), dtype=np.float64), (*np.shape(t), count)
    )
