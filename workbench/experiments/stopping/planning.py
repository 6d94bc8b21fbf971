"""What a stopping rule does at the traffic there is: days for an effect, an effect for days, and its price.

Both directions are one exact integral over the rule's own boundaries, whatever the rule; how it works
out over many experiments is shown by simulation, nothing done included. Rules:

- effects are relative, a share of the baseline's mean, as people state them, and above zero where
  they go the way that is hoped for;
- units come evenly, each counts on the day it comes, and none comes twice;
- several arms share the error of the rule: a comparison with the control gets its part (Bonferroni).

>>> shop = Traffic(Baseline.binary(0.1), per_day=2000, split=Split.equal(2))
>>> days_for(shop, StoppingRule("fixed"), 0.03)
160
>>> round(effect_after(shop, StoppingRule("fixed"), 14), 3)
0.103
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.stopping.rules import StoppingRule
from workbench.stats.comparison import Better
from workbench.stats.crossing import Boundaries, crossing, zero_of_increasing
from workbench.stats.operating import RUNS, Operating, operate
from workbench.stats.power import Baseline, Split, difference_error

LONGEST = 3650  # days; what takes longer is no experiment
FINEST = 60  # looks that a rule without a planned number is reckoned with at most
WEEKS = (7, 14, 21, 28, 42, 56)


@dataclass(frozen=True)
class Traffic:
    """What comes in."""

    baseline: Baseline  # of the metric in the control
    per_day: float  # new units a day in all arms together
    split: Split  # how they are divided
    better: Better = "higher"  # which way is hoped for

    def __post_init__(self) -> None:
        if not (np.isfinite(self.per_day) and self.per_day > 0):
            raise Misuse(f"per-day is {self.per_day:g}; it must be above zero")
        if self.baseline.mean == 0:
            raise Misuse("the baseline is zero; an effect relative to it means nothing", hint="state another mean")

    @property
    def largest(self) -> float:
        """The largest relative effect that can be: a share ends at one, and no kind of count below zero."""
        base = self.baseline
        if base.kind == "mean":
            return np.inf
        if self.better == "lower":
            return 1.0
        return (1 - base.mean) / base.mean if base.kind == "binary" else np.inf

    def error(self, effect: float, day: float) -> float:
        """Standard error of the difference after so many days, in the metric's unit.

        Args:
            effect: Relative, above zero towards what is hoped for.
            day: From the start, above zero.

        Raises:
            Misuse: No metric of this kind can have moved by so much.
        """
        moved = (effect if self.better == "higher" else -effect) * abs(self.baseline.mean)
        try:
            return difference_error(self.baseline, moved, self.per_day * day, self.split)
        except ValueError as error:
            raise Misuse(str(error), hint="the effect is relative: 0.03 is a rise by 3 %") from error


@dataclass(frozen=True)
class Characteristics:
    """A rule's operating characteristics at some traffic."""

    rule: StoppingRule
    traffic: Traffic
    days: tuple[int, ...]  # on which it looks
    effects: tuple[float, ...]  # relative, those asked about
    nothing: Operating  # where the change does nothing
    rows: tuple[Operating, ...]  # where it has each of the effects

    @property
    def sentence(self) -> str:
        """What the rule does, in plain words."""
        found = " and ".join(
            f"finds {percent(effect, self.traffic.better)} {share(row.better)} of the time, "
            f"after {row.mean_duration(self.days):.1f} of {self.days[-1]} days on average"
            for effect, row in zip(self.effects, self.rows, strict=True)
        )
        return (
            f"This rule, at {self.traffic.per_day:,.0f} units a day, ships a change that does nothing "
            f"{share(self.nothing.better)} of the time; it {found}."
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, one row an effect, nothing first."""
        rows = zip((0.0, *self.effects), (self.nothing, *self.rows), strict=True)
        return {
            "rule": self.rule.text,
            "look_days": list(self.days),
            "sentence": self.sentence,
            "rows": [
                {
                    "effect": effect,
                    "better": row.better,
                    "worse": row.worse,
                    "not_worth_going_on": row.futile,
                    "no_answer": row.open,
                    "mean_days": row.mean_duration(self.days),
                    "median_days": row.median_duration(self.days),
                    "inflation": row.inflation,
                }
                for effect, row in rows
            ],
        }


def characteristics(
    rule: StoppingRule,
    traffic: Traffic,
    days: int,
    effects: Sequence[float],
    *,
    rng: np.random.Generator,
    runs: int = RUNS,
) -> Characteristics:
    """How a rule works out over many experiments with this traffic.

    Args:
        rule: As it is to be agreed.
        traffic: What comes in.
        days: How long the experiment may last.
        effects: Relative, those asked about beside nothing at all.
        rng: Where chance comes from.
        runs: Experiments that are simulated, for each effect.

    Raises:
        Misuse: The days or an effect are impossible.
    """
    look_days = rule.look_days(days)
    unit = _unit(rule, traffic)
    rows: list[Operating] = []
    for effect in (0.0, *effects):
        bounds = _boundaries(rule, traffic, effect, look_days)
        rows += operate(bounds, [effect * unit], rng=rng, runs=runs)
    return Characteristics(rule, traffic, look_days, tuple(effects), rows[0], tuple(rows[1:]))


@dataclass(frozen=True)
class Reach:
    """What so many days can find."""

    days: int
    units: float  # in all arms together
    effect: float | None  # smallest relative rise found with the plan's power; None: not even the largest
    mean_days: float | None  # how long it takes on average where the effect is that


def reach(
    traffic: Traffic, rule: StoppingRule, *, power: float = 0.8, days: Sequence[int] = WEEKS
) -> tuple[Reach, ...]:
    """A table of days against smallest effects.

    Raises:
        Misuse: The power is not in (0.5, 1), or a number of days is none.
    """
    rows = []
    for count in days:
        try:
            effect = effect_after(traffic, rule, count, power=power)
        except Misuse:
            rows.append(Reach(count, count * traffic.per_day, None, None))
            continue
        look_days = rule.look_days(count)
        bounds = _boundaries(rule, traffic, effect, look_days)
        found = crossing(bounds, _drift(bounds, rule, traffic, effect))
        stops = np.add(found.above, found.below)
        stops[-1] = 1 - stops[:-1].sum()
        rows.append(Reach(count, count * traffic.per_day, effect, float(stops @ look_days)))
    return tuple(rows)


def days_for(traffic: Traffic, rule: StoppingRule, effect: float, *, power: float = 0.8) -> int:
    """Days that the experiment must be allowed to last to find an effect with this chance.

    Args:
        traffic: What comes in.
        rule: When it may stop.
        effect: Relative, above zero: towards what is hoped for.
        power: In (0.5, 1).

    Raises:
        Misuse: The effect or the power is out of range, or ten years are not enough.
    """
    _check(effect=effect, power=power)
    high = 1
    while power_after(traffic, rule, effect, high) < power:
        if high >= LONGEST:
            raise Misuse(
                f"ten years of {traffic.per_day:g} units a day do not find {percent(effect)}",
                hint="ask for a larger effect, more traffic, or a covariate that takes variance away",
            )
        high = min(2 * high, LONGEST)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power_after(traffic, rule, effect, middle) < power else (low, middle)
    return high


def effect_after(traffic: Traffic, rule: StoppingRule, days: int, *, power: float = 0.8) -> float:
    """The smallest relative effect that is found with this chance within so many days.

    Raises:
        Misuse: The days or the power are out of range, or no possible effect is found.
    """
    _check(power=power)
    look_days = rule.look_days(days)
    largest = 0.999 * traffic.largest

    def gap(effect: float) -> float:
        return _power(traffic, rule, effect, look_days) - power

    near = 2.8 * traffic.error(0.0, days) / abs(traffic.baseline.mean)
    if near > largest / 3:
        if gap(largest) < 0:
            raise Misuse(f"{days} days find no possible effect", hint="more days, or more traffic")
        return zero_of_increasing(gap, 0.0, largest)
    return zero_of_increasing(gap, near / 2, near * 1.5)


def power_after(traffic: Traffic, rule: StoppingRule, effect: float, days: int) -> float:
    """Chance that a relative effect is found within so many days.

    Raises:
        Misuse: The days or the effect are impossible.
    """
    return _power(traffic, rule, effect, rule.look_days(days))


def stated(kind: str, mean: float, variance: float | None = None) -> Baseline:
    """The baseline that somebody states.

    Args:
        kind: "binary", "count" or "mean".
        mean: A share in (0, 1), or the mean of one unit.
        variance: Of one unit; a mean needs it, a count's is its mean by default, a share has its own.

    Raises:
        Misuse: The numbers are no baseline of this kind.

    >>> stated("binary", 0.1).variance
    0.09000000000000001
    """
    if kind == "mean" and variance is None:
        raise Misuse(
            "a mean needs the variance of one unit", hint="state the variance: its standard deviation, squared"
        )
    if kind == "binary" and variance is not None:
        raise Misuse(
            "a share's variance follows from the share", hint="leave the variance out, or say that it is a mean"
        )
    try:
        if kind == "binary":
            return Baseline.binary(mean)
        return Baseline.count(mean, variance) if kind == "count" else Baseline(mean, variance or 0.0)
    except ValueError as error:
        raise Misuse(f"this is no baseline: {error}", hint="binary: a share in (0, 1); count: above zero") from error


def baseline_of(cube: MomentCube, measure: str, arm: str, *, kind: str = "mean") -> Baseline:
    """The baseline that an arm of a cube shows, clusters counted.

    Args:
        cube: The experiment, or any table with an arm.
        measure: What is compared.
        arm: Whose units are the baseline.
        kind: "binary", "count", or another that is compared by its mean.

    Raises:
        Misuse: There is no such arm or measure, or it has no spread.

    >>> import pandas as pd
    >>> from workbench.data.moments import Measure
    >>> rows = pd.DataFrame({"arm": ["a"] * 4, "spend": [0.0, 4.0, 2.0, 6.0]})
    >>> baseline_of(MomentCube.scan(rows, arm="arm", measures=[Measure("spend", "spend")]), "spend", "a").mean
    3.0
    """
    sample = cube.sample(measure, arm)
    base = stated(kind, sample.mean, None if kind == "binary" else sample.variance)
    return replace(base, design_effect=sample.deff_mean)


def traffic_of(
    cube: MomentCube, measure: str, *, control: str, arm: str, kind: str = "mean", better: Better = "higher"
) -> Traffic:
    """The traffic that a cube with days shows, for one of its comparisons with the control.

    Raises:
        Misuse: There is no such arm or measure, or it has no spread.
    """
    counts, days = cube.counts(), len({cell.day for cell in cube.cells})
    base = baseline_of(cube, measure, control, kind=kind)
    if arm not in counts:
        raise Misuse(f"there is no arm {arm!r}; the cube has {list(counts)}")
    split = Split(counts[control] / cube.n, counts[arm] / cube.n, len(counts) - 1)
    return Traffic(base, cube.n / days, split, better)


def percent(effect: float, better: Better = "higher") -> str:
    """A relative effect towards what is hoped for, as people write it.

    >>> print(percent(0.03), percent(0.125, "lower"), sep=", ")
    +3.00\u00a0%, −12.5\u00a0%
    """
    moved = effect if better == "higher" else -effect
    return ("+" if moved > 0 else "") + f"{words.number(100 * moved)}\u00a0%"


def share(probability: float) -> str:
    """A rate that was simulated, as finely as it is known.

    >>> print(share(0.0249), share(0.8142), share(0.0), sep=", ")
    2.5\u00a0%, 81\u00a0%, 0.0\u00a0%
    """
    digits = 1 if probability < 0.1 or probability > 0.99 else 0
    return f"{100 * probability:.{digits}f}\u00a0%"


def _unit(rule: StoppingRule, traffic: Traffic) -> float:
    """What a relative effect of one is, on the scale of the rule's prior."""
    return 1.0 if rule.prior.scale == "relative" else abs(traffic.baseline.mean)


def _fitted(rule: StoppingRule, traffic: Traffic, looks: int) -> StoppingRule:
    """The rule for one of the comparisons, with no more looks than there are days, tuned for them."""
    fitted = rule.shared(traffic.split.comparisons)
    if rule.kind == "always-valid" or (rule.looks or 0) > looks:
        fitted = replace(fitted, looks=looks)
    return fitted


def _boundaries(rule: StoppingRule, traffic: Traffic, effect: float, look_days: Sequence[float]) -> Boundaries:
    """The rule's values at each look where the effect is this one; information on the prior's scale."""
    size = abs(traffic.baseline.mean) / _unit(rule, traffic)
    return _fitted(rule, traffic, len(look_days)).boundaries([traffic.error(effect, day) / size for day in look_days])


def _drift(bounds: Boundaries, rule: StoppingRule, traffic: Traffic, effect: float) -> float:
    return effect * _unit(rule, traffic) * float(np.sqrt(bounds.information[-1]))


def _power(traffic: Traffic, rule: StoppingRule, effect: float, look_days: Sequence[float]) -> float:
    if len(look_days) > FINEST:
        look_days = [look_days[-1] * k / FINEST for k in range(1, FINEST + 1)]
    bounds = _boundaries(rule, traffic, effect, look_days)
    return sum(crossing(bounds, _drift(bounds, rule, traffic, effect)).above)


def _check(*, effect: float = 1.0, power: float) -> None:
    if not effect > 0:
        raise Misuse(f"the effect is {effect:g}; it must be above zero", hint="the smallest rise that matters, as 0.03")
    if not 0.5 < power < 1:
        raise Misuse(f"power is {power:g}; it must lie in (0.5, 1)")
