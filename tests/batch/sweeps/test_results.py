"""What a sweep came to: the best by a metric, ties to the first, and a table that loses no column."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch.sweeps.results import Best, Child, SweepResult, columns_of
from workbench.errors import Misuse


def result(*children, best="f1", swept=("seed",)):
    return SweepResult("id", "weekly", Path("w"), swept, children, Best.read(best) if best else None)


def child(number, status="finished", **metrics):
    return Child(number, {"seed": number}, status, metrics=metrics)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=12))
def test_the_best_is_the_highest_or_the_lowest_and_of_equals_the_first(values):
    children = [child(number, f1=value) for number, value in enumerate(values, start=1)]
    assert Best.read("f1").of(children).number == values.index(max(values)) + 1
    assert Best.read("f1:min").of(children).number == values.index(min(values)) + 1
    assert sorted(each.number for each in Best.read("f1").ranked(children)) == list(range(1, len(values) + 1))


def test_a_run_that_failed_or_lacks_the_metric_is_never_the_best():
    children = [child(1, "failed", f1=9.0), child(2, loss=1.0), child(3, f1=0.5)]
    assert Best.read("f1").of(children).number == 3
    assert [each.number for each in Best.read("f1").ranked(children)] == [3, 1, 2]
    assert Best.read("f2").of(children) is None
    assert result(child(1, f1=1.0), best="").best is None


@pytest.mark.parametrize(
    ("text", "best"), [("f1", Best("f1")), ("a:b", Best("a:b")), ("f1:max", Best("f1")), ("x:min", Best("x", True))]
)
def test_the_way_stands_behind_a_colon(text, best):
    assert Best.read(text) == best


@pytest.mark.parametrize("text", ["", " ", ":min"])
def test_no_metric_is_refused(text):
    with pytest.raises(Misuse, match="names no metric"):
        Best.read(text)


def test_a_sweep_is_finished_failed_or_stopped():
    assert result(child(1)).status == "finished"
    assert result(child(1), child(2, "failed")).status == "failed"
    assert result(child(1), child(2, "failed"), child(3, "waiting")).status == "stopped"


def test_a_metric_that_is_called_like_another_column_is_marked():
    columns = columns_of(["rate"], ["rate", "seconds", "f1"])
    assert columns[:5] == ["run", "rate", "metric rate", "metric seconds", "f1"]
    assert len(set(columns)) == len(columns)
