"""One column counted, numbers or texts, and how it is stored: what profiles add and drift compares.

A histogram keeps its bins' counts and the sum of the lower 16 bits in each (see `counting`), so that a bin of one
value gives it back. Stored, its three lists are packed into one text; as they once were, not packed, they are
read too.

>>> column = Categories({"a": 2}) + Categories({"b": 1}, nulls=1)
>>> column.counts, column.nulls, column == read_column(stored(column))
({'a': 2, 'b': 1}, 1, True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.data.counting import CODES, FIRST, LAST, Arrays, bin_of, bin_values, bounded
from workbench.data.packing import packed, unpacked
from workbench.errors import Misuse

HALF_BIN = 1 << 15  # what the lower 16 bits are on average
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
        ends = [each for each in (self.low, self.high, other.low, other.high) if each is not None]
        bins, counts, rests = self._beside(other)
        arrays, nulls = (bins, counts.sum(axis=0), rests.sum(axis=0)), self.nulls + other.nulls
        return Histogram.of(self.centre, self.scale, arrays, nulls, min(ends, default=None), max(ends, default=None))

    def counts_at(self, bins: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cases in these bins, in this order."""
        own, counts, _ = self._arrays
        wanted = np.asarray(bins, dtype=np.int64)
        if not len(own):
            return np.zeros(wanted.shape, dtype=np.int64)
        place = np.minimum(np.searchsorted(own, wanted), len(own) - 1)
        return np.where(own[place] == wanted, counts[place], 0)

    def beside(self, other: Histogram) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Cases here (first row) and in another histogram of the same scale, and the mean value of both, by bin.

        A bin is one that either has, in order.
        """
        bins, counts, rests = self._beside(other)
        return counts, self._means(bins, counts.sum(axis=0), rests.sum(axis=0))

    def counts_beside(self, other: Histogram) -> npt.NDArray[np.int64]:
        """Cases here (first row) and in another histogram, by bin; a bin is one that either has, in order."""
        bins, places = self._merged(other)
        counts = np.zeros((2, len(bins)), dtype=np.int64)
        for side, (there, held) in enumerate(zip(places, (self, other), strict=True)):
            counts[side, there] = held._arrays[1]
        return counts

    def values(self) -> npt.NDArray[np.float64]:
        """The mean value in each bin, in the column's own unit, in order."""
        return self._means(*self._arrays)

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

    def _beside(self, other: Histogram) -> Arrays:
        """The bins that either has, and the counts and rests there: one row a histogram."""
        bins, places = self._merged(other)
        counts, rests = np.zeros((2, 2, len(bins)), dtype=np.int64)
        for side, (there, held) in enumerate(zip(places, (self, other), strict=True)):
            counts[side, there], rests[side, there] = held._arrays[1:]
        return bins, counts, rests

    def _merged(self, other: Histogram) -> tuple[npt.NDArray[np.int64], tuple[npt.NDArray[np.intp], ...]]:
        """The bins that either has, in order, and the places of each one's own among them."""
        own = self._arrays[0]
        all_bins = np.concatenate([own, other._arrays[0]])
        order = all_bins.argsort(kind="stable")  # two runs in order: merged, not sorted
        merged = all_bins[order]
        fresh = np.ones(len(merged), dtype=bool)
        np.not_equal(merged[1:], merged[:-1], out=fresh[1:])
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.cumsum(fresh) - 1
        return merged[fresh], (place[: len(own)], place[len(own) :])

    def _means(
        self, bins: npt.ArrayLike, counts: npt.NDArray[np.int64], rests: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        numbers = bin_values(bins, np.rint(rests / np.maximum(counts, 1)), self.centre, self.scale)
        return np.asarray(np.round(numbers, DIGITS - int(np.floor(np.log10(self.scale)))) + 0.0)


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
        return Categories.total([self, other])

    @classmethod
    def total(cls, columns: Sequence[Categories]) -> Categories:
        """The sum of a column's counts."""
        counts: dict[str, int] = {}
        for column in columns:
            for name, n in column.counts.items():
                counts[name] = counts.get(name, 0) + n
        known = tuple(sorted({name for column in columns for name in column.known}))
        return cls(bounded(counts, known), sum(column.nulls for column in columns), known)


ColumnProfile = Histogram | Categories


def plain(column: ColumnProfile) -> dict[str, Any]:
    """A column as lists of numbers, which its digest is worked out from."""
    if isinstance(column, Categories):
        known = {"known": list(column.known)} if column.known else {}
        return {"categories": dict(column.counts), "nulls": column.nulls} | known
    steps = np.diff(column.bins, prepend=0).tolist()
    numbers = {"steps": steps, "counts": list(column.counts), "rests": list(column.rests)}
    ends = {"low": column.low, "high": column.high}
    return {"centre": column.centre, "scale": column.scale, "nulls": column.nulls} | ends | numbers


def stored(column: ColumnProfile) -> dict[str, Any]:
    """A column as `plain`, with a histogram's numbers as one text; rests are told from the middle of their bins."""
    if isinstance(column, Categories):
        return plain(column)
    bins, counts, rests = column._arrays
    numbers = np.concatenate([np.diff(bins, prepend=0), counts, rests - counts * HALF_BIN])
    kept = {name: value for name, value in plain(column).items() if name not in {"steps", "counts", "rests"}}
    return kept | {"packed": packed(numbers)}


def _numbers(column: Mapping[str, Any]) -> tuple[list[int], list[int], list[int]]:
    """Steps, counts and rests of a stored histogram."""
    if "packed" not in column:
        return column["steps"], column["counts"], column["rests"]
    steps, counts, rests = unpacked(column["packed"], most=3 * CODES).reshape(3, -1)
    return steps.tolist(), counts.tolist(), (rests + counts * HALF_BIN).tolist()


def read_column(column: Mapping[str, Any]) -> ColumnProfile:
    """A column of a stored profile, which may come from anywhere.

    Raises:
        ValueError: Its numbers are none that a scan could have found.
    """
    if "categories" in column:
        counts = {str(name): _count(count) for name, count in column["categories"].items()}
        return Categories(counts, _count(column["nulls"]), tuple(map(str, column.get("known", ()))))
    steps, cases, sums = _numbers(column)
    bins = tuple(np.cumsum(steps, dtype=int).tolist())
    counted, rests = tuple(map(_count, cases)), tuple(map(_count, sums))
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
