"""Bad slices: for whom a model is wrong more often than for others, by one to three columns together.

Columns of many numbers are cut at their quantiles. Every slice is looked at, and the p-values are
corrected for that; a slice is *found* where it is still unlikely to be chance.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> frame = {"region": rng.choice(["n", "s"], 4000), "age": rng.uniform(20, 70, 4000)}
>>> wrong = rng.random(4000) < np.where((frame["region"] == "s") & (frame["age"] > 60), 0.5, 0.1)
>>> worst = bad_slices(frame, wrong, bands=5)
>>> worst.slices[0].name
'region = s and age ≥ 60.07'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.data.coding import UNKNOWN, Coded, coded
from workbench.data.counts import binary
from workbench.errors import Misuse
from workbench.stats.slices import ALPHA, LEAST, search

BANDS = 10  # of a column of numbers
FEW = 20  # values up to which numbers are categories
FALSE_FINDS = 0.05  # expected share of false finds among what is found


@dataclass(frozen=True)
class BadSlice:
    """One slice."""

    name: str  # its conditions in words
    where: tuple[tuple[str, str], ...]  # column and value
    n: int
    error_rate: float
    rest_rate: float  # of all other cases
    adjusted: float  # p-value, over all slices that were looked at
    found: bool  # whether it is unlikely to be chance
    score: float  # how bad against how small


@dataclass(frozen=True)
class SliceAudit:
    """The worst slices, worst first."""

    slices: tuple[BadSlice, ...]
    searched: int  # slices that were looked at
    error_rate: float  # of all cases
    n: int
    sentence: str


def bad_slices(
    table: Any,
    error: npt.ArrayLike,
    columns: Sequence[str] | None = None,
    *,
    ways: int = 2,
    least: int = LEAST,
    bands: int = BANDS,
    alpha: float = ALPHA,
    top: int = 20,
) -> SliceAudit:
    """Search the slices of a table.

    Args:
        table: Columns by name: a table of pandas, polars or Arrow, or lists.
        error: Whether a case went wrong, one a case; for example `label != prediction`.
        columns: That slices are made of; by default all.
        ways: Columns that one slice may name, 1 to 3.
        least: Cases of a slice, at least 1.
        bands: Parts that a column of more than a few numbers is cut into, at least 2.
        alpha: Weight of how bad a slice is against how small it is, in (0, 1].
        top: Slices to return.

    Raises:
        Misuse: A column is not there, is of another length, there is none or there are too many slices; or an
            error is neither true nor false.
    """
    names = [str(name) for name in (_names(table) if columns is None else columns)]
    if absent := [name for name in names if name not in set(map(str, _names(table)))]:
        raise Misuse(f"there is no column {absent[0]!r}", hint=f"the columns are: {', '.join(map(str, _names(table)))}")
    if not names:
        raise Misuse("the table has no column to make slices of", hint="name columns of few values")
    cut = [_cut(table[name], bands) for name in names]
    wrong = binary("error", error).astype(bool)
    try:
        found = search(
            [c.codes for c in cut], [len(c.texts) for c in cut], wrong, ways=ways, least=least, alpha=alpha, top=top
        )
    except ValueError as stated:
        raise Misuse(str(stated), hint="name the columns that slices are to be made of") from stated
    n, total = len(wrong), int(wrong.sum())
    slices = []
    for i, (places, codes) in enumerate(zip(found.columns, found.values, strict=True)):
        where = tuple((names[c], cut[c].texts[v]) for c, v in zip(places, codes, strict=True))
        seen, bad = int(found.seen[i]), int(found.errors[i])
        slices.append(
            BadSlice(
                name=" and ".join(f"{column} {_told(value)}" for column, value in where),
                where=where,
                n=seen,
                error_rate=bad / seen,
                rest_rate=(total - bad) / (n - seen),
                adjusted=float(found.adjusted[i]),
                found=bool(found.adjusted[i] <= FALSE_FINDS),
                score=float(found.score[i]),
            )
        )
    return SliceAudit(tuple(slices), found.searched, total / n, n, _sentence(slices, found.searched))


def _names(table: Any) -> list[Any]:
    names = getattr(table, "column_names", None)
    return list(names if names is not None else getattr(table, "columns", table))


def _cut(values: Any, bands: int) -> Coded:
    """Categories as they are; numbers of many values in bands between their quantiles."""
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "iuf" or len(np.unique(numbers[: 100 * FEW])) <= FEW:
        found = coded(values)
        if len(found.texts) <= FEW or numbers.dtype.kind not in "iuf":
            return found
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return Coded(np.zeros(len(numbers), np.int32), [UNKNOWN])
    inner = np.unique(np.quantile(known, np.arange(1, bands) / bands))
    codes = np.searchsorted(inner, numbers, side="right").astype(np.int32)
    ends = [f"{end:.4g}" for end in inner]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    texts = [f"< {ends[0]}", *between, f"≥ {ends[-1]}"]
    missing = ~np.isfinite(numbers)
    return Coded(np.where(missing, len(texts), codes).astype(np.int32), [*texts, UNKNOWN])


def _told(value: str) -> str:
    return value if value.startswith(("< ", "≥ ")) else f"= {value}"


def _sentence(slices: list[BadSlice], searched: int) -> str:
    found = [each for each in slices if each.found]
    if not found:
        return f"Of {searched:,} slices, none is worse than chance would make one of so many."
    worst = found[0]
    return (
        f"Of {searched:,} slices, the worst is {worst.name}: {worst.error_rate:.1%} of {worst.n:,} cases are wrong, "
        f"of all others {worst.rest_rate:.1%}."
    )
