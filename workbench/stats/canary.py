"""Whether a canary does harm: two e-processes on bad outcomes, valid at any moment, ramp and traffic.

A bad outcome (an error, an answer slower than the objective) belongs to the canary with probability
s·r / (s·r + 1 − s), where s is the canary's share of the traffic at that moment and r the ratio of
its rate to the stable version's. Two claims are bet against, each by a mixture over ratios:

- "the ratio is at most `tolerated`": refuted, the canary goes back;
- "the ratio is at least `harm`": refuted, the canary has shown that it does no such harm.

While a claim holds, the capital that is bet against it grows on average by nothing: for outcomes that
are independent given the rates, whatever these are and however they move with the hour,
E Π a^bad_canary b^bad_stable ≤ exp(n₁p₁(a−1) + n₀p₀(b−1)) ≤ 1. So it ever reaches 1/α with probability
α at most, however often one looks. The bet against the first claim is renewed at every interval with a
little of the capital, so that a canary that turns bad late is caught too. What is decided stays so, and
harm goes before harmlessness. The posterior of the ratio is for people to read; it decides nothing.

>>> watch = Arrivals.begun()
>>> for _ in range(6):
...     watch = watch.add(canary=500, canary_bad=25, stable=9500, stable_bad=95)
>>> watch.state, round(watch.posterior().median, 1)
('roll back', 5.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from workbench.stats.moments import Floats

State = Literal["advance", "hold", "roll back"]

STEP = 4  # ratios between 1 and 2, of the mixtures and of the posterior
LEAST, MOST = -5, 6  # powers of two of the ratios
SOUND = (0.49, 1.2)  # times `tolerated`: the ratios that are bet on against the claim of harm
AT_ONCE = 0.8  # of the capital that is bet from the start; the rest at later intervals
LIKELY = (2.0, 10.1)  # times `tolerated`: the ratios that most of the capital is bet on
MOST_BET = 0.8  # of the capital, evenly among them; the rest evenly among all
SHARES = (0.02, 0.1, 0.3, 0.5, 0.7)  # of the negligible rate: the rates that are bet on
FINE = 4001  # points of the posterior
LIMIT = 700.0  # of a logarithm of capital: beyond it nothing more is told


@dataclass(frozen=True)
class Bar:
    """What counts as harm, and how sure one must be."""

    tolerated: float = 1.0  # ratio up to which the canary is not to be taken back
    harm: float = 2.0  # ratio from which it must not advance, above `tolerated`
    alpha: float = 0.01  # chance of ever taking back one that is tolerated, and of ever passing one that harms
    negligible: float = 0.0  # rate of bad outcomes below which the canary advances whatever the ratio; 0: none

    def __post_init__(self) -> None:
        if not (0 < self.tolerated < self.harm < math.inf):
            raise ValueError(f"ratios {self.tolerated:g} and {self.harm:g}; they need 0 < tolerated < harm")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha:g}; it must lie in (0, 1)")
        if not 0 <= self.negligible < 1:
            raise ValueError(f"the negligible rate is {self.negligible:g}; it must lie in [0, 1)")


class Ratio(NamedTuple):
    """What is believed of the ratio, every order of magnitude equally likely beforehand."""

    median: float
    low: float  # 95 % of the belief lies between
    high: float
    chance_worse: float  # that it is above the tolerated
    chance_harm: float  # that it is the harm or more


@dataclass(frozen=True)
class Arrivals:
    """All that has been seen of one kind of bad outcome; grows by counts of intervals, plain JSON."""

    bar: Bar
    canary: int  # outcomes of the canary
    canary_bad: int
    stable: int
    stable_bad: int
    looks: int  # intervals added
    likelihood: tuple[float, ...]  # logarithm, by ratio
    against_tolerated: tuple[float, ...]  # logarithm of the capital bet, by ratio above `tolerated`
    spent: float  # share of that capital that has been bet
    capital: float  # logarithm of what it has come to now, what was not bet with it
    against_rate: tuple[float, ...]  # logarithm of the likelihood ratio against `negligible`, by rate below it
    worst: float  # largest logarithm of the capital against "tolerated" so far
    best: float  # against "harm"

    @classmethod
    def begun(cls, bar: Bar | None = None) -> Arrivals:
        """Nothing seen yet.

        Args:
            bar: What counts as harm; by default twice the rate, at 1 %.
        """
        bar = bar or Bar()
        grid = _grid(bar.tolerated, bar.harm)
        above = int((grid > bar.tolerated).sum())
        rates = (0.0,) * (len(SHARES) if bar.negligible else 0)
        return cls(bar, 0, 0, 0, 0, 0, (0.0,) * len(grid), (-math.inf,) * above, 0.0, 0.0, rates, 0.0, 0.0)

    def add(self, *, canary: int, canary_bad: int, stable: int, stable_bad: int) -> Arrivals:
        """The watch after one more interval, in which the traffic was divided in one way.

        Args:
            canary: Outcomes of the canary in the interval.
            canary_bad: Of them bad.
            stable: Outcomes of the stable version in the same interval.
            stable_bad: Of them bad.

        Raises:
            ValueError: A count is negative, or more are bad than there are.
        """
        if not (0 <= canary_bad <= canary and 0 <= stable_bad <= stable):
            raise ValueError(
                f"{canary_bad} of {canary} and {stable_bad} of {stable} are bad; each count must lie between "
                "0 and the number of outcomes"
            )
        bar, grid = self.bar, _grid(self.bar.tolerated, self.bar.harm)
        gained = _likelihood(grid, canary, canary_bad, stable, stable_bad)
        likelihood = np.array(self.likelihood) + gained
        looks = self.looks + 1
        fresh = AT_ONCE if looks == 1 else (1 - AT_ONCE) / ((looks - 1) * looks)
        above = grid > bar.tolerated
        base = gained[grid == bar.tolerated]
        bet = np.logaddexp(np.array(self.against_tolerated), math.log(fresh)) + gained[above] - base
        bet = np.clip(bet, -LIMIT, LIMIT)
        spent = self.spent + fresh
        won = _log_sum(bet + _purse(bar.tolerated, bar.harm))
        capital = float(np.logaddexp(won, math.log(max(1 - spent, 1e-300))))
        rates = np.array(self.against_rate)
        if bar.negligible:
            rate = bar.negligible * np.array(SHARES)
            rates = rates + canary_bad * np.log(rate / bar.negligible)
            rates += (canary - canary_bad) * (np.log1p(-rate) - math.log1p(-bar.negligible))
        best = self._harmless(likelihood, rates)
        return replace(
            self,
            canary=self.canary + canary,
            canary_bad=self.canary_bad + canary_bad,
            stable=self.stable + stable,
            stable_bad=self.stable_bad + stable_bad,
            looks=looks,
            likelihood=tuple(likelihood.tolist()),
            against_tolerated=tuple(bet.tolist()),
            spent=spent,
            capital=capital,
            against_rate=tuple(rates.tolist()),
            worst=max(self.worst, capital),
            best=max(self.best, best),
        )

    @property
    def state(self) -> State:
        """What has been shown by itself."""
        return self.judged()

    def judged(self, part: float = 1.0) -> State:
        """What has been shown, where several kinds of outcome are watched at once.

        Args:
            part: Of the chance of falsely taking a canary back, that is this kind's; in (0, 1].
        """
        if self.worst >= -math.log(part * self.bar.alpha):
            return "roll back"
        return "advance" if self.best >= -math.log(self.bar.alpha) else "hold"

    def posterior(self) -> Ratio:
        """What is believed of the ratio."""
        ratios, weight = self.belief()
        fine = np.log(ratios)
        ends = np.cumsum(weight) - weight / 2
        low, median, high = (float(np.exp(np.interp(q, ends, fine))) for q in (0.025, 0.5, 0.975))
        worse, harm = (1 - float(np.interp(math.log(end), fine, ends)) for end in (self.bar.tolerated, self.bar.harm))
        return Ratio(median, low, high, worse, harm)

    def belief(self) -> tuple[Floats, Floats]:
        """The posterior as a curve: ratios, even in their logarithm, and how much of the belief is at each.

        >>> ratios, weight = Arrivals.begun().add(canary=100, canary_bad=9, stable=900, stable_bad=9).belief()
        >>> round(float(weight.sum()), 6), round(float(ratios[weight.argmax()]))
        (1.0, 9)
        """
        from scipy.interpolate import CubicSpline  # a slow import, and only people read this

        grid = np.log(_grid(self.bar.tolerated, self.bar.harm))
        fine = np.linspace(grid[0], grid[-1], FINE)
        seen = CubicSpline(grid, self.likelihood)(fine)
        weight = np.exp(seen - seen.max())
        return np.exp(fine), weight / weight.sum()

    def nearness(self, part: float = 1.0) -> tuple[float, float]:
        """How much of the evidence is there that it takes to go back, and to show no harm; shares in [0, 1].

        Args:
            part: As in `judged`.
        """
        back, ahead = -math.log(part * self.bar.alpha), -math.log(self.bar.alpha)
        return min(max(self.worst / back, 0.0), 1.0), min(max(self.best / ahead, 0.0), 1.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        bets = [None if bet == -math.inf else bet for bet in self.against_tolerated]
        return asdict(self) | {"against_tolerated": bets}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Arrivals:
        """The watch that `as_dict` told.

        Raises:
            ValueError: It is none.
        """
        try:
            named = {field.name: told[field.name] for field in fields(cls)}
            bets = [-math.inf if bet is None else float(bet) for bet in named["against_tolerated"]]
            named |= {"bar": Bar(**named["bar"]), "against_tolerated": tuple(bets)}
            for name in ("likelihood", "against_rate"):
                named[name] = tuple(map(float, named[name]))
            made = cls(**named)
            empty = cls.begun(made.bar)
            sound = 0 <= made.canary_bad <= made.canary and 0 <= made.stable_bad <= made.stable and made.looks >= 0
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no watch of a canary: {error}") from error
        for name in ("likelihood", "against_tolerated", "against_rate"):
            if len(getattr(made, name)) != len(getattr(empty, name)) or any(map(math.isnan, getattr(made, name))):
                raise ValueError(f"this is no watch of a canary: {name} does not fit its bar")
        if not sound:
            raise ValueError("this is no watch of a canary: its counts cannot be")
        return made

    def _harmless(self, likelihood: Floats, rates: Floats) -> float:
        """Logarithm of the capital against "harm": against the ratio, or half of it against the rate."""
        grid = _grid(self.bar.tolerated, self.bar.harm)
        low, high = (self.bar.tolerated * end for end in SOUND)
        bet = (grid >= low) & (grid <= high) & (grid < self.bar.harm)
        by_ratio = _mean(likelihood[bet] - likelihood[grid == self.bar.harm])
        if not len(rates):
            return by_ratio
        return float(np.logaddexp(by_ratio, _mean(rates)) - math.log(2))


@lru_cache(maxsize=64)
def _grid(tolerated: float, harm: float) -> Floats:
    """The ratios that are mixed, from small to great; the two of the claims are among them."""
    powers = 2.0 ** (np.arange(LEAST * STEP, MOST * STEP + 1) / STEP)
    grid = np.unique(np.append(powers * harm / 2, [tolerated, harm]))
    near = np.isclose(grid[1:], grid[:-1], rtol=1e-9)
    grid = grid[~np.append(near, False)] if near.any() else grid
    for claim in (tolerated, harm):
        grid[np.argmin(np.abs(np.log(grid / claim)))] = claim
    return grid


@lru_cache(maxsize=64)
def _purse(tolerated: float, harm: float) -> Floats:
    """Logarithm of the part of the capital that is on each ratio above `tolerated`."""
    above = _grid(tolerated, harm)
    above = above[above > tolerated]
    likely = (above >= LIKELY[0] * tolerated * (1 - 1e-9)) & (above <= LIKELY[1] * tolerated)
    part = np.full(len(above), 1 / len(above))
    if likely.any():
        part = (1 - MOST_BET) * part + MOST_BET * likely / likely.sum()
    return np.asarray(np.log(part))


def _likelihood(grid: Floats, canary: int, canary_bad: int, stable: int, stable_bad: int) -> Floats:
    """Logarithm of the likelihood of where the bad outcomes fell, by ratio; 0 where only one version was asked."""
    if not canary or not stable:
        return np.zeros(len(grid))
    odds = grid * (canary / stable)
    return np.asarray(-canary_bad * np.log1p(1 / odds) - stable_bad * np.log1p(odds))


def _mean(logs: Floats) -> float:
    """Logarithm of the mean."""
    return _log_sum(logs) - math.log(len(logs))


def _log_sum(logs: Floats) -> float:
    """Logarithm of the sum."""
    top = float(logs.max())
    return top if top == -math.inf else top + float(np.log(np.exp(logs - top).sum()))
