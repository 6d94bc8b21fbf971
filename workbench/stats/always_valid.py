"""Looking whenever one likes: p-values and intervals that hold at all times at once.

The likelihood of a normal mixture of effects, over that of no effect, is a martingale while there is
no effect: it exceeds 1/α ever with probability at most α. Turned round it is an interval at each
look, all of which hold the truth together. Rules:

- the mixture's scale is stated before the estimates are seen; the interval is narrowest for the
  error that it was tuned for, and valid for all;
- estimates are sums over units, so that a normal error with known size describes each look; with
  early looks of few units the promise is approximate (asymptotic confidence sequences).

>>> found = always_valid(0.3, 0.1, scale=0.2)
>>> round(float(found.p), 4), round(float(found.low), 4), round(float(found.high), 4)
(0.0611, -0.0082, 0.6082)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.stats.moments import Floats


class AlwaysValid(NamedTuple):
    """What holds at every look together; one number a look."""

    p: Floats  # chance at most p of ever seeing one this small where there is no difference
    low: Floats
    high: Floats


def always_valid(estimate: npt.ArrayLike, error: npt.ArrayLike, *, scale: float, alpha: float = 0.05) -> AlwaysValid:
    """Always-valid p-values and intervals, look by look.

    A p-value that was small once stays an answer: over looks in order, their running minimum is one
    too (`numpy.minimum.accumulate`), and so is the intersection of the intervals.

    Args:
        estimate: The difference at each look.
        error: Its standard error, above zero.
        scale: Standard deviation of the effects that are mixed, in the estimate's unit.
        alpha: Chance that the intervals ever miss the truth, in (0, 1).

    Raises:
        ValueError: An error or the scale is not above zero, or alpha not in (0, 1).

    Source:
        Robbins (1970); Johari, Pekelis & Walsh (2015), mSPRT; Waudby-Smith et al. (2021), asymptotic
        confidence sequences, eq. 8: the same interval with scale = ρ × a unit's standard deviation.
    """
    d = np.asarray(estimate, dtype=np.float64)
    v = np.square(_positive(error))
    log_ratio = _log_ratio(d, v, scale)
    half = np.sqrt(v) * boundary(error, scale=scale, alpha=alpha)
    return AlwaysValid(np.exp(-np.maximum(log_ratio, 0.0)), d - half, d + half)


def boundary(error: npt.ArrayLike, *, scale: float, alpha: float = 0.05) -> Floats:
    """How far from zero a standardised difference must be, look by look.

    Args:
        error: Standard error at each look, above zero.
        scale: Standard deviation of the effects that are mixed.
        alpha: In (0, 1).

    Raises:
        ValueError: An error or the scale is not above zero, or alpha not in (0, 1).

    >>> round(float(boundary(1.0, scale=2.817)), 3)  # tuned for this look, a fixed one needs 1.96
    3.035
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}; it must lie in (0, 1)")
    known = _known(_positive(error), scale)
    return np.asarray(np.sqrt((1 + known) / known * (np.log1p(known) - 2 * np.log(alpha))))


def tuned_scale(error: float, *, alpha: float = 0.05) -> float:
    """The scale that makes the interval about narrowest when the error has come down to this.

    Args:
        error: Standard error at the look that matters most, above zero.
        alpha: In (0, 1).

    Raises:
        ValueError: The error is not above zero, or alpha not in (0, 1).

    Source:
        Waudby-Smith et al. (2021), appendix: ρ² n* = −2 log α + log(1 − 2 log α).

    >>> round(tuned_scale(1.0), 3)
    2.817
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}; it must lie in (0, 1)")
    return float(_positive(error) * np.sqrt(-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))))


def _log_ratio(d: Floats, v: Floats, scale: float) -> Floats:
    """Logarithm of the mixture's likelihood over that of no effect."""
    known = _known(np.sqrt(v), scale)
    return np.asarray(d * d / (2 * v) * known / (1 + known) - np.log1p(known) / 2)


def _known(error: Floats, scale: float) -> Floats:
    """Information against the mixture's: (scale ÷ error)²."""
    return np.asarray(np.square(_positive(scale) / error))


def _positive(value: npt.ArrayLike) -> Floats:
    given = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise ValueError(f"{value!r} is given as an error or scale; it must be above zero and finite")
    return given
