"""Paths that stop at boundaries: how likely each stop is, by recursive integration.

After look k a standardised difference z has information behind it, a share tₖ of the last look's, and
z√tₖ is a Brownian motion with a drift. The density of the paths that have not stopped yet is carried
from look to look on Gauss-Legendre panels; ten digits hold. Rules:

- boundaries are z-values; the treated arm is better at the upper one and worse at the lower one;
- information may come in any steps; only its ratios matter, so any unit will do;
- a look at which it has all but stood still asks the paths again where they are.

>>> two_peeks = Boundaries((1, 2), upper=(1.96, 1.96), lower=(-1.96, -1.96))
>>> round(crossing(two_peeks).total, 4)
0.0831
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from workbench.stats.moments import Floats
from workbench.stats.quadrature import increasing_root, panels

FAR = 9.0  # standard deviations from the drift beyond which no path is followed
WIDTH = 3.0  # of a panel, in standard deviations of the smaller step beside it
NODES = 10  # a panel
MOST = 150  # panels; reached where a step is below some ten-thousandth of the whole
SAME = 1e-5  # growth of information, as a share of it, below which a look is taken with the one before
LEAST = 1e-16  # probability below which what stopped before no longer matters for a boundary


@dataclass(frozen=True)
class Boundaries:
    """Where to stop, one number a look."""

    information: tuple[float, ...]  # of each look, in any unit, increasing
    upper: tuple[float, ...]  # z from which the treated arm is called better
    lower: tuple[float, ...]  # z below which it is called worse; −∞: never
    futility: tuple[float, ...] | None = None  # z below which going on is not worth it

    def __post_init__(self) -> None:
        shares(self.information)
        for bound in (self.upper, self.lower, self.futility or self.lower):
            if len(bound) != len(self.information):
                raise ValueError(f"{len(self.information)} looks, but {len(bound)} boundary values; one a look")

    @property
    def floor(self) -> tuple[float, ...]:
        """The z below which there is a stop, as worse or for futility."""
        if self.futility is None:
            return self.lower
        return tuple(max(pair) for pair in zip(self.lower, self.futility, strict=True))

    def until(self, looks: int) -> Boundaries:
        """The first so many looks."""
        futility = None if self.futility is None else self.futility[:looks]
        return Boundaries(self.information[:looks], self.upper[:looks], self.lower[:looks], futility)


@dataclass(frozen=True)
class Crossing:
    """How likely each stop is, one number a look."""

    above: tuple[float, ...]  # probability of stopping at the upper boundary
    below: tuple[float, ...]  # ... at the lower one, or for futility

    @property
    def total(self) -> float:
        """Probability of ever stopping at a boundary."""
        return sum(self.above) + sum(self.below)


def crossing(boundaries: Boundaries, drift: float = 0.0) -> Crossing:
    """How likely it is to stop, look by look.

    Args:
        boundaries: Where to stop.
        drift: Expected z at the last look; 0 where the treated arm does nothing.

    Source:
        Armitage, McPherson & Rowe (1969); Jennison & Turnbull (2000), Group Sequential Methods, ch. 19.
    """
    path = Path(drift)
    above, below = [], []
    for t, upper, floor in zip(shares(boundaries.information), boundaries.upper, boundaries.floor, strict=True):
        path.step(t)
        above.append(float(path.above(np.array(upper))))
        below.append(float(path.below(np.array(floor))))
        path.keep(floor, upper)
    return Crossing(tuple(above), tuple(below))


class Ranking:
    """How good a result is, by stages: the chance of one at least as good, for any drift.

    A stop at the upper boundary ranks above all that went on, and the earlier the higher; a stop
    below ranks under all that went on. Nothing need be known of looks that were planned for later.
    The paths are followed once, without drift; a drift θ weights a path that has come to x at time
    t by exp(θx − θ²t/2).

    Args:
        boundaries: Of the looks up to this one, whose own values do not matter.
        reach: The largest drift, in size, that will be asked about.

    Source:
        Fairbanks & Madsen (1982); Jennison & Turnbull (2000), section 8.4.

    >>> peeked = Boundaries((1, 2), (1.96, 1.96), (-1.96, -1.96))
    >>> round(float(Ranking(peeked).chance(np.array(1.96), 0.0)), 4)
    0.0416
    """

    def __init__(self, boundaries: Boundaries, reach: float = 8.0) -> None:
        path = Path(0.0, reach=reach)
        looks = list(zip(shares(boundaries.information), boundaries.upper, boundaries.floor, strict=True))
        self._stages = []
        for t, upper, floor in looks:
            if path.step(t):
                self._stages.append((path.stage, upper))
            else:  # who stopped at the look before has stopped here
                self._stages[-1] = path.stage, min(upper, self._stages[-1][1])
            path.keep(floor, upper)

    def chance(self, z: Floats, drift: float) -> Floats:
        """Chance of a result at least as good as z at the last look, under this expected z there."""
        *earlier, (last, _) = self._stages
        before = sum(float(stage.above(np.array(upper), drift)) for stage, upper in earlier)
        return before + last.above(np.asarray(z, dtype=np.float64), drift)


class Stage(NamedTuple):
    """The paths without drift that had not stopped before a look."""

    start: float  # time of the look before
    time: float
    nodes: Floats  # where paths were then
    mass: Floats  # how many of them

    def above(self, z: Floats, drift: float) -> Floats:
        """Probability under a drift of coming to this look and being above z there."""
        with np.errstate(divide="ignore"):  # logarithms, since a large drift meets next to no mass
            weight = np.exp(np.log(self.mass) + drift * self.nodes - drift**2 * self.start / 2)
        step = self.time - self.start
        gap = self.nodes + drift * step - z[..., None] * np.sqrt(self.time)
        return np.asarray(special.ndtr(gap / np.sqrt(step)) @ weight)


class Path:
    """The paths that have not stopped yet: `step` to a look, ask there, `keep` those that go on."""

    def __init__(self, drift: float, *, reach: float = 0.0) -> None:
        self.drift = drift  # expected z at time 1
        self._reach = reach  # by how much it may be another when the paths are weighted
        self.time = 0.0
        self._spread = 0.0  # standard deviation of the last step
        self._move = 0.0  # its expected size
        self._nodes, self._mass = np.zeros(1), np.ones(1)  # where paths were before the last step
        self._kept: tuple[float, float] | None = None
        self._gone: tuple[float, float] = (0.0, 0.0)  # how many stopped above and below at this very time already

    def step(self, time: float) -> bool:
        """Go on to a later time; False where it is all but the same, and the paths stay where they are."""
        if self._kept is not None and time - self.time < SAME * time:
            floor, upper = self._kept
            self._gone = float(self._beyond(np.array(upper), 1.0)), float(self._beyond(np.array(floor), -1.0))
            return False
        spread = float(np.sqrt(time - self.time))
        if self._kept is not None:
            self._carry(*self._kept, min(spread, self._spread))
        self._spread, self._move, self.time = spread, self.drift * (time - self.time), time
        self._kept, self._gone = None, (0.0, 0.0)
        return True

    @property
    def stage(self) -> Stage:
        """What there is to know of this look, where there is no drift."""
        return Stage(self.time - self._spread**2, self.time, self._nodes, self._mass)

    def above(self, z: Floats) -> Floats:
        """Probability of not having stopped before and being above z now."""
        return np.maximum(self._beyond(z, 1.0) - self._gone[0], 0.0)

    def below(self, z: Floats) -> Floats:
        """Probability of not having stopped before and being below z now."""
        return np.maximum(self._beyond(z, -1.0) - self._gone[1], 0.0)

    def keep(self, floor: float, upper: float) -> None:
        """Let those between two z-values go on."""
        before = self._kept or (-np.inf, np.inf)
        self._kept = max(floor, before[0]), min(upper, before[1])

    def bound(self, probability: float, *, above: bool) -> float:
        """The z beyond which there is this probability."""
        side = 1.0 if above else -1.0
        probability += self._gone[0 if above else 1]
        if probability < LEAST:
            return float(self.drift * np.sqrt(self.time) - side * special.ndtri(max(probability, 1e-300)))
        if probability >= self._mass.sum():
            return -side * np.inf
        target = -special.ndtri(probability)

        def hardness(x: Floats) -> tuple[Floats, Floats]:
            """How far out beyond side·x is, on the normal's scale, in which it is all but a line."""
            t = self._standard(side * x)
            tail = np.clip(special.ndtr(-side * t) @ self._mass, 1e-300, 1 - 1e-16)
            far = -special.ndtri(tail)
            density = np.exp(-t * t / 2) @ self._mass * np.sqrt(self.time) / self._spread
            return far, density / np.exp(-far * far / 2)

        middle = side * self.drift * np.sqrt(self.time)
        reach = np.array([FAR + 3.0])
        return side * float(increasing_root(hardness, np.array([target]), middle - reach, middle + reach)[0])

    def _beyond(self, z: Floats, side: float) -> Floats:
        """Probability of having come to the last time and being above z there, or below it."""
        return np.asarray(special.ndtr(-side * self._standard(z)) @ self._mass)

    def _standard(self, z: Floats) -> Floats:
        """From where each path was before the step to z, in the step's standard deviations."""
        return np.asarray((z[..., None] * np.sqrt(self.time) - self._nodes - self._move) / self._spread)

    def _carry(self, floor: float, upper: float, scale: float) -> None:
        root = np.sqrt(self.time)
        middle, far = self.drift * self.time, FAR * root + self._reach * self.time
        low, high = max(floor * root, middle - far), min(upper * root, middle + far)
        if low >= high:
            self._nodes, self._mass = np.zeros(0), np.zeros(0)
            return
        count = min(int(np.ceil((high - low) / (WIDTH * scale))), MOST)
        nodes, weights = panels(np.linspace(low, high, count + 1), NODES)
        gap = (nodes[:, None] - self._nodes - self._move) / self._spread
        density = np.exp(-gap * gap / 2) @ self._mass / self._spread / np.sqrt(2 * np.pi)
        self._nodes, self._mass = nodes, weights * density


def shares(information: Sequence[float]) -> Floats:
    """Each look's information as a share of the last one's.

    Raises:
        ValueError: There is no look, or information does not increase from look to look.
    """
    given = np.asarray(information, dtype=np.float64)
    steps = np.diff(given, prepend=0.0)
    if not len(given) or not np.isfinite(given).all() or not (steps > 0).all():
        raise ValueError(f"information is {tuple(information)}; it must be positive and increase from look to look")
    return np.asarray(given / given[-1])


def zero_of_increasing(gap: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function is zero, by false position (Illinois) from a bracket that is widened.

    >>> round(zero_of_increasing(lambda x: x**3 - 8, 0.0, 1.0), 9)
    2.0
    """
    at_low, at_high = gap(low), gap(high)
    while at_low > 0:
        low, high, at_high = low - 2 * (high - low), low, at_low
        at_low = gap(low)
    while at_high < 0:
        low, high, at_low = high, high + 2 * (high - low), at_high
        at_high = gap(high)
    last = np.inf
    for _ in range(200):
        x = high - at_high * (high - low) / (at_high - at_low) if at_high > at_low else low
        if not low < x < high:
            x = (low + high) / 2
        if abs(x - last) <= 1e-10 * max(1.0, abs(x)):
            return x
        at, last = gap(x), x
        if at > 0:
            high, at_high, at_low = x, at, at_low / 2
        else:
            low, at_low, at_high = x, at, at_high / 2
    return (low + high) / 2
