"""What is believed of one metric in each arm: the model of its kind, from the cube's moments.

Each kind comes down to one posterior an arm. Shares have their Beta; counts their Gamma where they
spread as a Poisson's; means Student-t's; money its hurdle where that reproduces the plain means;
ratios the delta method; quantiles their order statistics. What is adjusted for covariates or cut
into strata is compared by means.

Means are taken for normal, which a handful of events is not: with fewer than ten in an arm, shares,
counts and money are neither adjusted nor compared by means. A spread that few clusters tell is not
taken for known: below forty in an arm, shares and counts are compared by means on their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from workbench.data.moments import Cell, MomentCube
from workbench.errors import Misuse
from workbench.experiments.design import Design, Metric
from workbench.experiments.results import Adjustment, Model
from workbench.stats.adjusting import adjusted, saved_share
from workbench.stats.hurdle import ENOUGH, Hurdle, hurdle_posterior
from workbench.stats.joint import Arm, Joint, Strata
from workbench.stats.means import mean_posterior
from workbench.stats.moments import Floats, Sample
from workbench.stats.posteriors import Posterior
from workbench.stats.proportions import beta_posterior
from workbench.stats.quantiles import OrderStatistics, quantile_posterior
from workbench.stats.rates import pooled_dispersion, rate_posteriors, spreads_as_poisson
from workbench.stats.ratio import Fieller, fieller, linear_weights, ratio_of

MISFIT = 2.5  # plain standard errors that a model's mean may lie away from the plain mean
CLUSTERS = 40  # in an arm, below which their spread is not taken for known
CAP_SHARE = 1e-3  # share of a hurdle's mean that may come from amounts near the cap of its spread

MEANS = "Means of units with nothing assumed beforehand: p(μ, σ²) ∝ 1/σ²."


@dataclass(frozen=True)
class Belief:
    """One metric in all arms, before they are compared."""

    model: Model
    note: str  # why this model, and what it assumes
    observed: Mapping[str, float]  # by arm: the plain mean, ratio or quantile
    samples: Mapping[str, Sample]  # that the posteriors come from
    posteriors: Mapping[str, Posterior]
    plain: Mapping[str, Posterior] | None = None  # revenue only: from plain means
    adjustment: Adjustment | None = None
    fieller: Mapping[str, Fieller] = field(default_factory=dict)
    sorted_: Mapping[str, OrderStatistics] = field(default_factory=dict)


def believe(
    cube: MomentCube,
    metric: Metric,
    arms: tuple[str, ...],
    design: Design,
    sorted_: Mapping[str, OrderStatistics] | None = None,
) -> Belief:
    """What is believed of a metric in each arm.

    Args:
        cube: The scan of the data.
        metric: What was measured.
        arms: Those that are compared.
        design: What is adjusted for, and whether segments are strata.
        sorted_: A quantile's order statistics, by arm.

    Raises:
        Misuse: The metric cannot be what its kind says.
    """
    samples = {arm: cube.sample(metric.name, arm) for arm in arms}
    if metric.kind == "quantile":
        return _quantile(metric, samples, sorted_ or {}, design)
    if metric.kind == "binary":
        _check_binary(metric, samples)
    few, adjusting = _few(metric, samples), bool(design.adjust or design.stratify)
    if metric.kind == "ratio" or (adjusting and not few):
        return _linear(cube, metric, arms, design)
    belief = unadjusted(metric, samples)
    if not adjusting:
        return belief
    return replace(belief, note=f"{belief.note} Not adjusted: {few}, too few for means.")


def unadjusted(metric: Metric, samples: Mapping[str, Sample]) -> Belief:
    """What is believed of a share, a mean, counts or money of which nothing is taken off.

    Args:
        metric: What was measured; neither a ratio nor a quantile.
        samples: By arm.

    Raises:
        Misuse: An arm has no spread, or no arm has any money.
    """
    few, capped = _few(metric, samples), _capped(metric)
    observed = {arm: s.mean for arm, s in samples.items()}
    arms = list(samples.values())
    clusters = min(np.inf if s.clusters is None else s.clusters for s in arms)
    if metric.kind in {"binary", "count"} and clusters < CLUSTERS and (clusters < 2 or all(s.m2 > 0 for s in arms)):
        note = f"{MEANS}{capped} With {clusters:g} clusters in an arm their spread is no known one: t allows for it."
        return Belief("Student-t", note, observed, samples, _means(metric, samples))
    guessed = " Few clusters: errors may be too small." if clusters < CLUSTERS else ""
    if metric.kind == "binary":
        widest = max(s.deff_share for s in arms)  # an arm with few events cannot tell its own
        shares: dict[str, Posterior] = {
            arm: beta_posterior(s.n_positive, s.n, design_effect=widest if few else s.deff_share)
            for arm, s in samples.items()
        }
        return Belief("Beta", f"Every share equally likely beforehand: Beta(1, 1).{guessed}", observed, samples, shares)
    counted = metric.kind == "count" and not any(s.n_negative for s in arms)
    if few or (counted and spreads_as_poisson(arms)):
        return _rates(metric, samples, observed, few, capped + guessed)
    plain = _means(metric, samples)
    if metric.kind != "revenue":
        return Belief("Student-t", MEANS + capped, observed, samples, plain)
    amounts, refusal = _amounts(samples)
    if refusal:
        return Belief("Student-t", f"{MEANS}{capped} {refusal}", observed, samples, plain)
    note = "Share above zero × log-normal amounts; weak priors; every mean agrees with the plain one."
    return Belief("hurdle", note + capped, observed, samples, amounts, plain=plain)


def _capped(metric: Metric) -> str:
    return "" if metric.cap is None else f" Larger values count as {metric.cap:g}."


def _few(metric: Metric, samples: Mapping[str, Sample]) -> str:
    """In words, the arm with the fewest events where those are too few for means; empty where none is."""
    if metric.kind not in {"binary", "count", "revenue"} or any(s.n_negative for s in samples.values()):
        return ""
    side = "above zero"
    events = {arm: s.n_positive for arm, s in samples.items()}
    if metric.kind == "binary" and sum(events.values()) > sum(s.n for s in samples.values()) / 2:
        side, events = "at zero", {arm: s.n - s.n_positive for arm, s in samples.items()}
    fewest = min(events, key=lambda arm: events[arm])
    if events[fewest] >= ENOUGH:
        return ""
    return f"arm {fewest!r} has {events[fewest]:g} of {samples[fewest].n:g} units {side}"


def _rates(metric: Metric, samples: Mapping[str, Sample], observed: Mapping[str, float], few: str, more: str) -> Belief:
    """Counts, and money with few sales, by the Gamma posterior of a rate.

    Raises:
        Misuse: No arm has any money.
    """
    arms, money = list(samples.values()), metric.kind == "revenue"
    worth = pooled_dispersion(arms)
    if money and not any(s.mean > 0 for s in arms):
        nothing = ValueError("no arm has any money")  # a guardrail of it is not proven; nothing else is held up
        raise Misuse(
            f"{metric.name} is zero for every unit", hint="compare it as kind count, or wait for a sale"
        ) from nothing
    if money:
        note = (
            f"No log-normal model: {few}, which needs at least {ENOUGH}. Amounts are taken as alike in all arms: "
            f"totals count as so many sales of {worth:.4g} (variance over mean of all arms), with the Gamma posterior "
            "of a Poisson's rate."
        )
    else:
        note = "Every rate equally likely beforehand: the Gamma posterior of a Poisson's rate."
        if worth > 1:
            note += f" Counts spread {worth:.3g} times as wide as a Poisson's, all arms together, and say as much less."
    gammas = rate_posteriors(arms, money=money)
    return Belief("Gamma", note + more, observed, samples, dict(zip(samples, gammas, strict=True)))


def _quantile(
    metric: Metric, samples: Mapping[str, Sample], sorted_: Mapping[str, OrderStatistics], design: Design
) -> Belief:
    posteriors: dict[str, Posterior] = {}
    for arm in samples:
        try:
            posteriors[arm] = quantile_posterior(sorted_[arm])
        except ValueError as error:
            raise Misuse(f"{metric.name} in arm {arm!r}: {error}", hint="compare its mean instead") from error
    note = (
        "Each arm's quantile is a sorted value, its interval distribution-free; differences are taken as normal, "
        "with errors from the intervals' widths (Price and Bonett)."
    )
    if design.adjust or design.stratify:
        note += " Not adjusted: covariates and strata take nothing off a quantile."
    observed = {arm: sorted_[arm].value for arm in samples}
    return Belief("order statistics", note, observed, samples, posteriors, sorted_=sorted_)


def _check_binary(metric: Metric, samples: Mapping[str, Sample]) -> None:
    """See that every unit is 0 or 1.

    Raises:
        Misuse: One is not.
    """
    for arm, s in samples.items():
        # zeros and ones only: the sum and the sum of squares are both the number above zero
        square = s.m2 + s.n * s.mean**2
        if s.n_negative or max(abs(s.n * s.mean - s.n_positive), abs(square - s.n_positive)) > 1e-6 * max(s.n, 1):
            raise Misuse(
                f"{metric.column!r} is not 0 or 1 for every unit in arm {arm!r}",
                hint="compare any number as kind mean"
                + (f"; a unit's rows are made one by {metric.within!r}" if metric.within != "max" else ""),
            )


def _means(metric: Metric, samples: Mapping[str, Sample]) -> dict[str, Posterior]:
    posteriors: dict[str, Posterior] = {}
    for arm, sample in samples.items():
        try:
            posteriors[arm] = mean_posterior(sample)
        except ValueError as error:
            raise Misuse(f"{metric.name} in arm {arm!r}: {error}") from error
    return posteriors


def _amounts(samples: Mapping[str, Sample]) -> tuple[dict[str, Posterior], str]:
    """Hurdle posteriors, or the reason why plain means are used instead."""
    posteriors: dict[str, Posterior] = {}
    for arm, sample in samples.items():
        try:
            posterior = _hurdle(sample)
        except ValueError as error:
            return {}, f"No log-normal model: in arm {arm!r}, {error}."
        if posterior.leans_on_cap > CAP_SHARE:
            return {}, f"No log-normal model: in arm {arm!r} the few amounts leave its mean to the prior."
        away = (sample.mean - posterior.mean) / sample.error
        if abs(away) > MISFIT:
            return {}, (
                f"No log-normal model: in arm {arm!r} it says {posterior.mean:.4g} where the plain mean is "
                f"{sample.mean:.4g}, {abs(away):.1f} standard errors away."
            )
        posteriors[arm] = posterior
    return posteriors, ""


@lru_cache(maxsize=256)
def _hurdle(sample: Sample) -> Hurdle:
    """Its mixture is summed once, however often a result is looked at."""
    return hurdle_posterior(sample)


def _linear(cube: MomentCube, metric: Metric, arms: tuple[str, ...], design: Design) -> Belief:
    """Ratios, and whatever is adjusted: means of a weighted sum of each unit's numbers.

    Raises:
        Misuse: A denominator is zero, a covariate has no spread, strata lack units, or clusters span them.
    """
    if design.stratify and cube.across is not None:
        raise Misuse(
            f"{cube.cluster!r} lies in several segments or days; strata take what was drawn as independent of each "
            "other, and their errors would be too small",
            hint=f"leave out stratify, or name segments that are constant within {cube.cluster!r}, and no day",
        )
    own = [measure.name for measure in metric.measures]
    names = [*own, *design.adjust]
    whole = _joint(cube, names, arms)
    parts: Mapping[str, Arm] = whole
    strata: tuple[str, ...] = ()
    try:
        before = {arm: _outcome(joint, len(own)) for arm, joint in whole.items()}
        if design.stratify:
            strata, parts = _strata(cube.regrouped(lambda cell: Cell(cell.segment, "", cell.arm)), names, arms)
        samples = {arm: _outcome(part, len(own)) for arm, part in parts.items()}
        if design.adjust:
            weights = {arm: _weights(part, len(own)) for arm, part in parts.items()}
            found = adjusted(parts, weights)
            centred = {arm: float(weights[arm] @ part.mean[: len(own)]) for arm, part in parts.items()}
            samples = {arm: _moved(s, samples[arm].mean - centred[arm]) for arm, s in found.samples.items()}
        intervals = {arm: fieller(j, level=design.certainty) for arm, j in whole.items()} if len(own) == 2 else {}
    except ValueError as error:
        raise Misuse(f"{metric.name}: {error}") from error
    adjustment = None
    if design.adjust or strata:
        adjustment = Adjustment(design.adjust, strata, saved_share(before, samples))
    ratio, capped = metric.kind == "ratio", _capped(metric)
    note = f"Ratio of two means, its error by the delta method.{capped}" if ratio else MEANS + capped
    if metric.kind in {"binary", "revenue"}:
        note += " What is adjusted is compared by means."
    for arm, f in intervals.items():
        if f.noisy:
            said = "lies within 3 errors of zero" if f.near_zero else f"is known only to ±{100 * f.noise:.0f}\u00a0%"
            note += f" The denominator {said} in arm {arm!r}: look at Fieller's interval of its ratio, {_told(f)}."
    observed = {arm: s.mean for arm, s in before.items()}
    model: Model = "delta method" if ratio else "Student-t"
    return Belief(model, note, observed, samples, _means(metric, samples), adjustment=adjustment, fieller=intervals)


def _told(interval: Fieller) -> str:
    return "anything" if np.isinf(interval.low) else f"{interval.low:.4g} to {interval.high:.4g}"


def _outcome(arm: Arm, size: int) -> Sample:
    """The metric's own sample: a mean, or a ratio."""
    if size == 2:
        return ratio_of(arm)
    return arm.combined(np.eye(len(arm.mean))[0])


def _weights(arm: Arm, size: int) -> Floats:
    return linear_weights(arm) if size == 2 else np.ones(1)


def _moved(sample: Sample, by: float) -> Sample:
    return replace(sample, mean=sample.mean + by)


def _strata(cube: MomentCube, names: list[str], arms: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Arm]]:
    """Segments as strata; those that lack units of an arm are joined, with the smallest others where need be.

    Raises:
        ValueError: Even all together an arm has fewer than two independent units.
    """
    sizes: dict[tuple[str, ...], float] = {}
    for cell, n in zip(cube.cells, cube.units.n, strict=True):
        if cell.arm in arms:
            sizes[cell.segment] = sizes.get(cell.segment, 0.0) + float(n)
    found = {segment: _stratum(cube, (segment,), names, arms) for segment in sorted(sizes)}
    rest = tuple(segment for segment, parts in found.items() if parts is None)
    strata: dict[tuple[tuple[str, ...], ...], dict[str, Joint]]
    strata = {(segment,): parts for segment, parts in found.items() if parts is not None}
    by_size = sorted(strata, key=lambda group: sizes[group[0]])
    while rest:
        parts = _stratum(cube, rest, names, arms)
        if parts is not None:
            strata[rest] = parts
            break
        if not by_size:
            raise ValueError("an arm has fewer than two independent units; strata need them")
        smallest = by_size.pop(0)
        del strata[smallest]
        rest = (*rest, *smallest)
    total = sum(sizes.values())
    shares = tuple(sum(sizes[segment] for segment in group) / total for group in strata)
    labels = tuple(" + ".join(", ".join(segment) for segment in sorted(group)) for group in strata)
    return labels, {arm: Strata(tuple(parts[arm] for parts in strata.values()), shares) for arm in arms}


def _stratum(
    cube: MomentCube, segments: tuple[tuple[str, ...], ...], names: list[str], arms: tuple[str, ...]
) -> dict[str, Joint] | None:
    """The arms' moments within some segments; None where an arm has fewer than two independent units."""
    wanted = set(segments)
    part = cube.only(lambda cell: cell.segment in wanted)
    independent = part.cluster_counts()
    if any(independent.get(arm, 0.0) < 2 for arm in arms):
        return None
    return _joint(part, names, arms)


def _joint(cube: MomentCube, names: list[str], arms: tuple[str, ...]) -> dict[str, Joint]:
    """The arms' moments; where units came in clusters, also as they would be without."""
    alone = None if cube.clusters is None else replace(cube, clusters=None, across=None)
    independent = cube.cluster_counts()
    return {
        arm: Joint(*cube.moments(names, arm), independent[arm], None if alone is None else alone.moments(names, arm)[2])
        for arm in arms
    }
