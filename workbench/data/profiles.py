"""The profile: one mergeable histogram a column, with nulls and categories counted; drift starts here.

A number is scaled by the reference's median and quartile range, written as a float32, and filed under
the top 16 of its bits in an order-preserving code. So there are no edges to choose, the range has no
end, one outlier moves nothing, and profiles of days and shards add.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import Misuse
from workbench.ledger import digest

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000  # kept by name; the rest is counted as OTHER
OTHER = "(other)"
SIGN, ALL = np.uint32(0x80000000), np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class ColumnProfile:
    """One column: how often each bin or category came, and how often nothing came."""

    counts: Mapping[str, int]  # by bin code (as text) or by category
    nulls: int
    scale: tuple[float, float] | None  # (median, quartile range) of the reference; None: categories

    @property
    def n(self) -> int:
        """Values counted, nulls left aside."""
        return sum(self.counts.values())

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        if self.scale != other.scale:
            raise Misuse("profiles of different scales do not add", hint="scan with like=the reference profile")
        names = sorted({*self.counts, *other.counts})
        counts = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return ColumnProfile(counts, self.nulls + other.nulls, self.scale)

    def values(self, codes: list[int]) -> np.ndarray:
        """The number in the middle of each bin, in the column's own unit."""
        median, spread = self.scale or (0.0, 1.0)
        return _decoded(np.array(codes)) * spread + median


@dataclass(frozen=True)
class Profile:
    """The columns of a data set, in order."""

    columns: Mapping[str, ColumnProfile]
    rows: int
    source: str = ""  # digest of what was scanned, hex

    @classmethod
    def scan(cls, frame: pd.DataFrame, *, like: Profile | None = None, source: str = "") -> Profile:
        """Count every column once.

        Args:
            frame: One row a case.
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
        return cls(columns, len(frame), source)

    @property
    def digest(self) -> str:
        """SHA-256 of the profile, hex."""
        return digest(json.loads(self.as_json()))

    def __add__(self, other: Profile) -> Profile:
        if list(self.columns) != list(other.columns):
            raise Misuse("profiles of different columns do not add")
        columns = {name: column + other.columns[name] for name, column in self.columns.items()}
        source = self.source if self.source == other.source else digest(sorted([self.source, other.source]))
        return Profile(columns, self.rows + other.rows, source)

    def as_json(self) -> str:
        """The profile as JSON text."""
        columns = {
            name: {"counts": dict(c.counts), "nulls": c.nulls, "scale": list(c.scale) if c.scale else None}
            for name, c in self.columns.items()
        }
        return json.dumps({"columns": columns, "rows": self.rows, "source": self.source})

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile that `as_json` wrote.

        Raises:
            Misuse: The text is no profile.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            columns = {
                name: ColumnProfile(c["counts"], c["nulls"], tuple(c["scale"]) if c["scale"] else None)
                for name, c in content["columns"].items()
            }
            return cls(columns, content["rows"], content["source"])
        except (ValueError, KeyError, TypeError) as error:
            raise Misuse(f"the text is no profile: {error}") from error

    def expanded(self, rows: int = 2000) -> pd.DataFrame:
        """A frame of so many rows with the same distribution in every column, for reports that need rows.

        Columns are independent of each other: only what is seen column by column is kept.
        """
        import pandas as pd

        frame = {}
        for name, column in self.columns.items():
            labels, counts = list(column.counts), np.array(list(column.counts.values()), dtype=float)
            if not counts.sum():
                frame[name] = np.full(rows, np.nan)
                continue
            at = np.searchsorted(np.cumsum(counts) / counts.sum(), (np.arange(rows) + 0.5) / rows)
            at = np.minimum(at, len(labels) - 1)
            if column.scale is None:
                frame[name] = np.array(labels, dtype=object)[at]
            else:
                codes = sorted(int(label) for label in labels)
                counts = np.array([column.counts[str(code)] for code in codes], dtype=float)
                at = np.searchsorted(np.cumsum(counts) / counts.sum(), (np.arange(rows) + 0.5) / rows)
                frame[name] = column.values(codes)[np.minimum(at, len(codes) - 1)]
        return pd.DataFrame(frame)


def _column(name: str, values: pd.Series[Any], like: ColumnProfile | None) -> ColumnProfile:
    import pandas as pd

    present = values.dropna()
    nulls = len(values) - len(present)
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if like is not None and like.scale is not None and not numeric:
        read = pd.to_numeric(present, errors="coerce")
        if read.isna().any():
            raise Misuse(f"the column {name!r} holds texts; in the reference it holds numbers")
        present, numeric = read, True
    if numeric and (like is None or like.scale is not None):
        numbers = present.to_numpy(dtype=float)
        scale = _scale(numbers) if like is None or like.scale is None else like.scale
        codes, counts = np.unique(_encoded((numbers - scale[0]) / scale[1]), return_counts=True)
        return ColumnProfile({str(c): int(k) for c, k in zip(codes, counts, strict=True)}, nulls, scale)
    found = present.astype(str).value_counts()
    kept = {str(value): int(count) for value, count in found.iloc[:MOST_CATEGORIES].items()}
    if len(found) > MOST_CATEGORIES:
        kept[OTHER] = kept.get(OTHER, 0) + int(found.iloc[MOST_CATEGORIES:].sum())
    return ColumnProfile(dict(sorted(kept.items())), nulls, None)


def _scale(numbers: np.ndarray) -> tuple[float, float]:
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return 0.0, 1.0
    low, median, high = np.quantile(finite, (0.25, 0.5, 0.75))
    spread = float(high - low) or float(finite.std()) or 1.0
    return float(median), spread


def _encoded(numbers: np.ndarray) -> np.ndarray:
    """Order-preserving 16-bit code of each number."""
    bits = (numbers.astype(np.float32) + np.float32(0.0)).view(np.uint32)  # + 0.0: no negative zero
    ordered = np.where(bits & SIGN, bits ^ ALL, bits | SIGN)
    return (ordered >> np.uint32(16)).astype(np.int64)


def _decoded(codes: np.ndarray) -> np.ndarray:
    """The number in the middle of each code's bin."""
    ordered = (codes.astype(np.uint32) << np.uint32(16)) | np.uint32(0x8000)
    bits = np.where(ordered & SIGN, ordered ^ SIGN, ordered ^ ALL).astype(np.uint32)
    exact = codes == int(_encoded(np.array([0.0]))[0])
    return np.where(exact, 0.0, bits.view(np.float32).astype(float))
