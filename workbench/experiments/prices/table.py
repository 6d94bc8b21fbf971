"""The table of prices that is served next: weights over allowed prices by segment, every limit kept.

Weights are Thompson's: how often a price brings the most in draws of revenue a visitor. They are taken
from a stated number of draws; once the table is out, its weights *are* the probabilities by which
prices are given. It is served as a `DecisionTable`, whose arms are the prices as text and whose leaves
are the segments; every choice read off it carries its propensity, for the log (`prices.log`). Whoever is
of no segment falls to the default leaf, where nothing is tried: the lowest of the prices that segments
were charged before the experiment. Rules, kept in every table:

- no price below the floor, none further than the largest move from what the segment was last charged;
- all prices of a fair band's segments lie within its ratio and gap; the band's place is chosen by one
  draw of what its segments would bring, so that it is explored as prices are;
- the table does not plan to spend more on exploring than is left of the budget, and does not explore
  once that is spent;
- one customer sees one price as long as the table stands, and keeps it with the next one unless the
  weights around it moved (`bandits.decision_table`).

A boldness below one shrinks the draws towards the mode, which earns more over a finite horizon and
explores less (Chapelle & Li 2011, An Empirical Evaluation of Thompson Sampling).

>>> from workbench.experiments.prices.design import PricingDesign
>>> design = PricingDesign("plans", (19.0, 29.0, 39.0), {"small": 19.0}, largest_move=0.6)
>>> table = weigh(PricingState(design), np.random.default_rng(0))
>>> bool(table.weights[0, 2] == 0), round(float(table.weights.sum()), 12)
(True, 1.0)
>>> table.decisions.choose("customer 7", {"segment": "medium"})[:2]
('19', 1.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.leaves import DEFAULT, Leaf
from workbench.experiments.prices.design import Allowed, PricingDesign, arm_of
from workbench.experiments.prices.reading import DRAWS, PriceReading, money, read_prices
from workbench.experiments.prices.state import PricingState
from workbench.stats.moments import Floats

SEGMENT = "segment"  # the attribute of a customer that the table asks for


class Offer(NamedTuple):
    """What one customer is shown."""

    price: float  # in the currency
    propensity: float  # the probability by which the table gives this price in this segment
    table_version: str  # of the decision table it was read off


@dataclass(frozen=True, eq=False)
class PriceTable:
    """Weights over prices, by segment."""

    reading: PriceReading
    weights: Floats  # segments × prices, each row sums to one
    allowed: Allowed  # prices within all limits, segments × prices
    planned_cost: float  # of exploring with this table, for as many visitors as came last; in the currency
    draws: int  # from which the weights were taken
    note: str  # on the budget, in words

    @property
    def design(self) -> PricingDesign:
        """The design it follows."""
        return self.reading.state.design

    @cached_property
    def decisions(self) -> DecisionTable:
        """The table that is served: segments as leaves, prices as arms."""
        arms = [arm_of(price) for price in self.design.prices]
        rows = dict(zip(self.design.segments, self.weights.tolist(), strict=True))
        weights = {segment: dict(zip(arms, row, strict=True)) for segment, row in rows.items()}
        before = arm_of(min(self.design.start.values()))
        weights[DEFAULT] = {arm: float(arm == before) for arm in arms}
        return DecisionTable.of(self.design.name, weights, [Leaf(name, {SEGMENT: name}) for name in rows])

    def offer(self, segment: str, customer: str) -> Offer:
        """The price that one customer sees while this table stands, with its propensity.

        Raises:
            Misuse: There is no such segment, or the customer's name is no text.
        """
        if segment not in self.design.start:
            raise Misuse(f"there is no segment {segment!r}; the table has {', '.join(self.design.segments)}")
        choice = self.decisions.choose(customer, {SEGMENT: segment})
        return Offer(float(choice.arm), choice.propensity, choice.table_version)

    def as_json(self) -> str:
        """The decision table as text, and beside it what is known of each price, in numbers and sentences."""
        told = {"currency": self.design.currency, "note": self.note, "planned_cost": self.planned_cost}
        return self.decisions.as_json(told | {"draws": self.draws} | self.reading.as_json())


def weigh(state: PricingState, rng: np.random.Generator, *, level: float = 0.95, draws: int = DRAWS) -> PriceTable:
    """The next table of prices.

    Args:
        state: Counts so far, and the design.
        rng: Source of chance.
        level: Probability inside the intervals of its reading, in (0, 1).
        draws: Of the demand curves.

    Raises:
        Misuse: The limits leave a segment without a price, or level or draws cannot be used.
    """
    design = state.design
    reading = read_prices(state, rng, level=level, draws=draws)
    left = None if design.budget is None else design.budget - reading.exploring.mean
    stopped = left is not None and left <= 0
    allowed = reading.allowed
    if design.fair and not stopped:
        guess = reading.bold[int(rng.integers(draws))]
        allowed = design.allowed(state.references(), state.traffic()[:, None] * guess)
    best = np.where(allowed, reading.expected, -np.inf).argmax(axis=1)
    greedy = np.eye(len(design.prices))[best]
    weights = greedy if stopped else thompson_weights(reading.bold, allowed)
    visitors = _last_visitors(state)
    planned = float((visitors[:, None] * (greedy - weights) * reading.expected).sum())
    if left is not None and not stopped and planned > left:  # mixed with the best known so far, until it can be paid
        share = left / planned
        weights, planned = share * weights + (1 - share) * greedy, share * planned
    return PriceTable(reading, weights, allowed, planned, draws, _note(state, reading.exploring.mean, planned, stopped))


def thompson_weights(revenue: Floats, allowed: Allowed) -> Floats:
    """How often each allowed price brings the most.

    Args:
        revenue: Draws × segments × prices.
        allowed: Segments × prices, one or more in each row.

    Returns:
        Segments × prices; each row sums to one, and is zero where a price is not allowed.
    """
    best = np.where(allowed, revenue, -np.inf).argmax(axis=-1)
    return np.asarray((best[..., None] == np.arange(revenue.shape[-1])).mean(axis=0))


def _last_visitors(state: PricingState) -> Floats:
    """Visitors of each segment on the last day; none before the first."""
    seen = state.by_day.seen
    return seen[-1].sum(axis=1) if len(seen) else np.zeros(seen.shape[1])


def _note(state: PricingState, spent: float, planned: float, stopped: bool) -> str:
    design = state.design
    if not state.days:
        return "What exploring costs is planned from the second day on, when it is known how many visitors come."
    plan = f"This table plans to spend {money(planned, design)} a day on exploring"
    if design.budget is None:
        return f"{plan}; no budget was set."
    budget = f"the budget of {money(design.budget, design)}"
    if stopped:
        return f"Exploring has stopped: {budget} is spent, and every segment is charged its best known price."
    return f"{plan}; {money(design.budget - spent, design)} of {budget} is left."
