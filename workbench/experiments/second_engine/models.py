"""PyMC's models of segments and of effects over time: the same as those that quadrature integrates.

`segments` (one column; cells with few events by their exact likelihood), `crossed` (several columns),
`decay` (novelty by days since people met the change) and `walk` (an effect that wanders from day to
day). Each has a `theta`, one entry a segment or day, and where estimates enter an observed `seen`, from
which ArviZ draws what the model expects to see. The parametrisation is chosen from the data: centred
where segments' own data are sharper than their spread, else not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.errors import Misuse
from workbench.stats.effects import EffectPrior, Scale
from workbench.stats.hierarchy import SpreadPrior
from workbench.stats.moments import Floats
from workbench.stats.novelty import SHORTEST


@dataclass(frozen=True, eq=False)
class Rated:
    """Cells that enter by the exact ratio of their means."""

    at: list[int]  # their places among all segments
    control: Floats  # one row a cell: mean, error
    treated: Floats


@dataclass(frozen=True, eq=False)
class Logged:
    """Cells that enter by the logarithm of the ratio of their means."""

    at: list[int]  # their places among all segments
    seen: Floats  # one row a cell: logarithm, error


@dataclass(frozen=True, eq=False)
class Counted:
    """Cells that enter by their counts; numbers are already divided by the design effect."""

    at: list[int]  # their places among all segments
    kind: Literal["share", "count"]
    scale: Scale
    control: Floats  # one row a cell: events, units
    treated: Floats


def centred(estimates: Floats, errors: Floats) -> bool:
    """Whether segments' own data are sharper than their spread: then the centred form samples well.

    Source:
        DerSimonian & Laird (1986), Control. Clin. Trials 7, 177-188 (the spread by moments);
        Papaspiliopoulos, Roberts & Sköld (2007), Statist. Sci. 22, 59-73 (which form samples well).

    >>> centred(np.array([0.0, 5.0, 9.0]), np.array([0.1, 0.1, 0.1]))
    True
    >>> centred(np.array([0.0, 0.1, -0.1]), np.array([1.0, 1.0, 1.0]))
    False
    """
    if len(estimates) < 2:
        return False
    w = errors**-2
    mean = w @ estimates / w.sum()
    excess = w @ (estimates - mean) ** 2 - (len(estimates) - 1)
    variance = excess / (w.sum() - (w**2).sum() / w.sum())
    return bool(variance > np.median(errors**2))


def segments(
    estimates: Floats,
    errors: Floats,
    spread: SpreadPrior,
    mean: EffectPrior | None = None,
    *,
    counted: Counted | None = None,
    rated: Rated | None = None,
    logged: Logged | None = None,
) -> Any:
    """Segments about a common mean.

    Args:
        estimates: One a segment; of counted cells only a place to start from.
        errors: Their standard errors.
        spread: Prior of the spread.
        mean: Prior of the mean; flat by default.
        counted: Cells that enter by their counts.
        rated: Cells that enter by the ratio of their means.
        logged: Cells that enter by its logarithm.

    Raises:
        Misuse: The prior of the mean has several parts.
    """
    import pymc as pm

    n = len(estimates)
    exact = {i for cells in (counted, rated, logged) if cells is not None for i in cells.at}
    with pm.Model() as model:
        mu = _mean(mean, estimates, errors)
        if (mean is None or not mean.components) and (logged or (counted and counted.scale == "relative")):
            inside = pm.math.log(pm.math.maximum(1 + mu, 1e-9))
            pm.Potential("log_flat", pm.math.switch(mu > -1, -inside, -np.inf))
        tau = _spread("tau", spread)
        if not exact and centred(estimates, errors):
            theta = pm.Normal("theta", mu, tau, shape=n)
        else:  # few events say little of their own segment
            theta = pm.Deterministic("theta", mu + tau * pm.Normal("z", 0.0, 1.0, shape=n))
        rest = sorted(set(range(n)) - exact)
        if rest:
            pm.Normal("seen", theta[rest], errors[rest], observed=estimates[rest])
        if counted is not None:
            _count(theta[counted.at], counted)
        if rated is not None:
            _rate(theta[rated.at], rated)
        if logged is not None:
            log, error = logged.seen.T
            pm.Normal("seen_log_ratio", pm.math.log(pm.math.maximum(1 + theta[logged.at], 1e-9)), error, observed=log)
    return model


def crossed(estimates: Floats, errors: Floats, levels: list[Any], spreads: list[SpreadPrior]) -> Any:
    """Cells that share the levels of several columns; the mean is flat."""
    import pymc as pm

    with pm.Model() as model:
        theta = _mean(None, estimates, errors)
        for d, codes in enumerate(levels):
            step = pm.Normal(f"z{d}", 0.0, 1.0, shape=int(max(codes)) + 1)
            theta = theta + (_spread(f"tau{d}", spreads[d]) * step)[codes]
        left = pm.Normal("z", 0.0, 1.0, shape=len(estimates))
        theta = pm.Deterministic("theta", theta + _spread("tau", spreads[-1]) * left)
        pm.Normal("seen", theta, errors, observed=estimates)
    return model


def decay(days: Floats, estimates: Floats, errors: Floats, size: float) -> Any:
    """What lasts and what passes, halved every so many days."""
    import pymc as pm

    since = np.asarray(days, dtype=np.float64) - days[0]
    with pm.Model() as model:
        lasting = _mean(None, estimates, errors)
        passing = pm.Normal("passing", 0.0, size)
        log_half = pm.Uniform("log_half_life", np.log(SHORTEST), np.log(since[-1]))
        theta = pm.Deterministic("theta", lasting + passing * pm.math.exp(-np.log(2) * since * pm.math.exp(-log_half)))
        pm.Normal("seen", theta, errors, observed=estimates)
    return model


def walk(days: Floats, estimates: Floats, errors: Floats, step: SpreadPrior) -> Any:
    """An effect that wanders from day to day."""
    import pymc as pm

    root = np.sqrt(np.diff(days))
    with pm.Model() as model:
        first = _mean(None, estimates, errors)
        sigma = _spread("step", step)
        moves = pm.Normal("z", 0.0, 1.0, shape=len(days) - 1)
        moved = pm.math.concatenate([np.zeros(1), pm.math.cumsum(sigma * root * moves)])
        theta = pm.Deterministic("theta", first + moved)
        pm.Normal("seen", theta, errors, observed=estimates)
    return model


def _mean(prior: EffectPrior | None, estimates: Floats, errors: Floats) -> Any:
    """The mean, in units in which the sampler starts well.

    Raises:
        Misuse: Its prior has several parts.
    """
    import pymc as pm

    if prior is None or not prior.components:
        centre, size = float(np.mean(estimates)), float(np.std(estimates) + np.min(errors))
        return pm.Deterministic("mu", centre + size * pm.Flat("mu_", initval=0.0))
    if len(prior.components) > 1:
        raise Misuse(f"the prior of the mean has {len(prior.components)} parts; PyMC is asked about one")
    part = prior.components[0]
    if np.isinf(part.df):
        return pm.Normal("mu", part.mean, part.sd)
    return pm.StudentT("mu", part.df, part.mean, part.sd)


def _spread(name: str, prior: SpreadPrior) -> Any:
    import pymc as pm

    if prior.family == "half-normal":
        return pm.HalfNormal(name, prior.scale)
    return pm.HalfCauchy(name, prior.scale)


def _rate(theta: Any, rated: Rated) -> None:
    """Both arms' means, the control's own flat."""
    import pymc as pm

    (m0, e0), (m1, e1) = rated.control.T, rated.treated.T
    base = m0 + e0 * pm.Flat("control_mean", shape=len(m0), initval=np.zeros(len(m0)))
    pm.Normal("seen_control_mean", base, e0, observed=m0)
    pm.Normal("seen_treated_mean", base * (1 + theta), e1, observed=m1)


def _count(theta: Any, counted: Counted) -> None:
    """Events of both arms, the control's share or rate uniform beforehand, or of a ratio its logarithm."""
    import pymc as pm

    (x0, n0), (x1, n1) = counted.control.T, counted.treated.T
    if counted.kind == "share":
        base = pm.Uniform("control", 0.0, 1.0, shape=len(x0), initval=(x0 + 1) / (n0 + 2))
    else:
        scale = (x0 + 1) / n0
        base = scale * pm.HalfFlat("control", shape=len(x0), initval=np.ones(len(x0)))
    other = base + theta if counted.scale == "absolute" else base * (1 + theta)
    for name, events, units, value in (("control", x0, n0, base), ("treated", x1, n1, other)):
        if counted.kind == "share":
            told = _xlogy(events, value) + _xlogy(units - events, 1 - value)
        else:
            told = _xlogy(events, value) - units * value
        inside = value > 0 if counted.kind == "count" else (value > 0) * (value < 1)
        pm.Potential(f"seen_{name}", pm.math.switch(inside, told, -np.inf))
    if counted.scale == "relative":
        pm.Potential("log_uniform", -pm.math.log(base))


def _xlogy(events: Floats, value: Any) -> Any:
    import pymc as pm

    return pm.math.switch(value > 0, events * pm.math.log(pm.math.maximum(value, 1e-300)), 0.0)
