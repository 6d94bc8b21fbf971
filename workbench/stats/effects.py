"""What is believed of an effect: a prior stated on its own scale, and the posterior after an estimate.

A prior is a mixture of normals and Student-t's. A Student-t is a mixture of normals over its
precision, so prior, posterior and all that is asked of them are finite mixtures of normals: exact,
in microseconds, tails included. A prior on the *relative* scale speaks of effect ÷ control mean and
is applied to an estimate on that scale; the two scales are never mixed.

>>> prior = EffectPrior.normal(0.0, 0.02, scale="relative")
>>> posterior = effect_posterior(0.06, 0.02, prior)  # as far from nothing as its own error thrice
>>> round(posterior.mean, 12), round(posterior.sd, 6)
(0.03, 0.014142)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from workbench.stats.moments import Floats
from workbench.stats.posteriors import Coordinate
from workbench.stats.quadrature import increasing_root

Scale = Literal["absolute", "relative"]

NODES = 160  # normals that stand for one Student-t
REACH = 1e-40  # probability of precision left out on either side


@dataclass(frozen=True)
class Component:
    """One part of a prior."""

    weight: float  # share of the whole, in (0, 1]
    mean: float  # on the prior's scale
    sd: float  # the normal's standard deviation, or the Student-t's scale; above zero
    df: float = np.inf  # degrees of freedom; infinite: normal


@dataclass(frozen=True)
class EffectPrior:
    """What is believed of an effect before its data."""

    components: tuple[Component, ...]  # weights sum to one; none: nothing is assumed (flat)
    scale: Scale = "absolute"
    source: str = "stated"  # where it comes from, in words: "43 past tests of conversion"

    def __post_init__(self) -> None:
        for c in self.components:
            if not (0 < c.weight <= 1 and c.sd > 0 and c.df > 0 and np.isfinite([c.mean, c.sd]).all()):
                raise ValueError(f"{c} is no part of a prior; weight in (0, 1], sd and df above zero")
        total = sum(c.weight for c in self.components)
        if self.components and abs(total - 1) > 1e-9:
            raise ValueError(f"the prior's weights sum to {total:g}; they must sum to one")
        if self.scale not in {"absolute", "relative"}:
            raise ValueError(f"scale is {self.scale!r}; it must be 'absolute' or 'relative'")

    @classmethod
    def normal(cls, mean: float, sd: float, *, scale: Scale = "absolute", source: str = "stated") -> EffectPrior:
        """A single normal."""
        return cls((Component(1.0, float(mean), float(sd)),), scale, source)

    @classmethod
    def student(
        cls, df: float, mean: float, sd: float, *, scale: Scale = "absolute", source: str = "stated"
    ) -> EffectPrior:
        """A single Student-t; `sd` is its scale."""
        return cls((Component(1.0, float(mean), float(sd), float(df)),), scale, source)

    @classmethod
    def flat(cls, *, scale: Scale = "absolute") -> EffectPrior:
        """Nothing is assumed: the posterior is the estimate and its error."""
        return cls((), scale, "nothing assumed")


@dataclass(frozen=True)
class EffectPosterior:
    """A mixture of normals on the line; fulfils `posteriors.Posterior`."""

    weights: tuple[float, ...]  # sum to one
    means: tuple[float, ...]
    sds: tuple[float, ...]
    coordinate: ClassVar[Coordinate] = "line"

    @property
    def mean(self) -> float:
        """The expected effect."""
        return float(np.dot(self.weights, self.means))

    @property
    def sd(self) -> float:
        """Standard deviation."""
        w, m, s = self._arrays()
        return float(np.sqrt(w @ (s**2 + (m - w @ m) ** 2)))

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        w, m, s = self._arrays()
        return np.asarray(special.ndtr((np.asarray(x)[..., None] - m) / s) @ w)

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x, exact where it is small."""
        w, m, s = self._arrays()
        return np.asarray(special.ndtr((m - np.asarray(x)[..., None]) / s) @ w)

    def density(self, z: Floats) -> Floats:
        """Density on the line."""
        w, m, s = self._arrays()
        t = (np.asarray(z)[..., None] - m) / s
        return np.asarray(np.exp(-t * t / 2) / s @ w / np.sqrt(2 * np.pi))

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        return self._quantile(np.asarray(p, dtype=np.float64), upper=False)

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return self._quantile(np.asarray(p, dtype=np.float64), upper=True)

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""
        w, m, s = self._arrays()
        part = rng.choice(len(w), size=size, p=w)
        return rng.normal(m[part], s[part])

    def interval(self, level: float) -> tuple[float, float]:
        """Equal-tailed interval that holds the effect with probability `level`, in (0, 1)."""
        tail = np.array([(1 - level) / 2])
        return float(self.ppf(tail)[0]), float(self.isf(tail)[0])

    def chance_above(self, x: float) -> float:
        """Probability that the effect is above x."""
        return float(self.sf(np.array(x)))

    def chance_within(self, low: float, high: float) -> float:
        """Probability that the effect lies in (low, high); no digits are lost in either tail."""
        ends = np.array([low, high])
        inside = self.sf(ends) if low > self.mean else self.cdf(ends)
        return float(abs(inside[1] - inside[0]))

    def expected_shortfall(self) -> float:
        """E[max(−effect, 0)]: what choosing the treated arm costs on average, where more is better."""
        return self._expected_positive(-1.0)

    def expected_gain(self) -> float:
        """E[max(effect, 0)]: what staying with the control costs on average, where more is better."""
        return self._expected_positive(1.0)

    def _expected_positive(self, sign: float) -> float:
        w, m, s = self._arrays()
        z = sign * m / s
        # φ(z) + z Φ(z) cancels far below zero; there ∫ Φ is taken from its continued form by log_ndtr
        phi = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
        plain = phi + z * special.ndtr(z)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            far = phi / z**2 * (1 - 3 / z**2 + 15 / z**4 - 105 / z**6 + 945 / z**8)
        return float(np.dot(w, s * np.where(z < -12, far, plain)))

    def _quantile(self, p: Floats, *, upper: bool) -> Floats:
        flat = np.atleast_1d(p)
        _, m, s = self._arrays()
        unit = special.ndtri(flat)
        ends = m + s * (-unit if upper else unit)[:, None]
        low, high = ends.min(axis=1), ends.max(axis=1)
        if len(m) == 1:
            return np.asarray(low.reshape(p.shape))

        def short(x: Floats) -> tuple[Floats, Floats]:
            return (-self.sf(x) if upper else self.cdf(x)), self.density(x)

        return increasing_root(short, -flat if upper else flat, low, high).reshape(p.shape)

    def _arrays(self) -> tuple[Floats, Floats, Floats]:
        return np.asarray(self.weights), np.asarray(self.means), np.asarray(self.sds)


def effect_posterior(estimate: float, error: float, prior: EffectPrior) -> EffectPosterior:
    """What is believed of an effect after an estimate with a normal error.

    Args:
        estimate: On the prior's scale.
        error: Its standard error, above zero, on the same scale.
        prior: What was believed before.

    Raises:
        ValueError: The estimate is not finite, or the error not above zero.
    """
    if not (np.isfinite(estimate) and np.isfinite(error) and error > 0):
        raise ValueError(f"estimate {estimate:g} with error {error:g}; both must be finite, the error above zero")
    if not prior.components:
        return EffectPosterior((1.0,), (float(estimate),), (float(error),))
    weights, means, sds = normals(prior)
    spread = sds**2 + error**2
    log = np.log(weights) - np.log(spread) / 2 - (estimate - means) ** 2 / spread / 2
    w = np.exp(log - log.max())
    w /= w.sum()
    kept = w > 1e-18
    pull = sds**2 / spread
    centre = means + pull * (estimate - means)
    sd = error * np.sqrt(pull)
    w = w[kept] / w[kept].sum()
    return EffectPosterior(tuple(w.tolist()), tuple(centre[kept].tolist()), tuple(sd[kept].tolist()))


def normals(prior: EffectPrior) -> tuple[Floats, Floats, Floats]:
    """A prior as a mixture of normals: weights, means, standard deviations."""
    parts = [_parts(c) for c in prior.components]
    w, m, s = (np.concatenate(column) for column in zip(*parts, strict=True))
    return w, m, s


def _parts(c: Component) -> tuple[Floats, Floats, Floats]:
    if np.isinf(c.df):
        return np.array([c.weight]), np.array([c.mean]), np.array([c.sd])
    precision, mass = _precisions(c.df)
    return c.weight * mass, np.full(len(mass), c.mean), c.sd / np.sqrt(precision)


@lru_cache(maxsize=256)
def _precisions(df: float) -> tuple[Floats, Floats]:
    """Nodes of the gamma distribution of a Student-t's relative precision, evenly spaced in its logarithm."""
    half = df / 2
    low = special.gammaincinv(half, REACH) / half
    high = special.gammainccinv(half, REACH) / half
    z = np.linspace(np.log(low), np.log(high), NODES)
    log = half * z - half * np.exp(z)
    mass = np.exp(log - log.max())
    return np.exp(z), mass / mass.sum()
