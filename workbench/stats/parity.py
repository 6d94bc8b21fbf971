"""Parity of models that answer with a number or an order: errors by group, and places by group.

A regression is unfair to a group whose values it guesses too low, or guesses worse; a ranking, to a
group that gets less of the attention than its share of the candidates. Both start from sums by group; those whose
group is missing are one of their own, "(unknown)".

>>> found = regression_parity(["a", "a", "b", "b"], [1.0, 3.0, 2.0, 4.0], [2.0, 4.0, 2.0, 2.0])
>>> [(each.group, each.bias.value, each.mean_absolute_error) for each in found.groups]
[('a', 1.0, 1.0), ('b', -1.0, 1.0)]
>>> [(each.group, each.share, each.of_top) for each in ranking_parity(["a", "b", "a", "b"], [4, 3, 2, 1], top=2)]
[('a', 0.5, 0.5), ('b', 0.5, 0.5)]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.classification import Estimate
from workbench.stats.contrasts import contrast
from workbench.stats.groups import UNKNOWN, Floats


@dataclass(frozen=True)
class GroupErrors:
    """One group's errors, in the unit of what is predicted."""

    group: str
    n: int
    bias: Estimate  # mean of predicted less true; 0 is none
    mean_absolute_error: float
    root_mean_square: float
    mean_prediction: float


@dataclass(frozen=True)
class RegressionParity:
    """All groups' errors, and whether their biases are one."""

    groups: tuple[GroupErrors, ...]
    bias_difference: float  # highest less lowest
    error_ratio: float | None  # lowest mean absolute error as a share of the highest
    same_bias: float | None  # p-value of biases so far apart if all were one; None: a group has one case


@dataclass(frozen=True)
class GroupPlaces:
    """One group's places in a ranking."""

    group: str
    n: int
    share: float  # of the candidates
    of_top: float  # share of the first places
    exposure: float  # share of the attention, where a place gets 1 / log2(1 + rank)
    top_ratio: float  # `of_top` by `share`: 1 is parity
    p_value: float  # of a share of the first places so different if the order were blind to the group


def regression_parity(group: npt.ArrayLike, true: npt.ArrayLike, predicted: npt.ArrayLike) -> RegressionParity:
    """Errors of a regression by group; equal biases are tested by Welch's analysis of variance.

    Raises:
        ValueError: The lengths differ, there is no case, or a number is not finite.

    Source:
        Welch (1951), Biometrika 38, 330-336.
    """
    names, place = np.unique(_texts(group), return_inverse=True)
    guess = np.asarray(predicted, dtype=float)
    truth = np.asarray(true, dtype=float)
    if not len(place) or not place.shape == guess.shape == truth.shape:
        raise ValueError(f"there are {len(place)} groups, {len(truth)} values and {len(guess)} guesses; they must fit")
    error = guess - truth
    if not np.isfinite(error).all():
        raise ValueError("a value or a guess is no finite number")
    n = np.bincount(place)
    bias, absolute, square, guessed = (np.bincount(place, part) / n for part in (error, np.abs(error), error**2, guess))
    spread = np.asarray(np.bincount(place, (error - bias[place]) ** 2), dtype=float)
    groups = []
    for i, name in enumerate(names.tolist()):
        reach = None
        if n[i] > 1:
            reach = float(special.stdtrit(n[i] - 1, 0.975) * np.sqrt(spread[i] / (n[i] - 1) / n[i]))
        b = float(bias[i])
        of_bias = Estimate(b) if reach is None else Estimate(b, b - reach, b + reach)
        groups.append(
            GroupErrors(name, int(n[i]), of_bias, float(absolute[i]), float(np.sqrt(square[i])), float(guessed[i]))
        )
    ratio = float(absolute.min() / absolute.max()) if absolute.max() > 0 else None
    return RegressionParity(tuple(groups), float(np.ptp(bias)), ratio, _welch(n.astype(float), bias, spread))


def ranking_parity(group: npt.ArrayLike, score: npt.ArrayLike, *, top: int) -> list[GroupPlaces]:
    """Places by group when the highest score comes first; equal scores share their places.

    A group's share of the first places is that of all orders of equal scores, on average; its p-value is at
    the whole number of places nearest to it.

    Args:
        group: One a candidate.
        score: One a candidate.
        top: The first places, from 1 to the number of candidates.

    Raises:
        ValueError: The lengths differ, a score is missing, or `top` is out of its range.

    Source:
        Singh & Joachims (2018), KDD, on exposure.
    """
    names, place = np.unique(_texts(group), return_inverse=True)
    scores = np.asarray(score, dtype=float)
    total = len(scores)
    if place.shape != scores.shape or not 1 <= top <= total:
        raise ValueError(f"there are {len(place)} groups, {total} scores, and {top} first places; they must fit")
    if np.isnan(scores).any():
        raise ValueError("a score is missing; who has none has no place")
    _, tier, equal = np.unique(-scores, return_inverse=True, return_counts=True)
    after = np.cumsum(equal)
    before = after - equal
    attention = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(total) + 2.0))])
    n = np.bincount(place)
    first = np.bincount(place, (np.clip(top - before, 0, equal) / equal)[tier])
    seen = np.bincount(place, ((attention[after] - attention[before]) / equal)[tier]) / attention[-1]
    whole = np.rint(first)
    p_values = contrast(whole, n, top - whole, total - n).p_value
    return [
        GroupPlaces(
            group=name,
            n=int(n[i]),
            share=float(n[i] / total),
            of_top=float(first[i] / top),
            exposure=float(seen[i]),
            top_ratio=float(first[i] / top / (n[i] / total)),
            p_value=1.0 if np.isnan(p_values[i]) else float(p_values[i]),
        )
        for i, name in enumerate(names.tolist())
    ]


def _texts(group: npt.ArrayLike) -> npt.NDArray[np.str_]:
    import pandas as pd

    values = np.asarray(group, dtype=object)
    return np.where(pd.isna(values), UNKNOWN, values).astype(str)


def _welch(n: Floats, mean: Floats, squares: Floats) -> float | None:
    """Welch's test of equal means."""
    k = len(n)
    if k < 2 or (n < 2).any() or (squares <= 0).any():
        return None
    weight = n * (n - 1) / squares
    centre = (weight * mean).sum() / weight.sum()
    lost = ((1 - weight / weight.sum()) ** 2 / (n - 1)).sum()
    f = (weight * (mean - centre) ** 2).sum() / (k - 1) / (1 + 2 * (k - 2) / (k * k - 1) * lost)
    return float(special.fdtrc(k - 1, (k * k - 1) / (3 * lost), f))
