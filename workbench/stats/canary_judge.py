"""The canary's judge: errors, answers too slow and KPIs together, in one of three states.

Harm takes the canary back; all measures must show that there is none before it passes; whatever is open
holds it. The bets against "no harm" are one capital, of which the first kind of bad outcome is given most and
the other measures the rest: the mean of e-processes is one, so that a sound canary is ever taken back with
probability `alpha` at most, however many measures there are, and harm that several show a little of counts
together. The chance of ever passing one that harms needs no division: the measure that it harms would have
to pass too.

>>> judge = Judge.begun(Bar(), rates=("errors", "slow"))
>>> for _ in range(6):
...     judge = judge.add({"errors": Counts(500, 25, 9500, 95), "slow": Counts(475, 5, 9405, 94)})
>>> judge.state, judge.reasons[0]
('roll back', 'errors: 150 of 3,000 against 570 of 57,000, 5.0 times as often [4.2, 6.0]; shown to be worse')
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from workbench.stats.canary import Arrivals, Bar, State
from workbench.stats.canary_kpi import Difference, Direction, Units

FIRST = 0.8  # of the capital that is bet on the first kind of bad outcome; the rest evenly on the others

SHOWN: dict[State, str] = {
    "roll back": "shown to be worse",
    "advance": "shown to do no harm",
    "hold": "not shown either way yet",
}


class Counts(NamedTuple):
    """Outcomes of one interval, in which the traffic was divided in one way."""

    canary: int
    canary_bad: int
    stable: int
    stable_bad: int


@dataclass(frozen=True)
class Judge:
    """All that is watched of one canary; a value that grows, kept as plain JSON."""

    rates: Mapping[str, Arrivals]  # by kind of bad outcome: "errors", "slow"
    kpis: Mapping[str, Difference] = field(default_factory=dict)  # by name
    worst: float = 0.0  # largest logarithm of the capital of all bets together so far
    blamed: str = ""  # the measure that had won most when it first refuted "no harm"; "": it never did

    @classmethod
    def begun(
        cls,
        bar: Bar | None = None,
        *,
        rates: Sequence[str] = ("errors", "slow"),
        kpis: Mapping[str, tuple[float, Direction]] | None = None,
    ) -> Judge:
        """Nothing seen yet.

        Args:
            bar: What counts as harm of the bad outcomes, and how sure one must be.
            rates: Kinds of bad outcome.
            kpis: By name: the loss that does not matter, as a share of the champion's mean, and whether more is
                better ("up").

        Raises:
            ValueError: Nothing is to be watched, or a margin is not above zero.
        """
        bar, told = bar or Bar(), kpis or {}
        if not rates and not told:
            raise ValueError("a judge needs something to watch: a kind of bad outcome, or a KPI")
        return cls(
            {name: Arrivals.begun(bar) for name in rates},
            {
                name: Difference.begun(margin=margin, better=way, alpha=bar.alpha)
                for name, (margin, way) in told.items()
            },
        )

    @property
    def parts(self) -> dict[str, float]:
        """Which part of the capital is bet on each measure; they add to 1."""
        first, *rest = [*self.rates, *self.kpis]
        if not rest:
            return {first: 1.0}
        most = FIRST if self.rates else 1 / (1 + len(rest))
        return {first: most, **{name: (1 - most) / len(rest) for name in rest}}

    @property
    def alpha(self) -> float:
        """Chance of ever taking back a sound canary."""
        return next(iter(self.rates.values())).bar.alpha if self.rates else next(iter(self.kpis.values())).alpha

    def add(self, counts: Mapping[str, Counts]) -> Judge:
        """The judge after one more interval.

        Args:
            counts: By kind of bad outcome; one that is left out was not seen in the interval.

        Raises:
            ValueError: A kind is not watched, or its counts cannot be.
        """
        unknown = [name for name in counts if name not in self.rates]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not watched; watched are {', '.join(self.rates)}")
        grown = {
            name: each.add(**counts[name]._asdict()) if name in counts else each for name, each in self.rates.items()
        }
        return replace(self, rates=grown)._weighed()

    def look(self, name: str, units: Units) -> Judge:
        """The judge after a look at a KPI.

        Args:
            name: Of the KPI.
            units: All units so far, in the order in which their values became known.

        Raises:
            ValueError: The KPI is not watched.
        """
        if name not in self.kpis:
            raise ValueError(f"the KPI {name!r} is not watched; watched are {', '.join(self.kpis) or 'none'}")
        return replace(self, kpis={**self.kpis, name: self.kpis[name].look(units)})._weighed()

    @property
    def states(self) -> dict[str, State]:
        """What each measure has shown, harm first."""
        parts = self.parts
        found: dict[str, State] = {name: each.judged(parts[name]) for name, each in self.rates.items()}
        found |= {name: each.judged(parts[name]) for name, each in self.kpis.items()}
        if self.blamed:
            found[self.blamed] = "roll back"
        order: tuple[State, ...] = ("roll back", "hold", "advance")
        return dict(sorted(found.items(), key=lambda item: order.index(item[1])))

    @property
    def state(self) -> State:
        """What is to be done by the evidence alone; whoever acts has rules besides."""
        return next(iter(self.states.values()))

    @property
    def reasons(self) -> tuple[str, ...]:
        """What each measure shows, in words, harm first."""
        return tuple(f"{self._told(name)}; {SHOWN[state]}" for name, state in self.states.items())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "rates": {name: each.as_dict() for name, each in self.rates.items()},
            "kpis": {name: each.as_dict() for name, each in self.kpis.items()},
            "worst": self.worst,
            "blamed": self.blamed,
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Judge:
        """The judge that `as_dict` told.

        Raises:
            ValueError: It is none.
        """
        try:
            rates = {str(name): Arrivals.of(each) for name, each in told["rates"].items()}
            kpis = {str(name): Difference.of(each) for name, each in told["kpis"].items()}
            worst, blamed = float(told["worst"]), str(told["blamed"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no judge of a canary: {error}") from error
        if not rates and not kpis:
            raise ValueError("this is no judge of a canary: it watches nothing")
        if math.isnan(worst) or (blamed and blamed not in {**rates, **kpis}):
            raise ValueError("this is no judge of a canary: what it blames, it does not watch")
        return cls(rates, kpis, worst, blamed)

    def _weighed(self) -> Judge:
        """With all bets put together."""
        won = {name: each.capital for name, each in self.rates.items()}
        won |= {name: each.capital for name, each in self.kpis.items()}
        won = {name: won[name] + math.log(part) for name, part in self.parts.items()}
        worst = max(self.worst, float(np.logaddexp.reduce(list(won.values()))))
        harms = not self.blamed and worst >= -math.log(self.alpha)
        return replace(self, worst=worst, blamed=max(won, key=won.__getitem__) if harms else self.blamed)

    def _told(self, name: str) -> str:
        if name in self.kpis:
            kpi = self.kpis[name]
            units = f"{kpi.units[0]:,} and {kpi.units[1]:,} units"
            if min(kpi.units) < 2:
                return f"{name}: {units}, too few to read a mean from"
            apart = f"{'better' if kpi.value >= 0 else 'worse'} by {abs(kpi.value):.3g}"
            ends = "" if kpi.low is None or kpi.high is None else f" [{kpi.low:.3g}, {kpi.high:.3g}]"
            return f"{name}: {apart}{ends} than {kpi.stable:.3g}, {units}"
        seen = self.rates[name]
        counted = f"{name}: {seen.canary_bad:,} of {seen.canary:,} against {seen.stable_bad:,} of {seen.stable:,}"
        if not seen.canary_bad + seen.stable_bad:
            return counted
        ratio = seen.posterior()
        return f"{counted}, {ratio.median:.1f} times as often [{ratio.low:.1f}, {ratio.high:.1f}]"
