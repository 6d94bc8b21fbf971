"""Priors learned from the archive, and what they make of an estimate, in words.

    prior = learn_prior(bench.archive(), "conversion", excluding="checkout-2").prior
    shrinkage(0.061, 0.03, learned)   # "raw +6.1 %, after 43 past tests +2.4 %"

An experiment is never judged by a prior that knows it: `excluding` names it, or gives the digest of
its design or data, and whatever matches is left out before anything is learned.
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.experiments.archive import Archive
from workbench.experiments.past import Past
from workbench.stats.effects import EffectPrior, Scale, effect_posterior
from workbench.stats.learning import Learned, fit_prior, told
from workbench.stats.straying import Straying, fit_straying


def learn_prior(
    archive: Archive, metric: str | None, *, scale: Scale = "relative", excluding: str | Iterable[str] = ()
) -> Learned:
    """What past experiments say of the next effect on a metric.

    Args:
        archive: Past experiments; of each its last look counts.
        metric: Its name, in any case; None for all metrics together.
        scale: On which the prior is stated.
        excluding: Experiments that must not be learned from, first of all the one that is to be judged: names,
            or digests of designs or of data.

    Returns:
        The prior with what it was learned from; a stated weak one below ten experiments.
    """
    rows = past_effects(archive, metric, scale=scale, excluding=excluding)
    numbers, estimates, errors = zip(*rows, strict=True) if rows else ((), (), ())
    return fit_prior(
        estimates, errors, numbers, scale=scale, what=f"past tests of {metric}" if metric else "past tests"
    )


def past_effects(
    archive: Archive, metric: str | None, *, scale: Scale = "relative", excluding: str | Iterable[str] = ()
) -> list[tuple[int, float, float]]:
    """Effects at their experiments' ends, one an arm: the experiment's number, the estimate, its error.

    The arguments are those of `learn_prior`.
    """
    return [
        (number, *pair)
        for number, past in enumerate(_others(archive, excluding))
        for name in (past.metrics if metric is None else [metric])
        for pair in past.estimates(name, scale)
    ]


def archive_prior(
    archive: Archive, metric: str, *, scale: Scale = "relative", excluding: str | Iterable[str] = ()
) -> EffectPrior:
    """The prior alone, as `learn_prior` finds it; its `source` is the sentence that says where it comes from."""
    learned = learn_prior(archive, metric, scale=scale, excluding=excluding)
    return EffectPrior(learned.prior.components, scale, learned.sentence)


def learn_straying(
    archive: Archive, metric: str | None, prior: EffectPrior, *, excluding: str | Iterable[str] = ()
) -> Straying:
    """How much further than their errors allow the early looks of past experiments were from their last one.

    Args:
        archive: Past experiments with all their looks.
        metric: Its name; None for all metrics together.
        prior: Learned from the same archive.
        excluding: As for `learn_prior`.
    """
    rows = [
        (place, *early, *last)
        for place, past in enumerate(_others(archive, excluding))
        for name, arms in past.metrics.items()
        if metric is None or name.casefold() == metric.strip().casefold()
        for arm, end in arms.items()
        if (last := end.on(prior.scale)) is not None
        for look in past.earlier
        if arm in look.get(name, {}) and (early := look[name][arm].on(prior.scale)) is not None
    ]
    places, early_estimates, early_errors, ends, end_errors = zip(*rows, strict=True) if rows else ((),) * 5
    return fit_straying(early_estimates, early_errors, ends, end_errors, places, prior)


def shrinkage(estimate: float, error: float, learned: Learned) -> str:
    """What an estimate is worth after past experiments, in words.

    Args:
        estimate: On the prior's scale.
        error: Its standard error, above zero.
        learned: The prior and what it was learned from.
    """
    scale = learned.prior.scale
    after = effect_posterior(estimate, error, learned.prior).mean
    by = "under a weak prior" if learned.weak else f"after {learned.experiments} past tests"
    return f"raw {told(estimate, scale)}, {by} {told(after, scale)}"


def _others(archive: Archive, excluding: str | Iterable[str]) -> list[Past]:
    left_out = {excluding} if isinstance(excluding, str) else set(excluding)
    left_out.discard("")
    return [past for past in archive if not left_out & {past.name, past.design_digest, past.data_digest}]
