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
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.data.columns import Columns, Values, as_moments, as_numbers, as_texts, joined, tables_of
from workbench.data.counting import (
    CODES,
    FIRST,
    LAST,
    MOST_CATEGORIES,
    OTHER,
    Arrays,
    bin_of,
    bin_values,
    bounded,
    counted_numbers,
    counted_texts,
    scale_of,
)
from workbench.errors import Misuse
from workbench.ledger import digest

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 10_000  # of a frame expanded from a profile
MANY_ROWS = 100_000  # from which columns are counted by several threads
DIGITS = 6  # of a scale, to which a value is given back


@dataclass(frozen=True)
class Histogram:
    """One column of numbers, truth values (0 and 1) or moments (seconds since 1970, UTC)."""

    centre: float  # the reference's median
    scale: float  # the reference's quartile range, above zero
    bins: tuple[int, ...]  # those that are not empty, in order
    counts: tuple[int, ...]  # cases in each
    rests: tuple[int, ...]  # sum of the lower 16 bits in each
    nulls: int = 0
    low: float | None = None  # least finite value, exactly
    high: float | None = None  # greatest

    @classmethod
    def of(
        cls, centre: float, scale: float, arrays: Arrays, nulls: int, low: float | None, high: float | None
    ) -> Histogram:
        """A histogram of arrays of bins, counts and rests, which it keeps beside the tuples that compare."""
        bins, counts, rests = (tuple(each.tolist()) for each in arrays)
        made = cls(centre, scale, bins, counts, rests, nulls, low, high)
        vars(made)["_arrays"] = arrays
        return made

    @property
    def n(self) -> int:
        """Values counted, nulls left aside."""
        return int(self._arrays[1].sum())

    def __add__(self, other: Histogram) -> Histogram:
        if (self.centre, self.scale) != (other.centre, other.scale):
            raise Misuse("profiles of different scales do not add", hint="scan with like=the reference profile")
        bins = np.concatenate([self._arrays[0], other._arrays[0]])
        bins.sort(kind="stable")  # two runs in order: merged, not sorted
        bins = bins[np.diff(bins, prepend=-1) > 0]
        ends = [each for each in (self.low, self.high, other.low, other.high) if each is not None]
        arrays = (bins, self.counts_at(bins) + other.counts_at(bins), self._at(2, bins) + other._at(2, bins))
        nulls = self.nulls + other.nulls
        return Histogram.of(self.centre, self.scale, arrays, nulls, min(ends, default=None), max(ends, default=None))

    def counts_at(self, bins: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cases in these bins, in this order."""
        return self._at(1, bins)

    def values(self) -> npt.NDArray[np.float64]:
        """The mean value in each bin, in the column's own unit, in order."""
        bins, counts, rests = self._arrays
        numbers = bin_values(bins, np.rint(rests / np.maximum(counts, 1)), self.centre, self.scale)
        return np.asarray(np.round(numbers, DIGITS - int(np.floor(np.log10(self.scale)))) + 0.0)

    @property
    def infinite(self) -> int:
        """Values without an end, of either sign."""
        return int(self.counts_at([FIRST, LAST]).sum())

    def outside(self, low: float | None, high: float | None) -> int:
        """Cases beyond two ends; of the bins in which the ends lie, one case where the extreme is beyond."""
        bins, counts, _ = self._arrays
        found = 0
        if low is not None and self.low is not None:
            found += max(int(counts[bins < bin_of(low, self.centre, self.scale)].sum()), int(self.low < low))
        if high is not None and self.high is not None:
            found += max(int(counts[bins > bin_of(high, self.centre, self.scale)].sum()), int(self.high > high))
        return found

    @cached_property
    def _arrays(self) -> Arrays:
        """Bins, counts and rests."""
        bins, counts, rests = (np.array(each, dtype=np.int64) for each in (self.bins, self.counts, self.rests))
        return bins, counts, rests

    def _at(self, which: int, bins: npt.ArrayLike) -> npt.NDArray[np.int64]:
        own, wanted = self._arrays[0], np.asarray(bins, dtype=np.int64)
        if not len(own):
            return np.zeros(wanted.shape, dtype=np.int64)
        place = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
        return np.where(own[place] == wanted, self._arrays[which][place], 0)


@dataclass(frozen=True)
class Categories:
    """One column of texts."""

    counts: Mapping[str, int]  # by category, sorted; OTHER is the rest
    nulls: int = 0
    known: tuple[str, ...] = ()  # the reference's, which are never counted as the rest

    @property
    def n(self) -> int:
        """Values counted, nulls left aside."""
        return sum(self.counts.values())

    def __add__(self, other: Categories) -> Categories:
        names = {*self.counts, *other.counts}
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        known = tuple(sorted({*self.known, *other.known}))
        return Categories(bounded(counts, known), self.nulls + other.nulls, known)


ColumnProfile = Histogram | Categories


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
        return self.sources[0] if len(self.sources) == 1 else digest(list(self.sources))

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
        """The profile as JSON text."""
        return json.dumps(self._content(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile that `as_json` wrote.

        Raises:
            Misuse: The text is no profile.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            columns = {str(name): _read(column) for name, column in content["columns"]}
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
        columns = [[name, _written(column)] for name, column in self.columns.items()]
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
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            counted = dict(zip(names, pool.map(count, names), strict=True))
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


def _written(column: ColumnProfile) -> dict[str, Any]:
    if isinstance(column, Categories):
        known = {"known": list(column.known)} if column.known else {}
        return {"categories": dict(column.counts), "nulls": column.nulls} | known
    steps = np.diff(column.bins, prepend=0).tolist()
    numbers = {"steps": steps, "counts": list(column.counts), "rests": list(column.rests)}
    ends = {"low": column.low, "high": column.high}
    return {"centre": column.centre, "scale": column.scale, "nulls": column.nulls} | ends | numbers


def _read(column: Mapping[str, Any]) -> ColumnProfile:
    """A column of a stored profile, which may come from anywhere.

    Raises:
        ValueError: Its numbers are none that a scan could have found.
    """
    if "categories" in column:
        counts = {str(name): _count(count) for name, count in column["categories"].items()}
        return Categories(counts, _count(column["nulls"]), tuple(map(str, column.get("known", ()))))
    bins = tuple(np.cumsum(column["steps"], dtype=int).tolist())
    counted, rests = (tuple(map(_count, column[name])) for name in ("counts", "rests"))
    if not len(bins) == len(counted) == len(rests) or any(b <= a for a, b in pairwise((-1, *bins, CODES))):
        raise ValueError("a histogram's bins are not in order, or not as many as its counts")
    centre, scale = float(column["centre"]), float(column["scale"])
    if not (np.isfinite(centre) and np.isfinite(scale) and scale > 0):
        raise ValueError(f"a histogram has the centre {centre} and the scale {scale}")
    ends = [None if end is None else float(end) for end in (column.get("low"), column.get("high"))]  # none in old ones
    return Histogram(centre, scale, bins, counted, rests, _count(column["nulls"]), *ends)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
