"""Segments that learn from each other: normal estimates, normal segments, integrated over their spread.

    estimateᵢ ~ Normal(θᵢ, errorᵢ²)      θᵢ ~ Normal(μ, τ²)      τ ~ half-normal or half-Cauchy      μ ~ prior

Given the spread τ all is normal and exact, so each unknown is a mixture of normals over the nodes of
a quadrature in τ: no sampler, fractions of a millisecond. Where segments look alike, τ is near zero
and each is drawn to the whole; where they do not, each keeps its own estimate. The last axis of the
estimates is the segments; axes before it are separate fits, made at once.

>>> school = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
>>> error = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
>>> fit = shrink(school, error, SpreadPrior(25.0))
>>> round(float(fit.segments.mean[0]), 1), round(float(fit.whole.mean[0]), 1)
(11.1, 7.9)
>>> round(float(fit.chance_alike), 2)  # beforehand one half
0.77
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from workbench.stats.effects import EffectPrior, normals
from workbench.stats.mixtures import Mixtures
from workbench.stats.moments import Floats
from workbench.stats.quadrature import increasing_root

Family = Literal["half-normal", "half-Cauchy"]

NODES = 32  # of the quadrature over the spread
COARSE, ZOOMS = 17, 8  # grid on which a density is sought, and how often it is narrowed at most
DROP = 21.0  # the search keeps what is within e⁻²¹ of the highest density
REACH = {"half-normal": 8.0, "half-Cauchy": 1e8}  # in scales: all but 1e-8 of the prior and less
CHUNK = 2_000_000  # numbers in the largest array of one step of a batch


@dataclass(frozen=True)
class SpreadPrior:
    """What is believed beforehand of how far true effects of segments lie apart."""

    scale: float  # in the estimates' unit, above zero; half-normal: two thirds of the belief lie below it
    family: Family = "half-normal"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"the spread's scale is {self.scale:g}; it must be above zero")
        if self.family not in REACH:
            raise ValueError(f"family is {self.family!r}; it must be one of {', '.join(REACH)}")

    def log_density(self, spread: Floats) -> Floats:
        """Logarithm of the density at spreads of zero and more."""
        z = spread / self.scale
        if self.family == "half-normal":
            return np.asarray(-z * z / 2 + np.log(np.sqrt(2 / np.pi) / self.scale))
        return np.asarray(-np.log1p(z * z) + np.log(2 / (np.pi * self.scale)))

    @property
    def furthest(self) -> float:
        """Beyond it lies nothing that counts."""
        return self.scale * REACH[self.family]


@dataclass(frozen=True, eq=False)
class Spread:
    """Posterior of the spread τ: masses at Gauss-Legendre nodes in log(1 + τ/unit)."""

    unit: Floats  # one a fit
    low: Floats  # ends of the coordinate
    high: Floats
    masses: Floats  # sum to one over the last axis

    @property
    def nodes(self) -> Floats:
        """Spreads at the nodes."""
        x = legendre(self.masses.shape[-1])[0]
        u = self.low[..., None] + (self.high - self.low)[..., None] * (1 + x) / 2
        return np.asarray(self.unit[..., None] * np.expm1(u))

    @property
    def mean(self) -> Floats:
        """Expected spread."""
        return np.asarray((self.masses * self.nodes).sum(axis=-1))

    @property
    def sd(self) -> Floats:
        """Its standard deviation."""
        return np.asarray(np.sqrt((self.masses * (self.nodes - self.mean[..., None]) ** 2).sum(axis=-1)))

    def cdf(self, spread: float | Floats) -> Floats:
        """Probability that the spread is at or below a value."""
        return self._cdf(np.log1p(np.asarray(spread, dtype=np.float64) / self.unit))[0]

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Equal-tailed interval, `level` in (0, 1)."""
        low, high = (
            increasing_root(self._cdf, np.full(self.low.shape, p), self.low, self.high)
            for p in ((1 - level) / 2, (1 + level) / 2)
        )
        return np.asarray(self.unit * np.expm1(low)), np.asarray(self.unit * np.expm1(high))

    def _cdf(self, u: Floats) -> tuple[Floats, Floats]:
        """Integral of the density's Legendre series, and the density, in the coordinate."""
        n = self.masses.shape[-1]
        coefficients = np.moveaxis(self.masses @ legendre(n)[2], -1, 0)
        x = np.clip(2 * (u - self.low) / (self.high - self.low) - 1, -1, 1)
        total = np.polynomial.legendre.legval(x, np.polynomial.legendre.legint(coefficients, lbnd=-1), tensor=False)
        density = np.polynomial.legendre.legval(x, coefficients, tensor=False) * 2 / (self.high - self.low)
        return np.clip(total, 0, 1), density


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """What is believed of segments, of the whole and of their spread; the last axis is the segments."""

    segments: Mixtures  # true effect of each segment
    whole: Mixtures  # mean of the population that segments come from: one unknown
    apart: Mixtures  # true effect of each segment less the whole
    spread: Spread
    chance_alike: Floats  # that all segments have one effect, if beforehand that was one half


def shrink(
    estimates: Floats, errors: Floats, spread: SpreadPrior, mean: EffectPrior | None = None, *, nodes: int = NODES
) -> Hierarchy:
    """Segments' true effects from their estimates, each drawn to the whole as far as the data say.

    Args:
        estimates: One a segment (last axis); any axes before it are fits of their own.
        errors: Standard errors, above zero, of the same shape.
        spread: What is believed of the spread of true effects, in the estimates' unit.
        mean: What is believed of their mean; nothing by default.
        nodes: Of the quadrature over the spread.

    Returns:
        With one segment and no prior on the mean its own estimate; with two the prior of the spread
        decides most of the shrinkage.

    Raises:
        ValueError: No segment, shapes differ, or an estimate is not finite or an error not above zero.

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., eq. 5.17 to 5.21; Gelman (2006),
        Bayesian Anal. 1, 515-534 (priors of the spread).
    """
    y, s = np.asarray(estimates, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    checked(y, s)
    shape = y.shape[:-1]
    y, s = y.reshape(-1, y.shape[-1]), s.reshape(-1, s.shape[-1])
    parts = _Parts.of(mean)
    step = max(1, CHUNK // (nodes * len(parts.weights) * y.shape[-1]))
    fits = [_fit(y[i : i + step], s[i : i + step], spread, parts, nodes) for i in range(0, len(y), step)]

    def joined(arrays: list[Floats]) -> Floats:
        whole = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return whole.reshape(shape + whole.shape[1:])

    def mixtures(name: str) -> Mixtures:
        found = [getattr(fit, name) for fit in fits]
        return Mixtures(*(joined([getattr(f, field) for f in found]) for field in ("weights", "means", "sds")))

    spreads = [fit.spread for fit in fits]
    tau = Spread(*(joined([getattr(f, field) for f in spreads]) for field in ("unit", "low", "high", "masses")))
    alike = joined([fit.chance_alike for fit in fits])
    return Hierarchy(mixtures("segments"), mixtures("whole"), mixtures("apart"), tau, alike)


def checked(y: Floats, s: Floats) -> None:
    """Let only estimates with errors pass.

    Raises:
        ValueError: No segment, shapes differ, or a number that cannot be used.
    """
    if y.ndim == 0 or y.shape[-1] == 0 or y.shape != s.shape:
        raise ValueError(
            f"estimates of shape {y.shape} with errors of shape {s.shape}; one error an estimate, one at least"
        )
    if not np.isfinite(y).all():
        raise ValueError("an estimate is not finite; leave out segments that have none")
    if not (np.isfinite(s).all() and (s > 0).all()):
        raise ValueError(
            "an error is not above zero; a segment without spread needs its exact likelihood, or leave it out"
        )


@dataclass(frozen=True, eq=False)
class _Parts:
    """The mean's prior as normals; a flat one is a normal of precision zero."""

    weights: Floats
    means: Floats
    precisions: Floats
    flat: bool

    @classmethod
    def of(cls, prior: EffectPrior | None) -> _Parts:
        if prior is None or not prior.components:
            return cls(np.ones(1), np.zeros(1), np.zeros(1), True)
        w, m, sd = normals(prior)
        return cls(w, m, sd**-2, False)


def _fit(y: Floats, s: Floats, prior: SpreadPrior, parts: _Parts, nodes: int) -> Hierarchy:
    """One row a fit, one column a segment."""
    centre = y.mean(axis=1, keepdims=True)  # no digits are lost to a common level
    y = y - centre
    unit = s.min(axis=1)
    low, high = np.zeros(len(y)), np.log1p(prior.furthest / unit)

    def log_density(u: Floats) -> Floats:
        tau = unit[:, None] * np.expm1(u)
        return _combined(_given(y, s, centre, tau, parts)[0]) + prior.log_density(tau) + u

    low, high = narrowed(log_density, low, high)
    x, weight, _ = legendre(nodes)
    u = low[:, None] + (high - low)[:, None] * (1 + x) / 2
    tau = unit[:, None] * np.expm1(u)
    log, mu, var, pull = _given(y, s, centre, tau, parts)
    log = log + (prior.log_density(tau) + u + np.log(weight))[..., None]
    flat = log.reshape(len(y), -1)
    top = flat.max(axis=1, keepdims=True)
    w = np.exp(flat - top)
    total = w.sum(axis=1, keepdims=True)
    w /= total
    log_all = (top + np.log(total))[:, 0] + np.log((high - low) / 2 * unit)
    log_none = _combined(_given(y, s, centre, np.zeros((len(y), 1)), parts)[0])[:, 0]

    # fits × segments × spreads × parts of the mean's prior, the last two made one
    pull = pull[..., None]
    gap = y[:, :, None, None] - mu[:, None]
    noise = s[:, :, None, None] ** 2 * pull
    v = var[:, None]
    many = (len(y), y.shape[1], -1)
    weights = w[:, None, :]
    return Hierarchy(
        segments=Mixtures(
            weights,
            (mu[:, None] + pull * gap + centre[..., None, None]).reshape(many),
            np.sqrt(noise + (1 - pull) ** 2 * v).reshape(many),
        ),
        whole=Mixtures(weights, (mu + centre[..., None]).reshape(len(y), 1, -1), np.sqrt(var).reshape(len(y), 1, -1)),
        apart=Mixtures(weights, (pull * gap).reshape(many), np.sqrt(noise + pull**2 * v).reshape(many)),
        spread=Spread(unit, low, high, w.reshape(log.shape).sum(axis=-1)),
        chance_alike=special.expit(log_none - log_all),
    )


def _given(y: Floats, s: Floats, centre: Floats, tau: Floats, parts: _Parts) -> tuple[Floats, Floats, Floats, Floats]:
    """At spreads (fits × spreads): log-likelihood, mean and variance of μ (… × parts); pull to one's own estimate."""
    square = tau**2
    inverse = 1 / (s[:, None, :] ** 2 + square[..., None])  # fits × spreads × segments
    total = inverse.sum(axis=-1)[..., None]
    first = inverse @ y[..., None]
    second = inverse @ (y**2)[..., None]
    m = parts.means - centre[..., None]
    var = 1 / (total + parts.precisions)
    mu = var * (first + parts.precisions * m)
    log = np.log(inverse).sum(axis=-1)[..., None] / 2 + np.log(var) / 2 + np.log(parts.weights)
    log = log - (second + parts.precisions * m**2 - mu**2 / var) / 2
    if not parts.flat:
        log = log + np.log(parts.precisions) / 2
    return log, mu, var, np.swapaxes(square[..., None] * inverse, 1, 2)


def _combined(log: Floats) -> Floats:
    """Logarithm of the sum over the last axis."""
    if log.shape[-1] == 1:
        return log[..., 0]
    return np.asarray(np.logaddexp.reduce(log, axis=-1))


def narrowed(log_density: Callable[[Floats], Floats], low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Where a density counts, sought on ever finer grids, one row a fit."""
    rows = np.arange(len(low))
    for _ in range(ZOOMS):
        u = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, COARSE)
        log = log_density(u)
        counts = log > log.max(axis=1, keepdims=True) - DROP
        first = counts.argmax(axis=1)
        last = COARSE - 1 - counts[:, ::-1].argmax(axis=1)
        before = high - low
        low, high = u[rows, np.maximum(first - 1, 0)], u[rows, np.minimum(last + 1, COARSE - 1)]
        if np.all(high - low > before / 2):
            break
    return low, high


@lru_cache(maxsize=8)
def legendre(nodes: int) -> tuple[Floats, Floats, Floats]:
    """Gauss-Legendre nodes and weights, and the matrix that takes masses at the nodes to a Legendre series."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    degree = np.arange(nodes)
    return x, w, np.polynomial.legendre.legvander(x, nodes - 1) * (2 * degree + 1) / 2
