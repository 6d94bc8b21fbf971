"""Sums from a warehouse teach a bandit what the single rewards would have."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.errors import Misuse
from workbench.experiments.bandits import tallies
from workbench.experiments.bandits.leaves import Leaf
from workbench.experiments.bandits.log import Columns
from workbench.experiments.bandits.state import (
    BanditDesign,
    BanditState,
    Observation,
    add_tallies,
    decide_table,
    update,
)
from workbench.experiments.bandits.tallies import read_tallies

REWARDS = {
    "binary": lambda rng, n: (rng.random(n) < 0.3).astype(float),
    "count": lambda rng, n: rng.poisson(2.0, n).astype(float),
    "mean": lambda rng, n: rng.normal(1e6, 1.0, n),
    "revenue": lambda rng, n: np.where(rng.random(n) < 0.5, rng.lognormal(3, 1, n), 0.0),
}


@pytest.mark.parametrize("reward", REWARDS)
def test_what_the_documented_query_gives_is_worth_the_rows(tmp_path, reward):
    import duckdb

    rng = np.random.default_rng(3)
    days = [date(2026, 1, 1), date(2026, 1, 3)]
    decisions = pd.DataFrame(
        {
            "leaf": rng.choice(["eu", "default"], 600),
            "arm": rng.choice(["a", "b"], 600),
            "day": rng.choice(days, 600),
            "reward": REWARDS[reward](rng, 600),
        }
    )
    query = re.search(r"SELECT.*?GROUP BY[^\n]*", tallies.__doc__, re.DOTALL)[0]
    if reward != "revenue":  # logarithms are of amounts above zero
        query = re.sub(r",\s*count\(\*\) FILTER.*?AS variance_log", "", query, flags=re.DOTALL)
    duckdb.connect().execute(query).df().to_csv(tmp_path / "sums.csv", index=False)
    design = BanditDesign("shop", ("a", "b"), reward, leaves=(Leaf("eu", {"region": "DE"}),), half_life=2.0)
    start = BanditState.start(design)
    rows = [Observation(r.arm, r.reward, r.day, r.leaf) for r in decisions.itertuples()]
    summed, single = add_tallies(start, read_tallies(tmp_path / "sums.csv", reward)), update(start, rows)
    assert summed.rows == single.rows == 600 and summed.day == single.day
    for leaf, arms in decide_table(single).weights.items():
        assert decide_table(summed).weights[leaf] == pytest.approx(arms, abs=1e-7)


def test_a_group_without_amounts_needs_no_logarithms(tmp_path):
    header = "arm,day,n,sum,variance,positive,mean_log,variance_log"
    (tmp_path / "sums.csv").write_text(f"{header}\na,2026-01-01,5,0,0,0,,\nb,2026-01-01,5,3,1,1,1.0986,0\n")
    found = read_tallies(tmp_path / "sums.csv", "revenue")
    assert found["default", "a", date(2026, 1, 1)][:5] == (5, 0, 0, 0, 0)


def test_columns_and_the_day_may_be_told(tmp_path):
    (tmp_path / "sums.csv").write_text("variant,n,sum\na,5,2\na,5,1\n")
    with pytest.raises(Misuse, match="no days"):
        read_tallies(tmp_path / "sums.csv", "binary", Columns(arm="variant"))
    found = read_tallies(tmp_path / "sums.csv", "binary", Columns(arm="variant"), date(2026, 1, 2))
    assert found["default", "a", date(2026, 1, 2)][:2] == pytest.approx((10, 0.3))


@pytest.mark.parametrize(
    ("reward", "row", "said"),
    [
        ("binary", "a,2026-01-01,0,0,,,,", "n is 0"),
        ("binary", "a,2026-01-01,2.5,0,,,,", "n is 2.5"),
        ("binary", "a,2026-01-01,5,6,,,,", "they are 0 or 1"),
        ("binary", "a,2026-01-01,5,1.5,,,,", "they are 0 or 1"),
        ("count", "a,2026-01-01,5,-1,1,,,", "sum of the rewards is -1"),
        ("mean", "a,2026-01-01,5,1,-1,,,", "variance is negative"),
        ("mean", "a,2026-01-01,5,1,,,,", "variance is missing"),
        ("revenue", "a,2026-01-01,5,1,1,6,0,0", "6 of 5 rewards"),
        ("revenue", "a,2026-01-01,5,1,1,0,0,0", "0 of 5 rewards"),
        ("revenue", "a,2026-01-01,5,1,1,1,,0", "mean_log is missing"),
    ],
)
def test_sums_that_cannot_be_are_refused(tmp_path, reward, row, said):
    (tmp_path / "sums.csv").write_text(f"arm,day,n,sum,variance,positive,mean_log,variance_log\n{row}\n")
    with pytest.raises(Misuse, match=said):
        read_tallies(tmp_path / "sums.csv", reward)
    (tmp_path / "less.csv").write_text("arm,n\na,1\n")
    with pytest.raises(Misuse, match="lacks sum"):
        read_tallies(tmp_path / "less.csv", reward)
    with pytest.raises(Misuse, match="there is no such file"):
        read_tallies(tmp_path / "none.csv", reward)
