"""Intervals of a mean that hold at any sample size and shape, heavy tails included: by betting.

Two gamblers bet against each candidate mean, one that the truth is above it and one that it is
below. While the candidate is the truth neither can expect to win, so that one who has multiplied
the money by 2/α refutes it. Only the largest value that there can be must be known.

>>> low, high = betting_interval(np.zeros(1000), 1.0)
>>> low, round(high, 4)
(0.0, 0.0074)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.stats.moments import Floats

HALVINGS = 50  # of the range, in search of a bound
MOST = 0.5  # share of the money that is bet at most


class Interval(NamedTuple):
    """From where to where."""

    low: float
    high: float


def betting_interval(x: npt.ArrayLike, upper: float, *, level: float = 0.95) -> Interval:
    """Interval of the mean of independent numbers in [0, upper]; it holds at any sample size and shape.

    Args:
        x: The numbers, in the order in which they came.
        upper: Largest value that there can be.
        level: Probability that the interval holds the mean, in (0, 1); at least that.

    Raises:
        ValueError: A number lies outside [0, upper], there is none, or the level is not in (0, 1).

    Source:
        Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting,
        JRSS B 86, 1-27, theorem 3 and section 4.2.

    >>> low, high = betting_interval(np.zeros(1000), 1.0)
    >>> low, round(high, 4)
    (0.0, 0.0074)
    """
    y = np.asarray(x, dtype=np.float64) / upper
    if not y.size or not (upper > 0 and y.min() >= 0 and y.max() <= 1 + 1e-12):
        raise ValueError(f"{y.size} numbers, upper bound {upper:g}; all must lie in [0, upper], and there must be one")
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it must lie in (0, 1)")
    y = np.minimum(y, 1.0)
    low = _capital_bound(y, level)
    high = 1 - _capital_bound(1 - y, level)
    return Interval(upper * low, upper * high)


def _capital_bound(y: Floats, level: float) -> float:
    """Largest mean against which betting on a higher one has multiplied the money by 2/α: the lower bound."""
    n, goal = y.size, float(np.log(2 / (1 - level)))
    count = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(y)) / (count + 1)
    spread = (0.25 + np.cumsum((y - mean) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    stake = np.sqrt(2 * goal / (n * before))

    def won(m: float) -> bool:
        bet = np.minimum(stake, MOST / m)
        return bool(np.cumsum(np.log1p(bet * (y - m))).max() >= goal)

    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if won(middle) else (low, middle)
    return low
