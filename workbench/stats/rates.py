"""Rates of counts: the Gamma posterior of a Poisson mean, its evidence cut where counts spread wider.

Money with few sales is counted too: its variance over its mean is what one sale is worth, and a total
is that many sales.

>>> posterior = rate_posterior(12, 10, prior=(1.0, 1.0))
>>> posterior.mean  # (12 + 1) / (10 + 1)
1.1818181818181819
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from workbench.stats.moments import Floats, Sample
from workbench.stats.posteriors import Coordinate

UNLIKELY = 0.01  # two-sided probability below which counts are not taken for a Poisson's


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


def pooled_dispersion(samples: Sequence[Sample]) -> float:
    """Variance over mean, all arms together; 1 where there is nothing above zero.

    Args:
        samples: One an arm, nothing below zero in any.

    >>> round(pooled_dispersion([Sample.of([0, 0, 4]), Sample.of([0, 0, 0])]), 12)
    4.0
    """
    expected = sum((s.n - 1) * s.mean for s in samples)
    return sum(s.m2 for s in samples) / expected if expected > 0 else 1.0


def spreads_as_poisson(samples: Sequence[Sample]) -> bool:
    """Whether counts vary about their arms' means no more and no less than a Poisson's would.

    Args:
        samples: One an arm, nothing below zero in any.

    Source:
        Fisher (1950), Biometrics 6, 17-24 (the index of dispersion is a chi-square).
    """
    seen = [s for s in samples if s.mean > 0 and s.n > 1]
    statistic, df = sum(s.m2 / s.mean for s in seen), sum(s.n - 1 for s in seen)
    return bool(not seen or min(special.chdtr(df, statistic), special.chdtrc(df, statistic)) >= UNLIKELY / 2)


def rate_posteriors(samples: Sequence[Sample], *, money: bool = False) -> list[Gamma]:
    """What is believed of each arm's mean of counts, every rate equally likely beforehand.

    Arms share one dispersion, which those with a handful of events cannot tell of themselves; where
    units came in clusters they share the largest design effect as well.

    Args:
        samples: One an arm, nothing below zero in any.
        money: Whether a dispersion below 1 is what a sale is worth; in counts it is chance, and taken for 1.

    Raises:
        ValueError: An arm has no unit, or a value is negative.

    Source:
        McCullagh & Nelder (1989), Generalized Linear Models, 2nd ed., section 6.2.3 (dispersion).

    >>> none, five = rate_posteriors([Sample.of([0] * 200), Sample.of([1] * 5 + [0] * 195)])
    >>> none.mean, five.mean  # (0 + 1) / 200, (5 + 1) / 200
    (0.005, 0.03)
    """
    if negative := sum(s.n_negative for s in samples):
        raise ValueError(f"{negative:g} values are negative; counts and amounts must be zero or more")
    worth = max(pooled_dispersion(samples), 0.0 if money else 1.0) * max(s.deff_mean for s in samples)
    return [Gamma(1 + s.n * s.mean / worth, s.n / worth) for s in samples]
