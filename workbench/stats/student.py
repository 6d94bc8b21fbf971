"""A t statistic on the normal's scale and back, so that rules made for z serve errors that are estimated.

A t and its z have the same chance of being exceeded where there is no difference. Beyond thirty standard
deviations, where tails are too thin to be told, Wallace's form stands for both.

>>> round(as_z(2.7764, 4.0), 3), round(as_t(1.96, 4.0), 3), as_z(2.0, float("inf"))
(1.96, 2.777, 2.0)
"""

from __future__ import annotations

import numpy as np
from scipy import special

FAR = 30.0
THIN = float(special.ndtr(-FAR))


def as_z(t: float, df: float) -> float:
    """The z with the same chance of being exceeded as this t.

    Args:
        t: Estimate over its estimated error.
        df: Degrees of freedom of the error, above zero; infinite: t is z.

    Source:
        Wallace (1959), Annals of Mathematical Statistics 30, 1124-1130, beyond 30 standard deviations.
    """
    if np.isinf([t, df]).any():
        return t
    tail = special.stdtr(df, -abs(t))
    if tail > THIN:
        return float(np.copysign(special.ndtri(tail), t))
    return float(np.copysign(_shrinkage(df) * np.sqrt(df * np.log1p(t * t / df)), t))


def as_t(z: float, df: float) -> float:
    """The t with the same chance of being exceeded as this z; the inverse of `as_z`.

    Args:
        z: On the normal's scale; infinite: infinite.
        df: Degrees of freedom, above zero; infinite: z is t.

    Source:
        As `as_z`.
    """
    if np.isinf([z, df]).any():
        return z
    if abs(z) < FAR:
        return float(np.copysign(special.stdtrit(df, float(special.ndtr(-abs(z)))), z))
    with np.errstate(over="ignore"):  # farther than any number
        return float(np.copysign(np.sqrt(df * np.expm1((z / _shrinkage(df)) ** 2 / df)), z))


def _shrinkage(df: float) -> float:
    return (8 * df + 1) / (8 * df + 3)
