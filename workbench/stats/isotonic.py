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
        weights: How much each value counts, above zero; one a point, or of the shape of the last axes.

    Returns:
        Of the shape of `values`.

    Raises:
        ValueError: A weight is not above zero, or a value is not finite.

    Source:
        Robertson, Wright & Dykstra 1988, Order Restricted Statistical Inference, theorem 1.4.4 (max-min formula).
    """
    v, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(v).all() and np.isfinite(w).all() and (w > 0).all()):
        raise ValueError("a curve or its weights are not finite, or a weight is not above zero; all must be")
    points = v.shape[-1]
    sums = np.cumsum(np.moveaxis((v * w)[None], -1, 0), axis=0)  # points first: a step below is a pass over all curves
    masses = np.cumsum(np.moveaxis(w, -1, 0), axis=0)
    fitted = np.full(sums.shape, np.inf)
    for first in range(points):
        reaching = np.full(sums.shape[1:], -np.inf)  # the largest mean of a run from `first` to `last` or beyond
        for last in reversed(range(first, points)):
            total = sums[last] - sums[first - 1] if first else sums[last]
            mass = masses[last] - masses[first - 1] if first else masses[last]
            np.maximum(reaching, total / mass, out=reaching)
            np.minimum(fitted[last], reaching, out=fitted[last])
    return np.ascontiguousarray(np.moveaxis(fitted, 0, -1)[0])
