"""What past experiments say of the next effect: a prior learned from estimates and their errors.

The true effects of past experiments are thought of as draws from one distribution of a family:
normal, Student-t, a mixture of two normals or of three (of which one may lie close to nothing). Its
parameters are laid on a grid, the likelihood of all estimates is taken exactly at every point, and
the prior for the next effect is the average over the grid: what is not known of the parameters with
few experiments makes the prior wider, nothing is sampled, and leaving an experiment out costs one
subtraction. Rules:

- an experiment counts once, however many arms or metrics it brings: its effects share its weight;
- the family is the simplest whose leave-one-experiment-out score is not clearly below the best;
- below `FEWEST` experiments nothing is learned: a stated cautious prior is returned, and says so.

Stated beforehand: a scale τ has density ∝ 1 / (1 + (τ / A)²) where A is the root mean square of the
estimates (half-Cauchy), the location is normal around nothing with sd A, weights are uniform, and a
Student-t has 2, 3, 5 or 10 degrees of freedom, each as likely.

>>> rng = np.random.default_rng(1)
>>> truth = rng.normal(0.0, 0.02, 60)
>>> learned = fit_prior(truth + rng.normal(0.0, 0.01, 60), np.full(60, 0.01), range(60))
>>> learned.family, round(learned.sd, 3)
('normal', 0.016)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench.stats.effects import Component, EffectPosterior, EffectPrior, Scale, normals
from workbench.stats.moments import Floats

FEWEST = 10  # experiments from which something can be learned
FAMILIES = ("normal", "Student-t", "two normals", "three normals")  # the simplest first
DEGREES = (2.0, 3.0, 5.0, 10.0)  # of freedom of a Student-t
FINE, COARSE = 30, 12  # points of a scale's grid: for one component, for each of several
EIGHTHS = 8  # the weights of three components are multiples of one eighth, those of two of one sixteenth
PLACES = np.array([-2.5, -1.25, 0.0, 1.25, 2.5])  # of the location, in its own standard deviations
FAR = 12.0  # below the largest log posterior, where a grid need not reach
LEAST = 1e-4  # weight below which a component is left out
CAUTIOUS = EffectPrior.student(
    3.0, 0.0, 0.1, scale="relative", source="a cautious prior, effects mostly within ±30\u00a0%"
)


@dataclass(frozen=True)
class Learned:
    """A prior with what it was learned from."""

    prior: EffectPrior
    family: str  # one of FAMILIES; where nothing could be learned, "cautious" or "flat"
    experiments: int  # how many there were
    effects: int  # how many estimates they brought
    scores: Mapping[str, float]  # by family: mean log density of an experiment that was left out; empty: untaught
    why: str  # why this family
    sentence: str

    @property
    def taught(self) -> bool:
        """Whether there were experiments enough to learn from; if not, a stated prior stands in."""
        return self.family in FAMILIES

    @property
    def by(self) -> str:
        """What moves an estimate, in words."""
        if self.taught:
            return f"after {self.experiments} past tests"
        return "under a cautious prior" if self.prior.components else "with nothing assumed"

    @property
    def sd(self) -> float:
        """Standard deviation of the next effect; infinite where nothing is assumed."""
        return spread(self.prior).sd if self.prior.components else float("inf")


class _Grid(NamedTuple):
    """A family at all points of its parameters."""

    log: Floats  # log density of each experiment, points × experiments
    prior: Floats  # log prior of each point, up to a constant
    components: Callable[[Floats], list[Component]]  # the average over the points, from their probabilities


class _Past(NamedTuple):
    """Estimates as the fits take them."""

    x: Floats
    error: Floats
    share: Floats  # of each estimate in its experiment, estimates × experiments
    size: float  # root mean square of the estimates


def fit_prior(
    estimates: ArrayLike,
    errors: ArrayLike,
    experiments: Iterable[Hashable],
    *,
    scale: Scale = "relative",
    what: str = "past tests",
    family: str | None = None,
) -> Learned:
    """The prior of the next effect, learned from past ones.

    Args:
        estimates: One an effect, on one scale, as they were at their experiment's end.
        errors: Their standard errors, above zero.
        experiments: Which experiment each belongs to.
        scale: The estimates' scale; the prior is for estimates on the same.
        what: What the experiments are called in words: "past tests of conversion".
        family: One of FAMILIES; by default the one that the leave-one-out scores choose.

    Returns:
        The prior, averaged over what is not known of its parameters. Below ten experiments a cautious one:
        Student-t with 3 degrees of freedom and scale 0.1 for relative effects, nothing assumed for absolute ones.

    Raises:
        ValueError: The lengths differ, an estimate is not finite, an error is not above zero, or there is no
            such family.

    Source:
        Gelman et al., Bayesian Data Analysis (3rd ed.), 5.4 to 5.7: hyper-parameters integrated on a grid,
        half-Cauchy scales; Stephens (2017), Biostatistics 18(2): scale mixtures of normals for effects.
    """
    x, error = np.atleast_1d(np.asarray(estimates, np.float64)), np.atleast_1d(np.asarray(errors, np.float64))
    named = list(experiments)
    if not len(x) == len(error) == len(named):
        raise ValueError(f"{len(x)} estimates, {len(error)} errors, {len(named)} experiments; one each is needed")
    if not (np.isfinite(x).all() and np.isfinite(error).all() and (error > 0).all()):
        raise ValueError("an estimate is not finite or an error not above zero; leave such effects out")
    if family is not None and family not in FAMILIES:
        raise ValueError(f"family is {family!r}; it must be one of {', '.join(FAMILIES)}")
    names = {name: number for number, name in enumerate(dict.fromkeys(named))}
    if len(names) < FEWEST or not x.any():
        return _untaught(len(names), len(x), scale, what)
    past = _past(x, error, np.array([names[name] for name in named]))
    grids = {name: _grid(name, past) for name in (FAMILIES if family is None else (family,))}
    left_out = {name: _left_out(grid) for name, grid in grids.items()}
    chosen, why = _choose(left_out)
    grid = grids[chosen]
    components = tuple(grid.components(_normalised(grid.prior + grid.log.sum(axis=1))))
    prior = EffectPrior(components, scale, f"{len(names)} {what}")
    scores = {name: float(score.mean()) for name, score in left_out.items()}
    low, high = spread(prior).interval(0.9)
    sentence = (
        f"Learned from {len(names)} {what} ({len(x)} effects): nine of ten true effects lie between "
        f"{told(low, scale)} and {told(high, scale)}."
    )
    return Learned(prior, chosen, len(names), len(x), scores, why, sentence)


def spread(prior: EffectPrior) -> EffectPosterior:
    """The distribution of the next effect before its data.

    Raises:
        ValueError: Nothing is assumed, so that there is none.
    """
    if not prior.components:
        raise ValueError("a flat prior is no distribution; give one with components")
    w, m, s = normals(prior)
    kept = w > 1e-18
    return EffectPosterior(tuple((w[kept] / w[kept].sum()).tolist()), tuple(m[kept].tolist()), tuple(s[kept].tolist()))


def told(effect: float, scale: Scale) -> str:
    """An effect as people write it, signed.

    >>> print(told(0.0244, "relative"), told(-0.0244, "absolute"), sep=", ")
    +2.4\u00a0%, −0.0244
    """
    text = f"{100 * effect:+.2g}\u00a0%" if abs(effect) < 0.001 else f"{100 * effect:+.1f}\u00a0%"
    return (text if scale == "relative" else f"{effect:+.3g}").replace("-", "−")


def _untaught(experiments: int, effects: int, scale: Scale, what: str) -> Learned:
    prior, family = (CAUTIOUS, "cautious") if scale == "relative" else (EffectPrior.flat(scale=scale), "flat")
    if experiments < FEWEST:
        why = f"{f'Only {experiments}' if experiments else 'None'} of the {FEWEST} {what} that learning needs"
    else:
        why = f"{experiments} {what}, none of which had any effect"
    return Learned(prior, family, experiments, effects, {}, why, f"{why}; instead: {prior.source}.")


def _past(x: Floats, error: Floats, place: np.ndarray) -> _Past:
    share = np.zeros((len(x), place.max() + 1))
    share[np.arange(len(x)), place] = 1.0 / np.bincount(place)[place]
    return _Past(x, error, share, float(np.sqrt(np.mean(x**2))))


def _choose(left_out: Mapping[str, Floats]) -> tuple[str, str]:
    """The simplest family that is not clearly worse than the best: by more than one standard error."""
    best = max(left_out, key=lambda name: left_out[name].mean())
    if len(left_out) == 1:
        return best, "it was asked for"
    gaps = {name: left_out[best] - scores for name, scores in left_out.items()}
    errors = {name: float(gap.std(ddof=1) / np.sqrt(len(gap))) for name, gap in gaps.items()}
    name = next(name for name, gap in gaps.items() if gap.mean() <= errors[name])
    if name == best:
        return name, f"it foretells an experiment that was left out best (mean log density {left_out[name].mean():.2f})"
    return name, (
        f"the simplest that foretells an experiment that was left out about as well as {best} does "
        f"(mean log density {left_out[name].mean():.2f} against {left_out[best].mean():.2f} ± {errors[name]:.2f})"
    )


def _left_out(grid: _Grid) -> Floats:
    """Log density of each experiment given all others: the grid's weights without it, then with it."""
    whole = grid.prior + grid.log.sum(axis=1)
    return np.asarray(_log_sum(whole[:, None])[0] - _log_sum(whole[:, None] - grid.log))


def _grid(family: str, past: _Past) -> _Grid:
    places, at_place = _places(past)
    if family in {"normal", "Student-t"}:
        return _single(past, places, at_place, (np.inf,) if family == "normal" else DEGREES)
    return _several(past, places, at_place, 2 if family == "two normals" else 3)


def _places(past: _Past) -> tuple[Floats, Floats]:
    """Points of the location around where a normal model has it, and their log prior."""
    scales, log_prior = _scales(past, FINE)
    weight = past.share.sum(axis=1)[:, None] / (scales**2 + past.error[:, None] ** 2)
    precision = weight.sum(axis=0) + past.size**-2
    centre = (weight * past.x[:, None]).sum(axis=0) / precision
    log = _density(past, centre, scales)
    p = _normalised(log_prior + (log * past.share.sum(axis=1)[:, None]).sum(axis=0) - np.log(precision) / 2)
    mean = float(p @ centre)
    places = mean + PLACES * float(np.sqrt(p @ (1 / precision + (centre - mean) ** 2)))
    return places, -((places / past.size) ** 2) / 2


def _scales(past: _Past, points: int, ends: tuple[float, float] | None = None) -> tuple[Floats, Floats]:
    """Scales even in the logarithm and their log prior: a tenth of the usual error to thrice the largest effect."""
    low, high = ends or (0.1 * min(float(np.median(past.error)), past.size), 3 * float(np.abs(past.x).max()))
    scales = np.geomspace(low, high, points)
    return scales, np.log(scales * np.log(high / low)) - np.log1p((scales / past.size) ** 2)


def _density(past: _Past, mean: Floats, sd: Floats) -> Floats:
    """Log density of each estimate where effects are normal: estimates × parameters."""
    variance = sd**2 + past.error[:, None] ** 2
    return np.asarray(-np.log(2 * np.pi * variance) / 2 - (past.x[:, None] - mean) ** 2 / variance / 2)


def _single(past: _Past, places: Floats, at_place: Floats, degrees: tuple[float, ...]) -> _Grid:
    """One normal or Student-t over location, scale and degrees of freedom."""
    logs, priors, parts = [], [], []
    for df in degrees:
        weight, _, unit = normals(EffectPrior.student(df, 0.0, 1.0))
        kept = weight > 1e-10
        log_weight, unit = np.log(weight[kept]), unit[kept]

        def told_by(place: float, scale: float, log_weight: Floats = log_weight, unit: Floats = unit) -> Floats:
            return np.asarray(_log_sum((_density(past, np.array(place), scale * unit) + log_weight).T) @ past.share)

        scales, at_scale = _scales(past, FINE)
        centre = at_scale + np.array([told_by(float(places.mean()), scale).sum() for scale in scales])
        likely = np.flatnonzero(centre > centre.max() - FAR)  # there the grid is laid anew, as fine as need be
        ends = scales[max(likely[0] - 1, 0)], scales[min(likely[-1] + 1, FINE - 1)]
        scales, at_scale = _scales(past, FINE, ends)
        for place, before in zip(places, at_place, strict=True):
            for scale, prior in zip(scales, at_scale, strict=True):
                logs.append(told_by(place, scale))
                priors.append(before + prior)
                parts.append((place, scale, df))

    def components(p: Floats) -> list[Component]:
        return _collapsed([(float(weight), *part) for weight, part in zip(p, parts, strict=True)])

    return _Grid(np.array(logs), np.array(priors), components)


def _several(past: _Past, places: Floats, at_place: Floats, many: int) -> _Grid:
    """Mixtures of two or three normals around one location, over their scales and weights."""
    scales, at_scale = _scales(past, COARSE)
    chosen = np.array(list(combinations(range(COARSE), many)))  # so that scales ascend
    steps = EIGHTHS if many == 3 else 2 * EIGHTHS
    cuts = np.array(list(combinations(range(1, steps), many - 1)))
    weights = np.diff(np.pad(cuts, ((0, 0), (1, 1)), constant_values=((0, 0), (0, steps))), axis=1) / steps
    logs, priors = [], []
    for place, before in zip(places, at_place, strict=True):
        log = _density(past, np.array([place]), scales)
        top = log.max(axis=1)
        density = np.exp(log - top[:, None]).T[chosen]  # mixtures × components × estimates
        mixed = np.log(np.maximum(np.einsum("wc,kcn->kwn", weights, density), 1e-300)) + top
        logs.append((mixed @ past.share).reshape(-1, past.share.shape[1]))
        priors.append(np.repeat(before + at_scale[chosen].sum(axis=1), len(weights)))

    def components(p: Floats) -> list[Component]:
        found = np.einsum("lkw,wc->lkc", p.reshape(len(places), len(chosen), len(weights)), weights)
        return _collapsed(
            [
                (float(found[place, chosen == scale].sum()), float(places[place]), float(scales[scale]), np.inf)
                for place in range(len(places))
                for scale in range(COARSE)
            ]
        )

    return _Grid(np.concatenate(logs), np.concatenate(priors), components)


def _collapsed(parts: list[tuple[float, float, float, float]]) -> list[Component]:
    """Components of one scale made one over their locations, those of hardly any weight left out."""
    groups: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for weight, place, scale, df in parts:
        groups.setdefault((scale, df), []).append((weight, place))
    found = []
    for (scale, df), members in groups.items():
        w, m = np.array(members).T
        if w.sum() >= LEAST:
            mean = float(w @ m / w.sum())
            found.append((float(w.sum()), mean, float(np.sqrt(scale**2 + w @ (m - mean) ** 2 / w.sum())), df))
    total = sum(weight for weight, *_ in found)
    return [Component(weight / total, mean, sd, df) for weight, mean, sd, df in found]


def _normalised(log: Floats) -> Floats:
    p = np.exp(log - log.max())
    return np.asarray(p / p.sum())


def _log_sum(log: Floats) -> Floats:
    """Logarithm of the sum of exponentials over the first axis."""
    top = log.max(axis=0)
    return np.asarray(top + np.log(np.exp(log - top).sum(axis=0)))
