"""Two models on the same cases: paired differences, which are far surer than two intervals side by side.

Cases on which both are right or both wrong say nothing of which is better; all that is known lies in the
others. A difference is *new less old*; `chance_above` is the probability that the true one is above zero.

>>> mcnemar(wins=15, losses=5).p_value < 0.05
True
>>> round(accuracy_gain(wins=15, losses=5, n=100).value, 3)
0.1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.classification import METRICS, Z, alike, components, confusion_cells
from workbench.stats.groups import Floats

DRAWS = 10_000
SCARCE = 20  # cases of disagreement, below which a chance is the exact test's


@dataclass(frozen=True)
class Gain:
    """New less old, with its 95 % interval; all None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    chance_above: float | None = None  # that the true difference is above zero, in [0, 1]; None: not known


class McNemar(NamedTuple):
    """The exact test that both are right equally often."""

    wins: int  # cases on which only the new one is right
    losses: int  # cases on which only the old one is right
    p_value: float  # two-sided


def mcnemar(wins: int, losses: int) -> McNemar:
    """McNemar's exact test: under equality each case of disagreement is a fair coin.

    Raises:
        ValueError: A count is below zero.

    Source:
        McNemar (1947), Psychometrika 12.

    >>> mcnemar(0, 5).p_value
    0.0625
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"there are {wins} wins and {losses} losses; neither may be below zero")
    if wins == losses:
        return McNemar(wins, losses, 1.0)
    tail = float(special.bdtr(min(wins, losses), wins + losses, 0.5))
    return McNemar(wins, losses, min(1.0, 2.0 * tail))


def accuracy_gain(wins: int, losses: int, n: int) -> Gain:
    """Difference of two accuracies on the same cases; interval by Bonett and Price, chance by Jeffreys' prior.

    Of few disagreements the chance is what McNemar's exact test leaves, so that equal ones seem different
    no more often than it says.

    Args:
        wins: Cases on which only the new one is right.
        losses: Cases on which only the old one is right.
        n: All cases.

    Raises:
        ValueError: There is no case, or wins and losses are more than all.

    Source:
        Bonett & Price (2012), Journal of Educational and Behavioral Statistics 37.
    """
    if n < 1 or min(wins, losses) < 0 or wins + losses > n:
        raise ValueError(f"{wins} wins and {losses} losses of {n} cases; both must be among at least one case")
    up, down = (wins + 1) / (n + 2), (losses + 1) / (n + 2)
    reach = Z * ((up + down - (up - down) ** 2) / (n + 2)) ** 0.5
    chance = float(special.betaincc(wins + 0.5, losses + 0.5, 0.5))
    if wins + losses < SCARCE:
        sure = 1.0 - mcnemar(wins, losses).p_value / 2.0
        chance = sure if wins > losses else 1.0 - sure
    return Gain((wins - losses) / n, max(-1.0, up - down - reach), min(1.0, up - down + reach), chance)


def joint_counts(label: npt.ArrayLike, old: npt.ArrayLike, new: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Cases by label, old answer and new answer, each 0 or 1.

    Raises:
        ValueError: The lengths differ, or a value is neither 0 nor 1.

    >>> joint_counts([1, 1, 0], [0, 1, 0], [1, 1, 0]).ravel().tolist()
    [1, 0, 0, 0, 0, 1, 0, 1]
    """
    columns = [np.asarray(values) for values in (label, old, new)]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise ValueError("labels and both answers need one value a case each")
    if not all(np.isin(column, (0, 1)).all() for column in columns):
        raise ValueError("labels and answers must be zeros and ones")
    truth, before, after = (column.astype(np.int64) for column in columns)
    return np.bincount(4 * truth + 2 * before + after, minlength=8).reshape(2, 2, 2)


def metric_gain(counts: npt.ArrayLike, metric: str, rng: np.random.Generator, *, draws: int = DRAWS) -> Gain:
    """Difference of a metric by the paired bootstrap: rows drawn anew are these eight cells drawn anew.

    Where the answers hardly ever differ, the cells are drawn from their posterior with Jeffreys' prior.

    Args:
        counts: From `joint_counts`.
        metric: One of accuracy, precision, recall and f1.
        rng: Source of the draws.
        draws: How many.

    Raises:
        ValueError: The metric is unknown, or the counts are empty or of another shape than (2, 2, 2).
    """
    table = np.asarray(counts, dtype=np.int64)
    if table.shape != (2, 2, 2) or metric not in METRICS or not table.sum():
        raise ValueError(f"a gain needs counts of the shape (2, 2, 2), not empty, and one of {', '.join(METRICS)}")
    total = int(table.sum())
    cells = table.ravel()
    scarce = table[:, 0, 1].sum() + table[:, 1, 0].sum() < SCARCE  # a bootstrap never draws what was not seen
    drawn: npt.NDArray[Any] = (
        rng.dirichlet(cells + 0.5, size=draws) if scarce else rng.multinomial(total, cells / total, size=draws)
    )
    value = float(_gains(table[None], metric)[0])
    if np.isnan(value):
        return Gain(None)
    found = _gains(drawn.reshape(-1, 2, 2, 2), metric)
    found = found[~np.isnan(found)]
    low, high = np.quantile(found, (0.025, 0.975))
    chance = float((found > 0).mean() + (found == 0).mean() / 2)
    return Gain(value, float(low), float(high), chance)


def mean_gain(old: npt.ArrayLike, new: npt.ArrayLike) -> Gain:
    """Mean of the paired differences, with Student's interval.

    Raises:
        ValueError: The lengths differ, or there are fewer than two cases.

    >>> mean_gain([1.0, 2.0, 3.0], [2.0, 2.0, 5.0]).value
    1.0
    """
    a, b = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"there are {a.size} old values and {b.size} new ones; at least two cases need both")
    rest = b - a
    error = 0.0 if alike(rest) else float(rest.std(ddof=1)) / len(rest) ** 0.5
    return _normal(float(rest.mean()), error, len(rest) - 1)


def auc_gain(label: npt.ArrayLike, old: npt.ArrayLike, new: npt.ArrayLike) -> Gain:
    """Difference of two AUCs on the same cases, by DeLong's paired variance.

    Raises:
        ValueError: The lengths differ, or a label is neither 0 nor 1.

    Source:
        DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44.
    """
    before, after = components(label, old), components(label, new)
    if before is None or after is None:
        return Gain(None)
    positive, negative = after[0] - before[0], after[1] - before[1]
    value = float(positive.mean())
    if min(len(positive), len(negative)) < 2:
        return Gain(value)
    variance = positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative)
    return _normal(value, float(variance) ** 0.5, np.inf)


def _normal(value: float, error: float, freedom: float) -> Gain:
    if error == 0.0:  # equal differences tell nothing of how far others may lie
        return Gain(value, chance_above=0.5 if value == 0 else None)
    if np.isinf(freedom):
        return Gain(value, value - Z * error, value + Z * error, float(special.ndtr(value / error)))
    reach = float(special.stdtrit(freedom, 0.975)) * error
    return Gain(value, value - reach, value + reach, float(special.stdtr(freedom, value / error)))


def _gains(tables: npt.NDArray[Any], metric: str) -> Floats:
    """New less old of a metric, one a table of (label, old, new); nan where either is undefined."""
    old, new = tables.sum(axis=3), tables.sum(axis=2)
    return confusion_cells(new.reshape(-1, 4), metric) - confusion_cells(old.reshape(-1, 4), metric)
