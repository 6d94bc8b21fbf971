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


@pytest.mark.parametrize(("name", "separator"), [("t.csv.gz", ","), ("t.tsv", "\t"), ("t.txt", "|"), ("t.csv", ";")])
def test_a_table_of_texts_is_read_whatever_its_separator_and_packed_or_not(tmp_path, name, separator):
    frame = pd.DataFrame({"x": [1, 2], "y": ["a,b", "c"]})
    frame.to_csv(tmp_path / name, index=False, sep=separator)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"", "no table that can be read"),
        ("t.csv", b"", "is empty"),
        ("t.csv", "x\nMüller\n".encode("latin-1"), "no text in UTF-8"),
        ("t.csv.gz", b"nonsense", "cannot be read"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
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
