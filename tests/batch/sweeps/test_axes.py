"""What a text after --sweep stands for, by the type of its parameter."""

import contextlib
import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch.kinds import Kind
from workbench.batch.sweeps.axes import spread


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        (Kind("int"), "1,2,3", ["1", "2", "3"]),
        (Kind("int"), "1:9:3", [1, 5, 9]),
        (Kind("int"), "9:1:3", [9, 5, 1]),
        (Kind("int"), "1e3:2e3:2", [1000, 2000]),
        (Kind("float"), "0.1:0.5:5", [0.1, 0.2, 0.3, 0.4, 0.5]),
        (Kind("float"), "2:2:1", [2.0]),
        (Kind("float"), "1e-3, 0.1:0.2:2", ["1e-3", 0.1, 0.2]),
        (Kind("date"), "2026-01-01:2026-03-02:3", [date(2026, 1, 1), date(2026, 1, 31), date(2026, 3, 2)]),
        (Kind("str"), "a, b", ["a", "b"]),
        (Kind("str"), "9:30,10:30", ["9:30", "10:30"]),
        (Kind("str"), '["a, b", ""]', ["a, b", ""]),
        (Kind("Path"), "a:b:c", ["a:b:c"]),
        (Kind("int", optional=True), "none,1", ["none", "1"]),
        (Kind("str", listed=True), "a,b;c", ["a,b", "c"]),
        (Kind("str", listed=True), '[["a", "b"], []]', [["a", "b"], []]),
        (Kind("str", listed=True), '["a", "b"]', ['["a", "b"]']),
        (Kind("str", listed=True), '["a"];["b"]', ['["a"]', '["b"]']),
    ],
)
def test_a_text_is_read_by_the_type(kind, text, values):
    assert spread(kind, text) == values


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Kind("int"), "", "no value"),
        (Kind("int"), "[]", "no value"),
        (Kind("int"), "1,,3", "leaves a value out"),
        (Kind("int"), "1:2:4", "must come out whole"),
        (Kind("int"), "1:2", "no start:stop:count"),
        (Kind("float"), "0:1:0", "must be 1 to 10,000"),
        (Kind("float"), "0:1:999999999", "must be 1 to 10,000"),
        (Kind("float"), "0:1:1", "ask for 2 or more"),
        (Kind("float"), "0:1e999999999:3", "no start:stop:count"),
        (Kind("float"), "nan:inf:3", "no start:stop:count"),
        (Kind("float"), "2026-01-01:2026-01-03:3", "no start:stop:count"),
        (Kind("date"), "1:5:3", "e.g. 2026-01-01:2026-03-01:3"),
        (Kind("date"), "2026-01-01:2026-01-02:4", "days must come out whole"),
        (Kind("date"), "2026-02-31:2026-03-02:2", "day"),
        (Kind("str"), '["a"', "no JSON list"),
        (Kind("str"), "[" * 100_000, "no JSON list"),
    ],
)
def test_a_text_that_stands_for_nothing_is_refused_in_words(kind, text, said):
    with pytest.raises(ValueError, match=said):
        spread(kind, text)


@given(st.integers(-1000, 1000), st.integers(-50, 50).filter(bool), st.integers(2, 40))
def test_whole_numbers_are_spaced_as_a_range_is(start, step, count):
    stop = start + step * (count - 1)
    assert spread(Kind("int"), f"{start}:{stop}:{count}") == list(range(start, stop + step // abs(step), step))


@given(st.decimals(-100, 100, places=3), st.decimals(-100, 100, places=3), st.integers(2, 60))
def test_numbers_have_both_ends_and_even_steps(start, stop, count):
    values = spread(Kind("float"), f"{start}:{stop}:{count}")
    assert (len(values), values[0], values[-1]) == (count, float(start), float(stop))
    step = (float(stop) - float(start)) / (count - 1)
    assert all(abs(b - a - step) < 1e-9 for a, b in itertools.pairwise(values))


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 40), st.integers(2, 40))
def test_days_are_spaced_evenly(start, step, count):
    days = spread(Kind("date"), f"{start}:{start + timedelta(step * (count - 1))}:{count}")
    assert days == [start + timedelta(step * place) for place in range(count)]


@given(st.text())
def test_no_text_does_more_than_be_refused(text):
    for kind in (Kind("int"), Kind("float"), Kind("date"), Kind("str"), Kind("str", listed=True)):
        with contextlib.suppress(ValueError):
            assert spread(kind, text)
