"""Quantiles from order statistics: intervals that hold for any distribution, from three values of each arm.

How many of n independent units lie below the true quantile is binomial, whatever the values are. So
two order statistics enclose it with a known probability, and their distance gives a standard error.
Moments cannot say this: the units' values must be sorted once.

>>> found = ranks(100, 0.5)
>>> found.low, found.middle, found.high, round(found.above - found.below, 4)
(40, 50, 61, 0.9648)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from workbench.stats.posteriors import StudentT


class Ranks(NamedTuple):
    """Which order statistics say what, counted from 1."""

    n: int  # units
    quantile: float  # in (0, 1)
    low: int  # lower end of the interval
    middle: int  # the sample quantile: the smallest value with at least this share at or below it
    high: int  # upper end of the interval
    below: float  # probability that the true quantile lies below the lower end; at most (1 − level) / 2
    above: float  # ... that it lies below the upper end; at least (1 + level) / 2


class OrderStatistics(NamedTuple):
    """A quantile of one arm."""

    ranks: Ranks
    low: float
    value: float
    high: float

    @property
    def error(self) -> float:
        """Standard error of the sample quantile, from the interval's width.

        Source:
            Price & Bonett (2002), J. Stat. Comput. Simul. 72, 119-124, for any quantile.
        """
        return float((self.high - self.low) / (special.ndtri(self.ranks.above) - special.ndtri(self.ranks.below)))


def ranks(n: int, quantile: float, *, level: float = 0.95) -> Ranks:
    """The order statistics that enclose a quantile with at least a given probability.

    Args:
        n: Units, each independent.
        quantile: Which one, in (0, 1).
        level: Probability inside, in (0, 1).

    Raises:
        ValueError: The quantile or level lies outside (0, 1), or the units are too few for any interval.

    Source:
        David & Nagaraja (2003), Order Statistics, 3rd ed., section 7.1.
    """
    if not (0 < quantile < 1 and 0 < level < 1):
        raise ValueError(f"quantile is {quantile:g} and level {level:g}; both must lie in (0, 1)")
    tail = (1 - level) / 2
    low = _largest(n, quantile, tail) + 1
    high = n - _largest(n, 1 - quantile, tail)
    if low < 1 or high > n:
        raise ValueError(f"{n} units are too few to enclose the quantile {quantile:g} with probability {level:g}")
    below = float(special.bdtr(low - 1, n, quantile))
    above = float(special.bdtr(high - 1, n, quantile))
    return Ranks(n, quantile, low, max(1, int(np.ceil(quantile * n - 1e-9))), high, below, above)


def quantile_posterior(found: OrderStatistics) -> StudentT:
    """What is believed of an arm's true quantile: normal about the sample's, with its standard error.

    Raises:
        ValueError: Both ends of the interval are one value.
    """
    if not found.error > 0:
        raise ValueError(f"the interval's ends are both {found.value:g}; too many values are equal")
    return StudentT(df=np.inf, loc=found.value, scale=found.error)


def _largest(n: int, p: float, tail: float) -> int:
    """Largest k with P(Binomial(n, p) ≤ k) ≤ tail; −1 where there is none."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if special.bdtr(middle, n, p) <= tail:
            low = middle
        else:
            high = middle
    return low
