"""A past experiment opened: what its summaries still tell, without its raw data.

An experiment that kept its cube and its plan tells its effects by day and by group; one from elsewhere tells
what was written down of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.experiments.archive import Past
from workbench.experiments.design import Design, Metric
from workbench.experiments.looking import Belief, Reading, Span
from workbench.stats.effects import Scale

Z = float(special.ndtri(0.975))


@dataclass(frozen=True)
class Day:
    """How an effect stood at the end of a day, and what it had to pass to be decided."""

    name: str
    value: float
    low: float
    high: float
    bound_low: float | None = None
    bound_high: float | None = None


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
    design: Design | None = None
    cube: MomentCube | None = None
    learned: tuple[Belief, ...] = ()  # what past experiments teach
    warning: str = ""  # why the result is not to be trusted; empty: nothing speaks against it
    stopping: str = ""  # the rule that it was watched by, in words

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

    def level(self, metric: str) -> float:
        """The control's mean, in the metric's unit."""
        for effect in self.past.metrics[metric].values():
            if effect.relative:
                return abs(effect.effect / effect.relative)
        return 1.0

    def reading(self, metric: str, arm: str) -> Reading:
        """An effect as the data alone gives it.

        Raises:
            Misuse: There is no such metric or arm.
        """
        try:
            effect = self.past.metrics[metric][arm]
        except KeyError as error:
            raise Misuse(f"{self.past.name} has no {error}") from error
        scale: Scale = "absolute" if effect.on("relative") is None else "relative"
        estimate, spread = effect.on(scale) or (effect.effect, effect.error)
        planned = self._planned(metric)
        better = "higher" if planned is None else planned.better
        called = metric if planned is None else planned.called
        return Reading(called, arm, self.past.control, estimate, spread, scale, better)

    def _planned(self, metric: str) -> Metric | None:
        metrics = () if self.design is None else self.design.metrics
        return next((m for m in metrics if m.name == metric), None)

    def days(self, metric: str, arm: str) -> tuple[Day, ...]:
        """The effect at the end of each day, all days before it counted; none where days were not kept."""
        return ()

    def segments(self, metric: str, arm: str) -> Groups:
        """The effect in each group."""
        return Groups()
