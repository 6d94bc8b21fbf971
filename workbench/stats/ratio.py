"""Ratios of two means (revenue per order, clicks per view): the delta method, and Fieller's interval.

The unit is what was drawn (a visitor); numerator and denominator are its two numbers. The delta
method takes the ratio as linear in both means, which is right where the denominator is known well;
Fieller's interval needs no such thing, and says "anything" where the denominator may be zero.

>>> from workbench.stats.joint import Joint
>>> arm = Joint.of([[2.0, 1.0], [4.0, 2.0], [9.0, 3.0]])
>>> ratio = ratio_of(arm)
>>> ratio.mean, round(ratio.error, 6)
(2.5, 0.381881)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from workbench.stats.joint import Arm, Joint
from workbench.stats.moments import Floats, Sample

NOISY = 0.05  # error of the denominator's mean, as a share of it, from which the delta method is not left alone
NEAR_ZERO = 1 / 3  # the same, from which the denominator may be zero


@dataclass(frozen=True)
class Fieller:
    """Interval of a ratio that holds whatever the denominator is."""

    low: float  # −∞ and ∞ where the denominator cannot be told from zero
    high: float
    noise: float  # error of the denominator's mean, as a share of it

    @property
    def noisy(self) -> bool:
        """Whether the denominator is known too little for the delta method alone."""
        return self.noise > NOISY

    @property
    def near_zero(self) -> bool:
        """Whether the denominator lies within three errors of zero, so that the delta method says nothing."""
        return self.noise > NEAR_ZERO


def linear_weights(arm: Arm) -> Floats:
    """Weights of numerator and denominator in the ratio's linear form, (x₀ − R·x₁) / mean of x₁.

    Raises:
        ValueError: The denominator's mean is zero.
    """
    top, bottom = arm.mean[:2]
    if bottom == 0:
        raise ValueError("the denominator's mean is 0; a ratio needs one that is not")
    return np.asarray([1.0 / bottom, -top / bottom**2])


def ratio_of(arm: Arm) -> Sample:
    """The sample of a ratio: its mean is the ratio, its error the delta method's.

    Args:
        arm: Numerator first, then the denominator.

    Raises:
        ValueError: The denominator's mean is zero.

    Source:
        Deng, Knoblich & Lu (2018), KDD, eq. 3 (arXiv 1803.06336).
    """
    weights = np.zeros(len(arm.mean))
    weights[:2] = linear_weights(arm)
    return replace(arm.combined(weights), mean=float(arm.mean[0] / arm.mean[1]))


def fieller(arm: Joint, *, level: float = 0.95) -> Fieller:
    """Fieller's interval of numerator over denominator.

    Where units came in clusters it holds all that the interval with them and the one without hold,
    as no variance is below the simple one.

    Args:
        arm: Numerator first, then the denominator.
        level: Probability inside, in (0, 1).

    Raises:
        ValueError: The denominator's mean is zero.

    Source:
        Fieller (1954), JRSS B 16, 175-185.

    >>> from workbench.stats.joint import Joint
    >>> found = fieller(Joint.of([[1.0, 1.0], [2.0, -1.0], [3.0, 1.0]]))
    >>> found.low, found.high
    (-inf, inf)
    """
    linear_weights(arm)  # refuses a denominator of zero
    t = float(special.stdtrit(arm.independent - 1, (1 + level) / 2))
    m1, m2 = (float(mean) for mean in arm.mean[:2])
    noise = max(float(np.sqrt(covariance[1, 1] / arm.n)) for covariance in arm.covariances) / abs(m2)
    low, high = np.inf, -np.inf
    for covariance in arm.covariances:
        v11, v12, v22 = (float(covariance[at]) / arm.n for at in ((0, 0), (0, 1), (1, 1)))
        a = m2**2 - t**2 * v22
        b = m1 * m2 - t**2 * v12
        root = b**2 - a * (m1**2 - t**2 * v11)
        if a <= 0 or root < 0:
            return Fieller(-np.inf, np.inf, noise)
        low, high = min(low, float((b - np.sqrt(root)) / a)), max(high, float((b + np.sqrt(root)) / a))
    return Fieller(low, high, noise)
