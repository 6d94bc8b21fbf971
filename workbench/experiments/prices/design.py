"""What a price experiment may do: its prices, its segments, and the limits that no table may break.

Prices are charged as they are listed, never rounded; amounts are in the design's currency, and are
rounded (to the cent) only in sentences. A price is per visitor who buys; what one sale costs is
`unit_cost`, and revenue a visitor is conversion × (price − unit cost).

>>> design = PricingDesign("plans", prices=(19.0, 29.0, 39.0), start={"small": 19.0, "large": 29.0}, floor=19.0,
...     largest_move=0.6)
>>> design.reachable("small", 19.0).tolist()  # 39 is more than 60 % above 19
[True, True, False]
>>> PricingDesign.from_json(design.as_json()) == design
True
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import DEFAULT
from workbench.stats.moments import Floats

Allowed = npt.NDArray[np.bool_]

FORMAT = "workbench.pricing/1"
SLACK = 1e-9  # relative; prices are decimal fractions, which floats do not hold exactly


@dataclass(frozen=True)
class FairBand:
    """Segments whose customers may not be charged far apart: all prices of one table lie in one band."""

    segments: tuple[str, ...]
    largest_ratio: float | None = None  # highest price ÷ lowest, at least 1
    largest_gap: float | None = None  # highest price − lowest, in the currency, at least 0

    def __post_init__(self) -> None:
        if len(set(self.segments)) < 2:
            raise Misuse(f"a fair band names {list(self.segments)}; it needs two segments or more")
        if self.largest_ratio is None and self.largest_gap is None:
            raise Misuse(
                f"the band of {', '.join(self.segments)} has no bound", hint="give largest_ratio or largest_gap"
            )
        if self.largest_ratio is not None and not (math.isfinite(self.largest_ratio) and self.largest_ratio >= 1):
            raise Misuse(f"largest_ratio is {self.largest_ratio}; it must be at least 1, which is one price for all")
        if self.largest_gap is not None and not (math.isfinite(self.largest_gap) and self.largest_gap >= 0):
            raise Misuse(f"largest_gap is {self.largest_gap}; it must be at least 0, which is one price for all")

    def holds(self, low: float, high: float) -> bool:
        """Whether prices from low to high may stand in one table."""
        near = self.largest_ratio is None or high <= low * self.largest_ratio * (1 + SLACK)
        return near and (self.largest_gap is None or high - low <= self.largest_gap + SLACK * high)


@dataclass(frozen=True)
class PricingDesign:
    """A price experiment as it was planned."""

    name: str
    prices: tuple[float, ...]  # in the currency, rising, above zero: the list from which prices are taken
    start: Mapping[str, float]  # what each segment is charged today, a price of the list; its names are the segments
    currency: str = "EUR"
    unit_cost: float = 0.0  # what one sale costs, in the currency, at least 0
    floor: float = 0.0  # no price below it, in the currency
    largest_move: float | None = None  # of a price from what most were charged last, as a share of that; None: any
    fair: tuple[FairBand, ...] = ()  # a segment is in at most one
    budget: float | None = None  # what exploring may cost in all, in the currency; None: no limit
    half_life: float | None = None  # days after which a sale counts half, above zero; None: all count alike
    boldness: float = 0.7  # factor on the posterior's spread in Thompson's draws, in (0, 1]; see `prices.table`

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.prices))
        if len(self.prices) < 2 or not rising or not all(math.isfinite(p) and p > 0 for p in self.prices):
            raise Misuse(f"prices are {list(self.prices)}; two or more are needed, above zero and rising")
        if not self.start:
            raise Misuse("the design has no segment", hint='name each with its price of today, as in {"small": 19.0}')
        if DEFAULT in self.start or not all(self.start):
            taken = f"each needs a name, and {DEFAULT!r} is taken: it is where whoever is of no segment falls"
            raise Misuse(f"the segments are {list(self.start)}; {taken}")
        for field, least in (("unit_cost", 0.0), ("floor", 0.0), ("largest_move", 0.0), ("budget", 0.0)):
            value = getattr(self, field)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise Misuse(f"{field} is {value}; it must be at least {least:g}")
        if self.half_life is not None and not (math.isfinite(self.half_life) and self.half_life > 0):
            raise Misuse(f"half_life is {self.half_life} days; it must be above zero")
        if not 0 < self.boldness <= 1:
            raise Misuse(f"boldness is {self.boldness}; it must lie in (0, 1]")
        for segment, price in self.start.items():
            if price not in self.prices:
                raise Misuse(f"{segment} is charged {price:g} today, which is not on the list", hint="add it to prices")
            if price < self.floor:
                raise Misuse(f"{segment} is charged {price:g} today, below the floor of {self.floor:g}")
        self._check_moves()
        self._check_bands()

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Their names, in the order of `start`."""
        return tuple(self.start)

    def reachable(self, segment: str, reference: float) -> Allowed:
        """Which prices of the list a segment may be charged next, fairness aside.

        Args:
            segment: Its name, for the message.
            reference: What most of it were charged last.

        Raises:
            Misuse: There is none.
        """
        p = np.array(self.prices)
        allowed = p >= self.floor * (1 - SLACK)
        if self.largest_move is not None:
            allowed &= np.abs(p - reference) <= self.largest_move * reference * (1 + SLACK)
        if not allowed.any():
            raise Misuse(
                f"{segment} was last charged {reference:g}; no price of the list is within {self.largest_move:.0%} of "
                f"that and at or above the floor of {self.floor:g}",
                hint="widen largest_move, lower the floor, or add a price between",
            )
        return allowed

    def allowed(self, references: Mapping[str, float], brings: Floats) -> Allowed:
        """Which prices may stand in one table, segments × prices, all limits kept.

        Args:
            references: What most of each segment were charged last.
            brings: What each price is thought to bring in each segment. A fair band is laid where its segments bring
                the most together.

        Raises:
            Misuse: A segment has no price left.
        """
        allowed = np.array([self.reachable(segment, references[segment]) for segment in self.segments])
        for band in self.fair:
            rows = [self.segments.index(segment) for segment in band.segments]
            runs = [np.array([low <= p and band.holds(low, p) for p in self.prices]) for low in self.prices]
            cuts = [allowed[rows] & run for run in runs if (allowed[rows] & run).any(axis=1).all()]
            if not cuts:
                raise Misuse(
                    f"{', '.join(band.segments)} were last charged so far apart that no prices are within the largest "
                    "move of each and within their fair band",
                    hint="widen largest_move, or charge them alike for a day",
                )
            totals = [np.where(cut, brings[rows], -np.inf).max(axis=1).sum() for cut in cuts]
            allowed[rows] = cuts[int(np.argmax(totals))]
        return allowed

    def as_json(self) -> str:
        """The design as text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> PricingDesign:
        """The design that `as_json` wrote, or that a person typed.

        Raises:
            Misuse: The text is no design, or one that cannot be followed.
        """
        try:
            body = json.loads(text)
        except json.JSONDecodeError as error:
            raise Misuse(f"this is no JSON: {error}", hint=f"a design looks like {EXAMPLE}") from error
        return cls.from_body(body)

    @classmethod
    def from_body(cls, body: Any) -> PricingDesign:
        """The design of a JSON object.

        Raises:
            Misuse: It is none.
        """
        try:
            given = dict(body)
            form = given.pop("format")
            bands = [
                FairBand(tuple(map(str, band.pop("segments"))), **band) for band in map(dict, given.pop("fair", ()))
            ]
            prices = tuple(float(price) for price in given.pop("prices"))
            start = {str(segment): float(price) for segment, price in given.pop("start").items()}
            design = cls(prices=prices, start=start, fair=tuple(bands), **given)
        except Misuse:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            wrong = f"it lacks {error}" if isinstance(error, KeyError) else f"it has another form ({error})"
            raise Misuse(f"this is no pricing design: {wrong}", hint=f"a design looks like {EXAMPLE}") from error
        if form != FORMAT:
            raise Misuse(f"the format is {form!r}; it must be {FORMAT!r}", hint=f"a design looks like {EXAMPLE}")
        return design

    def _check_moves(self) -> None:
        """Each price must be reachable from the next lower one: else a segment that gets there never comes back.

        Raises:
            Misuse: One is not.
        """
        listed = [price for price in self.prices if price >= self.floor * (1 - SLACK)]
        for low, high in pairwise(listed):
            if self.largest_move is not None and high - low > self.largest_move * low * (1 + SLACK):
                raise Misuse(
                    f"from {low:g} to {high:g} is a move of {high / low - 1:.1%}, and the largest is "
                    f"{self.largest_move:.0%}: a segment charged {low:g} could never be charged more",
                    hint="widen largest_move, or list a price between",
                )

    def _check_bands(self) -> None:
        """Bands name segments once, and today's prices lie within them.

        Raises:
            Misuse: They do not.
        """
        seen: set[str] = set()
        for band in self.fair:
            if unknown := sorted(set(band.segments) - set(self.start)):
                raise Misuse(f"a fair band names {unknown[0]!r}; the segments are {', '.join(self.start)}")
            if twice := sorted(seen & set(band.segments)):
                raise Misuse(f"{twice[0]!r} is in two fair bands; put all of their segments in one")
            seen |= set(band.segments)
            charged = [self.start[segment] for segment in band.segments]
            if not band.holds(min(charged), max(charged)):
                raise Misuse(
                    f"today {', '.join(band.segments)} are charged {min(charged):g} to {max(charged):g}, which the "
                    "fair band forbids",
                    hint="start from prices within the band",
                )


def arm_of(price: float) -> str:
    """A price as the arm of a decision table: its shortest text, from which it is read again without loss.

    >>> arm_of(29.0), arm_of(29.5), float(arm_of(0.1 + 0.2)) == 0.1 + 0.2
    ('29', '29.5', True)
    """
    return repr(float(price)).removesuffix(".0")


EXAMPLE = json.dumps({"format": FORMAT, "name": "plans", "prices": [19, 29], "start": {"small": 19}})
