"""The same question asked of a second engine: PyMC samples what quadrature has integrated.

The models take the summaries, not rows, so that a check costs seconds; design effects enter as they
do on the exact path. The two engines' posterior means may differ by `LIMIT` posterior standard
deviations at most. Sampling that has not converged is an error with its numbers, never a result.

No C compiler is needed: where there is none, PyTensor compiles through numba.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import EngineError, Misuse
from workbench.experiments.results import Analysis, MetricResult
from workbench.stats.hurdle import CAP
from workbench.stats.moments import Sample

LIMIT = 0.1  # posterior standard deviations between the engines' means
RHAT = 1.01  # largest allowed
ESS = 400  # smallest allowed effective number of draws


@dataclass(frozen=True)
class Agreement:
    """Two engines on one metric."""

    metric: str
    largest: float  # difference of posterior means in posterior standard deviations, worst arm
    agreed: bool  # largest is at most LIMIT
    means: Mapping[str, tuple[float, float]]  # by arm: exact path, PyMC
    rhat: float  # worst
    ess: float  # worst, bulk
    divergences: int
    draws: int  # all chains together
    seconds: float

    @property
    def sentence(self) -> str:
        """The check in plain words."""
        found = "agree" if self.agreed else "do not agree"
        return (
            f"{self.metric}: the exact path and PyMC {found} (largest difference {self.largest:.3f} posterior "
            f"standard deviations; R-hat {self.rhat:.3f}, {self.ess:.0f} effective draws, "
            f"{self.divergences} divergences)."
        )


def cross_check(
    analysis: Analysis, *, seed: int, draws: int = 2000, tune: int = 1000, chains: int = 2, cores: int = 1
) -> tuple[Agreement, ...]:
    """Ask PyMC every metric's question again.

    Args:
        analysis: The exact path's answer; its samples and models are taken from it.
        seed: Of the sampler.
        draws: Kept draws a chain.
        tune: Draws for tuning a chain.
        chains: At least two, or convergence cannot be judged.
        cores: Processes that sample at once.

    Returns:
        One agreement a metric; none of a quantile, which has no model of its units.

    Raises:
        EngineError: A sampler did not converge.
        Misuse: Fewer than two chains.
    """
    if chains < 2:
        raise Misuse(f"chains is {chains}; convergence needs at least 2")
    options = {"draws": draws, "tune": tune, "chains": chains, "cores": cores, "random_seed": seed}
    checked = [result for result in analysis.metrics.values() if result.model != "order statistics"]
    return tuple(_check(result, options) for result in checked)


def _check(result: MetricResult, options: Mapping[str, Any]) -> Agreement:
    started = time.perf_counter()
    builders: dict[str, Callable[[list[Sample]], Any]] = {
        "Beta": _shares,
        "Student-t": _means,
        "delta method": _means,
        "hurdle": _amounts,
    }
    arms = list(result.samples)
    with _quiet():
        import arviz as az
        import pymc as pm

        with builders[result.model]([result.samples[arm] for arm in arms]):
            trace = pm.sample(
                **options, compile_kwargs=_compiler(), progressbar=False, compute_convergence_checks=False
            )
        theta = trace.posterior["theta"]
        rhat = float(az.rhat(trace).to_array().max())  # type: ignore[no-untyped-call]
        ess = float(az.ess(trace).to_array().min())  # type: ignore[no-untyped-call]
    divergences = int(trace.sample_stats["diverging"].sum())
    judge(result.metric.name, rhat, ess, divergences)
    sampled = theta.mean(("chain", "draw")).to_numpy()
    exact = np.array([result.posteriors[arm].mean for arm in arms])
    sd = np.array([result.posteriors[arm].sd for arm in arms])
    largest = float(np.max(np.abs(sampled - exact) / sd))
    return Agreement(
        metric=result.metric.name,
        largest=largest,
        agreed=largest <= LIMIT,
        means={arm: (float(e), float(s)) for arm, e, s in zip(arms, exact, sampled, strict=True)},
        rhat=rhat,
        ess=ess,
        divergences=divergences,
        draws=int(theta.sizes["chain"] * theta.sizes["draw"]),
        seconds=time.perf_counter() - started,
    )


def judge(metric: str, rhat: float, ess: float, divergences: int) -> None:
    """Let only converged sampling pass.

    Raises:
        EngineError: R-hat is too large, too few effective draws, or any divergence.
    """
    faults = []
    if not rhat <= RHAT:
        faults.append(f"R-hat is {rhat:.4f}; it must be at most {RHAT}")
    if not ess >= ESS:
        faults.append(f"{ess:.0f} effective draws; at least {ESS} are needed")
    if divergences:
        faults.append(f"{divergences} divergences; there must be none")
    if faults:
        raise EngineError(
            f"PyMC did not converge on {metric}: {'; '.join(faults)}", hint="give more draws and tuning steps"
        )


def _means(samples: list[Sample]) -> Any:
    """Normal units with unknown mean and spread, from n, mean and squares."""
    import pymc as pm

    n, mean, spread, df = _table(samples, lambda s: (s.n / s.deff_mean, s.mean, s.variance, s.independent - 1))
    with pm.Model() as model:
        _normal("", n, mean, np.sqrt(spread), df, name="theta")
    return model


def _shares(samples: list[Sample]) -> Any:
    """Yes or no with every share equally likely beforehand."""
    import pymc as pm

    with pm.Model() as model:
        _yes("theta", samples)
    return model


def _amounts(samples: list[Sample]) -> Any:
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


def _compiler() -> dict[str, str]:
    """PyTensor's own choice where a C compiler is, else numba (its fallback is plain Python, ten times slower)."""
    from pytensor.configdefaults import config

    return {} if config.cxx else {"mode": "NUMBA"}


def _table(samples: list[Sample], row: Callable[[Sample], tuple[float, ...]]) -> np.ndarray[Any, Any]:
    return np.array([row(sample) for sample in samples]).T


@contextmanager
def _quiet() -> Iterator[None]:
    """PyMC's and ArviZ's remarks on their own future are not the analyst's."""
    import logging

    loggers = [logging.getLogger(name) for name in ("pymc", "pymc.stats.convergence", "pytensor.configdefaults")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
