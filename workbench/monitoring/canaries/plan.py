"""How a canary goes: its steps, how long each lasts, what it may cost, and when it is taken back unshown.

A plan is data: whoever starts a canary may give one, a model may be declared with one
(`objectives["canary"]`), and what neither says is the default.

>>> Plan.of({"steps": [0.05, 0.1], "minutes": 30}).after(0.05)
0.1
>>> print(Plan().in_words)
5 %, 10 %, 20 %, 40 % of the traffic, then champion
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

from workbench.errors import Misuse
from workbench.monitoring.shares import percent
from workbench.promotion.declarations import Declaration

MOST_STEPS = 20
DECLARED = "canary"  # among a declaration's objectives


@dataclass(frozen=True)
class Plan:
    """What a canary is to go through."""

    steps: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4)  # shares of the traffic, each greater than the one before
    minutes: float = 10.0  # at each step, at least
    requests: int = 200  # of the canary at each step, at least
    looks: int = 2  # one after the other that must say the same before it advances
    harm: float = 100.0  # bad outcomes more than the champion would have had, that it may cost unshown
    exposure: int = 1_000_000  # requests that it may answer unshown
    hours: float = 72.0  # from its first share, after which it is taken back unless it is shown
    cooldown: float = 24.0  # hours after it was taken back, in which the version is not tried again
    alpha: float = 0.01  # chance of ever taking back a sound one, and of ever passing one that harms
    negligible: float = 0.1  # part of the allowed errors, below which it may advance whatever the champion's rate
    promote: bool = True  # whether it is put forward as champion after its last step
    kpis: bool = True  # whether its KPIs must be shown to lose nothing before that; they take it back in any case

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Plan:
        """The plan that plain values tell; what is not among them is the default.

        Raises:
            Misuse: A name is unknown, a value is of the wrong kind or out of its range.
        """
        known = {field.name: field for field in fields(cls)}
        unknown = [str(name) for name in told if name not in known]
        if unknown:
            raise Misuse(f"{unknown[0]!r} is no part of a canary's plan", hint=f"its parts are {', '.join(known)}")
        values: dict[str, Any] = {}
        for name, value in told.items():
            if name == "steps":
                values[name] = _steps(value)
            elif name in {"promote", "kpis"}:
                if not isinstance(value, bool):
                    raise Misuse(f"{name} is {value!r}; it must be true or false")
                values[name] = value
            else:
                values[name] = _number(name, value, whole=name in {"requests", "looks", "exposure"})
        for name in ("alpha", "negligible"):
            if not values.get(name, 0.0) < 1:
                raise Misuse(f"{name} is {values[name]:g}; it must lie below 1")
        return cls(**values)

    @classmethod
    def declared(cls, declaration: Declaration) -> Plan:
        """The plan that a model was declared with, or the default.

        Raises:
            Misuse: What was declared is none.
        """
        told = declaration.objectives.get(DECLARED, {})
        if not isinstance(told, Mapping):
            raise Misuse(
                f"{declaration.model} is declared with a canary's plan that is no table",
                hint=f"workbench declare {declaration.model} --canary minutes=30 --why …",
            )
        return cls.of(told)

    def after(self, weight: float) -> float | None:
        """The share after one; None after the last."""
        return next((step for step in self.steps if step > weight), None)

    def place(self, weight: float) -> int:
        """At which step a share is, from 1; 0 below the first."""
        return sum(step <= weight for step in self.steps)

    @property
    def in_words(self) -> str:
        """The steps, in words."""
        ending = ", then champion" if self.promote else ""
        return f"{', '.join(percent(step) for step in self.steps)} of the traffic{ending}"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "steps": list(self.steps)}


def _steps(value: Any) -> tuple[float, ...]:
    given = list(value) if isinstance(value, list | tuple) else []
    numbers = [float(step) for step in given if isinstance(step, int | float) and not isinstance(step, bool)]
    rising = all(a < b for a, b in pairwise(numbers))
    if not numbers or len(numbers) != len(given) or len(numbers) > MOST_STEPS or not rising:
        raise Misuse(f"the steps are {value!r}; they must be 1 to {MOST_STEPS} shares, each greater than the last")
    if not (numbers[0] > 0 and numbers[-1] < 1):
        raise Misuse(f"the steps are {value!r}; each must lie in (0, 1)", hint="--steps 5,10,20,40 are per cent")
    return tuple(numbers)


def _number(name: str, value: Any, *, whole: bool) -> float | int:
    sound = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not sound or not 0 <= value < math.inf:
        raise Misuse(f"{name} is {value!r}; it must be a{' whole' if whole else ''} number of 0 or more")
    if name in {"hours", "alpha", "looks"} and not value > 0:
        raise Misuse(f"{name} is {value!r}; it must be above 0")
    number: float | int = value
    return number
