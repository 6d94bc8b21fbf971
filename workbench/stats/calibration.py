"""Whether probabilities mean what they say: the reliability curve, its distance from honesty, and three tests.

Cases are put into bins of about equal size by their probability. In a bin the share of yes should be the
mean probability. Chance alone moves every bin a little, so the plain calibration error of an honest model
is above zero: its *floor* is stated beside it, and the root mean square error is freed from it before an
interval is given.

>>> chance = np.repeat([0.2, 0.8], 500)
>>> label = np.concatenate([np.arange(500) < 100, np.arange(500) < 350]).astype(int)
>>> curve = reliability(label, chance, bins=2)
>>> [round(float(share), 2) for share in curve.shares]
[0.2, 0.7]
>>> round(expected_calibration_error(curve).value, 3)
0.05
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.classification import Estimate, Z
from workbench.stats.groups import Floats

BINS = 10
SCARCE = 10  # cases, below which a bin's own spread is not trusted


@dataclass(frozen=True)
class Reliability:
    """The curve: one number a bin that is not empty, from low probabilities to high ones."""

    cases: Floats
    means: Floats  # mean probability, in [0, 1]
    shares: Floats  # of yes, in [0, 1]
    lows: Floats  # 95 % interval of the share
    highs: Floats
    variances: Floats  # of a case's label less its probability, as seen in the bin; nan with one case
    expected: Floats  # the same variance were the probabilities true: the mean of p (1 - p)


class Distance(NamedTuple):
    """The plain calibration error and what chance alone makes of it."""

    value: float  # mean distance of share and probability over cases, in [0, 1]
    floor: float  # what it would be on average were every probability true


class HypothesisTest(NamedTuple):
    """A test of the hypothesis that every probability is true."""

    statistic: float
    p_value: float


def reliability(label: npt.ArrayLike, probability: npt.ArrayLike, *, bins: int = BINS) -> Reliability:
    """The reliability curve over bins of about equal size; equal probabilities share a bin.

    Args:
        label: 0 or 1, one a case.
        probability: Of 1, in [0, 1], one a case.
        bins: How many, from 1.

    Raises:
        ValueError: The lengths differ, there is no case, a value lies outside its range, or bins is below 1.
    """
    truth, chance = _cases(label, probability)
    if bins < 1:
        raise ValueError(f"bins is {bins}; it must be at least 1")
    inner = np.quantile(chance, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(inner, chance)
    n = np.bincount(place, minlength=bins).astype(float)
    kept = n > 0
    n, rest = n[kept], truth - chance
    yes, means, gaps, squares, expected = (
        np.bincount(place, values, minlength=bins)[kept]
        for values in (truth, chance, rest, rest * rest, chance * (1 - chance))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        variances = np.where(n > 1, np.maximum(squares - gaps * gaps / n, 0.0) / (n - 1), np.nan)
    lows = np.where(yes > 0, special.betaincinv(yes + 0.5, n - yes + 0.5, 0.025), 0.0)
    highs = np.where(yes < n, special.betaincinv(yes + 0.5, n - yes + 0.5, 0.975), 1.0)
    return Reliability(n, means / n, yes / n, lows, highs, variances, expected / n)


def expected_calibration_error(curve: Reliability) -> Distance:
    """Mean distance between share and probability over all cases, and its mean under honesty.

    Source:
        Naeini, Cooper & Hauskrecht (2015), AAAI; the floor is the mean of a folded normal distribution.
    """
    weight = curve.cases / curve.cases.sum()
    floor = np.sqrt(2.0 / np.pi * curve.expected / curve.cases)
    return Distance(float(weight @ np.abs(curve.shares - curve.means)), float(weight @ floor))


def calibration_error(curve: Reliability) -> Estimate:
    """Root mean square calibration error over the bins, freed from what chance adds, with its 95 % interval.

    The squared distance less its own sampling variance is unbiased; where that is below zero, the value is 0.
    A bin of few cases, or of labels that agree, is taken to spread as its probabilities say.

    Source:
        Kumar, Liang & Ma (2019), Verified Uncertainty Calibration, NeurIPS (the debiased estimator).
    """
    known = curve.cases > 1
    if not known.any():
        return Estimate(None)
    n = curve.cases[known]
    trusted = spread_of(n, curve.shares[known], curve.variances[known], curve.expected[known])
    weight, noise = n / n.sum(), trusted / n
    signal = (curve.shares - curve.means)[known] ** 2 - noise
    value = float(weight @ signal)
    spread = 2.0 * noise**2 + 4.0 * np.maximum(signal, 0.0) * noise
    reach = Z * float(np.sqrt(weight**2 @ spread))
    low, middle, high = np.sqrt(np.maximum([value - reach, value, value + reach], 0.0))
    return Estimate(float(middle), float(low), float(high))


def spread_of(cases: Floats, shares: Floats, observed: Floats, expected: Floats) -> Floats:
    """Variance of a case's label in each bin: as observed, where that can be trusted.

    Labels that all agree show no variance, and few show too little: there it is the largest of what was
    observed, what the probabilities promise, and what Jeffreys' prior leaves; never zero.

    Args:
        cases: In each bin, above zero.
        shares: Of yes, in [0, 1].
        observed: Variances as seen.
        expected: Those that the probabilities promise.

    Source:
        Brown, Cai & DasGupta (2001), Statistical Science 16, for the prior.

    >>> spread_of(*np.array([[1.0, 100.0], [1.0, 0.5], [0.0, 0.25], [0.2, 0.2]])).round(4).tolist()
    [0.2, 0.25]
    """
    middle = (shares * cases + 0.5) / (cases + 1.0)
    cautious = np.maximum(np.maximum(observed, expected), middle * (1.0 - middle))
    return np.asarray(np.where((cases < SCARCE) | (shares <= 0) | (shares >= 1), cautious, observed))


def hosmer_lemeshow(curve: Reliability, *, fitted: bool = False) -> HypothesisTest:
    """Chi-squared distance of the bins' counts from what the probabilities promise.

    Args:
        curve: The reliability curve.
        fitted: Whether the probabilities were fitted to these very cases; it costs two degrees of freedom.

    Raises:
        ValueError: There are too few bins, or a bin promises certainty, so that its spread is zero.

    Source:
        Hosmer & Lemeshow (1980), Communications in Statistics A9; on held-out cases the degrees of
        freedom are the number of bins.
    """
    freedom = len(curve.cases) - (2 if fitted else 0)
    if freedom < 1:
        raise ValueError(f"{len(curve.cases)} bins leave {freedom} degrees of freedom; at least 1 is needed")
    chance = curve.means * (1.0 - curve.means)
    if (chance <= 0).any():
        raise ValueError("a bin's mean probability is 0 or 1; the test needs probabilities between")
    statistic = float((curve.cases * (curve.shares - curve.means) ** 2 / chance).sum())
    return HypothesisTest(statistic, float(special.chdtrc(freedom, statistic)))


def spiegelhalter(label: npt.ArrayLike, probability: npt.ArrayLike) -> HypothesisTest:
    """Spiegelhalter's z: the Brier score against what it would be were every probability true; no bins.

    Positive: the probabilities are too sure of themselves; negative: they are too cautious.

    Raises:
        ValueError: The lengths differ, there is no case, a value lies outside its range, or every
            probability is 0, 1 or one half, so that the test says nothing.

    Source:
        Spiegelhalter (1986), Statistics in Medicine 5.

    >>> round(spiegelhalter([1, 0, 0, 1], [0.8, 0.8, 0.8, 0.8]).statistic, 3)
    1.5
    """
    truth, chance = _cases(label, probability)
    slope = 1.0 - 2.0 * chance
    variance = float((slope**2 * chance * (1.0 - chance)).sum())
    if variance == 0.0:
        raise ValueError("every probability is 0, 1 or one half; Spiegelhalter's test needs others")
    z = float(((truth - chance) * slope).sum()) / variance**0.5
    return HypothesisTest(z, float(2.0 * special.ndtr(-abs(z))))


def _cases(label: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[Floats, Floats]:
    truth, chance = np.asarray(label, dtype=float), np.asarray(probability, dtype=float)
    if truth.shape != chance.shape or truth.ndim != 1 or not truth.size:
        raise ValueError(f"labels have the shape {truth.shape}, probabilities {chance.shape}; each case needs both")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise ValueError("label must be a list of zeros and ones")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise ValueError("a probability is no number in [0, 1]")
    return truth, chance
