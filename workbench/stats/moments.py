"""Moments that add: n, means and centred sums of products, merged without loss (Chan et al. 1983).

Rules: never a raw sum of squares, which cancels at large means; a merge of parts is the scan of the
whole to rounding; an empty part changes nothing.

>>> a = Moments.of([[1.0], [2.0], [3.0]])
>>> b = Moments.of([[10.0]])
>>> both = merged(stacked([a, b]), np.array([0, 0]), 1)
>>> float(both.mean[0, 0]), float(both.scatter[0, 0, 0])
(4.0, 50.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


class Moments(NamedTuple):
    """First and second moments of a vector, one row a cell."""

    n: Floats  # one a cell: how many vectors
    mean: Floats  # one row a cell, one column a component; 0 where n is 0
    scatter: Floats  # cells × components × components: sums of products about the mean

    @classmethod
    def of(cls, rows: npt.ArrayLike) -> Moments:
        """The moments of one cell's vectors, one row a vector."""
        x = np.asarray(rows, dtype=np.float64)
        mean = x.mean(axis=0)
        about = x - mean
        return cls(np.array([float(len(x))]), mean[None], (about.T @ about)[None])


class Logs(NamedTuple):
    """What is known of the positive values' logarithms, one row a cell and one column a measure."""

    n: Floats  # how many values are above zero
    mean: Floats  # of their natural logarithms; 0 where there is none
    scatter: Floats  # sum of squares of the logarithms about their mean


@dataclass(frozen=True)
class Sample:
    """One measure in one arm: all that a posterior needs to know."""

    n: float  # units
    mean: float
    m2: float  # sum of squares about the mean
    n_positive: float = 0.0  # units above zero
    mean_log: float = 0.0  # of the natural logarithm of those above zero
    m2_log: float = 0.0
    n_negative: float = 0.0
    clusters: float | None = None  # independent groups of units; None: each unit stands for itself
    deff_mean: float = 1.0  # design effect of the mean: clustered over simple variance
    deff_share: float = 1.0  # ... of the share above zero
    deff_log: float = 1.0  # ... of the mean logarithm

    @property
    def variance(self) -> float:
        """Sample variance over units; 0 below two units."""
        return self.m2 / (self.n - 1) if self.n > 1 else 0.0

    @property
    def error(self) -> float:
        """Standard error of the mean, clusters respected."""
        return float(np.sqrt(self.variance * self.deff_mean / self.n)) if self.n else 0.0

    @property
    def share_positive(self) -> float:
        """Share of units above zero, in [0, 1]."""
        return self.n_positive / self.n if self.n else 0.0

    @property
    def independent(self) -> float:
        """How many independent groups stand behind the numbers."""
        return self.n if self.clusters is None else self.clusters

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Sample:
        """The sample of plain values, each a unit of its own.

        >>> Sample.of([0.0, 1.0, 2.0]).mean
        1.0
        """
        x = np.asarray(values, dtype=np.float64)
        logs = np.log(x[x > 0])
        centre = float(logs.mean()) if logs.size else 0.0
        return cls(
            n=float(x.size),
            mean=float(x.mean()),
            m2=float(((x - x.mean()) ** 2).sum()),
            n_positive=float(logs.size),
            mean_log=centre,
            m2_log=float(((logs - centre) ** 2).sum()),
            n_negative=float((x < 0).sum()),
        )


def stacked(parts: Sequence[Moments]) -> Moments:
    """The cells of all parts, one below the other."""
    return Moments(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def merged(moments: Moments, groups: Whole, count: int) -> Moments:
    """Cells that belong together made one.

    Args:
        moments: One row a cell.
        groups: The number of each cell's group, in [0, count).
        count: How many groups there are.

    Source:
        Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, eq. 1.5.
    """
    n = np.zeros(count)
    np.add.at(n, groups, moments.n)
    weight = moments.n[:, None]
    mean = _weighted_mean(weight, moments.mean, groups, np.broadcast_to(n[:, None], (count, moments.mean.shape[1])))
    scatter = np.zeros((count, *moments.scatter.shape[1:]))
    gap = moments.mean - mean[groups]
    np.add.at(scatter, groups, moments.scatter + moments.n[:, None, None] * gap[:, :, None] * gap[:, None, :])
    return Moments(n, mean, scatter)


def merged_logs(logs: Logs, groups: Whole, count: int) -> Logs:
    """The same for logarithms, whose numbers differ from measure to measure."""
    n = np.zeros((count, logs.n.shape[1]))
    np.add.at(n, groups, logs.n)
    mean = _weighted_mean(logs.n, logs.mean, groups, n)
    scatter = np.zeros_like(n)
    np.add.at(scatter, groups, logs.scatter + logs.n * (logs.mean - mean[groups]) ** 2)
    return Logs(n, mean, scatter)


def _weighted_mean(weight: Floats, mean: Floats, groups: Whole, total: Floats) -> Floats:
    """Mean by group, taken about one cell of the group so that nothing cancels at large means."""
    anchor = np.zeros(total.shape)
    filled = np.broadcast_to(weight > 0, mean.shape)
    rows, columns = (index[::-1] for index in np.nonzero(filled))  # of one group the first filled cell is set last
    anchor[groups[rows], columns] = mean[rows, columns]
    shift = np.zeros(total.shape)
    np.add.at(shift, groups, weight * (mean - anchor[groups]) * filled)
    return np.asarray(anchor + np.divide(shift, total, out=np.zeros(total.shape), where=total > 0))
