"""Codes stand for the same texts whatever kind of column they come from."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench.data.coding import coded, crossed
from workbench.errors import Misuse

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None

TEXTS = ["b", "a", None, "b"]
KINDS = {
    "list": TEXTS,
    "objects": np.array(TEXTS, dtype=object),
    "pandas": pd.Series(TEXTS),
    "pandas categories": pd.Series(TEXTS, dtype="category"),
    **({"polars": pl.Series(TEXTS), "polars categories": pl.Series(TEXTS, dtype=pl.Categorical)} if pl else {}),
    "arrow": pa.array(TEXTS),
    "arrow in parts": pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
    "arrow dictionaries in parts": pa.chunked_array(
        [pa.array(["a"]).dictionary_encode()[:0], pa.array(TEXTS).dictionary_encode()]
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_column_gives_the_same_texts(kind):
    found = coded(KINDS[kind])
    assert [found.texts[code] for code in found.codes] == ["b", "a", "(unknown)", "b"]


def test_numbers_and_truths_are_told_as_python_tells_them():
    for values in ([2, 1], [2.0, 1.5], [True, False]):
        found = coded(np.array(values))
        assert [found.texts[code] for code in found.codes] == [str(value) for value in values]


def test_values_of_several_kinds_are_texts():
    found = coded(["a", 1, float("nan")])
    assert [found.texts[code] for code in found.codes] == ["a", "1", "(unknown)"]


def test_a_table_in_place_of_a_column_is_refused():
    with pytest.raises(Misuse, match="one value a case"):
        coded([["a", "b"], ["e", 1]])


def test_a_number_of_the_case_is_no_group():
    numbers = coded(np.arange(2000))
    with pytest.raises(Misuse, match="2000 × 2000 combinations"):
        crossed([numbers, numbers])
