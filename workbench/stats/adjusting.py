"""Taking out what was known before: covariate adjustment (CUPED) with the variance it really saved.

A covariate was measured before the arms were drawn, so its difference between them is chance; the
part of the metric's difference that goes with it is chance as well and is taken off. The slope is
pooled over arms. Nothing is assumed of the metric: a covariate that says nothing saves nothing.

>>> from workbench.stats.joint import Joint
>>> a = Joint.of([[0.0, 0.0], [0.0, 1.0], [3.0, 2.0]])  # metric, covariate
>>> b = Joint.of([[1.0, 0.0], [1.0, 1.0], [4.0, 2.0]])
>>> found = adjusted({"a": a, "b": b}, {"a": np.ones(1), "b": np.ones(1)})
>>> found.slopes, round(found.saved, 12), round(found.worth, 12)
((1.5,), 0.666666666667, 2.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from workbench.stats.joint import Arm, pooled_scatter
from workbench.stats.moments import Floats, Sample


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Samples after adjustment, by arm."""

    samples: Mapping[str, Sample]
    slopes: tuple[float, ...]  # of the metric on each covariate
    saved: float  # share of the variance of the arms' means that is gone; below zero where it grew

    @property
    def worth(self) -> float:
        """How many more units would have done the same, as a share of those there are."""
        return worth(self.saved)


def worth(saved: float) -> float:
    """How many more units a saved share of the variance is worth, as a share of those there are.

    >>> worth(0.5)
    1.0
    """
    return 1 / (1 - saved) - 1 if saved < 1 else np.inf


def adjusted(arms: Mapping[str, Arm], outcome: Mapping[str, Floats]) -> Adjusted:
    """Means of an outcome with what goes along with the covariates taken off.

    Args:
        arms: Moments by arm: the measures that make up the outcome first, then the covariates.
        outcome: By arm, the weights of those first measures in the outcome; one measure: a single 1.

    Returns:
        By arm, the sample of outcome − slopes·(covariates − their mean over all arms).

    Raises:
        ValueError: The covariates have no spread of their own (constant, or one follows from the others).

    Source:
        Deng, Xu, Kohavi & Walker (2013), WSDM, section 3; several covariates by the pooled least-squares slope.
    """
    size = len(next(iter(outcome.values())))
    scatters = {arm: moments.scatter for arm, moments in arms.items()}
    own = pooled_scatter(list(arms.values()))[size:, size:]
    along = sum(scatters[arm][size:, :size] @ outcome[arm] for arm in arms)
    scale = np.sqrt(np.diag(own))
    if not scale.all() or np.linalg.cond(own / np.outer(scale, scale)) > 1e10:
        raise ValueError("the covariates have no spread of their own; leave out what is constant or follows")
    slopes = np.linalg.solve(own, along)
    total = sum(m.n for m in arms.values())
    centre = sum(m.n * m.mean[size:] for m in arms.values()) / total
    samples, raw = {}, {}
    for arm, moments in arms.items():
        raw[arm] = moments.combined(np.concatenate([outcome[arm], np.zeros(len(slopes))]))
        found = moments.combined(np.concatenate([outcome[arm], -slopes]), fitted=len(slopes) * moments.n / total)
        samples[arm] = replace(found, mean=found.mean + float(slopes @ centre))
    return Adjusted(samples, tuple(float(s) for s in slopes), saved_share(raw, samples))


def saved_share(before: Mapping[str, Sample], after: Mapping[str, Sample]) -> float:
    """Share of the variance of the arms' means that is gone."""
    old = sum(sample.error**2 for sample in before.values())
    new = sum(after[arm].error ** 2 for arm in before)
    return 1 - new / old if old > 0 else 0.0
