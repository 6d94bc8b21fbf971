"""Worlds in which demand is known, to see what a way of pricing earns before customers are asked.

A world is conversion by day, segment and price. Three kinds are drawn: *logit* (each segment a logistic
curve), *two populations* (in each segment one that pays little and one that pays much, so that revenue
has two peaks and no logistic curve fits), and *drifting* (logistic, and customers become more sensitive
to price between days 30 and 60). Conversion lies at a few to fifty per cent, where independent Thompson
sampling loses about a tenth of what could be earned in 100 days of 500 visitors.

>>> world = logit_world(np.random.default_rng(1))
>>> world.conversion.shape, bool((np.diff(world.conversion) < 0).all())
((100, 8, 10), True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import special

from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.prices.state import PricingState, Sales
from workbench.experiments.prices.table import weigh
from workbench.stats.moments import Floats

PRICES = (9.0, 14.0, 19.0, 24.0, 29.0, 35.0, 41.0, 47.0, 53.0, 59.0)
SEGMENTS = 8
DAYS = 100
VISITORS = 500  # a day, over all segments
FIRST_DAY = date(2026, 1, 1)

Policy = Callable[[Floats, Floats, np.random.Generator], Floats]
"""Weights, segments × prices, from visitors and buyers so far (days × segments × prices)."""


@dataclass(frozen=True, eq=False)
class World:
    """Demand as it truly is."""

    name: str
    prices: tuple[float, ...]
    conversion: Floats  # days × segments × prices

    @property
    def revenue(self) -> Floats:
        """Expected revenue a visitor, days × segments × prices."""
        return np.asarray(self.conversion * np.array(self.prices))


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a policy did in a world."""

    seen: Floats  # visitors, days × segments × prices
    bought: Floats
    weights: Floats  # by which prices were given, in the same places
    lost: Floats  # expected revenue lost each day against the best prices of that day
    oracle: Floats  # expected revenue of those best prices, each day

    @property
    def regret(self) -> float:
        """Share of what could have been earned that was not."""
        return float(self.lost.sum() / self.oracle.sum())

    def state(self, design: PricingDesign, days: int | None = None) -> PricingState:
        """The first days as a state of a design with the same prices and as many segments."""
        state = PricingState(design)
        return state.updated(_sales(design, self.seen[:days], self.bought[:days], 0))


def logit_world(rng: np.random.Generator, *, segments: int = SEGMENTS, days: int = DAYS) -> World:
    """Each segment a logistic curve in price."""
    level = 0.4 * rng.standard_normal((segments, 1))
    fall = 0.07 * np.exp(0.3 * rng.standard_normal((segments, 1)))
    return _steady("logit", special.expit(level - fall * np.array(PRICES)), days)


def two_population_world(rng: np.random.Generator, *, segments: int = SEGMENTS, days: int = DAYS) -> World:
    """In each segment two populations, one of which pays about 15 and the other about 48."""
    column = (segments, 1)
    many = np.clip(0.3 + 0.1 * rng.standard_normal(column), 0.1, 0.6)  # share of those who pay much
    little = 15 * np.exp(0.15 * rng.standard_normal(column))
    much = 48 * np.exp(0.12 * rng.standard_normal(column))
    interested = 0.35 * np.exp(0.1 * rng.standard_normal(column))
    p = np.array(PRICES)
    share = (1 - many) * special.expit((little - p) / 2) + many * special.expit((much - p) / 2)
    return _steady("two populations", interested * share, days)


def drifting_world(rng: np.random.Generator, *, segments: int = SEGMENTS, days: int = DAYS) -> World:
    """A logistic world in which demand falls faster with price, by 80 %, after days 30 to 60."""
    level = 0.4 * rng.standard_normal((segments, 1))
    fall = 0.05 * np.exp(0.3 * rng.standard_normal((segments, 1)))
    way = np.clip((np.arange(days) - 30) / 30, 0, 1)[:, None, None]
    return World("drifting", PRICES, np.asarray(special.expit(level - fall * (1 + 0.8 * way) * np.array(PRICES))))


WORLDS: Mapping[str, Callable[..., World]] = {
    "logit": logit_world,
    "two populations": two_population_world,
    "drifting": drifting_world,
}


def simulate(policy: Policy, world: World, rng: np.random.Generator, *, visitors: int = VISITORS) -> Simulated:
    """A policy in a world, day by day: prices are weighed in the morning on all days before.

    Args:
        policy: Gives the weights.
        world: Demand as it truly is; its days are the simulation's.
        rng: Source of chance, of visitors and of the policy.
        visitors: A day; each comes from a segment drawn evenly.
    """
    seen, bought, weights = (np.zeros(world.conversion.shape) for _ in range(3))
    segments = world.conversion.shape[1]
    for day, conversion in enumerate(world.conversion):
        weights[day] = policy(seen[:day], bought[:day], rng)
        arrived = rng.multinomial(visitors, np.full(segments, 1 / segments))
        seen[day] = rng.multinomial(arrived, weights[day] / weights[day].sum(axis=1, keepdims=True))
        bought[day] = rng.binomial(seen[day].astype(np.int64), conversion)
    best = world.revenue.max(axis=2, keepdims=True)
    lost = (seen * (best - world.revenue)).sum(axis=(1, 2))
    return Simulated(seen, bought, weights, lost, (seen * best).sum(axis=(1, 2)))


def guarded(design: PricingDesign, *, draws: int = 500) -> Policy:
    """The policy of a design: `weigh` with all of its limits, on the state of all days before."""
    state, known = PricingState(design), 0

    def weights(seen: Floats, bought: Floats, rng: np.random.Generator) -> Floats:
        nonlocal state, known
        state = state.updated(_sales(design, seen[known:], bought[known:], known))
        known = len(seen)
        return weigh(state, rng, draws=draws).weights

    return weights


def _steady(name: str, conversion: Floats, days: int) -> World:
    return World(name, PRICES, np.broadcast_to(conversion, (days, *conversion.shape)))


def _sales(design: PricingDesign, seen: Floats, bought: Floats, first: int) -> Iterable[Sales]:
    for day, s, k in zip(*np.nonzero(seen), strict=True):
        when = (FIRST_DAY + timedelta(days=first + int(day))).isoformat()
        yield Sales(when, design.segments[s], design.prices[k], int(seen[day, s, k]), int(bought[day, s, k]))
