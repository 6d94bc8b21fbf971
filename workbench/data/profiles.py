"""The profile: one mergeable histogram a column, with nulls and categories counted; drift starts here.

A number is scaled by the reference's median and quartile range, written as a float32 whose bits are put
in an order-preserving way, and filed under the top 16 of them. So there are no edges to choose, the
range has no end, one outlier moves nothing, and profiles of days and shards add exactly: all that is
kept are whole numbers. The sum of the other 16 bits tells where in a bin its values lie; a bin of one
value gives it back.

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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse
from workbench.ledger import digest

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000  # kept by name; the rest is counted as OTHER
OTHER = "(other)"
MOST_ROWS = 10_000  # of a frame expanded from a profile
SIGN, ALL, HALF_WORD = np.uint32(0x80000000), np.uint32(0xFFFFFFFF), np.uint32(16)
DIGITS = 6  # of a scale, to which a value is given back


@dataclass(frozen=True)
class Histogram:
    """One column of numbers."""

    centre: float  # the reference's median
    scale: float  # the reference's quartile range, above zero
    bins: tuple[int, ...]  # those that are not empty, in order
    counts: tuple[int, ...]  # cases in each
    rests: tuple[int, ...]  # sum of the lower 16 bits in each
    nulls: int = 0

    @property
    def n(self) -> int:
        """Values counted, nulls left aside."""
        return sum(self.counts)

    def __add__(self, other: Histogram) -> Histogram:
        if (self.centre, self.scale) != (other.centre, other.scale):
            raise Misuse("profiles of different scales do not add", hint="scan with like=the reference profile")
        bins = sorted({*self.bins, *other.bins})
        counts = self.counts_at(bins) + other.counts_at(bins)
        rests = _at(self.bins, self.rests, bins) + _at(other.bins, other.rests, bins)
        return Histogram(self.centre, self.scale, tuple(bins), _whole(counts), _whole(rests), self.nulls + other.nulls)

    def counts_at(self, bins: list[int]) -> npt.NDArray[np.int64]:
        """Cases in these bins, in this order."""
        return _at(self.bins, self.counts, bins)

    def values(self) -> npt.NDArray[np.float64]:
        """The mean value in each bin, in the column's own unit, in order."""
        rest = np.rint(np.array(self.rests, dtype=float) / np.maximum(self.counts, 1)).astype(np.uint32)
        ordered = (np.array(self.bins, dtype=np.uint32) << HALF_WORD) | rest
        bits = np.where(ordered & SIGN, ordered ^ SIGN, ordered ^ ALL).astype(np.uint32)
        numbers = bits.view(np.float32).astype(float) * self.scale + self.centre
        return np.asarray(np.round(numbers, DIGITS - int(np.floor(np.log10(self.scale)))) + 0.0)


@dataclass(frozen=True)
class Categories:
    """One column of texts."""

    counts: Mapping[str, int]  # by category, sorted
    nulls: int = 0

    @property
    def n(self) -> int:
        """Values counted, nulls left aside."""
        return sum(self.counts.values())

    def __add__(self, other: Categories) -> Categories:
        names = sorted({*self.counts, *other.counts})
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return Categories(counts, self.nulls + other.nulls)


ColumnProfile = Histogram | Categories


@dataclass(frozen=True)
class Profile:
    """The columns of a data set, in order."""

    columns: Mapping[str, ColumnProfile]
    rows: int
    sources: tuple[str, ...] = ()  # digests of what was scanned, sorted

    @classmethod
    def scan(cls, frame: pd.DataFrame, *, like: Profile | None = None, source: str = "") -> Profile:
        """Count every column once.

        Args:
            frame: One row a case; columns of numbers, truth values or texts.
            like: The reference to be compared with: its columns, kinds and scales are used.
            source: Digest of the data, kept as the profile's origin.

        Raises:
            Misuse: A column of the reference is missing, or holds texts where it held numbers.
        """
        names = [str(name) for name in frame.columns] if like is None else list(like.columns)
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise Misuse(f"the column {missing[0]!r} is missing", hint=f"the profile has {', '.join(names)}")
        columns = {name: _column(name, frame[name], None if like is None else like.columns[name]) for name in names}
        return cls(columns, len(frame), (source,) if source else ())

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
        return Profile(columns, self.rows + other.rows, tuple(sorted(self.sources + other.sources)))

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
            columns = {name: _read(column) for name, column in content["columns"]}
            return cls(columns, content["rows"], tuple(content["sources"]))
        except (ValueError, KeyError, TypeError) as error:
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
        return {"columns": columns, "rows": self.rows, "sources": list(self.sources)}


def _column(name: str, values: pd.Series[Any], like: ColumnProfile | None) -> ColumnProfile:
    import pandas as pd

    present = values.dropna()
    nulls = len(values) - len(present)
    if isinstance(like, Categories) or (like is None and not pd.api.types.is_numeric_dtype(values)):
        return _categories(present, nulls, like)
    numbers = pd.to_numeric(present, errors="coerce").to_numpy(dtype=float)
    if np.isnan(numbers).any():
        raise Misuse(f"the column {name!r} holds texts; in the reference it holds numbers")
    centre, scale = (like.centre, like.scale) if isinstance(like, Histogram) else _scale(numbers)
    with np.errstate(over="ignore"):
        scaled = ((numbers - centre) / scale).astype(np.float32) + np.float32(0.0)  # no negative zero
    bits = scaled.view(np.uint32)
    ordered = np.where(bits & SIGN, bits ^ ALL, bits | SIGN)
    codes = (ordered >> HALF_WORD).astype(np.int64)
    counts = np.bincount(codes, minlength=1 << 16)
    rests = np.bincount(codes, (ordered & np.uint32(0xFFFF)).astype(float), minlength=1 << 16)
    bins = np.flatnonzero(counts)
    return Histogram(centre, scale, _whole(bins), _whole(counts[bins]), _whole(rests[bins]), nulls)


def _categories(present: pd.Series[Any], nulls: int, like: Categories | None) -> Categories:
    """Counts by text; the reference's own categories stay by name, then the most frequent."""
    found = {str(value): int(count) for value, count in present.astype(str).value_counts().items()}
    known = [name for name in found if like is not None and name in like.counts]
    names = [*known, *(name for name in found if name not in set(known))]
    kept = {name: found[name] for name in names[:MOST_CATEGORIES]}
    if len(names) > MOST_CATEGORIES:
        kept[OTHER] = kept.get(OTHER, 0) + sum(found[name] for name in names[MOST_CATEGORIES:])
    return Categories(dict(sorted(kept.items())), nulls)


def _scale(numbers: npt.NDArray[np.float64]) -> tuple[float, float]:
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return 0.0, 1.0
    low, median, high = np.quantile(finite, (0.25, 0.5, 0.75))
    return float(median), float(high - low) or float(finite.std()) or 1.0


def _at(bins: tuple[int, ...], numbers: tuple[int, ...], wanted: list[int]) -> npt.NDArray[np.int64]:
    found = dict(zip(bins, numbers, strict=True))
    return np.array([found.get(code, 0) for code in wanted], dtype=np.int64)


def _sum(name: str, one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return one + other
    if isinstance(one, Categories) and isinstance(other, Categories):
        return one + other
    raise Misuse(f"the column {name!r} holds numbers in one profile and texts in the other")


def _written(column: ColumnProfile) -> dict[str, Any]:
    if isinstance(column, Categories):
        return {"categories": dict(column.counts), "nulls": column.nulls}
    steps = np.diff(column.bins, prepend=0).tolist()
    numbers = {"steps": steps, "counts": list(column.counts), "rests": list(column.rests)}
    return {"centre": column.centre, "scale": column.scale, "nulls": column.nulls, **numbers}


def _read(column: Mapping[str, Any]) -> ColumnProfile:
    if "categories" in column:
        return Categories(column["categories"], column["nulls"])
    bins = _whole(np.cumsum(column["steps"]))
    counts, rests = tuple(column["counts"]), tuple(column["rests"])
    return Histogram(column["centre"], column["scale"], bins, counts, rests, column["nulls"])


def _whole(numbers: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(number) for number in numbers)
