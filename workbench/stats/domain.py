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
    owner = np.repeat(np.arange(len(columns)), [before.shape[1] for before, _ in blocks])
    member = (owner[:, None] == np.arange(len(columns))).astype(float)
    design = np.vstack([np.hstack([before for before, _ in blocks]), np.hstack([now for _, now in blocks])])
    is_now = np.arange(n + m) >= n
    fold = np.concatenate([rng.permutation(n) % folds, rng.permutation(m) % folds])
    picked = [rng.choice(size, min(size, PICKED), replace=False) for size in (n, m)]
    both = np.concatenate([picked[0], picked[1] + n])
    parts, shaken = np.empty((n + m, len(columns))), np.empty((SHAKEN, len(both), len(columns)))
    noise = rng.standard_normal((design.shape[1] + 1, SHAKEN))  # of all folds, which share most of their cases
    for each in range(folds):
        seen = _some(np.flatnonzero(fold != each), is_now, rng)
        curve, spread = _fitted(design[seen], is_now[seen], ridge)
        out, out_picked = fold == each, fold[both] == each
        parts[out] = design[out] @ (curve[:, None] * member)
        drawn = curve + (spread @ noise)[:-1].T
        for k, one in enumerate(drawn):
            shaken[k, out_picked] = design[both[out_picked]] @ (one[:, None] * member)
    split = len(picked[0])
    return Tilts(parts[:n], parts[n:], picked[0], picked[1], shaken[:, :split], shaken[:, split:])


def basis(column: Column) -> tuple[Floats, Floats]:
    """A column as parts that add up to one: hats over quantiles, or one level a category.

    A value that is not known has the mean parts of its own set.
    """
    if column.categories:
        levels = np.arange(column.categories)
        first, second = ((side[:, None] == levels).astype(float) for side in (column.before, column.now))
    else:
        known = np.concatenate([side[np.isfinite(side)] for side in (column.before, column.now)])
        knots = np.unique(np.quantile(known, np.linspace(0.002, 0.998, KNOTS))) if known.size else np.zeros(1)
        first, second = _hats(column.before, knots), _hats(column.now, knots)
    for side, other in ((first, second), (second, first)):
        silent = side.sum(axis=1) == 0.0
        if silent.any():
            telling = other if silent.all() else side[~silent]
            side[silent] = telling.mean(axis=0)
    return first, second


def _hats(values: Floats, knots: Floats) -> Floats:
    known = np.isfinite(values)
    hats = np.zeros((len(values), len(knots)))
    for k, unit in enumerate(np.eye(len(knots))):
        hats[known, k] = np.interp(values[known], knots, unit)
    return hats


def _some(seen: np.ndarray, is_now: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most so many cases of each side."""
    sides = [seen[~is_now[seen]], seen[is_now[seen]]]
    return np.concatenate([rng.choice(side, MOST, replace=False) if len(side) > MOST else side for side in sides])


def _fitted(design: Floats, is_now: np.ndarray, ridge: float) -> tuple[Floats, Floats]:
    """Curves by penalized likelihood, both sides weighing the same, and a root of their covariance (a sandwich).

    The intercept is free; it is left out of the curves and is the last row of the root.
    """
    rows = np.column_stack([design, np.ones(len(design))])
    weight = np.where(is_now, 0.5 / is_now.mean(), 0.5 / (1.0 - is_now.mean()))
    penalty = np.append(np.full(design.shape[1], ridge), 1e-9)
    beta = np.zeros(rows.shape[1])
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
    return np.asarray(beta[:-1]), np.asarray(linalg.solve(bend, root, assume_a="pos"))
