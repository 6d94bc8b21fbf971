"""Rows that repeat earlier ones, and keys that are not unique, counted exactly in one scan.

>>> import pyarrow as pa
>>> Repeats.scan(pa.table({"id": [1, 1, 2], "x": [5, 5, 7]}), keys=["id"])
Repeats(rows=3, duplicates=1, by_key={'id': 1})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.sources import opened
from workbench.data.statements import quoted
from workbench.data.tables import read_table
from workbench.errors import Misuse


@dataclass(frozen=True)
class Repeats:
    """How often a table says the same thing twice."""

    rows: int
    duplicates: int  # rows equal to an earlier one in every column
    by_key: Mapping[str, int]  # rows whose key is missing or was seen before, by column

    @classmethod
    def scan(cls, table: Any, *, keys: Sequence[str] = ()) -> Repeats:
        """Count repeated rows by a 64-bit hash of all their columns, and repeated keys by their values.

        Args:
            table: A data frame, an Arrow table, a DuckDB relation, or the path of a Parquet or CSV file.
            keys: Columns that should be unique, each by itself.

        Raises:
            Misuse: The table cannot be read, or a key is no column of it.
        """
        source = table.to_arrow_table() if hasattr(table, "to_arrow_table") else table
        if isinstance(source, str | Path) and Path(source).is_dir():
            source = read_table(Path(source))
        with opened(source) as given:
            if absent := sorted(set(keys) - set(given.columns)):
                there = ", ".join(given.columns)
                raise Misuse(f"there is no column {', '.join(absent)}", hint=f"the columns are: {there}")
            row = f"hash({', '.join(map(quoted, given.columns))})"
            counted = ["count(*)", f"count(DISTINCT {row})", *(f"count(DISTINCT {quoted(key)})" for key in keys)]
            told = ", ".join(f"{what} AS c{i}" for i, what in enumerate(counted))
            answer = given.ask(f"SELECT {told} FROM given")  # noqa: S608  (quoted)
        found = [answer[f"c{i}"][0] for i in range(len(counted))]
        rows, distinct, *unique = (int(number) for number in found)
        return cls(rows, rows - distinct, {key: rows - each for key, each in zip(keys, unique, strict=True)})
