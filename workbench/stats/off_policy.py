"""What another policy would have earned, from the log of the one that played: estimates and their limits.

Each decision of the log counts for w = target's probability of the arm ÷ logged propensity. Five
estimators stand beside each other, all ratios of sums over units (so that a unit's decisions stay
together in every error):

    IPS    Σ w r / n                   unbiased where propensities are right; heavy weights make it wild
    SNIPS  Σ w r / Σ w                 keeps within the rewards' range; a little biased at small samples
    DM     Σ q(target) / n             a model of the reward alone; no interval: none would see the model's own error
    DR     DM + Σ w (r - q) / n        unbiased where propensities *or* model are right
    SNDR   DM + Σ w (r - q) / Σ w      the same, self-normalised

A sample that cannot carry the answer is refused in words (`refusal`); the numbers are there all the
same, for whoever looks why.

>>> log = Logged(reward=np.array([1.0, 0.0, 1.0, 0.0] * 50), propensity=np.full(200, 0.5),
...     target=np.array([0.8, 0.2, 0.8, 0.2] * 50))  # the target plays the arm that always pays more often
>>> result = off_policy(log)
>>> round(result.values["SNIPS"].value, 4), round(result.effective, 1), result.refusal
(0.8, 147.1, None)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.betting import Interval, betting_interval
from workbench.stats.moments import Floats, Whole

Method = Literal["IPS", "SNIPS", "DM", "DR", "SNDR"]

LEAST_EFFECTIVE = 100.0  # decisions that the weighted log must be worth
LEAST_EVENTS = 10.0  # rewards other than zero that it must be worth
SUPPORT = 0.01  # share of the target's plays that may fall on arms the log never played
MOST_LOST = 0.1  # share of the target's plays that may be cut away
OFF = 4.0  # standard errors by which the mean weight may miss 1
CHUNK = 4_000_000  # numbers held at once by the bootstrap


@dataclass(frozen=True, eq=False)
class Logged:
    """A log seen with a target policy's eyes, one entry a decision."""

    reward: Floats
    propensity: Floats  # probability with which the logged policy played the arm that it played, in (0, 1]
    target: Floats  # probability with which the target policy would have played that arm, in [0, 1]
    predicted: Floats | None = None  # what a model that did not see this reward expects of the arm played
    expected: Floats | None = None  # what it expects of the target policy there: Σ target × prediction over arms
    unit: Whole | None = None  # number of the unit decided for, from 0 without gaps; None: each stands for itself
    unsupported: float = 0.0  # share of the target's plays that fall on arms the log never played, in [0, 1]

    def __post_init__(self) -> None:
        given = [self.reward, self.propensity, self.target, self.predicted, self.expected, self.unit]
        sizes = {column.shape for column in given if column is not None}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1 or not self.reward.size:
            raise ValueError(f"the log's columns have shapes {sorted(sizes)}; they must be of one length above zero")
        if not all(np.isfinite(column).all() for column in given if column is not None):
            raise ValueError("the log holds numbers that are missing or infinite; every decision needs all of them")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            worst = float(self.propensity[np.argmax((self.propensity <= 0) | (self.propensity > 1))])
            raise ValueError(f"a propensity is {worst:g}; what was played had a probability in (0, 1]")
        if not ((self.target >= 0) & (self.target <= 1)).all():
            worst = float(self.target[np.argmax((self.target < 0) | (self.target > 1))])
            raise ValueError(f"a target probability is {worst:g}; it must lie in [0, 1]")
        if (self.predicted is None) != (self.expected is None):
            raise ValueError("a model gives both, `predicted` and `expected`; one of them is missing")


@dataclass(frozen=True)
class Value:
    """One estimator's answer, in units of the reward."""

    value: float  # mean reward a decision under the target policy
    error: float | None  # standard error, units respected; None: of DM, which does not see its model's error
    interval: Interval | None  # normal, or the bootstrap's percentiles where replicates were asked for; of DM none
    gain: float  # value minus the mean reward that the log has
    gain_interval: Interval | None  # of the difference, both from one sample


@dataclass(frozen=True)
class OffPolicy:
    """All answers, and whether the sample can carry them."""

    n: int  # decisions
    units: int  # units decided for
    logged: float  # mean reward of the log
    logged_interval: Interval
    values: Mapping[Method, Value]  # DM, DR and SNDR only where a model was given
    exact: Interval | None  # of the IPS value, at any sample size; None: no bounds, units repeat, or weights were cut
    effective: float  # decisions that the weighted log is worth: (Σ w)² / Σ w², over units
    events: float  # the same over rewards other than zero
    largest_weight: float  # before clipping
    mean_weight: float  # before clipping; near 1 where propensities are right
    clipped: float  # share of decisions whose weight was cut
    lost: float  # share of the target's plays that was cut away with them
    refusal: str | None  # why the sample cannot carry the answer; None: it can
    level: float  # of all intervals

    @property
    def best(self) -> Value:
        """The answer to act on: SNDR where there is a model, else SNIPS; both have intervals."""
        return self.values.get("SNDR", self.values["SNIPS"])


def off_policy(
    log: Logged,
    *,
    level: float = 0.95,
    clip: float | None = None,
    replicates: int = 0,
    rng: np.random.Generator | None = None,
    rewards: tuple[float, float] | None = None,
    weight_bound: float | None = None,
) -> OffPolicy:
    """What the target policy would have earned.

    Args:
        log: Rewards, propensities and the target's probabilities.
        level: Probability inside the intervals, in (0, 1).
        clip: Largest weight; larger ones are cut there, which trades variance for a bias that no
            interval shows. None: nothing is cut.
        replicates: Bootstrap samples of units, for percentile intervals; 0: normal intervals.
        rng: Draws the bootstrap; needed with replicates.
        rewards: Smallest and largest reward that there can be, for the exact interval.
        weight_bound: Largest weight that there can be by both policies' rules (not the largest that
            was seen), for the exact interval.

    Raises:
        ValueError: A setting is out of range, a reward or weight lies beyond the stated bounds, or
            there is a single unit.

    Source:
        Horvitz & Thompson (1952), JASA 47, 663-685 (IPS); Swaminathan & Joachims (2015), NIPS 28
        (SNIPS); Dudík et al. (2014), Stat. Sci. 29, 485-511 (DR); Kong (1992), Univ. Chicago techn.
        report 348 (effective sample size).
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it must lie in (0, 1)")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip is {clip:g}; the largest weight must be above zero")
    if replicates and rng is None:
        raise ValueError(f"{replicates} bootstrap samples were asked for without rng; pass one")
    raw = log.target / log.propensity
    weight = raw if clip is None else np.minimum(raw, clip)
    sums = _unit_sums(log, weight)
    if sums["one"].size < 2:
        raise ValueError("the log has decisions for a single unit; an error needs at least two")
    drawn = _resampled(sums, replicates, rng) if replicates and rng is not None else None
    play = _Ratio("reward")
    methods: dict[Method, _Ratio] = {"IPS": _Ratio("weighted"), "SNIPS": _Ratio(None, "weighted")}
    if log.expected is not None:
        methods |= {"DM": _Ratio("expected"), "DR": _Ratio("doubly"), "SNDR": _Ratio("expected", "residual")}
    effective, events = _effective(sums["weight"]), _effective(sums["event"])
    lost = 1 - float(weight.sum() / raw.sum()) if raw.any() else 0.0
    return OffPolicy(
        n=log.reward.size,
        units=sums["one"].size,
        logged=play.value(_totals(sums)),
        logged_interval=_intervals(play, play, sums, drawn, level)[1],
        values={name: _value(name, ratio, play, sums, drawn, level) for name, ratio in methods.items()},
        exact=_exact(log, weight, level, rewards, weight_bound) if (raw == weight).all() else None,
        effective=effective,
        events=events,
        largest_weight=float(raw.max()),
        mean_weight=float(raw.mean()),
        clipped=float((raw > weight).mean()),
        lost=lost,
        refusal=_refusal(log, raw, effective, events, lost),
        level=level,
    )


def cell_predictions(cell: Whole, reward: npt.ArrayLike, fold: Whole, cells: int) -> Floats:
    """Mean reward of every cell, once for each fold, from the other folds alone.

    Args:
        cell: Number of each decision's cell (what is alike: context and arm), in [0, cells).
        reward: The rewards.
        fold: Number of each decision's fold, from 0; a unit's decisions share one.
        cells: How many cells there are.

    Returns:
        One row a fold, one column a cell; drawn towards the mean of all by the weight of one reward.

    >>> cell_predictions(np.array([0, 0, 1, 1]), [1.0, 0.0, 1.0, 1.0], np.array([0, 1, 0, 1]), 2).tolist()
    [[0.25, 0.75], [1.0, 1.0]]
    """
    r = np.asarray(reward, dtype=np.float64)
    folds = int(fold.max()) + 1
    place = fold * cells + cell
    n = np.bincount(place, minlength=folds * cells).reshape(folds, cells)
    total = np.bincount(place, weights=r, minlength=folds * cells).reshape(folds, cells)
    n, total = n.sum(axis=0) - n, total.sum(axis=0) - total
    overall = total.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1)
    return np.asarray((total + overall) / (n + 1))


class _Ratio(NamedTuple):
    """An estimator: Σ plain / n + Σ over / Σ weight, each of which may be left out."""

    plain: str | None
    over: str | None = None

    def value(self, totals: Mapping[str, Floats]) -> float:
        return float(self.values(totals))

    def values(self, totals: Mapping[str, Floats]) -> Floats:
        """The estimate from totals; one a replicate where the totals are many."""
        found = totals[self.plain] / totals["one"] if self.plain else np.zeros_like(totals["one"])
        if not self.over:
            return found
        with np.errstate(divide="ignore", invalid="ignore"):  # a target that never meets the log has no such value
            return np.asarray(found + np.where(totals["weight"] > 0, totals[self.over] / totals["weight"], 0.0))

    def influence(self, sums: Mapping[str, Floats]) -> Floats:
        """What each unit adds to the estimate beyond the mean (linearised)."""
        found = np.zeros_like(sums["one"])
        for top, bottom in ((self.plain, "one"), (self.over, "weight")):
            if top and (whole := sums[bottom].sum()) > 0:
                found = found + (sums[top] - sums[top].sum() / whole * sums[bottom]) / whole
        return found


def _unit_sums(log: Logged, weight: Floats) -> dict[str, Floats]:
    """Everything that an estimator adds up, one number a unit."""
    columns = {
        "one": np.ones_like(weight),
        "weight": weight,
        "reward": log.reward,
        "weighted": weight * log.reward,
        "event": weight * (log.reward != 0),
    }
    if log.predicted is not None and log.expected is not None:
        residual = weight * (log.reward - log.predicted)
        columns |= {"expected": log.expected, "residual": residual, "doubly": log.expected + residual}
    if log.unit is None:
        return columns
    present = np.bincount(log.unit) > 0
    return {name: _by_unit(log.unit, column)[present] for name, column in columns.items()}


def _by_unit(unit: Whole, column: Floats) -> Floats:
    return np.bincount(unit, weights=column).astype(np.float64)


def _totals(sums: Mapping[str, Floats]) -> dict[str, Floats]:
    return {name: np.asarray(column.sum()) for name, column in sums.items()}


def _resampled(sums: Mapping[str, Floats], replicates: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Totals of bootstrap samples of units, one a replicate."""
    names, table = list(sums), np.stack(list(sums.values()), axis=1)
    units, done, parts = len(table), 0, []
    while done < replicates:
        rows = min(replicates - done, max(1, CHUNK // units))
        parts.append(rng.multinomial(units, np.full(units, 1 / units), size=rows) @ table)
        done += rows
    return dict(zip(names, np.concatenate(parts).T, strict=True))


def _value(
    name: Method,
    ratio: _Ratio,
    play: _Ratio,
    sums: Mapping[str, Floats],
    drawn: Mapping[str, Floats] | None,
    level: float,
) -> Value:
    totals = _totals(sums)
    value, gain = ratio.value(totals), ratio.value(totals) - play.value(totals)
    if name == "DM":
        return Value(value, None, None, gain, None)
    error, interval, gains = _intervals(ratio, play, sums, drawn, level)
    return Value(value, error, interval, gain, gains)


def _intervals(
    ratio: _Ratio, play: _Ratio, sums: Mapping[str, Floats], drawn: Mapping[str, Floats] | None, level: float
) -> tuple[float, Interval, Interval]:
    """Standard error and interval of an estimator, and the interval of what it has above the log."""
    totals = _totals(sums)
    value, logged = ratio.value(totals), play.value(totals)
    own, difference = ratio.influence(sums), ratio.influence(sums) - play.influence(sums)
    if drawn is not None:
        tails = [(1 - level) / 2, (1 + level) / 2]
        interval = Interval(*map(float, np.quantile(ratio.values(drawn), tails)))
        gains = Interval(*map(float, np.quantile(ratio.values(drawn) - play.values(drawn), tails)))
    else:
        z = float(special.ndtri((1 + level) / 2))
        reach, gain_reach = z * _error(own), z * _error(difference)
        interval = Interval(value - reach, value + reach)
        gains = Interval(value - logged - gain_reach, value - logged + gain_reach)
    return _error(own), interval, gains


def _error(influence: Floats) -> float:
    """Standard error from what each unit adds."""
    units = influence.size
    return float(np.sqrt(units / (units - 1) * (influence**2).sum()))


def _effective(weights: Floats) -> float:
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square else 0.0


def _exact(
    log: Logged,
    weight: Floats,
    level: float,
    rewards: tuple[float, float] | None,
    weight_bound: float | None,
) -> Interval | None:
    """The betting interval of E[w r], where bounds are known and no unit repeats.

    Raises:
        ValueError: A reward or a weight lies beyond its bound.
    """
    alone = log.unit is None or np.bincount(log.unit).max() == 1
    if rewards is None or weight_bound is None or not alone:
        return None
    low, high = rewards
    if not (low <= log.reward.min() and log.reward.max() <= high and low < high):
        seen = f"{log.reward.min():g} to {log.reward.max():g}"
        raise ValueError(f"rewards are said to lie in [{low:g}, {high:g}]; the log has {seen}")
    if weight.max() > weight_bound * (1 + 1e-9):
        raise ValueError(f"weights are said to reach {weight_bound:g}; the log has {weight.max():g}")
    found = betting_interval(weight * (log.reward - low), weight_bound * (high - low), level=level)
    return Interval(low + found.low, low + found.high)


def _mean_error(log: Logged, raw: Floats) -> float:
    """Standard error of the mean weight, units respected."""
    about = (raw - raw.mean()) / raw.size
    return _error(about if log.unit is None else _by_unit(log.unit, about))


def _refusal(log: Logged, raw: Floats, effective: float, events: float, lost: float) -> str | None:
    """Why this sample cannot carry the answer, or None."""
    n, mean_weight = raw.size, float(raw.mean())
    if log.unsupported > SUPPORT:
        return (
            f"The target policy gives {100 * log.unsupported:.0f}\u00a0% of its plays to arms that the log never "
            "played there; nothing in the log says what they earn. Log a policy that plays them, at least a little."
        )
    if effective < LEAST_EFFECTIVE:
        return (
            f"The log's {n:,} decisions are worth {effective:,.0f} independent ones under the target policy; at least "
            f"{LEAST_EFFECTIVE:.0f} are needed. Log {_times(LEAST_EFFECTIVE, effective)} as many, "
            "or evaluate a policy closer to the one that played."
        )
    if lost > MOST_LOST:
        return (
            f"Cutting weights took away {100 * lost:.0f}\u00a0% of the target policy's plays: what is left is another "
            "policy's value. Cut higher, or evaluate a policy closer to the one that played."
        )
    if abs(mean_weight - (1 - log.unsupported)) > OFF * _mean_error(log, raw) + 1e-9:
        return (
            f"The weights average {mean_weight:.3g}, and with right propensities they would average 1: "
            "the propensities are not those with which the arms were played, or decisions are missing."
        )
    if events < LEAST_EVENTS:
        return (
            f"The log's rewards other than zero are worth {events:.1f} under the target policy; at least "
            f"{LEAST_EVENTS:.0f} are needed. Log {_times(LEAST_EVENTS, events)} as many decisions."
        )
    return None


def _times(needed: float, have: float) -> str:
    return f"about {int(np.ceil(needed / have)):,} times" if have > 0.01 * needed else "over a hundred times"
