"""What a randomized price did to demand, from a moment cube whose arms are prices.

Two readings, both with errors that respect clusters: the *arc elasticity* between two prices,
(q₂ − q₁)/(q₂ + q₁) ÷ (p₂ − p₁)/(p₂ + p₁), which is defined where the share that pays nothing would make a
logarithm infinite; and the same demand curve that prices are weighed on, fitted to the share of units above
zero. Clusters enter the curve as *effective* counts: units ÷ design effect.

>>> import pandas as pd
>>> from workbench.data.moments import Measure
>>> rows = pd.DataFrame({"price": ["1"] * 4 + ["3"] * 4, "bought": [3.0, 5.0, 3.0, 5.0, 1.0, 3.0, 1.0, 3.0]})
>>> cube = MomentCube.scan(rows, arm="price", measures=[Measure("bought", "bought")])
>>> round(arc_elasticity(cube, "bought", {"1": 1.0, "3": 3.0}).estimate, 4)  # (2 − 4)/6 ÷ 2/4
-0.6667
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import special

from workbench.data.moments import MomentCube
from workbench.errors import Misuse
from workbench.stats.demand import SMOOTH, demand_posterior
from workbench.stats.moments import Floats, Sample


class Elasticity(NamedTuple):
    """How much demand changes with price, both in relative terms."""

    estimate: float
    error: float  # standard error, by the delta method
    low: float
    high: float
    sentence: str


@dataclass(frozen=True, eq=False)
class ShareCurve:
    """Share of units above zero by segment and price, from the pooled falling curve."""

    segments: tuple[str, ...]
    prices: tuple[float, ...]
    share: Floats  # expected, segments × prices
    low: Floats
    high: Floats
    raw: Floats  # as counted; NaN where nobody was
    effective: Floats  # units ÷ design effect

    @property
    def largest_gap(self) -> float:
        """How far the curve lies from what was counted, at most, in standard errors of the count."""
        error = np.sqrt(self.share * (1 - self.share) / np.maximum(self.effective, 1e-9))
        return float(np.nanmax(np.abs(self.raw - self.share) / error))


def arc_elasticity(cube: MomentCube, measure: str, prices: Mapping[str, float], *, level: float = 0.95) -> Elasticity:
    """The arc elasticity of a measure's mean between two arms.

    Args:
        cube: Its arms are prices.
        measure: What is demanded, e.g. visits.
        prices: The two arms' prices, by arm, the lower one first; not both zero.
        level: Probability inside the interval, in (0, 1).

    Raises:
        Misuse: Not two prices that rise, or an arm or measure is not in the cube, or nothing was demanded.

    Source:
        Allen & Lerner 1934 (arc elasticity), as used by Manning et al. 1987, American Economic Review 77.
    """
    arms, p = list(prices), list(prices.values())
    if len(p) != 2 or not 0 <= p[0] < p[1]:
        raise Misuse(f"prices are {dict(prices)}; two are needed, the lower one first and at least 0")
    low, high = (cube.sample(measure, arm) for arm in arms)
    q = low.mean, high.mean
    if q[0] + q[1] <= 0:
        raise Misuse(f"{measure} is {q[0]:g} and {q[1]:g} on average; an elasticity needs something demanded")
    step = (p[1] - p[0]) / (p[1] + p[0])
    estimate = (q[1] - q[0]) / (q[1] + q[0]) / step
    per_unit = 2 / (q[0] + q[1]) ** 2 / step
    error = per_unit * np.sqrt(q[1] ** 2 * _variance(low) + q[0] ** 2 * _variance(high))
    z = float(special.ndtri((1 + level) / 2))
    ends = estimate - z * error, estimate + z * error
    said = (
        f"between {arms[0]} and {arms[1]} {measure} change by {estimate:.2f} % for each 1 % of price, "
        f"anything from {ends[0]:.2f} to {ends[1]:.2f}".replace("-", "−")
    )
    return Elasticity(float(estimate), float(error), float(ends[0]), float(ends[1]), said)


def share_curve(
    cube: MomentCube, measure: str, prices: Mapping[str, float], rng: np.random.Generator, *, level: float = 0.95
) -> ShareCurve:
    """The share of units with anything above zero, by the cube's first segment and price.

    Args:
        cube: Its arms are prices.
        measure: What is demanded.
        prices: Each arm's price, rising; zero is a price.
        rng: Source of chance.
        level: Probability inside the bands, in (0, 1).

    Raises:
        Misuse: An arm or measure is not in the cube.
    """
    segments = tuple(sorted({cell.segment[0] for cell in cube.cells if cell.segment})) or ("all",)
    shape = len(segments), len(prices)
    seen, above = np.zeros(shape), np.zeros(shape)
    for s, segment in enumerate(segments):
        part = cube.only(lambda cell, name=segment: not cell.segment or cell.segment[0] == name)  # type: ignore[misc]
        for k, arm in enumerate(prices):
            if arm in part.arms:
                sample = part.sample(measure, arm)
                effective = sample.n / max(sample.deff_share, 1.0)
                seen[s, k], above[s, k] = effective, effective * sample.n_positive / sample.n
    listed = tuple(prices.values())
    drawn = demand_posterior(above, seen, listed, replace(SMOOTH, axis="price")).draw(rng, 2000)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    raw = np.divide(above, seen, out=np.full(shape, np.nan), where=seen > 0)
    return ShareCurve(segments, listed, drawn.mean(axis=0), low, high, raw, seen)


def _variance(sample: Sample) -> float:
    """Of a sample's mean, clusters respected."""
    return sample.m2 / max(sample.n - 1, 1) / sample.n * sample.deff_mean
