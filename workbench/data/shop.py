"""A made-up shop's A/B test by day: what a real one looks like, with an effect that is known.

Visitors come more at weekends, buy more on some days than on others, and spend log-normal amounts.
Each visitor comes once, on one day, and is drawn into one arm by a fair coin.

>>> test = shop_test(np.random.default_rng(1), days=2, per_day=100)
>>> list(test.columns), sorted(set(test["day"]))
(['visitor', 'day', 'arm', 'bought', 'dollars'], ['2026-03-02', '2026-03-03'])
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MONDAY = date(2026, 3, 2)
WEEK = np.array([0.92, 0.90, 0.93, 0.97, 1.02, 1.16, 1.10])  # visitors, Monday first; one on average
APPETITE = np.array([0.98, 0.97, 0.98, 1.00, 1.02, 1.04, 1.01])  # share who buy, the same way


def shop_test(
    rng: np.random.Generator, *, days: int = 28, per_day: int = 4000, baseline: float = 0.1, effect: float = 0.03
) -> pd.DataFrame:
    """One row a visitor of a made-up A/B test.

    Args:
        rng: Where chance comes from.
        days: How long it ran, from a Monday on; at least 1.
        per_day: Visitors a day on average, at least 1.
        baseline: Share of visitors who buy in the old shop, in (0, 0.9).
        effect: Relative change of that share in the new shop.

    Returns:
        Columns `visitor` (a number), `day` (ISO date), `arm` ("old", "new"), `bought` (0 or 1),
        `dollars` (0 for those who did not buy).

    Raises:
        ValueError: A number is out of range.
    """
    import pandas as pd

    if days < 1 or per_day < 1 or not 0 < baseline < 0.9 or not 0 < baseline * (1 + effect) < 0.9:
        raise ValueError(f"{days} days of {per_day} with baseline {baseline:g} and effect {effect:g} are no experiment")
    weekday = np.arange(days) % 7
    visitors = rng.poisson(per_day * WEEK[weekday])
    day = np.repeat(np.arange(days), visitors)
    new = rng.random(len(day)) < 0.5
    share = baseline * APPETITE[weekday][day] * np.where(new, 1 + effect, 1.0)
    bought = rng.random(len(day)) < share
    dollars = np.where(bought, rng.lognormal(3.4, 0.7, len(day)), 0.0).round(2)
    dates = np.array([(MONDAY + timedelta(days=d)).isoformat() for d in range(days)])
    return pd.DataFrame(
        {
            "visitor": np.arange(len(day)),
            "day": dates[day],
            "arm": np.where(new, "new", "old"),
            "bought": bought.astype(np.int64),
            "dollars": dollars,
        }
    )
