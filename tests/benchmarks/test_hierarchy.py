"""Fifty segments by quadrature beside the same model sampled by PyMC and nutpie, both warm, in one process."""

import time

import numpy as np
import pytest

from workbench.experiments.second_engine import models as pymc_models
from workbench.experiments.second_engine.certificate import judge, quiet
from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

SEGMENTS = 50
CHAINS, DRAWS = 4, 4000  # so many that the sampler's own noise stays below the difference that is allowed
ROUNDS = 200
RATIO = 1000
APART = 0.05  # posterior standard deviations


def best(rounds, call):
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def test_fifty_segments_take_a_thousandth_of_a_warm_sampler():
    nutpie = pytest.importorskip("nutpie", reason="nutpie is not installed")
    rng = np.random.default_rng(1)
    errors = rng.uniform(0.02, 0.05, SEGMENTS)
    estimates = rng.normal(0.07, 0.08, SEGMENTS) + rng.normal(0, errors)
    spread, mean = SpreadPrior(0.1), EffectPrior.normal(0, 0.2)
    fit = shrink(estimates, errors, spread, mean)
    ours = best(ROUNDS, lambda: shrink(estimates, errors, spread, mean))
    with_intervals = best(ROUNDS, lambda: shrink(estimates, errors, spread, mean).segments.interval(0.95))

    with quiet():
        import arviz as az
        import pymc as pm

        model = pymc_models.segments(estimates, errors, spread, mean)
        compiled = nutpie.compile_pymc_model(model)
        options = {"draws": DRAWS, "tune": 1000, "chains": CHAINS, "cores": 2, "progress_bar": False}
        nutpie.sample(compiled, **(options | {"draws": 50}), seed=0)
        trace = nutpie.sample(compiled, **options, seed=1)
        compiled_only = best(3, lambda: nutpie.sample(compiled, **options, seed=1))
        whole = best(1, lambda: _asked_again(pm, model))
        rhat, ess = float(az.rhat(trace).to_array().max()), float(az.ess(trace).to_array().min())
    judge("benchmark", rhat, ess, int(trace.sample_stats["diverging"].sum()))
    theta = trace.posterior["theta"].mean(("chain", "draw")).to_numpy()
    apart = float(np.abs((fit.segments.mean - theta) / fit.segments.sd).max())
    print(
        f"\n{SEGMENTS} segments            ms     times"
        f"\nquadrature          {1e3 * ours:8.3f}"
        f"\n  and 95 % intervals{1e3 * with_intervals:8.3f}"
        f"\nnutpie, compiled    {1e3 * compiled_only:8.0f} {compiled_only / ours:9,.0f}"
        f"\nPyMC + nutpie, again{1e3 * whole:8.0f} {whole / ours:9,.0f}"
        f"\nlargest difference of means {apart:.3f} posterior sd; {ess:.0f} effective draws"
    )
    assert apart <= APART
    assert compiled_only / ours >= RATIO
    assert whole / with_intervals >= RATIO


def _asked_again(pm, model):
    """As a user asks a second time: the model's functions are compiled already."""
    return pm.sample(
        draws=DRAWS,
        tune=1000,
        chains=CHAINS,
        cores=2,
        random_seed=1,
        nuts_sampler="nutpie",
        model=model,
        progressbar=False,
        compute_convergence_checks=False,
    )
