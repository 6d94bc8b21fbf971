"""Each arm's exact chance of being the best of all, fast enough to be taken at every update.

    P(arm i is best) = ∫ f_i(z) ∏_{j≠i} F_j(z) dz

Densities are taken on one set of Gauss-Legendre panels for all arms at once; their distribution
functions come from the same values by the panel's integration matrix, so that no incomplete Beta or
Gamma function is called. What lies below an arm's whole range is left out: nothing there is best.

>>> from workbench.stats.posteriors import Beta
>>> best_chances([Beta(2, 200), Beta(6, 196)]).round(6).tolist()  # 1 and 5 of 200, both ways to count
[0.060864, 0.939136]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

import numpy as np
from scipy import special

from workbench.stats.comparison import Better, chances_best
from workbench.stats.hurdle import Hurdle
from workbench.stats.moments import Floats
from workbench.stats.posteriors import Beta, Posterior, StudentT, from_line
from workbench.stats.quadrature import NODES, TAILS
from workbench.stats.rates import Gamma

STEPS = np.array([-8.5, -6.0, -4.0, -2.5, -1.2, 0.0, 1.2, 2.5, 4.0, 6.0, 8.5])  # panel edges, in standard deviations
DEPTH = 37.0  # an exponential tail is followed until it is e⁻³⁷

Densities = Callable[[Floats], Floats]  # nodes in the coordinate to one row an arm


def best_chances(arms: Sequence[Posterior], *, better: Better = "higher") -> Floats:
    """Each arm's probability of being the best; they sum to one.

    Args:
        arms: Posteriors of one kind.
        better: Which way is good.

    Returns:
        One probability an arm, in [0, 1].

    Raises:
        ValueError: There is no arm, or the arms' posteriors are of different kinds.

    Source:
        Thompson (1933), Biometrika 25, 285-294 (the quantity).
    """
    if not arms:
        raise ValueError("there is no arm; a choice needs at least one")
    if len(arms) == 1:
        return np.ones(1)
    kinds = {type(arm) for arm in arms}
    if kinds == {Beta}:
        edges, density = _betas(cast(Sequence[Beta], arms))
    elif kinds == {Gamma}:
        edges, density = _gammas(cast(Sequence[Gamma], arms))
    elif kinds == {StudentT}:
        edges, density = _students(cast(Sequence[StudentT], arms))
    elif kinds == {Hurdle}:
        edges, density = _hurdles(cast(Sequence[Hurdle], arms))
    else:
        return np.asarray(chances_best(list(arms), better=better))
    if better == "lower":
        return _integrated(-edges[:, ::-1], lambda z: density(-z), _beyond(arms, float(edges[:, -1].min()), upper=True))
    return _integrated(edges, density, _beyond(arms, float(edges[:, 0].max()), upper=False))


def _beyond(arms: Sequence[Posterior], z: float, *, upper: bool) -> Floats:
    """Each arm's probability of lying above a point of the coordinate, or below it."""
    if all(isinstance(arm, Hurdle) for arm in arms):
        parts = [cast(Hurdle, arm).normals for arm in arms]
        return np.array([mass @ special.ndtr((-1 if upper else 1) * (z - at) / width) for at, width, mass in parts])
    x = np.array([from_line(arms[0].coordinate, np.array(z))])
    return np.array([float((arm.sf(x) if upper else arm.cdf(x))[0]) for arm in arms])


def _integrated(edges: Floats, density: Densities, below: Floats) -> Floats:
    """The chances of being the highest.

    Args:
        edges: Panel edges in ascending order, one row an arm.
        density: All arms' densities at given nodes, one row an arm.
        below: Each arm's probability of lying below the highest of the first edges.
    """
    cut = np.unique(np.maximum(edges, edges[:, 0].max()))
    x, w, within = _rule()
    half = np.diff(cut) / 2
    z = (cut[:-1] + half)[:, None] + half[:, None] * x
    f = density(z.ravel()).reshape(len(edges), *z.shape)
    mass = (f @ w) * half
    before = below[:, None] + np.cumsum(mass, axis=1) - mass
    reached = before[:, :, None] + (f @ within.T) * half[None, :, None]
    ones = np.ones((1, *z.shape))
    from_left = np.cumprod(np.concatenate([ones, reached[:-1]]), axis=0)
    from_right = np.cumprod(np.concatenate([ones, reached[:0:-1]]), axis=0)[::-1]
    chances = np.einsum("apn,apn,apn,n,p->a", f, from_left, from_right, w, half)
    return np.asarray(np.clip(chances / chances.sum(), 0.0, 1.0))


@lru_cache(maxsize=1)
def _rule() -> tuple[Floats, Floats, Floats]:
    """Nodes and weights on [-1, 1], and the matrix that integrates from -1 to each node."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    values = np.polynomial.legendre.legvander(x, NODES - 1)
    orders = np.arange(NODES)
    to_coefficients = (values * w[:, None]).T * ((2 * orders + 1) / 2)[:, None]
    sums = np.polynomial.legendre.legvander(x, NODES)
    integrals = np.empty((NODES, NODES))
    integrals[:, 0] = x + 1
    integrals[:, 1:] = (sums[:, 2:] - sums[:, :-2]) / (2 * orders[1:] + 1)
    return x, w, integrals @ to_coefficients


def _betas(arms: Sequence[Beta]) -> tuple[Floats, Densities]:
    a, b = np.array([(arm.a, arm.b) for arm in arms]).T
    centre, sd = special.psi(a) - special.psi(b), np.sqrt(special.polygamma(1, a) + special.polygamma(1, b))
    edges = _spread(centre, sd, DEPTH / a, DEPTH / b)
    constant = special.betaln(a, b)[:, None]

    def density(z: Floats) -> Floats:
        yes = special.log_expit(z)  # and log_expit(-z) = log_expit(z) - z
        return np.asarray(np.exp((a + b)[:, None] * yes - b[:, None] * z - constant))

    return edges, density


def _gammas(arms: Sequence[Gamma]) -> tuple[Floats, Densities]:
    shape, exposure = np.array([(arm.shape, arm.exposure) for arm in arms]).T
    centre, sd = special.psi(shape) - np.log(exposure), np.sqrt(special.polygamma(1, shape))
    edges = _spread(centre, sd, DEPTH / shape, np.zeros_like(sd))
    constant = (special.gammaln(shape) - shape * np.log(exposure))[:, None]

    def density(z: Floats) -> Floats:
        return np.asarray(np.exp(shape[:, None] * z - exposure[:, None] * np.exp(z) - constant))

    return edges, density


def _students(arms: Sequence[StudentT]) -> tuple[Floats, Densities]:
    df, loc, scale = np.array([(arm.df, arm.loc, arm.scale) for arm in arms]).T[:, :, None]
    finite = np.where(np.isinf(df), 1e12, df)  # as good as normal, for the edges
    lower = special.stdtrit(finite, TAILS)
    unit = np.concatenate([lower, np.zeros_like(df), -lower[:, ::-1]], axis=1)
    constant = (special.gammaln((finite + 1) / 2) - special.gammaln(finite / 2)) - np.log(np.pi * finite) / 2

    def density(z: Floats) -> Floats:
        t = (z - loc) / scale
        bell = -t * t / 2 - np.log(2 * np.pi) / 2
        log = np.where(np.isinf(df), bell, constant - (finite + 1) / 2 * np.log1p(t * t / finite))
        return np.asarray(np.exp(log) / scale)

    return loc + scale * unit, density


def _hurdles(arms: Sequence[Hurdle]) -> tuple[Floats, Densities]:
    parts = [arm.normals for arm in arms]
    centre = np.array([at @ mass for at, _, mass in parts])
    sd = np.sqrt(
        [(width**2 + (at - middle) ** 2) @ mass for (at, width, mass), middle in zip(parts, centre, strict=True)]
    )
    left = np.array([middle - (at - 9 * width).min() for (at, width, _), middle in zip(parts, centre, strict=True)])
    right = np.array([(at + 9 * width).max() - middle for (at, width, _), middle in zip(parts, centre, strict=True)])

    def density(z: Floats) -> Floats:
        rows = [np.exp(-(((z[:, None] - at) / width) ** 2) / 2) @ (mass / width) for at, width, mass in parts]
        return np.asarray(np.stack(rows) / np.sqrt(2 * np.pi))

    return _spread(centre, sd, left, right), density


def _spread(centre: Floats, sd: Floats, left: Floats, right: Floats) -> Floats:
    """Panel edges about each centre, the outermost moved out to where a slow tail ends."""
    edges = centre[:, None] + sd[:, None] * STEPS
    return np.concatenate(
        [
            np.minimum(edges[:, :1], (centre - left)[:, None]),
            edges,
            np.maximum(edges[:, -1:], (centre + right)[:, None]),
        ],
        axis=1,
    )
