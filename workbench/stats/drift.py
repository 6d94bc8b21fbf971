"""Distances between two histograms, and whether they are more than noise.

Both histograms count the same bins. PSI is judged by its own null distribution instead of by 0.1 and
0.25: for k bins and samples of n and m, PSI / (1/n + 1/m) is chi-square with k - 1 degrees of freedom.

>>> round(psi([50, 50], [60, 40]).value, 4)
0.0405
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, rel_entr

Array = NDArray[np.float64]

PSI_BINS = 10  # coarse bins of about equal share of the reference


@dataclass(frozen=True)
class Psi:
    """A population stability index with its noise."""

    value: float  # 0: equal; not bounded
    noise: float  # what chance alone gives on average at these sample sizes
    p: float  # probability of this much or more by chance, in [0, 1]


def psi(reference: ArrayLike, current: ArrayLike) -> Psi:
    """Population stability index of two histograms over the same bins.

    Args:
        reference: Counts, one a bin; bins empty on both sides do not count.
        current: Counts, one a bin.

    Raises:
        ValueError: A histogram is empty, or they have different numbers of bins.

    Source:
        Yurdakul and Naranjo (2020), Journal of Risk Model Validation 14(3).
    """
    a, b = _pair(reference, current)
    n, m = a.sum(), b.sum()
    used = (a + b) > 0
    a, b = a[used], b[used]
    scale = 1 / n + 1 / m
    if a.size == 1:
        return Psi(0.0, 0.0, 1.0)
    p, q = (a + 0.5) / (n + 0.5 * a.size), (b + 0.5) / (m + 0.5 * a.size)  # no empty bin, no infinity
    value = float(((q - p) * np.log(q / p)).sum())
    return Psi(value, float((a.size - 1) * scale), float(chdtrc(a.size - 1, value / scale)))


def coarse(reference: ArrayLike, current: ArrayLike, bins: int = PSI_BINS) -> tuple[Array, Array]:
    """Two fine histograms over ordered bins, merged into bins of about equal share of the reference."""
    a, b = _pair(reference, current)
    position = (np.cumsum(a) - a / 2) / a.sum()
    group = np.minimum((position * bins).astype(int), bins - 1)
    _, group = np.unique(group, return_inverse=True)
    return np.bincount(group, a), np.bincount(group, b)


def kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """Largest distance between the two cumulative distributions over ordered bins, in [0, 1]."""
    a, b = _pair(reference, current)
    return float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).max())


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance in base 2, in [0, 1]; 0 is equal, 1 is disjoint."""
    a, b = _pair(reference, current)
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2 / np.log(2)
    return float(np.sqrt(max(divergence, 0.0)))


def wasserstein(reference: ArrayLike, current: ArrayLike, values: ArrayLike) -> float:
    """Earth mover's distance over ordered bins, in the unit of `values` (one representative a bin)."""
    a, b = _pair(reference, current)
    gap = np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum())[:-1]
    return float((gap * np.diff(np.asarray(values, dtype=float))).sum())


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """Adjusted p-values that keep the false discovery rate, one for each given.

    Source:
        Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    ranked = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return adjusted


def _pair(reference: ArrayLike, current: ArrayLike) -> tuple[Array, Array]:
    a, b = np.asarray(reference, dtype=float), np.asarray(current, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"histograms have {a.shape} and {b.shape} bins; they must be the same bins")
    if a.sum() <= 0 or b.sum() <= 0:
        raise ValueError("a histogram is empty; both need at least one case")
    return a, b
