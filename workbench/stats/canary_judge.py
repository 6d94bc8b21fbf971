"""The canary's judge: errors, answers too slow and KPIs together, in one of three states.

One measure that shows harm takes the canary back; all must show that there is none before it advances;
whatever is open holds it. The chance of ever taking back a sound canary is divided among the measures, so
that it stays at `alpha` however many there are. The chance of ever passing one that harms needs no
division: the measure that it harms would have to pass too.

>>> judge = Judge.begun(Bar(), rates=("errors", "slow"))
>>> for _ in range(6):
...     judge = judge.add({"errors": Counts(500, 25, 9500, 95), "slow": Counts(475, 5, 9405, 94)})
>>> judge.state, judge.reasons[0]
('roll back', 'errors: 150 of 3,000 against 570 of 57,000, 5.0 times as often [4.2, 6.0]; shown to be worse')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from workbench.stats.canary import Arrivals, Bar, State
from workbench.stats.canary_kpi import Difference, Direction
from workbench.stats.moments import Sample

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
            kpis: By name: the loss that does not matter, in its unit, and whether more is better ("up").

        Raises:
            ValueError: Nothing is to be watched, or a margin is not above zero.
        """
        bar, told = bar or Bar(), kpis or {}
        if not rates and not told:
            raise ValueError("a judge needs something to watch: a kind of bad outcome, or a KPI")
        share = bar.alpha / (len(rates) + len(told))
        return cls(
            {name: Arrivals.begun(bar) for name in rates},
            {name: Difference.begun(margin=margin, better=way, alpha=share) for name, (margin, way) in told.items()},
        )

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
        return replace(self, rates=grown)

    def look(self, name: str, *, canary: Sample, stable: Sample) -> Judge:
        """The judge after a look at a KPI.

        Args:
            name: Of the KPI.
            canary: All its units so far, one value a unit.
            stable: The same of the stable version.

        Raises:
            ValueError: The KPI is not watched.
        """
        if name not in self.kpis:
            raise ValueError(f"the KPI {name!r} is not watched; watched are {', '.join(self.kpis) or 'none'}")
        return replace(self, kpis={**self.kpis, name: self.kpis[name].look(canary=canary, stable=stable)})

    @property
    def states(self) -> dict[str, State]:
        """What each measure has shown, harm first."""
        watched = len(self.rates) + len(self.kpis)
        found = {name: each.judged(watched) for name, each in self.rates.items()}
        found |= {name: each.state for name, each in self.kpis.items()}
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
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no judge of a canary: {error}") from error
        if not rates and not kpis:
            raise ValueError("this is no judge of a canary: it watches nothing")
        return cls(rates, kpis)

    def _told(self, name: str) -> str:
        if name in self.kpis:
            kpi = self.kpis[name]
            units = f"{kpi.units[0]:,} and {kpi.units[1]:,} units"
            if kpi.low is None or kpi.high is None:
                return f"{name}: {units}, too few to read a mean from"
            return f"{name}: better by {kpi.value:.3g} [{kpi.low:.3g}, {kpi.high:.3g}], {units}"
        seen = self.rates[name]
        counted = f"{name}: {seen.canary_bad:,} of {seen.canary:,} against {seen.stable_bad:,} of {seen.stable:,}"
        if not seen.canary_bad + seen.stable_bad:
            return counted
        ratio = seen.posterior()
        return f"{counted}, {ratio.median:.1f} times as often [{ratio.low:.1f}, {ratio.high:.1f}]"
