"""PyMC asked about segments and about effects over time, and ArviZ's pictures of what its models expect.

certify_segments(result, Sampling(seed=1)).sentence
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.data.pictures import Picture, drawn
from workbench.errors import Misuse
from workbench.experiments.second_engine import models as pymc_models
from workbench.experiments.second_engine.certificate import Certificate, Sampling, certify, quiet, sample
from workbench.experiments.segments.shrunken import SegmentResult
from workbench.stats.hierarchy import SpreadPrior
from workbench.stats.moments import Floats
from workbench.stats.novelty import decay, walk


def certify_segments(result: SegmentResult, sampling: Sampling) -> Certificate:
    """Segments' true effects, by both engines.

    Raises:
        EngineError: The sampler did not converge.
        Misuse: The mean's prior has several parts.
    """
    exact = {s.called: (s.effect, s.sd) for s in result.segments}
    return certify(f"{result.metric.name} by {' × '.join(result.columns)}", segment_model(result), exact, sampling)


def segment_model(result: SegmentResult) -> Callable[[], Any]:
    """What makes PyMC's model of a result."""
    entered = [s.entered for s in result.segments]
    estimates, errors = (np.array(column) for column in zip(*entered, strict=True))
    if len(result.columns) > 1:
        names = [[s.name[d] for s in result.segments] for d in range(len(result.columns))]
        levels = [np.unique(column, return_inverse=True)[1] for column in names]
        priors = [result.prior] * (len(levels) + 1)
        return lambda: pymc_models.crossed(estimates, errors, levels, priors)
    counted, rated, logged = None, None, None
    few = [s for s in result.segments if s.form == "counts"]
    if result.scale == "relative":
        few = [s for s in few if s.mean_control + s.mean_arm > 0]  # without an event there is no ratio to speak of
    if few:
        at = [result.segments.index(s) for s in few]
        control = np.array([(s.n_control * s.mean_control, s.n_control) for s in few]) / result.design_effect
        treated = np.array([(s.n_arm * s.mean_arm, s.n_arm) for s in few]) / result.design_effect
        kind = "share" if result.metric.kind == "binary" else "count"
        counted = pymc_models.Counted(at, kind, result.scale, control, treated)  # type: ignore[arg-type]
    if unsharp := [s for s in result.segments if s.form == "ratio"]:
        rated = pymc_models.Rated(
            [result.segments.index(s) for s in unsharp],
            np.array([(s.mean_control, s.error_control) for s in unsharp]),
            np.array([(s.mean_arm, s.error_arm) for s in unsharp]),
        )
    if logs := [i for i, s in enumerate(result.segments) if s.form == "log ratio"]:
        logged = pymc_models.Logged(logs, np.array([entered[i] for i in logs]))
        estimates[logs] = np.expm1(estimates[logs])
    prior, mean = result.prior, result.mean_prior
    cells = {"counted": counted, "rated": rated, "logged": logged}
    return lambda: pymc_models.segments(estimates, errors, prior, mean, **cells)  # type: ignore[arg-type]


def certify_decay(
    metric: str, days: Floats, estimates: Floats, errors: Floats, size: float, sampling: Sampling
) -> Certificate:
    """The effect on each day if it fades, by both engines.

    Raises:
        EngineError: The sampler did not converge.
    """
    fit = decay(days, estimates, errors, size=size).by_day
    build = lambda: pymc_models.decay(days, estimates, errors, size)  # noqa: E731
    return certify(f"{metric} by day", build, _by_day(days, fit.mean, fit.sd), sampling)


def certify_walk(
    metric: str, days: Floats, estimates: Floats, errors: Floats, step: SpreadPrior, sampling: Sampling
) -> Certificate:
    """The effect on each day if it wanders, by both engines.

    Raises:
        EngineError: The sampler did not converge.
    """
    fit = walk(days, estimates, errors, step).by_day
    build = lambda: pymc_models.walk(days, estimates, errors, step)  # noqa: E731
    return certify(f"{metric} by day", build, _by_day(days, fit.mean, fit.sd), sampling)


def expected(build: Callable[[], Any], sampling: Sampling, *, before: bool) -> Picture:
    """What a model expects to see, by ArviZ, against what was seen.

    Args:
        build: Makes the model; it must observe estimates, or the treated arm's means.
        sampling: How to sample.
        before: From the prior, which must be proper; else from the posterior.

    Raises:
        EngineError: The sampler did not converge.
        Misuse: The prior is flat, or the model sees no estimates.
    """
    from matplotlib.figure import Figure

    with quiet():
        import arviz as az
        import pymc as pm

        model = build()
        observed = [name for name in ("seen", "seen_log_ratio", "seen_treated_mean") if name in model.named_vars]
        if not observed:
            raise Misuse("every segment enters by its counts; there is no estimate to be expected")
        if before and "mu_" in model.named_vars:
            raise Misuse("a flat prior expects nothing", hint="state a prior of the mean")
    figure = Figure(figsize=(8.5, 3.2), dpi=110, layout="constrained")
    ax = figure.subplots()
    if before:
        with quiet():
            trace = pm.sample_prior_predictive(draws=500, model=model, random_seed=sampling.seed)
    else:
        trace = sample("what the model expects", model, sampling)
        with quiet():
            trace.extend(
                pm.sample_posterior_predictive(trace, model=model, random_seed=sampling.seed, progressbar=False)
            )
    with quiet():
        az.plot_ppc(  # type: ignore[no-untyped-call]
            trace,
            var_names=observed[:1],
            group="prior" if before else "posterior",
            num_pp_samples=100,
            random_seed=sampling.seed,
            ax=ax,
            observed=True,
        )
    ax.set_title(
        f"Estimates that the model expects {'beforehand' if before else 'after all'}, and those seen", loc="left"
    )
    told = {"seen": "difference", "seen_log_ratio": "logarithm of the ratio"}
    ax.set_xlabel(told.get(observed[0], "mean of the treated arm"))
    return drawn(figure)


def _by_day(days: Floats, mean: Floats, sd: Floats) -> dict[str, tuple[float, float]]:
    return {f"{day:g}": (float(m), float(s)) for day, m, s in zip(days, mean, sd, strict=True)}
