"""Repeated rows and keys are those that pandas finds, whatever the columns are called."""

import numpy as np
import pandas as pd
import pytest

from workbench.data import Repeats
from workbench.errors import Misuse


def test_repeated_rows_are_pandas_and_nulls_are_equal():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 9, 500), "b": rng.choice(["x", "y", None], 500)})
    frame["c"] = np.where(rng.random(500) < 0.3, np.nan, 1.0)
    found = Repeats.scan(frame, keys=["a"])
    assert found.duplicates == frame.duplicated().sum()
    assert found.by_key == {"a": 500 - frame["a"].nunique()}


def test_a_file_and_its_frame_repeat_alike(tmp_path):
    frame = pd.DataFrame({"a": [1, 1, 2], "t": ["x", "x", None]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    assert Repeats.scan(tmp_path / "t.csv") == Repeats.scan(tmp_path / "t.parquet") == Repeats.scan(frame)


def test_a_hostile_name_is_a_name():
    name = 'a"); DROP TABLE given; --'
    assert Repeats.scan(pd.DataFrame({name: [1, 1]}), keys=[name]).by_key == {name: 1}


def test_a_key_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misuse, match="no column b"):
        Repeats.scan(pd.DataFrame({"a": [1]}), keys=["b"])
    with pytest.raises(Misuse, match="no file"):
        Repeats.scan(tmp_path / "nope.csv")
