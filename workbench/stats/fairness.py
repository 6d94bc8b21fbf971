"""How a model treats groups: rates from counts, how far they lie apart, and how sure that is.

Everything starts from a table of counts, one 2 x 2 block a group: `counts[group, label, prediction]`.
A rate whose denominator is empty is undefined (nan), never zero, and what is built on it is undefined.

How sure: each distance has a posterior, from Jeffreys' priors. Over three groups or more there are two,
with the groups apart and with the groups partially pooled (see `groups`), and the answer is the more
cautious of both: the probability nearer to one half, the wider interval. So nothing passes because a
small group was pooled with large ones, and nothing fails because many groups vary by chance. An
interval reaches equality (a ratio of 1, a difference of 0) unless a test of homogeneity rejects it.

>>> counts = np.array([[[10, 40], [5, 45]], [[30, 20], [20, 30]]])
>>> rate(counts, "selection_rate").tolist()
[0.85, 0.5]
>>> float(ratio(rate(counts, "selection_rate")).round(3))
0.588
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.stats.groups import Counts, Floats, homogeneity, rate_draws

METRICS = ("selection_rate", "tpr", "fpr", "fnr", "tnr", "precision", "accuracy")
LEVEL = 0.95  # of intervals
QUICK = 4000  # draws, where a root is sought
MOST = 1000.0  # times the present cases, beyond which no more cases are asked for


@dataclass(frozen=True)
class Spread:
    """How far groups lie apart."""

    value: float | None  # as measured; None: undefined
    low: float | None = None  # 95 % interval
    high: float | None = None
    probability: float | None = None  # that the true distance meets the target, in [0, 1]
    p_value: float | None = None  # of groups at least so far apart if all were treated alike


def parts(counts: npt.ArrayLike, metric: str) -> tuple[Counts, Counts]:
    """A rate's numerator and denominator, one number a group.

    Args:
        counts: Cases by group, label and prediction, in this order of axes; other axes may stand before,
            and expected cases may be fractions.
        metric: One of `METRICS`.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2).
    """
    table = np.asarray(counts)
    if table.ndim < 3 or table.shape[-2:] != (2, 2) or (table < 0).any():
        raise ValueError(f"counts have the shape {table.shape}; they need (groups, 2, 2), none below zero")
    tn, fp, fn, tp = (table[..., y, p] for y in (0, 1) for p in (0, 1))
    all_cases = tn + fp + fn + tp
    found = {
        "selection_rate": (fp + tp, all_cases),
        "tpr": (tp, tp + fn),
        "fpr": (fp, fp + tn),
        "fnr": (fn, tp + fn),
        "tnr": (tn, fp + tn),
        "precision": (tp, tp + fp),
        "accuracy": (tn + tp, all_cases),
    }
    if metric not in found:
        raise ValueError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
    return found[metric]


def rate(counts: npt.ArrayLike, metric: str) -> Floats:
    """A metric by group, in [0, 1]; nan where its denominator is empty.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2).

    >>> rate([[[2, 1], [1, 4]], [[5, 0], [0, 0]]], "tpr").tolist()
    [0.8, nan]
    """
    yes, seen = parts(counts, metric)
    return np.asarray(np.divide(yes, seen, out=np.full(np.shape(yes), np.nan), where=seen > 0))


def ratio(rates: Floats) -> Floats:
    """Lowest rate as a share of the highest, over the last axis; 1 is equality, nan undefined.

    Of selection rates this is disparate impact; below 0.8 fails the four-fifths rule.

    Source:
        29 CFR 1607.4(D).

    >>> float(ratio(np.array([0.45, 0.30])).round(4))
    0.6667
    """
    low, high = np.min(rates, axis=-1), np.max(rates, axis=-1)
    return np.asarray(np.divide(low, high, out=np.full(np.shape(high), np.nan), where=high > 0))


def difference(rates: Floats) -> Floats:
    """Highest rate less the lowest, over the last axis; 0 is equality, nan undefined.

    >>> float(difference(np.array([0.45, 0.30])).round(4))
    0.15
    """
    return np.asarray(np.max(rates, axis=-1) - np.min(rates, axis=-1))


def ratio_spread(
    counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, target: float = 0.8, draws: int = 20_000
) -> Spread:
    """The ratio of a metric over the groups: its interval, and the probability of `target` or more.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2).
    """
    yes, seen = parts(counts, metric)
    value = _defined(ratio(rate(counts, metric)))
    if value is None:
        return Spread(None)
    found = [ratio(analysis) for analysis in _analyses(yes, seen, rng, draws)]
    p_value = homogeneity(yes, seen, rng)
    low, high = _interval(found)
    return Spread(value, low, 1.0 if p_value > 1.0 - LEVEL else high, _chance(found, lambda x: x >= target), p_value)


def difference_spread(
    counts: npt.ArrayLike,
    metrics: tuple[str, ...],
    rng: np.random.Generator,
    *,
    tolerance: float = 0.1,
    draws: int = 20_000,
) -> Spread:
    """The largest difference between groups in one metric or several: interval, probability of `tolerance` or less.

    `("selection_rate",)` is the demographic parity difference, `("tpr",)` that of equal opportunity,
    `("tpr", "fpr")` the equalized odds difference. Several metrics must look at different cases.

    Raises:
        ValueError: A metric is unknown, or the counts have another shape than (groups, 2, 2).

    Source:
        Hardt, Price & Srebro (2016), NeurIPS 29, on equalized odds and equal opportunity.
    """
    defined = [value for m in metrics if (value := _defined(difference(rate(counts, m)))) is not None]
    if len(defined) < len(metrics):
        return Spread(None)
    pairs = [parts(counts, metric) for metric in metrics]
    by_metric = [[difference(analysis) for analysis in _analyses(*pair, rng, draws)] for pair in pairs]
    found = [np.max(each, axis=0) for each in zip(*by_metric, strict=True)]
    # the least of independent p-values, under equality in all metrics (Sidak)
    least = min(homogeneity(yes, seen, rng) for yes, seen in pairs)
    p_value = 1.0 - (1.0 - least) ** len(pairs)
    low, high = _interval(found)
    chance = _chance(found, lambda x: x <= tolerance)
    return Spread(max(defined), 0.0 if p_value > 1.0 - LEVEL else low, high, chance, p_value)


def needed_ratio(
    counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, target: float = 0.8, certainty: float = 0.95
) -> float | None:
    """The measured ratio that would show `target` with `certainty` at these group sizes, to 0.001.

    The lowest group is thought at that share of the highest, and no other group below it.

    Returns:
        A share in [target, 1]; None where even equal rates would show too little, or without a ratio.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2).
    """
    yes, seen = (np.asarray(part, dtype=float) for part in parts(counts, metric))
    rates = rate(counts, metric)
    if _defined(ratio(rates)) is None:
        return None
    seed, lowest, top = int(rng.integers(2**63)), int(np.argmin(rates)), float(rates.max())

    def shown(value: float) -> bool:
        lifted = np.maximum(yes, value * top * seen)
        lifted[lowest] = value * top * seen[lowest]
        return _quick_chance(lifted, seen, target, seed) >= certainty

    if not shown(1.0):
        return None
    low, high = target, 1.0
    while high - low > 0.001:
        middle = (low + high) / 2.0
        low, high = (low, middle) if shown(middle) else (middle, high)
    return round(high, 4)


def more_cases(
    counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, target: float = 0.8, certainty: float = 0.95
) -> int | None:
    """How many more cases, of the same mix and rates, would decide whether the ratio meets `target`.

    Returns:
        Cases beyond those counted, 0 where it is decided; None without a ratio, or where a thousand
        times the cases would not do because the ratio lies on the target.

    Raises:
        ValueError: The metric is unknown, or the counts have another shape than (groups, 2, 2).
    """
    yes, seen = parts(counts, metric)
    value = _defined(ratio(rate(counts, metric)))
    if value is None:
        return None
    seed, above = int(rng.integers(2**63)), value >= target

    def decided(times: float) -> bool:
        chance = _quick_chance(yes * times, seen * times, target, seed)
        return chance >= certainty if above else chance <= 1.0 - certainty

    if decided(1.0):
        return 0
    if not decided(MOST):
        return None
    low, high = 1.0, MOST
    while high / low > 1.02:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if decided(middle) else (middle, high)
    return int(np.ceil((high - 1.0) * np.asarray(counts).sum()))


def _analyses(yes: npt.ArrayLike, seen: npt.ArrayLike, rng: np.random.Generator, draws: int) -> list[Floats]:
    """The posterior with groups apart and, from three groups on, with groups pooled."""
    ways = (False, True) if np.size(yes) > 2 else (False,)
    return [rate_draws(yes, seen, rng, draws=draws, pooled=pooled) for pooled in ways]


def _chance(found: list[Floats], meets: Callable[[Floats], npt.NDArray[np.bool_]]) -> float:
    """The probability of the more cautious analysis: the nearer to one half, one half where they disagree."""
    chances = [float(meets(values).mean()) for values in found]
    return float(np.median([min(chances), max(chances), 0.5]))


def _quick_chance(yes: npt.ArrayLike, seen: npt.ArrayLike, target: float, seed: int) -> float:
    found = [ratio(draws) for draws in _analyses(yes, seen, np.random.default_rng(seed), QUICK)]
    return _chance(found, lambda x: x >= target)


def _interval(found: list[Floats]) -> tuple[float, float]:
    ends = [np.quantile(values, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0]) for values in found]
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))


def _defined(value: Floats) -> float | None:
    number = float(value)
    return None if np.isnan(number) else number
