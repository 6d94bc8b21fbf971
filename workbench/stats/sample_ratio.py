"""Were the arms filled as planned? The check that stands above every other result.

>>> sample_ratio({"a": 821588, "b": 815482}, {"a": 1, "b": 1}).passed
False
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

THRESHOLD = 0.001  # below it the filling is not chance: one false alarm in a thousand sound experiments
CONCENTRATIONS = (100.0, 10_000.0)  # of the sequential check: departures of about 5 and 0.5 points are found soonest


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
        ValueError: The arms differ, a number is negative or not finite, all shares are zero, or there are no units.

    >>> round(sample_ratio({"a": 480, "b": 520, "never": 0}, {"a": 1, "b": 1, "never": 0}).p, 12)
    0.205903210732
    """
    total = sum(observed.values())
    if not np.isfinite(total) or min(observed.values(), default=0.0) < 0:
        raise ValueError(f"units are {dict(observed)}; each number must be finite and none below zero")
    if total <= 0:
        raise ValueError("there are no units; the check needs at least one")
    if planned is None:
        return SampleRatio(dict(observed), None, None, None)
    if set(planned) != set(observed):
        raise ValueError(f"planned shares are for {sorted(planned)}; the arms are {sorted(observed)}")
    weight = sum(planned.values())
    if not (np.isfinite(weight) and weight > 0 and min(planned.values()) >= 0):
        raise ValueError(
            f"planned shares are {dict(planned)}; all must be finite, none may be negative and one must be above zero"
        )
    expected = {arm: total * share / weight for arm, share in planned.items()}
    filled = [arm for arm, units in expected.items() if units > 0]
    p = chi_square(sum((observed[a] - expected[a]) ** 2 / expected[a] for a in filled), len(filled) - 1)
    if any(observed[arm] > 0 for arm in expected if arm not in filled):
        p = 0.0  # somebody is where nobody was to be
    return SampleRatio(dict(observed), expected, p, p >= threshold)


@dataclass(frozen=True)
class SequentialRatio:
    """The check as it stood at each look; it may be looked at as often as one likes."""

    by_look: tuple[float, ...]  # p after each look; it never rises
    passed: bool
    failed_at: int | None  # the first look, from 0, at which it failed

    @property
    def p(self) -> float:
        """The last look's p."""
        return self.by_look[-1]


def sequential_sample_ratio(
    looks: Sequence[Mapping[str, float]],
    planned: Mapping[str, float],
    *,
    threshold: float = THRESHOLD,
    concentrations: Sequence[float] = CONCENTRATIONS,
) -> SequentialRatio:
    """The sample ratio tested at every look, false alarms held over all of them together.

    The likelihood of the counts under shares drawn about the planned ones, over that under the
    planned ones, is a martingale while the plan is kept; its inverse bounds p at any time.

    Args:
        looks: New units of each look (day), by arm, oldest first.
        planned: Shares in any unit, by arm; an arm of weight zero was to get nobody.
        threshold: Smallest p that passes.
        concentrations: Of the Dirichlet distributions about the planned shares, each weighed alike.

    Raises:
        ValueError: There is no look, or the arms or shares are as `sample_ratio` refuses.

    Source:
        Lindon & Malek (2022), Anytime-Valid Inference for Multinomial Count Data, NeurIPS 35, eq. 5.

    >>> found = sequential_sample_ratio([{"a": 480, "b": 520}, {"a": 380, "b": 620}], {"a": 1, "b": 1})
    >>> found.passed, found.failed_at
    (False, 1)
    """
    if not looks:
        raise ValueError("there are no looks; the check needs at least one")
    first = sample_ratio({arm: sum(look.get(arm, 0.0) for look in looks) for arm in planned}, planned)
    if strange := sorted({arm for look in looks for arm in look} - set(planned)):
        raise ValueError(f"arm {strange[0]!r} has no planned share")
    filled = [arm for arm, expected in (first.expected or {}).items() if expected > 0]
    share = np.array([planned[arm] for arm in filled]) / sum(planned[arm] for arm in filled)
    counts = np.cumsum([[look.get(arm, 0.0) for arm in filled] for look in looks], axis=0)
    outside = np.cumsum([sum(n for arm, n in look.items() if arm not in filled) for look in looks])
    alpha = np.asarray(concentrations)[:, None] * share
    gained = special.gammaln(alpha[:, None] + counts).sum(axis=2) - special.gammaln(alpha).sum(axis=1)[:, None]
    whole = alpha.sum(axis=1)
    spread = special.gammaln(whole[:, None] + counts.sum(axis=1)) - special.gammaln(whole)[:, None]
    evidence = special.logsumexp(gained - spread, axis=0) - np.log(len(whole)) - counts @ np.log(share)
    p = np.minimum.accumulate(np.where(outside > 0, 0.0, np.minimum(1.0, np.exp(-evidence))))
    failed = np.flatnonzero(p < threshold)
    return SequentialRatio(tuple(float(x) for x in p), not failed.size, int(failed[0]) if failed.size else None)


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
