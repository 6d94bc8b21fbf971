"""Priors learned from the archive, and what they make of an estimate, in words.

    prior = learn_prior(bench.archive(), "conversion", excluding="checkout-2").prior
    shrinkage(0.061, 0.03, learned)   # "raw +6.1 %, after 43 past tests +2.4 %"

An experiment is never judged by a prior that knows it: `excluding` names it, or gives the digest of
its design or data, and whatever matches is left out before anything is learned. So is any whose
sample ratio failed, and any whose data was made up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.digests import digest_file
from workbench.experiments.archive import Archive
from workbench.experiments.past import ArmEffect, Past
from workbench.experiments.priors import parse_prior
from workbench.stats.effects import EffectPrior, Scale, effect_posterior
from workbench.stats.learning import Learned, fit_prior, told
from workbench.stats.straying import Straying, fit_straying

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Learned",
    "Straying",
    "archive_prior",
    "learn_prior",
    "learn_straying",
    "made_up",
    "shrinkage",
    "stated_prior",
]


def learn_prior(
    archive: Archive, metric: str | None, *, scale: Scale = "relative", excluding: str | Iterable[str] = ()
) -> Learned:
    """What past experiments say of the next effect on a metric.

    Args:
        archive: Past experiments; of each its last look counts.
        metric: Its name, in any case; None for all metrics together.
        scale: On which the prior is stated.
        excluding: Experiments that must not be learned from, first of all the one that is to be judged: names,
            keys, or digests of designs or of data.

    Returns:
        The prior with what it was learned from; a stated cautious one below ten experiments.
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
    """The prior alone, as `learn_prior` finds it; its `source` says where it comes from, as part of a sentence."""
    learned = learn_prior(archive, metric, scale=scale, excluding=excluding)
    source = f"{learned.sentence[0].lower()}{learned.sentence[1:]}".removesuffix(".")
    return EffectPrior(learned.prior.components, scale, source)


def stated_prior(
    text: str, metric: str, archive: Callable[[], Archive], *, name: str, data: Any = None
) -> EffectPrior | None:
    """The prior that a text states for a metric, "archive" being what past experiments teach; None for the weak one.

    Args:
        text: As people type it.
        metric: Its name.
        archive: Reads the past experiments, if they are asked for.
        name: Of the experiment itself, from which nothing is learned, in any case.
        data: The file of its data, by whose digest it is known under any other name; None: there is none.

    Raises:
        Misuse: The text is no prior.
    """
    if text.strip() == "archive":
        known = [digest_file(Path(data))] if data is not None and Path(data).is_file() else []
        return archive_prior(archive(), metric, excluding=[name, *known])
    return parse_prior(text)


def learn_straying(
    archive: Archive, metric: str | None, learned: Learned, *, excluding: str | Iterable[str] = ()
) -> Straying:
    """How much further than their errors allow the early looks of past experiments were from their last one.

    Args:
        archive: Past experiments with all their looks.
        metric: Its name; None for all metrics together.
        learned: What the ends of the same archive's experiments taught; the factor is 1 where that was nothing.
        excluding: As for `learn_prior`.
    """
    rows = [
        (place, *early, *last)
        for place, past in enumerate(_others(archive, excluding))
        for name, arms in past.metrics.items()
        if metric is None or name.casefold() == metric.strip().casefold()
        for arm, end in arms.items()
        if (last := end.on(learned.prior.scale)) is not None
        for look in past.earlier
        if arm in look.get(name, {}) and (early := look[name][arm].on(learned.prior.scale)) is not None
    ]
    places, early_estimates, early_errors, ends, end_errors = zip(*rows, strict=True) if rows else ((),) * 5
    return fit_straying(early_estimates, early_errors, ends, end_errors, places, learned.prior)


def shrinkage(estimate: float, error: float, learned: Learned) -> str:
    """What an estimate is worth after past experiments, in words.

    Args:
        estimate: On the prior's scale.
        error: Its standard error, above zero.
        learned: The prior and what it was learned from.
    """
    scale = learned.prior.scale
    after = effect_posterior(estimate, error, learned.prior).mean
    return f"raw {told(estimate, scale)}, {learned.by} {told(after, scale)}"


def shrunk(learned: Learned, error: float) -> list[tuple[float, float]]:
    """Raw effects of one to four errors, and what each is worth after past experiments."""
    raw = [times * error for times in (1.0, 2.0, 3.0, 4.0)]
    return [(x, effect_posterior(x, error, learned.prior).mean) for x in raw]


def shrunk_table(learned: Learned, error: float) -> pd.DataFrame:
    """The same as texts."""
    import pandas as pd

    scale = learned.prior.scale
    rows = [(told(raw, scale), told(after, scale)) for raw, after in shrunk(learned, error)]
    return pd.DataFrame(rows, columns=["raw", "after past tests"])


def prior_json(learned: Learned) -> dict[str, Any]:
    """A learned prior as plain JSON; degrees of freedom are None for a normal."""
    parts = [
        {"weight": c.weight, "mean": c.mean, "sd": c.sd, "df": None if math.isinf(c.df) else c.df}
        for c in learned.prior.components
    ]
    said = {name: value for name, value in vars(learned).items() if name != "prior"}
    return {**said, "taught": learned.taught, "scale": learned.prior.scale, "components": parts}


def made_up(rng: np.random.Generator, *, now: datetime, experiments: int = 43) -> Archive:
    """An archive that never was, to see what learning does: most ideas do next to nothing, one in five more.

    Args:
        rng: Source of the random numbers.
        now: When the last one ended; there is one a week.
        experiments: How many.
    """
    truth = rng.normal(0.002, np.where(rng.random(experiments) < 0.2, 0.03, 0.005))
    errors = rng.uniform(0.006, 0.02, experiments)
    told_ = truth + rng.normal(0.0, errors)
    return Archive(tuple(_made_up(week, x, e, now) for week, (x, e) in enumerate(zip(told_, errors, strict=True))))


def _made_up(week: int, x: float, error: float, now: datetime) -> Past:
    won = x > 1.645 * error
    arm = ArmEffect(None, None, float(x), float(error), None, None, "better" if won else "not enough evidence")
    return Past(
        name=f"made-up-{week + 1}",
        run_id="",
        at=now - timedelta(weeks=week),
        owner="",
        hypothesis="",
        decision="ship" if won else "stop",
        why="",
        lesson="",
        sentence="",
        verdict="pass" if won else "not enough evidence",
        metrics={"conversion": {"treated": arm}},
        control="",
        earlier=(),
        design_digest="",
        data_digest="",
        folder=None,
    )


def _others(archive: Archive, excluding: str | Iterable[str]) -> list[Past]:
    given = [excluding] if isinstance(excluding, str) else excluding
    left_out = {text.casefold() for text in given if text}
    return [p for p in archive.real if p.sound and not left_out & {text.casefold() for text in _names(p)}]


def _names(past: Past) -> tuple[str, ...]:
    return past.name, past.key, past.design_digest, past.data_digest
