"""Scores by group: how well they rank, and how well they agree with what happened, in each group.

Equal rates at one threshold may hide that the scores themselves mean less, or something else, for one
group. The area under the curve has DeLong's error, and a test says whether all groups' areas are one.

>>> cube = ScoreCube.scan({"g": ["a"] * 4}, score=[0.15, 0.45, 0.35, 0.85], label=[0, 0, 1, 1])
>>> audit_scores(cube).groups[0].auc.value
0.75
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from workbench.audits.verdict import Estimate
from workbench.data import ScoreCube
from workbench.errors import Misuse
from workbench.stats.classification import Estimate as Plain
from workbench.stats.classification import Z
from workbench.stats.score_bins import Calibration, area_under_curve, calibration


@dataclass(frozen=True)
class GroupScores:
    """One group's scores."""

    group: tuple[str, ...]
    n: int  # labelled cases
    auc: Estimate
    calibration: Calibration


@dataclass(frozen=True)
class ScoreAudit:
    """All groups' scores."""

    groups: tuple[GroupScores, ...]
    same_auc: float | None  # p-value of areas so far apart if all were one; None: fewer than two are known
    sentence: str


def audit_scores(cube: ScoreCube, *, bands: int = 10) -> ScoreAudit:
    """Ranking and calibration by group, over the cases whose label is known.

    Args:
        cube: Counts by group, label and score.
        bands: Equal bands of the score over which calibration is taken.

    Raises:
        Misuse: The bands do not fit the cube's bins.
    """
    try:
        agreed = calibration(cube.labelled, bands=bands)
    except ValueError as error:
        raise Misuse(str(error)) from error
    areas = area_under_curve(cube.labelled)
    sizes = cube.labelled.sum(axis=(1, 2)).tolist()
    groups = tuple(
        GroupScores(group, n, Estimate(area.value, area.low, area.high, n=n), each)
        for group, n, area, each in zip(cube.groups, sizes, areas, agreed, strict=True)
    )
    same = _same(areas)
    return ScoreAudit(groups, same, _sentence(groups, same))


def _same(areas: list[Plain]) -> float | None:
    """Cochran's test that all areas are one, on the log-odds, where their intervals are symmetric."""
    known = [(a.value, a.low, a.high) for a in areas if a.value is not None and a.low is not None]
    if len(known) < 2:
        return None
    low, high = (special.logit(np.array([row[i] for row in known], dtype=float)) for i in (1, 2))
    middle, weight = (low + high) / 2.0, (2.0 * Z / (high - low)) ** 2
    centre = (weight * middle).sum() / weight.sum()
    return float(special.chdtrc(len(known) - 1, (weight * (middle - centre) ** 2).sum()))


def _sentence(groups: tuple[GroupScores, ...], same: float | None) -> str:
    ranked = sorted((g for g in groups if g.auc.low is not None), key=lambda g: g.auc.value or 0.0)
    if not ranked or same is None:
        return "There are no two groups whose scores could be compared."
    worst, best = ranked[0], ranked[-1]
    apart = "differs between groups" if same < 0.05 else "may be one for all groups"
    return (
        f"How well scores rank {apart} (p = {same:.2g}): AUC {worst.auc.value:.3f} for {', '.join(worst.group)}, "
        f"{best.auc.value:.3f} for {', '.join(best.group)}."
    )
