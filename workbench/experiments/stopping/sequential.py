"""An experiment looked at as its rule allows: the decision at each look, and the estimate set right.

Rules:

- the first look at which the rule says stop is the answer; what comes after it changes nothing;
- where looking has bent the estimate, the corrected one stands in the sentence: median-unbiased for
  rules of error, the posterior's mean for rules of belief with a prior, and for always-valid rules
  the interval that holds at all looks;
- a difference is judged by its error where there is none: on the relative scale that is the absolute
  difference's z, so that the scale it is told on decides nothing, however few the events; a rule that
  believes something of a scale judges by the estimate's error on it;
- where few clusters or units stand behind an error, boundaries are those of Student's t;
- an effect is treated arm less control; with `better="lower"` a fall is what is hoped for.

>>> from workbench.experiments.stopping.rules import parse_rule
>>> found = check(parse_rule("pocock:5"), [("May 2", 0.2, 0.1), ("May 4", 0.2, 0.08)])
>>> found.decision, round(found.estimate, 3), found.stopped.day
('better', 0.192, 'May 4')
>>> print(found.sentence.partition(". ")[0])
Stopped at look 2 of 5 (May 4): the new arm is better
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.stopping.rules import BELIEF, StoppingRule
from workbench.stats.always_valid import always_valid
from workbench.stats.comparison import Better
from workbench.stats.crossing import Boundaries, zero_of_increasing
from workbench.stats.effects import Component, EffectPrior, Scale, effect_posterior
from workbench.stats.group_sequential import corrected
from workbench.stats.moments import Sample
from workbench.stats.sample_ratio import SampleRatio
from workbench.stats.student import as_t, as_z
from workbench.stats.twins import relative_change, welch

USUAL = 1.96  # standard deviations at which a rule of belief takes a t's error for a normal's
Decision = Literal["go on", "better", "worse", "not worth going on", "no difference shown"]


class Look(NamedTuple):
    """What is known on a day of all units so far."""

    day: str
    estimate: float  # treated less control, or that over the control's mean
    error: float  # its standard error, at the estimate
    known: float | None = None  # units behind it, as far as they count for a difference; None: from the error
    number: int | None = None  # which of the planned looks it is, from 1; None: the one after the look before
    df: float = np.inf  # degrees of freedom of the error; infinite: normal
    base_error: float = 0.0  # of a relative estimate: the control mean's error, as a share of the mean

    @property
    def z(self) -> float:
        """How far from nothing, on the normal's scale."""
        return as_z(self.estimate / self.error_at(0.0), self.df)

    def error_at(self, effect: float) -> float:
        """The estimate's error if the effect were this one; a relative one's grows with the effect.

        Source:
            Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185.
        """
        more = (1 + effect) ** 2 - (1 + self.estimate) ** 2
        return float(np.sqrt(max(self.error**2 + self.base_error**2 * more, 0.0)))

    def effect(self, drift: float) -> float:
        """Under which effect the look's z is expected to be this: none at 0, the estimate at its own z.

        Between the two by Fieller's theorem; beyond them, where it may know no end, with the error there.
        """
        z = self.z
        t = as_t(z - drift, self.df)
        if self.base_error and min(0.0, z) < drift < max(0.0, z):
            ends = sorted((0.0, self.estimate))
            return zero_of_increasing(lambda r: (r - self.estimate) / self.error_at(r) + t, *ends)
        return self.estimate - t * (self.error if drift * z > 0 else self.error_at(0.0))


@dataclass(frozen=True)
class Step:
    """One look and what the rule says to it."""

    day: str
    estimate: float
    error: float
    better_from: float  # the difference from which the arm is better
    worse_from: float  # ... worse; infinite: never, where the rule is one-sided
    futile_until: float | None  # the difference up to which going on is not worth it
    decision: Decision
    number: int  # of the planned look


@dataclass(frozen=True)
class SequentialResult:
    """A rule followed over the looks so far."""

    rule: StoppingRule
    arm: str  # what the treated arm is called
    better: Better
    scale: Scale  # of all differences: in the metric's unit, or as a share of the control's mean
    steps: tuple[Step, ...]  # all looks; those after the stop are kept for the picture
    decision: Decision
    at: int  # the step that it is about: where it stopped, or the last one
    plain: float  # the difference there as it is seen
    estimate: float  # ... with the looking taken into account
    low: float
    high: float
    level: float  # of the interval
    p: float | None  # two-sided, with the looking taken into account; None: it goes on, or a rule of belief
    sample_ratio: SampleRatio | None = None  # whether the arms were filled as planned; None: not asked

    @property
    def stopped(self) -> Step | None:
        """The step at which it stopped; None: it goes on."""
        return None if self.decision == "go on" else self.steps[self.at]

    @property
    def sentence(self) -> str:
        """The result in plain words; arms that were not filled as planned come first."""
        if self.sample_ratio is not None and self.sample_ratio.passed is False:
            return f"{self.sample_ratio.sentence} {self._told()}"
        return self._told()

    def _told(self) -> str:
        planned = f" of {self.rule.ends_at}" if self.rule.ends_at else ""
        where = f"look {self.steps[self.at].number}{planned} ({self.steps[self.at].day})"
        told = {
            "better": f"Stopped at {where}: {self.arm} is better.",
            "worse": f"Stopped at {where}: {self.arm} is worse.",
            "not worth going on": f"Stopped at {where}: {self.arm} is not likely to turn out better any more.",
            "no difference shown": f"The plan ends with {where}: no difference was shown.",
            "go on": f"No answer yet after {where}: go on.",
        }[self.decision]
        plain, right = self.said(self.plain), self.said(self.estimate)
        span = f"between {self.said(self.low)} and {self.said(self.high)}"
        if self.rule.kind == "peeking":
            return f"{told} The plain difference is {plain}; after looks without a rule it is likely to be exaggerated."
        if self.decision == "go on":
            return f"{told} If it had to end here, the difference would be {right}, {span}."
        if self.at == 0 and self.rule.kind not in BELIEF:
            return f"{told} The difference is {plain}, {span}."
        believed = self.rule.kind in BELIEF and self.rule.prior.components
        why = "with what was believed before" if believed else "corrected for having looked"
        return f"{told} The plain difference is {plain}; {why}, it is {right}, {span}."

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; a boundary that there is not is null."""
        ratio = self.sample_ratio
        return {
            "rule": self.rule.text,
            "arm": self.arm,
            "decision": self.decision,
            "day": self.steps[self.at].day,
            "look": self.steps[self.at].number,
            "scale": self.scale,
            "plain": self.plain,
            "estimate": self.estimate,
            "interval": [self.low, self.high],
            "level": self.level,
            "p": self.p,
            "sample_ratio": None if ratio is None else {"p": ratio.p, "passed": ratio.passed},
            "sentence": self.sentence,
            "steps": [{name: _finite(value) for name, value in vars(step).items()} for step in self.steps],
        }

    def as_text(self) -> str:
        """The JSON as text, as a run keeps it."""
        return json.dumps(self.as_json(), indent=1, ensure_ascii=False, allow_nan=False)

    def said(self, value: float) -> str:
        """A difference as people read it, on the result's scale."""
        if self.scale == "absolute":
            return words.number(value)
        return f"{words.number(100 * value)}\u00a0%"


def check(
    rule: StoppingRule,
    looks: Sequence[Look | tuple[str, float, float]],
    *,
    arm: str = "the new arm",
    better: Better = "higher",
    scale: Scale = "absolute",
    comparisons: int = 1,
    sample_ratio: SampleRatio | None = None,
) -> SequentialResult:
    """A rule followed over the looks so far.

    Args:
        rule: As it was agreed beforehand.
        looks: In order, each over all units until its day; only those that the rule planned. One that
            could not be taken is left out, and those after it keep their numbers.
        arm: What the treated arm is called.
        better: Which way is good.
        scale: Of the differences.
        comparisons: Arms that are compared with the same control and share the rule's error.
        sample_ratio: Whether the arms were filled as planned; where they were not, the sentence says so first.

    Raises:
        Misuse: There is no look, more than were planned, one that knows no more than the one before
            or that is no number; or the rule's prior is of the other scale.
    """
    given = [Look(*look) for look in looks]
    if not given:
        raise Misuse("there is no look", hint="give (day, estimate, error), or daily_looks(cube, …)")
    for look in given:
        if not (np.isfinite([look.estimate, look.error]).all() and min(look.error, look.error_at(0.0)) > 0):
            raise Misuse(f"{look} has no estimate with an error above zero")
    believing = bool(rule.prior.components) or rule.kind == "loss"
    if believing and rule.prior.scale != scale:
        raise Misuse(
            f"the rule speaks of {rule.prior.scale} differences, the looks are {scale}; the two scales do not mix",
            hint=f"state the rule's scale: prior:{scale} normal(0, 0.02), or prior:{scale} flat",
        )
    if believing:
        given = [_as_normal(look) for look in given]
    rule, sign = rule.shared(comparisons), 1.0 if better == "higher" else -1.0
    towards = rule if sign > 0 else replace(rule, prior=_mirrored(rule.prior))
    known = [look.known for look in given if look.known is not None]
    numbers = _numbers(given)
    bounds = towards.boundaries(
        [look.error_at(0.0) for look in given], known if len(known) == len(given) else None, numbers
    )
    steps = tuple(
        _step(rule, bounds, k, look, number, sign) for k, (look, number) in enumerate(zip(given, numbers, strict=True))
    )
    at = next((k for k, step in enumerate(steps) if step.decision != "go on"), len(steps) - 1)
    decision = steps[at].decision
    estimate, low, high, level, p = _corrected(towards, bounds.until(at + 1), given[: at + 1], sign)
    kept = None if decision == "go on" and rule.kind != "always-valid" else p
    plain = given[at].estimate
    return SequentialResult(
        rule, arm, better, scale, steps, decision, at, plain, estimate, low, high, level, kept, sample_ratio
    )


def daily_looks(
    cube: MomentCube,
    measure: str,
    *,
    control: str,
    arm: str,
    scale: Scale = "absolute",
    on: Sequence[int] | None = None,
    compare: Callable[[MomentCube], tuple[float, float]] | None = None,
) -> tuple[Look, ...]:
    """Each day's look at all units that came in until then, from a cube with days.

    Days before the first on which both arms have two unlike units are left out.

    Args:
        cube: With days; segments are added up.
        measure: What is compared by its mean.
        control: The arm that the other is set against.
        arm: The other one.
        scale: Whether differences are in the measure's unit or over the control's mean (delta method).
            Which one decides nothing: both are as far from nothing.
        on: The days that are looked at, the cube's first counted as 1 (`StoppingRule.look_days`); all
            by default. A look's number is its day's place among them.
        compare: In place of the means: a cube's estimate and error, for metrics that need more.

    Raises:
        Misuse: The cube has no days, no such arm or measure, no day on which both arms can be
            compared, or a control whose mean is zero.
    """
    days = cube.days
    if days == ("",):
        raise Misuse("the cube has no days", hint="scan with day=COLUMN")
    looks = []
    asked = range(1, len(days) + 1) if on is None else sorted(set(on))
    for number, last in enumerate(asked, start=1):
        if not 1 <= last <= len(days):
            continue
        until = cube.only(lambda cell, kept=frozenset(days[:last]): cell.day in kept)  # type: ignore[misc]
        if not {control, arm} <= set(until.arms):
            continue
        a, b = until.sample(measure, control), until.sample(measure, arm)
        if min(a.error, b.error) > 0 and min(a.independent, b.independent) >= 2:
            look = look_at(days[last - 1], a, b, "absolute" if compare else scale)._replace(number=number)
            if compare:
                estimate, error = compare(until)
                look = look._replace(estimate=estimate, error=error)
            looks.append(look)
    if not looks:
        raise Misuse(f"{control!r} and {arm!r} can be compared on no day; the cube has the arms {list(cube.arms)}")
    return tuple(looks)


def look_at(day: str, control: Sample, arm: Sample, scale: Scale = "absolute") -> Look:
    """The look at two arms of which this is known.

    Args:
        day: Its name.
        control: All of the control until then.
        arm: All of the other arm.
        scale: Whether the difference is in the measure's unit or over the control's mean (delta method).

    Raises:
        Misuse: The difference is to be relative to nothing.
        ValueError: An arm has fewer than two independent units, or neither has spread.
    """
    found = welch(arm, control)
    known = 1 / (1 / control.n + 1 / arm.n)
    if scale == "absolute":
        return Look(day, found.effect, found.error, known, df=found.df)
    if control.mean == 0:
        raise Misuse("the control's mean is zero; a relative difference needs another", hint="scale='absolute'")
    change, error = relative_change(arm.mean, arm.error, control.mean, control.error)
    return Look(day, change, error, known, df=found.df, base_error=control.error / abs(control.mean))


def _numbers(looks: Sequence[Look]) -> tuple[int, ...]:
    """Which of the planned looks each is."""
    numbers: list[int] = []
    for look in looks:
        numbers.append((numbers[-1] if numbers else 0) + 1 if look.number is None else look.number)
    return tuple(numbers)


def _step(rule: StoppingRule, bounds: Boundaries, k: int, look: Look, number: int, sign: float) -> Step:
    error = look.error_at(0.0)
    t = sign * look.estimate / error
    upper, lower, floor = (as_t(bound[k], look.df) for bound in (bounds.upper, bounds.lower, bounds.floor))
    decision: Decision = "go on"
    if t >= upper:
        decision = "better"
    elif t <= lower:
        decision = "worse"
    elif rule.ends_at == number:
        decision = "no difference shown"
    elif t <= floor:
        decision = "not worth going on"
    futile = None if bounds.futility is None else sign * as_t(bounds.futility[k], look.df) * error
    return Step(
        look.day,
        look.estimate,
        look.error,
        sign * upper * error,
        sign * lower * error,
        futile,
        decision,
        number,
    )


def _corrected(
    rule: StoppingRule, bounds: Boundaries, looks: Sequence[Look], sign: float
) -> tuple[float, float, float, float, float | None]:
    """Estimate, low, high, level and p at the last look; rule and boundaries are of the good direction."""
    level = 1 - (rule.alpha if rule.two_sided else 2 * rule.alpha)
    last, p = looks[-1], None
    if rule.kind in BELIEF and rule.prior.components:
        posterior = effect_posterior(sign * last.estimate, last.error, rule.prior)
        told = [sign * value for value in (posterior.mean, *posterior.interval(level))]
    else:
        z = sign * last.z
        found = corrected(bounds, z, 1.0, level=level)
        low, high, p = found.low, found.high, None if rule.kind in BELIEF else found.p
        if rule.kind == "always-valid":
            errors = [look.error_at(0.0) for look in looks]
            seen = [look.z * error for look, error in zip(looks, errors, strict=True)]
            p = float(always_valid(seen, errors, scale=rule.mixed(errors[0]), alpha=rule.alpha).p.min())
            low, high = z - bounds.upper[-1], z + bounds.upper[-1]
        told = [last.effect(sign * drift) for drift in (found.estimate, low, high)]
    return told[0], min(told[1:]), max(told[1:]), level, p


def _as_normal(look: Look) -> Look:
    """The look with a normal error that reaches as far as its own does."""
    return look._replace(error=look.error * as_t(USUAL, look.df) / USUAL, df=np.inf, base_error=0.0)


def _mirrored(prior: EffectPrior) -> EffectPrior:
    parts = tuple(Component(c.weight, -c.mean, c.sd, c.df) for c in prior.components)
    return replace(prior, components=parts)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
