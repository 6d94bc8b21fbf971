"""One metric's arms set beside each other: effects, priors, what matters, what it costs, what it must not harm."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import special

from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.design import Design, Metric
from workbench.experiments.metrics import Belief
from workbench.experiments.results import ArmResult, ArmVerdict, Guard, MetricResult, Raw, Rope
from workbench.stats.comparison import Better, Comparison, chance_above, compare
from workbench.stats.effects import EffectPrior
from workbench.stats.panelled import Panelled
from workbench.stats.posteriors import Posterior
from workbench.stats.shrunken import Shrunken, shrunken

CONTROL = ArmResult("", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, "control", None, "")


def compared(metric: Metric, belief: Belief, design: Design) -> MetricResult:
    """One metric in all arms.

    Args:
        metric: What was measured.
        belief: What is believed of each arm.
        design: The control, the certainty, priors and thresholds.

    Raises:
        Misuse: The prior is relative, and the control's mean is not above zero; or it contradicts the data.
    """
    arms = _arms(metric, belief, belief.posteriors, design)
    prior = design.priors.get(metric.name)
    after = None
    if prior is not None and prior.components:  # a flat one says nothing: the data's own comparison is exact
        after = _after(metric, belief, arms, prior, design)
        arms = {arm: _with_prior(metric, r, after, design) for arm, r in arms.items()}
    settled = {arm: _settled(metric, r, design) for arm, r in arms.items()}
    return MetricResult(
        metric,
        belief.model,
        belief.note if arms[design.control].expected_loss is not None else f"{belief.note} {words.ENDLESS}",
        design.certainty,
        settled,
        dict(belief.samples),
        dict(belief.posteriors),
        plain=_plain(metric, belief, design),
        prior=prior,
        effects={} if after is None else after.absolute,
        relative_effects={} if after is None else after.relative,
        adjustment=belief.adjustment,
        fieller=dict(belief.fieller),
        sorted_=dict(belief.sorted_),
    )


def guards(result: MetricResult, design: Design) -> list[Guard]:
    """Whether each arm keeps a guardrail: the chance of more harm than its margin is at most 1 − certainty.

    Where the control's mean is not surely above zero no share of it is a margin: nothing is proven.
    """
    metric = result.metric
    found = []
    for arm, r in result.arms.items():
        if r.verdict == "control":
            continue
        if r.relative is None:
            found.append(unproven(metric, arm, f"its mean in {design.control} is not surely above zero"))
            continue
        harm = _harm(result, arm, design.control, metric.margin)
        passed, broken = harm <= 1 - design.certainty, harm >= design.certainty
        guard = Guard(metric.name, arm, metric.margin, harm, passed, broken, "")
        found.append(replace(guard, sentence=words.guard_sentence(metric, guard, design.control)))
    return found


def unproven(metric: Metric, arm: str, reason: str) -> Guard:
    """A guardrail of which nothing can be said, and why."""
    return Guard(
        metric.name, arm, metric.margin, None, passed=False, broken=False, sentence=words.unproven(metric, arm, reason)
    )


def chosen(result: MetricResult, design: Design, held: Collection[str]) -> str | None:
    """The arm of the smallest expected loss, where that is below the threshold.

    Args:
        result: What is known of all arms.
        design: The threshold, as a share of the control's mean.
        held: Arms that may not be chosen, though what they promise still counts as lost.
    """
    if design.loss_threshold is None:
        return None
    open_ = [r for arm, r in result.arms.items() if arm not in held and r.expected_loss is not None]
    best = min(open_, key=lambda r: r.expected_loss or 0.0, default=None)
    limit = design.loss_threshold * abs(result.arms[design.control].estimate)
    return best.arm if best is not None and (best.expected_loss or 0.0) <= limit else None


def _arms(metric: Metric, belief: Belief, posteriors: Mapping[str, Posterior], design: Design) -> dict[str, ArmResult]:
    """Every arm from the data alone."""
    found = _compared(tuple(posteriors.items()), design.control, metric.better, design.certainty)
    return {arm: _arm(metric, arm, belief, posteriors, found, design) for arm in posteriors}


@lru_cache(maxsize=256)
def _compared(posteriors: tuple[tuple[str, Posterior], ...], control: str, better: Better, level: float) -> Comparison:
    """Frozen posteriors compare the same each time: another prior or threshold costs nothing more."""
    return compare(dict(posteriors), control, better=better, level=level)


def _arm(
    metric: Metric,
    arm: str,
    belief: Belief,
    posteriors: Mapping[str, Posterior],
    found: Comparison,
    design: Design,
) -> ArmResult:
    own = replace(
        CONTROL,
        arm=arm,
        n=int(belief.samples[arm].n),
        mean=belief.observed[arm],
        estimate=posteriors[arm].mean,
        chance_best=found.chance_best[arm],
        expected_loss=found.expected_loss[arm] if np.isfinite(found.expected_loss[arm]) else None,
        sentence=f"{arm} is the control.",
    )
    if arm == found.control:
        return own
    d = found.differences[arm]
    return replace(
        own,
        effect=d.effect,
        low=d.low,
        high=d.high,
        relative=d.relative,
        relative_low=d.relative_low,
        relative_high=d.relative_high,
        chance_to_win=d.chance_above if metric.better == "higher" else 1 - d.chance_above,
        verdict="not enough evidence",
        rope=_rope(posteriors[arm], posteriors[found.control], d.relative, design.rope),
    )


def _plain(metric: Metric, belief: Belief, design: Design) -> dict[str, ArmResult] | None:
    """The same from plain means, for money that has another model."""
    if belief.plain is None:
        return None
    arms = _arms(metric, belief, belief.plain, design)
    return {arm: _settled(metric, r, design) for arm, r in arms.items()}


def _after(
    metric: Metric, belief: Belief, arms: Mapping[str, ArmResult], prior: EffectPrior, design: Design
) -> Shrunken:
    """All arms after a prior of their effects.

    Raises:
        Misuse: The prior is relative, and the control's mean is not above zero; or it contradicts the data.
    """
    base = belief.posteriors[design.control].mean
    if prior.scale == "relative" and not base > 0:
        raise Misuse(
            f"the prior of {metric.name} is relative, and its mean in {design.control!r} is {base:g}",
            hint="state the prior on the absolute scale",
        )
    told = all(r.relative is not None for r in arms.values())
    try:
        return _shrunken(tuple(belief.posteriors.items()), design.control, prior, metric.better, ratios=told)
    except ValueError as unusable:
        raise Misuse(f"{metric.name}: {unusable}", hint="state a wider prior") from unusable


@lru_cache(maxsize=64)
def _shrunken(
    posteriors: tuple[tuple[str, Posterior], ...], control: str, prior: EffectPrior, better: Better, *, ratios: bool
) -> Shrunken:
    """Another certainty or threshold costs nothing more."""
    return shrunken(dict(posteriors), control, prior, better=better, ratios=ratios)


def _with_prior(metric: Metric, r: ArmResult, after: Shrunken, design: Design) -> ArmResult:
    found = replace(
        r,
        estimate=after.estimate[r.arm],
        chance_best=after.chance_best[r.arm],
        expected_loss=after.expected_loss[r.arm],
    )
    if r.verdict == "control":
        return found
    effect, ratio = after.absolute[r.arm], after.relative.get(r.arm)
    low, high = effect.interval(design.certainty)
    relative_low, relative_high = (None, None) if ratio is None else ratio.interval(design.certainty)
    return replace(
        found,
        effect=effect.mean,
        low=low,
        high=high,
        relative=None if ratio is None else effect.mean / after.estimate[design.control],
        relative_low=relative_low,
        relative_high=relative_high,
        chance_to_win=effect.chance_above(0.0) if metric.better == "higher" else effect.chance_below(0.0),
        raw=Raw(r.effect, r.low, r.high, r.relative, r.chance_to_win),
        rope=None if r.rope is None or ratio is None else _rope_after(ratio, r.rope.size),
    )


def _rope_after(ratio: Panelled, size: float) -> Rope:
    return Rope(size, ratio.chance_below(-size), ratio.chance_within(-size, size), ratio.chance_above(size))


def _rope(arm: Posterior, control: Posterior, relative: float | None, size: float | None) -> Rope | None:
    if size is None or relative is None:
        return None
    above = chance_above(arm, control, times=1 + size)
    below = chance_above(control, arm, times=1 / (1 - size))
    return Rope(size, below, max(0.0, 1 - above - below), above)


def _harm(result: MetricResult, arm: str, control: str, margin: float) -> float:
    """Chance that an arm is truly worse by more than a share of the control's mean."""
    less_is_worse = result.metric.better == "higher"
    if arm in result.relative_effects:
        ratio = result.relative_effects[arm]
        return ratio.chance_below(-margin) if less_is_worse else ratio.chance_above(margin)
    one, other = result.posteriors[arm], result.posteriors[control]
    if less_is_worse:
        return chance_above(other, one, times=1 / (1 - margin))
    return chance_above(one, other, times=1 + margin)


def _settled(metric: Metric, r: ArmResult, design: Design) -> ArmResult:
    """An arm with its verdict, and what would settle it where it is open."""
    if r.verdict == "control":
        return r
    verdict: ArmVerdict = "not enough evidence"
    if r.rope is not None and r.rope.inside >= design.certainty:
        verdict = "no difference that matters"
    elif r.chance_to_win >= design.certainty:
        verdict = "better"
    elif r.chance_to_win <= 1 - design.certainty:
        verdict = "worse"
    needed = None
    if verdict == "not enough evidence":
        needed = float((special.ndtri(design.certainty) / max(abs(special.ndtri(r.chance_to_win)), 1e-3)) ** 2)
    result = replace(r, verdict=verdict, needed=needed)
    source = design.priors[metric.name].source if r.raw is not None else ""
    return replace(result, sentence=words.arm_sentence(metric, result, design.control, source))
