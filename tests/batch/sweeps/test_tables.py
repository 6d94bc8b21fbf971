"""Runs listed in a file: CSV as people and spreadsheets write it, or Parquet."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.batch.sweeps.tables import read_rows
from workbench.errors import Misuse


def test_a_csv_file_has_a_column_a_parameter_and_an_empty_cell_is_left_out(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes('\ufeffseed, label\r\n1,"a, ""b"""\r\n\r\n2,\r\n'.encode())
    assert read_rows(path) == [{"seed": "1", "label": 'a, "b"'}, {"seed": "2"}]


def test_a_parquet_file_keeps_its_types(tmp_path):
    path = tmp_path / "runs.parquet"
    pq.write_table(pa.table({"seed": [1, None], "arms": [["a"], ["a", "b"]]}), path)
    assert read_rows(path) == [{"seed": 1, "arms": ["a"]}, {"arms": ["a", "b"]}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a column without a name"),
        (b"seed,\n1,2\n", "a column without a name"),
        (b"seed,seed\n1,2\n", "the column seed more than once"),
        (b"seed,label\n1,2\n3\n", "row 2, has 1 cells; the first line names 2"),
        (b"seed\n\xff\xfe\n", "no CSV file"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(tmp_path, content, said):
    (tmp_path / "runs.csv").write_bytes(content)
    with pytest.raises(Misuse, match=said):
        read_rows(tmp_path / "runs.csv")


def test_a_file_that_is_not_there_or_no_parquet_is_told(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        read_rows(tmp_path / "none.csv")
    (tmp_path / "runs.parquet").write_bytes(b"seed\n1\n")
    with pytest.raises(Misuse, match="no Parquet file"):
        read_rows(tmp_path / "runs.parquet")
