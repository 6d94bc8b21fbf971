"""One metric's arms set beside each other: effects, priors, what matters, what it costs, what it must not harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import special

from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.design import Design, Metric
from workbench.experiments.metrics import Belief
from workbench.experiments.results import ArmResult, ArmVerdict, Guard, MetricResult, Raw, Rope
from workbench.stats.comparison import Better, Comparison, chance_above, chances_best, compare, expected_losses
from workbench.stats.effects import EffectPosterior, EffectPrior, effect_posterior
from workbench.stats.posteriors import Posterior
from workbench.stats.twins import relative_change

CONTROL = ArmResult("", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, "control", None, "")


def compared(metric: Metric, belief: Belief, design: Design) -> MetricResult:
    """One metric in all arms.

    Args:
        metric: What was measured.
        belief: What is believed of each arm.
        design: The control, the certainty, priors and thresholds.

    Raises:
        Misuse: A prior or a guardrail needs a control whose mean is above zero.
    """
    arms = _arms(metric, belief, belief.posteriors, design)
    prior = design.priors.get(metric.name)
    effects: dict[str, EffectPosterior] = {}
    if prior is not None:
        effects, arms = _shrunk(metric, belief, arms, prior, design)
    settled = {arm: _settled(metric, r, design) for arm, r in arms.items()}
    return MetricResult(
        metric,
        belief.model,
        belief.note,
        design.certainty,
        settled,
        dict(belief.samples),
        dict(belief.posteriors),
        plain=_plain(metric, belief, design),
        prior=prior,
        effects=effects,
        adjustment=belief.adjustment,
        fieller=dict(belief.fieller),
        sorted_=dict(belief.sorted_),
        choice=_choice(settled, design),
    )


def guards(result: MetricResult, design: Design) -> list[Guard]:
    """Whether each arm keeps a guardrail: the chance of more harm than its margin is at most 1 − certainty.

    Raises:
        Misuse: The control's mean is not surely above zero, so that no share of it is a margin.
    """
    metric, control = result.metric, result.arms[design.control]
    found = []
    for arm, r in result.arms.items():
        if r.verdict == "control":
            continue
        if r.relative is None:
            raise Misuse(
                f"{metric.name} is a guardrail, and its mean in {design.control!r} is not surely above zero",
                hint="its margin is a share of that mean; measure something that is above zero",
            )
        harm = _harm(result, arm, design.control, metric.margin)
        passed, broken = harm <= 1 - design.certainty, harm >= design.certainty
        guard = Guard(metric.name, arm, metric.margin, harm, passed, broken, "")
        found.append(replace(guard, sentence=words.guard_sentence(metric, guard, control.arm)))
    return found


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
        expected_loss=found.expected_loss[arm],
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


def _shrunk(
    metric: Metric, belief: Belief, arms: Mapping[str, ArmResult], prior: EffectPrior, design: Design
) -> tuple[dict[str, EffectPosterior], dict[str, ArmResult]]:
    """Effects after a prior, taken on its own scale; the other scale follows by the control's expected mean.

    Arms share one control, which their effects are not told of: chances to be best are a little too cautious.

    Raises:
        Misuse: The prior is relative, and the control's mean is not above zero.
    """
    control = belief.posteriors[design.control]
    base = control.mean
    if prior.scale == "relative" and not base > 0:
        raise Misuse(
            f"the prior of {metric.name} is relative, and its mean in {design.control!r} is {base:g}",
            hint="state the prior on the absolute scale",
        )
    effects = {}
    for arm, posterior in belief.posteriors.items():
        if arm == design.control:
            continue
        error = float(np.hypot(posterior.sd, control.sd))
        try:
            if prior.scale == "relative":
                change = relative_change(posterior.mean, posterior.sd, base, control.sd)
                effects[arm] = _scaled(effect_posterior(*change, prior), base)
            else:
                effects[arm] = effect_posterior(posterior.mean - base, error, prior)
        except ValueError as unusable:
            raise Misuse(f"{metric.name} in arm {arm!r}: {unusable}", hint="a prior needs more units") from unusable
    nothing = EffectPosterior((1.0,), (0.0,), (1e-9 * min(e.sd for e in effects.values()),))  # the control's own
    joint = [effects.get(arm, nothing) for arm in arms]
    best = dict(zip(arms, chances_best(list(joint), better=metric.better), strict=True))
    loss = dict(zip(arms, expected_losses(list(joint), better=metric.better), strict=True))
    found = {}
    for arm, r in arms.items():
        after = replace(r, chance_best=best[arm], expected_loss=loss[arm])
        found[arm] = after if arm not in effects else _with_prior(metric, after, effects[arm], base, design)
    return effects, found


def _with_prior(metric: Metric, r: ArmResult, effect: EffectPosterior, base: float, design: Design) -> ArmResult:
    low, high = effect.interval(design.certainty)
    told = r.relative is not None
    rope = None
    if r.rope is not None:
        edge = r.rope.size * base
        above, below = effect.chance_above(edge), float(effect.cdf(np.array(-edge)))
        rope = Rope(r.rope.size, below, effect.chance_within(-edge, edge), above)
    return replace(
        r,
        estimate=base + effect.mean,
        effect=effect.mean,
        low=low,
        high=high,
        relative=effect.mean / base if told else None,
        relative_low=low / base if told else None,
        relative_high=high / base if told else None,
        chance_to_win=effect.chance_above(0.0) if metric.better == "higher" else float(effect.cdf(np.array(0.0))),
        raw=Raw(r.effect, r.low, r.high, r.relative, r.chance_to_win),
        rope=rope,
    )


def _scaled(posterior: EffectPosterior, by: float) -> EffectPosterior:
    return EffectPosterior(
        posterior.weights, tuple(m * by for m in posterior.means), tuple(s * by for s in posterior.sds)
    )


def _rope(arm: Posterior, control: Posterior, relative: float | None, size: float | None) -> Rope | None:
    if size is None or relative is None:
        return None
    above = chance_above(arm, control, times=1 + size)
    below = chance_above(control, arm, times=1 / (1 - size))
    return Rope(size, below, max(0.0, 1 - above - below), above)


def _harm(result: MetricResult, arm: str, control: str, margin: float) -> float:
    """Chance that an arm is truly worse by more than a share of the control's mean."""
    less_is_worse = result.metric.better == "higher"
    if arm in result.effects:
        edge = margin * result.posteriors[control].mean
        effect = result.effects[arm]
        return float(effect.cdf(np.array(-edge))) if less_is_worse else effect.chance_above(edge)
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


def _choice(arms: Mapping[str, ArmResult], design: Design) -> str | None:
    """The arm of the smallest expected loss, where that is below the threshold."""
    if design.loss_threshold is None:
        return None
    best = min(arms.values(), key=lambda r: r.expected_loss)
    return best.arm if best.expected_loss <= design.loss_threshold * abs(arms[design.control].estimate) else None
