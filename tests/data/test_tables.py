"""Tables are read from CSV and Parquet, and what is no table is said to be none."""

import pandas as pd
import pytest

from workbench.data import read_table
from workbench.errors import Misuse


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".parquet", ".PARQUET"])
def test_a_table_is_read(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    frame.to_csv(path, index=False) if suffix.lower() == ".csv" else frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"", "no table that can be read"),
        ("t.csv", b"", "cannot be read"),
        ("t.csv", b"x,y\n", "has no rows"),
        ("t.csv", b"x\n" + b"9" * 401, "cannot be read"),
        ("t.parquet", b"nonsense", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Misuse, match=message):
        read_table(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        read_table(tmp_path / "none.csv")
