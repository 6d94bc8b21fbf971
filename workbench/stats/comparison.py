"""Arms set beside each other: chances, expected losses, differences and their intervals.

Everything is an integral over the arms' posteriors, taken by quadrature; nothing is drawn.

>>> from workbench.stats.proportions import beta_posterior
>>> arms = {"a": beta_posterior(1, 200), "b": beta_posterior(5, 200)}
>>> result = compare(arms, control="a")
>>> round(result.chance_best["b"], 5), round(result.expected_loss["a"], 7), round(result.expected_loss["b"], 7)
(0.93914, 0.0201727, 0.0003707)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.stats.moments import Floats
from workbench.stats.posteriors import Mesh, Meshes, Posterior, StudentT, slope, to_line
from workbench.stats.quadrature import increasing_root

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Difference:
    """One arm against the control."""

    effect: float  # difference of the expected values, arm minus control
    low: float  # interval of the difference
    high: float
    chance_above: float  # that the arm's true value is above the control's
    relative: float | None  # effect as a share of the control's expected value; None where that is near zero
    relative_low: float | None
    relative_high: float | None


@dataclass(frozen=True)
class Comparison:
    """All arms of one measure."""

    control: str
    level: float  # of the intervals, in (0, 1)
    chance_best: Mapping[str, float]  # sums to one
    expected_loss: Mapping[str, float]  # what choosing the arm costs on average, in its unit; may be infinite
    differences: Mapping[str, Difference]  # every arm but the control


def compare(
    arms: Mapping[str, Posterior], control: str, *, better: Better = "higher", level: float = 0.95
) -> Comparison:
    """Chances, losses and differences of all arms.

    Args:
        arms: Posteriors of one kind, by arm.
        control: The arm that the others are set against.
        better: Which way is good.
        level: Probability inside the intervals, in (0, 1).

    Raises:
        ValueError: Fewer than two arms, an unknown control, or a level outside (0, 1).
    """
    if len(arms) < 2:
        raise ValueError(f"{len(arms)} arm; a comparison needs at least two")
    if control not in arms:
        raise ValueError(f"control is {control!r}; the arms are {sorted(arms)}")
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it must lie in (0, 1)")
    names = list(arms)
    best = chances_best(list(arms.values()), better=better)
    loss = expected_losses(list(arms.values()), better=better)
    others = [name for name in names if name != control]
    return Comparison(
        control=control,
        level=level,
        chance_best=dict(zip(names, best, strict=True)),
        expected_loss=dict(zip(names, loss, strict=True)),
        differences={name: difference(arms[name], arms[control], level=level) for name in others},
    )


def chance_above(one: Posterior, other: Posterior, *, times: float = 1.0) -> float:
    """Probability that the first number is above the second, or above that many times the second.

    Raises:
        ValueError: `times` is not above zero.
    """
    if not times > 0:
        raise ValueError(f"times is {times:g}; it must be above zero")
    meshes = Meshes((one, other))
    if one.sd <= times * other.sd:
        mesh = meshes.own(0)
        return _within(float(mesh.mass @ other.cdf(mesh.x / times)))
    mesh = meshes.own(1)
    return _within(float(mesh.mass @ one.sf(mesh.x * times)))


def chances_best(posteriors: list[Posterior], *, better: Better = "higher") -> list[float]:
    """Each one's probability of being the best of all; they sum to one."""
    if len(posteriors) == 2:
        one, other = posteriors if better == "higher" else posteriors[::-1]
        return [chance_above(one, other), chance_above(other, one)]
    meshes = Meshes(tuple(posteriors))
    x, dx = meshes.joint()
    z = to_line(meshes.coordinate, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = slope(meshes.coordinate, z)
        weights = np.divide(dx, gradient, out=np.zeros_like(dx), where=gradient > 0)
    beaten = [p.cdf(x) if better == "higher" else p.sf(x) for p in posteriors]
    raw = []
    for i, posterior in enumerate(posteriors):
        others = np.prod([b for j, b in enumerate(beaten) if j != i], axis=0)
        raw.append(float((weights * posterior.density(z)) @ others))
    total = sum(raw)
    return [_within(value / total) for value in raw]


def expected_losses(posteriors: list[Posterior], *, better: Better = "higher") -> list[float]:
    """What choosing each costs on average: E[best − chosen], never negative, in the measure's unit.

    ∫ P(some other is beyond t) P(chosen is short of t) dt: no term is subtracted, so that a loss
    far below the posteriors' own size keeps its digits. Infinite where one has no expected value.
    """
    if any(isinstance(p, StudentT) and p.df <= 1 for p in posteriors):
        return [np.inf] * len(posteriors)
    x, dx = Meshes(tuple(posteriors)).joint()
    short = [p.cdf(x) if better == "higher" else p.sf(x) for p in posteriors]
    beyond = [p.sf(x) if better == "higher" else p.cdf(x) for p in posteriors]
    losses = []
    for i in range(len(posteriors)):
        with np.errstate(divide="ignore"):
            none_beyond = sum(np.log1p(-np.minimum(b, 1.0)) for j, b in enumerate(beyond) if j != i)
        losses.append(max(0.0, float((dx * short[i]) @ -np.expm1(none_beyond))))
    return losses


def difference(arm: Posterior, control: Posterior, *, level: float = 0.95) -> Difference:
    """One arm against another: effect, interval, chance and relative effect."""
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = difference_quantiles(arm, control, tails)
    relative: float | None = None
    edges: tuple[float | None, float | None] = (None, None)
    if float(control.cdf(np.array([0.0]))[0]) < tails[0] / 10 and control.mean > 0:
        relative = (arm.mean - control.mean) / control.mean
        ratios = ratio_quantiles(arm, control, tails)
        edges = float(ratios[0]) - 1, float(ratios[1]) - 1
    return Difference(
        effect=arm.mean - control.mean,
        low=float(low),
        high=float(high),
        chance_above=chance_above(arm, control),
        relative=relative,
        relative_low=edges[0],
        relative_high=edges[1],
    )


def difference_quantiles(arm: Posterior, control: Posterior, levels: Floats) -> Floats:
    """Quantiles of arm − control at given probabilities."""
    meshes = Meshes((arm, control))
    low = arm.ppf(levels / 4) - control.isf(levels / 4)
    high = arm.isf((1 - levels) / 4) - control.ppf((1 - levels) / 4)
    mesh, narrow = _narrower(meshes, arm.sd <= control.sd)

    def below(d: Floats) -> tuple[Floats, Floats]:
        if narrow == 0:  # P(control ≥ x − d)
            at = mesh.x[None] - d[:, None]
            return control.sf(at) @ mesh.mass, _density(control, at) @ mesh.mass
        at = mesh.x[None] + d[:, None]  # P(arm ≤ x + d)
        return arm.cdf(at) @ mesh.mass, _density(arm, at) @ mesh.mass

    return increasing_root(below, levels, low, high, start=_normal_start(arm, control, levels, low, high))


def ratio_quantiles(arm: Posterior, control: Posterior, levels: Floats) -> Floats:
    """Quantiles of arm / control at given probabilities; the control must be above zero for certain."""
    low, high = arm.ppf(levels / 4), arm.isf((1 - levels) / 4)
    positive = bool(np.all(low > 0))
    smallest = np.maximum(control.ppf((1 - levels) / 4), np.finfo(float).tiny)
    if positive:
        low, high = low / control.isf(levels / 4), high / smallest
    else:
        tiniest = np.minimum(smallest, control.ppf(levels / 4))
        low, high = np.minimum(low, 0) / tiniest, np.maximum(high, 0) / tiniest
    meshes = Meshes((arm, control))
    narrow = positive and arm.sd / arm.mean < control.sd / control.mean
    mesh = meshes.own(0 if narrow else 1)
    mesh = Mesh(mesh.x[mesh.x > 0], mesh.mass[mesh.x > 0])

    def below(q: Floats) -> tuple[Floats, Floats]:
        if narrow:  # P(control ≥ x / q)
            at = mesh.x[None] / q[:, None]
            return control.sf(at) @ mesh.mass, _density(control, at) @ (mesh.mass * mesh.x) / q**2
        at = mesh.x[None] * q[:, None]  # P(arm ≤ q x)
        return arm.cdf(at) @ mesh.mass, _density(arm, at) @ (mesh.mass * mesh.x)

    middle = np.full_like(levels, arm.mean / control.mean)
    return increasing_root(below, levels, low, high, start=middle)


def difference_density(arm: Posterior, control: Posterior, at: Floats) -> Floats:
    """Density of arm − control, for drawing it."""
    mesh, narrow = _narrower(Meshes((arm, control)), arm.sd <= control.sd)
    if narrow == 0:
        return _density(control, mesh.x[None] - at[:, None]) @ mesh.mass
    return _density(arm, mesh.x[None] + at[:, None]) @ mesh.mass


def _narrower(meshes: Meshes, first: bool) -> tuple[Mesh, int]:
    """The nodes of the narrower one: the other's distribution is smooth on their scale."""
    index = 0 if first else 1
    return meshes.own(index), index


def _density(posterior: Posterior, x: Floats) -> Floats:
    """Density of the number itself; zero where it cannot be."""
    if posterior.coordinate == "line":
        return posterior.density(x)
    inside = x > 0 if posterior.coordinate == "log" else (x > 0) & (x < 1)
    z = to_line(posterior.coordinate, np.where(inside, x, 0.5))
    return np.asarray(np.where(inside, posterior.density(z) / slope(posterior.coordinate, z), 0.0))


def _normal_start(arm: Posterior, control: Posterior, levels: Floats, low: Floats, high: Floats) -> Floats:
    spread = float(np.hypot(arm.sd, control.sd))
    if not np.isfinite(spread):
        return (low + high) / 2
    return arm.mean - control.mean + spread * 1.96 * np.sign(levels - 0.5)


def _within(probability: float) -> float:
    """Rounding must not carry a probability out of [0, 1]."""
    return min(1.0, max(0.0, probability))
