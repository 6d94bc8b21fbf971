"""The bootstrap of counts: drawing cases again is drawing the cells of their table again.

A bootstrap of rows changes nothing of a group metric but the counts that it is made of, and those have
a multinomial distribution. So replicates come from the table, at the same cost for a thousand cases
or a billion. It is what peers report, and is right for one group's rate; for the distance between the
extremes of many groups it is not (their highest and lowest lie apart by chance alone, in every
replicate): `stats.fairness` has intervals that are.

>>> replicates = resampled([[[10, 40], [5, 45]], [[30, 20], [20, 30]]], np.random.default_rng(0), draws=3)
>>> replicates.shape, replicates.sum(axis=(1, 2, 3)).tolist()
((3, 2, 2, 2), [200, 200, 200])
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.stats.fairness import rate
from workbench.stats.groups import Counts, Floats


def resampled(
    counts: npt.ArrayLike, rng: np.random.Generator, *, draws: int = 1000, within_groups: bool = False
) -> Counts:
    """Tables of as many cases, drawn from the table's cells: one more axis in front, one table a draw.

    Args:
        counts: Cases by group and whatever else, the group first.
        rng: The source of chance.
        draws: Tables to return.
        within_groups: Whether the groups keep their sizes, as where each was sampled by itself.

    Raises:
        ValueError: There is no case, or a count is negative.

    Source:
        Efron (1979), Annals of Statistics 7, section 2: the bootstrap of a finite distribution.
    """
    table = np.asarray(counts, dtype=np.int64)
    if not table.size or (table < 0).any() or not table.any():
        raise ValueError("the table has no case; the bootstrap needs one at least, and no count below zero")
    cells = table.reshape(len(table), -1) if within_groups else table.reshape(1, -1)
    parts = [rng.multinomial(row.sum(), row / max(row.sum(), 1), size=draws) for row in cells]
    return np.stack(parts, axis=1).reshape(draws, *table.shape)


def rate_intervals(
    counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, draws: int = 1000, level: float = 0.95
) -> Floats:
    """The percentile interval of a metric by group, one row a group: low, high; nan where it is undefined.

    Replicates in which a group's denominator is empty do not count for it.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2), or no case.
    """
    found = rate(resampled(counts, rng, draws=draws), metric)
    ends = np.full((found.shape[1], 2), np.nan)
    defined = ~np.isnan(found).all(axis=0)
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    ends[defined] = np.nanquantile(found[:, defined], tails, axis=0).T
    ends[np.isnan(rate(counts, metric))] = np.nan
    return ends
