"""The profile: one mergeable histogram a column, with nulls and categories counted; drift starts here.

A number is scaled by the reference's median and quartile range, written as a float32 whose bits are put
in an order-preserving way, and filed under the top 16 of them. So there are no edges to choose, the
range has no end, one outlier moves nothing, and profiles of days and shards add exactly: all that is
kept are whole numbers and the two ends. A bin is at most 1/128 of its distance from the reference's median wide.
The sum of the other 16 bits tells where in a bin its values lie; a bin of one value gives it back. Any
window is a sum: the last four Mondays, the canary's replicas.

>>> import pandas as pd
>>> week = pd.DataFrame({"age": [31, 40, 40, None], "plan": ["a", "b", "b", "b"]})
>>> profile = Profile.scan(week)
>>> profile.columns["age"].values().tolist(), profile.columns["age"].nulls
([31.0, 40.0], 1)
>>> (profile + profile).columns["plan"].counts
{'a': 2, 'b': 6}
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.data.columns import Columns, Values, as_moments, as_numbers, as_texts, joined, tables_of
from workbench.data.counting import (
    MOST_CATEGORIES,
    OTHER,
    bounded,
    counted_numbers,
    counted_texts,
    scale_of,
)
from workbench.data.digests import digest_sources
from workbench.data.profile_columns import Categories, ColumnProfile, Histogram, plain, read_column, stored
from workbench.errors import Misuse
from workbench.ledger import digest

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 10_000  # of a frame expanded from a profile
MANY_ROWS = 100_000  # from which columns are counted by several threads


@dataclass(frozen=True)
class Profile:
    """The columns of a data set, in order."""

    columns: Mapping[str, ColumnProfile]
    rows: int
    sources: tuple[str, ...] = ()  # digests of what was scanned, sorted
    schema: Mapping[str, str] = field(default_factory=dict)  # kind by column as the table had it; "": not counted

    @classmethod
    def scan(
        cls,
        table: Any,
        *,
        like: Profile | None = None,
        source: str = "",
        strict: bool = True,
        every: bool = False,
        moments: Collection[str] = (),
    ) -> Profile:
        """Count every column once.

        Args:
            table: One row a case; columns of numbers, truth values, moments or texts. A data frame of
                pandas or polars, an Arrow table, a DuckDB relation, or the path of a Parquet or CSV file.
            like: The reference to be compared with: its columns, kinds and scales are used.
            source: Digest of the data, kept as the profile's origin.
            strict: Refuse what the reference's columns cannot hold; else such values, and a whole column
                that is missing, count as nulls.
            every: Count the columns that the reference does not have too, on scales of their own.
            moments: Columns whose texts are moments, as those of a CSV file; one that has another text stays texts.

        Raises:
            Misuse: The table cannot be read; or, where strict, a column of the reference is missing, or
                holds texts where it held numbers.
        """
        total: Profile | None = None
        columns, kinds = ({}, {}) if like is None else (dict(like.columns), dict(like.schema))
        for part in tables_of(table):
            more = [name for name in part.names if name not in columns] if every or like is None else []
            found = _scanned(part, [*columns, *more], columns, kinds, strict, moments)
            # the next batch of a stream is counted on the scales of the first
            columns, kinds = dict(found.columns) | columns, dict(found.schema) | kinds
            total = found if total is None else total + found
        if total is None:
            raise Misuse("the table has no columns")
        return replace(total, sources=(source,) if source else ())

    @property
    def digest(self) -> str:
        """SHA-256 of the profile, in hex."""
        return digest(self._content())

    @property
    def data_digest(self) -> str:
        """Digest of what was scanned: the one source's, or that of all of them together."""
        return digest_sources(self.sources)

    def __add__(self, other: Profile) -> Profile:
        if list(self.columns) != list(other.columns):
            raise Misuse("profiles of different columns do not add")
        columns = {name: _sum(name, column, other.columns[name]) for name, column in self.columns.items()}
        schema = {
            name: joined(self.schema.get(name, kind), other.schema.get(name, kind))
            for name, kind in (dict(self.schema) | dict(other.schema)).items()
        }
        return Profile(columns, self.rows + other.rows, tuple(sorted(self.sources + other.sources)), schema)

    def as_json(self) -> str:
        """The profile as JSON text, its histograms packed."""
        columns = [[name, stored(column)] for name, column in self.columns.items()]
        return json.dumps(self._content() | {"columns": columns}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile that `as_json` wrote, packed or, as it was once, not.

        Raises:
            Misuse: The text is no profile.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            columns = {str(name): read_column(column) for name, column in content["columns"]}
            return cls(columns, content["rows"], tuple(content["sources"]), content.get("schema", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misuse(f"the text is no profile: {error}") from error

    def expanded(self, at_most: int = MOST_ROWS) -> pd.DataFrame:
        """A frame with the same distribution in every column, for reports that need rows.

        As many rows as were scanned, or fewer by evenly spaced quantiles. Columns are sorted each by
        itself, nulls last: only what is seen column by column is kept.
        """
        import pandas as pd

        rows = min(self.rows, at_most)
        place = np.floor((np.arange(rows) + 0.5) / max(rows, 1) * self.rows).astype(np.int64)
        frame = {}
        for name, column in self.columns.items():
            if isinstance(column, Histogram):
                values = np.append(column.values(), np.nan)
                counts = [*column.counts, column.nulls]
            else:
                values = np.array([*column.counts, None], dtype=object)
                counts = [*column.counts.values(), column.nulls]
            frame[name] = values[np.searchsorted(np.cumsum(counts), place, side="right")]
        return pd.DataFrame(frame)

    def _content(self) -> dict[str, Any]:
        columns = [[name, plain(column)] for name, column in self.columns.items()]
        return {"columns": columns, "rows": self.rows, "sources": list(self.sources), "schema": dict(self.schema)}


def _scanned(
    table: Columns,
    names: list[str],
    like: Mapping[str, ColumnProfile],
    kinds: Mapping[str, str],
    strict: bool,
    moments: Collection[str],
) -> Profile:
    """These columns of a table, counted as those of the same name in `like`.

    Raises:
        Misuse: A column is missing or holds what it cannot hold, and that is not to be excused.
    """
    missing = [name for name in names if name not in table.names]
    if missing and strict:
        raise Misuse(f"the column {missing[0]!r} is missing", hint=f"the profile has {', '.join(names)}")

    def count(name: str) -> tuple[ColumnProfile, str]:
        values = table.read(name) if name not in missing else Values("number", table.rows, np.full(table.rows, np.nan))
        if name in moments and not isinstance(like.get(name), Categories):
            values = as_moments(values)
        return _column(name, values, like.get(name), kinds.get(name) or values.kind, strict)

    if table.rows < MANY_ROWS:
        counted = {name: count(name) for name in names}
    else:
        slow_first = sorted(names, key=lambda name: not isinstance(like.get(name), Categories))  # no thread waits
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            done = dict(zip(slow_first, pool.map(count, slow_first), strict=True))
        counted = {name: done[name] for name in names}
    schema = {name: counted[name][1] if name in counted else "" for name in sorted(table.names)}
    return Profile({name: column for name, (column, _) in counted.items()}, table.rows, schema=schema)


def _column(
    name: str, values: Values, like: ColumnProfile | None, kind: str, strict: bool
) -> tuple[ColumnProfile, str]:
    """One column counted as `like` was, and the kind that the table had it in.

    Raises:
        Misuse: The column holds texts that are no numbers, and that is not to be excused.
    """
    if isinstance(like, Categories) or (like is None and values.numbers is None):
        counts, nulls = counted_texts(as_texts(values))
        known = () if like is None else like.known or tuple(each for each in like.counts if each != OTHER)
        if like is None and len(counts) > MOST_CATEGORIES:
            known = tuple(sorted(sorted(counts, key=lambda each: (-counts[each], each))[:MOST_CATEGORIES]))
        return Categories(bounded(counts, known), nulls, known), values.kind if counts else kind
    numbers, found = values.numbers, str(values.kind)
    if numbers is None:
        numbers, strange = as_numbers(values, kind)
        if strange and strict:
            raise Misuse(f"the column {name!r} holds texts; in the reference it holds numbers")
        if not strange and (kind == "time" or np.isnan(numbers).all()):  # a text file has no other moments
            found = kind
    centre, scale = (like.centre, like.scale) if isinstance(like, Histogram) else scale_of(numbers)
    told = counted_numbers(numbers, centre, scale)
    column = Histogram.of(centre, scale, told.arrays, told.nulls, told.low, told.high)
    return column, kind if _holds(kind, found, numbers, column) else found


def _holds(kind: str, found: str, numbers: npt.NDArray[Any], column: Histogram) -> bool:
    """Whether a column is of a kind by its values, whatever its type: 30.0 is whole, and no value is of any kind."""
    if kind == found or found == "text":
        return kind == found
    if not column.n:
        return True
    if kind not in {"integer", "truth"} or found == "time":
        return False
    if kind == "truth" and not 0.0 <= (column.low or 0.0) <= (column.high or 0.0) <= 1.0:
        return False
    present = numbers[~np.isnan(numbers)] if numbers.dtype.kind == "f" else numbers
    return bool((np.floor(present) == present).all())


def _sum(name: str, one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return one + other
    if isinstance(one, Categories) and isinstance(other, Categories):
        return one + other
    raise Misuse(f"the column {name!r} holds numbers in one profile and texts in the other")
