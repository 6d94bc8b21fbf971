"""Columns of any table, read one at a time: data frames of pandas and polars, Arrow, Parquet, CSV, DuckDB.

A column arrives as numbers (a missing one is NaN; moments and spans of time are seconds) or as an Arrow
array of texts. Nothing is copied that need not be: a file's columns are read one by one, a stream of
batches one batch at a time.

>>> import pyarrow as pa
>>> table = columns_of(pa.table({"age": [31, None, 40], "plan": ["a", "b", "b"]}))
>>> age, plan = table.read("age"), table.read("plan")
>>> age.kind, age.numbers.tolist(), plan.kind
('integer', [31.0, nan, 40.0], 'text')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.data.tables import PARQUET, read_table
from workbench.errors import Misuse

Kind = Literal["integer", "number", "truth", "time", "text"]
BATCH = 500_000  # rows of a stream at a time
BEYOND = 10**300  # whole numbers that no float holds, and some that one does
PANDAS = {"i": "integer", "u": "integer", "f": "number", "b": "truth"}  # numpy's letters for what is read as it lies


@dataclass(frozen=True)
class Values:
    """One column's values."""

    kind: Kind
    rows: int
    numbers: npt.NDArray[Any] | None = None  # of all kinds but texts
    texts: tuple[Any, ...] = ()  # Arrow arrays of texts, plain or dictionary-encoded


@dataclass(frozen=True)
class Columns:
    """A table whose columns are read when they are asked for."""

    names: tuple[str, ...]
    rows: int
    read: Callable[[str], Values]


def tables_of(source: Any) -> Iterator[Columns]:
    """The source as one table, or as many as a stream has batches.

    Args:
        source: A data frame (pandas, polars), an Arrow table or stream of batches, a DuckDB relation, or
            the path of a Parquet or CSV file.

    Raises:
        Misuse: The source is nothing of these, or cannot be read.
    """
    stream = source.to_arrow_reader(BATCH) if hasattr(source, "to_arrow_reader") else source
    if hasattr(stream, "read_next_batch"):
        import pyarrow as pa

        empty = True
        for batch in stream:
            empty = False
            yield columns_of(pa.Table.from_batches([batch]))
        if empty:
            yield columns_of(stream.schema.empty_table())
    else:
        yield columns_of(source)


def columns_of(source: Any) -> Columns:
    """The columns of a table in memory or in a file; for streams see `tables_of`.

    Raises:
        Misuse: The source is no table, or cannot be read.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        return _parquet(path) if path.suffix.lower() in PARQUET and path.is_file() else _pandas(read_table(path))
    if type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "columns"):
        return _pandas(source)
    if hasattr(source, "collect_schema") and hasattr(source, "collect") and not hasattr(source, "to_arrow"):
        return columns_of(source.collect())  # a lazy frame of polars
    if hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa

        table = pa.table(source)
        return Columns(_distinct(table.column_names), table.num_rows, lambda name: from_arrow(table[name]))
    raise Misuse(
        f"{type(source).__name__} is no table",
        hint="give a data frame, an Arrow table, a DuckDB relation, or the path of a Parquet or CSV file",
    )


def from_arrow(column: Any) -> Values:
    """An Arrow array, chunked or not, as values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    kind, rows = column.type, len(column)
    if pa.types.is_dictionary(kind):
        if pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type):
            return Values("text", rows, texts=tuple(chunks))
        plain = pa.large_string() if pa.types.is_string_view(kind.value_type) else kind.value_type
        decoded = [pc.cast(chunk.dictionary, plain).take(chunk.indices) for chunk in chunks]
        return from_arrow(pa.chunked_array(decoded, plain))
    if pa.types.is_temporal(kind) and not pa.types.is_time(kind):
        span = pa.types.is_duration(kind)
        unit = pa.duration("us") if span else pa.timestamp("us", getattr(kind, "tz", None))
        seconds = _doubles(pc.cast(pc.cast(column, unit, safe=False), pa.int64())) / 1e6
        return Values("number" if span else "time", rows, seconds)
    if pa.types.is_boolean(kind):
        return Values("truth", rows, _doubles(pc.cast(column, pa.uint8())))
    if pa.types.is_integer(kind):
        return Values("integer", rows, _doubles(column))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Values("number", rows, _doubles(column))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        spelled = pa.types.is_string_view(kind) or pa.types.is_null(kind) or pa.types.is_time(kind)
        told = pc.cast(column, pa.large_string()) if spelled else pa.array(_spelled(column), pa.large_string())
        chunks = told.chunks if isinstance(told, pa.ChunkedArray) else [told]
    return Values("text", rows, texts=tuple(chunks))


def joined(one: str, other: str) -> str:
    """The kind that holds the values of both.

    >>> joined("integer", "number"), joined("time", "integer")
    ('number', 'text')
    """
    return one if one == other else "number" if {one, other} <= {"integer", "number", "truth"} else "text"


def as_numbers(values: Values, kind: str) -> tuple[npt.NDArray[np.float64], int]:
    """Texts read as numbers, or as moments where `kind` is "time", and how many of them are neither."""
    import pandas as pd

    texts = pd.Series([text for chunk in values.texts for text in chunk.to_pylist()], dtype="str")
    if kind == "time":
        moments = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
        numbers = np.where(moments.isna(), np.nan, moments.to_numpy("datetime64[us]").astype(float) / 1e6)
    else:
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(float)
    return numbers, int((np.isnan(numbers) & texts.notna().to_numpy()).sum())


def as_moments(values: Values) -> Values:
    """Texts that are all moments as these; any others as they are."""
    if values.numbers is not None:
        return values
    seconds, strange = as_numbers(values, "time")
    return values if strange else Values("time", values.rows, seconds)


def as_texts(values: Values) -> tuple[Any, ...]:
    """Numbers and moments spelled as texts; texts as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.numbers is None:
        return values.texts
    numbers = pa.array(values.numbers, from_pandas=True)
    if values.kind == "time":
        moments = pc.cast(pc.multiply(numbers, 1e6), pa.int64(), safe=False).cast(pa.timestamp("us"))
        days = pc.cast(moments, pa.date32(), safe=False)
        if pc.all(pc.equal(pc.cast(days, pa.timestamp("us")), moments)).as_py():
            return (pc.cast(days, pa.large_string()),)
        return (pc.cast(moments, pa.large_string()),)
    whole = values.kind in {"integer", "truth"}
    return (pc.cast(pc.cast(numbers, pa.int64()) if whole else numbers, pa.large_string()),)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names of a table's columns.

    Raises:
        Misuse: Two are alike.
    """
    told = tuple(names)
    if len(set(told)) < len(told):
        twice = next(name for name in told if told.count(name) > 1)
        raise Misuse(f"there are {told.count(twice)} columns {twice!r}", hint="rename or drop all but one of them")
    return told


def _pandas(frame: Any) -> Columns:
    place = {name: position for position, name in enumerate(_distinct(map(str, frame.columns)))}
    return Columns(tuple(place), len(frame), lambda name: _from_pandas(frame.iloc[:, place[name]]))


def _from_pandas(column: Any) -> Values:
    import pyarrow as pa

    if isinstance(column.dtype, np.dtype):
        kind = column.dtype.kind
        if kind in PANDAS:
            return Values(PANDAS[kind], len(column), column.to_numpy())  # type: ignore[arg-type]
        if kind in "mM":
            moments = column.to_numpy("datetime64[us]" if kind == "M" else "timedelta64[us]")
            numbers = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
            return Values("time" if kind == "M" else "number", len(column), numbers)
    try:
        return from_arrow(pa.array(column, from_pandas=True))
    except (pa.ArrowException, OverflowError):  # an object column of several types, or of whole numbers beyond 64 bits
        missing = column.isna()
        if all(isinstance(value, int) and abs(value) < BEYOND for value in column[~missing]):
            return Values("number", len(column), column.to_numpy(float, na_value=np.nan))
        return from_arrow(pa.array([None if none else str(value) for value, none in zip(column, missing, strict=True)]))


def _parquet(path: Path) -> Columns:
    """The columns of a Parquet file.

    Raises:
        Misuse: The file is no Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        texts = {each.name for each in schema if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)}
        names = [each.name for each in schema if not each.name.startswith("__index_level_")]
        rows = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise Misuse(f"{path} cannot be read: {error}", hint="give the path of a Parquet or CSV file") from error

    def read(name: str) -> Values:
        # a reader of its own for each column, since columns are read by several threads
        return from_arrow(pq.ParquetFile(path, read_dictionary=[name] if name in texts else None).read([name])[name])

    return Columns(_distinct(names), rows, read)


def _doubles(column: Any) -> npt.NDArray[np.float64]:
    """An Arrow column of numbers as one array, nulls as NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    doubles = column if column.type == pa.float64() else pc.cast(column, pa.float64(), safe=False)
    if doubles.null_count:
        doubles = pc.fill_null(doubles, float("nan"))
    chunks = doubles.chunks if isinstance(doubles, pa.ChunkedArray) else [doubles]
    arrays: list[npt.NDArray[np.float64]] = [np.from_dlpack(chunk) for chunk in chunks]  # type: ignore[misc]
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.empty(0), *arrays])


def _spelled(column: Any) -> list[str | None]:
    return [None if value is None else str(value) for value in column.to_pylist()]
