"""Two shares set beside each other, thousands of pairs at once: difference, interval, p-value.

Built for searches, in which most pairs differ by chance alone: p-values keep what they promise in
small tables too, so that a correction for the many (`benjamini_hochberg`) keeps its own promise.

>>> found = contrast([45], [100], [30], [100])
>>> found.difference.round(3).tolist(), found.p_value.round(4).tolist()
([0.15], [0.0289])
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.groups import COCHRAN, Floats

Z = 1.959963984540054  # of a 95 % interval


class Contrast(NamedTuple):
    """Pairs of shares, one entry a pair; nan where a side has no case."""

    difference: Floats  # the first share less the second
    low: Floats  # 95 % interval
    high: Floats
    p_value: Floats  # of shares so different if both were one; nan: undefined


def contrast(yes: npt.ArrayLike, seen: npt.ArrayLike, other_yes: npt.ArrayLike, other_seen: npt.ArrayLike) -> Contrast:
    """Shares of two separate sets of cases, pair by pair.

    The p-value is that of the score test with its (N-1) correction, and Fisher's exact one where an
    expected count is below five; the interval is Newcombe's, from two score intervals.

    Raises:
        ValueError: The lengths differ, or a count of yes is not between 0 and the cases.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890, method 10; Campbell (2007), Statistics in
        Medicine 26, 3661-3675, on which test to take when.
    """
    a, n, b, m = (np.asarray(part, dtype=float) for part in (yes, seen, other_yes, other_seen))
    if not a.shape == n.shape == b.shape == m.shape or a.ndim != 1:
        raise ValueError(f"the four counts have the lengths {a.shape, n.shape, b.shape, m.shape}; they need the same")
    if ((a < 0) | (a > n) | (b < 0) | (b > m)).any():
        raise ValueError("a count of yes must lie between 0 and the cases")
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second, share = a / n, b / m, (a + b) / (n + m)
        (low1, high1), (low2, high2) = _wilson(a, n), _wilson(b, m)
        gap = first - second
        low = gap - np.hypot(first - low1, high2 - second)
        high = gap + np.hypot(high1 - first, second - low2)
        variance = share * (1.0 - share) * (1.0 / n + 1.0 / m)
        z = gap * np.sqrt((n + m - 1.0) / (n + m) / variance)
        p_value = np.where(variance > 0, special.erfc(np.abs(z) / np.sqrt(2.0)), 1.0)
        smallest = np.minimum(n, m) * np.minimum(share, 1.0 - share)
    undefined = (n == 0) | (m == 0)
    for i in np.flatnonzero((smallest < COCHRAN) & (variance > 0) & ~undefined):
        p_value[i] = _fisher(int(a[i]), int(n[i]), int(b[i]), int(m[i]))
    return Contrast(gap, low, high, np.where(undefined, np.nan, p_value))


def _wilson(yes: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """The score interval of each share."""
    share, square = yes / seen, Z * Z
    centre = (share + square / (2 * seen)) / (1 + square / seen)
    reach = Z / (1 + square / seen) * np.sqrt(share * (1 - share) / seen + square / (4 * seen**2))
    return np.maximum(0.0, centre - reach), np.minimum(1.0, centre + reach)


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Fisher's two-sided p-value: the chance of all tables that are no likelier than this one."""
    total = a + b
    x = np.arange(max(0, total - m), min(n, total) + 1)
    log = -special.betaln(x + 1, n - x + 1) - special.betaln(total - x + 1, m - total + x + 1)
    chance = np.exp(log - log.max())
    here = chance[a - x[0]]
    return float(min(1.0, chance[chance <= here * (1.0 + 1e-7)].sum() / chance.sum()))
