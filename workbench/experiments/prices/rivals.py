"""Ways of pricing to set beside each other in `prices.worlds`: ours without limits, and its rivals.

Each is a `Policy` for one simulation; one that remembers is made anew for the next.

>>> from workbench.experiments.prices.worlds import PRICES
>>> seen = np.zeros((0, 2, len(PRICES)))
>>> explore_then_commit(PRICES, days=14)(seen, seen, np.random.default_rng(0))[0, :2].tolist()
[0.1, 0.1]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from workbench.experiments.prices.table import thompson_weights
from workbench.experiments.prices.worlds import Policy
from workbench.stats.demand import LOGISTIC, SMOOTH, DemandPosterior, DemandPrior, demand_posterior
from workbench.stats.moments import Floats

DRAWS = 300  # of a policy's posterior, a day


def smooth_thompson(
    prices: Sequence[float],
    *,
    prior: DemandPrior = SMOOTH,
    boldness: float = 0.7,
    falls: bool = True,
    half_life: float | None = None,
    draws: int = DRAWS,
) -> Policy:
    """Thompson sampling on the demand curve pooled over segments.

    Args:
        prices: Rising.
        prior: Of the curve; `stats.demand.LOGISTIC` makes it parametric.
        boldness: Factor on the posterior's spread, in (0, 1].
        falls: Whether draws are projected on falling curves.
        half_life: Days after which a sale counts half; None: all count alike.
        draws: From which the weights are taken.
    """
    p = np.asarray(prices, dtype=np.float64)
    yesterday: DemandPosterior | None = None

    def weights(seen: Floats, bought: Floats, rng: np.random.Generator) -> Floats:
        nonlocal yesterday
        age = np.ones(len(seen)) if half_life is None else 2.0 ** (-np.arange(len(seen))[::-1] / half_life)
        y, n = (np.tensordot(age, each, 1) for each in (bought, seen))
        yesterday = demand_posterior(y, n, prices, prior, start=yesterday)
        drawn = yesterday.draw(rng, draws, falls=falls, spread=boldness)
        return thompson_weights(drawn * p, np.ones(drawn.shape[1:], dtype=bool))

    return weights


def parametric_thompson(prices: Sequence[float], *, draws: int = DRAWS) -> Policy:
    """Thompson sampling on logistic curves pooled over segments, whether they fit or not."""
    return smooth_thompson(prices, prior=LOGISTIC, boldness=1.0, falls=False, draws=draws)


def independent_thompson(prices: Sequence[float], *, draws: int = DRAWS) -> Policy:
    """Thompson sampling with a Beta(1, 1) for each price and segment by itself."""
    p = np.asarray(prices, dtype=np.float64)

    def weights(seen: Floats, bought: Floats, rng: np.random.Generator) -> Floats:
        n, y = seen.sum(axis=0), bought.sum(axis=0)
        drawn = rng.beta(1 + y, 1 + n - y, (draws, *n.shape)) * p
        return thompson_weights(drawn, np.ones(n.shape, dtype=bool))

    return weights


def explore_then_commit(prices: Sequence[float], *, days: int = 14) -> Policy:
    """All prices alike for some days, then in each segment the one that brought the most."""
    p = np.asarray(prices, dtype=np.float64)

    def weights(seen: Floats, bought: Floats, rng: np.random.Generator) -> Floats:  # noqa: ARG001 (a policy's shape)
        if len(seen) < days:
            return np.full(seen.shape[1:], 1 / len(p))
        n, y = seen[:days].sum(axis=0), bought[:days].sum(axis=0)
        return np.asarray(np.eye(len(p))[((1 + y) / (2 + n) * p).argmax(axis=1)])

    return weights


def ab_test(prices: Sequence[float], *, control: float, challenger: float, days: int = 14) -> Policy:
    """A fixed-horizon test of two prices, half and half, then everywhere the one that brought more.

    Raises:
        ValueError: A price is not on the list.
    """
    p = np.asarray(prices, dtype=np.float64)
    arms = [list(prices).index(control), list(prices).index(challenger)]

    def weights(seen: Floats, bought: Floats, rng: np.random.Generator) -> Floats:  # noqa: ARG001 (a policy's shape)
        row = np.zeros(len(p))
        if len(seen) < days:
            row[arms] = 0.5
        else:
            n, y = (each[:days].sum(axis=(0, 1))[arms] for each in (seen, bought))
            row[arms[int((y / np.maximum(n, 1) * p[arms]).argmax())]] = 1.0
        return np.tile(row, (seen.shape[1], 1))

    return weights


RIVALS: Mapping[str, Callable[[Sequence[float]], Policy]] = {
    "pooled smooth curve": smooth_thompson,
    "fixed A/B test, 29 against 41": lambda prices: ab_test(prices, control=29.0, challenger=41.0),
    "explore 14 days, then commit": explore_then_commit,
    "independent Thompson": independent_thompson,
    "parametric Thompson": parametric_thompson,
}
