"""PyMC's models of one metric in several arms, from summaries: means, shares, amounts with zeros.

Each has one `theta` an arm, the mean per unit, under the priors of the exact path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.stats.hurdle import CAP
from workbench.stats.moments import Sample
from workbench.stats.rates import rate_posteriors


def means(samples: list[Sample]) -> Any:
    """Normal units with unknown mean and spread, from n, mean and squares."""
    import pymc as pm

    n, mean, spread, df = _table(samples, lambda s: (s.n / s.deff_mean, s.mean, s.variance, s.independent - 1))
    with pm.Model() as model:
        _normal("", n, mean, np.sqrt(spread), df, name="theta")
    return model


def shares(samples: list[Sample]) -> Any:
    """Yes or no with every share equally likely beforehand."""
    import pymc as pm

    with pm.Model() as model:
        _yes("theta", samples)
    return model


def rates(samples: list[Sample], *, money: bool = False) -> Any:
    """Counts with every rate equally likely beforehand, or money counted by what one sale is worth."""
    import pymc as pm

    # a posterior of a flat prior is its likelihood: shape - 1 events in so many units
    events, units = np.array([(gamma.shape - 1, gamma.exposure) for gamma in rate_posteriors(samples, money=money)]).T
    with pm.Model() as model:
        theta = pm.HalfFlat("theta", shape=len(samples), initval=(events + 1) / units)
        pm.Potential("seen_events", events * pm.math.log(theta) - units * theta)
    return model


def amounts(samples: list[Sample]) -> Any:
    """Whether anything was spent, and log-normal amounts where it was."""
    import pymc as pm

    n, mean, spread, df = _table(
        samples,
        lambda s: (
            s.n_positive / s.deff_log,
            s.mean_log,
            s.m2_log / s.deff_log / (s.n_positive / s.deff_log - 1),
            s.n_positive / s.deff_log - 1,
        ),
    )
    with pm.Model() as model:
        share = _yes("share", samples)
        mu, sigma = _normal("log_", n, mean, np.sqrt(spread), df, name="log_mean", cap=CAP)
        pm.Deterministic("theta", share * pm.math.exp(mu + sigma**2 / 2))
    return model


def _normal(
    prefix: str,
    n: np.ndarray[Any, Any],
    mean: np.ndarray[Any, Any],
    spread: np.ndarray[Any, Any],
    df: np.ndarray[Any, Any],
    *,
    name: str,
    cap: float | None = None,
) -> tuple[Any, Any]:
    """Flat mean and log spread; what was seen of both enters as their sampling distributions."""
    import pymc as pm

    k = len(n)
    z = pm.Flat(f"{prefix}z", shape=k, initval=np.zeros(k))  # the mean in standard errors from what was seen
    if cap is None:
        w = pm.Flat(f"{prefix}w", shape=k, initval=np.zeros(k))  # log spread against what was seen
    else:
        w = pm.Uniform(f"{prefix}w", -20.0, np.log(cap / spread), shape=k, initval=np.zeros(k))
    mu = pm.Deterministic(name, mean + z * spread / np.sqrt(n))
    pm.Potential(f"{prefix}seen_mean", -w - (z * pm.math.exp(-w)) ** 2 / 2)
    pm.Potential(f"{prefix}seen_spread", -df * w - df * pm.math.exp(-2 * w) / 2)
    return mu, spread * pm.math.exp(w)


def _yes(name: str, samples: list[Sample]) -> Any:
    import pymc as pm

    yes, no = _table(samples, lambda s: (s.n_positive / s.deff_share, (s.n - s.n_positive) / s.deff_share))
    share = pm.Beta(name, 1.0, 1.0, shape=len(samples))
    pm.Potential("seen_share", yes * pm.math.log(share) + no * pm.math.log(1 - share))
    return share


def _table(samples: list[Sample], row: Callable[[Sample], tuple[float, ...]]) -> np.ndarray[Any, Any]:
    return np.array([row(sample) for sample in samples]).T
