"""The nearest curve that never rises: weighted least squares under falling order, many curves at once.

The pool-adjacent-violators solution has a closed form: each fitted value is the smallest, over all starts to its
left, of the largest mean of a run that begins there and reaches it. A few dozen points a curve need no loop.

>>> falling(np.array([5.0, 1.0, 3.0, 0.0]), np.ones(4)).tolist()
[5.0, 2.0, 2.0, 0.0]
"""

from __future__ import annotations

import numpy as np

from workbench.stats.moments import Floats


def falling(values: Floats, weights: Floats) -> Floats:
    """The closest values that do not rise along the last axis.

    Args:
        values: One curve along the last axis, any number of axes before it.
        weights: How much each value counts, above zero; broadcast against the curves.

    Returns:
        Of the shape of `values`. Memory is that of `values` times the number of points.

    Raises:
        ValueError: A weight is not above zero, or a value is not finite.

    Source:
        Robertson, Wright & Dykstra 1988, Order Restricted Statistical Inference, theorem 1.4.4 (max-min formula).
    """
    v, w = np.broadcast_arrays(np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64))
    if not (np.isfinite(v).all() and np.isfinite(w).all() and (w > 0).all()):
        raise ValueError("a curve or its weights are not finite, or a weight is not above zero; all must be")
    points = v.shape[-1]
    start = np.zeros((*v.shape[:-1], 1))
    sums = np.concatenate([start, np.cumsum(v * w, axis=-1)], axis=-1)
    masses = np.concatenate([start, np.cumsum(w, axis=-1)], axis=-1)
    fitted = np.full(v.shape, np.inf)
    for first in range(points):
        mean = (sums[..., first + 1 :] - sums[..., first, None]) / (masses[..., first + 1 :] - masses[..., first, None])
        reaching = np.maximum.accumulate(mean[..., ::-1], axis=-1)[
            ..., ::-1
        ]  # the largest mean that ends at k or later
        np.minimum(fitted[..., first:], reaching, out=fitted[..., first:])
    return fitted
