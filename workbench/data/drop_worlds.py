"""Worlds whose truth is known: loans scored by a fixed rule, before and after something went wrong.

A model that was once right is asked about loans: `income`, `debt` and `age` decide, `region` and
`channel` do not. What goes wrong later is chosen, and what that truly costs can be computed, since the
chance of every outcome is known. Used to see whether an audit of causes finds what was done.

>>> before, now = drop_world("income stops", rows=2000, rng=np.random.default_rng(0))
>>> bool(now["income"].isna().mean() > 0.2), bool(before["income"].isna().any())
(True, False)
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

WORLDS = ("nothing", "younger applicants", "rule changed", "income stops", "all three")
BEGIN = datetime(2026, 5, 1)  # noqa: DTZ001 (a clock of the world, in no zone)
CHANGED = datetime(2026, 6, 12)  # noqa: DTZ001
END = datetime(2026, 7, 1)  # noqa: DTZ001
LOST = 0.5  # share of incomes that no longer arrive after the change
REGIONS = ("north", "south", "east", "west")


def drop_world(world: str, *, rows: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cases of May and of June with label and prediction; the change comes on 12 June.

    Args:
        world: One of `WORLDS`. "younger applicants" moves inputs, "rule changed" turns what income means in the
            south, "income stops" loses half of the incomes from 12 June on.
        rows: Cases a month, from 10.
        rng: Source of the cases.

    Returns:
        Two frames with `at`, the features, `chance` (true probability of the label), `repaid` and `answer`.

    Raises:
        Misuse: There is no such world, or there are too few rows.
    """
    if world not in WORLDS or rows < 10:
        raise Misuse(f"there is no world {world!r} of {rows} rows", hint=f"{', '.join(WORLDS)}; 10 rows or more")
    june = datetime(BEGIN.year, 6, 1)  # noqa: DTZ001
    return _month("nothing", rows, BEGIN, june, rng), _month(world, rows, june, END, rng)


def _month(world: str, rows: int, begin: datetime, end: datetime, rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    at = np.sort(rng.uniform(0, (end - begin).total_seconds(), rows))
    times = [begin + timedelta(seconds=int(second)) for second in at]
    all_three = world == "all three"
    younger = world == "younger applicants" or all_three
    age = (18 + 62 * rng.beta(*((2, 6) if younger else (3, 4)), rows)).round()
    income = np.exp(rng.normal(3.6 + 0.012 * (age - 45), 0.45, rows)).round(1)  # younger people earn less
    debt = np.clip(rng.normal(35, 12, rows), 0, 100).round(1)
    region = rng.choice(REGIONS, rows)
    channel = rng.choice(["branch", "web"], rows)
    turned = (region == "south") & (world == "rule changed" or all_three)
    chance = 1.0 / (1.0 + np.exp(-_odds(age, income, debt) * np.where(turned, -0.3, 1.0)))
    lost = np.array([time >= CHANGED for time in times]) & (rng.random(rows) < LOST)
    arrived = np.where(lost & (world == "income stops" or all_three), np.nan, income)
    filled = np.where(np.isnan(arrived), 15.0, arrived)  # what the serving code takes in its place
    return pd.DataFrame(
        {
            "at": times,
            "age": age,
            "income": arrived,
            "debt": debt,
            "region": region,
            "channel": channel,
            "chance": chance,
            "repaid": (rng.random(rows) < chance).astype(int),
            "answer": (_odds(age, filled, debt) >= 0).astype(int),
        }
    )


def _odds(age: np.ndarray, income: np.ndarray, debt: np.ndarray) -> np.ndarray:
    return np.asarray(3.0 * np.log(income / 30.0) + 0.08 * (age - 40) - 0.06 * (debt - 40))
