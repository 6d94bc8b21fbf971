"""Fairness from counts: rates of groups, their spread, and how sure one can be of it.

A table has one row a group and four columns: true negatives, false positives, false negatives, true
positives. With two groups the posterior of each rate stands on its own (Jeffreys). With three or more,
rates are shrunk towards their common mean by as much as the data asks (beta-binomial, the spread
between groups integrated out on a grid), because the largest of many noisy rates is not the largest
rate. An interval reaches to equality unless a homogeneity test says that the groups differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, chdtrc, ndtri

Array = NDArray[np.float64]

METRICS = ("selection_rate", "tpr", "fpr", "fnr", "tnr", "precision", "accuracy")
SPREADS = np.linspace(0.002, 0.35, 60)  # standard deviations between groups that are considered
MOST_GROUPS_ALONE = 2  # so many groups are not shrunk


@dataclass(frozen=True)
class Spread:
    """A ratio or difference over groups with what is known about it."""

    value: float | None  # as counted; None where it is undefined
    low: float | None  # 95 % interval
    high: float | None
    probability: float | None  # that the true value meets the target, in [0, 1]
    target: float
    needed: float | None  # the value that would reach the wanted certainty at this precision
    homogeneity: float | None  # p-value of "all groups have the same rate", chi-square


def rates(table: ArrayLike) -> dict[str, list[float | None]]:
    """Each metric by group.

    Args:
        table: One row a group: true negatives, false positives, false negatives, true positives.

    Returns:
        Lists of shares in [0, 1], one a group; None where a group has no case to count on.

    >>> rates([[2, 1, 1, 4]])["tpr"]
    [0.8]
    """
    return {metric: [_share(a, b) for a, b in parts] for metric, parts in _parts(table).items()}


def trials(table: ArrayLike, metric: str) -> tuple[Array, Array]:
    """A metric's successes and cases by group.

    Raises:
        ValueError: The metric is unknown.
    """
    parts = _parts(table)
    if metric not in parts:
        raise ValueError(f"metric is {metric!r}; it must be one of {', '.join(METRICS)}")
    array = np.asarray(parts[metric], dtype=float)
    return array[:, 0], array[:, 1]


def wilson(successes: ArrayLike, cases: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Wilson's interval of a share, one a group; (0, 1) where there is no case.

    Source:
        Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(cases, dtype=float)
    z = float(ndtri(0.5 + level / 2))
    safe = np.where(n > 0, n, 1.0)
    share = k / safe
    centre = (share + z**2 / (2 * safe)) / (1 + z**2 / safe)
    half = z / (1 + z**2 / safe) * np.sqrt(share * (1 - share) / safe + z**2 / (4 * safe**2))
    return np.where(n > 0, np.maximum(centre - half, 0), 0.0), np.where(n > 0, np.minimum(centre + half, 1), 1.0)


def rate_draws(successes: ArrayLike, cases: ArrayLike, rng: np.random.Generator, size: int) -> Array:
    """Draws from the joint posterior of the groups' rates: one row a draw, one column a group.

    Two groups: independent Jeffreys posteriors. More: Beta(c m, c (1 - m)) between groups with m the
    pooled rate and the spread sqrt(m (1 - m) / (c + 1)) uniform over a grid.
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(cases, dtype=float)
    if k.size <= MOST_GROUPS_ALONE:
        return rng.beta(k + 0.5, n - k + 0.5, (size, k.size))
    mean = float(np.clip((k.sum() + 0.5) / (n.sum() + 1), 1e-6, 1 - 1e-6))
    spreads = SPREADS[mean * (1 - mean) > SPREADS**2 * 1.02]
    if spreads.size == 0:
        spreads = np.array([np.sqrt(mean * (1 - mean)) / 2])
    strength = mean * (1 - mean) / spreads**2 - 1
    a, b = strength * mean, strength * (1 - mean)
    fit = (betaln(k[:, None] + a, (n - k)[:, None] + b) - betaln(a, b)).sum(axis=0)
    weight = np.exp(fit - fit.max())
    chosen = rng.choice(spreads.size, size=size, p=weight / weight.sum())
    return rng.beta(k + a[chosen][:, None], n - k + b[chosen][:, None])


def homogeneity(successes: ArrayLike, cases: ArrayLike) -> float | None:
    """P-value of "all groups have the same rate" (Pearson's chi-square); None with fewer than two groups."""
    k, n = np.asarray(successes, dtype=float), np.asarray(cases, dtype=float)
    k, n = k[n > 0], n[n > 0]
    if k.size < 2:
        return None
    mean = k.sum() / n.sum()
    if mean in {0.0, 1.0}:
        return 1.0
    return float(chdtrc(k.size - 1, ((k - n * mean) ** 2 / (n * mean * (1 - mean))).sum()))


def disparate_impact(
    table: ArrayLike, *, rng: np.random.Generator, target: float = 0.8, certainty: float = 0.95, draws: int = 20_000
) -> Spread:
    """Lowest selection rate as a share of the highest, in [0, 1]; 1 is equal rates.

    Args:
        table: One row a group, two groups or more.
        rng: Source of the draws.
        target: The probability speaks of "at least this".
        certainty: Probability that `needed` would reach, in (0.5, 1).
        draws: Draws from the posterior.

    Raises:
        ValueError: There are fewer than two groups, or one is empty.

    Source:
        29 CFR 1607.4(D), the four-fifths rule.
    """
    k, n = trials(table, "selection_rate")
    _needs_groups(n)
    p_same = homogeneity(k, n)
    if k.max() == 0:
        return Spread(None, None, None, None, target, None, p_same)
    share = k / n
    value = float(share.min() / share.max())
    posterior = rate_draws(k, n, rng, draws)
    ratio = posterior.min(axis=1) / posterior.max(axis=1)
    signed = np.log(posterior[:, int(share.argmin())] / posterior[:, int(share.argmax())])
    low, high = (float(edge) for edge in np.quantile(ratio, (0.025, 0.975)))
    if p_same is not None and p_same > 0.05:
        high = 1.0
    needed = min(1.0, target * float(np.exp(ndtri(certainty) * signed.std())))
    return Spread(value, min(low, value), max(high, value), float((ratio >= target).mean()), target, needed, p_same)


def difference(
    table: ArrayLike,
    metrics: tuple[str, ...],
    *,
    rng: np.random.Generator,
    target: float = 0.1,
    certainty: float = 0.95,
    draws: int = 20_000,
) -> Spread:
    """Largest difference between two groups' rates, over one metric or several, in [0, 1].

    `("selection_rate",)` is the demographic parity difference, `("tpr", "fpr")` the equalized odds
    difference, `("tpr",)` that of equal opportunity. The probability is that of "at most the target".

    Raises:
        ValueError: There are fewer than two groups, or one is empty.
    """
    _needs_groups(np.asarray(table, dtype=float).sum(axis=1))
    values, posterior, p_values = [], [], []
    for metric in metrics:
        k, n = trials(table, metric)
        if (n == 0).any():
            return Spread(None, None, None, None, target, None, None)
        values.append(float((k / n).max() - (k / n).min()))
        drawn = rate_draws(k, n, rng, draws)
        posterior.append(drawn.max(axis=1) - drawn.min(axis=1))
        p_values.append(homogeneity(k, n) or 0.0)
    value, widest = max(values), np.max(posterior, axis=0)
    low, high = (float(edge) for edge in np.quantile(widest, (0.025, 0.975)))
    p_same = min(1.0, min(p_values) * len(p_values))  # Bonferroni over the metrics
    if p_same > 0.05:
        low = 0.0
    needed = max(0.0, target - float(ndtri(certainty) * widest.std()))
    met = float((widest <= target).mean())
    return Spread(value, min(low, value), max(high, value), met, target, needed, p_same)


def _parts(table: ArrayLike) -> dict[str, list[tuple[float, float]]]:
    counts = np.asarray(table, dtype=float)
    if counts.ndim != 2 or counts.shape[1] != 4 or (counts < 0).any():
        raise ValueError("a table has one row a group and four counts of zero or more in each")
    tn, fp, fn, tp = counts.T
    pairs = {
        "selection_rate": (fp + tp, tn + fp + fn + tp),
        "tpr": (tp, tp + fn),
        "fpr": (fp, fp + tn),
        "fnr": (fn, tp + fn),
        "tnr": (tn, fp + tn),
        "precision": (tp, tp + fp),
        "accuracy": (tp + tn, tn + fp + fn + tp),
    }
    return {metric: list(zip(a.tolist(), b.tolist(), strict=True)) for metric, (a, b) in pairs.items()}


def _share(successes: float, cases: float) -> float | None:
    return successes / cases if cases else None


def _needs_groups(cases: Array) -> None:
    if cases.size < 2 or (cases == 0).any():
        raise ValueError(f"groups have {cases.astype(int).tolist()} cases; two groups or more, none empty, are needed")
