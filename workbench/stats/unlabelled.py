"""Error rates before labels arrive: what a calibrated score says of its own errors.

A case with score s is positive with the chance that cases of that score had in the reference period.
Added up over the cases of today, that gives the expected confusion table, without a label. It holds
as far as scores mean what they meant: the inputs may shift, the relation between score and outcome
may not. (Performance estimation in this way is known as CBPE.)

Each group has its own calibration in bands of the score, drawn to that of all groups where it has few
cases: the chance of a group in a band is beta, with the pooled chance as `WEIGHT` cases beforehand.
Positives below the threshold, and above it, are then sums of independent beta-binomials, with mean and
variance known; intervals come from draws of these two numbers a group.

>>> reference = np.array([[[90, 10], [10, 90]]])  # in two bins, about 10 % and 90 % are positive
>>> found = estimated(reference, np.array([[100, 200]]), 1, np.random.default_rng(0))
>>> found.counts.round().tolist()
[[[90.0, 20.0], [10.0, 180.0]]]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.stats.groups import Floats

BANDS = 100  # of the score, with one more edge at the threshold
WEIGHT = 20.0  # cases that the pooled chance of a band counts for
PRIOR = 1.0  # cases of the band's own score, beforehand


class Expected(NamedTuple):
    """Confusion tables that are expected, by group, label and prediction."""

    counts: Floats  # expected cases
    draws: Floats  # the same, one more axis in front, one table a draw


def chances(reference: npt.ArrayLike, scores: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """The beta posterior of being positive, by group and bin: its two numbers.

    Args:
        reference: Labelled cases by group, label and bin of the score.
        scores: What a bin's score is; by default its middle.

    Raises:
        ValueError: The table has another shape than (groups, 2, bins), or no case.
    """
    table = np.asarray(reference, dtype=float)
    if table.ndim != 3 or table.shape[1] != 2 or not table.any():
        raise ValueError(f"the reference has the shape {table.shape}; it needs (groups, 2, bins) and a case")
    pooled = table.sum(axis=0)
    own = (np.arange(table.shape[2]) + 0.5) / table.shape[2] if scores is None else np.asarray(scores, dtype=float)
    level = (pooled[1] + PRIOR * own) / (pooled.sum(axis=0) + PRIOR)
    return table[:, 1] + WEIGHT * level, table[:, 0] + WEIGHT * (1.0 - level)


def estimated(
    reference: npt.ArrayLike, current: npt.ArrayLike, edge: int, rng: np.random.Generator, *, draws: int = 2000
) -> Expected:
    """The expected confusion tables of cases without labels.

    Args:
        reference: Labelled cases by group, label and bin of the score.
        current: Cases without labels, by the same groups and bins.
        edge: The bin from which the answer is yes.
        rng: The source of chance.
        draws: Tables to draw.

    Raises:
        ValueError: The shapes do not fit each other, or the reference has no case.

    Source:
        Garg et al. (2022), ICLR, "Leveraging unlabeled data to predict out-of-distribution performance",
        on confidence-based estimates and the assumption they share.
    """
    today, labelled = np.asarray(current, dtype=np.int64), np.asarray(reference, dtype=np.int64)
    if labelled.ndim != 3 or today.shape != (len(labelled), labelled.shape[2]) or not 0 <= edge <= today.shape[1]:
        raise ValueError(f"the reference has the shape {labelled.shape}, the cases {today.shape}; they must fit")
    bins = today.shape[1]
    starts = np.unique([*(np.arange(BANDS) * bins // BANDS), *([edge] if edge < bins else [])])
    middle = (starts + np.append(starts[1:], bins)) / (2.0 * bins)
    yes, no = chances(np.add.reduceat(labelled, starts, axis=2), middle)
    cases = np.add.reduceat(today, starts, axis=1)
    chance, weight = yes / (yes + no), yes + no
    mean = cases * chance
    variance = mean * (1.0 - chance) * (weight + cases) / (weight + 1.0)
    above = starts >= edge
    sides = [[part[:, side].sum(axis=1) for part in (cases, mean, variance)] for side in (~above, above)]
    drawn = [_drawn(n, m, v, rng, draws) for n, m, v in sides]
    total = [n for n, *_ in sides]
    return Expected(_confusion(total, [m for _, m, _ in sides]), _confusion(total, drawn))


def _drawn(cases: Floats, mean: Floats, variance: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """Draws between 0 and the cases with this mean and variance, one row a draw (a beta distribution)."""
    total = np.maximum(cases, 1.0)
    share = np.clip(mean / total, 1e-12, 1.0 - 1e-12)
    size = share * (1.0 - share) / np.maximum(variance / total**2, 1e-300) - 1.0
    size = np.maximum(size, 1e-6)
    return cases * rng.beta(share * size, (1.0 - share) * size, size=(draws, len(total)))


def _confusion(cases: list[Floats], positive: list[Floats]) -> Floats:
    """By group, label and prediction, from cases and positives below the threshold and above it."""
    by_label = [np.stack([n - yes, yes], axis=-1) for n, yes in zip(cases, positive, strict=True)]
    return np.stack(by_label, axis=-1)
