"""Whether a parametric demand curve may be used: set against the smooth one before it is believed.

A two-parameter logistic curve learns faster than a smooth one where it is true, and never recovers
where it is not. So it stands behind a check of two parts: the evidence of the smooth curve against
it (a Bayes factor), and whether data drawn from it scatter about it as the real data do. It sees only
prices that were shown: two of them side by side fit any curve.

>>> seen = np.full((1, 6), 2000.0)
>>> kinked = np.array([[0.60, 0.31, 0.30, 0.30, 0.29, 0.02]])
>>> check_logistic(kinked * seen, seen, (10.0, 20.0, 30.0, 40.0, 50.0, 60.0), np.random.default_rng(0)).fits
False
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.stats.demand import LOGISTIC, DemandPosterior, demand_posterior
from workbench.stats.moments import Floats

LARGEST_FACTOR = 3.0  # Bayes factor for the smooth curve from which the logistic one is refused: "positive" evidence
LEAST_CHANCE = 0.05  # of data as far from the logistic curve as these, below which it is refused


@dataclass(frozen=True, eq=False)
class LogisticCheck:
    """What speaks for and against the logistic curve."""

    fits: bool
    log_factor: float  # natural logarithm of the Bayes factor of the smooth curve against the logistic one
    chance: float  # posterior predictive probability of a scatter at least as large as the data's, in [0, 1]
    curve: DemandPosterior  # the logistic curve's posterior
    sentence: str


def check_logistic(
    bought: Floats, seen: Floats, prices: Sequence[float], rng: np.random.Generator, *, draws: int = 1000
) -> LogisticCheck:
    """The logistic curve beside the smooth one.

    Args:
        bought: Visitors who bought, segments × prices; whole numbers.
        seen: Visitors who were shown the price, in the same places.
        prices: Rising, one a column.
        rng: Source of chance for the predictive check.
        draws: Data sets drawn for it.

    Raises:
        ValueError: The counts are no counts, or nothing was shown.

    Source:
        Gelman, Meng & Stern 1996, Statistica Sinica 6 (predictive check by a realised discrepancy); Kass & Raftery
        1995, JASA 90 (the scale of Bayes factors).
    """
    y, n = np.asarray(bought, dtype=np.float64), np.asarray(seen, dtype=np.float64)
    if not n.sum() > 0:
        raise ValueError("no visitor was shown a price; the curve's check needs sales")
    if (n != np.rint(n)).any():
        raise ValueError("seen holds fractions; the check needs whole numbers of visitors, not discounted ones")
    smooth, curve = demand_posterior(y, n, prices), demand_posterior(y, n, prices, LOGISTIC)
    factor = smooth.log_evidence - curve.log_evidence
    share = curve.draw(rng, draws, falls=False)
    again = rng.binomial(n.astype(np.int64), share).astype(np.float64)
    chance = float((_scatter(again, n, share) >= _scatter(y, n, share)).mean())
    fits = bool(factor < np.log(LARGEST_FACTOR) and chance >= LEAST_CHANCE)
    return LogisticCheck(fits, factor, chance, curve, _sentence(fits, factor, chance))


def logistic_demand(bought: Floats, seen: Floats, prices: Sequence[float], rng: np.random.Generator) -> DemandPosterior:
    """The logistic curve's posterior, only where it fits.

    Raises:
        ValueError: It does not; the message says why.
    """
    check = check_logistic(bought, seen, prices, rng)
    if not check.fits:
        raise ValueError(f"{check.sentence}; use demand_posterior, which assumes no shape")
    return check.curve


def _scatter(y: Floats, n: Floats, share: Floats) -> Floats:
    """Pearson's X² of counts about expected ones, a draw."""
    expected = n * share
    return np.asarray(((y - expected) ** 2 / np.maximum(expected * (1 - share), 1e-12) * (n > 0)).sum(axis=(-2, -1)))


def _sentence(fits: bool, factor: float, chance: float) -> str:
    times = f"{np.exp(abs(factor)):,.3g}" if abs(factor) < np.log(1000) else "over 1,000"
    far = f"{100 * chance:.1f}\u00a0%" if chance >= 0.001 else "less than 0.1\u00a0%"
    return (
        f"the logistic curve {'fits' if fits else 'does not fit'}: the counts are {times} times as likely under the "
        f"{'smooth' if factor > 0 else 'logistic'} curve, and {far} of data drawn from the logistic one scatter as far"
    )
