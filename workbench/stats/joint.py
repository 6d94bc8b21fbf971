"""Several measures of one arm, and the sample of any weighted sum of them.

Ratios, covariate adjustment and post-stratification are all means of a weighted sum of a unit's
numbers, w·x. Its mean and error follow from the measures' means and their covariance, in which
clusters are respected already: no row of data is needed again. The error of the sum is never below
the one that it would have without clusters; of its parts nothing is raised, so that they may cancel.

>>> rows = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]])
>>> sample = Joint.of(rows).combined([1.0, -0.5])  # x₀ − x₁/2: 0, 2, 1
>>> sample.mean, sample.variance
(1.0, 1.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from workbench.stats.moments import Floats, Sample


class Arm(Protocol):
    """Measures of one arm, whole (`Joint`) or by strata (`Strata`)."""

    @property
    def n(self) -> float:
        """Units."""

    @property
    def mean(self) -> Floats:
        """One mean a measure."""

    @property
    def scatter(self) -> Floats:
        """Sums of products about the means, measures × measures."""

    def combined(self, weights: npt.ArrayLike, *, fitted: float = 0.0) -> Sample:
        """The sample of the sum w·x of each unit, after `fitted` of its weights were estimated."""


@dataclass(frozen=True, eq=False)
class Joint:
    """First and second moments of some measures in one arm."""

    n: float  # units
    mean: Floats  # one a measure
    covariance: Floats  # measures × measures, of one unit's numbers; over n it is that of the means
    independent: float  # groups of units that stand for themselves; n where each unit does
    simple: Floats | None = None  # the covariance without clusters; None: there are none, or it is the same

    @classmethod
    def of(cls, rows: npt.ArrayLike) -> Joint:
        """The moments of plain rows, each a unit of its own, one column a measure."""
        x = np.asarray(rows, dtype=np.float64)
        about = x - x.mean(axis=0)
        return cls(float(len(x)), x.mean(axis=0), about.T @ about / (len(x) - 1), float(len(x)))

    @property
    def covariances(self) -> tuple[Floats, ...]:
        """The covariance, and the one without clusters where it is another; a variance is the larger of both."""
        return (self.covariance,) if self.simple is None else (self.covariance, self.simple)

    @property
    def scatter(self) -> Floats:
        """Sums of products about the means, measures × measures; no measure's own is below the simple one."""
        if self.simple is None:
            return self.covariance * (self.n - 1)
        lacking = np.maximum(np.diag(self.simple) - np.diag(self.covariance), 0.0)
        return np.asarray((self.covariance + np.diag(lacking)) * (self.n - 1))

    def combined(self, weights: npt.ArrayLike, *, fitted: float = 0.0) -> Sample:
        """The sample of the sum w·x of each unit.

        Args:
            weights: One a measure.
            fitted: How many of them were estimated; each costs a degree of freedom.
        """
        w = np.asarray(weights, dtype=np.float64)
        variance = max(0.0, *(float(w @ covariance @ w) for covariance in self.covariances))
        spread = variance * (self.n - 1) / max(self.n - 1 - fitted, 1.0)
        clusters = self.independent - fitted
        return Sample(self.n, float(w @ self.mean), spread * (self.n - 1), clusters=clusters)


@dataclass(frozen=True, eq=False)
class Strata:
    """One arm cut into strata whose shares are set: each stratum counts as it does over all arms.

    Source:
        Miratrix, Sekhon & Yu (2013), JRSS B 75, 369-396, eq. 4, with the strata's shares taken as they are.
    """

    parts: tuple[Joint, ...]
    shares: tuple[float, ...]  # of all arms' units, by stratum; sum to one

    @property
    def n(self) -> float:
        """Units."""
        return sum(part.n for part in self.parts)

    @property
    def mean(self) -> Floats:
        """One mean a measure, strata in their set shares."""
        return np.asarray(sum(share * part.mean for share, part in zip(self.shares, self.parts, strict=True)))

    @property
    def scatter(self) -> Floats:
        """Sums of products about the strata's own means."""
        return np.asarray(sum(part.scatter for part in self.parts))

    def combined(self, weights: npt.ArrayLike, *, fitted: float = 0.0) -> Sample:
        """The sample of the sum w·x of each unit; its spread is the one that gives the stratified mean's error."""
        parts = [part.combined(weights) for part in self.parts]
        error = float(np.sqrt(sum((s * p.error) ** 2 for s, p in zip(self.shares, parts, strict=True))))
        independent = sum(part.independent for part in parts) - (len(parts) - 1) - fitted
        error *= float(np.sqrt((self.n - 1) / max(self.n - 1 - fitted, 1.0)))
        return Sample(
            n=self.n,
            mean=float(np.asarray(weights, dtype=np.float64) @ self.mean),
            m2=error**2 * self.n * (self.n - 1),
            clusters=independent,
        )


def pooled_scatter(arms: Sequence[Arm]) -> Floats:
    """Sums of products about each arm's own means, over all arms."""
    return np.asarray(sum(arm.scatter for arm in arms))
