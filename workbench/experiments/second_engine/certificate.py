"""The two-engine certificate: PyMC is asked what quadrature has answered, and both answers are compared.

The two engines' posterior means may differ by `LIMIT` posterior standard deviations at most. Sampling
that has not converged is an error with its numbers, never a result. nutpie samples where it is
installed, else PyMC itself; no C compiler is needed: where there is none, PyTensor compiles through
numba.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from workbench.errors import EngineError, Misuse

LIMIT = 0.1  # posterior standard deviations between the engines' means
RHAT = 1.01  # largest allowed
ESS = 400  # smallest allowed effective number of draws


@dataclass(frozen=True)
class Sampling:
    """How a second engine samples."""

    seed: int
    draws: int = 2000  # kept, a chain
    tune: int = 1000  # for tuning, a chain
    chains: int = 2  # at least two, or convergence cannot be judged
    cores: int = 1  # processes that sample at once
    sampler: str = ""  # "nutpie" or "pymc"; empty: nutpie where it is installed
    target: float = 0.99  # acceptance that step sizes are tuned to, in (0.5, 1)

    def __post_init__(self) -> None:
        if self.chains < 2:
            raise Misuse(f"chains is {self.chains}; convergence needs at least 2")
        if self.sampler not in {"", "nutpie", "pymc"}:
            raise Misuse(f"sampler is {self.sampler!r}; it must be 'nutpie' or 'pymc'")
        if self.sampler == "nutpie" and find_spec("nutpie") is None:
            raise Misuse("nutpie is not installed", hint="pip install 'workbench[nutpie]'")

    @property
    def engine(self) -> str:
        """The sampler that is used."""
        return self.sampler or ("nutpie" if find_spec("nutpie") is not None else "pymc")


@dataclass(frozen=True)
class Certificate:
    """Two engines on one question."""

    metric: str
    largest: float  # difference of posterior means in posterior standard deviations, worst unknown
    agreed: bool  # largest is at most LIMIT
    means: Mapping[str, tuple[float, float]]  # by unknown (an arm, a segment, a day): exact path, PyMC
    rhat: float  # worst
    ess: float  # worst, bulk
    divergences: int
    draws: int  # all chains together
    seconds: float
    sampler: str = "pymc"

    @property
    def sentence(self) -> str:
        """The check in plain words."""
        found = "agree" if self.agreed else "do not agree"
        return (
            f"{self.metric}: the exact path and PyMC {found} (largest difference {self.largest:.3f} posterior "
            f"standard deviations; R-hat {self.rhat:.3f}, {self.ess:.0f} effective draws, "
            f"{self.divergences} divergences)."
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        return asdict(self) | {"means": {name: list(pair) for name, pair in self.means.items()}}


def certify(
    metric: str, build: Callable[[], Any], exact: Mapping[str, tuple[float, float]], sampling: Sampling
) -> Certificate:
    """Sample a model and compare its `theta` with the exact path.

    Args:
        metric: What is asked about, for the sentence.
        build: Makes the PyMC model; its variable `theta` has one entry an unknown.
        exact: Mean and standard deviation by unknown, in the order of `theta`.
        sampling: How to sample.

    Raises:
        EngineError: The sampler did not converge.
    """
    started = time.perf_counter()
    with quiet():
        model = build()
    trace = sample(metric, model, sampling)
    theta = trace.posterior["theta"]
    sampled = np.atleast_1d(theta.mean(("chain", "draw")).to_numpy())
    mean, sd = np.array(list(exact.values())).T
    largest = float(np.max(np.abs(sampled - mean) / sd))
    rhat, ess, divergences = convergence(trace)
    return Certificate(
        metric=metric,
        largest=largest,
        agreed=largest <= LIMIT,
        means={name: (float(e), float(s)) for name, e, s in zip(exact, mean, sampled, strict=True)},
        rhat=rhat,
        ess=ess,
        divergences=divergences,
        draws=int(theta.sizes["chain"] * theta.sizes["draw"]),
        seconds=time.perf_counter() - started,
        sampler=sampling.engine,
    )


def sample(metric: str, model: Any, sampling: Sampling) -> Any:
    """Draws from a model's posterior (ArviZ `InferenceData`), judged.

    Raises:
        EngineError: The sampler did not converge.
    """
    own = sampling.engine == "pymc"
    with quiet():
        import pymc as pm

        trace = pm.sample(
            draws=sampling.draws,
            tune=sampling.tune,
            chains=sampling.chains,
            cores=sampling.cores,
            random_seed=sampling.seed,
            nuts_sampler=sampling.engine,
            progressbar=False,
            compute_convergence_checks=False,
            model=model,
            target_accept=sampling.target,
            **({"compile_kwargs": _compiler()} if own else {}),
        )
    judge(metric, *convergence(trace))
    return trace


def convergence(trace: Any) -> tuple[float, float, int]:
    """Worst R-hat, worst bulk effective draws, and divergences."""
    with quiet():
        import arviz as az

        rhat = float(az.rhat(trace).to_array().max())  # type: ignore[no-untyped-call]
        ess = float(az.ess(trace).to_array().min())  # type: ignore[no-untyped-call]
    return rhat, ess, int(trace.sample_stats["diverging"].sum())


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


@contextmanager
def quiet() -> Iterator[None]:
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


def _compiler() -> dict[str, str]:
    """PyTensor's own choice where a C compiler is, else numba (its fallback is plain Python, ten times slower)."""
    from pytensor.configdefaults import config

    return {} if config.cxx else {"mode": "NUMBA"}
