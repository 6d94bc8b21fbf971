"""What tells two sets of cases apart, column by column: an additive classifier of *before* against *now*.

Its log-odds are a sum of one curve a column: the logarithm of how much more frequent a value has become,
all other columns held. A column that moved only because another one did has a flat curve. Numbers have
curves of straight pieces over their quantiles, categories one level each; a value of nan (for a category
-1) is not known: it counts as the mean of its set and tells nothing. Each case is judged by a classifier
that was fitted without it.

>>> rng = np.random.default_rng(0)
>>> before, now = rng.normal(0, 1, (2000, 2)), rng.normal((1, 0), 1, (2000, 2))
>>> columns = [Column(before[:, j], now[:, j]) for j in range(2)]
>>> found = tilts(columns, rng=rng)
>>> bool(np.corrcoef(found.before[:, 0], before[:, 0])[0, 1] > 0.95), bool(found.before[:, 1].std() < 0.2)
(True, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg, special

from workbench.stats.groups import Floats

KNOTS = 8  # of a number's curve
RIDGE = 1.0  # prior precision of a curve's values, on the log-odds
STEPS = 25  # of Newton's method, at most
MOST = 10_000  # cases a side that a classifier is fitted on
FOLDS = 3
SHAKEN = 40  # curves drawn from around the fitted ones
PICKED = 1_000  # cases a side whose parts are drawn so


class Column(NamedTuple):
    """One column of both sets: numbers (nan: not known), or codes of categories (-1: not known)."""

    before: Floats  # one a case
    now: Floats
    categories: int = 0  # how many there are; 0: the column holds numbers


class Tilts(NamedTuple):
    """Log-odds of *now* in parts, one row a case and one number a column, and how unsure the parts are."""

    before: Floats
    now: Floats
    picked_before: np.ndarray  # numbers of some of the cases
    picked_now: np.ndarray
    shaken_before: Floats  # their parts under curves drawn from around the fitted ones: draw, case, column
    shaken_now: Floats


def tilts(columns: Sequence[Column], *, rng: np.random.Generator, folds: int = FOLDS, ridge: float = RIDGE) -> Tilts:
    """Each case's log-odds of *now*, as one part a column; parts of unlike sizes of the sets are equalled out.

    Args:
        columns: At least one.
        rng: Source of the folds and of the draws.
        folds: Parts of the cross-fitting, from 2.
        ridge: How strongly curves are drawn to flat ones, above zero.

    Raises:
        ValueError: There is no column, folds or ridge is too small, or a set has fewer cases than folds.
    """
    n, m = (len(columns[0].before), len(columns[0].now)) if columns else (0, 0)
    if min(n, m) < folds or folds < 2 or ridge <= 0:
        raise ValueError(f"{n} cases before and {m} now in {folds} folds; each fold needs a case of both, two folds")
    blocks = [basis(column) for column in columns]
    ends = np.cumsum([before.size for before, _ in blocks])[:-1]
    is_now = np.arange(n + m) >= n
    fold = np.concatenate([rng.permutation(n) % folds, rng.permutation(m) % folds])
    picked = [rng.choice(size, min(size, PICKED), replace=False) for size in (n, m)]
    both = np.concatenate([picked[0], picked[1] + n])
    parts, shaken = np.empty((n + m, len(columns))), np.empty((SHAKEN, len(both), len(columns)))
    width = sum(before.size for before, _ in blocks)
    noise = rng.standard_normal((width + 1, SHAKEN))  # of all folds, which share most of their cases
    beta = np.zeros(width + 1)
    for each in range(folds):
        seen = _some(np.flatnonzero(fold != each), is_now, rng)
        rows = np.hstack([_of_both(block, seen, n) for block in blocks])
        beta, spread = _fitted(rows, is_now[seen], ridge, beta)  # the curve of another fold is a good start
        out, out_picked = fold == each, fold[both] == each
        asked = both[out_picked]
        curves = np.split(beta[:-1], ends)
        drawn = np.split(beta[:-1] + (spread @ noise)[:-1].T, ends, axis=1)
        for j, (before, now) in enumerate(blocks):
            parts[out, j] = np.concatenate([before.along(curves[j], out[:n]), now.along(curves[j], out[n:])])
            shaken[:, out_picked, j] = drawn[j] @ _of_both(blocks[j], asked, n).T
    split = len(picked[0])
    return Tilts(parts[:n], parts[n:], picked[0], picked[1], shaken[:, :split], shaken[:, split:])


@dataclass(frozen=True)
class Basis:
    """One set's column as parts that add up to one: hats over quantiles, or one level a category."""

    values: Floats
    knots: Floats  # numbers at which a curve bends; of categories the codes
    categories: bool
    known: np.ndarray  # true where the value is
    mean: Floats  # the parts of a value that is not known: the mean of its set

    @property
    def size(self) -> int:
        """How many parts there are."""
        return len(self.knots)

    def rows(self, asked: np.ndarray | slice = slice(None)) -> Floats:
        """The parts of some cases, or of all."""
        values, known = self.values[asked], self.known[asked]
        found = np.broadcast_to(self.mean, (len(values), self.size)).copy()
        found[known] = _parts(values[known], self.knots, self.categories)
        return found

    def along(self, curve: Floats, asked: np.ndarray) -> Floats:
        """A curve's value for some cases, without their parts being written down."""
        values, known = self.values[asked], self.known[asked]
        if self.categories:
            found = curve[np.where(known, values, 0.0).astype(np.intp)]
        else:
            found = np.interp(np.where(known, values, self.knots[0]), self.knots, curve)
        return np.where(known, found, self.mean @ curve)


def basis(column: Column) -> tuple[Basis, Basis]:
    """A column of both sets as parts; a value that is not known has the mean parts of its own set."""
    sides = (column.before, column.now)
    known = [side >= 0 if column.categories else np.isfinite(side) for side in sides]
    if column.categories:
        knots = np.arange(float(column.categories))
    else:
        numbers = np.concatenate([side[told] for side, told in zip(sides, known, strict=True)])
        knots = np.unique(np.quantile(numbers, np.linspace(0.002, 0.998, KNOTS))) if numbers.size else np.zeros(1)
    categories = column.categories > 0
    sums = [_sums(side[told], knots, categories) for side, told in zip(sides, known, strict=True)]
    found = []
    for which, (side, told) in enumerate(zip(sides, known, strict=True)):
        telling = which if told.any() else 1 - which
        mean = sums[telling] / max(int(known[telling].sum()), 1)
        found.append(Basis(side, knots, categories, told, mean))
    return found[0], found[1]


def _parts(values: Floats, knots: Floats, categories: bool) -> Floats:
    if categories:
        return np.asarray((values[:, None] == knots).astype(float))
    return np.column_stack([np.interp(values, knots, unit) for unit in np.eye(len(knots))])


def _sums(values: Floats, knots: Floats, categories: bool) -> Floats:
    """The sum of all cases' parts."""
    if categories:
        return np.bincount(values.astype(np.intp), minlength=len(knots)).astype(float)
    return np.array([np.interp(values, knots, unit).sum() for unit in np.eye(len(knots))])


def _of_both(block: tuple[Basis, Basis], asked: np.ndarray, n: int) -> Floats:
    """The parts of some cases, of which the first n are those before."""
    before, now = block
    is_now = asked >= n
    found = np.empty((len(asked), before.size))
    found[~is_now], found[is_now] = before.rows(asked[~is_now]), now.rows(asked[is_now] - n)
    return found


def _some(seen: np.ndarray, is_now: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most so many cases of each side."""
    sides = [seen[~is_now[seen]], seen[is_now[seen]]]
    return np.concatenate([rng.choice(side, MOST, replace=False) if len(side) > MOST else side for side in sides])


def _fitted(design: Floats, is_now: np.ndarray, ridge: float, start: Floats) -> tuple[Floats, Floats]:
    """Curves by penalized likelihood, both sides weighing the same, and a root of their covariance (a sandwich).

    The intercept is free and the last of the curves' values; Newton's method begins at `start`.
    """
    rows = np.column_stack([design, np.ones(len(design))])
    weight = np.where(is_now, 0.5 / is_now.mean(), 0.5 / (1.0 - is_now.mean()))
    penalty = np.append(np.full(design.shape[1], ridge), 1e-9)
    beta = start.copy()
    for _ in range(STEPS):
        chance = special.expit(rows @ beta)
        slope = rows.T @ (weight * (is_now - chance)) - penalty * beta
        bend = (rows * (weight * chance * (1.0 - chance))[:, None]).T @ rows
        bend[np.diag_indices_from(bend)] += penalty
        step = linalg.solve(bend, slope, assume_a="pos")
        beta += step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-4:
            break
    rest = rows * (weight * (is_now - chance))[:, None]
    root = linalg.cholesky(rest.T @ rest + 1e-9 * np.eye(len(beta)), lower=True)
    return np.asarray(beta), np.asarray(linalg.solve(bend, root, assume_a="pos"))
