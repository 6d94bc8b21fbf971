"""One number over all groups, under the names that fairlearn gives them, and equal to its to the last digit.

Where a group's rate is undefined, so is whatever rests on it: fairlearn takes the rate of nobody for
zero and finds a difference; here it is nan.

>>> counts = [[[10, 40], [5, 45]], [[30, 20], [20, 30]]]
>>> round(aggregate(counts, "selection_rate", "ratio"), 4)
0.5882
>>> {name: round(value, 2) for name, value in disparities(counts).items()}["equalized_odds_difference"]
0.4
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.stats.fairness import difference, parts, rate, ratio
from workbench.stats.groups import Floats

HOWS = ("group_min", "group_max", "difference", "ratio", "difference_to_overall", "ratio_to_overall")
RESTS_ON = {"demographic_parity": ("selection_rate",), "equal_opportunity": ("tpr",), "equalized_odds": ("tpr", "fpr")}


def aggregate(counts: npt.ArrayLike, metric: str, how: str) -> float:
    """One of `HOWS` over a metric's rates by group; nan where a rate that it needs is undefined.

    Args:
        counts: Cases by group, label and prediction.
        metric: One of `stats.fairness.METRICS`.
        how: The extremes, the highest rate less the lowest, the lowest as a share of the highest, or the
            furthest of all groups from the rate of everybody.

    Raises:
        ValueError: The metric or the aggregate is unknown, or the counts have another shape than (groups, 2, 2).
    """
    rates = rate(counts, metric)
    yes, seen = parts(counts, metric)
    overall = float(yes.sum() / seen.sum()) if seen.sum() else float("nan")
    if how == "group_min":
        return float(rates.min())
    if how == "group_max":
        return float(rates.max())
    if how == "difference":
        return float(difference(rates))
    if how == "ratio":
        return float(ratio(rates))
    if how == "difference_to_overall":
        return float(np.abs(rates - overall).max())
    if how == "ratio_to_overall":
        return float(_below_one(rates, overall).min())
    raise ValueError(f"there is no aggregate {how!r}; there are {', '.join(HOWS)}")


def disparities(counts: npt.ArrayLike) -> dict[str, float]:
    """Difference and ratio of demographic parity, equal opportunity and equalized odds, by fairlearn's names.

    The demographic parity ratio is disparate impact. Equalized odds take the worse of TPR and FPR.

    Raises:
        ValueError: The counts have another shape than (groups, 2, 2).
    """
    found = {}
    for name, metrics in RESTS_ON.items():
        found[f"{name}_difference"] = float(np.max([aggregate(counts, m, "difference") for m in metrics]))
        found[f"{name}_ratio"] = float(np.min([aggregate(counts, m, "ratio") for m in metrics]))
    return found


def _below_one(rates: Floats, overall: float) -> Floats:
    """Each rate by the overall rate, or the other way round where that is above one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = rates / overall
        return np.where(shares > 1, 1 / shares, shares)
