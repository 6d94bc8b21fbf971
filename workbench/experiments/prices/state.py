"""What a price experiment has seen so far: visitors and sales by day, segment and price; it adds up.

A state holds its design and counts, nothing else: no random state, no fitted model, no customer. It is
JSON, so that a table of prices can be made again from it years later. Rules:

- `+` and `updated` add counts; the same sales twice are refused by their digest;
- discounting happens when counts are read, never in what is kept;
- what a segment was last charged is read from the counts (the price shown most on its last day), not
  from a plan that may not have been followed.

>>> design = PricingDesign("plans", prices=(19.0, 29.0), start={"small": 19.0})
>>> state = PricingState(design).updated([Sales("2026-03-01", "small", 29.0, seen=200, bought=30)])
>>> state.references()
{'small': 29.0}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.errors import Misuse
from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.state_file import StateFile
from workbench.stats.moments import Floats

FORMAT = "workbench.pricing.state/1"
HINT = "make one with `workbench price start DESIGN STATE`"
COLUMNS = ("day", "segment", "price", "seen", "bought")


class Sales(NamedTuple):
    """What happened on one day in one segment at one price."""

    day: str  # ISO date
    segment: str
    price: float  # in the currency, one of the list
    seen: int  # visitors who were shown the price
    bought: int  # of them, those who bought


class Counts(NamedTuple):
    """Visitors and buyers, segments × prices."""

    seen: Floats
    bought: Floats


Place = tuple[str, str, float]  # day, segment, price


@dataclass(frozen=True)
class PricingState:
    """Additive counts of a price experiment."""

    design: PricingDesign
    cells: Mapping[Place, tuple[int, int]] = field(default_factory=dict)  # seen and bought
    sources: tuple[str, ...] = ()  # SHA-256 of each batch of sales that was added, sorted

    def updated(self, sales: Iterable[Sales], source: str | None = None) -> PricingState:
        """The state with more sales.

        Args:
            sales: What was sold, in any order.
            source: SHA-256 of the log that they were counted from; None: they are known by what they say.

        Raises:
            Misuse: A row does not fit the design, is no count, or the same batch is in already.
        """
        rows = sorted(self._checked(row) for row in sales)
        if not rows:
            return self
        source = source or hashlib.sha256(json.dumps(rows).encode()).hexdigest()
        cells: dict[Place, tuple[int, int]] = {}
        for row in rows:
            _add(cells, (row.day, row.segment, row.price), (row.seen, row.bought))
        return self + PricingState(self.design, cells, (source,))

    def __add__(self, other: PricingState) -> PricingState:
        """Both states' sales together.

        Raises:
            Misuse: The designs differ, or a batch is in both.
        """
        if self.design != other.design:
            raise Misuse(f"states of different designs do not add: {self.design.name}, {other.design.name}")
        if twice := sorted(set(self.sources) & set(other.sources)):
            raise Misuse(
                f"the sales {twice[0][:12]}… are in already; added again, they would count twice",
                hint="give only the sales that came since, in another file",
            )
        cells = dict(self.cells)
        for place, counts in other.cells.items():
            _add(cells, place, counts)
        return replace(self, cells=cells, sources=tuple(sorted(self.sources + other.sources)))

    @cached_property
    def days(self) -> tuple[str, ...]:
        """Days with visitors, in order."""
        return tuple(sorted({day for day, _, _ in self.cells}))

    @cached_property
    def by_day(self) -> Counts:
        """All counts, days × segments × prices."""
        shape = (len(self.days), len(self.design.segments), len(self.design.prices))
        seen, bought = np.zeros(shape), np.zeros(shape)
        at = [{name: i for i, name in enumerate(names)} for names in (self.days, self.design.segments)]
        column = {price: k for k, price in enumerate(self.design.prices)}
        for (day, segment, price), (n, y) in self.cells.items():
            place = at[0][day], at[1][segment], column[price]
            seen[place], bought[place] = n, y
        return Counts(seen, bought)

    def counts(self) -> Counts:
        """What counts today, segments × prices: older sales discounted by the design's half-life.

        A day's weight is 2^(−age ÷ half-life); age is counted from the last day there is.
        """
        seen, bought = self.by_day
        if not self.days:
            return Counts(*(np.zeros(seen.shape[1:]) for _ in range(2)))
        weight = np.ones(len(self.days))
        if self.design.half_life is not None:
            ordinal = np.array([date.fromisoformat(day).toordinal() for day in self.days], dtype=np.float64)
            weight = 2.0 ** ((ordinal - ordinal[-1]) / self.design.half_life)
        return Counts(np.tensordot(weight, seen, 1), np.tensordot(weight, bought, 1))

    def traffic(self) -> Floats:
        """Visitors of each segment so far, and one more, so that none counts for nothing."""
        return np.asarray(1.0 + self.by_day.seen.sum(axis=(0, 2)))

    def references(self) -> dict[str, float]:
        """What each segment was last charged: the price most were shown on its last day, the start before any."""
        found = dict(self.design.start)
        seen, _ = self.by_day
        for s, segment in enumerate(self.design.segments):
            shown = np.flatnonzero(seen[:, s].sum(axis=1))
            if len(shown):
                found[segment] = self.design.prices[int(seen[shown[-1], s].argmax())]
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of the state as text."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    def as_json(self) -> str:
        """The state as text."""
        rows = [[*place, *counts] for place, counts in sorted(self.cells.items())]
        body = {"format": FORMAT, "design": json.loads(self.design.as_json())}
        body |= {"sources": list(self.sources), "columns": list(COLUMNS), "rows": rows}
        return json.dumps(body, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> PricingState:
        """The state that `as_json` wrote.

        Raises:
            Misuse: The text is no state.
        """
        try:
            body = json.loads(text)
            if body["format"] != FORMAT:
                raise Misuse(f"the format is {body['format']!r}; it must be {FORMAT!r}", hint=HINT)
            empty = cls(PricingDesign.from_body(body["design"]))
            rows = [empty._checked(Sales(*row)) for row in body["rows"]]
            sources = tuple(sorted(str(source) for source in body["sources"]))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise Misuse(f"this is no state of a price experiment: {_said(error)}", hint=HINT) from error
        cells = {(row.day, row.segment, row.price): (row.seen, row.bought) for row in rows}
        if len(cells) < len(rows):
            raise Misuse("the state names a day, segment and price twice", hint="take it from a backup")
        return replace(empty, cells=cells, sources=sources)

    def _checked(self, row: Sales) -> Sales:
        """A row of the right types that fits the design.

        Raises:
            Misuse: It does not.
        """
        day, segment, price, seen, bought = row
        try:
            clean = Sales(date.fromisoformat(day).isoformat(), str(segment), float(price), int(seen), int(bought))
        except (TypeError, ValueError, OverflowError) as error:
            raise Misuse(f"{list(row)} is no row of sales: {error}", hint=f"columns: {', '.join(COLUMNS)}") from error
        if clean.seen != seen or clean.bought != bought or not 0 <= clean.bought <= clean.seen:
            raise Misuse(f"{seen} saw {price} and {bought} bought; whole numbers are needed, 0 ≤ bought ≤ seen")
        if clean.segment not in self.design.start:
            raise Misuse(f"there is no segment {segment!r}; the design has {', '.join(self.design.segments)}")
        if clean.price not in self.design.prices:
            listed = ", ".join(f"{p:g}" for p in self.design.prices)
            raise Misuse(f"{price} is not on the list of prices: {listed}", hint="a new list is a new design")
        return clean


def state_file(path: Path) -> StateFile[PricingState]:
    """The file in which a price experiment is kept."""
    return StateFile(path, PricingState.from_json, "the price experiment's state", HINT)


def _said(error: Exception) -> str:
    """What is wrong with a text, for people."""
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON ({error})"
    return f"it lacks {error}" if isinstance(error, KeyError) else f"it has another form ({error})"


def _add(cells: dict[Place, tuple[int, int]], place: Place, counts: tuple[int, int]) -> None:
    seen, bought = cells.get(place, (0, 0))
    cells[place] = (seen + counts[0], bought + counts[1])
