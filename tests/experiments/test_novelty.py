"""Whether an effect fades, from a cube's days."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse
from workbench.experiments.novelty import effect_by_day, novelty


def cube(passing: float, *, days: list[str] | None = None, people: int = 12_000, seed: int = 1) -> MomentCube:
    rng = np.random.default_rng(seed)
    since = rng.integers(0, 14, people)
    treated = rng.random(people) < 0.5
    spend = rng.normal(10 + treated * (1 + passing * 0.5 ** (since / 2)), 2)
    names = days or [str(d) for d in range(14)]
    frame = pd.DataFrame({"arm": np.where(treated, "new", "old"), "day": [names[d] for d in since], "spend": spend})
    return MomentCube.scan(frame, arm="arm", measures=[Measure("spend", "spend")], day="day")


def test_a_passing_effect_fades_and_what_lasts_is_told():
    found = novelty(cube(3.0), "spend", "old", "new")
    assert found.course == "fades" and "the effect fades from +3" in found.sentence
    assert found.fit.lasting.mean[0] == pytest.approx(1.0, abs=0.3)
    assert found.first.low < 4.0 < found.first.high and found.faded.low < 3.0 < found.faded.high
    assert found.as_json()["days"] == list(map(float, range(14)))


def test_a_steady_effect_is_not_said_to_fade():
    found = novelty(cube(0.0), "spend", "old", "new")
    assert found.course == "not enough evidence" and "nothing says that the effect fades" in found.sentence


def test_dates_are_days_in_their_order():
    dates = [f"2026-01-{d:02d}" for d in range(25, 32)] + [f"2026-02-{d:02d}" for d in range(1, 8)]
    daily = effect_by_day(cube(1.0, days=dates), "spend", "old", "new")
    assert np.diff(daily.days).tolist() == [1.0] * 13
    plain = effect_by_day(cube(1.0), "spend", "old", "new")
    np.testing.assert_array_equal(daily.estimates, plain.estimates)


def test_ten_comes_after_nine():
    assert effect_by_day(cube(1.0), "spend", "old", "new").days.tolist() == list(map(float, range(14)))


def test_days_without_an_arm_are_listed_and_too_few_are_refused():
    frame = pd.DataFrame({"arm": ["o", "n", "o", "n", "o", "o"], "day": [1, 1, 1, 1, 2, 2], "x": [1.0, 2, 3, 5, 1, 2]})
    few = MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")], day="day")
    assert effect_by_day(few, "x", "o", "n").left_out == ("2",)
    with pytest.raises(Misuse, match="at least three"):
        novelty(few, "x", "o", "n")


def test_what_is_no_day_is_refused():
    with pytest.raises(Misuse, match="no measure 'visits'"):
        effect_by_day(cube(1.0), "visits", "old", "new")
    with pytest.raises(Misuse, match="'monday' is no day"):
        effect_by_day(cube(1.0, days=["monday", *map(str, range(13))]), "spend", "old", "new")
    frame = pd.DataFrame({"arm": ["o", "n"] * 4, "x": np.arange(8.0)})
    with pytest.raises(Misuse, match="no days"):
        novelty(MomentCube.scan(frame, arm="arm", measures=[Measure("x", "x")]), "x", "o", "n")
