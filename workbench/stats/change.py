"""Where a series of windows changes: the split that sets the windows before apart from those after.

All that is needed are the windows' counts over the same bins, so any split is two sums. How far the two
lie apart is measured by ranks, so one outlier moves nothing, and what the best of all splits would be
without a change is found by shuffling the windows: however they are spread, the p-value holds.

>>> series = [[9, 1], [8, 2], [9, 1], [2, 8], [1, 9]]
>>> change_point(series, rng=np.random.default_rng(0), shuffles=99).at
3
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.stats.groups import Floats


@dataclass(frozen=True)
class Change:
    """The likeliest split of a series."""

    at: int  # the first window after it, from 1
    statistic: float
    p_value: float  # of so clear a split where the windows' order says nothing


def change_point(
    windows: npt.ArrayLike, *, rng: np.random.Generator, ordered: bool = True, shuffles: int = 999
) -> Change:
    """The split at which the distribution changes most.

    Args:
        windows: Counts, one row a window in the order of time, one column a bin.
        rng: Shuffles the windows.
        ordered: Whether the bins have an order; else they are categories.
        shuffles: How many orders the split is compared with; the least p-value is 1 / (shuffles + 1).

    Raises:
        ValueError: There are fewer than two windows, or one without a case.

    Source:
        Anderson (1962), Annals of Mathematical Statistics 33, for the two-sample Cramér-von Mises
        statistic of ordered bins, Pearson's for categories; Antoch & Hušková (2001), Statistics &
        Probability Letters 53, for shuffling.
    """
    counts = np.asarray(windows, dtype=float)
    if counts.ndim != 2 or len(counts) < 2 or not (counts.sum(axis=1) > 0).all():
        raise ValueError(f"the windows have the shape {counts.shape}; it takes two or more, each with a case")
    counts = counts[:, counts.sum(axis=0) > 0]
    apart = _apart(counts, ordered)
    best = int(np.argmax(apart))
    as_clear = sum(
        bool(_apart(rng.permutation(counts), ordered).max() >= apart[best] * (1 - 1e-12)) for _ in range(shuffles)
    )
    return Change(best + 1, float(apart[best]), (1 + as_clear) / (1 + shuffles))


def change_points(
    windows: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    alpha: float = 0.05,
    ordered: bool = True,
    shuffles: int = 999,
    shortest: int = 2,
) -> list[int]:
    """All splits that chance does not explain, by splitting again what a split leaves; first windows after, from 1.

    A change that is soon taken back may hide, since no single split shows it; and where windows hang
    together in time, more splits are found than there are changes.

    Args:
        windows: Counts, one row a window in the order of time, one column a bin.
        rng: Shuffles the windows.
        alpha: Chance of a split where there is none, at each step, in (0, 1).
        ordered: Whether the bins have an order; else they are categories.
        shuffles: How many orders each split is compared with.
        shortest: Fewest windows on either side of a split.

    Raises:
        ValueError: As for `change_point`.

    Source:
        Vostrikova (1981), Soviet Mathematics Doklady 24, for binary segmentation.
    """
    counts = np.asarray(windows, dtype=float)
    if len(counts) < 2 * shortest:
        return []
    found = change_point(counts, rng=rng, ordered=ordered, shuffles=shuffles)
    if found.p_value > alpha or not shortest <= found.at <= len(counts) - shortest:
        return []
    before, after = (
        change_points(part, rng=rng, alpha=alpha, ordered=ordered, shuffles=shuffles, shortest=shortest)
        for part in (counts[: found.at], counts[found.at :])
    )
    return [*before, found.at, *(found.at + each for each in after)]


def _apart(counts: Floats, ordered: bool) -> Floats:
    """The statistic at every split, the first between windows 0 and 1."""
    before = np.cumsum(counts, axis=0)[:-1]
    both = counts.sum(axis=0)
    total = both.sum()
    n = before.sum(axis=1)
    m = total - n
    if ordered:
        distance = np.cumsum(before, axis=1) / n[:, None] - np.cumsum(both - before, axis=1) / m[:, None]
        return np.asarray(n * m / total * (distance**2 * both / total).sum(axis=1))
    difference = before / n[:, None] - (both - before) / m[:, None]
    return np.asarray(n * m / total * (difference**2 / (both / total)).sum(axis=1))
