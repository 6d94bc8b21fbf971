"""Were the arms filled as planned? The check that stands above every other result.

>>> sample_ratio({"a": 821588, "b": 815482}, {"a": 1, "b": 1}).passed
False
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import special

THRESHOLD = 0.001  # below it the filling is not chance: one false alarm in a thousand sound experiments


@dataclass(frozen=True)
class SampleRatio:
    """Observed counts of units against planned shares."""

    observed: Mapping[str, float]
    expected: Mapping[str, float] | None  # None: no plan was stated, nothing can be checked
    p: float | None  # probability of a filling at least this odd if the plan was kept
    passed: bool | None  # None: not checked

    @property
    def sentence(self) -> str:
        """The check in plain words."""
        if self.passed is None:
            return "Planned shares are not known, so the filling of the arms could not be checked."
        if self.passed:
            return f"The arms were filled as planned (p = {self.p:.3g})."
        return f"The arms were not filled as planned (p = {self.p:.2g}): do not trust the results below."


def sample_ratio(
    observed: Mapping[str, float], planned: Mapping[str, float] | None, *, threshold: float = THRESHOLD
) -> SampleRatio:
    """Chi-square test of the arms' counts.

    Args:
        observed: Units, by arm.
        planned: Shares in any unit (they are scaled to sum to one), by the same arms; an arm of
            weight zero was to get nobody and adds no degree of freedom. None: no plan is known.
        threshold: Smallest p that passes.

    Raises:
        ValueError: The arms differ, a share is negative, all are zero, or there are no units.

    >>> round(sample_ratio({"a": 480, "b": 520, "never": 0}, {"a": 1, "b": 1, "never": 0}).p, 12)
    0.205903210732
    """
    total = sum(observed.values())
    if total <= 0:
        raise ValueError("there are no units; the check needs at least one")
    if planned is None:
        return SampleRatio(dict(observed), None, None, None)
    if set(planned) != set(observed):
        raise ValueError(f"planned shares are for {sorted(planned)}; the arms are {sorted(observed)}")
    weight = sum(planned.values())
    if weight <= 0 or min(planned.values()) < 0:
        raise ValueError(f"planned shares are {dict(planned)}; none may be negative and one must be above zero")
    expected = {arm: total * share / weight for arm, share in planned.items()}
    filled = [arm for arm, units in expected.items() if units > 0]
    p = chi_square(sum((observed[a] - expected[a]) ** 2 / expected[a] for a in filled), len(filled) - 1)
    if any(observed[arm] > 0 for arm in expected if arm not in filled):
        p = 0.0  # somebody is where nobody was to be
    return SampleRatio(dict(observed), expected, p, p >= threshold)


def chi_square(statistic: float, df: int) -> float:
    """Probability that a chi-square of some degrees of freedom is at least this large; 1 at none."""
    return float(special.chdtrc(df, statistic)) if df > 0 else 1.0


def equal_means(means: Mapping[str, float], errors: Mapping[str, float]) -> float:
    """Probability (p) of the arms having one true mean, from means and standard errors (Welch's weights).

    Used on what was known before the arms were drawn, where a true difference cannot be.

    Raises:
        ValueError: Fewer than two arms, or a standard error that is not above zero.

    Source:
        Cochran (1954), Biometrics 10, 101-129 (the Q statistic).
    """
    if len(means) < 2 or min(errors[arm] for arm in means) <= 0:
        raise ValueError("equal means need two arms or more, each with a standard error above zero")
    weights = {arm: 1 / errors[arm] ** 2 for arm in means}
    centre = sum(weights[a] * means[a] for a in means) / sum(weights.values())
    return chi_square(sum(weights[a] * (means[a] - centre) ** 2 for a in means), len(means) - 1)
