"""A plan: all combinations, side by side, or as listed; everything wrong is said before anything starts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch.parameters import declared
from workbench.batch.sweeps.plan import listed, over
from workbench.errors import Misuse

CELL = """from datetime import date
seed: int = 7  # of the draws, at least 0
rate: float = 0.1  # in (0, 1)
label: str = "plain"
since: date = date(2026, 1, 1)
arms: list[str] = ["a", "b"]
limit: int | None = None"""
TAKES = declared(
    [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": CELL}],
    "weekly.ipynb",
)
VALUES = st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True)


@given(VALUES, st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True))
def test_a_grid_is_every_combination_once_the_last_parameter_turning_fastest(seeds, labels):
    plan = over(TAKES, {}, {"seed": seeds, "label": labels})
    assert [(run["seed"], run["label"]) for run in plan.runs] == list(itertools.product(seeds, labels))
    assert plan.swept == ("seed", "label")


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=9))
def test_zip_takes_the_values_side_by_side_and_may_repeat_them(pairs):
    seeds, labels = [seed for seed, _ in pairs], [str(label) for _, label in pairs]
    plan = over(TAKES, {}, {"seed": seeds, "label": labels}, zipped=True)
    assert [(run["seed"], run["label"]) for run in plan.runs] == list(zip(seeds, labels, strict=True))


def test_values_are_kept_as_plain_json_and_each_run_is_given_the_fixed_ones_too():
    plan = over(TAKES, {"rate": "0.5"}, {"since": "2026-01-01:2026-01-03:3", "arms": "x,y;z", "limit": "none,5"})
    assert plan.fixed == {"rate": 0.5}
    assert len(plan.runs) == 12
    assert plan.given(2) == {"rate": 0.5, "since": "2026-01-01", "arms": ["x", "y"], "limit": 5}


def test_everything_wrong_is_said_at_once_with_its_place():
    with pytest.raises(Misuse) as told:
        over(TAKES, {"rate": 2, "seed": 1}, {"seed": "1,-1,1", "labell": "a", "limit": "x"}, where="weekly")
    lines = told.value.message.splitlines()
    assert lines == [
        "rate is 2; it must be a number in (0, 1)",
        "seed is swept, and given one value by -p too",
        "value 2 of 3: seed is '-1'; it must be a whole number at least 0",
        "seed has 1 more than once",
        "'labell' is no parameter of weekly.ipynb; did you mean label?",
        "value 1 of 1: limit is 'x'; it must be a whole number, or none",
    ]
    assert told.value.hint == "workbench params weekly"


def test_of_a_hundred_problems_the_first_are_told():
    with pytest.raises(Misuse, match="… and 80 more"):
        over(TAKES, {}, {"rate": list(range(1, 101))})


@pytest.mark.parametrize(
    ("swept", "more", "said"),
    [
        ({}, {}, "nothing is swept"),
        ({"seed": []}, {}, "seed is swept over no value"),
        ({"seed": 5}, {}, "must be a list of values"),
        ({"seed": "1,2", "rate": "0.1"}, {"zipped": True}, "seed has 2, rate has 1"),
        ({"seed": range(101), "limit": range(100)}, {}, "10,100 runs; a sweep has 10,000 at most"),
        ({"seed": itertools.count()}, {}, "10,001 runs"),
    ],
)
def test_what_is_no_sweep_is_refused_with_the_way_out(swept, more, said):
    with pytest.raises(Misuse, match=said) as told:
        over(TAKES, {}, swept, **more)
    assert told.value.hint


def test_listed_runs_may_leave_out_what_is_the_notebooks_default():
    plan = listed(TAKES, {"label": "x"}, [{"seed": "1"}, {"rate": "0.5", "seed": "2"}, {}])
    assert plan.swept == ("seed", "rate")
    assert plan.runs == ({"seed": 1}, {"rate": 0.5, "seed": 2}, {})


def test_a_wrong_row_is_told_by_its_number_and_a_wrong_column_once():
    rows = [{"seed": "1", "sed": "0"}, {"seed": "x", "sed": "0"}, {"seed": "3", "rate": "7"}]
    with pytest.raises(Misuse) as told:
        listed(TAKES, {"seed": 1}, rows)
    assert told.value.message.splitlines() == [
        "seed is swept, and given one value by -p too",
        "'sed' is no parameter of weekly.ipynb; did you mean seed?",
        "row 2: seed is 'x'; it must be a whole number at least 0",
        "row 3: rate is '7'; it must be a number in (0, 1)",
    ]


@pytest.mark.parametrize("rows", [[], [{}]])
def test_an_empty_list_of_runs_is_refused(rows):
    with pytest.raises(Misuse, match="the list of runs is empty"):
        listed(TAKES, {}, rows)
