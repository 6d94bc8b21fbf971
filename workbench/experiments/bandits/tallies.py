"""Rewards that were summed elsewhere, as in a warehouse: one row a leaf, arm and day.

Which columns are needed depends on the kind of a reward:

    binary           n, sum
    count, mean      n, sum, variance
    revenue          n, sum, variance, positive, mean_log, variance_log

`n` is how many rewards, `variance` the population's (`var_pop`, divided by n), `positive` how many rewards above
zero, and `mean_log` and `variance_log` are of the natural logarithm of those, empty where there are none:

    SELECT leaf, arm, day, count(*) AS n, sum(reward) AS sum, var_pop(reward) AS variance,
           count(*) FILTER (WHERE reward > 0) AS positive,
           avg(ln(reward)) FILTER (WHERE reward > 0) AS mean_log,
           var_pop(ln(reward)) FILTER (WHERE reward > 0) AS variance_log
    FROM decisions GROUP BY leaf, arm, day

A plain sum of squares is not taken: where the mean is large against the spread, nothing is left of it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.tables import read_table
from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import DEFAULT
from workbench.experiments.bandits.log import COLUMNS, Columns, days_of, numbers_of, texts_of
from workbench.experiments.bandits.state import FITS
from workbench.stats.bandits import Reward, Tally, pooled

if TYPE_CHECKING:
    import pandas as pd

LOGS = ("positive", "mean_log", "variance_log")
NEEDED: dict[Reward, tuple[str, ...]] = {
    "binary": ("n", "sum"),
    "count": ("n", "sum", "variance"),
    "mean": ("n", "sum", "variance"),
    "revenue": ("n", "sum", "variance", *LOGS),
}

Tallies = dict[tuple[str, str, date], Tally]  # by leaf, arm and day


def read_tallies(path: Path, reward: Reward, columns: Columns = COLUMNS, day: date | None = None) -> Tallies:
    """The tallies in a CSV or Parquet file.

    Args:
        path: The file.
        reward: What kind of number a reward is.
        columns: What the columns of arm, leaf and day are called; without leaves all are the default one's.
        day: The day of all rows, for a file without days.

    Raises:
        Misuse: The file cannot be read, a column is absent, or a row's numbers cannot be of such rewards.
    """
    if not path.is_file():
        raise Misuse(f"the sums {path} cannot be read: there is no such file", hint="give a .csv or .parquet file")
    frame = read_table(path)
    needed = (columns.arm, *NEEDED[reward])
    if missing := [name for name in needed if name not in frame]:
        raise Misuse(
            f"{path} lacks {', '.join(missing)}", hint=f"sums of rewards of kind {reward}: {', '.join(needed)}"
        )
    days = days_of(frame, columns.day)
    if days is None and day is None:
        raise Misuse(f"{path} has no days", hint="say on which day its decisions were made, as in --day 2026-01-31")
    days = days or [day or date.min] * len(frame)
    arms, leaves = texts_of(frame, columns.arm) or [], texts_of(frame, columns.leaf) or [DEFAULT] * len(frame)
    found: dict[tuple[str, str, date], list[Tally]] = {}
    for number, (place, tally) in enumerate(
        zip(zip(leaves, arms, days, strict=True), _tallies(frame, reward), strict=True), start=1
    ):
        if wrong := _wrong(tally, reward):
            raise Misuse(f"row {number} of {path}: {wrong}", hint="`workbench bandit update --help` has the columns")
        found.setdefault(place, []).append(tally)
    return {place: pooled(tallies) for place, tallies in found.items()}


def _tallies(frame: pd.DataFrame, reward: Reward) -> list[Tally]:
    if reward == "revenue":  # a group without any amount above zero has no logarithms
        none = frame["positive"] == 0
        frame = frame.assign(**{name: frame[name].where(~none, 0.0) for name in LOGS})
    columns = [numbers_of(frame, name).tolist() for name in NEEDED[reward]]
    return [_tally(*row) for row in zip(*columns, strict=True)]


def _tally(
    n: float,
    total: float,
    variance: float | None = None,
    positive: float = 0.0,
    mean_log: float = 0.0,
    variance_log: float = 0.0,
) -> Tally:
    """A row as a tally; without a variance, its rewards are 0 and 1."""
    mean = total / n if n else 0.0
    if variance is None:
        return Tally(n, mean, n * mean * (1 - mean), total)
    return Tally(n, mean, n * variance, positive, mean_log, positive * variance_log)


def _wrong(tally: Tally, reward: Reward) -> str | None:
    """What about a tally cannot be, in words; None: nothing."""
    total = tally.n * tally.mean
    if tally.n < 1 or tally.n != int(tally.n):
        return f"n is {tally.n:g}; it must be a whole number from 1"
    if reward == "binary" and not (0 <= total <= tally.n and abs(total - round(total)) < 1e-6):
        return f"the sum of {tally.n:g} rewards is {total:g}; they are 0 or 1"
    if reward in {"count", "revenue"} and total < 0:
        return f"the sum of the rewards is {total:g}; each must be {FITS[reward][1]}"
    if min(tally.m2, tally.m2_log) < 0:
        return "a variance is negative"
    if reward == "revenue" and not (0 <= tally.positive <= tally.n and (tally.positive > 0) == (total > 0)):
        return f"{tally.positive:g} of {tally.n:g} rewards are above zero, and their sum is {total:g}"
    return None
