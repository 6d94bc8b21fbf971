"""What is known of each price in money: revenue a visitor with its interval, the best price, the price of learning.

    reading = read_prices(state, rng)
    reading.sentences["small"]    # "At 29 € a visitor of small brings 1.42 €, between …"
    reading.exploring.mean        # what mixing prices has cost so far

All of it comes from joint draws of the demand curves. *What exploring cost*: each day's visitors
against the best of the prices shown to their segment that day, at today's estimates; a day with one
price costs nothing. Amounts are in the design's currency and unrounded; sentences round to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.prices.design import Allowed, PricingDesign
from workbench.experiments.prices.state import PricingState
from workbench.experiments.words import chance
from workbench.stats.demand import DemandPosterior, demand_posterior
from workbench.stats.moments import Floats

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
DRAWS = 2000  # from which intervals, chances and weights are taken: a chance of a half is known to ± 0.01 (one sd)


class Amount(NamedTuple):
    """An amount of money with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class SegmentReading:
    """What is known of one segment."""

    segment: str
    reference: float  # what it was last charged
    best: float  # price within all limits with the highest expected revenue
    at_best: Amount  # revenue a visitor there
    gain: Amount  # of moving from the reference to the best, a visitor
    chance_of_gain: float  # probability that the best brings more than the reference; 0.5 where they are one
    visitors: int  # of this segment, seen so far
    elsewhere: int  # of all other segments

    def sentence(self, design: PricingDesign) -> str:
        """For people who decide, numbers first."""
        where = f"At {price_tag(self.best, design)} a visitor of {self.segment} brings"
        low, high = money(self.at_best.low, design), money(self.at_best.high, design)
        said = f"{where} {money(self.at_best.mean, design)}, between {low} and {high}"
        if not self.visitors:
            known = "this is known from other segments alone" if self.elsewhere else "this was assumed beforehand"
            return f"{said}; {known}, no visitor of {self.segment} was seen yet."
        if self.best == self.reference:
            return f"{said}; that is what is charged now, and no price within the limits is expected to bring more."
        return (
            f"{said}; moving from {price_tag(self.reference, design)} is worth {money(self.gain.mean, design)} a "
            f"visitor, and the chance that it is worth anything is {chance(self.chance_of_gain)}."
        )


@dataclass(frozen=True, eq=False)
class PriceReading:
    """What is known of all segments and prices."""

    state: PricingState
    level: float  # inside the intervals
    posterior: DemandPosterior
    draws: Floats  # revenue a visitor, draws × segments × prices
    bold: Floats  # the same with the posterior's spread times the design's boldness
    expected: Floats  # revenue a visitor, segments × prices
    low: Floats
    high: Floats
    conversion: Floats  # expected, segments × prices
    allowed: Allowed  # prices within all limits, a fair band laid where most is expected, segments × prices
    exploring: Amount  # what mixing prices has cost so far
    gain: Amount  # a visitor, of the best known prices over those charged before the experiment
    chance_of_gain: float  # probability that it is above zero
    segments: dict[str, SegmentReading]

    @property
    def sentence(self) -> str:
        """All segments together, each as it was visited."""
        design = self.state.design
        days = len(self.state.days)
        if not days:
            return "No visitor was seen yet."
        low, high = money(self.gain.low, design), money(self.gain.high, design)
        return (
            f"Over {days} day{'s' if days > 1 else ''}, against the prices charged before, the best known ones bring "
            f"{money(self.gain.mean, design)} more a visitor, between {low} and {high}; the chance that they bring "
            f"more is {chance(self.chance_of_gain)}. Exploring has cost {money(max(self.exploring.mean, 0), design)}."
        )

    @property
    def sentences(self) -> dict[str, str]:
        """What to tell people, by segment."""
        return {name: read.sentence(self.state.design) for name, read in self.segments.items()}

    def as_json(self) -> dict[str, Any]:
        """Plain JSON: the curve of every segment with its band."""
        prices = list(self.state.design.prices)
        curves = {
            name: {
                "expected": self.expected[s].tolist(),
                "low": self.low[s].tolist(),
                "high": self.high[s].tolist(),
                "conversion": self.conversion[s].tolist(),
                "sentence": self.sentences[name],
            }
            for s, name in enumerate(self.state.design.segments)
        }
        spent = self.exploring._asdict()
        gain = self.gain._asdict() | {"chance": self.chance_of_gain}
        told = {"sentence": self.sentence, "prices": prices, "level": self.level, "gain": gain}
        return told | {"revenue_a_visitor": curves, "exploring": spent}


def read_prices(
    state: PricingState,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    start: DemandPosterior | None = None,
) -> PriceReading:
    """What a state says of every price.

    Args:
        state: Counts so far.
        rng: Source of chance.
        level: Probability inside the intervals, in (0, 1).
        draws: Of the demand curves.
        start: Yesterday's posterior, from which today's is found sooner.

    Raises:
        Misuse: The level is outside (0, 1), or there are fewer than 100 draws.
    """
    if not 0 < level < 1 or draws < 100:
        raise Misuse(f"level is {level} and draws {draws}; the level must lie in (0, 1), draws be at least 100")
    design = state.design
    counts = state.counts()
    posterior = demand_posterior(counts.bought, counts.seen, design.prices, start=start)
    margin = np.array(design.prices) - design.unit_cost
    share = posterior.draw(rng, draws)
    bold = share if design.boldness == 1 else posterior.draw(rng, draws, spread=design.boldness)
    revenue = share * margin
    expected = revenue.mean(axis=0)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(revenue, tails, axis=0)
    references = state.references()
    allowed = design.allowed(references, state.traffic()[:, None] * expected)
    visitors = state.by_day.seen.sum(axis=(0, 2))
    share_of = visitors / max(visitors.sum(), 1.0)
    gained = np.zeros(draws)
    read = {}
    for s, segment in enumerate(design.segments):
        best = int(np.where(allowed[s], expected[s], -np.inf).argmax())
        now = design.prices.index(references[segment])
        gain = revenue[:, s, best] - revenue[:, s, now]
        gained += share_of[s] * (revenue[:, s, best] - revenue[:, s, design.prices.index(design.start[segment])])
        read[segment] = SegmentReading(
            segment=segment,
            reference=references[segment],
            best=design.prices[best],
            at_best=Amount(float(expected[s, best]), float(low[s, best]), float(high[s, best])),
            gain=_amount(gain, tails),
            chance_of_gain=float((gain > 0).mean()) if best != now else 0.5,
            visitors=int(visitors[s]),
            elsewhere=int(visitors.sum() - visitors[s]),
        )
    return PriceReading(
        state=state,
        level=level,
        posterior=posterior,
        draws=revenue,
        bold=bold * margin,
        expected=expected,
        low=low,
        high=high,
        conversion=share.mean(axis=0),
        allowed=allowed,
        exploring=_amount(_cost_of_exploring(state, revenue, expected), tails),
        gain=_amount(gained, tails),
        chance_of_gain=float((gained > 0).mean()),
        segments=read,
    )


def money(amount: float, design: PricingDesign) -> str:
    """An amount as people read it, to the cent.

    >>> money(-1204.5, PricingDesign("plans", (1.0, 2.0), {"small": 1.0}))
    '−1,204.50 €'
    """
    text = f"{abs(amount):,.2f}"
    return f"{'−' if amount < 0 and float(text.replace(',', '')) else ''}{text} {_sign(design)}"


def price_tag(price: float, design: PricingDesign) -> str:
    """A price of the list, as it is listed.

    >>> price_tag(29.0, PricingDesign("plans", (19.5, 29.0), {"small": 29.0}))
    '29 €'
    """
    return f"{f'{price:,.2f}'.removesuffix('.00')} {_sign(design)}"


def _sign(design: PricingDesign) -> str:
    return SIGNS.get(design.currency, design.currency)


def _cost_of_exploring(state: PricingState, revenue: Floats, expected: Floats) -> Floats:
    """What mixing prices cost, a draw: every day against the best price that was shown in it."""
    seen = state.by_day.seen
    best = np.where(seen > 0, expected, -np.inf).argmax(axis=2)  # days × segments
    visitors = seen.sum(axis=2)
    foregone = np.zeros(seen.shape[1:])  # visitors by the price that would have been best for them
    for s in range(seen.shape[1]):
        np.add.at(foregone[s], best[:, s], visitors[:, s])
    return np.asarray(np.tensordot(revenue, foregone - seen.sum(axis=0), 2))


def _amount(draws: Floats, tails: list[float]) -> Amount:
    low, high = np.quantile(draws, tails)
    return Amount(float(draws.mean()), float(low), float(high))
