"""Two columns that now come together otherwise, though each by itself has the values that it had.

The classifier behind the causes adds up one curve a column, so that such a change looks to it like another
relation. Here every pair of a bounded number of columns is cut into a small table, the table of *before* is
brought to the sums of rows and columns of *now*, and what still differs is tested, over all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import special

from workbench.stats.attribution import Part
from workbench.stats.classification import Z
from workbench.stats.domain import Column
from workbench.stats.groups import Counts, Floats

MOST = 16  # columns of which every pair is looked at: those of the first names
BANDS = 6  # of a number, at its quantiles; of a category the most frequent levels, and the rest
ALPHA = 0.01  # of finding a pair where there is none, over all pairs
LEAST = 5.0  # effective cases that a cell has in both sets on average, from which a pair is tested
ROUNDS = 50  # of fitting a table's sums


@dataclass(frozen=True)
class Together:
    """The pair that changed most surely."""

    columns: tuple[str, str]
    cost: float  # of the mean loss, by the losses of before
    error: float  # its standard error
    p_value: float  # over all pairs

    @property
    def shown(self) -> bool:
        """Whether it is sure to have cost or gained anything."""
        return self.p_value <= ALPHA and abs(self.cost) > Z * self.error

    def taken_from(self, relation: Part) -> tuple[Part, Part]:
        """What the pair cost, and what is left of the relation, in which it was."""
        reach = Z * self.error
        joint = Part(self.cost, self.cost - reach, self.cost + reach, float(special.ndtr(self.cost / self.error)))
        value = relation.value - self.cost
        ends = [math.hypot(relation.value - relation.low, reach), math.hypot(relation.high - relation.value, reach)]
        spread = sum(ends) / 2 / Z
        chance = float(special.ndtr(value / spread)) if spread > 0 else relation.chance_above
        return joint, Part(value, value - ends[0], value + ends[1], chance)


def changed_pair(
    columns: Sequence[Column],
    names: Sequence[str],
    loss: Floats,
    weights_before: Floats,
    weights_now: Floats,
) -> Together | None:
    """The pair of columns whose joint values changed most surely; None where no pair can be tested.

    Args:
        columns: Of both sets.
        names: Theirs.
        loss: Of the cases before.
        weights_before: How much each case counts among the inputs that both sets share.
        weights_now: The same.

    Source:
        Deming & Stephan (1940), Annals of Mathematical Statistics 11, for fitting a table to its sums.
    """
    cut = [_cut(column) for column in columns[:MOST]]
    sizes = [1.0 / float(((weight / weight.sum()) ** 2).sum()) for weight in (weights_before, weights_now)]
    pairs = list(combinations(range(len(cut)), 2))
    found: list[Together] = []
    for i, j in pairs:
        places = [cut[i][side] * (BANDS + 1) + cut[j][side] for side in (0, 1)]
        was, now = _table(places[0], weights_before), _table(places[1], weights_now)
        lost = _table(places[0], weights_before * loss)
        one = _tested(was, now, np.divide(lost, was, out=np.zeros_like(lost), where=was > 0), sizes)
        if one is not None:
            cost, error, p_value = one
            found.append(Together((names[i], names[j]), cost, error, min(1.0, p_value * len(pairs))))
    return min(found, key=lambda pair: (not pair.shown, pair.p_value, -abs(pair.cost) / pair.error), default=None)


def _tested(was: Floats, now: Floats, loss: Floats, sizes: Sequence[float]) -> tuple[float, float, float] | None:
    """What a table's change costs beyond its sums, that number's error, and the p-value of no such change."""
    both = (was > 0) & (now > 0)
    was, now = np.where(both, was, 0.0), np.where(both, now, 0.0)
    kept = np.ix_(now.sum(axis=1) > 0, now.sum(axis=0) > 0)
    was, now, loss = was[kept], now[kept], loss[kept]
    free = int((now > 0).sum()) - sum(now.shape) + 1
    if min(now.shape) < 2 or free < 1 or min(sizes) < LEAST * now.size:
        return None
    now = now / now.sum()
    fitted = was / was.sum()
    for _ in range(ROUNDS):
        fitted = fitted * (now.sum(axis=1) / fitted.sum(axis=1))[:, None]
        fitted = fitted * (now.sum(axis=0) / fitted.sum(axis=0))
    scale = 1.0 / sizes[0] + 1.0 / sizes[1]
    change, cells = now - fitted, fitted > 0
    statistic = float((change[cells] ** 2 / fitted[cells]).sum() / scale)
    spread = float((fitted * (loss - (fitted * loss).sum()) ** 2).sum())
    cost = float((change * loss).sum())
    return cost, max((spread * scale) ** 0.5, 1e-12), float(special.chdtrc(free, statistic))


def _table(places: Counts, weights: Floats) -> Floats:
    """Weights by both columns' bands, of the cases where both are known."""
    found = np.bincount(places, weights, minlength=(BANDS + 1) ** 2)
    return np.asarray(found.reshape(BANDS + 1, BANDS + 1)[:BANDS, :BANDS])


def _cut(column: Column) -> tuple[Counts, Counts]:
    """Both sides of a column in bands; what is not known has a last band of its own, which is left out."""
    sides = (column.before, column.now)
    if column.categories:
        known = np.concatenate([side[side >= 0] for side in sides]).astype(np.intp)
        order = np.argsort(-np.bincount(known, minlength=column.categories), kind="stable")
        place = np.full(column.categories, BANDS - 1, dtype=np.intp)
        place[order[: BANDS - 1]] = np.arange(min(BANDS - 1, len(order)))
        first, second = (np.where(side >= 0, place[np.maximum(side, 0).astype(np.intp)], BANDS) for side in sides)
    else:
        numbers = np.concatenate([side[np.isfinite(side)] for side in sides])
        edges = np.quantile(numbers, np.arange(1, BANDS) / BANDS) if numbers.size else np.zeros(1)
        first, second = (
            np.where(np.isfinite(side), np.searchsorted(edges, side, side="right"), BANDS) for side in sides
        )
    return first, second
