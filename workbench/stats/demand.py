"""Demand by segment and price: a binomial Gaussian process pooled over segments, by Laplace's approximation.

The logit of conversion at price p in segment s is one curve for all, g(p), plus the segment's own
deviation, d_s(p). Each is a level, a slope and a bend (a smooth RBF term) in the price's coordinate.
Segments with little traffic lean on the others; no shape is forced on the curve. Rules:

- demand does not rise with price: draws are projected on falling curves unless asked otherwise, each
  point weighted by its posterior precision;
- counts may be fractions (discounted by age), zero where a price was never shown;
- the prior is fixed, not fitted: its reasons stand at `SMOOTH`, its log evidence in every posterior.

>>> seen = np.array([[100.0, 100.0], [1000.0, 0.0]])
>>> bought = np.array([[40.0, 20.0], [300.0, 0.0]])
>>> found = demand_posterior(bought, seen, (10.0, 20.0))
>>> share = found.draw(np.random.default_rng(0), 4000).mean(axis=0)
>>> bool(0.1 < share[1, 1] < share[1, 0] < 0.35)  # never shown, and yet known from the other segment
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from workbench.stats.isotonic import falling
from workbench.stats.moments import Floats

Axis = Literal["log price", "price"]

STEPS = 60  # of Newton, at most; five are usual, three from yesterday's answer
SETTLED = 1e-6  # largest change of a logit in the last step
LEVEL = 1e-9  # added to the covariance's diagonal, relative to its largest entry, before it is factored


@dataclass(frozen=True)
class Curve:
    """How far a curve of logits may stray: prior standard deviations."""

    level: float  # of the logit at the middle price
    slope: float  # of its change per unit of the coordinate
    bend: float  # of smooth departures from the straight line; 0: none
    length: float = 0.3  # over how many units of the coordinate departures are alike


@dataclass(frozen=True)
class DemandPrior:
    """What is believed of demand before any sale."""

    level: float  # logit of conversion at the middle price
    slope: float  # change of the logit per unit of the coordinate
    shared: Curve  # how far the common curve may stray from that line
    segment: Curve  # how far a segment may stray from the common curve
    axis: Axis = "log price"  # coordinate: ln(price / geometric mean), or price / mean − 1

    def coordinate(self, prices: Sequence[float]) -> Floats:
        """Prices as the curve sees them.

        Raises:
            ValueError: They do not rise, or the logarithm is asked of a price that is not above zero.
        """
        p = np.asarray(prices, dtype=np.float64)
        if not (p.size and np.isfinite(p).all() and (np.diff(p) > 0).all()):
            raise ValueError(f"prices are {list(prices)}; they must be finite and rise, none twice")
        if self.axis == "price":
            if p[0] < 0 or p[-1] == 0:
                raise ValueError(f"the lowest price is {p[0]:g}; it must not be below zero, and not the only one at it")
            return np.asarray(p / p.mean() - 1)
        if p[0] <= 0:
            raise ValueError(f"the lowest price is {p[0]:g}; on the axis 'log price' it must be above zero")
        return np.asarray(np.log(p) - np.log(p).mean())


# Level: conversion of 1 to 80 % is within two sd of 18 %. Slope: an odds elasticity of −1.5, and anything from −4.5
# to 1.5. Bend: a kink of demand by a factor of four; over 0.3 in log price, i.e. prices a third apart, it is nearly
# the same. Segments differ by about half in level (odds) and shape.
SMOOTH = DemandPrior(-1.5, -1.5, Curve(1.5, 1.5, 1.5), Curve(0.4, 0.5, 0.5))
LOGISTIC = DemandPrior(-1.5, -2.0, Curve(1.5, 2.0, 0.0), Curve(0.5, 0.8, 0.0), axis="price")


@dataclass(frozen=True, eq=False)
class DemandPosterior:
    """Logits of conversion, jointly normal over segments × prices."""

    logit: Floats  # the mode, segments × prices
    covariance: Floats  # of the logits, segment by segment in one row
    log_evidence: float  # natural logarithm of the counts' probability under the prior, up to the counts' own constant
    _weights: Floats = field(repr=False)  # K⁻¹ (mode − mean): where Newton starts tomorrow

    @property
    def sd(self) -> Floats:
        """Standard deviation of each logit, segments × prices."""
        return np.sqrt(np.diag(self.covariance)).reshape(self.logit.shape)

    def draw(self, rng: np.random.Generator, size: int, *, falls: bool = True, spread: float = 1.0) -> Floats:
        """Independent draws of conversion.

        Args:
            rng: Source of chance.
            size: How many.
            falls: Project each on the nearest curve that does not rise with price.
            spread: Factor on the posterior's standard deviation; below one, draws keep closer to the mode.

        Returns:
            Draws × segments × prices, each in (0, 1).
        """
        jitter = LEVEL * np.diag(self.covariance).max()
        root = np.linalg.cholesky(self.covariance + jitter * np.eye(self.logit.size))
        noise = rng.standard_normal((size, self.logit.size)) @ root.T
        logits = self.logit + spread * noise.reshape(size, *self.logit.shape)
        return np.asarray(special.expit(falling(logits, self.sd**-2.0) if falls else logits))


def demand_posterior(
    bought: Floats,
    seen: Floats,
    prices: Sequence[float],
    prior: DemandPrior = SMOOTH,
    *,
    start: DemandPosterior | None = None,
) -> DemandPosterior:
    """What is known of conversion in each segment at each price.

    Args:
        bought: Visitors who bought, segments × prices; fractions where counts are discounted.
        seen: Visitors who were shown the price, in the same places.
        prices: Rising, one a column.
        prior: What is believed before.
        start: A posterior of counts not far from these, from which fewer steps are needed.

    Raises:
        ValueError: Shapes differ, a count is negative or not finite, more bought than saw the price, or the mode was
            not found.

    Source:
        Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, algorithms 3.1 and 3.2.
    """
    y, n = np.asarray(bought, dtype=np.float64), np.asarray(seen, dtype=np.float64)
    if y.ndim != 2 or y.shape != n.shape or y.shape[1] != len(prices):
        raise ValueError(f"counts have shapes {y.shape} and {n.shape}; both must be segments × {len(prices)} prices")
    if not (np.isfinite(y).all() and np.isfinite(n).all() and (y >= 0).all() and (y <= n + 1e-9 * (1 + n)).all()):
        raise ValueError("a count is negative, not finite, or more bought than saw the price; 0 ≤ bought ≤ seen")
    mean, cov = _prior_moments(tuple(map(float, prices)), y.shape[0], prior)
    weights = np.zeros(y.size) if start is None else start._weights
    mode, weights = _mode(y.ravel(), n.ravel(), mean, cov, weights)
    share = special.expit(mode)
    root = np.sqrt(n.ravel() * share * (1 - share))
    lower = np.linalg.cholesky(np.eye(y.size) + root[:, None] * cov * root)
    spread = np.linalg.solve(lower, root[:, None] * cov)
    evidence = _log_joint(mode, weights, mean, y.ravel(), n.ravel()) - np.log(np.diag(lower)).sum()
    return DemandPosterior(mode.reshape(y.shape), cov - spread.T @ spread, float(evidence), weights)


@lru_cache(maxsize=32)
def _prior_moments(prices: tuple[float, ...], segments: int, prior: DemandPrior) -> tuple[Floats, Floats]:
    """Mean and covariance of all logits before any sale."""
    x = prior.coordinate(prices)
    shared = np.kron(np.ones((segments, segments)), _kernel(x, prior.shared))
    own = np.kron(np.eye(segments), _kernel(x, prior.segment))
    mean, cov = np.tile(prior.level + prior.slope * x, segments), shared + own
    mean.setflags(write=False)
    cov.setflags(write=False)
    return mean, cov


def _kernel(x: Floats, curve: Curve) -> Floats:
    near = np.exp(-(((x[:, None] - x) / curve.length) ** 2) / 2)
    return np.asarray(curve.level**2 + curve.slope**2 * np.outer(x, x) + curve.bend**2 * near)


def _mode(y: Floats, n: Floats, mean: Floats, cov: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Newton's method in the weights, each step halved until it does not lead down.

    Raises:
        ValueError: It did not settle.
    """
    logit = mean + cov @ weights
    height = _log_joint(logit, weights, mean, y, n)
    identity = np.eye(len(y))
    for _ in range(STEPS):
        share = special.expit(logit)
        curvature = n * share * (1 - share)
        root = np.sqrt(curvature)
        pull = curvature * (logit - mean) + y - n * share
        inner = np.linalg.solve(identity + root[:, None] * cov * root, root * (cov @ pull))
        direction = pull - root * inner - weights
        step = 1.0
        while True:
            tried = weights + step * direction
            moved = mean + cov @ tried
            reached = _log_joint(moved, tried, mean, y, n)
            if reached >= height - 1e-9 * (1 + abs(height)) or step < 1e-6:
                break
            step /= 2
        change = float(np.abs(moved - logit).max())
        logit, weights, height = moved, tried, reached
        if change < SETTLED:
            return logit, weights
    raise ValueError(f"the mode of demand was not found in {STEPS} steps; are the counts those of visitors?")


def _log_joint(logit: Floats, weights: Floats, mean: Floats, y: Floats, n: Floats) -> float:
    """Log likelihood plus log prior, both without their constants."""
    return float((y * logit - n * np.logaddexp(0, logit)).sum() - (logit - mean) @ weights / 2)
