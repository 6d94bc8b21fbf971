"""Whether a canary costs the business something: an e-process on which units' values are the canary's.

Units (a customer sees one version for as long as the share lasts) were assigned by chance, so a unit whose
value is known belongs to the canary with probability s, its share of the units at that moment, whatever the
value: while the canary is no worse. Against that claim it is bet that low values are the canary's, with
probability s·r / (s·r + 1 − s), r = exp(−λ·g), where g is the value in spreads from the mean, both of the
units *before* it, and cut at `CUT`. The capital grows on average by nothing while the canary's values are as
high as the champion's or higher (in the order of distributions; proof: the factor of a canary's unit falls with
its value, and for equal distributions its mean is 1), for values of any shape and any drift in time, any ramp
and any moment of looking: it ever reaches 1/α with probability α at most. λ is a mixture.

That it is not worse by more than the margin is read from an interval of the difference that holds at all looks
together; it is that of a normal mixture, within the stretches of one share, and only read once either side has
`ENOUGH` units for a mean to be near normal. The posterior is for people; it decides nothing.

>>> rng = np.random.default_rng(0)
>>> canary = rng.random(20_000) < 0.2
>>> value = rng.exponential(10.0, 20_000) - 1.0 * canary
>>> seen = Difference.begun(margin=0.05).look(Units.of(canary, 0.2, value))
>>> seen.state, round(seen.value, 1), round(seen.posterior().chance_loss, 2)
('roll back', -1.0, 1.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.stats.always_valid import always_valid, tuned_scale
from workbench.stats.canary import LIMIT, State
from workbench.stats.moments import Floats, Sample

Direction = Literal["up", "down"]

ENOUGH = 100  # units on either side, below which nothing is read from a mean
TOLD = 4.0  # standard errors that the margin should be at the look for which the interval is narrowest
WARM = 20  # units before the first one that is bet on
CUT = 4.0  # spreads from the mean, beyond which a value counts as no further
LARGEST = 1e100  # of a value; its square can still be added
BETS = tuple(0.02 * 2.0**k for k in range(7))  # λ: losses of 2 % to 130 % of a spread


class Units(NamedTuple):
    """Units whose value is known, in the order in which it became known; each is there once."""

    canary: npt.NDArray[np.bool_]  # whether the canary answered it
    share: Floats  # probability with which it would, in (0, 1)
    value: Floats

    @classmethod
    def of(cls, canary: npt.ArrayLike, share: npt.ArrayLike, value: npt.ArrayLike) -> Units:
        """Units from plain values.

        Raises:
            ValueError: The lengths differ, a share does not lie in (0, 1), or a value is beyond `LARGEST`.
        """
        values = np.asarray(value, dtype=np.float64)
        sides = np.asarray(canary, dtype=bool)
        shares = np.broadcast_to(np.asarray(share, dtype=np.float64), values.shape)
        if sides.shape != values.shape or values.ndim != 1:
            raise ValueError(f"{sides.size} sides and {values.size} values; there must be one of each a unit")
        if not ((np.abs(values) <= LARGEST).all() and ((shares > 0) & (shares < 1)).all()):
            raise ValueError(f"a value is no number up to {LARGEST:g}, or a share does not lie in (0, 1)")
        return cls(sides, shares, values)


class Gap(NamedTuple):
    """What is believed of the difference, everything equally likely beforehand; above 0 is better."""

    mean: float
    low: float  # 95 % of the belief lies between
    high: float
    chance_worse: float  # that it is below 0
    chance_loss: float  # that it loses the margin or more


@dataclass(frozen=True)
class Difference:
    """The canary's mean less the champion's, turned so that more is better; plain JSON."""

    margin: float  # loss that does not matter, as a share of the champion's mean, above zero
    better: Direction
    alpha: float  # chance that the interval ever misses the truth, and of ever passing what loses the margin
    capital: float = 0.0  # logarithm of what the bets against "no worse" have come to
    worst: float = 0.0  # the largest so far
    low: float | None = None  # of the interval that holds at all looks; None: nothing can be read yet
    high: float | None = None
    value: float = 0.0
    error: float | None = None  # standard error of the value
    stable: float = 0.0  # the champion's mean
    units: tuple[int, int] = (0, 0)  # of the canary and of the champion

    @classmethod
    def begun(cls, *, margin: float, better: Direction = "up", alpha: float = 0.01) -> Difference:
        """Nothing seen yet.

        Args:
            margin: Loss that does not matter, as a share of the champion's mean.
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

    @property
    def loss(self) -> float:
        """The margin in the KPI's unit."""
        return self.margin * abs(self.stable)

    def look(self, units: Units) -> Difference:
        """The watch after one more look.

        Args:
            units: All of them so far, those of earlier looks first.
        """
        sign = 1.0 if self.better == "up" else -1.0
        capital = won(units, sign)
        now = float(capital[-1]) if len(capital) else 0.0
        value, error = difference(units)
        counts = (int(units.canary.sum()), int((~units.canary).sum()))
        stable = float(units.value[~units.canary].mean()) if counts[1] else 0.0
        seen = replace(
            self,
            capital=now,
            worst=max(self.worst, float(capital.max(initial=0.0))),
            low=None,
            high=None,
            value=sign * value,
            error=error or None,
            stable=stable,
            units=counts,
        )
        if min(counts) < ENOUGH or not error:
            return seen
        found = always_valid(seen.value, error, scale=self._scale(units), alpha=self.alpha)
        return replace(seen, low=float(found.low), high=float(found.high))

    def judged(self, part: float = 1.0) -> State:
        """What has been shown: that it is worse, that it does not lose the margin, or neither.

        Args:
            part: Of the chance of falsely taking a canary back, that is this KPI's; in (0, 1].
        """
        if self.worst >= -math.log(part * self.alpha):
            return "roll back"
        return "advance" if self.low is not None and self.low > -self.loss else "hold"

    @property
    def state(self) -> State:
        """What has been shown by itself."""
        return self.judged()

    def posterior(self) -> Gap | None:
        """What is believed of the difference; None: too little is known."""
        if self.error is None:
            return None
        worse, loss = (_below((end - self.value) / self.error) for end in (0.0, -self.loss))
        return Gap(self.value, self.value - 1.96 * self.error, self.value + 1.96 * self.error, worse, loss)

    def nearness(self, part: float = 1.0) -> tuple[float, float]:
        """How much of the evidence is there that it takes to go back, and how much of the interval lies above the loss.

        Args:
            part: As in `judged`.
        """
        back = min(max(self.worst / -math.log(part * self.alpha), 0.0), 1.0)
        if self.low is None or self.high is None or self.high <= self.low:
            return back, 0.0
        return back, min(max((self.high + self.loss) / (self.high - self.low), 0.0), 1.0)

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
            low, high, error = (
                None if named[name] is None else float(named[name]) for name in ("low", "high", "error")
            )
            capital, worst, value, mean = (float(named[name]) for name in ("capital", "worst", "value", "stable"))
            canary, stable = map(int, named["units"])
        except (KeyError, TypeError, AttributeError) as wrong:
            raise ValueError(f"this is no watch of a KPI: {wrong}") from wrong
        if any(
            each is not None and not math.isfinite(each) for each in (low, high, error, capital, worst, value, mean)
        ):
            raise ValueError("this is no watch of a KPI: a number is not finite")
        return replace(
            begun, low=low, high=high, error=error, capital=capital, worst=worst, value=value, stable=mean,
            units=(canary, stable),
        )  # fmt: skip

    def _scale(self, units: Units) -> float:
        """Of the mixture: fixed by the champion's first units, since it must not follow what is looked at."""
        first = units.value[~units.canary][:ENOUGH]
        matters = self.margin * (abs(float(first.mean())) or float(first.std()) or 1.0)
        return tuned_scale(matters / TOLD, alpha=self.alpha)


def won(units: Units, sign: float = 1.0) -> Floats:
    """Logarithm of the capital after each unit, bet against the claim that the canary's values are no lower.

    Args:
        units: In the order in which their values became known.
        sign: −1 where less is better.

    >>> won(Units.of([True] * 25, 0.5, [1.0] * 25)).tolist() == [0.0] * 25
    True
    """
    n = len(units.value)
    if not n:
        return np.zeros(0)
    before = np.arange(n)
    anchor = units.value[0]
    y = units.value - anchor
    sums, squares = (np.concatenate([[0.0], np.cumsum(power)[:-1]]) for power in (y, y * y))
    mean = sums / np.maximum(before, 1)
    spread = np.sqrt(np.maximum(squares / np.maximum(before, 1) - mean * mean, 0.0))
    known = (before >= WARM) & (spread > 1e-9 * np.maximum(np.abs(mean), 1e-300))
    g = np.zeros(n)
    g[known] = np.clip(sign * (y[known] - mean[known]) / spread[known], -CUT, CUT)
    logs = []
    for bet in BETS:
        gain = -bet * g * units.canary - np.log1p(units.share * np.expm1(-bet * g))
        logs.append(np.cumsum(gain))
    stacked = np.array(logs)
    top = stacked.max(axis=0)
    return np.asarray(np.clip(top + np.log(np.exp(stacked - top).mean(axis=0)), -LIMIT, LIMIT))


def difference(units: Units) -> tuple[float, float]:
    """The canary's mean less the champion's within stretches of one share, and its standard error; 0: unknown.

    Stretches are weighed by how much they can tell, n₁n₀ ÷ (n₁ + n₀), which no value has a part in. The canary's
    values count as spread no less than the champion's: of what is rare its few units have often seen none yet.
    """
    parts = []
    for share in np.unique(units.share):
        here = units.share == share
        one, other = units.value[here & units.canary], units.value[here & ~units.canary]
        if min(len(one), len(other)) >= 2:
            a, b = Sample.of(one), Sample.of(other)
            spread = max(a.variance, b.variance)
            parts.append((a.n * b.n / (a.n + b.n), a.mean - b.mean, spread / a.n + b.error**2))
    if not parts:
        return 0.0, 0.0
    weight, gap, variance = np.array(parts).T
    weight = weight / weight.sum()
    return float(weight @ gap), float(np.sqrt(weight**2 @ variance))


def _below(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
