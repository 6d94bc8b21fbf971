"""What was sold, read from a file: the log of offers, or counts that were made of one elsewhere.

The log of offers is a `BanditLog` with one record a visitor. Its leaf is the segment, its arm the price as
text, its propensity and table version are as the decision table gave them, and its reward is what the sale
brought, in the currency: price − unit cost, or 0 where nothing was bought. Whoever is of no segment (the
default leaf) says nothing of any segment and is left out. Counts are a CSV file with the columns day,
segment, price, seen, bought.

>>> from datetime import date
>>> from workbench.experiments.bandits.log import LogRecord
>>> offers = [LogRecord(f"customer {i}", "small", "29", 0.4, "44addaaf041f", 29.0 * (i < 2), date(2026, 3, 1))
...     for i in range(5)]
>>> sales_of(BanditLog.of(offers), PricingDesign("plans", (19.0, 29.0), {"small": 19.0}))
[Sales(day='2026-03-01', segment='small', price=29.0, seen=5, bought=2)]
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from workbench.data.digests import digest_file
from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import DEFAULT
from workbench.experiments.bandits.log import BanditLog
from workbench.experiments.prices.design import PricingDesign, arm_of
from workbench.experiments.prices.state import COLUMNS, Sales
from workbench.experiments.state_file import read_text

HINT = f"give a log of offers (.jsonl, .parquet or .csv), or a .csv with the columns {', '.join(COLUMNS)}"


class Sold(NamedTuple):
    """What a file says was sold."""

    sales: list[Sales]
    source: str | None  # SHA-256 of the log of offers; None: counts, which are known by what they say
    left_out: int  # offers made to customers of no segment


def read_sold(path: Path, design: PricingDesign) -> Sold:
    """What was sold, from a log of offers or a file of counts.

    Raises:
        Misuse: The file cannot be read, a column is absent, a value is of the wrong kind, or there is no sale of
            any segment.
    """
    if path.suffix == ".csv":
        text = read_text(path, "the log", HINT)
        if "arm" not in next(csv.reader(io.StringIO(text)), []):
            return Sold(read_counts(text), None, 0)
    log = BanditLog.read(path)
    return Sold(sales_of(log, design), digest_file(path), sum(leaf == DEFAULT for leaf in log.leaf))


def sales_of(log: BanditLog, design: PricingDesign) -> list[Sales]:
    """A log of offers, counted by day, segment and price.

    Raises:
        Misuse: The log has no days, no customer of a segment, an arm that is no price, or a reward that is neither 0
            nor what a sale brings.
    """
    if log.day is None:
        raise Misuse("the log of offers has no days", hint="its column day must hold them, like 2026-01-31")
    offers = Counter(zip(log.day, log.leaf, log.arm, log.reward.tolist(), strict=True))
    sold = []
    for (day, segment, arm, reward), seen in offers.items():
        if segment == DEFAULT:
            continue
        price = _price(arm)
        sold.append(Sales(day.isoformat(), segment, price, seen, seen * _is_sale(reward, price, design)))
    if not sold:
        raise Misuse("the log has no offer to a customer of a segment", hint="its column leaf must hold the segment")
    return _together(sold)


def read_counts(text: str) -> list[Sales]:
    """Sales from the text of a CSV file with columns day, segment, price, seen, bought.

    Raises:
        Misuse: A column is missing, a cell is no number, or there is no row.
    """
    reader = csv.DictReader(io.StringIO(text))
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise Misuse(f"the log lacks {', '.join(missing)}", hint=HINT)
    rows = []
    for line, row in enumerate(reader, start=2):
        try:
            numbers = float(row["price"]), int(row["seen"]), int(row["bought"])
        except (TypeError, ValueError) as error:
            raise Misuse(f"line {line} of the log: {error}", hint=HINT) from error
        rows.append(Sales(row["day"], row["segment"], *numbers))
    if not rows:
        raise Misuse("the log has no row of sales", hint="a day without visitors needs no log")
    return rows


def _price(arm: str) -> float:
    try:
        return float(arm)
    except ValueError as error:
        hint = "the arm of an offer is its price, like 29"
        raise Misuse(f"the log of offers has the arm {arm!r}, which is no price", hint=hint) from error


def _is_sale(reward: float, price: float, design: PricingDesign) -> bool:
    """Whether a reward tells of a sale.

    Raises:
        Misuse: It cannot be told.
    """
    brings = price - design.unit_cost
    if abs(brings) < 1e-9:
        hint = f"give counts: {', '.join(COLUMNS)}"
        raise Misuse(f"a sale at {arm_of(price)} brings nothing, so its reward does not tell it from none", hint=hint)
    if math.isclose(reward, brings, rel_tol=1e-9):
        return True
    if reward:
        raise Misuse(
            f"a reward at {arm_of(price)} is {reward:g}; it must be {brings:g}, which is what a sale brings, or 0",
            hint="a reward is money: price − unit_cost where something was bought",
        )
    return False


def _together(sold: list[Sales]) -> list[Sales]:
    """One row a day, segment and price: those who bought and those who did not."""
    seen, bought = Counter[tuple[str, str, float]](), Counter[tuple[str, str, float]]()
    for row in sold:
        seen[row[:3]] += row.seen
        bought[row[:3]] += row.bought
    return [Sales(*place, count, bought[place]) for place, count in sorted(seen.items())]
