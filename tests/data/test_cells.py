"""Days have one order, and a unit lies on the first of its own."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.data.cells import in_order
from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments import analyse
from workbench.experiments.design import Design, parse_metric
from workbench.experiments.stopping.sequential import daily_looks

SPEND = [Measure("x", "x")]


@pytest.mark.parametrize(
    ("days", "known"),
    [
        (("10", "9", "-1", "1.5", "1"), ("-1", "1", "1.5", "9", "10")),
        (("2026-10-01", "2026-09-30", "0999-01-01"), ("0999-01-01", "2026-09-30", "2026-10-01")),
        (("2026-01-01 10:00", "2026-01-01 09:00"), ("2026-01-01 09:00", "2026-01-01 10:00")),
        (("week b", "nan", "inf", "3", "2026-01-01", "(none)"), ("3", "2026-01-01", "(none)", "inf", "nan", "week b")),
    ],
)
def test_days_are_sorted_by_what_they_mean(days, known):
    assert in_order(days) == known


def visits(days: object) -> pd.DataFrame:
    """Units of two arms with one visit on each of two days, the later one first."""
    early, late = days
    half = pd.DataFrame({"who": np.arange(40), "arm": np.tile(["a", "b"], 20), "x": np.arange(40) % 7})
    return pd.concat([half.assign(day=late), half.assign(day=early)])


MOMENT = pd.Timestamp("2026-01-31 23:59:59"), pd.Timestamp("2026-02-01 00:00:01")
DAYS = {
    "whole numbers": ((2, 10), "2"),
    "numbers": ((2.5, 10.0), "2.5"),
    "dates": ((date(2026, 9, 30), date(2026, 10, 1)), "2026-09-30"),
    "moments": (MOMENT, "2026-01-31"),
    "moments with a zone": (tuple(m.tz_localize("Europe/Berlin") for m in MOMENT), "2026-01-31"),
    "iso texts": (("2026-09-30", "2026-10-01"), "2026-09-30"),
}


@pytest.mark.parametrize("case", DAYS)
@pytest.mark.parametrize("form", ["frame", "csv", "parquet"])
def test_a_units_day_is_its_first_in_the_columns_own_type(tmp_path, case, form):
    days, first = DAYS[case]
    frame = visits(days)
    source = {"frame": frame, "csv": tmp_path / "it.csv", "parquet": tmp_path / "it.parquet"}[form]
    frame.to_csv(tmp_path / "it.csv", index=False)
    frame.to_parquet(tmp_path / "it.parquet")
    cube = MomentCube.scan(source, arm="arm", measures=SPEND, unit="who", day="day")
    assert cube.days == (first,) and cube.n == 40


def test_moments_count_by_their_date_where_rows_are_units_too():
    stamps = pd.date_range("2026-01-01 22:30", periods=48, freq="h")
    frame = pd.DataFrame({"arm": np.tile(["a", "b"], 24), "day": stamps, "x": np.arange(48)})
    cube = MomentCube.scan(frame, arm="arm", measures=SPEND, day="day")
    assert cube.days == ("2026-01-01", "2026-01-02", "2026-01-03")
    assert sum(cube.by_day.units.n[:2]) == 2


def test_texts_that_are_numbers_have_no_first_day():
    frame = pd.concat([visits(("2", "10")), visits(("2", "3")).assign(who=lambda f: f["who"] + 40)])
    with pytest.raises(Misuse, match="days in 'day' are texts, whose first is not the first day: 10, 2, …"):
        MomentCube.scan(frame, arm="arm", measures=SPEND, unit="who", day="day")


def test_all_that_goes_by_days_goes_in_their_order():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"arm": np.tile(["a", "b"], 600), "day": np.repeat(np.arange(1, 13), 100)})
    frame["x"] = rng.normal(5, 1, 1200)
    design = Design("it", "arm", "a", (parse_metric("x=mean:x"),), day="day", shares={"a": 1, "b": 1})
    cube = design.scan(frame)
    days = tuple(str(day) for day in range(1, 13))
    assert (cube.days, analyse(cube, design).days) == (days, days)
    assert tuple(cell.day for cell in cube.by_day.cells[::2]) == days
    series = cube.series("x", "a")
    assert [s.n for s in series.daily] == [50] * 12
    assert [s.n for s in series.cumulative] == list(range(50, 601, 50))
    assert [cell.day for cell in cube.up_to_day.cells][::2] == list(days)
    assert tuple(look.day for look in daily_looks(cube, "x", control="a", arm="b")) == days
