"""Rates of counts: the Gamma posterior of a Poisson mean, its evidence cut where counts spread wider.

>>> posterior = rate_posterior(12, 10, prior=(1.0, 1.0))
>>> posterior.mean  # (12 + 1) / (10 + 1)
1.1818181818181819
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from workbench.stats.moments import Floats
from workbench.stats.posteriors import Coordinate


@dataclass(frozen=True)
class Gamma:
    """A rate above zero."""

    shape: float
    exposure: float  # the distribution's rate parameter: how many units the evidence is worth
    coordinate: ClassVar[Coordinate] = "log"

    def __post_init__(self) -> None:
        if not (self.shape > 0 and self.exposure > 0):
            raise ValueError(
                f"Gamma({self.shape:g}, {self.exposure:g}) is no distribution; both numbers must be above zero"
            )

    @property
    def mean(self) -> float:
        """The expected rate."""
        return self.shape / self.exposure

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.shape)) / self.exposure

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        return np.asarray(special.gammainc(self.shape, self.exposure * np.maximum(x, 0.0)))

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x."""
        return np.asarray(special.gammaincc(self.shape, self.exposure * np.maximum(x, 0.0)))

    def density(self, z: Floats) -> Floats:
        """Density of the logarithm."""
        at = np.asarray(z) + np.log(self.exposure)
        return np.asarray(np.exp(self.shape * at - np.exp(at) - special.gammaln(self.shape)))

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        return np.asarray(special.gammaincinv(self.shape, p) / self.exposure)

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return np.asarray(special.gammainccinv(self.shape, p) / self.exposure)

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws."""
        return rng.gamma(self.shape, 1 / self.exposure, size)


def rate_posterior(events: float, units: float, *, prior: tuple[float, float], dispersion: float = 1.0) -> Gamma:
    """What is believed of a rate after counting events.

    Args:
        events: How many there were, in all units together.
        units: In how many units they were counted.
        prior: Shape and exposure of the Gamma prior, each above zero.
        dispersion: Variance of the counts over their mean, at least 1; the evidence counts for that
            many times less (quasi-Poisson).

    Raises:
        ValueError: A negative number, or a dispersion below one.

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 2.6; McCullagh & Nelder
        (1989), Generalized Linear Models, 2nd ed., section 6.2.3 (dispersion).

    >>> rate_posterior(12, 10, prior=(1.0, 1.0), dispersion=2.0).exposure
    6.0
    """
    if not (events >= 0 and units >= 0):
        raise ValueError(f"{events:g} events in {units:g} units; neither may be negative")
    if not dispersion >= 1:
        raise ValueError(f"dispersion is {dispersion:g}; it must be at least 1")
    return Gamma(prior[0] + events / dispersion, prior[1] + units / dispersion)
