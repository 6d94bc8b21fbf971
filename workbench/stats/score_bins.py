"""What follows from scores counted in bins: rates at every threshold, ranks, calibration, group by group.

Everything starts from `table[group, label, bin]`, scores growing with the bin. Two scores in one bin
count as equal; with a thousand bins that moves an area under the curve in its sixth digit.

>>> table = np.array([[[3, 1, 0, 0], [0, 1, 1, 2]]])  # one group: negatives, then positives, in four bins
>>> area_under_curve(table)[0].value
0.96875
>>> confusions(table)[0, 2].tolist()  # yes from bin 2 on
[[4, 0], [1, 3]]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.calibration import spread_of
from workbench.stats.classification import Estimate, Z
from workbench.stats.groups import Counts, Floats


@dataclass(frozen=True)
class Calibration:
    """How one group's scores agree with what happened."""

    predicted: float | None  # mean score, in [0, 1]
    observed: float | None  # share of yes
    excess: Estimate  # observed less predicted, 0 is calibrated
    error: float | None  # mean distance of the two over bins, weighted by cases (ECE)
    curve: tuple[tuple[float, float, int], ...]  # mean score, share of yes and cases of each band of scores


def confusions(table: npt.ArrayLike) -> Counts:
    """Confusion tables at every threshold: by group; edge of the bins, from "all yes" up; label; prediction.

    Raises:
        ValueError: The table has another shape than (groups, 2, bins).
    """
    counts = _checked(table)
    below = np.zeros((*counts.shape[:2], counts.shape[2] + 1), np.int64)
    np.cumsum(counts, axis=2, out=below[:, :, 1:])
    return np.stack([below, below[:, :, -1:] - below], axis=-1).transpose(0, 2, 1, 3)


def area_under_curve(table: npt.ArrayLike) -> list[Estimate]:
    """Chance that a positive case scores above a negative one, a group each, ties half, with DeLong's interval.

    The interval is symmetric on the log-odds; there is none with fewer than two cases of a label.

    Raises:
        ValueError: The table has another shape than (groups, 2, bins).

    Source:
        DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44, 837-845.
    """
    counts = _checked(table).astype(float)
    no, yes = counts[:, 0], counts[:, 1]
    n, m = no.sum(axis=1, keepdims=True), yes.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_yes = (np.cumsum(no, axis=1) - no / 2) / n  # share of negatives below a positive in this bin
        of_no = 1.0 - (np.cumsum(yes, axis=1) - yes / 2) / m
        value = (yes * of_yes).sum(axis=1) / m[:, 0]
        spread_yes = (yes * (of_yes - value[:, None]) ** 2).sum(axis=1) / (m - 1)[:, 0] / m[:, 0]
        spread_no = (no * (of_no - value[:, None]) ** 2).sum(axis=1) / (n - 1)[:, 0] / n[:, 0]
        error = np.sqrt(spread_yes + spread_no)
    return [_on_log_odds(*pair) for pair in zip(value.tolist(), error.tolist(), strict=True)]


def calibration(table: npt.ArrayLike, *, bands: int = 10) -> list[Calibration]:
    """Agreement of scores and outcomes, a group each; a bin's score is its middle.

    Args:
        table: Counts by group, label and bin.
        bands: Equal bands of the score over which the error is taken.

    Raises:
        ValueError: The table has another shape than (groups, 2, bins), or there are fewer bins than bands.
    """
    counts = _checked(table)
    bins = counts.shape[2]
    if not 1 <= bands <= bins:
        raise ValueError(f"there are {bands} bands of {bins} bins; give from 1 to {bins}")
    middle = (np.arange(bins) + 0.5) / bins
    edges = np.arange(bands) * bins // bands
    yes = np.add.reduceat(counts[:, 1], edges, axis=1)
    seen = yes + np.add.reduceat(counts[:, 0], edges, axis=1)
    score = np.add.reduceat(counts.sum(axis=1) * middle, edges, axis=1)
    return [_calibration(*rows) for rows in zip(yes, seen, score, strict=True)]


def _calibration(yes: Counts, seen: Counts, score: Floats) -> Calibration:
    n = int(seen.sum())
    if not n:
        return Calibration(None, None, Estimate(None), None, ())
    kept = seen > 0
    predicted, observed = float(score.sum() / n), float(yes.sum() / n)
    means, shares = score[kept] / seen[kept], yes[kept] / seen[kept]
    excess = observed - predicted
    spread = spread_of(seen[kept].astype(float), shares, shares * (1 - shares), means * (1 - means))
    reach = Z * float(np.sqrt((seen[kept] * spread).sum())) / n
    curve = tuple(zip(means.tolist(), shares.tolist(), seen[kept].tolist(), strict=True))
    error = float((seen[kept] * np.abs(shares - means)).sum() / n)
    return Calibration(predicted, observed, Estimate(excess, excess - reach, excess + reach), error, curve)


def _on_log_odds(value: float, error: float) -> Estimate:
    if np.isnan(value):
        return Estimate(None)
    if not 0.0 < value < 1.0 or not np.isfinite(error):
        return Estimate(value)
    odds, reach = special.logit(value), Z * error / (value * (1.0 - value))
    return Estimate(value, float(special.expit(odds - reach)), float(special.expit(odds + reach)))


def _checked(table: npt.ArrayLike) -> Counts:
    counts = np.asarray(table, dtype=np.int64)
    if counts.ndim != 3 or counts.shape[1] != 2 or not counts.shape[2] or (counts < 0).any():
        raise ValueError(f"the table has the shape {counts.shape}; it needs (groups, 2, bins), none below zero")
    return counts
