"""The frequentist twin of a comparison: Welch's t, z for shares, relative change, and Holm and Benjamini-Hochberg.

It says the same with other words, for those who want it: how often a difference this large is seen
where there is none. Design effects and adjusted samples enter through the samples' own errors.

>>> from workbench.stats.moments import Sample
>>> found = welch(Sample.of([5.0, 6.0, 7.0]), Sample.of([1.0, 2.0, 3.0]))
>>> found.effect, found.df, round(found.p, 6)
(4.0, 4.0, 0.00805)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from workbench.stats.moments import Floats, Sample, Whole


@dataclass(frozen=True)
class Twin:
    """One difference from the control."""

    method: str
    effect: float  # arm minus control; a share of the control where the method says so
    error: float  # standard error of it
    df: float  # degrees of freedom; infinite: normal
    p: float  # probability of a difference at least this large where there is none, two-sided
    low: float  # interval of the effect
    high: float


def welch(arm: Sample, control: Sample, *, level: float = 0.95) -> Twin:
    """Welch's t test of two means.

    Args:
        arm: n, mean and sum of squares about the mean; clusters count as its degrees of freedom.
        control: The same of the control.
        level: Probability inside the interval.

    Raises:
        ValueError: An arm has fewer than two independent units, or neither has spread.

    Source:
        Welch (1947), Biometrika 34, 28-35.
    """
    return _tested("Welch's t", arm.mean - control.mean, *_errors(arm, control), level)


def relative_welch(arm: Sample, control: Sample, *, level: float = 0.95) -> Twin:
    """The same of the relative change, by the delta method.

    Raises:
        ValueError: As `welch`, or the control's mean is zero.
    """
    _, df = _errors(arm, control)
    change, error = relative_change(arm.mean, arm.error, control.mean, control.error)
    return _tested("Welch's t of the relative change", change, error, df, level)


def shares(arm: Sample, control: Sample, *, level: float = 0.95) -> Twin:
    """The z test of two shares of yes: p from the pooled share, the interval from each one's own.

    Where units came in clusters, whose spread was estimated too, it is a t test on their number.

    Args:
        arm: Units and how many are above zero; a design effect widens its error.
        control: The same of the control.
        level: Probability inside the interval.

    Raises:
        ValueError: An arm is empty or of a single cluster, or everybody in both did the same.

    Source:
        Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., sections 3.1 and 3.2.
    """
    if min(arm.n, control.n) <= 0:
        raise ValueError(f"{arm.n:g} and {control.n:g} units; each arm needs at least one")
    weight = [s.deff_share / s.n for s in (arm, control)]
    pooled = (arm.n_positive + control.n_positive) / (arm.n + control.n)
    if pooled in {0.0, 1.0}:
        raise ValueError(f"everybody in both arms has {pooled:g}; there is no spread to test")
    effect = arm.share_positive - control.share_positive
    own = [s.share_positive * (1 - s.share_positive) * w for s, w in zip((arm, control), weight, strict=True)]
    clustered = any(s.clusters is not None for s in (arm, control))
    df = _satterthwaite([pooled * (1 - pooled) * w for w in weight], arm, control) if clustered else np.inf
    alike, error = float(np.sqrt(pooled * (1 - pooled) * sum(weight))), float(np.sqrt(sum(own)))
    found = _tested("t of two shares" if clustered else "z of two shares", effect, alike, df, level)
    reach = (found.high - effect) * error / alike  # everybody in one arm may have done the same: p alone is pooled
    return replace(found, error=error, low=effect - reach, high=effect + reach)


def z_test(effect: float, error: float, *, method: str, level: float = 0.95) -> Twin:
    """An estimate with a normal error against zero.

    Raises:
        ValueError: The error is not above zero.
    """
    return _tested(method, effect, error, np.inf, level)


def relative_change(mean: float, error: float, base: float, base_error: float) -> tuple[float, float]:
    """How far a mean lies above another as a share of it, with its standard error (delta method).

    Raises:
        ValueError: The base is zero.

    >>> relative_change(12.0, 0.0, 10.0, 1.0)
    (0.2, 0.12)
    """
    if base == 0:
        raise ValueError("the control's mean is 0; a relative change needs one that is not")
    change = (mean - base) / base
    return change, float(np.hypot(error / base, mean * base_error / base**2))


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the chance of any false alarm.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(ps, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _placed(np.minimum(steps, 1.0), order)


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the expected share of false alarms among alarms.

    Source:
        Benjamini & Hochberg (1995), JRSS B 57, 289-300.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(ps, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    steps = np.minimum.accumulate(scaled[::-1])[::-1]
    return _placed(np.minimum(steps, 1.0), order)


def _placed(values: Floats, order: Whole) -> list[float]:
    back = np.empty(len(values))
    back[order] = values
    return [float(v) for v in back]


def _errors(arm: Sample, control: Sample) -> tuple[float, float]:
    """Standard error of the difference, and Satterthwaite's degrees of freedom.

    Raises:
        ValueError: An arm has fewer than two independent units, or neither has spread.
    """
    variances = [arm.error**2, control.error**2]
    return float(np.sqrt(sum(variances))), _satterthwaite(variances, arm, control)


def _satterthwaite(variances: Sequence[float], arm: Sample, control: Sample) -> float:
    """Degrees of freedom of a difference whose parts have these variances.

    Raises:
        ValueError: An arm has fewer than two independent units, or neither has spread.
    """
    if min(arm.independent, control.independent) < 2:
        raise ValueError(
            f"{arm.independent:g} and {control.independent:g} independent units; a test of means needs 2 in each arm"
        )
    parts = np.array(variances)
    if not parts.sum() > 0:
        raise ValueError("neither arm has any spread; there is nothing to test")
    return float(parts.sum() ** 2 / (parts**2 @ [1 / (arm.independent - 1), 1 / (control.independent - 1)]))


def _tested(method: str, effect: float, error: float, df: float, level: float) -> Twin:
    """The two-sided test of an estimate against zero.

    Raises:
        ValueError: The error is not above zero.
    """
    if not error > 0:
        raise ValueError(f"the standard error is {error:g}; it must be above zero")
    statistic = effect / error
    normal = np.isinf(df)
    p = 2 * float(special.ndtr(-abs(statistic)) if normal else special.stdtr(df, -abs(statistic)))
    reach = error * float(special.ndtri((1 + level) / 2) if normal else special.stdtrit(df, (1 + level) / 2))
    return Twin(method, effect, error, df, p, effect - reach, effect + reach)
