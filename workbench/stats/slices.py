"""Bad slices: values of one, two or three columns whose cases have more errors than the rest.

All slices are margins of joint tables. Each table is over a *block* of columns, as many as fit into
the cache, so that a pass over the cases fills dozens of slices' counts at once: ten columns of ten
values have 45 pairs, and nine passes cover them. Slices are ranked by the score of Slice Finder's
linear-algebra form, which weighs how much worse a slice is against how small it is; a p-value, and
one corrected for the number of slices, says whether chance would do as much.

>>> rng = np.random.default_rng(0)
>>> columns = rng.integers(0, 4, size=(2, 5000))
>>> bad = (columns[0] == 3) & (columns[1] == 1)
>>> found = search(columns, [4, 4], rng.random(5000) < np.where(bad, 0.6, 0.1))
>>> found.columns[0], found.values[0]
((0, 1), (3, 1))
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from workbench.stats.contrasts import contrast
from workbench.stats.drift import benjamini_hochberg
from workbench.stats.groups import Counts, Floats

CELLS = 1 << 14  # of a joint table: with errors counted beside, it stays in a core's cache
LEAST = 32  # cases of a slice, below which it is not looked at
ALPHA = 0.99  # weight of the errors against the size, in the score
MOST = 2_000_000  # slices of a search


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices with more errors than the rest, best score first."""

    columns: list[tuple[int, ...]]  # numbers of the columns
    values: list[tuple[int, ...]]  # their codes
    seen: Counts  # cases
    errors: Counts
    score: Floats
    p_value: Floats  # of errors so much more frequent than in all other cases
    adjusted: Floats  # the same over all slices that were looked at (Benjamini-Hochberg)
    searched: int  # slices that were looked at


def search(
    columns: Sequence[npt.ArrayLike] | npt.NDArray[np.integer],
    sizes: Sequence[int],
    error: npt.ArrayLike,
    *,
    ways: int = 2,
    least: int = LEAST,
    alpha: float = ALPHA,
    top: int = 20,
) -> Slices:
    """Search all slices of up to `ways` columns.

    Args:
        columns: Codes from 0 up, one list a column, one a case.
        sizes: How many codes each column has.
        error: Whether a case went wrong, one a case.
        ways: Columns that a slice may name, 1 to 3.
        least: Cases that a slice must have.
        alpha: Weight of how bad a slice is against how small it is, in (0, 1].
        top: Slices to return.

    Raises:
        ValueError: Lengths differ, a code is out of its range, there is no case, or there are too many slices.

    Source:
        Sagadeeva & Boehm (2021), SIGMOD, "SliceLine", equation 1.
    """
    codes = [np.asarray(column) for column in columns]
    wrong = np.asarray(error).astype(bool)
    _check(codes, sizes, wrong, ways)
    n, total = len(wrong), int(wrong.sum())
    found = _tables(codes, sizes, wrong, min(ways, len(codes)))
    seen = np.concatenate([table[..., :].sum(axis=-1).ravel() for table in found.values()])
    errors = np.concatenate([table[..., 1].ravel() for table in found.values()])
    owner = np.repeat(np.arange(len(found)), [table[..., 0].size for table in found.values()])
    place = np.concatenate([np.arange(table[..., 0].size) for table in found.values()])
    kept = (seen >= least) & (seen < n)
    seen, errors, owner, place = seen[kept], errors[kept], owner[kept], place[kept]
    if not total or not len(seen):
        nothing = np.zeros(0)
        return Slices([], [], nothing.astype(int), nothing.astype(int), nothing, nothing, nothing, len(seen))
    score = alpha * (errors / seen * (n / total) - 1.0) - (1.0 - alpha) * (n / seen - 1.0)
    against = contrast(errors, seen, total - errors, n - seen)
    p_value = np.where(against.difference > 0, against.p_value, 1.0)  # two-sided: cautious, as errors are skewed
    adjusted = benjamini_hochberg(p_value)
    best = np.argsort(-score, kind="stable")[:top]
    best = best[score[best] > 0]
    names = list(found)
    return Slices(
        columns=[names[owner[i]] for i in best],
        values=[tuple(int(v) for v in np.unravel_index(place[i], [sizes[c] for c in names[owner[i]]])) for i in best],
        seen=seen[best],
        errors=errors[best],
        score=score[best],
        p_value=p_value[best],
        adjusted=adjusted[best],
        searched=len(seen),
    )


def _check(codes: list[npt.NDArray[np.integer]], sizes: Sequence[int], wrong: npt.NDArray[np.bool_], ways: int) -> None:
    if not len(wrong) or len(codes) != len(sizes) or any(len(column) != len(wrong) for column in codes):
        raise ValueError("every column needs a size and one code a case, and there must be a case")
    if not 1 <= ways <= 3:
        raise ValueError(f"a slice may name {ways} columns; from 1 to 3 are searched")
    for number, (column, size) in enumerate(zip(codes, sizes, strict=True)):
        if column.min() < 0 or column.max() >= size:
            raise ValueError(f"column {number} has a code outside 0 to {size - 1}")
    slices = sum(math.prod(names) for k in range(1, ways + 1) for names in combinations(sizes, k))
    if slices > MOST:
        raise ValueError(f"there are {slices:,} slices; up to {MOST:,} are searched: name fewer columns, or fewer ways")


def _tables(
    codes: list[npt.NDArray[np.integer]], sizes: Sequence[int], wrong: npt.NDArray[np.bool_], ways: int
) -> dict[tuple[int, ...], Counts]:
    """Counts by value and error for every combination of up to `ways` columns."""
    found: dict[tuple[int, ...], Counts] = {}
    for block in _blocks(sizes, ways):
        place = codes[block[0]].astype(np.int64)
        for column in block[1:]:
            place *= sizes[column]
            place += codes[column]
        place <<= 1
        place += wrong
        shape = [sizes[column] for column in block]
        table = np.bincount(place, minlength=2 * math.prod(shape)).reshape(*shape, 2)
        for k in range(1, ways + 1):
            for names in combinations(block, k):
                if names not in found:
                    others = tuple(i for i, column in enumerate(block) if column not in names)
                    found[names] = table.sum(axis=others)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _blocks(sizes: Sequence[int], ways: int) -> list[tuple[int, ...]]:
    """Blocks of columns that between them hold every combination of `ways`, few of them (greedily)."""
    open_ = set(combinations(range(len(sizes)), ways))
    blocks = []
    while open_:
        block = min(open_)
        while True:
            room = CELLS // math.prod(sizes[column] for column in block)
            fitting = [c for c in range(len(sizes)) if c not in block and sizes[c] <= room]
            gains = {c: _gain(block, c, open_, ways) for c in fitting}
            if not gains or max(gains.values()) == 0:
                break
            block = tuple(sorted((*block, max(gains, key=lambda c: (gains[c], -sizes[c])))))
        open_ -= set(combinations(block, ways))
        blocks.append(block)
    return blocks


def _gain(block: tuple[int, ...], column: int, open_: set[tuple[int, ...]], ways: int) -> int:
    """Open combinations that one more column would close."""
    return sum(tuple(sorted((*part, column))) in open_ for part in combinations(block, ways - 1))
