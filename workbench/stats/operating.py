"""How a stopping rule works out over many experiments: how often it errs, finds, and how long it takes.

Every rule that looks at an estimate and its error comes down to two z-values a look, so that a run
of an experiment is a walk and not a table: twenty thousand runs of twenty looks take a few
hundredths of a second. Rules:

- an experiment stops at the first look at which it may; what has not stopped by the last is open;
- the same walks serve all effects asked about, so that rows differ by the effect and not by luck;
- a rule of belief is calibrated where the effects come from the prior that it assumes, however often
  it looks; `calibration` shows what happens where they come from another.

>>> peeking = Boundaries((1, 2, 3, 4, 5), (1.96,) * 5, (-1.96,) * 5)
>>> nothing, = operate(peeking, [0.0], rng=np.random.default_rng(1))
>>> round(nothing.better + nothing.worse, 2)
0.14
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from workbench.stats import always_valid
from workbench.stats.crossing import Boundaries, zero_of_increasing
from workbench.stats.effects import Component, EffectPosterior, EffectPrior, effect_posterior, normals
from workbench.stats.moments import Floats, Whole

RUNS = 20_000
BLOCK = 2_000_000  # numbers of a mixture's posterior held at a time


# --- rules as boundaries ------------------------------------------------------------------------------------------


def chance_boundaries(errors: Sequence[float], prior: EffectPrior, least: float) -> Boundaries:
    """Stop when the chance of being better, or of being worse, is at least so large.

    Args:
        errors: Standard error of the difference at each look, on the prior's scale.
        prior: What is believed beforehand.
        least: In (0.5, 1).

    Raises:
        ValueError: The chance is out of range, or the errors do not shrink from look to look.

    >>> round(chance_boundaries([0.1], EffectPrior.flat(), 0.95).upper[0], 4)
    1.6449
    """
    if not 0.5 < least < 1:
        raise ValueError(f"the chance is {least:g}; it must lie in (0.5, 1)")
    return _bounds(errors, prior, lambda found: _probit(found.chance_above(0.0)), _probit(least))


def loss_boundaries(errors: Sequence[float], prior: EffectPrior, most: float) -> Boundaries:
    """Stop when what choosing an arm costs on average is at most so much.

    Args:
        errors: Standard error of the difference at each look, on the prior's scale.
        prior: What is believed beforehand.
        most: The expected loss, on the same scale, above zero.

    Raises:
        ValueError: The loss is not above zero, or the errors do not shrink from look to look.
    """
    if not most > 0:
        raise ValueError(f"the expected loss is {most:g}; it must be above zero")
    return _bounds(errors, prior, lambda found: -_log(found.expected_shortfall()), -_log(most))


def always_valid_boundaries(errors: Sequence[float], *, scale: float, alpha: float) -> Boundaries:
    """Stop when an always-valid interval excludes zero.

    Args:
        errors: Standard error of the difference at each look.
        scale: Standard deviation of the effects that are mixed.
        alpha: In (0, 1).

    Raises:
        ValueError: Alpha, the scale or an error is out of range.
    """
    upper = always_valid.boundary(errors, scale=scale, alpha=alpha)
    return Boundaries(information(errors), tuple(upper.tolist()), tuple((-upper).tolist()))


def information(errors: Sequence[float]) -> tuple[float, ...]:
    """What each look knows: one over the squared error.

    Raises:
        ValueError: An error is not above zero.
    """
    given = np.asarray(errors, dtype=np.float64)
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise ValueError(f"errors are {tuple(errors)}; each must be above zero and finite")
    return tuple((given**-2).tolist())


# --- many runs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operating:
    """What a rule does where the true effect is this one."""

    effect: float
    better: float  # share of runs that stop because the treated arm is better
    worse: float  # ... because it is worse
    futile: float  # ... because going on is not worth it
    stops: tuple[float, ...]  # share of runs that end at each look; the last one takes those that are open
    estimate: float | None  # mean of the plain estimate where it stopped as better; None: it never did

    @property
    def open(self) -> float:
        """Share of runs that end without an answer."""
        return max(0.0, 1.0 - self.better - self.worse - self.futile)

    @property
    def inflation(self) -> float | None:
        """Mean plain estimate of those called better over the true effect; None where there is none."""
        return None if self.estimate is None or self.effect == 0 else self.estimate / self.effect

    def mean_duration(self, days: Sequence[float]) -> float:
        """Mean of the day of the last look, given each look's day."""
        return float(np.dot(self.stops, days))

    def median_duration(self, days: Sequence[float]) -> float:
        """The day by which half of the runs have ended."""
        return float(days[int(np.searchsorted(np.cumsum(self.stops), 0.5 - 1e-12))])


def operate(
    boundaries: Boundaries, effects: Sequence[float], *, rng: np.random.Generator, runs: int = RUNS
) -> tuple[Operating, ...]:
    """A rule's operating characteristics at some true effects.

    Args:
        boundaries: The rule, with information in units of the effect: one over the squared error.
        effects: True effects, each of them asked about.
        rng: Where chance comes from.
        runs: How many experiments are simulated.
    """
    walks = _walks(boundaries, rng, runs)
    return tuple(_operating(boundaries, walks, float(effect)) for effect in effects)


@dataclass(frozen=True)
class Calibration:
    """What a rule of belief says when it stops, and how often that is right."""

    stopped: float  # share of runs that stopped as better or worse
    reported: float  # mean chance that it gave to being right
    right: float  # share of the stopped runs in which it was
    inflation: float  # mean size of the reported effect over that of the true one, on the side it stopped


def calibration(
    boundaries: Boundaries,
    truth: EffectPrior,
    belief: EffectPrior,
    *,
    rng: np.random.Generator,
    runs: int = 200_000,
) -> Calibration:
    """Reported against actual certainty under optional stopping.

    Args:
        boundaries: The rule, with information in units of the effect.
        truth: Where true effects come from; not flat.
        belief: The prior that the reports assume.
        rng: Where chance comes from.
        runs: How many experiments are simulated.

    Raises:
        ValueError: The truth is flat, or no run stopped.

    Source:
        Deng, Lu & Chen (2016), Continuous monitoring of A/B tests without pain.
    """
    if not truth.components:
        raise ValueError("the true effects' distribution is flat; nothing can be drawn from it")
    w, m, s = normals(truth)
    part = rng.choice(len(w), size=runs, p=w / w.sum())
    effects = m[part] + s[part] * rng.standard_normal(runs)
    look, side, estimate = _stops(boundaries, _walks(boundaries, rng, runs), effects)
    kept = np.abs(side) == 1
    if not kept.any():
        raise ValueError(f"none of {runs} runs stopped as better or worse; nothing was reported")
    sign = side[kept]
    error = np.asarray(boundaries.information)[look[kept]] ** -0.5
    above, centre = _beliefs(estimate[kept], error, belief)
    return Calibration(
        stopped=float(kept.mean()),
        reported=float(np.where(sign > 0, above, 1 - above).mean()),
        right=float((np.sign(effects[kept]) == sign).mean()),
        inflation=float((sign * centre).mean() / (sign * effects[kept]).mean()),
    )


# --- parts --------------------------------------------------------------------------------------------------------


def _bounds(
    errors: Sequence[float], prior: EffectPrior, certainty: Callable[[EffectPosterior], float], asked: float
) -> Boundaries:
    """Where a certainty that increases with the estimate reaches what is asked, on either side."""
    known = information(errors)
    mirrored = EffectPrior(
        tuple(Component(c.weight, -c.mean, c.sd, c.df) for c in prior.components), prior.scale, prior.source
    )

    def bound(error: float, side: EffectPrior) -> float:
        return zero_of_increasing(lambda z: certainty(effect_posterior(z * error, error, side)) - asked, 0.0, 2.0)

    upper = [bound(error, prior) for error in errors]
    lower = upper if mirrored == prior else [bound(error, mirrored) for error in errors]
    return Boundaries(known, tuple(upper), tuple(-z for z in lower))


def _walks(boundaries: Boundaries, rng: np.random.Generator, runs: int) -> Floats:
    """Scores without effect, one row a run and one column a look."""
    steps = np.sqrt(np.diff(boundaries.information, prepend=0.0))
    walks = rng.standard_normal((runs, len(steps)))
    walks *= steps
    return np.cumsum(walks, axis=1, out=walks)


def _stops(boundaries: Boundaries, walks: Floats, effects: Floats) -> tuple[Whole, Whole, Floats]:
    """The look at which each run ends; 1 better, −1 worse, −2 futile, 0 open; and its plain estimate."""
    known = np.asarray(boundaries.information)
    root = np.sqrt(known)
    scores = walks + effects[:, None] * known if effects.size > 1 else walks + effects * known
    above = scores >= boundaries.upper * root
    out = above | (scores <= boundaries.floor * root)
    look = np.where(out[:, -1] | out.any(axis=1), out.argmax(axis=1), len(known) - 1)
    rows = np.arange(len(walks))
    score = scores[rows, look]
    worse = score <= (np.asarray(boundaries.lower) * root)[look]
    side = np.where(above[rows, look], 1, np.where(worse, -1, np.where(out[rows, look], -2, 0)))
    return look, side, score / known[look]


def _operating(boundaries: Boundaries, walks: Floats, effect: float) -> Operating:
    look, side, estimate = _stops(boundaries, walks, np.array([effect]))
    better = side == 1
    return Operating(
        effect=effect,
        better=float(better.mean()),
        worse=float((side == -1).mean()),
        futile=float((side == -2).mean()),
        stops=tuple((np.bincount(look, minlength=walks.shape[1]) / len(walks)).tolist()),
        estimate=float(estimate[better].mean()) if better.any() else None,
    )


def _beliefs(estimate: Floats, error: Floats, prior: EffectPrior) -> tuple[Floats, Floats]:
    """Chance of being above zero and expected effect, one a run; the posterior of `effects`, for many at once."""
    if not prior.components:
        return np.asarray(special.ndtr(estimate / error)), estimate
    weights, means, sds = normals(prior)
    chances, centres = np.empty(len(estimate)), np.empty(len(estimate))
    size = max(1, BLOCK // len(weights))
    for start in range(0, len(estimate), size):
        d, e = (part[start : start + size, None] for part in (estimate, error))
        spread = sds**2 + e**2
        log = np.log(weights) - np.log(spread) / 2 - (d - means) ** 2 / spread / 2
        w = np.exp(log - log.max(axis=1, keepdims=True))
        w /= w.sum(axis=1, keepdims=True)
        centre = means + sds**2 / spread * (d - means)
        sd = sds * e / np.sqrt(spread)
        chances[start : start + size] = (w * special.ndtr(centre / sd)).sum(axis=1)
        centres[start : start + size] = (w * centre).sum(axis=1)
    return chances, centres


def _probit(probability: float) -> float:
    return float(special.ndtri(np.clip(probability, 1e-300, 1 - 1e-16)))


def _log(value: float) -> float:
    return float(np.log(max(value, 1e-300)))
