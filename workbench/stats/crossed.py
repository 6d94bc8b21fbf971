"""Segments along several dimensions: country × device as effects of each country, each device, and what is left.

    estimate_c ~ Normal(θ_c, error_c²)      θ_c = μ + Σ_d a_d[level of c] + e_c
    a_d ~ Normal(0, τ_d²)      e ~ Normal(0, τ_e²)      each τ ~ its own prior      μ flat

Given the spreads all is normal and exact; over the two to four spreads the integral is a product of
Gauss-Legendre rules, laid where the spreads' posterior is. A cell with little data of its own so
learns from its row and its column, not only from the whole.

>>> y = np.array([1.0, 2.0, 3.0, 4.0])  # two countries × two devices, effects that simply add
>>> fit = cross(y, np.full(4, 0.1), [[0, 0, 1, 1], [0, 1, 0, 1]], [SpreadPrior(2.0)] * 3)
>>> [round(x, 1) for x in fit.cells.mean.tolist()]
[1.0, 2.0, 3.0, 4.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from workbench.stats.hierarchy import SpreadPrior, checked, legendre
from workbench.stats.mixtures import Mixtures
from workbench.stats.moments import Floats

MOST = 3  # dimensions; with more, the product of rules grows past a second
NODES = {1: 20, 2: 14, 3: 9}  # a spread, by the number of dimensions
COARSE = {1: 9, 2: 7, 3: 6}
ZOOMS = 3
DROP = 15.0  # the search keeps what is within e⁻¹⁵ of the highest density
LIGHT = 1e-7  # weight of a node that is left out


@dataclass(frozen=True, eq=False)
class Crossed:
    """What is believed of cells, of levels of each dimension, and of the whole."""

    cells: Mixtures  # true effect of each cell
    whole: Mixtures  # one unknown: the mean over the populations of levels and cells
    apart: Mixtures  # true effect of each cell less the whole
    levels: tuple[Mixtures, ...]  # by dimension: what each level adds to the whole
    spreads: tuple[float, ...]  # expected spread of each dimension's levels, then of what is left


def cross(
    estimates: Floats, errors: Floats, levels: Sequence[npt.ArrayLike], spreads: Sequence[SpreadPrior]
) -> Crossed:
    """True effects of cells that share levels.

    Args:
        estimates: One a cell.
        errors: Their standard errors, above zero.
        levels: For each dimension each cell's level, numbered from zero without gaps.
        spreads: What is believed of the spread of each dimension's levels, then of what is left.

    Raises:
        ValueError: No dimension or more than three, lengths differ, or a number that cannot be used.

    Source:
        Gelman (2005), Analysis of variance, Ann. Statist. 33, 1-53 (the model); given the spreads,
        Lindley & Smith (1972), J. R. Stat. Soc. B 34, 1-41.
    """
    y, s = np.asarray(estimates, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    checked(y, s)
    codes = [np.asarray(c, dtype=np.int64) for c in levels]
    if not 1 <= len(codes) <= MOST:
        raise ValueError(f"{len(codes)} dimensions; there must be one to {MOST}")
    if len(spreads) != len(codes) + 1:
        raise ValueError(f"{len(spreads)} priors of spreads; {len(codes)} dimensions need {len(codes) + 1}")
    if any(c.shape != y.shape or set(c.tolist()) != set(range(c.max() + 1)) for c in codes):
        raise ValueError("levels must number each cell's level from zero without gaps")
    return _Cross(y, s, codes, spreads).solved()


class _Cross:
    """One fit: the design, and the pieces that depend on the last spread only."""

    def __init__(self, y: Floats, s: Floats, codes: list[npt.NDArray[np.int64]], priors: Sequence[SpreadPrior]) -> None:
        self.centre = y.mean()
        self.y, self.s, self.priors = y - self.centre, s, priors
        self.sizes = [int(c.max()) + 1 for c in codes]
        self.x = np.hstack([np.ones((len(y), 1)), *(np.eye(k)[c] for k, c in zip(self.sizes, codes, strict=True))])
        self.unit = float(s.min())

    def solved(self) -> Crossed:
        axes = len(self.priors)
        low, high = np.zeros(axes), np.log1p([p.furthest / self.unit for p in self.priors])
        for _ in range(ZOOMS):
            low, high = self._narrowed(low, high, np.linspace(0, 1, COARSE[axes - 1]))
        x, w, _ = legendre(NODES[axes - 1])
        grid = low[:, None] + (high - low)[:, None] * (1 + x) / 2
        log = self._log_density(grid)
        for axis in range(axes):
            log = log + np.expand_dims(np.log(w), [a for a in range(axes) if a != axis])
        weights = np.exp(log - log.max())
        kept = np.argwhere(weights > LIGHT * weights.sum())
        mass = weights[tuple(kept.T)]
        mass /= mass.sum()
        tau = self.unit * np.expm1(grid[np.arange(axes), kept])  # nodes × spreads
        return self._posterior(mass, tau)

    def _narrowed(self, low: Floats, high: Floats, steps: Floats) -> tuple[Floats, Floats]:
        grid = low[:, None] + (high - low)[:, None] * steps
        log = self._log_density(grid)
        at = np.argwhere(log > log.max() - DROP)
        rows = np.arange(len(low))
        first, last = np.maximum(at.min(axis=0) - 1, 0), np.minimum(at.max(axis=0) + 1, len(steps) - 1)
        return grid[rows, first], grid[rows, last]

    def _log_density(self, grid: Floats) -> Floats:
        """Log posterior density over the product of the axes' nodes, up to a constant."""
        points = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)
        tau = self.unit * np.expm1(points.reshape(-1, len(grid)))
        m, b, fit, log_weight = self._system(tau)
        solved = np.linalg.solve(m, b[..., None])[..., 0]
        log = (log_weight - np.linalg.slogdet(m)[1] - fit + (b * solved).sum(axis=-1)) / 2
        for axis, prior in enumerate(self.priors):
            log = log + prior.log_density(tau[:, axis]) + np.log1p(tau[:, axis] / self.unit)
        return np.asarray(log).reshape(points.shape[:-1])

    def _system(self, tau: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """At each node: the matrix and right side of the levels in units of their spreads, and what the fit needs."""
        last, which = np.unique(tau[:, -1], return_inverse=True)
        inverse = 1 / (self.s**2 + last[:, None] ** 2)
        gram = np.einsum("nc,ci,cj->nij", inverse, self.x, self.x)[which]
        side = ((inverse * self.y) @ self.x)[which]
        scale = self._scale(tau)
        m = gram * scale[:, :, None] * scale[:, None, :]
        m[:, range(1, m.shape[1]), range(1, m.shape[1])] += 1
        return m, side * scale, (inverse @ self.y**2)[which], np.log(inverse).sum(axis=1)[which]

    def _scale(self, tau: Floats) -> Floats:
        parts = [np.repeat(tau[:, [d]], size, axis=1) for d, size in enumerate(self.sizes)]
        return np.hstack([np.ones((len(tau), 1)), *parts])

    def _posterior(self, mass: Floats, tau: Floats) -> Crossed:
        m, b, _, _ = self._system(tau)
        scale = self._scale(tau)
        inverse = np.linalg.inv(m)
        beta = np.einsum("nij,nj->ni", inverse, b) * scale
        cov = inverse * scale[:, :, None] * scale[:, None, :]
        pull = tau[:, [-1]] ** 2 / (self.s**2 + tau[:, [-1]] ** 2)  # nodes × cells
        row = beta @ self.x.T
        noise = self.s**2 * pull
        keep = (1 - pull) ** 2

        def variance(design: Floats) -> Floats:
            return np.asarray(np.einsum("ci,nij,cj->nc", design, cov, design, optimize=True))

        apart = self.x.copy()
        apart[:, 0] = 0.0
        left = pull * (self.y - row)  # what is left of a cell beyond its levels
        # θ − μ = levels·(1 − pull) − pull·μ + pull·y: linear in the same unknowns
        away = np.einsum("nc,ci->nci", 1 - pull, apart)
        away[:, :, 0] = -pull
        away_variance = noise + np.einsum("nci,nij,ncj->nc", away, cov, away, optimize=True)
        own = np.sqrt(np.maximum(np.einsum("nii->ni", cov), 1e-300))
        ends = np.cumsum([1, *self.sizes])
        return Crossed(
            cells=Mixtures(mass, (row + left).T + self.centre, np.sqrt(noise + keep * variance(self.x)).T),
            whole=Mixtures(mass, beta[:, :1].T + self.centre, own[:, :1].T),
            apart=Mixtures(mass, (row - beta[:, :1] + left).T, np.sqrt(away_variance).T),
            levels=tuple(Mixtures(mass, beta[:, a:z].T, own[:, a:z].T) for a, z in pairwise(ends)),
            spreads=tuple((mass @ tau).tolist()),
        )
