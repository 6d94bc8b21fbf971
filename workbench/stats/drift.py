"""How far two samples of one column lie apart, from their counts, and whether chance explains it.

All functions take counts over the same bins or categories: `reference` first, then `current`.

The population stability index has a known distribution where nothing drifted: divided by
1/n + 1/m it is chi-squared with one degree of freedom less than there are bins. So it is given with
its noise floor (what chance alone brings), a p-value, and an interval, in place of 0.1 and 0.25.

>>> found = psi([100, 100, 100, 100], [25, 25, 25, 25])
>>> found.value, round(found.floor, 4), found.p_value
(0.0, 0.0375, 1.0)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.groups import Counts, Floats

HALF = 0.5  # added to every bin, so that an empty one has a logarithm
TAIL = 0.025  # at either side of a 95 % interval
BINS = 10  # of about equal share, that ordered values are put into
CLOSE = 1e-12  # of a noncentrality, its share to which it is found
TAILS, FEWEST = 0.02, 5.0  # of the reference in a bin at either end: a share, and cases


@dataclass(frozen=True)
class Psi:
    """A population stability index and what chance makes of it."""

    value: float  # as measured; 0 is no drift
    floor: float  # its mean where nothing drifted
    p_value: float  # of a value at least so large where nothing drifted
    low: float  # 95 % interval of the true index, chance taken out
    high: float
    bins: int  # those that count

    @property
    def effect(self) -> float:
        """The index with the noise floor taken out, never below zero."""
        return max(0.0, self.value - self.floor)


@dataclass(frozen=True)
class ChiSquared:
    """A test of homogeneity with its effect size."""

    statistic: float
    df: int
    p_value: float
    cramers_v: float  # 0 the same, 1 nothing in common


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> Psi:
    """Population stability index over bins or categories: sum of (p - q) log(p / q).

    Half a case is added to every bin. Bins that are empty in both do not count, but for one where all cases lie in
    a single bin: cases that are all alike prove no more than those of two bins. The high end is never
    below what would be found at the noise floor: a sample that agrees by luck proves no more than one
    that agrees as well as it should.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    Source:
        Yurdakul & Naranjo (2020), Journal of Risk Model Validation 14, for the null distribution; the
        interval inverts the noncentral chi-squared distribution that it has near the null. Cowan et al.
        (2011), arXiv 1105.3166, for the power-constrained high end.

    >>> round(psi([500, 500], [400, 600]).value, 3)
    0.04
    """
    before, after = _pair(reference, current)
    kept = (before + after) > 0
    before, after = before[kept], after[kept]
    scale = float(1.0 / before.sum() + 1.0 / after.sum())
    if len(before) == 1:  # what both sides lack may yet come
        return Psi(0.0, scale, 1.0, 0.0, _noncentrality(1.0, 1, TAIL) * scale, 2)
    df = len(before) - 1
    p, q = before + HALF, after + HALF
    p, q = p / p.sum(), q / q.sum()
    value = float(((p - q) * np.log(p / q)).sum())
    statistic = value / scale
    return Psi(
        value=value,
        floor=df * scale,
        p_value=float(special.chdtrc(df, statistic)),
        low=_noncentrality(statistic, df, 1.0 - TAIL) * scale,
        high=_noncentrality(max(statistic, df), df, TAIL) * scale,
        bins=df + 1,
    )


def cases_to_pass(found: Psi, reference: float, current: float, *, limit: float) -> int | None:
    """How many more current cases would show that the true index is below `limit`, if it stays as measured.

    Args:
        found: What was measured.
        reference: Cases in the reference, above zero.
        current: Cases now, above zero.
        limit: The index that matters.

    Returns:
        Cases beyond the present, 0 where it is shown; None where a thousand times as many would not do.
    """

    def shown(cases: float) -> bool:
        scale, df = 1.0 / reference + 1.0 / cases, found.bins - 1
        return _noncentrality(df + found.effect / scale, df, TAIL) * scale < limit

    if found.high < limit:
        return 0
    low, high = current, 1000.0 * current
    if not shown(high):
        return None
    while high / low > 1.01:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if shown(middle) else (middle, high)
    return int(np.ceil(high - current))


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[float, float]:
    """Largest distance of the two distribution functions over ordered bins, and its p-value.

    The p-value is Kolmogorov's with Stephens' correction; with ties it is too large, never too small.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    Source:
        Stephens (1970), JRSS B 32.

    >>> kolmogorov_smirnov([50, 50], [50, 50])
    (0.0, 1.0)
    """
    before, after = _pair(reference, current)
    distance = float(np.abs(np.cumsum(before) / before.sum() - np.cumsum(after) / after.sum()).max())
    root = float(np.sqrt(before.sum() * after.sum() / (before.sum() + after.sum())))
    return distance, float(special.kolmogorov((root + 0.12 + 0.11 / root) * distance))


def chi_squared(reference: npt.ArrayLike, current: npt.ArrayLike) -> ChiSquared:
    """Pearson's test that both sides come from one distribution over bins or categories.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    Source:
        Pearson (1900), Philosophical Magazine 50; Cramér (1946), Mathematical Methods of Statistics, for V.

    >>> chi_squared([50, 50], [40, 60]).statistic.__round__(4)
    2.0202
    """
    before, after = _pair(reference, current)
    kept = (before + after) > 0
    before, after = before[kept], after[kept]
    both, total = before + after, float(before.sum() + after.sum())
    statistic = sum(
        float(((side - both * side.sum() / total) ** 2 / (both * side.sum() / total)).sum()) for side in (before, after)
    )
    df = len(both) - 1
    p_value = float(special.chdtrc(df, statistic)) if df else 1.0
    return ChiSquared(statistic, df, p_value, float(np.sqrt(statistic / total)))


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon distance over bins or categories: 0 the same, 1 nothing in common.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    Source:
        Lin (1991), IEEE Transactions on Information Theory 37; the root of the divergence in bits.

    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    """
    before, after = _pair(reference, current)
    p, q = before / before.sum(), after / after.sum()
    middle = (p + q) / 2.0
    bits = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / 2.0 / np.log(2.0)
    return float(np.sqrt(max(0.0, float(bits))))


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike, values: npt.ArrayLike) -> float:
    """Mean distance by which the mass must be moved, in the unit of `values`.

    Args:
        reference: Counts before, one a bin.
        current: Counts now, one a bin.
        values: The bins' places, in increasing order.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    >>> wasserstein([1, 1, 0], [0, 1, 1], [0.0, 1.0, 2.0])
    1.0
    """
    before, after = _pair(reference, current)
    apart = np.cumsum(before) / before.sum() - np.cumsum(after) / after.sum()
    return float((np.abs(apart[:-1]) * np.diff(np.asarray(values, dtype=float))).sum())


def even_bins(reference: npt.ArrayLike, bins: int = BINS) -> Counts:
    """Which coarse bin each fine, ordered bin falls into, so that the reference fills about `bins` evenly.

    A fine bin is never split, so a heavy value has a bin of its own. The outermost fine bins, up to 2 %
    or five cases of the reference on either side, are a bin together with what lies beyond: so values
    never seen are not hidden among the last tenth, and a bin that hardly ever fills does not by itself
    look like drift. Where the outermost value is heavy, what lies beyond is a bin for itself.

    Args:
        reference: Counts over fine, ordered bins; at least one above zero.
        bins: How many are wanted.

    >>> even_bins([0, 100, 100, 100, 100, 400, 0], 4).tolist()
    [0, 1, 1, 2, 2, 3, 4]
    """
    counts = np.asarray(reference, dtype=float)
    total = counts.sum()
    place = np.minimum(np.floor((np.cumsum(counts) - counts / 2.0) / total * bins), bins - 1).astype(np.int64)
    few = max(FEWEST, TAILS * total)
    place[np.cumsum(counts[::-1])[::-1] <= few] = bins
    place[np.cumsum(counts) <= few] = -1
    return np.unique(place, return_inverse=True)[1].astype(np.int64)


def frequent(reference: npt.ArrayLike, current: npt.ArrayLike, most: int = BINS) -> Counts:
    """Which bin each category falls into where there are more than `most`: the frequent have their own, the rare share.

    A category is frequent where five cases or more of it are expected on the smaller side. That looks at
    both sides together, so it says nothing of how they differ, and a category that is new and heavy is
    never hidden among the rare ones.

    Raises:
        ValueError: The lengths differ, or one side has no case.

    Source:
        Cochran (1954), Biometrics 10, for the five.

    >>> frequent([90, 8, 1, 1], [80, 9, 0, 11], most=3).tolist()
    [1, 2, 0, 3]
    """
    before, after = _pair(reference, current)
    if len(before) <= most:
        return np.arange(len(before))
    smaller = min(before.sum(), after.sum()) / (before.sum() + after.sum())
    heavy = (before + after) * smaller >= FEWEST
    return np.asarray(np.unique(np.where(heavy, np.cumsum(heavy), 0), return_inverse=True)[1].astype(np.int64))


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """P-values adjusted so that taking those at or below q keeps the share of false finds at q.

    Source:
        Benjamini & Hochberg (1995), JRSS B 57.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    found = np.asarray(p_values, dtype=float)
    order = np.argsort(-found)
    ranks = np.arange(len(found), 0, -1)
    adjusted = np.empty_like(found)
    adjusted[order] = np.minimum.accumulate(found[order] * len(found) / ranks)
    return np.asarray(np.minimum(adjusted, 1.0))


def spent_at(look: int, alpha: float) -> float:
    """How much of an error rate a stream of looks may spend at this one; over all looks, however many, it is `alpha`.

    The shares are differences of 1 / log2(look + 1), so they telescope to one, and fall slowly: a change
    that comes late is still found. Nothing is assumed of how the looks depend on each other.

    Args:
        look: Which look it is, from 1.
        alpha: The error rate over all looks, in (0, 1).

    Raises:
        ValueError: The look is below 1.

    Source:
        Foster & Stine (2008), alpha-investing, JRSS B 70, for spending over an endless stream; a union bound.

    >>> [round(spent_at(look, 0.05), 4) for look in (1, 2, 10)]
    [0.0185, 0.0065, 0.0005]
    """
    if look < 1:
        raise ValueError(f"look is {look}; the first is 1")
    return float(alpha * (1.0 / np.log2(look + 1.0) - 1.0 / np.log2(look + 2.0)))


def _noncentrality(statistic: float, df: int, chance: float) -> float:
    """The noncentrality at which so small a statistic has this chance; 0 where it is rarer from the start."""
    if special.chdtr(df, statistic) <= chance:
        return 0.0
    low, high = 0.0, float(statistic + 20.0 * (statistic**0.5 + 5.0))
    middle = max(statistic - df, 1.0)
    while high - low > CLOSE * high:
        found = float(special.chndtr(statistic, df, middle))
        low, high = (middle, high) if found > chance else (low, middle)
        slope = (float(special.chndtr(statistic, df + 2, middle)) - found) / 2.0
        after = middle + (chance - found) / slope if slope < 0.0 else low  # Newton's step, where it stays between
        if abs(after - middle) <= CLOSE * middle:
            return after
        middle = after if low < after < high else (low + high) / 2.0
    return high


def _pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Floats, Floats]:
    before, after = np.asarray(reference, dtype=float), np.asarray(current, dtype=float)
    if before.shape != after.shape or before.ndim != 1:
        raise ValueError(f"the reference has the shape {before.shape}, the current {after.shape}; they need the same")
    if not before.sum() > 0 or not after.sum() > 0:
        raise ValueError("the reference and the current side need at least one case each")
    return before, after
