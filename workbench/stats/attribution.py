"""Why a loss differs between two sets of cases: other inputs, or another relation of inputs to outcome.

*Before* and *now* are set beside what they share: the cases that either set could have had. From *before*
to the shared cases and from the shared cases to *now*, inputs alone change; in between, on the same
inputs, the relation alone does. The part of the inputs is divided among the columns by Shapley values:
each subset of columns is tilted by its own curves (see `domain`), so a column that moved only because
another one did gets nothing. The parts add up to the difference exactly.

>>> game = {0: 0.0, 1: 1.0, 2: 2.0, 3: 4.0}
>>> shapley(np.array([game[k] for k in range(4)])).tolist()
[1.5, 2.5]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from workbench.stats.domain import Tilts
from workbench.stats.groups import Floats

EXACT = 10  # players up to which every subset is looked at
ORDERS = 200  # random orders beyond
DRAWS = 1000  # of the bootstrap
CLUSTERS = 400  # of cases, that the bootstrap draws from
TOGETHER = 100  # cases whose clusters are summed at once


class Shares(NamedTuple):
    """Shapley values with the error of the random orders; zero where every subset was looked at."""

    values: Floats  # one a player; one row a game where there are several
    errors: Floats  # standard error of the first game's values that comes of the sampling


@dataclass(frozen=True)
class Part:
    """One part of the difference, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    chance_above: float  # that it is above zero, in [0, 1]


@dataclass(frozen=True)
class Attribution:
    """The difference *now* less *before*, and its parts."""

    before: float  # mean loss
    now: float
    shared_before: float  # mean loss of the cases before, weighted to what both sets share
    shared_now: float
    total: Part
    inputs: Part
    relation: Part
    columns: tuple[Part, ...]  # of the inputs, one a column
    sampling: tuple[float, ...]  # standard error of each column's value by the random orders
    overlap: float  # effective share of the cases that carry the comparison, the smaller of both sets', in [0, 1]
    weights_before: Floats  # one a case, of mean 1: how much it counts among the shared cases
    weights_now: Floats
    extra: tuple[Part, ...]  # of `extra`


def shapley(values: Floats) -> Floats:
    """Shapley values from the value of every subset.

    Args:
        values: Along the last axis, by subset: bit j of its number says whether player j is in.

    Returns:
        Along the last axis, one a player; they add up to the value of all less that of none.

    Raises:
        ValueError: The number of subsets is no power of two.

    Source:
        Shapley (1953), A value for n-person games.
    """
    v = np.asarray(values, dtype=float)
    players = v.shape[-1].bit_length() - 1
    if v.shape[-1] != 1 << players:
        raise ValueError(f"there are {v.shape[-1]} subsets; all of them are a power of two")
    subsets = np.arange(1 << players)
    sizes = np.bitwise_count(subsets).astype(float)
    found = []
    for j in range(players):
        without = subsets[(subsets >> j) & 1 == 0]
        share = 1.0 / (players * special.binom(players - 1, sizes[without]))
        found.append((v[..., without | (1 << j)] - v[..., without]) @ share)
    return np.stack(found, axis=-1) if found else np.zeros((*v.shape[:-1], 0))


def shapley_shares(
    value: Callable[[np.ndarray], Floats],
    players: int,
    *,
    rng: np.random.Generator,
    exact: int = EXACT,
    orders: int = ORDERS,
) -> Shares:
    """Shapley values of a game that is asked for: exact for few players, from random orders beyond.

    Orders are drawn in pairs, one the reverse of the other, which steadies the values.

    Args:
        value: Takes subsets (one row a subset, true where the player is in), gives one row a game and
            one value a subset.
        players: How many.
        rng: Source of the orders.
        exact: Players up to which every subset is looked at.
        orders: How many beyond, from 4, even.

    Raises:
        ValueError: Orders are too few or odd.

    Source:
        Castro, Gómez & Tejada (2009), Computers & Operations Research 36; antithetic orders: Mitchell,
        Cooper, Frank & Holmes (2022), JMLR 23.
    """
    if players <= exact:
        every = (np.arange(1 << players)[:, None] >> np.arange(players)) & 1
        values = shapley(value(every.astype(bool)))
        return Shares(values, np.zeros(players))
    if orders < 4 or orders % 2:
        raise ValueError(f"orders is {orders}; it must be even and at least 4")
    drawn = np.array([rng.permutation(players) for _ in range(orders // 2)])
    drawn = np.concatenate([drawn, drawn[:, ::-1]])
    rank = np.argsort(drawn, axis=1)
    masks = rank[:, None, :] < np.arange(players + 1)[None, :, None]  # after so many players of an order
    distinct, place = np.unique(masks.reshape(-1, players), axis=0, return_inverse=True)
    found = value(distinct)[..., place.reshape(orders, players + 1)]
    steps = np.take_along_axis(np.diff(found, axis=-1), np.broadcast_to(rank, (*found.shape[:-2], *rank.shape)), -1)
    pairs = (steps[..., : orders // 2, :] + steps[..., orders // 2 :, :]) / 2.0
    errors = pairs[0].std(axis=0, ddof=1) / (orders // 2) ** 0.5
    return Shares(pairs.mean(axis=-2), errors)


def attribute(
    tilts: Tilts,
    loss_before: Floats,
    loss_now: Floats,
    *,
    rng: np.random.Generator,
    extra: Floats | None = None,
    draws: int = DRAWS,
) -> Attribution:
    """Divide the difference of two mean losses.

    Args:
        tilts: Log-odds of *now*, one row a case, one part a column (`domain.tilts`).
        loss_before: One a case, less is better.
        loss_now: The same.
        rng: Source of the bootstrap and of random orders.
        extra: Further numbers of the cases now (one column each) whose means are to have intervals of the
            same bootstrap; they are added to `now` and to `total`.
        draws: Of the bootstrap.

    Raises:
        ValueError: Shapes do not fit, or a set has fewer than two cases.

    Source:
        Cai, Namkoong & Yadlowsky (2023), Diagnosing Model Performance Under Distribution Shift,
        arXiv 2303.02011: the shared distribution and its weights. Intervals join a bootstrap of the cases
        with draws of the classifier's curves, since a case never meets a curve that was fitted to it.
    """
    sizes = (len(tilts.before), len(tilts.now))
    if (len(loss_before), len(loss_now)) != sizes or min(sizes) < 2:
        raise ValueError("each case needs its loss and its log-odds, and each set at least two cases")
    players = tilts.before.shape[1]
    beside = np.zeros((len(loss_now), 0)) if extra is None else np.asarray(extra, dtype=float)
    first = _Side(tilts.before, loss_before, rng, draws)
    second = _Side(-tilts.now, loss_now, rng, draws)
    columns, sampling = shapley_shares(lambda subsets: _moved(first, second, subsets), players, rng=rng)
    all_in = np.ones((1, players), dtype=bool)
    shared_before, shared_now = first.shared(all_in)[:, 0], second.shared(all_in)[:, 0]
    inputs = (shared_before - first.mean) + (second.mean - shared_now)
    shaken = np.vstack([np.zeros((1, players)), rng.choice(_shaken(tilts, loss_before, loss_now, rng), draws)])
    columns = columns + shaken
    inputs, relation = inputs + shaken.sum(axis=1), shared_now - shared_before - shaken.sum(axis=1)
    means = np.column_stack([second.means_of(side) for side in beside.T]) if beside.size else np.zeros((len(inputs), 0))
    total = second.mean - first.mean + means.sum(axis=1)
    return Attribution(
        before=float(first.mean[0]),
        now=float(second.mean[0] + means[0].sum()),
        shared_before=float(shared_before[0]),
        shared_now=float(shared_now[0]),
        total=_part(total),
        inputs=_part(inputs),
        relation=_part(relation),
        columns=tuple(_part(column) for column in columns.T),
        sampling=tuple(float(error) for error in sampling),
        overlap=min(first.effective(), second.effective()),
        weights_before=first.weights(),
        weights_now=second.weights(),
        extra=tuple(_part(column) for column in means.T),
    )


def _moved(first: _Side, second: _Side, subsets: np.ndarray) -> Floats:
    """What the inputs do to the mean loss when these columns are tilted: one row a draw, one column a subset."""
    leaving, arriving = first.shared(subsets) - first.mean[:, None], second.mean[:, None] - second.shared(subsets)
    return np.asarray(leaving + arriving)


def _shaken(tilts: Tilts, loss_before: Floats, loss_now: Floats, rng: np.random.Generator) -> Floats:
    """What the curves' own uncertainty does to the columns' values: one row a draw, one number a column."""
    losses = [np.asarray(loss_before)[tilts.picked_before], np.asarray(loss_now)[tilts.picked_now]]
    seed = int(rng.integers(1 << 32))  # the same orders for all

    def values(before: Floats, now: Floats) -> Floats:
        first, second = _Side(before, losses[0], rng, 0), _Side(-now, losses[1], rng, 0)
        same = np.random.default_rng(seed)
        players = before.shape[1]
        shares = shapley_shares(lambda s: _moved(first, second, s), players, rng=same, exact=5, orders=20)
        return np.asarray(shares.values[0])

    fitted = values(tilts.before[tilts.picked_before], tilts.now[tilts.picked_now])
    drawn = [values(a, b) for a, b in zip(tilts.shaken_before, tilts.shaken_now, strict=True)]
    return np.asarray(np.array(drawn) - fitted)


class _Side:
    """One set: its mean loss as it is, and tilted to what it shares with the other when some columns differ.

    Row 0 of every result is the set itself, the others are bootstrap draws. Cases are put into clusters at
    random and clusters are drawn, so that a draw costs as much as there are clusters and not cases.
    """

    def __init__(self, tilt: Floats, loss: Floats, rng: np.random.Generator, draws: int) -> None:
        clusters = min(CLUSTERS, len(loss)) if draws else 1
        self.order = rng.permutation(len(loss))
        self.starts = np.linspace(0, len(loss), clusters, endpoint=False).astype(int)
        drawn = rng.integers(clusters, size=(draws, clusters)) + clusters * np.arange(draws)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=draws * clusters).reshape(draws, clusters)
        self.counts = np.vstack([np.ones(clusters), counts])
        self.tilt, self.loss = tilt[self.order], np.asarray(loss, dtype=float)[self.order]
        self.mean = self._drawn(np.column_stack([self.loss, np.ones(len(loss))]))

    def shared(self, subsets: np.ndarray) -> Floats:
        """Mean loss among the cases shared when these columns are tilted; one row a draw, one column a subset."""
        weigh, ends = self._weights_of(subsets), np.append(self.starts, len(self.loss))
        sums = np.empty((2, len(self.starts), len(subsets)))
        for few in np.array_split(np.arange(len(self.starts)), min(len(self.starts), -(-len(self.loss) // TOGETHER))):
            rows = slice(ends[few[0]], ends[few[-1] + 1])
            within = np.repeat(np.eye(len(few)), np.diff(ends[few[0] : few[-1] + 2]), axis=1)
            sums[:, few] = np.stack([within * self.loss[rows], within]) @ weigh(rows)
        above, below = self.counts @ sums
        return np.asarray(above / below)

    def means_of(self, numbers: Floats) -> Floats:
        """Mean of further numbers of the cases, one a draw."""
        return self._drawn(np.column_stack([numbers[self.order], np.ones(len(numbers))]))

    def weights(self) -> Floats:
        """How much each case counts among those shared, all columns tilted, in the cases' first order; mean 1."""
        found = np.empty(len(self.loss))
        found[self.order] = self._weights_of(np.ones((1, self.tilt.shape[1]), dtype=bool))(slice(None))[:, 0]
        return np.asarray(found / found.mean())

    def effective(self) -> float:
        """Kish's effective share of the cases."""
        return float(1.0 / (self.weights() ** 2).mean())

    def _weights_of(self, subsets: np.ndarray) -> Callable[[slice], Floats]:
        """R / (1 + r) of some cases, where r is the ratio of densities of mean 1 in the set: as q / (p + q).

        The ratio of a subset is that of its first half of columns times that of its second, so that few
        exponentials serve all subsets.
        """
        half = self.tilt.shape[1] // 2
        sides = [(np.ascontiguousarray(self.tilt[:, part]), subsets[:, part]) for part in np.s_[:half, half:]]
        factors, places = [], []
        for tilt, wanted in sides:
            distinct, place = np.unique(wanted, axis=0, return_inverse=True)
            ratio = tilt @ distinct.T.astype(float)
            factors.append(np.exp(ratio - ratio.max(axis=0)))
            places.append(place.reshape(-1))
        mean = (factors[0].T @ factors[1])[places[0], places[1]] / len(self.loss)

        def weigh(rows: slice) -> Floats:
            ratio = factors[0][rows][:, places[0]]
            ratio *= factors[1][rows][:, places[1]]
            return np.asarray(ratio / (mean + ratio))

        return weigh

    def _drawn(self, numbers: Floats) -> Floats:
        sums = self.counts @ np.add.reduceat(numbers, self.starts, axis=0)
        return np.asarray(sums[:, 0] / sums[:, 1])


def _part(draws: Floats) -> Part:
    """The first number, with the interval of the others."""
    low, high = np.quantile(draws[1:], (0.025, 0.975))
    return Part(float(draws[0]), float(low), float(high), float((draws[1:] > 0).mean()))
