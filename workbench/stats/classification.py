"""How good a classifier is, with intervals: metrics of a confusion table, AUC and Brier score.

A bootstrap of rows draws the four cells of a confusion table from a multinomial distribution, so the
cells are drawn directly: the same intervals, at a cost that does not grow with the rows.

>>> counts = np.array([[60, 15], [10, 115]])
>>> round(confusion_metric(counts, "f1"), 4)
0.902
>>> rng = np.random.default_rng(0)
>>> [round(end, 2) for end in confusion_interval(counts, "f1", rng)]
[0.86, 0.94]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.groups import Floats

METRICS = ("accuracy", "precision", "recall", "f1")
Z = 1.959963984540054  # of a 95 % interval
CLOSEST = float(np.finfo(float).eps)  # to 0 and to 1, of a probability
ROUNDING = 1e-12  # of numbers that are equal, as a share of them
SCARCE = 10  # hits or misses, up to which a bootstrap has too few values to draw: intervals are exact instead


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; all None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


def confusion(label: npt.ArrayLike, prediction: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Counts by label (rows) and prediction (columns), each 0 or 1.

    Raises:
        ValueError: The lengths differ, or a value is neither 0 nor 1.

    >>> confusion([0, 1, 1], [1, 1, 0]).tolist()
    [[0, 1], [1, 1]]
    """
    truth, answer = _binary(label, "label"), _binary(prediction, "prediction")
    if len(truth) != len(answer):
        raise ValueError(f"there are {len(truth)} labels and {len(answer)} predictions; each case needs both")
    return np.bincount(2 * truth + answer, minlength=4).reshape(2, 2)


def confusion_metric(counts: npt.ArrayLike, metric: str) -> float:
    """One metric of a confusion table, in [0, 1]; nan where its denominator is empty.

    Raises:
        ValueError: The metric is unknown, or the counts are no 2 x 2 table.
    """
    return float(confusion_cells(_table(counts).ravel(), metric))


def confusion_cells(cells: npt.NDArray[Any], metric: str) -> Floats:
    """A metric of many confusion tables, one a row of true negatives, false positives, false negatives, true positives.

    Raises:
        ValueError: The metric is unknown.
    """
    tn, fp, fn, tp = (cells[..., i].astype(float) for i in range(4))
    found = {
        "accuracy": (tn + tp, tn + fp + fn + tp),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2.0 * tp, 2.0 * tp + fp + fn),
    }
    if metric not in found:
        raise ValueError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
    above, below = found[metric]
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))


def confusion_draws(counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, draws: int = 10_000) -> Floats:
    """Bootstrap draws of a metric, one number a draw; nan where a draw leaves it undefined.

    Raises:
        ValueError: The metric is unknown, or the counts are no 2 x 2 table or empty.
    """
    cells = _table(counts).ravel()
    total = int(cells.sum())
    if total == 0:
        raise ValueError("the confusion table is empty; it needs at least one case")
    return confusion_cells(rng.multinomial(total, cells / total, size=draws), metric)


def confusion_interval(
    counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, level: float = 0.95, draws: int = 10_000
) -> tuple[float, float]:
    """The bootstrap's percentile interval of a metric; Clopper and Pearson's where hits or misses are scarce.

    Every metric follows from one share: of the cases that count, those that are hits. A bootstrap of none
    or of all has nothing to vary, and its interval no width.

    Raises:
        ValueError: The metric is unknown, or the counts are no 2 x 2 table or empty.

    Source:
        Clopper & Pearson (1934), Biometrika 26.

    >>> [round(end, 3) for end in confusion_interval([[0, 0], [0, 2]], "recall", np.random.default_rng(0))]
    [0.158, 1.0]
    """
    hits, misses = _hits(counts, metric)
    if hits + misses > 0 and min(hits, misses) < SCARCE:
        tail = (1.0 - level) / 2.0
        low = special.betaincinv(hits, misses + 1, tail) if hits else 0.0
        high = special.betaincinv(hits + 1, misses, 1.0 - tail) if misses else 1.0
        return _of_share(float(low), metric), _of_share(float(high), metric)
    found = confusion_draws(counts, metric, rng, draws=draws)
    low, high = np.nanquantile(found, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def confusion_chance(counts: npt.ArrayLike, metric: str, target: float) -> float:
    """How surely a metric is above a target, or below it: the exact test's confidence, 0.5 where neither is likelier.

    Where the true value is the target, 0.95 or more comes by chance in 5 % of tables at most, however small
    they are, and 0.05 or less as rarely.

    Args:
        counts: By label and prediction.
        metric: One of accuracy, precision, recall and f1.
        target: In [0, 1].

    Raises:
        ValueError: The metric is unknown, or the counts are no 2 x 2 table.

    Source:
        Clopper & Pearson (1934), Biometrika 26.

    >>> round(confusion_chance([[0, 0], [0, 5]], "recall", 0.5), 3)  # five of five: 1 - 1/32
    0.969
    """
    hits, misses = _hits(counts, metric)
    share = target / (2.0 - target) if metric == "f1" else target
    above = float(special.betaincc(hits, misses + 1, share)) if hits else 0.0
    below = float(special.betainc(hits + 1, misses, share)) if misses else 0.0
    return above if above > 0.5 else 1.0 - below if below > 0.5 else 0.5


def auc(label: npt.ArrayLike, score: npt.ArrayLike) -> Estimate:
    """Probability that a positive case has the higher score, ties half, with DeLong's interval.

    The interval is symmetric on the log-odds, so that it stays within (0, 1).

    Raises:
        ValueError: The lengths differ, or a label is neither 0 nor 1.

    Source:
        DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44; Sun & Xu (2014), IEEE SPL 21.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
    0.75
    """
    parts = components(label, score)
    if parts is None:
        return Estimate(None)
    value, error = _delong(*parts)
    if not 0.0 < value < 1.0 or not np.isfinite(error):
        return Estimate(value)
    reach = Z * error / (value * (1.0 - value))
    odds = special.logit(value)
    return Estimate(value, float(special.expit(odds - reach)), float(special.expit(odds + reach)))


def components(label: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Floats, Floats] | None:
    """For each positive case the share of negatives below it, for each negative the share of positives above it.

    Both have the AUC as their mean, and DeLong's errors are their spread; None where one kind of case is missing.

    Raises:
        ValueError: The lengths differ, or a label is neither 0 nor 1.

    >>> [part.tolist() for part in components([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])]
    [[0.5, 1.0], [1.0, 0.5]]
    """
    truth, scores = _binary(label, "label").astype(bool), np.asarray(score, dtype=float)
    if len(truth) != len(scores):
        raise ValueError(f"there are {len(truth)} labels and {len(scores)} scores; each case needs both")
    positive, negative = scores[truth], scores[~truth]
    m, n = len(positive), len(negative)
    if not m or not n:
        return None
    together = _midranks(np.concatenate([positive, negative]))
    return (together[:m] - _midranks(positive)) / n, 1.0 - (together[m:] - _midranks(negative)) / m


def log_loss(label: npt.ArrayLike, probability: npt.ArrayLike) -> Estimate:
    """Mean surprise at what happened, in nats, 0 best, with a normal interval.

    A probability of 0 or 1 is taken as the nearest number that a computer can tell from it, as scikit-learn does.

    Raises:
        ValueError: The lengths differ, there is no case, or a label is neither 0 nor 1.

    >>> round(log_loss([0, 1], [0.5, 0.5]).value, 4)
    0.6931
    """
    surprises = surprise(label, probability)
    value = float(surprises.mean())
    if len(surprises) < 2 or alike(surprises):
        return Estimate(value)
    reach = Z * float(surprises.std(ddof=1)) / len(surprises) ** 0.5
    return Estimate(value, max(0.0, value - reach), value + reach)


def surprise(label: npt.ArrayLike, probability: npt.ArrayLike) -> Floats:
    """Minus the logarithm of the probability that was given to what happened, one number a case, in nats.

    Raises:
        ValueError: The lengths differ, there is no case, or a label is neither 0 nor 1.
    """
    truth, chance = _binary(label, "label"), np.asarray(probability, dtype=float)
    if len(truth) != len(chance) or not len(truth):
        raise ValueError(f"there are {len(truth)} labels and {len(chance)} probabilities; each case needs both")
    kept = np.clip(chance, CLOSEST, 1.0 - CLOSEST)
    return np.asarray(-np.where(truth == 1, np.log(kept), np.log1p(-kept)))


def brier(label: npt.ArrayLike, probability: npt.ArrayLike) -> Estimate:
    """Mean squared distance of the probability from what happened, 0 best, with a normal interval.

    Raises:
        ValueError: The lengths differ, there is no case, or a label is neither 0 nor 1.

    >>> brier([0, 1], [0.5, 0.5]).value
    0.25
    """
    truth, chance = _binary(label, "label"), np.asarray(probability, dtype=float)
    if len(truth) != len(chance) or not len(truth):
        raise ValueError(f"there are {len(truth)} labels and {len(chance)} probabilities; each case needs both")
    squares = (chance - truth) ** 2
    value = float(squares.mean())
    if len(squares) < 2 or alike(squares):
        return Estimate(value)
    reach = Z * float(squares.std(ddof=1)) / len(squares) ** 0.5
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def _hits(counts: npt.ArrayLike, metric: str) -> tuple[int, int]:
    """Of the cases that count for a metric, those that raise it and those that lower it.

    Raises:
        ValueError: The metric is unknown, or the counts are no 2 x 2 table.
    """
    (tn, fp), (fn, tp) = _table(counts).tolist()
    found = {"accuracy": (tn + tp, fp + fn), "precision": (tp, fp), "recall": (tp, fn), "f1": (tp, fp + fn)}
    if metric not in found:
        raise ValueError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
    return found[metric]


def _of_share(share: float, metric: str) -> float:
    """A metric from the share of hits: F1 counts a hit twice."""
    return 2.0 * share / (1.0 + share) if metric == "f1" else share


def alike(values: npt.NDArray[Any]) -> bool:
    """Whether numbers differ by rounding alone, so that they show nothing of a spread.

    >>> alike(np.array([0.1 + 0.2, 0.3])), alike(np.array([0.3, 0.31]))
    (True, False)
    """
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def _delong(of_positive: Floats, of_negative: Floats) -> tuple[float, float]:
    """AUC and its standard error (nan with one case of a kind)."""
    m, n = len(of_positive), len(of_negative)
    value = float(of_positive.mean())
    if m < 2 or n < 2:
        return value, float("nan")
    return value, float(np.sqrt(of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n))


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place])


def _table(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    table = np.asarray(counts, dtype=np.int64)
    if table.shape != (2, 2):
        raise ValueError(f"the counts have the shape {table.shape}; they need (2, 2): label, then prediction")
    return table


def _binary(values: npt.ArrayLike, name: str) -> npt.NDArray[np.int64]:
    found = np.asarray(values)
    whole = found.astype(np.int64)
    if found.ndim != 1 or not ((whole == found) & ((whole == 0) | (whole == 1))).all():
        raise ValueError(f"{name} must be a list of zeros and ones")
    return whole
