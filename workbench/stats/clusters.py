"""Clusters: units that came together (a family, a shop) and therefore say less than their number.

A cluster is one vector `(g, r₁, q₁, l₁, r₂, …)`: its number of units, and for each measure what its
sum, its count above zero and its sum of logarithms have beyond what the arm's own mean, share and
mean logarithm expect of it. In that form nothing cancels, however large the mean is, and two cells
merge exactly after each was told the mean they now share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workbench.stats.moments import Floats, Logs, Moments

SIZE = 0  # the component that counts the cluster's units


def places(measure: int) -> tuple[int, int, int]:
    """Where a measure's residual sum, residual count above zero and residual logs stand."""
    return 1 + 3 * measure, 2 + 3 * measure, 3 + 3 * measure


def recentred(clusters: Moments, mean: Floats, share: Floats, mean_log: Floats, to: Moments, logs: Logs) -> Moments:
    """Cluster moments told of new means.

    Args:
        clusters: One row a cell, residuals about that cell's own means.
        mean: Each cell's old mean, one column a measure.
        share: Each cell's old share above zero.
        mean_log: Each cell's old mean logarithm.
        to: The new means, one row a cell.
        logs: The new logarithms, one row a cell.
    """
    cells, size = clusters.mean.shape
    turn = np.broadcast_to(np.eye(size), (cells, size, size)).copy()
    new_share = np.divide(logs.n, to.n[:, None], out=np.zeros(logs.n.shape), where=to.n[:, None] > 0)
    for j in range(mean.shape[1]):
        total, count, log = places(j)
        shift = mean_log[:, j] - logs.mean[:, j]
        turn[:, total, SIZE] = mean[:, j] - to.mean[:, j]
        turn[:, count, SIZE] = share[:, j] - new_share[:, j]
        turn[:, log, count] = shift
        turn[:, log, SIZE] = shift * share[:, j]
    moved = np.einsum("cij,cj->ci", turn, clusters.mean)
    scatter = turn @ clusters.scatter @ turn.transpose(0, 2, 1)
    return Moments(clusters.n, moved, scatter)


def design_effect(clusters: float, residual_square: float, weight: float, square: float) -> float:
    """How many times larger the variance of a mean is than it would be without clusters.

    Args:
        clusters: Number of clusters.
        residual_square: Sum over clusters of the squared residual sum.
        weight: Number of units that the mean is over.
        square: Sum of squares of the units about that mean.

    Returns:
        The clustered variance over the simple one, at least 1 (a smaller one is chance, and using
        it would claim more than the number of units can say); 1 where it cannot be told.

    Source:
        Cochran (1977), Sampling Techniques, 3rd ed., eq. 9A.5 (linearised ratio, C/(C - 1)).

    >>> design_effect(clusters=4, residual_square=8.0, weight=8, square=8.0)  # pairs of equals: twice
    1.1666666666666667
    """
    if clusters < 2 or weight < 2 or square <= 0:
        return 1.0
    clustered = clusters / (clusters - 1) * residual_square / weight**2
    simple = square / (weight - 1) / weight
    return max(1.0, float(clustered / simple))


def clustered_covariance(clusters: Moments, cell: int, measures: Sequence[int], n: float, simple: Floats) -> Floats:
    """Covariance of several measures that respects clusters; over n, it is that of their means.

    Args:
        clusters: Cluster moments, one row a cell.
        cell: The row.
        measures: Numbers of the measures that are wanted.
        n: Units in the cell.
        simple: Sample covariance of the units' numbers, one row and column a measure.

    Returns:
        The clusters' covariance as it is: a variance that by chance falls below the simple one is
        told only of a sum of measures (`joint.Joint`), since raising the parts would undo what
        cancels in the sum. The simple one where there are fewer than two clusters.

    Source:
        Cochran (1977), Sampling Techniques, 3rd ed., eq. 9A.5, for two measures at once.
    """
    count = float(clusters.n[cell])
    if count < 2 or n < 2:
        return simple
    at = [places(j)[0] for j in measures]
    centre = clusters.mean[cell, at]
    squares = clusters.scatter[cell][np.ix_(at, at)] + count * np.outer(centre, centre)
    return np.asarray(count / (count - 1) * squares / n)


def residual_squares(clusters: Moments, cell: int, place: int) -> float:
    """Sum over a cell's clusters of a component's square (about zero, not about its mean)."""
    centre = clusters.mean[cell, place]
    return float(clusters.scatter[cell, place, place] + clusters.n[cell] * centre**2)


def vectors(sizes: npt.ArrayLike, residuals: npt.ArrayLike) -> Floats:
    """Cluster vectors from their sizes and residuals, one row a cluster."""
    return np.column_stack([np.asarray(sizes, dtype=np.float64), np.asarray(residuals, dtype=np.float64)])
