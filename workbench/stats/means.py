"""Means of numbers: the Student-t posterior from n, mean and centred squares.

With the weak prior this is the textbook t interval, read as a probability.

>>> posterior = mean_posterior(Sample.of([1.0, 2.0, 3.0, 4.0, 5.0]))
>>> posterior.df, posterior.loc, round(posterior.scale, 6)
(4.0, 3.0, 0.707107)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.stats.moments import Sample
from workbench.stats.posteriors import StudentT


@dataclass(frozen=True)
class MeanPrior:
    """Normal-inverse-gamma prior of a mean and a variance; the default is p(μ, σ²) ∝ 1/σ²."""

    mean: float = 0.0  # where the mean is expected
    weight: float = 0.0  # how many observations that expectation is worth
    shape: float = -0.5  # of the variance's inverse gamma
    rate: float = 0.0  # of the variance's inverse gamma, in squared units of the measure


WEAK = MeanPrior()


def mean_posterior(sample: Sample, *, prior: MeanPrior = WEAK) -> StudentT:
    """What is believed of a mean after seeing a sample.

    Args:
        sample: n, mean and sum of squares about the mean; its design effect widens the posterior,
            and the degrees of freedom count clusters.
        prior: What was believed before.

    Raises:
        ValueError: Fewer than two independent units, or no spread at all.

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., section 3.3.
    """
    if sample.independent < 2 and prior.shape <= 0:
        raise ValueError(f"{sample.independent:g} independent units; a mean needs at least 2")
    if sample.m2 <= 1e-30 * sample.n * sample.mean**2 and prior.rate <= 0:
        raise ValueError(f"all {sample.n:g} values are equal; their spread is not known")
    n, weight = sample.n, prior.weight
    shape = prior.shape + n / 2
    pull = n * weight / (2 * (n + weight)) * (sample.mean - prior.mean) ** 2
    rate = prior.rate + sample.m2 / 2 + pull
    scale = float(np.sqrt(rate / shape / (n + weight) * sample.deff_mean))
    df = 2 * shape - (sample.n - sample.independent)
    return StudentT(df=df, loc=(n * sample.mean + weight * prior.mean) / (n + weight), scale=scale)
