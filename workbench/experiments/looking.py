"""One effect looked at closely: what the data says, what was believed before, and what follows.

Everything is recomputed from an estimate and its error, so that a page can ask again while a person
moves a slider. The rule is stated in money's own terms: an arm is chosen when what that choice costs on
average, should it be wrong, is at most what one accepts.

>>> found = look(Reading("orders", "new", "old", 0.05, 0.02, "relative"), EXPECTATIONS[0].prior, accepted=0.001)
>>> found.choice, round(found.chance_better, 3)
('take', 0.994)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.experiments.words import chance, number
from workbench.stats.comparison import Better
from workbench.stats.effects import EffectPosterior, EffectPrior, Scale, effect_posterior

Choice = Literal["take", "keep", "wait"]

POINTS = 241  # of a drawn curve
REACH = 4.5  # standard deviations that a drawn curve reaches to either side


@dataclass(frozen=True)
class Expectation:
    """One thing that can be expected before the data."""

    words: str
    prior: EffectPrior


EXPECTATIONS = (
    Expectation("any size", EffectPrior.flat(scale="relative")),
    *(
        Expectation(
            f"±{size} %", EffectPrior.normal(0.0, size / 196, scale="relative", source=f"95 % within ±{size} %")
        )
        for size in (50, 20, 10, 5, 2, 1)
    ),
)
ACCEPTED = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)  # shares of the control's mean


@dataclass(frozen=True)
class Reading:
    """An effect as the data alone gives it."""

    metric: str  # as it is called in a sentence
    arm: str
    control: str
    estimate: float  # arm against control, on `scale`
    error: float  # its standard error, above zero
    scale: Scale  # relative: a share of the control's mean
    better: Better = "higher"


@dataclass(frozen=True)
class Span:
    """A value and the interval that holds it with 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Look:
    """An effect under a belief, and what follows from it."""

    reading: Reading
    raw: Span  # the data alone
    after: Span  # data and belief together
    chance_better: float
    chance_trivial: float | None  # that it is too small to matter, either way; None: no size was named
    chance_harm: float | None  # that it is worse by more than that
    cost_of_taking: float  # on average, on the reading's scale
    cost_of_keeping: float
    accepted: float
    trivial: float | None  # effects smaller than this do not matter
    choice: Choice
    sentence: str
    at: tuple[float, ...]  # where the curves are drawn
    density: tuple[float, ...]
    before: tuple[float, ...]  # the belief's own density; empty where nothing is believed


def look(reading: Reading, prior: EffectPrior, *, accepted: float, trivial: float | None = None) -> Look:
    """An effect looked at under a belief.

    Args:
        reading: What the data says.
        prior: What was believed before, on the reading's scale.
        accepted: Largest average cost of a wrong choice that one takes, on the reading's scale, above zero.
        trivial: Effects smaller than this do not matter; None: all do.

    Raises:
        ValueError: Belief and reading are on different scales, or the accepted cost is not above zero.
    """
    if prior.components and prior.scale != reading.scale:
        raise ValueError(f"the belief is on the {prior.scale} scale, the effect on the {reading.scale} one")
    if not accepted > 0:
        raise ValueError(f"accepted is {accepted:g}; it must be above zero")
    posterior = effect_posterior(reading.estimate, reading.error, prior)
    raw = effect_posterior(reading.estimate, reading.error, EffectPrior.flat(scale=reading.scale))
    upward = reading.better == "higher"
    gain, loss = posterior.expected_gain(), posterior.expected_shortfall()
    taking, keeping = (loss, gain) if upward else (gain, loss)
    better = posterior.chance_above(0.0) if upward else float(posterior.cdf(np.array(0.0)))
    harm = None
    if trivial is not None:
        harm = float(posterior.cdf(np.array(-trivial))) if upward else posterior.chance_above(trivial)
    choice: Choice = "wait"
    if taking <= accepted or keeping <= accepted:
        choice = "take" if taking <= keeping else "keep"
    at = np.linspace(*_window(raw, posterior, trivial), POINTS)
    before: tuple[float, ...] = ()
    if prior.components:
        before = tuple(_prior_density(prior, at).tolist())
    return Look(
        reading=reading,
        raw=_span(raw),
        after=_span(posterior),
        chance_better=better,
        chance_trivial=None if trivial is None else posterior.chance_within(-trivial, trivial),
        chance_harm=harm,
        cost_of_taking=taking,
        cost_of_keeping=keeping,
        accepted=accepted,
        trivial=trivial,
        choice=choice,
        sentence=_sentence(reading, choice, better, taking, keeping, accepted),
        at=tuple(at.tolist()),
        density=tuple(posterior.density(at).tolist()),
        before=before,
    )


def amount(value: float, scale: Scale) -> str:
    r"""A size of an effect, without its sign.

    >>> amount(-0.0123, "relative"), amount(12.5, "absolute")
    ('1.2\xa0%', '12.5')
    """
    if scale == "absolute":
        return number(abs(value))
    share = 100 * abs(value)
    if 0 < share < 0.001:
        return "under 0.001\u00a0%"
    digits = 0 if share >= 10 else 1 if share >= 1 else 2 if share >= 0.1 else 3
    return f"{share:.{digits}f}\u00a0%"


def signed(value: float, scale: Scale) -> str:
    r"""A size of an effect with its sign.

    >>> signed(-0.0123, "relative"), signed(0.0, "relative")
    ('−1.2\xa0%', '0')
    """
    return ("+" if value > 0 else "−") + amount(value, scale) if value else "0"


def _sentence(r: Reading, choice: Choice, better: float, taking: float, keeping: float, accepted: float) -> str:
    accepts = amount(accepted, r.scale)
    if choice == "take":
        return (
            f"Take {r.arm}: it is truly better with a chance of {chance(better)}, and should that be wrong, it costs "
            f"{amount(taking, r.scale)} of {r.metric} on average, no more than the {accepts} that you accept."
        )
    if choice == "keep":
        return (
            f"Keep {r.control}: {r.arm} is truly better with a chance of {chance(better)} only, and staying costs "
            f"{amount(keeping, r.scale)} of {r.metric} on average, no more than the {accepts} that you accept."
        )
    return (
        f"Wait: {r.arm} is truly better with a chance of {chance(better)}, but either choice may still cost more than "
        f"the {accepts} that you accept ({amount(taking, r.scale)} if you take it, {amount(keeping, r.scale)} if not)."
    )


def _span(posterior: EffectPosterior) -> Span:
    return Span(posterior.mean, *posterior.interval(0.95))


def _window(raw: EffectPosterior, after: EffectPosterior, trivial: float | None) -> tuple[float, float]:
    """What a drawing shows: both curves, nothing, and the sizes that do not matter."""
    ends = [sign * (trivial or 0.0) * 1.5 for sign in (-1, 1)] + [0.0]
    ends += [p.mean + sign * REACH * p.sd for p in (after,) for sign in (-1, 1)]
    ends += [raw.mean + sign * 3.2 * raw.sd for sign in (-1, 1)]
    return min(ends), max(ends)


def _prior_density(prior: EffectPrior, at: np.ndarray) -> np.ndarray:
    from workbench.stats.effects import normals

    return EffectPosterior(*(tuple(part.tolist()) for part in normals(prior))).density(at)
