"""What is believed of one arm's true mean: a distribution on the line that quadrature can use.

Each posterior is smooth in a coordinate of its own that runs over the whole line (the identity, the
logarithm, the log-odds); integrals are taken there. `cdf` and `sf` are both exact in their own
tail, so that no small probability is one minus a large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from scipy import special

from workbench.stats.moments import Floats
from workbench.stats.quadrature import TAILS, panels

Coordinate = Literal["line", "log", "logit"]
BEND = 2.0  # widest panel in the logarithm or the log-odds


@runtime_checkable
class Posterior(Protocol):
    """A distribution of one unknown number."""

    def __hash__(self) -> int:
        """Posteriors are frozen: their quantiles are kept."""

    @property
    def coordinate(self) -> Coordinate:
        """In which the density is smooth over the whole line."""

    @property
    def mean(self) -> float:
        """The expected value."""

    @property
    def sd(self) -> float:
        """The standard deviation."""

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x, exact where it is small."""

    def density(self, z: Floats) -> Floats:
        """Density in the coordinate."""

    def ppf(self, p: Floats) -> Floats:
        """Quantiles at probabilities from below."""

    def isf(self, p: Floats) -> Floats:
        """Quantiles at probabilities from above."""

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""


@dataclass(frozen=True)
class Beta:
    """A share in (0, 1)."""

    a: float
    b: float
    coordinate: ClassVar[Coordinate] = "logit"

    def __post_init__(self) -> None:
        if not (self.a > 0 and self.b > 0):
            raise ValueError(f"Beta({self.a:g}, {self.b:g}) is no distribution; both numbers must be above zero")

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        total = self.a + self.b
        return float(np.sqrt(self.a * self.b / (total**2 * (total + 1))))

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        return np.asarray(special.betainc(self.a, self.b, np.clip(x, 0, 1)))

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x."""
        return np.asarray(special.betaincc(self.a, self.b, np.clip(x, 0, 1)))

    def density(self, z: Floats) -> Floats:
        """Density of the log-odds."""
        log = self.a * special.log_expit(z) + self.b * special.log_expit(-z) - special.betaln(self.a, self.b)
        return np.asarray(np.exp(log))

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        return np.asarray(special.betaincinv(self.a, self.b, p))

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return np.asarray(special.betainccinv(self.a, self.b, p))

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""
        return rng.beta(self.a, self.b, size)


@dataclass(frozen=True)
class StudentT:
    """A mean whose spread was estimated too; `df` may be infinite (normal)."""

    df: float
    loc: float
    scale: float
    coordinate: ClassVar[Coordinate] = "line"

    def __post_init__(self) -> None:
        if not (self.df > 0 and self.scale > 0 and np.isfinite(self.loc) and np.isfinite(self.scale)):
            raise ValueError(f"a t posterior has df {self.df:g} and scale {self.scale:g}; both must be above zero")

    @property
    def mean(self) -> float:
        """The centre (the expected value wherever one exists)."""
        return self.loc

    @property
    def sd(self) -> float:
        """Standard deviation; infinite at two degrees of freedom or fewer."""
        if np.isinf(self.df):
            return self.scale
        return self.scale * float(np.sqrt(self.df / (self.df - 2))) if self.df > 2 else np.inf

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        return self._below((np.asarray(x) - self.loc) / self.scale)

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x."""
        return self._below((self.loc - np.asarray(x)) / self.scale)

    def density(self, z: Floats) -> Floats:
        """Density on the line."""
        t = (np.asarray(z) - self.loc) / self.scale
        if np.isinf(self.df):
            return np.asarray(np.exp(-t * t / 2) / np.sqrt(2 * np.pi) / self.scale)
        log = -(self.df + 1) / 2 * np.log1p(t * t / self.df) - special.betaln(self.df / 2, 0.5) - np.log(self.df) / 2
        return np.asarray(np.exp(log) / self.scale)

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        unit = special.ndtri(p) if np.isinf(self.df) else special.stdtrit(self.df, p)
        return np.asarray(self.loc + self.scale * unit)

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return np.asarray(2 * self.loc - self.ppf(p))

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""
        unit = rng.standard_normal(size) if np.isinf(self.df) else rng.standard_t(self.df, size)
        return self.loc + self.scale * unit

    def _below(self, t: Floats) -> Floats:
        return np.asarray(special.ndtr(t) if np.isinf(self.df) else special.stdtr(self.df, t))


@dataclass(frozen=True)
class Mesh:
    """A posterior's own nodes: `x` with the probability that each stands for."""

    x: Floats
    mass: Floats


class Meshes:
    """The panels of several posteriors of one kind, and of all of them together."""

    def __init__(self, posteriors: tuple[Posterior, ...]) -> None:
        kinds = {p.coordinate for p in posteriors}
        if len(kinds) != 1:
            raise ValueError(f"posteriors of different kinds cannot be compared: {sorted(kinds)}")
        self.posteriors = posteriors
        self.coordinate: Coordinate = next(iter(kinds))

    @cached_property
    def edges(self) -> tuple[Floats, ...]:
        """Each posterior's panel edges, in the coordinate."""
        return tuple(to_line(self.coordinate, _quantiles(p)) for p in self.posteriors)

    def own(self, index: int) -> Mesh:
        """Nodes for expectations under one posterior; their mass sums to one."""
        z, w = panels(self.edges[index])
        mass = w * self.posteriors[index].density(z)
        return Mesh(from_line(self.coordinate, z), mass / mass.sum())

    def joint(self) -> tuple[Floats, Floats]:
        """Nodes on the axis of the numbers themselves, with weights for integrals over it."""
        edges = np.concatenate(self.edges)
        if self.coordinate != "line":  # where posteriors lie far apart, the axis itself bends between them
            inside = edges[np.isfinite(edges)]
            edges = np.concatenate([edges, np.arange(inside.min(), inside.max(), BEND)])
        z, w = panels(edges)
        return from_line(self.coordinate, z), w * slope(self.coordinate, z)


@lru_cache(maxsize=512)
def _quantiles(posterior: Posterior) -> Floats:
    """Quantiles through both tails (posteriors are frozen, so theirs never change)."""
    lower, upper = posterior.ppf(TAILS), posterior.isf(TAILS[::-1])
    return np.concatenate([lower, posterior.ppf(np.array([0.5])), upper])


def to_line(coordinate: Coordinate, x: Floats) -> Floats:
    """Numbers into the coordinate."""
    if coordinate == "line":
        return x
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x) if coordinate == "log" else special.logit(x))


def from_line(coordinate: Coordinate, z: Floats) -> Floats:
    """Numbers out of the coordinate."""
    if coordinate == "line":
        return z
    return np.asarray(np.exp(z) if coordinate == "log" else special.expit(z))


def slope(coordinate: Coordinate, z: Floats) -> Floats:
    """How fast the number grows with its coordinate."""
    if coordinate == "line":
        return np.ones_like(z)
    return np.asarray(np.exp(z) if coordinate == "log" else special.expit(z) * special.expit(-z))
