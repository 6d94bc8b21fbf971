"""Whether an effect fades once people are used to it: the cube's day cells, one difference a day.

The cube's days are days since a person met the change (numbers from 0), or dates. Where a person is
one unit in one day only, days are independent; where rows are person-days (`unit` none, `cluster` the
person), a day's error respects the person but days go up and down together, and fading is judged with
more caution than need be.

    found = novelty(cube, metric, "old", "new")
    found.sentence
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from workbench.data.moments import Cell, MomentCube
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.design import Metric
from workbench.experiments.segments.shrunken import Range
from workbench.stats.moments import Floats
from workbench.stats.novelty import Course, Decay, decay

LEVEL = 0.95
SIZE = 0.3  # default prior of a passing effect: one standard deviation is this share of the control's mean


@dataclass(frozen=True, eq=False)
class Daily:
    """One difference a day, arm − control."""

    days: Floats  # increasing
    estimates: Floats
    errors: Floats
    left_out: tuple[str, ...]  # days on which an arm has no two units, or no spread


@dataclass(frozen=True, eq=False)
class Novelty:
    """An arm's effect by day, and whether it fades."""

    metric: Metric
    control: str
    arm: str
    daily: Daily
    size: float  # of the prior of a passing effect
    fit: Decay
    course: Course
    first: Range  # effect on the first day
    last: Range  # ... and on the last
    faded: Range  # the first less the last
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        return {
            "metric": self.metric.name,
            "course": self.course,
            "sentence": self.sentence,
            "days": self.daily.days.tolist(),
            "raw": self.daily.estimates.tolist(),
            "errors": self.daily.errors.tolist(),
            "effect": self.fit.by_day.mean.tolist(),
            "left_out": list(self.daily.left_out),
            "half_life": list(self.fit.half_life),
            "faded": [self.faded.value, self.faded.low, self.faded.high],
            "size": self.size,
        }


def novelty(cube: MomentCube, metric: Metric | str, control: str, arm: str, *, size: float | None = None) -> Novelty:
    """Whether an arm's effect fades from the first day to the last.

    Args:
        cube: A scan with a day column.
        metric: What is compared; of a name alone more is better.
        control: The arm that the other is set against.
        arm: The other arm.
        size: How large a passing effect may be, one standard deviation; by default three tenths of the
            control's mean.

    Raises:
        Misuse: Fewer than three days can be compared, a day is neither number nor date, or an arm is missing.
    """
    metric = Metric(metric, "mean", metric) if isinstance(metric, str) else metric
    base = cube.sample(metric.name, control)
    daily = effect_by_day(cube, metric.name, control, arm)
    passing = size or SIZE * (abs(base.mean) or float(np.sqrt(base.variance)) or 1.0)
    try:
        fit = decay(daily.days, daily.estimates, daily.errors, size=passing)
    except ValueError as error:
        raise Misuse(f"{metric.name} by day: {error}") from error
    low, high = fit.by_day.interval(LEVEL)
    first, last = (Range(float(fit.by_day.mean[i]), float(low[i]), float(high[i])) for i in (0, -1))
    ends = fit.faded.interval(LEVEL)
    faded = Range(float(fit.faded.mean[0]), float(ends[0][0]), float(ends[1][0]))
    said = _sentence(metric, control, arm, daily, fit, (first, last, faded))
    return Novelty(metric, control, arm, daily, passing, fit, fit.fades, first, last, faded, said)


def effect_by_day(cube: MomentCube, measure: str, control: str, arm: str) -> Daily:
    """Difference of means on each day, clusters respected, segments added up.

    Raises:
        Misuse: The cube has no days, a day is neither number nor date, or there is no such measure.
    """
    cells = cube.regrouped(lambda c: Cell((), c.day, c.arm)).samples(measure)
    names = {cell.day for cell in cells}
    if names == {""}:
        raise Misuse("the cube has no days", hint="name a day column when it is scanned")
    found, left_out = [], []
    for name, day in sorted(((name, _number(name)) for name in names), key=lambda pair: pair[1]):
        pair = [cells.get(Cell((), name, which)) for which in (arm, control)]
        usable = [s for s in pair if s is not None and s.independent >= 2 and s.error > 0]
        if len(usable) < 2:
            left_out.append(name)
            continue
        a, c = usable
        found.append((day, a.mean - c.mean, float(np.hypot(a.error, c.error))))
    table = np.array(found, dtype=np.float64).reshape(-1, 3)
    return Daily(table[:, 0], table[:, 1], table[:, 2], tuple(left_out))


def _number(day: str) -> float:
    """A day as a number: itself, or of a date the days since year one.

    Raises:
        Misuse: It is neither.
    """
    try:
        return float(day)
    except ValueError:
        pass
    try:
        return float(date.fromisoformat(day[:10]).toordinal())
    except ValueError as error:
        raise Misuse(f"{day!r} is no day; it must be a number of days or a date, as in 2026-01-31") from error


def _sentence(
    metric: Metric, control: str, arm: str, daily: Daily, fit: Decay, ranges: tuple[Range, Range, Range]
) -> str:
    first, last, faded = ranges
    span = f"{daily.days[-1] - daily.days[0]:.0f} days"
    course = f"from {_signed(first.value)} on the first day to {_signed(last.value)} after {span}"
    change = f"a change of {_signed(-faded.value)} (between {_signed(-faded.high)} and {_signed(-faded.low)})"
    opening = f"{arm} against {control}, {metric.called}:"
    if fit.fades == "not enough evidence":
        return f"{opening} nothing says that the effect fades; {course}, {change}."
    lasting = f"What lasts is about {_signed(float(fit.lasting.mean[0]))}."
    return f"{opening} the effect {fit.fades} {course}, {change}. {lasting}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + words.number(value)
