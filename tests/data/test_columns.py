"""One table gives one profile, whatever holds it; a column's kind is told from its type, or from its values."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench.data import Profile
from workbench.data.columns import columns_of, from_arrow
from workbench.errors import Misuse

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None

MOMENTS = pd.to_datetime(["2026-01-01", "2026-01-02 06:00", None, "2026-01-03"], format="ISO8601")
FRAME = pd.DataFrame(
    {
        "whole": pd.array([1, None, 3, 4], dtype="Int64"),
        "price": [1.5, 2.0, np.nan, 3.25],
        "yes": [True, False, True, True],
        "at": MOMENTS,
        "zoned": MOMENTS.tz_localize("Europe/Berlin"),
        "plan": ["a", "b", None, "a"],
        "grade": pd.Categorical(["x", "y", "x", None]),
    }
)
KINDS = {
    "whole": "integer",
    "price": "number",
    "yes": "truth",
    "at": "time",
    "zoned": "time",
    "plan": "text",
    "grade": "text",
}
REFERENCE = Profile.scan(FRAME)


@pytest.fixture(params=["pandas", "arrow", "polars", "lazy polars", "batches", "duckdb", "parquet"])
def table(request, tmp_path):
    if "polars" in request.param and pl is None:
        pytest.skip("polars is not installed")
    path = tmp_path / "table.parquet"
    FRAME.to_parquet(path)
    arrow = pa.Table.from_pandas(FRAME)
    return {
        "pandas": lambda: FRAME,
        "arrow": lambda: arrow,
        "polars": lambda: pl.read_parquet(path),
        "lazy polars": lambda: pl.scan_parquet(path),
        "batches": lambda: pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(max_chunksize=3)),
        "duckdb": lambda: duckdb.read_parquet(str(path)),
        "parquet": lambda: path,
    }[request.param]()


def test_any_table_gives_the_same_profile(table):
    found = Profile.scan(table, like=REFERENCE, source="d")
    assert found == Profile.scan(FRAME, like=REFERENCE, source="d")
    assert dict(found.schema) == KINDS


def test_without_a_reference_too(table):
    found = Profile.scan(table)
    assert found.rows == 4
    assert dict(found.schema) == KINDS
    assert found.columns["at"].high == MOMENTS[3].timestamp()


def test_a_stream_is_the_sum_of_its_batches():
    rng = np.random.default_rng(0)
    arrow = pa.table({"x": rng.normal(size=1000), "t": rng.choice(["a", "b"], 1000)})
    reference = Profile.scan(arrow)
    stream = pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(max_chunksize=300))
    assert Profile.scan(stream, like=reference) == Profile.scan(arrow, like=reference)


def test_columns_that_the_reference_lacks_are_counted_when_all_are_asked_for():
    reference = Profile.scan(FRAME[["price", "plan"]])
    arrow = pa.Table.from_pandas(FRAME)
    stream = pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(max_chunksize=2))
    assert list(Profile.scan(FRAME, like=reference).columns) == ["price", "plan"]
    for table in (FRAME, stream):
        found = Profile.scan(table, like=reference, every=True)
        assert set(found.columns) == set(KINDS)
        assert dict(found.schema) == KINDS
        assert found.columns["at"].high == MOMENTS[3].timestamp()


def test_a_stream_without_rows_has_its_columns():
    schema = pa.schema({"x": pa.float64(), "t": pa.string()})
    empty = Profile.scan(pa.RecordBatchReader.from_batches(schema, []))
    assert (list(empty.columns), empty.rows) == (["x", "t"], 0)


def test_moments_of_a_csv_file_are_read_as_the_reference_has_them(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    found = Profile.scan(tmp_path / "t.csv", like=REFERENCE)
    assert found.columns == Profile.scan(FRAME, like=REFERENCE).columns
    assert dict(found.schema) == KINDS


def test_a_large_mean_costs_no_digits():
    """Nanosecond steps around now cannot be told apart as float32, scaled by the reference they can."""
    seconds = 1.7e9 + np.array([0.0, 0.25, 0.5, 0.75])
    assert Profile.scan(pd.DataFrame({"x": seconds})).columns["x"].values().tolist() == seconds.tolist()


def test_an_object_column_of_several_types_is_texts():
    column = Profile.scan(pd.DataFrame({"x": pd.Series([1, "a", None, 2.5], dtype="object")})).columns["x"]
    assert (dict(column.counts), column.nulls) == ({"1": 1, "2.5": 1, "a": 1}, 1)


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([1, 2], pa.decimal128(10, 2)), "number"),
        (pa.array([1, None], pa.date32()), "time"),
        (pa.array([1, 2], pa.duration("ms")), "number"),
        (pa.array([1, 2], pa.time32("s")), "text"),
        (pa.array(["a", "b"], pa.string_view()), "text"),
        (pa.array(["a", "b"], pa.string_view()).dictionary_encode(), "text"),
        (pa.array([3, 3]).dictionary_encode(), "integer"),
        (pa.array([[1], [2]]), "text"),
        (pa.nulls(2), "text"),
    ],
)
def test_every_arrow_type_has_a_kind(array, kind):
    found = from_arrow(array)
    assert (found.kind, found.rows) == (kind, 2)
    assert Profile.scan(pa.table({"x": array})).columns["x"].n == 2 - array.null_count


def test_what_the_reference_cannot_hold_counts_as_missing_where_that_is_allowed():
    now = Profile.scan(pd.DataFrame({"whole": ["1", "tall", "3", None]}), like=REFERENCE, strict=False)
    assert (now.columns["whole"].n, now.columns["whole"].nulls) == (2, 2)
    assert (now.columns["price"].n, now.columns["price"].nulls) == (0, 4)
    assert dict(now.schema) == {"whole": "text"}


def test_a_kind_is_told_from_the_values_where_a_table_lost_the_type():
    now = pd.DataFrame({"whole": [1.0, 3.0, np.nan], "yes": [1, 0, 1], "price": [1, 2, 3], "plan": [np.nan] * 3})
    found = Profile.scan(now.reindex(columns=list(KINDS)), like=REFERENCE)
    assert (found.schema["whole"], found.schema["yes"], found.schema["plan"]) == ("integer", "truth", "text")
    other = pd.DataFrame({"whole": [1.5], "yes": [7]}).reindex(columns=list(KINDS))
    assert Profile.scan(other, like=REFERENCE).schema["whole"] == "number"
    assert Profile.scan(other, like=REFERENCE).schema["yes"] == "integer"


@pytest.mark.parametrize("given", [{"a": [1]}, [1, 2], None])
def test_what_is_no_table_is_refused(given):
    with pytest.raises(Misuse, match="is no table"):
        columns_of(given)


def test_a_broken_file_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(Misuse, match="cannot be read"):
        columns_of(tmp_path / "t.parquet")


def test_whole_numbers_of_any_length_are_numbers_as_far_as_there_are_such():
    long = int("1" * 31)
    column = columns_of(pd.DataFrame({"x": pd.Series([long, -long, None, 2], dtype=object)})).read("x")
    assert column.kind == "number"
    assert column.numbers.tolist() == pytest.approx([float(long), -float(long), np.nan, 2.0], nan_ok=True)
    column = columns_of(pd.DataFrame({"x": pd.Series([10**400, 2], dtype=object)})).read("x")
    assert (column.kind, column.rows) == ("text", 2)
