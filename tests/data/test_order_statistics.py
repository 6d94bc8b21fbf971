"""The values at given ranks, by arm, whatever the source."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import Measure
from workbench.data.order_statistics import order_statistics
from workbench.errors import Misuse

ROWS = pd.DataFrame({"arm": ["a"] * 5 + ["b"] * 3, "who": [1, 1, 2, 3, 4, 5, 6, 7], "x": [5, 4, 1, 3, 2, 9, 7, 8]})
X = Measure("x", "x")


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])
def test_ranks_count_from_the_smallest(kind, tmp_path):
    source = ROWS
    if kind != "frame":
        source = tmp_path / f"rows.{kind}"
        getattr(ROWS, f"to_{kind}")(source, index=False)
    assert order_statistics(source, X, arm="arm", ranks={"a": [5, 1, 1], "b": [2]}) == {"a": [5, 1, 1], "b": [8]}


def test_a_units_rows_are_made_one_first():
    found = order_statistics(ROWS, X, arm="arm", ranks={"a": [4]}, unit="who")
    assert found == {"a": [9.0]}


def test_many_rows_agree_with_numpy():
    values = np.random.default_rng(1).normal(size=10_001)
    frame = pd.DataFrame({"the arm": 1, 'x"y': values})
    found = order_statistics(frame, Measure("m", 'x"y'), arm="the arm", ranks={"1": [1, 5001, 10_001]})
    assert found["1"] == [values.min(), np.median(values), values.max()]


@pytest.mark.parametrize(("ranks", "column", "said"), [({"a": [6]}, "x", "no unit of rank 6"), ({"a": [1]}, "z", "z")])
def test_what_is_not_there_is_named(ranks, column, said):
    with pytest.raises(Misuse, match=said):
        order_statistics(ROWS, Measure("m", column), arm="arm", ranks=ranks)
