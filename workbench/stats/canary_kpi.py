"""Whether a canary costs the business something: the difference of a KPI, looked at whenever one likes.

Taken over sticky units (a customer sees one version for as long as the canary lasts), since units and
not requests are what was assigned by chance. Each look gives the moments of all units so far; the
interval is that of a normal mixture, holds at all looks together, and is only read once either side has
enough units for a sum to be near normal. What one look has shut out stays shut out: the intervals are cut
with one another.

>>> watch, units = Difference.begun(margin=0.5), Sample(n=20_000, mean=10.0, m2=80_000.0)
>>> watch = watch.look(canary=units, stable=units)
>>> watch.state, round(watch.high, 3)
('advance', 0.078)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from workbench.stats.always_valid import always_valid, tuned_scale
from workbench.stats.canary import State
from workbench.stats.moments import Sample

Direction = Literal["up", "down"]

ENOUGH = 100  # units on either side, below which nothing is read from a mean
TOLD = 4.0  # standard errors that the margin should be at the look for which the interval is narrowest


@dataclass(frozen=True)
class Difference:
    """The canary's mean less the stable version's, turned so that more is better; plain JSON."""

    margin: float  # loss that does not matter, in the KPI's unit, above zero
    better: Direction
    alpha: float  # chance that the interval ever misses the truth
    low: float | None = None  # of all looks' intervals together; None: nothing could be read yet
    high: float | None = None
    value: float = 0.0  # at the last look
    units: tuple[int, int] = (0, 0)  # of the canary and of the stable version, at the last look

    @classmethod
    def begun(cls, *, margin: float, better: Direction = "up", alpha: float = 0.01) -> Difference:
        """Nothing seen yet.

        Args:
            margin: Loss that does not matter, in the KPI's unit.
            better: Whether more of it is better, or less.
            alpha: Chance of ever being wrong, in (0, 1).

        Raises:
            ValueError: A number lies outside what it may be.
        """
        if not (0 < margin < math.inf and 0 < alpha < 1) or better not in {"up", "down"}:
            raise ValueError(
                f"margin {margin:g}, alpha {alpha:g}, better {better!r}; needed are a margin above 0, alpha in (0, 1) "
                "and up or down"
            )
        return cls(margin, better, alpha)

    def look(self, *, canary: Sample, stable: Sample) -> Difference:
        """The watch after one more look.

        Args:
            canary: All units of the canary so far, one value a unit.
            stable: All units of the stable version so far.
        """
        units = (int(canary.n), int(stable.n))
        sign = 1.0 if self.better == "up" else -1.0
        seen = replace(self, value=sign * (canary.mean - stable.mean) if min(units) else 0.0, units=units)
        error = math.hypot(canary.error, stable.error)
        if min(canary.independent, stable.independent) < ENOUGH or error <= 0:
            return seen
        scale = tuned_scale(self.margin / TOLD, alpha=self.alpha)
        found = always_valid(seen.value, error, scale=scale, alpha=self.alpha)
        low, high = float(found.low), float(found.high)
        return replace(
            seen,
            low=low if self.low is None else max(self.low, low),
            high=high if self.high is None else min(self.high, high),
        )

    @property
    def state(self) -> State:
        """Roll back: it is worse. Advance: it is not worse by the margin. Else hold."""
        if self.high is None or self.low is None:
            return "hold"
        if self.high < 0:
            return "roll back"
        return "advance" if self.low > -self.margin else "hold"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Difference:
        """The watch that `as_dict` told.

        Raises:
            ValueError: It is none.
        """
        try:
            named = {field.name: told[field.name] for field in fields(cls)}
            begun = cls.begun(margin=named["margin"], better=named["better"], alpha=named["alpha"])
            low, high = (None if named[end] is None else float(named[end]) for end in ("low", "high"))
            canary, stable = map(int, named["units"])
            return replace(begun, low=low, high=high, value=float(named["value"]), units=(canary, stable))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no watch of a KPI: {error}") from error
