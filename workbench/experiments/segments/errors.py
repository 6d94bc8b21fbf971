"""Errors of segments' means that do not follow those means, and ratios of means on the scale of their logarithm.

Where amounts are skewed a small mean comes with a small error of its own. Weighted by such errors the
segments that happen to be low count most, and the whole is biased. Here a segment's variance is taken
from its mean over both arms (or, where values may be negative, from both arms' variances), times what
all segments together say of an arm; a segment's own scatter counts as far as its units go beyond
`BORROWED`. What is the same for both arms cannot lean to either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.experiments.design import Metric
from workbench.stats.moments import Floats, Sample

BORROWED = 500.0  # units that the other segments' word on the scatter stands for
TINY = 1e-300  # in place of a variance of nothing


class Errors(NamedTuple):
    """What is known of one segment's means."""

    control: float  # standard errors
    treated: float
    base: float  # the control's mean, if the segment had the ratio that all have; 0: there is no ratio
    ratio: float  # treated ÷ control of all segments, each compared with itself; 1 where there is none

    def log_ratio(self, control: Sample, treated: Sample) -> tuple[float, float]:
        """Logarithm of treated ÷ control and its error, the logarithm's own bias taken out.

        Source:
            Delta method to the second order: E log(mean) ≈ log(true mean) − (relative error)² / 2.
        """
        before, after = self.control / self.base, self.treated / (self.base * self.ratio)
        estimate = np.log(treated.mean / control.mean) + (after**2 - before**2) / 2
        return float(estimate), float(np.hypot(before, after))

    def about_whole(self, log: float, error: float) -> tuple[float, float]:
        """A logarithm of a ratio as a normal relative difference, by the tangent at the ratio that all have."""
        return self.ratio * (1 + log - float(np.log(self.ratio))) - 1, self.ratio * error


def pooled_errors(metric: Metric, pairs: Sequence[tuple[Sample, Sample]]) -> list[Errors]:
    """Errors of each segment's two means.

    Args:
        metric: What is compared.
        pairs: The control and the other arm of each segment, one segment at least.

    Returns:
        One a segment. With one segment they are its own, but for the arms' common level.

    >>> a, b = Sample.of([1.0, 3.0]), Sample.of([2.0, 6.0])
    >>> pooled_errors(Metric("y", "mean", "y"), [(a, b)])  # its own: 1 and 2
    [Errors(control=1.0, treated=2.0, base=2.0, ratio=2.0)]
    """
    n, mean, variance = (np.array(table) for table in _tables(pairs))
    known = np.array([min(s.independent for s in pair) >= 2 for pair in pairs])
    if not known.any():
        return [Errors(0.0, 0.0, 0.0, 1.0) for _ in pairs]
    base, ratio = _common(n, mean)
    size = _size(metric, pairs, base, n, mean, variance)
    arms = (n * variance)[known].sum(axis=0) / np.maximum((n * size[:, None])[known].sum(axis=0), TINY)
    law = size[:, None] * arms
    units = n.sum(axis=1)
    own = np.where(known, (n * variance).sum(axis=1) / np.maximum((n * law).sum(axis=1), TINY), 1.0)
    scatter = (units * own + BORROWED) / (units + BORROWED)
    errors = np.sqrt(law * scatter[:, None] / n)
    return [Errors(float(e[0]), float(e[1]), float(b), ratio) for e, b in zip(errors, base, strict=True)]


def _tables(pairs: Sequence[tuple[Sample, Sample]]) -> tuple[list[list[float]], ...]:
    """Units, means, and variances of one unit with clusters respected: one row a segment, one column an arm."""
    return (
        [[s.n for s in pair] for pair in pairs],
        [[s.mean for s in pair] for pair in pairs],
        [[s.variance * s.deff_mean for s in pair] for pair in pairs],
    )


def _common(n: Floats, mean: Floats) -> tuple[Floats, float]:
    """Each segment's control mean under one ratio of all (Mantel-Haenszel), and that ratio."""
    weight = n.prod(axis=1) / n.sum(axis=1)
    control, treated = weight @ mean
    ratio = float(treated / control) if control > 0 and treated > 0 else 1.0
    return np.maximum((n * mean).sum(axis=1) / (n[:, 0] + n[:, 1] * ratio), 0.0), ratio


def _size(
    metric: Metric, pairs: Sequence[tuple[Sample, Sample]], base: Floats, n: Floats, mean: Floats, variance: Floats
) -> Floats:
    """What a segment's variance is proportional to, the same for both arms."""
    share = (n * mean).sum(axis=1) / n.sum(axis=1)
    if metric.kind == "binary":
        return np.asarray(share * (1 - share))
    if metric.kind == "count":
        return base
    if any(s.n_negative for pair in pairs for s in pair):
        return np.asarray((n * variance).sum(axis=1) / n.sum(axis=1))
    return np.asarray(base**2)
