"""What is believed of several groups' true rates at once, and whether they are one rate.

The lowest of many measured rates lies too low and the highest too high, by chance alone: eight equal
groups of 200 people at a rate of .3 show a lowest-to-highest ratio near .77. *Partial pooling* takes
that out: the rates come from one beta distribution whose spread is learned from the data, which draws
them together as far as chance explains their distance. Pooling has an error of its own: it draws a
small group that really is treated worse towards the many who are not. So both are offered, and an
audit asks both.

>>> rng = np.random.default_rng(1)
>>> draws = rate_draws([45, 30], [100, 100], rng, draws=4000)
>>> draws.shape
(4000, 2)
>>> round(float(draws[:, 0].mean()), 2)
0.45
>>> round(homogeneity([45, 30], [100, 100], rng), 4)
0.0285
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

UNKNOWN = "(unknown)"  # the group of those whose group is missing; "unknown" is a group that somebody named
JEFFREYS = 0.5  # pseudo-count of either answer
SPREADS = 64  # grid of the spread
SMALLEST, LARGEST = 0.05, 100.0  # spreads (k): as they are, and in sizes of a group
CENTRES = 49  # grid of the centre, at each spread
REACH = 6.0  # posterior standard deviations that the grid of the centre covers to either side
COCHRAN = 5.0  # smallest expected count for which the chi-squared distribution is used
BILLION = 10**9  # cases, from which numpy draws no table with given margins
TABLES = 4000  # random tables where it is not


def rate_draws(
    yes: npt.ArrayLike, seen: npt.ArrayLike, rng: np.random.Generator, *, draws: int = 20_000, pooled: bool = False
) -> Floats:
    """Draws from the joint posterior of the groups' true rates, one row a draw, one column a group.

    Apart, the groups are independent with Jeffreys' prior. Pooled, a group's rate has the prior
    beta(m k, (1-m) k); the centre m has Jeffreys' prior, and the weight k / (k + n), by which a group
    of the (harmonic) mean size n is drawn to the centre, is uniform.

    Args:
        yes: Cases with the outcome, one number a group; may be fractions.
        seen: Cases, one number a group; a group may have none.
        rng: The source of chance.
        draws: Rows to return.
        pooled: Whether the groups are partially pooled.

    Raises:
        ValueError: A count is negative, or `yes` exceeds `seen`.

    Source:
        Daniels (1999), Canadian J. of Statistics 27, on the uniform shrinkage prior.
    """
    hits, cases = _counted(yes, seen)
    if not pooled or not cases.any():
        return rng.beta(hits + JEFFREYS, cases - hits + JEFFREYS, size=(draws, len(hits)))
    weight, centre, spread = _pooling(hits, cases)
    cell = rng.choice(len(weight), size=draws, p=weight)
    first = centre[cell, None] * spread[cell, None]
    second = (1.0 - centre[cell, None]) * spread[cell, None]
    return rng.beta(hits + first, cases - hits + second)


def pooled_means(yes: npt.ArrayLike, seen: npt.ArrayLike) -> Floats:
    """The groups' expected rates under partial pooling, one number a group, in (0, 1).

    Raises:
        ValueError: A count is negative, or `yes` exceeds `seen`.

    >>> pooled_means([9, 5, 5, 5], [10, 10, 10, 10]).round(2).tolist()
    [0.72, 0.56, 0.56, 0.56]
    """
    hits, cases = _counted(yes, seen)
    if not cases.any():
        return np.full(len(hits), 0.5)
    weight, centre, spread = _pooling(hits, cases)
    means = (hits + (centre * spread)[:, None]) / (cases + spread[:, None])
    return np.asarray(weight @ means)


def rate_interval(yes: float, seen: float, *, level: float = 0.95) -> tuple[float, float]:
    """Jeffreys' interval of one rate: 0 and 1 are ends where nobody, or everybody, has the outcome.

    Raises:
        ValueError: `yes` is not between 0 and `seen`.

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16.

    >>> [round(end, 4) for end in rate_interval(5, 20)]
    [0.1024, 0.4642]
    """
    if not 0 <= yes <= seen:
        raise ValueError(f"yes is {yes} of {seen}; it must lie between 0 and seen")
    tail = (1.0 - level) / 2.0
    low, high = special.betaincinv(yes + JEFFREYS, seen - yes + JEFFREYS, [tail, 1.0 - tail])
    return (0.0 if yes == 0 else float(low)), (1.0 if yes == seen else float(high))


def homogeneity(yes: npt.ArrayLike, seen: npt.ArrayLike, rng: np.random.Generator) -> float:
    """Probability of groups at least as far apart as these when all have the same true rate.

    Pearson's chi-squared statistic, against its chi-squared distribution where every expected count
    is 5 or more, else against random tables with the same margins (an exact test, up to the number
    of tables; of a billion cases or more they are drawn with replacement, which changes nothing that
    could be told). With fewer than two groups, or one outcome only, nothing speaks against equality: 1.

    Raises:
        ValueError: A count is negative, or `yes` exceeds `seen`.

    >>> homogeneity([10, 10], [100, 100], np.random.default_rng(0))
    1.0
    """
    hits, cases = _counted(yes, seen)
    hits, cases = hits[cases > 0], cases[cases > 0]
    total, cases_all = hits.sum(), cases.sum()
    if len(hits) < 2 or total in {0, cases_all}:
        return 1.0
    observed = float(_pearson(hits[None], cases)[0])
    share = total / cases_all
    if cases.min() * min(share, 1.0 - share) >= COCHRAN:
        return float(special.chdtrc(len(hits) - 1, observed))
    tables = _tables(cases.astype(np.int64), int(total), rng).astype(float)
    further = int((_pearson(tables, cases) >= observed * (1.0 - 1e-9)).sum())
    return (further + 1) / (TABLES + 1)


def _tables(cases: Counts, total: int, rng: np.random.Generator) -> Counts:
    """Cases of one outcome by group in random tables, one row a table."""
    everybody = int(cases.sum())
    if everybody < BILLION:
        return rng.multivariate_hypergeometric(
            cases, total, size=TABLES, method="marginals" if everybody > 1e4 else "count"
        )
    rarer = min(total, everybody - total)
    if rarer <= everybody // 1000:  # so few that it is nothing that nobody is drawn twice
        return rng.multinomial(rarer, cases / everybody, size=TABLES)
    return rng.binomial(cases, total / everybody, size=(TABLES, len(cases)))  # the small groups are the few


def _counted(yes: npt.ArrayLike, seen: npt.ArrayLike) -> tuple[Floats, Floats]:
    hits, cases = np.asarray(yes, dtype=float), np.asarray(seen, dtype=float)
    if hits.shape != cases.shape or hits.ndim != 1:
        raise ValueError(f"yes has the shape {hits.shape}, seen {cases.shape}; both need one number a group")
    if (hits < 0).any() or (hits > cases).any():
        raise ValueError("yes must lie between 0 and seen in every group")
    return hits, cases


def _pearson(hits: Floats, cases: Floats) -> Floats:
    """The statistic, one number a table; `hits` has one row a table."""
    share = hits.sum(axis=1, keepdims=True) / cases.sum()
    return np.asarray(((hits - cases * share) ** 2 / (cases * share * (1.0 - share))).sum(axis=1))


def _pooling(hits: Floats, cases: Floats) -> tuple[Floats, Floats, Floats]:
    """The posterior of centre and spread on a grid: weights that add to one, centres, spreads (k)."""
    size = np.count_nonzero(cases) / (1.0 / cases[cases > 0]).sum()
    k = np.geomspace(SMALLEST, LARGEST * size, SPREADS)
    drawn = k / (k + size)  # the share by which a group is drawn to the centre; uniform beforehand
    # a normal start places the grid of the centre, on the log-odds, at each spread
    rate = (hits + JEFFREYS) / (cases + 2 * JEFFREYS)
    effective = cases[None] * (k[:, None] + 1.0) / (cases[None] + k[:, None])
    informed = effective.sum(axis=1) + 2 * JEFFREYS
    middle = ((effective * rate).sum(axis=1) + JEFFREYS) / informed
    sd = 1.0 / np.sqrt(informed * middle * (1.0 - middle))
    steps = np.linspace(-REACH, REACH, CENTRES)
    centre = special.expit(special.logit(middle)[:, None] + sd[:, None] * steps)
    # the prior of the centre, times the slope of the log-odds, is (m (1-m)) ** (-1/2 + 1)
    log = 0.5 * np.log(centre * (1.0 - centre)) + np.log(sd * drawn * (1.0 - drawn))[:, None]
    first, second = centre * k[:, None], (1.0 - centre) * k[:, None]
    for hit, seen in zip(hits, cases, strict=True):
        log += special.betaln(hit + first, seen - hit + second) - special.betaln(first, second)
    weight = np.exp(log - log.max())
    return (weight / weight.sum()).ravel(), centre.ravel(), np.repeat(k, CENTRES)
