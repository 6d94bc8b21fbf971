"""One column counted: numbers into the bins of a histogram, texts into categories.

A number is scaled by the reference's median and quartile range, written as a float32 whose bits are put
in an order-preserving way, and filed under the top 16 of them. Scaling is done in double precision, so a
large mean costs no digits. Blocks of rows keep the work in the processor's cache.

>>> counted = counted_numbers(np.array([1.0, 2.0, 2.0, np.nan]), 2.0, 1.0)
>>> counted.arrays[1].tolist(), counted.nulls, (counted.low, counted.high)
([1, 2], 1, (1.0, 2.0))
"""

from __future__ import annotations

import sys
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Arrays = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]  # bins, counts, rests

FEW = 1 << 12  # rows, below which they are sorted in place of being put into all the bins that there are
BLOCK = 1 << 15  # rows at a time, which with all that is worked out from them fit the processor's cache
TOGETHER = 1 << 18  # rows whose cases and rests one double a bin holds exactly, the cases above the rests
CASES = 34  # bits that hold the sum of so many rests
ONE_CASE = 1 << CASES
CODES = 1 << 16
SMALLEST, LARGEST = 1e-300, 1e300  # of a scale, so that it and its reciprocal are numbers
UPPER = 1 if sys.byteorder == "little" else 0  # which half of a float has its upper bits
SIGN, ALL, HALF_WORD, LOWER = np.uint32(0x80000000), np.uint32(0xFFFFFFFF), np.uint32(16), np.uint32(0xFFFF)
FIRST, LAST = 0x007F, 0xFF80  # the bins of the two infinities; what lies beyond is no number
MOST_CATEGORIES = 1000  # kept by name; the rest is counted as OTHER
OTHER = "(other)"


@dataclass(frozen=True)
class Counted:
    """Numbers in bins."""

    arrays: Arrays  # the bins that are not empty, in order; cases in each; sum of the lower 16 bits in each
    nulls: int
    low: float | None  # the least finite value; None where there is none
    high: float | None


def counted_numbers(numbers: npt.NDArray[Any], centre: float, scale: float) -> Counted:
    """Numbers counted in bins; NaN is a null.

    Args:
        numbers: Of any numeric type.
        centre: What is zero in the bins.
        scale: What is one, above zero.
    """
    if len(numbers) < FEW:
        return _few_counted(np.asarray(numbers, dtype=float), centre, scale)
    room, low, high = _room, np.inf, -np.inf
    room.counts.fill(0)
    room.rests.fill(0)
    for begin in range(0, len(numbers), TOGETHER):
        room.both.fill(0.0)
        for start in range(begin, min(begin + TOGETHER, len(numbers)), BLOCK):
            block = np.asarray(numbers[start : start + BLOCK], dtype=float)
            least, most = np.fmin.reduce(block), np.fmax.reduce(block)
            if not (np.isfinite(least) and np.isfinite(most)):
                finite = block[np.isfinite(block)]
                least, most = (finite.min(), finite.max()) if finite.size else (np.inf, -np.inf)
            low, high = min(low, float(least)), max(high, float(most))
            room.add(block, centre, scale)
        room.split()
    bins, counts, rests = room.in_order()
    held = (bins >= FIRST) & (bins <= LAST)
    ends = (low, high) if low <= high else (None, None)
    return Counted((bins[held], counts[held], rests[held]), int(counts[~held].sum()), *ends)


def scale_of(numbers: npt.NDArray[Any]) -> tuple[float, float]:
    """Median and quartile range of what is finite; where the range is zero, the standard deviation or one."""
    finite = np.asarray(numbers, dtype=float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return 0.0, 1.0
    low, median, high = np.quantile(finite, (0.25, 0.5, 0.75))
    with np.errstate(over="ignore"):
        scale = float(high - low) or float(finite.std()) or 1.0
    return float(median), min(max(scale, SMALLEST), LARGEST)


def bin_values(bins: npt.ArrayLike, rests: npt.ArrayLike, centre: float, scale: float) -> Floats:
    """The numbers whose upper 16 bits are the bins and whose lower ones the rests."""
    upper = np.asarray(bins, dtype=np.uint32) << HALF_WORD
    ordered = upper | np.asarray(rests, dtype=np.uint32)
    bits = np.where(ordered & SIGN, ordered ^ SIGN, ordered ^ ALL).astype(np.uint32)
    return bits.view(np.float32).astype(float) * scale + centre


def bin_of(number: float, centre: float, scale: float) -> int:
    """The bin that a number falls into."""
    return int(_ordered(np.array([number]), centre, scale)[0] >> HALF_WORD)


def counted_texts(arrays: Iterable[Any]) -> tuple[dict[str, int], int]:
    """How often each text occurs in some Arrow arrays, and how many are null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: Counter[str | None] = Counter()
    for array in arrays:
        if pa.types.is_dictionary(array.type):
            counts = np.bincount(array.indices.drop_null().to_numpy())
            used = np.flatnonzero(counts)
            texts, counted = array.dictionary.take(pa.array(used)), counts[used]
            found[None] += array.indices.null_count
        else:
            told = pc.value_counts(array)
            texts, counted = told.field("values"), told.field("counts").to_numpy()
        for text, count in zip(texts.to_pylist(), counted.tolist(), strict=True):
            found[text] += count
    nulls = found.pop(None, 0)
    return dict(found), nulls  # type: ignore[arg-type]


def bounded(counts: Mapping[str, int], known: tuple[str, ...]) -> dict[str, int]:
    """The counts, sorted, with all but `MOST_CATEGORIES` of them as the rest.

    Known names stay. Of the others those of the least hash stay: which these are does not depend on how
    the data were cut, so that bounded counts of parts add up to the bounded counts of the whole.

    Source:
        Bar-Yossef et al. (2002), Counting distinct elements in a data stream: the least k hashes merge.
    """
    fresh = counts.keys() - {*known, OTHER}
    room = max(0, MOST_CATEGORIES - len(known))
    kept = dict(counts)
    if len(fresh) > room:
        gone = sorted(fresh, key=lambda name: (_hash(name), name))[room:]
        kept[OTHER] = kept.get(OTHER, 0) + sum(kept.pop(name) for name in gone)
    return dict(sorted(kept.items()))


class _Room(threading.local):
    """What a thread counts in, made once: new pages cost as much time as the counting.

    All are counted by the upper bits of a float as it lies, of which those with a sign come last and backwards.
    """

    def __init__(self) -> None:
        self.counts, self.rests = np.empty(CODES, np.int64), np.empty(CODES, np.int64)
        self.both = np.empty(CODES)  # of up to `TOGETHER` rows
        self.wide, self.floats = np.empty(BLOCK), np.empty(BLOCK, np.float32)
        self.codes, self.cases = np.empty(BLOCK, np.intp), np.empty(BLOCK)

    def add(self, block: Floats, centre: float, scale: float) -> None:
        """Count a block."""
        n = len(block)
        halves = _scaled(block, centre, scale, self.wide[:n], self.floats[:n]).view(np.uint16)
        codes, cases = self.codes[:n], self.cases[:n]
        codes[:] = halves[UPPER::2]
        cases[:] = halves[1 - UPPER :: 2]
        cases += ONE_CASE
        np.add.at(self.both, codes, cases)

    def split(self) -> None:
        """Add the cases and the rests of the last rows to those of the rows before."""
        codes = np.flatnonzero(self.both)
        found = self.both[codes].astype(np.int64)
        self.counts[codes] += found >> CASES
        self.rests[codes] += found & (ONE_CASE - 1)

    def in_order(self) -> Arrays:
        """The bins that are not empty, as the floats are ordered, with their cases and rests."""
        codes = np.flatnonzero(self.counts)
        first = int(np.searchsorted(codes, CODES // 2))
        codes = np.concatenate([codes[first:][::-1], codes[:first]])
        signed, counts, rests = codes >= CODES // 2, self.counts[codes], self.rests[codes]
        bins = np.where(signed, CODES - 1 - codes, codes + CODES // 2)
        return bins, counts, np.where(signed, counts * int(LOWER) - rests, rests)


_room = _Room()


def _few_counted(numbers: Floats, centre: float, scale: float) -> Counted:
    """The same of few numbers, by sorting them."""
    ordered = _ordered(numbers, centre, scale)
    codes = (ordered >> HALF_WORD).astype(np.int64)
    held = (codes >= FIRST) & (codes <= LAST)
    bins, place = np.unique(codes[held], return_inverse=True)
    counts = np.bincount(place, minlength=len(bins)).astype(np.int64)
    rests = np.bincount(place, (ordered[held] & LOWER).astype(float), minlength=len(bins)).astype(np.int64)
    finite = numbers[np.isfinite(numbers)]
    ends = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return Counted((bins, counts, rests), len(numbers) - int(held.sum()), *ends)


def _scaled(
    block: Floats, centre: float, scale: float, wide: Floats, floats: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """A block scaled into `floats`, by way of `wide`."""
    np.subtract(block, centre, out=wide)
    wide *= 1.0 / scale
    with np.errstate(over="ignore", invalid="ignore"):
        floats[:] = wide
    floats += np.float32(0.0)  # no negative zero
    return floats


def _ordered(block: Floats, centre: float, scale: float) -> npt.NDArray[np.uint32]:
    floats = _scaled(block, centre, scale, np.empty(len(block)), np.empty(len(block), np.float32))
    bits = floats.view(np.int32)
    flips = bits >> 31  # all bits of what is negative, the sign of what is not
    flips |= np.int32(-0x80000000)
    flips ^= bits
    return flips.view(np.uint32)


def _hash(name: str) -> int:
    """Spread evenly whatever the names have in common."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) * 0x9E3779B1 & 0xFFFFFFFF
