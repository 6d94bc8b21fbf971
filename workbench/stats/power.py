"""How much data an answer needs: sample size, smallest detectable effect and power, each from the others.

All of it is one relation, power = P(z beyond its boundary | effect ÷ error), read in three
directions. Rules:

- a difference is treated arm less control, in the measure's own unit;
- what a unit's variance is under the effect depends on the kind: a share's follows from the share, a
  count's grows with its mean, others stay;
- a design that looks more than once needs `inflation` times the sample of one look.

>>> shop = Baseline.binary(0.05)  # Kohavi et al. (2009): a conversion of 5 %, a change by a twentieth of it
>>> round(sample_size(shop, 0.0025, Split.equal(2)) / 2)  # in each arm; their 16 σ² ÷ Δ² says 121,600
122120
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special

from workbench.stats.crossing import Boundaries, zero_of_increasing
from workbench.stats.group_sequential import drift_for

Kind = Literal["binary", "mean", "count"]


@dataclass(frozen=True)
class Baseline:
    """What is known of the measure before the experiment."""

    mean: float  # in the control
    variance: float  # of one unit, above zero; a ratio's is that of its linearised unit
    kind: Kind = "mean"
    design_effect: float = 1.0  # of clusters, at least 1
    removed: float = 0.0  # share of the variance that a covariate (CUPED) takes away, in [0, 1)

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.variance]).all() and self.variance > 0):
            raise ValueError(f"mean {self.mean:g}, variance {self.variance:g}; both finite, the variance above zero")
        if self.design_effect < 1:
            raise ValueError(f"design effect is {self.design_effect:g}; it must be at least 1")
        if not 0 <= self.removed < 1:
            raise ValueError(f"removed is {self.removed:g}; it must lie in [0, 1)")

    @classmethod
    def binary(cls, share: float) -> Baseline:
        """A share of units.

        Raises:
            ValueError: The share is not in (0, 1).
        """
        if not 0 < share < 1:
            raise ValueError(f"the share is {share:g}; it must lie in (0, 1)")
        return cls(share, share * (1 - share), "binary")

    @classmethod
    def count(cls, mean: float, variance: float | None = None) -> Baseline:
        """Things a unit does; a Poisson's variance (the mean) where none is given.

        Raises:
            ValueError: The mean is not above zero.
        """
        if not mean > 0:
            raise ValueError(f"the mean count is {mean:g}; it must be above zero")
        return cls(mean, mean if variance is None else variance, "count")

    def clustered(self, size: float, likeness: float, *, unevenness: float = 0.0) -> Baseline:
        """The same where units come in clusters that are assigned together.

        Args:
            size: Mean units in a cluster, at least 1.
            likeness: Intraclass correlation, in [0, 1].
            unevenness: Coefficient of variation of the clusters' sizes.

        Raises:
            ValueError: A number is out of range.

        Source:
            Kish (1965); Eldridge, Ashby & Kerry (2006) for uneven sizes: 1 + ((1 + cv²) m − 1) ρ.

        >>> Baseline(10, 4).clustered(21, 0.05).design_effect
        2.0
        """
        if not (size >= 1 and 0 <= likeness <= 1 and unevenness >= 0):
            raise ValueError(f"size {size:g}, likeness {likeness:g}; size is at least 1, likeness in [0, 1]")
        return replace(self, design_effect=1 + ((1 + unevenness**2) * size - 1) * likeness)

    def adjusted(self, correlation: float) -> Baseline:
        """The same with a covariate that has this correlation with the measure.

        Raises:
            ValueError: The correlation is not in (−1, 1).
        """
        if not -1 < correlation < 1:
            raise ValueError(f"correlation is {correlation:g}; it must lie in (-1, 1)")
        return replace(self, removed=correlation**2)

    def unit_variances(self, effect: float) -> tuple[float, float]:
        """Variance of one unit in the control and in the treated arm, clusters and covariate counted.

        Raises:
            ValueError: No share, or no count, can have moved by so much.
        """
        treated, other = self.mean + effect, self.variance
        if self.kind == "binary":
            if not 0 < treated < 1:
                raise ValueError(f"an effect of {effect:g} takes the share {self.mean:g} to {treated:g}; not in (0, 1)")
            other = treated * (1 - treated)
        if self.kind == "count":
            if treated <= 0:
                raise ValueError(f"an effect of {effect:g} takes the mean {self.mean:g} to {treated:g}; not above zero")
            other = self.variance * treated / self.mean
        factor = self.design_effect * (1 - self.removed)
        return self.variance * factor, other * factor


@dataclass(frozen=True)
class Split:
    """How units are divided, and how many comparisons share the error."""

    control: float  # share of all units, in (0, 1)
    treated: float  # share of all units in the one arm that is compared, in (0, 1)
    comparisons: int = 1  # with the same control; alpha is divided by them (Bonferroni)

    def __post_init__(self) -> None:
        if not (self.control > 0 and self.treated > 0 and self.control + self.treated <= 1 + 1e-9):
            raise ValueError(f"shares are {self.control:g} and {self.treated:g}; both above zero, together at most 1")
        if self.comparisons < 1:
            raise ValueError(f"comparisons is {self.comparisons}; it must be at least 1")

    @classmethod
    def equal(cls, arms: int) -> Split:
        """So many arms of one size, control included.

        Raises:
            ValueError: Fewer than two arms.
        """
        if arms < 2:
            raise ValueError(f"arms is {arms}; a comparison needs at least 2")
        return cls(1 / arms, 1 / arms, arms - 1)

    @classmethod
    def of(cls, shares: Sequence[float]) -> Split:
        """Arms of stated sizes, the control first; what holds for the smallest treated arm.

        Raises:
            ValueError: Fewer than two arms, or an empty one.

        >>> Split.of([2, 1, 1])
        Split(control=0.5, treated=0.25, comparisons=2)
        """
        if len(shares) < 2 or min(shares) <= 0:
            raise ValueError(f"shares are {list(shares)}; at least 2, each above zero")
        return cls(shares[0] / sum(shares), min(shares[1:]) / sum(shares), len(shares) - 1)


def difference_error(baseline: Baseline, effect: float, units: float, split: Split) -> float:
    """Standard error of the difference with so many units in all arms together.

    Raises:
        ValueError: The units are not above zero, or the effect is impossible.
    """
    if not units > 0:
        raise ValueError(f"units is {units:g}; it must be above zero")
    control, treated = baseline.unit_variances(effect)
    return float(np.sqrt((control / split.control + treated / split.treated) / units))


def power(
    baseline: Baseline,
    effect: float,
    units: float,
    split: Split,
    *,
    alpha: float = 0.05,
    two_sided: bool = True,
    inflation: float = 1.0,
) -> float:
    """Chance that a difference of this size is found.

    Args:
        baseline: The measure.
        effect: True difference.
        units: In all arms together, above zero.
        split: How they are divided.
        alpha: Chance of finding a difference where there is none.
        two_sided: Whether either direction counts.
        inflation: Of the largest sample, by looking more than once (`inflation_of`).

    Raises:
        ValueError: A number is out of range.

    >>> round(power(Baseline(0, 1), 0.5, 128, Split.equal(2)), 3)  # Cohen's medium effect, 64 in each arm
    0.807
    """
    drift = effect / difference_error(baseline, effect, units / inflation, split)
    return _power(drift, alpha / split.comparisons, two_sided=two_sided)


def sample_size(
    baseline: Baseline,
    effect: float,
    split: Split,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    two_sided: bool = True,
    inflation: float = 1.0,
) -> float:
    """Units in all arms together with which a difference is found with this chance; round it up.

    Raises:
        ValueError: The effect is zero or impossible, or another number is out of range.
    """
    if effect == 0:
        raise ValueError("an effect of zero is found with no sample; state the smallest one that matters")
    drift = _drift(alpha / split.comparisons, power, two_sided=two_sided)
    return inflation * (drift * difference_error(baseline, effect, 1.0, split) / effect) ** 2


def smallest_effect(
    baseline: Baseline,
    units: float,
    split: Split,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    two_sided: bool = True,
    inflation: float = 1.0,
) -> float:
    """The smallest rise that is found with this chance.

    Raises:
        ValueError: A number is out of range, or so few units find no possible effect.
    """
    drift = _drift(alpha / split.comparisons, power, two_sided=two_sided)

    def gap(effect: float) -> float:
        return effect - drift * difference_error(baseline, effect, units / inflation, split)

    high = -2 * gap(0.0)
    if baseline.kind == "binary":
        high = (1 - baseline.mean) * (1 - 1e-9)
        if gap(high) < 0:
            raise ValueError(f"{units:g} units find no change of a share of {baseline.mean:g}; more are needed")
    return zero_of_increasing(gap, 0.0, high)


def inflation_of(boundaries: Boundaries, *, alpha: float = 0.05, power: float = 0.8, two_sided: bool = True) -> float:
    """How many times the sample of a single look a design may need at most, for the same power.

    Raises:
        ValueError: The power does not lie between alpha and 1.

    Source:
        Jennison & Turnbull (2000), tables 2.2 and 2.4.

    >>> z = 2.413176  # Pocock, five looks
    >>> round(inflation_of(Boundaries((1, 2, 3, 4, 5), (z,) * 5, (-z,) * 5)), 3)
    1.229
    """
    return float((drift_for(boundaries, power) / _drift(alpha, power, two_sided=two_sided)) ** 2)


def _power(drift: float, alpha: float, *, two_sided: bool) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}; it must lie in (0, 1)")
    z = -special.ndtri(alpha / 2 if two_sided else alpha)
    return float(special.ndtr(drift - z) + (special.ndtr(-drift - z) if two_sided else 0.0))


def _drift(alpha: float, power: float, *, two_sided: bool) -> float:
    """Effect over error at which a single look has this power.

    Raises:
        ValueError: The power does not lie between alpha and 1.
    """
    if not alpha < power < 1:
        raise ValueError(f"power is {power:g}; it must lie between alpha ({alpha:g}) and 1")
    return zero_of_increasing(lambda drift: _power(drift, alpha, two_sided=two_sided) - power, 1.0, 4.0)
