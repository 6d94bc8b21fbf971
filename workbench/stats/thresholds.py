"""Thresholds by group: which make selection or opportunity equal, and what that costs.

A rule is one threshold a group, and deterministic: two people of one group with one score get one
answer. With a common threshold groups have whatever rates come out; equal selection and equal
opportunity fix one level for all groups and take, in each, the threshold that comes nearest to it. All
levels are tried at once, from counts at every threshold (`stats.score_bins.confusions`).

>>> table = np.zeros((2, 2, 4), int)
>>> table[0], table[1] = [[4, 2, 0, 0], [0, 0, 2, 4]], [[2, 4, 2, 0], [0, 2, 4, 2]]
>>> common = best_rule(confusions(table), "common")
>>> common.edges.tolist(), round(common.gain, 4)
([2, 2], 0.8571)
>>> equal = best_rule(confusions(table), "equal_opportunity")
>>> equal.edges.tolist(), round(equal.gain, 4), round(equal.gap, 4)
([2, 1], 0.7857, 0.0)
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from workbench.stats.groups import Counts, Floats
from workbench.stats.score_bins import confusions

__all__ = ["Aim", "Rule", "best_rule", "confusions"]

Aim = Literal["common", "equal_selection", "equal_opportunity"]
LEVELS = 1001  # of the rate that is made equal, from 0 to 1
ACCURACY = ((1.0, 0.0), (0.0, 1.0))  # what an answer is worth, by label and prediction


class Rule(NamedTuple):
    """One threshold a group."""

    edges: Counts  # the bin from which the answer is yes, one a group
    gain: float  # mean worth of an answer; of `ACCURACY`, the accuracy
    selected: float  # share of all cases that get a yes
    gap: float  # highest less lowest of the rate that the aim speaks of


def best_rule(
    counts: npt.ArrayLike,
    aim: Aim,
    *,
    worth: npt.ArrayLike = ACCURACY,
    capacity: float | None = None,
    tolerance: float = 0.01,
) -> Rule:
    """The rule of most worth under an aim.

    Args:
        counts: Cases by group, edge, label and prediction, from `confusions`.
        aim: One threshold for all, or equal selection rates, or equal true positive rates.
        worth: What an answer is worth, by label and prediction.
        capacity: Largest share of all cases that may get a yes; None: no limit.
        tolerance: Difference between the groups' rates up to which they count as equal, in [0, 1]. Rules
            that say yes, or no, to everybody are equal whatever the scores, so that there is always one.

    Raises:
        ValueError: The aim is unknown, the counts have another shape, or a group lacks the cases that its
            rate is a share of.

    Source:
        Hardt, Price & Srebro (2016), NeurIPS 29, section 4, without their randomisation.
    """
    table = np.asarray(counts, dtype=np.int64)
    if table.ndim != 4 or table.shape[2:] != (2, 2):
        raise ValueError(f"counts have the shape {table.shape}; they need (groups, edges, 2, 2)")
    if aim not in get_args(Aim):
        raise ValueError(f"there is no aim {aim!r}; there are {', '.join(get_args(Aim))}")
    tn, fp, fn, tp = (np.ascontiguousarray(table[:, :, y, p]) for y in (0, 1) for p in (0, 1))
    (left, wrong), (missed, hit) = np.asarray(worth, dtype=float).tolist()
    gain, chosen = left * tn + wrong * fp + missed * fn + hit * tp, fp + tp
    yes, seen = (tp, tp + fn) if aim == "equal_opportunity" else (chosen, tn + fp + fn + tp)
    if (seen[:, 0] == 0).any():
        raise ValueError("a group has no case that its rate is a share of; leave such groups out")
    rates = yes / seen
    options = np.broadcast_to(np.arange(table.shape[1]), rates.shape) if aim == "common" else _level(rates)
    gains, selected, found = (np.take_along_axis(part, options, axis=1) for part in (gain, chosen, rates))
    total = table[:, 0].sum()
    worths, shares = gains.sum(axis=0) / total, selected.sum(axis=0) / total
    gap = found.max(axis=0) - found.min(axis=0)
    allowed = gap <= (1.0 if aim == "common" else tolerance + 1e-12)
    if capacity is not None:
        allowed &= shares <= capacity + 1e-12
    best = int(np.argmax(np.where(allowed, worths, -np.inf)))
    return Rule(options[:, best], float(worths[best]), float(shares[best]), float(gap[best]))


def _level(rates: Floats) -> Counts:
    """For each group and level the edge whose rate is nearest, the highest of those with that rate."""
    levels = np.linspace(0.0, 1.0, LEVELS)
    found = np.empty((len(rates), LEVELS), dtype=np.int64)
    for group, falling in enumerate(rates):
        rising = falling[::-1]

        def last(at_least: Floats, rising: Floats = rising) -> Counts:
            return len(rising) - 1 - np.searchsorted(rising, at_least, side="left")

        above = last(levels)
        below = last(falling[np.minimum(above + 1, len(falling) - 1)])
        nearer = levels - falling[below] < falling[above] - levels
        found[group] = np.where(nearer, below, above)
    return found
