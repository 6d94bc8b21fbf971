"""Cells with few events: the exact likelihood of a difference, and segments pooled over it.

With three events an estimate is far from normal, and with none its error is zero. Here a cell's
likelihood of the difference is integrated exactly over the control's own share or rate, for shares
(binomial) and counts (Poisson), differences absolute or relative. Beforehand that share is uniform, and
of a relative difference its logarithm is: a ratio then leans to neither arm, however many cells are
pooled. Written as a mixture of narrow normals it goes through the same arithmetic as a normal estimate,
which is a mixture of one: `pooled` takes both together and integrates over the mean and the spread.

The prior of a segment's effect is the hierarchy's normal, as it is; where it reaches beyond what is
possible (a share above one) the likelihood is zero.

>>> few = likelihood("share", "absolute", control=(0, 200), treated=(5, 200))
>>> alone = pooled([few], SpreadPrior(0.02))  # one segment, nothing to learn from: its own posterior
>>> round(float(alone.segments.sf(0.0)[0]), 3)
0.985
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from workbench.stats.effects import EffectPrior, Scale, normals
from workbench.stats.hierarchy import NODES, Hierarchy, Spread, SpreadPrior, legendre, narrowed, shrink
from workbench.stats.mixtures import Mixtures, condensed
from workbench.stats.moments import Floats

Kind = Literal["share", "count"]
Observed = tuple[float, float]  # events, units

# events in either arm below which a cell is scarce: with more, normal arms (and their exact ratio) leave segments'
# means within 0.04 (0.07 for ratios) posterior standard deviations of the exact ones
ENOUGH: dict[Scale, float] = {"absolute": 10, "relative": 20}
GRID = 161  # normals that stand for one cell's likelihood
COARSE = 41  # ... for one whose logarithm is normal
KERNEL = 0.6  # their width in steps of the grid: the sum is smooth to 1e-3
MOST = 1e3  # largest relative difference that is looked at; the least is −1
TAIL = 1e-12
INNER = 64  # nodes of the integral over the control's share
MEANS = 81  # grid of the mean, at each spread


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What one cell says of its effect, as a mixture of normals."""

    weights: Floats  # sum to one
    places: Floats
    widths: Floats
    of_ratio: bool = False  # alone, the logarithm of the ratio is flat beforehand, not the difference

    @classmethod
    def normal(cls, estimate: float, error: float) -> Likelihood:
        """An estimate with a normal error."""
        return cls(np.ones(1), np.array([float(estimate)]), np.array([float(error)]))

    @classmethod
    def ratio(cls, control: tuple[float, float], treated: tuple[float, float]) -> Likelihood:
        """The relative difference of two normal means (mean and error each); the control's true mean is flat.

        Source:
            Fieller (1954), J. R. Stat. Soc. B 16, 175-185: treated − ratio × control is normal about zero.
        """
        (m0, e0), (m1, e1) = control, treated

        def log(effect: Floats) -> Floats:
            variance = e1**2 + ((1 + effect) * e0) ** 2
            return np.asarray(-((m1 - (1 + effect) * m0) ** 2) / variance / 2 - np.log(variance) / 2)

        centre = m1 / m0 - 1
        reach = 8 * float(np.hypot(e1, (1 + centre) * e0)) / abs(m0)
        low, high = narrowed(log, np.array([centre - reach]), np.array([centre + 4 * reach]))
        places = np.linspace(low[0], high[0], GRID)
        return cls._of(log(places), places, np.full(GRID, places[1] - places[0]), even=True)

    @classmethod
    def log_ratio(cls, estimate: float, error: float) -> Likelihood:
        """The relative difference of two means of which the logarithm of the ratio has a normal error.

        >>> round(Likelihood.log_ratio(np.log(1.2), 0.3).middle[0], 3)
        0.2
        """
        z = np.linspace(-6, 6, COARSE)
        step = z[1] - z[0]
        u = estimate + error * z
        log = -(z**2) / 2 / (1 - (KERNEL * step) ** 2)  # with its kernels it has the error that it should have
        return cls._of(log, np.expm1(u), np.exp(u) * error * step, even=False)

    @classmethod
    def _of(cls, log: Floats, places: Floats, step: Floats, *, even: bool) -> Likelihood:
        weights = np.exp(log - log.max()) * step
        weights /= weights.sum()
        widths = KERNEL * step
        return cls(weights, _drawn_in(weights, places, widths) if even else places, widths, of_ratio=not even)

    @property
    def posterior(self) -> Mixtures:
        """The effect with nothing assumed of it."""
        return Mixtures(self._alone, self.places[None], self.widths[None])

    @property
    def middle(self) -> tuple[float, float]:
        """The effect's median, and half the width that holds two thirds; they exist where moments do not."""
        if len(self.places) == 1:
            return float(self.places[0]), float(self.widths[0])
        low, median, high = np.interp([0.16, 0.5, 0.84], np.cumsum(self._alone) - self._alone / 2, self.places)
        return float(median), float(high - low) / 2

    @property
    def _alone(self) -> Floats:
        """Weights of the effect where there is no other segment."""
        if not self.of_ratio:
            return self.weights
        weights = self.weights / (1 + self.places)
        return np.asarray(weights / weights.sum())


def likelihood(
    kind: Kind, scale: Scale, *, control: Observed, treated: Observed, design_effect: float = 1.0
) -> Likelihood:
    """A cell's exact likelihood of its difference.

    Args:
        kind: Shares of units (binomial), or events per unit (Poisson).
        scale: "absolute", treated − control; "relative", treated ÷ control − 1.
        control: Events and units.
        treated: The same of the treated arm.
        design_effect: How many times fewer units and events they stand for, at least 1.

    Raises:
        ValueError: There are no units, or more events than a share can have.
    """
    for events, units in (control, treated):
        if not (events >= 0 and units > 0 and (kind == "count" or events <= units)):
            raise ValueError(f"{events:g} events in {units:g} units are no {kind}")
    x0, n0, x1, n1 = (value / design_effect for value in (*control, *treated))
    low0, high0 = _reach(kind, x0, n0)
    low1, high1 = _reach(kind, x1, n1)

    def log(effect: Floats) -> Floats:
        return _integrated(kind, scale, (x0, n0, x1, n1), (low0, high0), effect)

    if scale == "absolute":
        low, high = narrowed(log, np.array([low1 - high0]), np.array([high1 - low0]))
        places = np.linspace(low[0], high[0], GRID)
        step = np.full(GRID, places[1] - places[0])
    else:  # evenly in the logarithm of the ratio: with no event in the control the ratio has no upper end
        ends = np.log([max(low1 / high0, 1e-4), min(high1 / low0, 1 + MOST)])
        a, b = narrowed(lambda u: log(np.expm1(u)) + u, ends[:1], ends[1:])
        u = np.linspace(a[0], b[0], GRID)
        places, step = np.expm1(u), np.exp(u) * (u[1] - u[0])
    return Likelihood._of(log(places[None])[0], places, step, even=scale == "absolute")


def _drawn_in(weights: Floats, places: Floats, widths: Floats) -> Floats:
    """Places so near their mean that with their kernels they have the variance that they have without."""
    mean = weights @ places
    return np.asarray(mean + (places - mean) * np.sqrt(1 - weights @ widths**2 / (weights @ (places - mean) ** 2)))


def _reach(kind: Kind, events: float, units: float) -> tuple[float, float]:
    """Ends of what a share or rate can be after its events."""
    if kind == "share":
        a, b = events + 1, units - events + 1
        return float(special.betaincinv(a, b, TAIL)), float(special.betainccinv(a, b, TAIL))
    return float(special.gammaincinv(events + 1, TAIL) / units), float(special.gammainccinv(events + 1, TAIL) / units)


def _integrated(
    kind: Kind, scale: Scale, seen: tuple[float, float, float, float], reach: tuple[float, float], effect: Floats
) -> Floats:
    """Log-likelihood of effects (any shape), integrated over the control's share or rate."""
    x0, n0, x1, n1 = seen
    if scale == "relative" and x0 + x1 == 0:
        return np.zeros(effect.shape)  # without an event there is no ratio to speak of
    top = 1.0 if kind == "share" else np.inf
    if scale == "absolute":
        low, high = np.maximum(reach[0], -effect), np.minimum(reach[1], top - effect)
    else:
        low, high = np.full(effect.shape, reach[0]), np.minimum(reach[1], top / (1 + effect))
    width = np.maximum(high - low, 0.0)
    x, w, _ = legendre(INNER)
    base = low[..., None] + width[..., None] * (1 + x) / 2
    other = base + effect[..., None] if scale == "absolute" else base * (1 + effect[..., None])
    log = _log_seen(kind, x0, n0, base) + _log_seen(kind, x1, n1, other) + np.log(w)
    if scale == "relative":
        log -= np.log(base)
    with np.errstate(divide="ignore"):
        return np.asarray(special.logsumexp(log, axis=-1) + np.log(width / 2))


def _log_seen(kind: Kind, events: float, units: float, value: Floats) -> Floats:
    value = np.maximum(value, 0.0)
    if kind == "share":
        return np.asarray(special.xlogy(events, value) + special.xlog1py(units - events, -np.minimum(value, 1.0)))
    return np.asarray(special.xlogy(events, value) - units * value)


def pooled(cells: Sequence[Likelihood], spread: SpreadPrior, mean: EffectPrior | None = None) -> Hierarchy:
    """Segments' true effects where some likelihoods are not normal; else the model of `hierarchy.shrink`.

    Args:
        cells: One likelihood a segment.
        spread: What is believed of the spread of true effects.
        mean: What is believed of their mean; nothing by default: it is flat, or where cells are ratios its
            logarithm is.

    Raises:
        ValueError: There is no cell.
    """
    if not cells:
        raise ValueError("there is no cell; at least one is needed")
    of_ratios = any(cell.of_ratio for cell in cells)
    centre, unit = min((cell.middle for cell in cells), key=lambda middle: middle[1])
    furthest = max(float(np.abs(cell.places - centre).max() + 8 * cell.widths.max()) for cell in cells)
    end = float(np.arcsinh(furthest / unit))

    def given(tau: Floats) -> tuple[Floats, Floats, Floats]:
        """At each spread a grid of the mean, its log-density and its steps.

        The grid is even in arcsinh of the distance from the surest cell, since a relative
        difference without an event in the control has no upper end.
        """

        def log(v: Floats) -> Floats:
            mu = centre + unit * np.sinh(v)
            return (
                _log_mean(mean, mu, of_ratios)
                + np.log(np.cosh(v))
                + sum(_log_cell(cell, mu, tau[:, None]) for cell in cells)
            )

        low, high = narrowed(log, np.full(tau.shape, -end), np.full(tau.shape, end))
        v = np.linspace(low, high, MEANS, axis=-1)
        step = unit * np.cosh(v) * ((high - low) / (MEANS - 1))[:, None]
        return centre + unit * np.sinh(v), log(v) - np.log(np.cosh(v)) + np.log(step), step

    def integrated(tau: Floats) -> Floats:
        return np.asarray(special.logsumexp(given(tau)[1], axis=-1))

    def log_spread(u: Floats) -> Floats:
        tau = unit * np.expm1(u[0])
        return np.asarray(integrated(tau) + spread.log_density(tau) + u[0])[None]

    # sought no further than well beyond where normal likelihoods would put it
    middles = np.array([cell.middle for cell in cells])
    near = shrink(middles[:, 0], middles[:, 1], spread, mean, nodes=8).spread
    most = min(2 * float(near.unit * np.expm1(near.high)), spread.furthest)
    low, high = narrowed(log_spread, np.zeros(1), np.log1p([most / unit]))
    x, weight, _ = legendre(NODES)
    u = low + (high - low) * (1 + x) / 2
    tau = unit * np.expm1(u)
    mu, log, step = given(tau)
    log = log + (spread.log_density(tau) + u + np.log(weight))[:, None]
    total = special.logsumexp(log)
    w = np.exp(log - total)
    log_all = float(total + np.log((high - low)[0] / 2 * unit))
    log_none = float(integrated(np.zeros(1))[0])
    kept = w > 1e-9 * w.max()
    nodes = (w[kept] / w[kept].sum(), mu[kept], np.broadcast_to(tau[:, None], w.shape)[kept])
    found = [_cell(cell, *nodes) for cell in cells]
    kernel = KERNEL * step[kept]
    return Hierarchy(
        segments=_padded([segment for segment, _ in found]),
        whole=_padded([condensed(nodes[0], _drawn_in(nodes[0], nodes[1], kernel), kernel)]),
        apart=_padded([apart for _, apart in found]),
        spread=Spread(np.array(unit), low[0], high[0], w.sum(axis=1)),
        chance_alike=np.asarray(special.expit(log_none - log_all)),
    )


def _log_mean(prior: EffectPrior | None, mu: Floats, of_ratios: bool) -> Floats:
    if prior is None or not prior.components:
        return np.where(mu > -1, -np.log(np.maximum(1 + mu, 1e-12)), -np.inf) if of_ratios else np.zeros(mu.shape)
    w, m, sd = normals(prior)
    z = (mu[..., None] - m) / sd
    return np.asarray(special.logsumexp(np.log(w / sd) - z * z / 2 - np.log(2 * np.pi) / 2, axis=-1))


def _log_cell(cell: Likelihood, mu: Floats, tau: Floats) -> Floats:
    """Log-likelihood of one cell given mean and spread, integrated over its effect."""
    v = cell.widths**2 + tau[..., None] ** 2
    log = np.log(cell.weights) - np.log(v) / 2 - (cell.places - mu[..., None]) ** 2 / v / 2
    top = log.max(axis=-1)
    return np.asarray(top + np.log(np.exp(log - top[..., None]).sum(axis=-1)))


def _cell(cell: Likelihood, w: Floats, mu: Floats, tau: Floats) -> tuple[Mixtures, Mixtures]:
    """Posterior of one cell's effect, and of its distance from the mean, over the nodes of mean and spread."""
    v = cell.widths**2 + tau[:, None] ** 2
    log = np.log(cell.weights) - np.log(v) / 2 - (cell.places - mu[:, None]) ** 2 / v / 2
    part = np.exp(log - log.max(axis=1, keepdims=True))
    part *= (w / part.sum(axis=1))[:, None]
    pull = tau[:, None] ** 2 / v
    apart = pull * (cell.places - mu[:, None])
    sd = cell.widths * np.sqrt(pull)
    kept = part > 1e-12
    part = part[kept] / part[kept].sum()
    return condensed(part, (mu[:, None] + apart)[kept], sd[kept]), condensed(part, apart[kept], sd[kept])


def _padded(found: list[Mixtures]) -> Mixtures:
    """Unknowns with different numbers of parts, one row each."""
    rows = [(m.weights, m.means, m.sds) for m in found]
    size = max(len(weights) for weights, _, _ in rows)
    weights = [np.pad(row[0], (0, size - len(row[0]))) for row in rows]
    means, sds = ([np.pad(row[i], (0, size - len(row[i])), mode="edge") for row in rows] for i in (1, 2))
    return Mixtures(np.array(weights), np.array(means), np.array(sds))
