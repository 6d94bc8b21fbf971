"""How far predicted numbers are off: MAE, RMSE and R² with intervals that assume no distribution.

All three are functions of means over cases, so their errors follow from each case's influence on them
(the infinitesimal jackknife): one pass, no draws, and the same interval as a bootstrap of rows.

>>> mae([1.0, 2.0, 3.0], [1.5, 2.0, 2.0]).value
0.5
>>> round(r_squared([1.0, 2.0, 3.0], [1.5, 2.0, 2.0]).value, 3)
0.375
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from workbench.stats.classification import Estimate, alike
from workbench.stats.groups import Floats


def mae(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Estimate:
    """Mean absolute error, in the label's unit, with Student's interval; none where all errors are of one size.

    Raises:
        ValueError: The lengths differ, there is no case, or a value is not finite.
    """
    y, rest = _rests(truth, predicted)
    sizes = np.abs(rest)
    value = float(sizes.mean())
    if len(y) < 2 or alike(sizes):
        return Estimate(value)
    reach = _t(len(y)) * float(sizes.std(ddof=1)) / len(y) ** 0.5
    return Estimate(value, max(0.0, value - reach), value + reach)


def rmse(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Estimate:
    """Root mean square error, in the label's unit; the interval is symmetric on the logarithm.

    There is none where all errors are of one size.

    Raises:
        ValueError: The lengths differ, there is no case, or a value is not finite.
    """
    y, rest = _rests(truth, predicted)
    square = float((rest**2).mean())
    value = square**0.5
    if len(y) < 2 or alike(rest**2):
        return Estimate(value)
    error = float((rest**2).std(ddof=1)) / len(y) ** 0.5 / square / 2.0
    ratio = float(np.exp(_t(len(y)) * error))
    return Estimate(value, value / ratio, value * ratio)


def r_squared(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> Estimate:
    """Share of the label's variance that the prediction explains; below zero it is worse than the mean.

    The interval is symmetric on the logarithm of what is left unexplained.

    Raises:
        ValueError: The lengths differ, there is no case, or a value is not finite.
    """
    y, rest = _rests(truth, predicted)
    around = (y - y.mean()) ** 2
    if len(y) < 3 or not around.any():
        return Estimate(None)
    left = float((rest**2).mean() / around.mean())
    if left == 0.0:
        return Estimate(1.0)
    influence = rest**2 / (rest**2).mean() - around / around.mean()
    ratio = float(np.exp(_t(len(y)) * influence.std(ddof=1) / len(y) ** 0.5))
    return Estimate(1.0 - left, 1.0 - left * ratio, 1.0 - left / ratio)


def _t(n: int) -> float:
    return float(special.stdtrit(n - 1, 0.975))


def _rests(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Floats, Floats]:
    y, guess = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    if y.shape != guess.shape or y.ndim != 1 or not y.size:
        raise ValueError(f"labels have the shape {y.shape}, predictions {guess.shape}; each case needs both")
    if not (np.isfinite(y).all() and np.isfinite(guess).all()):
        raise ValueError("a label or a prediction is not finite; leave such cases out and say so")
    return y, y - guess
