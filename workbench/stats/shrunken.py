"""Arms after a prior of their effects: exact, whatever their own posteriors, and with the control they share.

    θ₀ ~ its own posterior     θᵢ | θ₀ ∝ own posterior of arm i × prior of (θᵢ − θ₀), or of (θᵢ ÷ θ₀ − 1)

An arm's own posterior is its likelihood, since it was made with nothing assumed. The prior is cut to
what an arm can be (a share lies in (0, 1), money is not negative) and keeps its weight there: a
prior that grows wider and wider ends in what the data alone say. Given the control's mean the arms
are independent, so that chances and losses of many arms need one more axis and no draw. A relative
prior takes the control's mean as above zero.

>>> from workbench.stats.proportions import beta_posterior
>>> arms = {"a": beta_posterior(1, 200), "b": beta_posterior(5, 200)}
>>> wide = shrunken(arms, "a", EffectPrior.normal(0.0, 1e4))
>>> round(wide.chance_best["b"], 5), round(wide.absolute["b"].chance_above(0.0), 5)  # as without a prior
(0.93914, 0.93914)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import special

from workbench.stats.effects import EffectPrior
from workbench.stats.moments import Floats
from workbench.stats.panelled import NODES, Panelled, interpolated
from workbench.stats.posteriors import Beta, Posterior, StudentT, slope, to_line
from workbench.stats.quadrature import TAILS, panels

LEVELS = np.concatenate([TAILS, [0.5], 1 - TAILS[::-1]])  # of the quantiles that panels are laid between
NEAR = np.array([-8.0, -5.0, -2.5, 0.0, 2.5, 5.0, 8.0])  # panels where two bells meet, in their width
NEGLIGIBLE = 1e-20  # share of the likeliest control's mean below which another is left out
SUPPORT = {"line": (-np.inf, np.inf), "log": (0.0, np.inf), "logit": (0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Shrunken:
    """All arms of one measure after a prior."""

    estimate: Mapping[str, float]  # expected true mean, by arm
    chance_best: Mapping[str, float]  # sums to one
    expected_loss: Mapping[str, float]  # what choosing the arm costs on average
    absolute: Mapping[str, Panelled]  # arm − control, every arm but the control
    relative: Mapping[str, Panelled]  # arm ÷ control − 1; empty unless wanted


def shrunken(
    arms: Mapping[str, Posterior],
    control: str,
    prior: EffectPrior,
    *,
    better: Literal["higher", "lower"] = "higher",
    ratios: bool = False,
) -> Shrunken:
    """Arms after a prior of each one's effect.

    Args:
        arms: Posteriors of one kind from the data alone, by arm.
        control: The arm that effects are differences from.
        prior: Of every effect, on its own scale; it must assume something.
        better: Which way is good.
        ratios: Whether relative effects are wanted; they take the control's mean as above zero.

    Raises:
        ValueError: The prior is flat, a relative one meets a control below zero, or prior and data
            leave nothing possible.
    """
    if not prior.components:
        raise ValueError("the prior is flat; without one the data's own comparison is exact")
    if prior.scale == "relative" and not arms[control].mean > 0:
        raise ValueError(f"the control's mean is {arms[control].mean:g}; a relative prior needs one above zero")
    model = _Model(arms[control], prior)
    names = [name for name in arms if name != control]
    joint = _Joint(model, [arms[name] for name in names], above=better == "higher")
    absolute = {name: joint.effect(i, relative=False) for i, name in enumerate(names)}
    relative = {name: joint.effect(i, relative=True) for i, name in enumerate(names)} if ratios else {}
    order = [control, *names]
    best, loss = joint.chances(), joint.losses()
    return Shrunken(
        dict(zip(order, joint.estimates(), strict=True)),
        {name: best[order.index(name)] for name in arms},
        {name: loss[order.index(name)] for name in arms},
        absolute,
        relative,
    )


class _Model:
    """The control's posterior and the prior of an arm given the control's mean."""

    def __init__(self, control: Posterior, prior: EffectPrior) -> None:
        self.control, self.prior = control, prior
        self.relative = prior.scale == "relative"
        self.low, self.high = SUPPORT[control.coordinate]
        self.quantiles = [c.mean + c.sd * _unit(c.df) for c in prior.components]
        self.least = max(self.low, 0.0) if self.relative else self.low  # that the control's mean can be

    def log_prior(self, x: Floats, base: Floats) -> Floats:
        """Log-density of an arm's mean given the control's, cut to what it can be."""
        with np.errstate(all="ignore"):  # an empty panel at zero has the control's mean at zero
            effect = x / base - 1 if self.relative else x - base
            parts = [np.log(c.weight / c.sd) + _log_unit((effect - c.mean) / c.sd, c.df) for c in self.prior.components]
            log = parts[0] if len(parts) == 1 else np.logaddexp.reduce(parts)
            scaled = log - np.log(self._possible(base)) - (np.log(base) if self.relative else 0.0)
        return np.where(np.isfinite(scaled), scaled, -np.inf)

    def arm_quantiles(self, base: Floats) -> list[Floats]:
        """The prior's quantiles of an arm's mean, by its part, on the last axis."""
        at = base[..., None]
        return [at * (1 + q) if self.relative else at + q for q in self.quantiles]

    def _possible(self, base: Floats) -> Floats:
        """The prior's probability of what an arm can be."""
        if not np.isfinite(self.low):
            return np.ones_like(base)
        low, high = (end / base - 1 if self.relative else end - base for end in (self.low, self.high))
        total = np.zeros_like(base)
        for c in self.prior.components:
            a, b = (low - c.mean) / c.sd, (high - c.mean) / c.sd
            inside = np.where(a > 0, _below(-a, c.df) - _below(-b, c.df), _below(b, c.df) - _below(a, c.df))
            total += c.weight * inside
        return total


class _Joint:
    """Quadrature over the control's mean (rows) and every arm's (the last axis)."""

    def __init__(self, model: _Model, arms: list[Posterior], *, above: bool) -> None:
        self.model, self.arms, self.above = model, arms, above
        self.own = [_quantiles(arm) for arm in arms]
        self.edges = self._control_edges()
        base, weight = panels(self.edges, NODES)
        log_base = log_density(model.control, base)
        self.marginals = np.empty((len(arms), len(base)))  # log-likelihood of the control's mean by each arm
        x, width = _panels(self._arm_edges(base))
        given = []
        for i, arm in enumerate(arms):
            log = log_density(arm, x) + model.log_prior(x, base[:, None])
            self.marginals[i], density = _normalised(log, width)
            given.append(density)
        total = log_base + self.marginals.sum(axis=0)
        with np.errstate(divide="ignore"):
            log_mass = total + np.log(weight)
        if not np.isfinite(log_mass.max()):
            raise ValueError("the prior leaves nothing that the data find possible; state a wider one")
        mass = np.exp(log_mass - log_mass.max())
        kept = mass > NEGLIGIBLE
        self.base, self.mass = base[kept], mass[kept] / mass[kept].sum()
        self.x, self.width = x[kept], width[kept]
        self.given = [density[kept] for density in given]

    def estimates(self) -> list[float]:
        """Expected means, the control's first."""
        own = [float(self.mass @ (self.x * density * self.width).sum(axis=1)) for density in self.given]
        return [float(self.mass @ self.base), *own]

    def chances(self) -> list[float]:
        """Each one's probability of being the best, the control's first."""
        beaten = [self._cumulative(density, self.above) for density in self.given]
        ahead = (self.x > self.base[:, None]) == self.above
        behind = [(density * self.width * ~ahead).sum(axis=1) for density in self.given]
        raw = [float(self.mass @ np.prod(behind, axis=0))]
        for i, density in enumerate(self.given):
            others = np.prod([b for j, b in enumerate(beaten) if j != i], axis=0)
            raw.append(float(self.mass @ (density * self.width * ahead * others).sum(axis=1)))
        return [min(1.0, value / sum(raw)) for value in raw]

    def losses(self) -> list[float]:
        """E[best − chosen], the control's first: ∫ P(some other is beyond t) P(chosen is short of t) dt."""
        passed = (self.x > self.base[:, None]) == self.above  # places that the control falls short of
        short = [passed.astype(np.float64), *(self._cumulative(d, self.above) for d in self.given)]
        beyond = [1 - short[0], *(self._cumulative(d, not self.above) for d in self.given)]
        with np.errstate(divide="ignore"):
            none_beyond = [np.log1p(-np.minimum(b, 1.0)) for b in beyond]
        losses = []
        for i, own in enumerate(short):
            some = -np.expm1(sum(b for j, b in enumerate(none_beyond) if j != i))
            losses.append(max(0.0, float(self.mass @ (own * some * self.width).sum(axis=1))))
        return losses

    def effect(self, i: int, *, relative: bool) -> Panelled:
        """Arm i against the control, the other arms' word on the control heard.

        For each effect the control's mean is integrated over panels of its own, since a sure arm
        ties the two closer than either is known.
        """
        model, arm = self.model, self.arms[i]
        others = self.marginals.sum(axis=0) - self.marginals[i]
        others = np.maximum(others - others.max(), -1e4).reshape(-1, NODES)
        places = _weighted_quantiles(self.base, self.mass)
        at = self.base[:, None]
        mass = self.mass[:, None] * self.given[i] * self.width
        if relative:
            at, mass = np.abs(at), np.where(at > 0, mass, 0.0)
        edges = _weighted_quantiles((self.x / at - 1 if relative else self.x - at).ravel(), mass.ravel())
        least = max(self.edges[0], 0.0) if relative else self.edges[0]
        middle = 1.0 if relative == model.relative else float(self.mass @ self.base) ** (-1 if relative else 1)
        bends = np.concatenate([q * middle for q in model.quantiles])  # a prior may be narrow where little is likely
        edges = np.union1d(edges, bends[(bends > edges[0]) & (bends < edges[-1])])
        if relative and edges[0] > -1:  # the quotient of two shares has a long tail: panels of steadily growing width
            edges = np.union1d(edges, np.sqrt((1 + edges[1:]) * (1 + edges[:-1])) - 1)

        def log(effect: Floats) -> Floats:
            tied = [self.own[i] / (1 + effect[:, None]) if relative else self.own[i] - effect[:, None]]
            if relative != model.relative:  # the prior, too, says where the control is for an effect on the other scale
                with np.errstate(divide="ignore", invalid="ignore"):
                    tied += [effect[:, None] / q if model.relative else q / effect[:, None] for q in model.quantiles]
            tied = [np.sort(np.nan_to_num(q, nan=places[0]), axis=-1) for q in tied]
            edges = _edges([places], tied)
            if len(self.arms) > 1:  # whose word may be sharper than all else
                edges = _merged(edges, self.edges)
            base, width = _panels(np.clip(edges, least, self.edges[-1]))
            x = base * (1 + effect[:, None]) if relative else base + effect[:, None]
            found = log_density(model.control, base) + log_density(arm, x) + model.log_prior(x, base)
            if len(self.arms) > 1:
                found += interpolated(self.edges, others, base)
            if relative:
                with np.errstate(divide="ignore"):
                    found += np.log(base)
            return _normalised(found, width)[0]

        return Panelled.of(edges, log)

    def _control_edges(self) -> Floats:
        """Panels of the control's mean: its own, where arms and prior put it, and where an arm passes it.

        None is finer than half of what it bends by.
        """
        model, tied, passing = self.model, [], []
        control = _quantiles(model.control)
        level, spread = _bell(control)
        met = []
        for c in model.prior.components:
            grown = max(1 + c.mean, 1e-3) if model.relative else 1.0
            ahead, width = (c.mean * level, c.sd * abs(level)) if model.relative else (c.mean, c.sd)
            known, pull = spread**-2.0, level * spread**-2.0
            for middle, sd in map(_bell, self.own):
                centre = middle / grown if model.relative else middle - ahead
                reach = np.hypot(sd, width) / grown
                tied.append(centre + reach * _unit(np.inf))
                known, pull = known + reach**-2.0, pull + centre * reach**-2.0
                bend = sd * np.hypot(1, sd / width)
                passing.append((middle + ahead * (sd / width) ** 2 + bend * NEAR, bend))
            met.append((pull / known + known**-0.5 * NEAR, known**-0.5))  # where all of them meet
        finest = min(width for _, width in met)
        kept = [float(edge) for edge in control]
        inside = [(np.clip(edges, kept[0], kept[-1]), bend) for edges, bend in passing]
        for edges, bend in [*met, (_edges([control], tied), finest), *inside]:
            for edge in edges.tolist():
                if min(abs(edge - other) for other in kept) > min(bend, finest) / 2:
                    kept.append(edge)
        return np.unique(np.clip(kept, model.least, model.high))

    def _arm_edges(self, base: Floats) -> Floats:
        """Panels of the arms' means, a row for each of the control's, which is an edge itself."""
        edges = _edges(self.own, self.model.arm_quantiles(base))
        return np.clip(_merged(edges, base[:, None]), self.model.low, self.model.high)

    def _cumulative(self, density: Floats, below: bool) -> Floats:
        """Probability below each node (or above it), summed from its own end."""
        rows = (density * self.width).reshape(len(density), -1, NODES)
        within = (density.reshape(rows.shape) @ _inner().T) * (
            self.width.reshape(rows.shape).sum(-1, keepdims=True) / 2
        )
        parts = rows.sum(axis=-1)
        if below:
            return np.asarray((np.cumsum(parts, axis=1) - parts)[..., None] + within).reshape(density.shape)
        after = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(after[..., None] - within).reshape(density.shape)


def log_density(posterior: Posterior, x: Floats) -> Floats:
    """Log-density of the number itself, through any tail; −∞ where it cannot be."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if isinstance(posterior, StudentT):
            return np.asarray(_log_unit((x - posterior.loc) / posterior.scale, posterior.df) - np.log(posterior.scale))
        low, high = SUPPORT[posterior.coordinate]
        inside = (x > low) & (x < high)
        if isinstance(posterior, Beta):
            a, b = posterior.a, posterior.b
            log = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
            return np.where(inside, log, -np.inf)
        quantiles = _quantiles(posterior)[[0, len(TAILS), -1]]
        z, ends = (to_line(posterior.coordinate, at) for at in (np.where(inside, x, quantiles[1]), quantiles))
        near = np.clip(z, ends[0], ends[2])
        width = np.where(z < ends[1], ends[1] - ends[0], ends[2] - ends[1]) / -special.ndtri(LEVELS[0])
        beyond = ((z - ends[1]) ** 2 - (near - ends[1]) ** 2) / width**2 / 2  # a bell's tail, as wide as its body
        log = np.log(posterior.density(near)) - np.log(slope(posterior.coordinate, z)) - beyond
        return np.where(inside, log, -np.inf)


def _edges(first: list[Floats], second: list[Floats]) -> Floats:
    """Panels for products of two densities, given by their quantiles: both's own, where they meet, and between."""
    met = []
    for one in first:
        for other in second:
            (a, s), (b, t) = _bell(one), _bell(other)
            share = t**2 / (s**2 + t**2)
            met.append((b + share * (a - b))[..., None] + (s * np.sqrt(share))[..., None] * NEAR)
            met.append(a[..., None] + (b - a)[..., None] * np.array([0.2, 0.4, 0.6, 0.8]))
    return _merged(*first, *second, *met)


def _merged(*parts: Floats) -> Floats:
    """All of them in one rising row, or one row each."""
    shape = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.sort(np.concatenate([np.broadcast_to(p, (*shape, p.shape[-1])) for p in parts], axis=-1), axis=-1)


def _bell(quantiles: Floats) -> tuple[Floats, Floats]:
    """Middle and width of a density by its quantiles."""
    middle = len(LEVELS) // 2
    return quantiles[..., middle], (quantiles[..., middle + 2] - quantiles[..., middle - 2]) / 2.563


def _panels(edges: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights over rows of sorted edges."""
    x, w = panels(np.array([-1.0, 1.0]), NODES)
    half = np.diff(edges, axis=-1)[..., None] / 2
    nodes = edges[..., :-1, None] + half * (1 + x)
    return nodes.reshape(len(edges), -1), (half * w).reshape(len(edges), -1)


def _normalised(log: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Each row's log-integral, and its density; a row of nothing stays zero."""
    top = log.max(axis=1, keepdims=True)
    found = np.isfinite(top)
    values = np.where(found, np.exp(log - np.where(found, top, 0.0)), 0.0)
    total = (values * width).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        integral = (np.where(found, top, -np.inf) + np.log(total))[:, 0]
    return integral, values / np.where(total > 0, total, 1.0)


def _weighted_quantiles(x: Floats, mass: Floats) -> Floats:
    """Quantiles of nodes through both tails, and the ends."""
    kept = mass > 0
    x, mass = x[kept], mass[kept]
    order = np.argsort(x)
    x, mass = x[order], mass[order]
    below, above = np.cumsum(mass), np.cumsum(mass[::-1])[::-1]
    low = x[np.minimum(np.searchsorted(below, np.append(TAILS, 0.5)), len(x) - 1)]
    high = x[np.maximum(np.searchsorted(-above, -TAILS[::-1], side="right") - 1, 0)]
    return np.concatenate([low, high])


def _quantiles(posterior: Posterior) -> Floats:
    return np.concatenate([posterior.ppf(np.append(TAILS, 0.5)), posterior.isf(TAILS[::-1])])


@lru_cache(maxsize=64)
def _unit(df: float) -> Floats:
    """A prior's quantiles at mean zero and width one."""
    low = special.ndtri(TAILS) if np.isinf(df) else special.stdtrit(df, TAILS)
    return np.concatenate([low, [0.0], -low[::-1]])


def _below(z: Floats, df: float) -> Floats:
    return np.asarray(special.ndtr(z) if np.isinf(df) else special.stdtr(df, z))


def _log_unit(z: Floats, df: float) -> Floats:
    """Log-density of a normal or Student-t at mean zero and width one."""
    if np.isinf(df):
        return np.asarray(-z * z / 2 - np.log(2 * np.pi) / 2)
    return np.asarray(-(df + 1) / 2 * np.log1p(z * z / df) - special.betaln(df / 2, 0.5) - np.log(df) / 2)


@lru_cache(maxsize=1)
def _inner() -> Floats:
    """Integrals from a panel's left edge to each of its nodes, a row a node, on (−1, 1)."""
    x, w = panels(np.array([-1.0, 1.0]), NODES)
    p = np.polynomial.legendre.legvander(x, NODES)
    m = np.arange(1, NODES)
    risen = np.concatenate([(x + 1)[:, None], (p[:, 2:] - p[:, :-2]) / (2 * m + 1)], axis=1)
    return np.asarray(risen @ (w[:, None] * p[:, :NODES] * (2 * np.arange(NODES) + 1) / 2).T)
