"""A past experiment opened: what its summaries still tell, without its raw data.

An experiment that kept its plan and its cube is asked again: its effects, by day under the rule that it was
watched by, and by group. One from elsewhere tells what was written down of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import special

from workbench.batch.folders import FILES
from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments.analysis import analyse
from workbench.experiments.archive import Archive, Past
from workbench.experiments.design import Design, Metric
from workbench.experiments.learned import learn_prior
from workbench.experiments.looking import Expectation, Reading, Span
from workbench.experiments.results import Analysis, MetricResult
from workbench.experiments.segments.shrunken import MEANS, shrunken_segments
from workbench.experiments.stopping.rules import StoppingRule
from workbench.experiments.stopping.sequential import check, daily_looks
from workbench.stats.effects import Scale
from workbench.stats.twins import relative_change

Z = float(special.ndtri(0.975))
SCALES: tuple[Scale, ...] = ("relative", "absolute")  # the first that is known is told
MOST_DAYS = 400  # that are drawn


@dataclass(frozen=True)
class Day:
    """How an effect stood at the end of a day, and what it had to pass to be decided."""

    name: str
    value: float
    low: float
    high: float
    bound_low: float | None = None  # None: the rule did not look
    bound_high: float | None = None
    stopped: bool = False  # whether the rule stopped here


@dataclass(frozen=True)
class Group:
    """One group's effect, by itself and with all groups taken together."""

    name: str
    n: int  # units in both arms
    raw: Span
    shrunk: Span


@dataclass(frozen=True)
class Groups:
    """An effect in each group."""

    rows: tuple[Group, ...] = ()
    scale: Scale = "relative"
    sentence: str = ""


@dataclass(frozen=True)
class Opened:
    """What a past experiment still tells."""

    past: Past
    design: Design | None = None  # None: none was kept
    cube: MomentCube | None = None
    rule: StoppingRule | None = None  # that it was watched by
    others: Archive = field(default_factory=lambda: Archive(()))  # what was tried besides

    @classmethod
    def of(cls, past: Past, others: Archive) -> Opened:
        """A past experiment with what its last run kept.

        Raises:
            Misuse: A file that it kept cannot be read.
        """
        design, rule = _kept(past, "design.json"), _kept(past, "rule.json")
        return cls(
            past,
            None if design is None else Design.from_json(design),
            past.cube,
            None if rule is None else StoppingRule.from_json(rule),
            others,
        )

    @cached_property
    def analysis(self) -> Analysis | None:
        """The experiment asked again from its cube, nothing believed beforehand; None where it cannot be asked."""
        if self.design is None or self.cube is None:
            return None
        metrics = tuple(metric for metric in self.design.metrics if metric.kind != "quantile")
        if not metrics or metrics[0].guardrail:
            return None
        return analyse(self.cube, replace(self.design, metrics=metrics, priors={}))

    @property
    def warning(self) -> str:
        """Why nothing of it is to be trusted; empty: nothing speaks against it."""
        if self.analysis is not None and not all(balance.passed for balance in self.analysis.balance):
            return "The arms differed before anything was done to them: do not trust the results below."
        if not self.past.sound or (self.analysis is not None and self.analysis.sample_ratio.passed is False):
            return "The arms were not filled as planned: do not trust the results below."
        return ""

    def objection(self, metric: str, arm: str) -> str:
        """Why an arm is not to be taken, whatever it promises; empty: nothing speaks against it."""
        if self.warning:
            return self.warning.replace("results below", "numbers")
        guards = () if self.analysis is None else [g for g in self.analysis.guardrails if g.arm == arm]
        for guard in sorted(guards, key=lambda g: -(g.chance_of_harm or 0.0)):
            if not guard.passed:
                said = "harms" if guard.broken else "may harm"
                return f"{arm} {said} {guard.metric}, which must not get worse."
        told = self.past.metrics.get(metric, {}).get(arm)
        if self.rule is not None and told is not None and told.verdict != "better":
            return "The rule that was agreed beforehand has not shown it to be better."
        return ""

    @property
    def stopping(self) -> str:
        """What the rule that it was watched by says, in words."""
        return "" if self.rule is None else f"It was agreed beforehand to stop by the rule {self.rule.text}."

    @property
    def trivial(self) -> float | None:
        """Smallest relative effect that matters, where the plan names one."""
        return None if self.design is None else self.design.rope

    @property
    def metrics(self) -> tuple[str, ...]:
        """What was measured; the first decides."""
        return tuple(self.past.metrics)

    def arms(self, metric: str) -> tuple[str, ...]:
        """The arms that were set against the control, the best first."""
        found = self.past.metrics[metric]
        return tuple(sorted(found, key=lambda arm: -(found[arm].chance_to_win or 0.0)))

    @property
    def accepted(self) -> float | None:
        """Largest expected loss that the plan accepts, as a share of the control's mean; None: it names none."""
        return None if self.design is None else self.design.loss_threshold

    def expectations(self, metric: str) -> tuple[Expectation, ...]:
        """What past experiments teach of a metric; nothing where they are too few."""
        learned = learn_prior(self.others, metric, excluding=self.past.name)
        return (Expectation(f"as {learned.experiments} past tests", learned.prior),) if learned.taught else ()

    def level(self, metric: str) -> float:
        """The control's mean, in the metric's unit; 1 where it is not known."""
        result = self._result(metric)
        if result is not None:
            return abs(result.arms[self.past.control].mean) or 1.0
        told = self.past.metrics[metric].values()
        levels = [abs(e.effect / e.relative) for e in told if e.relative and e.effect is not None]
        return levels[0] if levels else 1.0

    def reading(self, metric: str, arm: str) -> Reading:
        """An effect as the data alone gives it: asked again where that can be, else as it was written down.

        Raises:
            Misuse: There is no such metric or arm, or no error of its effect was written down.
        """
        if arm not in self.past.metrics.get(metric, {}):
            raise Misuse(f"{self.past.name} has no arm {arm!r} of {metric!r}")
        planned = self._planned(metric)
        told = (metric, "higher") if planned is None else (planned.called, planned.better)
        estimate, error, scale = self._effect(metric, arm)
        return Reading(told[0], arm, self.past.control or "before", estimate, error, scale, told[1])  # type: ignore[arg-type]

    def days(self, metric: str, arm: str) -> tuple[Day, ...]:
        """The effect at the end of each day, all days before it counted; none where days were not kept."""
        planned = self._planned(metric)
        if self.cube is None or planned is None or planned.kind not in MEANS:
            return ()
        if not 1 < len(self.cube.days) <= MOST_DAYS:
            return ()
        scale = self.reading(metric, arm).scale
        control = self.past.control
        try:
            looks = daily_looks(self.cube, metric, control=control, arm=arm, scale=scale)
        except Misuse:
            return ()
        bounds, stop = self._bounds(self.cube, planned, arm, scale)
        days = []
        for day, value, error, *_ in looks:
            low, high = bounds.get(day, (None, None))
            days.append(Day(day, value, value - Z * error, value + Z * error, low, high, stopped=day == stop))
        return tuple(days)

    def segments(self, metric: str, arm: str) -> Groups:
        """The effect in each group; none where groups were not kept."""
        planned = self._planned(metric)
        if self.cube is None or planned is None or planned.kind not in MEANS or not self.cube.segments:
            return Groups()
        scale = self.reading(metric, arm).scale
        try:
            by = self.cube.segments[:3]
            found = shrunken_segments(self.cube, planned, self.past.control, arm, scale=scale, by=by)
        except Misuse:
            return Groups()
        rows = tuple(
            Group(
                s.called,
                s.n_control + s.n_arm,
                Span(s.effect if s.raw is None else s.raw, s.raw_low, s.raw_high),
                Span(s.effect, s.low, s.high),
            )
            for s in found.segments
        )
        return Groups(rows, scale, found.sentence)

    def _effect(self, metric: str, arm: str) -> tuple[float, float, Scale]:
        result = (
            None if self.rule is not None else self._result(metric)
        )  # a rule's own estimate is set right for looking
        if result is None:
            told = self.past.metrics[metric][arm]
            for scale in SCALES:
                if (pair := told.on(scale)) is not None:
                    return (*pair, scale)
            raise Misuse(f"of {metric} in {arm} no error was written down, so that nothing can be asked of it")
        one, base = result.posteriors[arm], result.posteriors[self.past.control]
        if result.arms[arm].relative is None:  # the control's mean is not surely above zero
            return one.mean - base.mean, float(np.hypot(one.sd, base.sd)), "absolute"
        return (*relative_change(one.mean, one.sd, base.mean, base.sd), "relative")

    def _result(self, metric: str) -> MetricResult | None:
        return None if self.analysis is None else self.analysis.metrics.get(metric)

    def _planned(self, metric: str) -> Metric | None:
        metrics: Sequence[Metric] = () if self.design is None else self.design.metrics
        return next((m for m in metrics if m.name == metric), None)

    def _bounds(
        self, cube: MomentCube, metric: Metric, arm: str, scale: Scale
    ) -> tuple[dict[str, tuple[float, float]], str]:
        """What each look had to pass, by its day, and the day of the stop; nothing where no rule was followed."""
        if self.rule is None:
            return {}, ""
        on = self.rule.look_days(len(cube.days))
        try:
            looks = daily_looks(cube, metric.name, control=self.past.control, arm=arm, scale=scale, on=on)
            found = check(self.rule, looks, better=metric.better, scale=scale)
        except Misuse:
            return {}, ""
        edges = {step.day: sorted((step.worse_from, step.better_from)) for step in found.steps}
        bounds = {day: (low, high) for day, (low, high) in edges.items() if np.isfinite([low, high]).all()}
        return bounds, found.stopped.day if found.stopped else ""


def _kept(past: Past, name: str) -> str | None:
    """A file of the experiment's last run, as text."""
    path: Path | None = None if past.folder is None else past.folder / FILES / name
    return path.read_text("utf-8") if path is not None and path.is_file() else None
