"""An A/B analysis asked of a second engine: PyMC samples what quadrature has integrated.

The models (`arms`) take the summaries, not rows, so that a check costs seconds; design effects
enter as they do on the exact path. What may differ, and what counts as converged, is said in
`certificate`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workbench.experiments.results import Analysis, MetricResult
from workbench.experiments.second_engine import arms as pymc_arms
from workbench.experiments.second_engine.certificate import Certificate, Sampling, certify
from workbench.stats.moments import Sample

MODELS: dict[str, Callable[[list[Sample]], Any]] = {
    "Beta": pymc_arms.shares,
    "Gamma": pymc_arms.rates,
    "Gamma of money": partial(pymc_arms.rates, money=True),
    "Student-t": pymc_arms.means,
    "delta method": pymc_arms.means,
    "hurdle": pymc_arms.amounts,
}


def cross_check(
    analysis: Analysis, *, seed: int, draws: int = 2000, tune: int = 1000, chains: int = 2, cores: int = 1
) -> tuple[Certificate, ...]:
    """Ask PyMC every metric's question again.

    Args:
        analysis: The exact path's answer; its samples and models are taken from it.
        seed: Of the sampler.
        draws: Kept draws a chain.
        tune: Draws for tuning a chain.
        chains: At least two, or convergence cannot be judged.
        cores: Processes that sample at once.

    Returns:
        One certificate a metric; none of a quantile, which has no model of its units.

    Raises:
        EngineError: A sampler did not converge.
        Misuse: Fewer than two chains.
    """
    # a handful of unknowns: PyMC's own sampler is ready sooner than nutpie has compiled
    sampling = Sampling(seed, draws, tune, chains, cores, sampler="pymc", target=0.8)
    checked = [result for result in analysis.metrics.values() if result.model in MODELS]
    return tuple(_check(result, sampling) for result in checked)


def _check(result: MetricResult, sampling: Sampling) -> Certificate:
    exact = {arm: (posterior.mean, posterior.sd) for arm, posterior in result.posteriors.items()}
    samples = [result.samples[arm] for arm in exact]
    model = "Gamma of money" if result.model == "Gamma" and result.metric.kind == "revenue" else result.model
    return certify(result.metric.name, lambda: MODELS[model](samples), exact, sampling)
