"""An effect over time: whether it fades after people have met it, and how it wanders from day to day.

    decay:  estimate_d ~ Normal(a + b · 2^(−d/h), error_d²)      b ~ Normal(0, size²), a flat
    walk:   estimate_d ~ Normal(θ_d, error_d²)      θ_d − θ_{d−1} ~ Normal(0, σ²), θ_0 flat

Given the half-life h (every factor equally likely from half a day to the days there are), or given the
step σ, all is normal and exact; over that one number the integral is a Gauss-Legendre rule. Days are
numbers, gaps between them are respected.

>>> days = np.arange(14.0)
>>> fit = decay(days, 0.10 + 0.20 * 0.5 ** (days / 2), np.full(14, 0.02), size=0.3)
>>> round(float(fit.lasting.mean[0]), 2), round(float(fit.faded.mean[0]), 2), fit.fades
(0.1, 0.2, 'fades')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.stats.hierarchy import Spread, SpreadPrior, checked, legendre, narrowed
from workbench.stats.mixtures import Mixtures
from workbench.stats.moments import Floats

NODES = 40
SHORTEST = 0.5  # days; a half-life below it is over before the second day

Course = Literal["fades", "grows", "not enough evidence"]


@dataclass(frozen=True, eq=False)
class Decay:
    """An effect by days since people met it."""

    days: Floats
    by_day: Mixtures  # true effect on each day
    lasting: Mixtures  # what stays in the end: one unknown
    faded: Mixtures  # effect on the first day less that on the last: one unknown
    half_life: tuple[float, float, float]  # median and 95 % interval, in days; without fading, its prior
    fades: Course  # with 95 % certainty: whether the effect lost size from the first day to the last


@dataclass(frozen=True, eq=False)
class Walk:
    """An effect that may wander from day to day."""

    days: Floats
    by_day: Mixtures  # true effect on each day
    changed: Mixtures  # effect on the last day less that on the first: one unknown
    step: Spread  # how far the effect moves in a day


def decay(days: Floats, estimates: Floats, errors: Floats, *, size: float) -> Decay:
    """Whether an effect fades.

    Args:
        days: Days since people met it, increasing, at least three.
        estimates: The effect on each day.
        errors: Their standard errors, taken as independent of each other. Where the same people are
            measured on several days the days go up and down together, and fading is judged with
            more caution than need be.
        size: How large a passing effect may be (one standard deviation of its prior), above zero.

    Raises:
        ValueError: Fewer than three days, days that do not increase, or a number that cannot be used.
    """
    d, y, s = _days(days, estimates, errors)
    if not (np.isfinite(size) and size > 0):
        raise ValueError(f"size is {size:g}; it must be above zero")
    low, high = np.log(SHORTEST), np.log(d[-1] - d[0])
    x, weight, to_series = legendre(NODES)
    log_half = low + (high - low) * (1 + x) / 2
    left = 0.5 ** ((d - d[0]) / np.exp(log_half)[:, None])  # half-lives × days: share of the passing effect left
    w = s**-2
    centre = float(w @ y / w.sum())
    # normal equations of (a, b): [[p, q], [q, r]] (a, b) = (f, g)
    p, q, r = np.full(NODES, w.sum()), left @ w, left**2 @ w + size**-2
    f, g = float(w @ (y - centre)), left @ (w * (y - centre))
    det = p * r - q * q
    a, b = (r * f - q * g) / det, (p * g - q * f) / det
    log = -np.log(det) / 2 + (a * f + b * g) / 2 + np.log(weight)
    mass = np.exp(log - log.max())
    mass /= mass.sum()

    def known(one: Floats, two: Floats, shift: float = 0.0) -> Mixtures:
        """`one`·a + `two`·b; one row an unknown, one column a half-life."""
        variance = (one * one * r - 2 * one * two * q + two * two * p) / det
        return Mixtures(mass, one * (a + shift) + two * b, np.sqrt(variance))

    faded = known(np.zeros((1, NODES)), (left[:, 0] - left[:, -1])[None])
    by_day = known(np.ones((len(d), NODES)), left.T, centre)
    cumulative = np.polynomial.legendre.legint(mass @ to_series, lbnd=-1)
    grid = np.linspace(-1, 1, 801)
    cdf = np.maximum.accumulate(np.polynomial.legendre.legval(grid, cumulative))
    at = np.exp(low + (high - low) * (1 + np.interp([0.5, 0.025, 0.975], cdf, grid)) / 2)
    return Decay(
        days=d,
        by_day=by_day,
        lasting=known(np.ones((1, NODES)), np.zeros((1, NODES)), centre),
        faded=faded,
        half_life=(float(at[0]), float(at[1]), float(at[2])),
        fades=_course(float(faded.sf(0.0)[0]), float(by_day.mean[0] + by_day.mean[-1])),
    )


def walk(days: Floats, estimates: Floats, errors: Floats, step: SpreadPrior) -> Walk:
    """How an effect wanders from day to day.

    Args:
        days: Increasing numbers, at least three.
        estimates: The effect on each day.
        errors: Their standard errors, independent of each other.
        step: What is believed of how far the effect moves in one day.

    Raises:
        ValueError: Fewer than three days, days that do not increase, or a number that cannot be used.

    Source:
        Durbin & Koopman (2012), Time Series Analysis by State Space Methods, 2nd ed., ch. 2 (local level).
    """
    d, y, s = _days(days, estimates, errors)
    centre = y.mean()
    y = y - centre
    shape = np.minimum.outer(d, d) - d[0]
    unit = float(s.min())
    ones = np.ones(len(d))

    def given(sigma: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Log-likelihood, level, inverse covariance and its row sums, at each step."""
        inverse = np.linalg.inv(sigma[:, None, None] ** 2 * shape + np.diag(s**2))
        rows = inverse @ ones
        total = rows.sum(axis=1)
        level = rows @ y / total
        log = (np.linalg.slogdet(inverse)[1] - np.log(total) - np.einsum("i,nij,j->n", y, inverse, y)) / 2
        return log + level**2 * total / 2, level, inverse, rows

    def log_density(u: Floats) -> Floats:
        sigma = unit * np.expm1(u[0])
        return np.asarray(given(sigma)[0] + step.log_density(sigma) + u[0])[None]

    low, high = narrowed(log_density, np.zeros(1), np.log1p([step.furthest / unit]))
    x, weight, _ = legendre(NODES)
    u = low + (high - low) * (1 + x) / 2
    sigma = unit * np.expm1(u)
    log, level, inverse, rows = given(sigma)
    mass = np.exp((log := log + step.log_density(sigma) + u + np.log(weight)) - log.max())
    mass /= mass.sum()
    prior = sigma[:, None, None] ** 2 * shape
    gain = prior @ inverse
    mean = level[:, None] + np.einsum("nij,nj->ni", gain, y - level[:, None])
    slack = 1 - np.einsum("nij,j->ni", gain, ones)
    cov = prior - gain @ prior + slack[:, :, None] * slack[:, None, :] / rows.sum(axis=1)[:, None, None]
    own = np.einsum("nii->ni", cov)
    change = own[:, -1] + own[:, 0] - 2 * cov[:, 0, -1]
    return Walk(
        days=d,
        by_day=Mixtures(mass, mean.T + centre, np.sqrt(own).T),
        changed=Mixtures(mass, (mean[:, -1] - mean[:, 0])[None], np.sqrt(np.maximum(change, 1e-300))[None]),
        step=Spread(np.array(unit), low[0], high[0], mass),
    )


def _days(days: Floats, estimates: Floats, errors: Floats) -> tuple[Floats, Floats, Floats]:
    d, y, s = (np.asarray(v, dtype=np.float64) for v in (days, estimates, errors))
    checked(y, s)
    if d.shape != y.shape or y.ndim != 1 or len(d) < 3:
        raise ValueError(f"{d.size} days with {y.size} estimates; at least three are needed, one estimate a day")
    if not (np.isfinite(d).all() and (np.diff(d) > 0).all()):
        raise ValueError("days must increase, none twice")
    return d, y, s


def _course(chance: float, side: float) -> Course:
    """Whether the size goes down, by the probability that the effect itself does."""
    down = chance if side >= 0 else 1 - chance
    if down >= 0.95:
        return "fades"
    return "grows" if down <= 0.05 else "not enough evidence"
