"""When a thing began: the place in a row of numbers before and after which their means differ most.

>>> onset([0, 0, 0, 0, 1, 1, 1, 1])
Onset(place=4, before=0.0, after=1.0, p_value=0.0...)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Onset(NamedTuple):
    """One change of the mean."""

    place: int  # first case after it, from 1
    before: float  # mean of the cases before it
    after: float
    p_value: float  # of so large a change anywhere, were there none


def onset(values: npt.ArrayLike) -> Onset | None:
    """The change of the mean that leaves the least spread on both sides; None where nothing varies.

    The p-value is that of the largest excursion of the sum of deviations, a Brownian bridge under no change.

    Args:
        values: In the order of time.

    Source:
        Page (1955), Biometrika 42; the limit is Kolmogorov's, Σ 2 (-1)^(k-1) exp(-2 k² b²).
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2 or x.std() == 0.0:
        return None
    sums, count = np.cumsum(x)[:-1], np.arange(1, n)
    excursion = np.abs(sums - count * x.mean())
    place = int(np.argmax(excursion / np.sqrt(count * (n - count)))) + 1
    inside = np.concatenate([x[:place] - x[:place].mean(), x[place:] - x[place:].mean()])
    spread = max(float(inside.std()), 1e-9)
    height = float(excursion.max()) / (spread * n**0.5)
    k = np.arange(1, 101)
    tail = float((2.0 * (-1.0) ** (k - 1) * np.exp(-2.0 * k**2 * height**2)).sum()) if height > 0.2 else 1.0
    return Onset(place, float(x[:place].mean()), float(x[place:].mean()), min(1.0, max(0.0, tail)))
