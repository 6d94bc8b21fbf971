"""Money with zeros: first whether anything was spent, then how much (hurdle: Beta × log-normal).

The mean is θ = p · exp(μ + σ²/2). Under the usual inverse-gamma prior of σ² its expectation is
infinite, so that every expected loss would be too; here log σ is flat up to a stated cap, under
which every moment of θ exists. Where the answer leans on that cap, `leans_on_cap` says how much.

    p ~ Beta(1 + n₊, 1 + n₀)       μ | σ ~ Normal(mean log, σ²/n₊)       p(σ) ∝ 1/σ on (0, cap)

The posterior of log θ is a mixture of normals over the Gauss-Legendre nodes of (p, σ), summed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy import special

from workbench.stats.moments import Floats, Sample
from workbench.stats.posteriors import Beta, Coordinate, to_line
from workbench.stats.proportions import beta_posterior
from workbench.stats.quadrature import Smooth, increasing_root, panels

CAP = 4.0  # largest log-normal σ: at 4, the middle 95 % of amounts span a factor of six million
INNER = np.array([1e-14, 1e-9, 1e-5, 1e-2, 0.15])  # tail levels of the mixture's own panels
FINE, COARSE = 12, 5  # nodes a panel: for moments, and for the mixture
GRID = 601  # points on which the mixture is summed
ENOUGH = 10  # amounts above zero below which a log-normal cannot be judged


@dataclass(frozen=True)
class Hurdle:
    """Posterior of the mean amount per unit, zeros counted."""

    share: Beta  # of units above zero
    n_log: float  # amounts above zero that the logarithms' mean counts for
    mean_log: float
    m2_log: float  # their sum of squares about the mean, scaled to `n_log`
    df: float  # degrees of freedom of σ
    cap: float = CAP
    coordinate: ClassVar[Coordinate] = "log"

    @property
    def mean(self) -> float:
        """Expected mean amount."""
        return self._power(1.0)

    @property
    def sd(self) -> float:
        """Standard deviation of the mean amount."""
        return float(np.sqrt(max(self._power(2.0) - self._power(1.0) ** 2, 0.0)))

    @property
    def normals(self) -> tuple[Floats, Floats, Floats]:
        """Centres, widths and weights of the normals that the logarithm is mixed from."""
        return self._parts

    @property
    def leans_on_cap(self) -> float:
        """Share of the expected mean amount that comes from σ above three quarters of the cap."""
        sigma, mass = self._sigma(FINE)
        weight = mass * np.exp(sigma**2 / 2 * (1 + 1 / self.n_log))
        return float(weight[sigma > 0.75 * self.cap].sum() / weight.sum())

    def cdf(self, x: Floats) -> Floats:
        """Probability of being at or below x."""
        return self._look(_log(x), "cdf")

    def sf(self, x: Floats) -> Floats:
        """Probability of being above x."""
        return self._look(_log(x), "sf")

    def density(self, z: Floats) -> Floats:
        """Density of the logarithm."""
        return self._look(z, "density")

    def ppf(self, p: Floats) -> Floats:
        """Quantiles from below."""
        return self._quantile(p, tail=-1)

    def isf(self, p: Floats) -> Floats:
        """Quantiles from above."""
        return self._quantile(p, tail=1)

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Independent draws; those of σ beyond the cap are drawn again."""
        variance = self.m2_log / rng.chisquare(self.df, size)
        while (beyond := variance > self.cap**2).any():
            variance[beyond] = self.m2_log / rng.chisquare(self.df, int(beyond.sum()))
        mu = self.mean_log + np.sqrt(variance / self.n_log) * rng.standard_normal(size)
        return self.share.draw(rng, size) * np.exp(mu + variance / 2)

    def _sigma(self, nodes: int) -> tuple[Floats, Floats]:
        """Nodes of σ, so many a panel, and their probabilities."""

        # σ² = m2 / χ²(df): the quantiles of σ are those of χ² upside down, cut at the cap
        def at(chi_square: Any) -> Floats:
            return np.asarray(np.sqrt(self.m2_log / np.maximum(chi_square, 1e-300)))

        levels = np.concatenate([INNER, [0.5]])
        edges = np.concatenate([at(special.chdtri(self.df, levels)), at(2 * special.gammaincinv(self.df / 2, levels))])
        edges = np.log(np.concatenate([np.minimum(edges, self.cap), [self.cap * 0.75, self.cap]]))
        edges = np.unique(np.maximum(edges, edges.min()))
        z, w = panels(edges, nodes=nodes)
        log = -self.df * z - self.m2_log / 2 * np.exp(-2 * z)
        mass = w * np.exp(log - log.max())
        return np.exp(z), mass / mass.sum()

    @cached_property
    def _parts(self) -> tuple[Floats, Floats, Floats]:
        """Centres, widths and weights of the normals that log θ is mixed from; dust left out."""
        sigma, sigma_mass = self._sigma(COARSE)
        edges = np.concatenate([self.share.ppf(INNER), self.share.ppf(np.array([0.5])), self.share.isf(INNER)])
        z, w = panels(to_line("logit", edges), nodes=COARSE)
        share_mass = w * self.share.density(z)
        share_mass = share_mass / share_mass.sum()
        centre = self.mean_log + sigma[:, None] ** 2 / 2 + special.log_expit(z)[None]
        width = np.broadcast_to(sigma[:, None] / np.sqrt(self.n_log), centre.shape)
        mass = sigma_mass[:, None] * share_mass[None]
        kept = mass > 1e-13
        return centre[kept], width[kept], mass[kept]

    def _power(self, k: float) -> float:
        """E[θᵏ]: the shares' moment in closed form, the amounts' by the nodes of σ."""
        sigma, mass = self._sigma(FINE)
        amounts = mass @ np.exp(k * self.mean_log + sigma**2 / 2 * (k + k * k / self.n_log))
        shares = np.exp(special.betaln(self.share.a + k, self.share.b) - special.betaln(self.share.a, self.share.b))
        return float(shares * amounts)

    @cached_property
    def _table(self) -> tuple[float, float, dict[str, Smooth]]:
        """Logarithms of cdf, sf and density of log θ, on a grid that is finest where θ is.

        The grid is even in u, with log θ = middle + spread · sinh u. The mixture is summed here
        once; from then on nothing is but interpolated, to about 1e-8 of each value.
        """
        centre, width, mass = self._parts
        middle = float(centre @ mass)
        spread = float(np.sqrt((width**2 + (centre - middle) ** 2) @ mass))
        ends = np.array([(centre - 10 * width).min(), (centre + 10 * width).max()])
        low, high = np.arcsinh((ends - middle) / spread)
        u = np.linspace(low, high, GRID)
        stretch = spread * np.cosh(u)
        t = (middle + spread * np.sinh(u)[:, None] - centre) / width
        below, above = special.ndtr(t) @ mass, special.ndtr(-t) @ mass
        bell = np.exp(-t * t / 2) / width / np.sqrt(2 * np.pi)
        density, bend = bell @ mass, (-t / width * bell) @ mass
        columns = {"cdf": (below, density), "sf": (above, -density), "density": (density, bend)}
        step = float(u[1] - u[0])
        smooth = {
            name: Smooth(float(low), step, np.log(value), slope / value * stretch)
            for name, (value, slope) in columns.items()
        }
        return middle, spread, smooth

    def _look(self, z: Floats, name: str) -> Floats:
        middle, spread, smooth = self._table
        return np.asarray(np.exp(smooth[name](np.arcsinh((np.asarray(z) - middle) / spread))))

    def _quantile(self, p: Floats, tail: int) -> Floats:
        middle, spread, smooth = self._table
        p = np.asarray(p, dtype=np.float64)
        u = smooth["cdf"].start + smooth["cdf"].step * np.array([0, GRID - 1])
        low, high = (np.full(p.shape, end) for end in middle + spread * np.sinh(u))

        def value(z: Floats) -> tuple[Floats, Floats]:
            # from above, the function and its target change sign so that it increases
            return -tail * self._look(z, "cdf" if tail < 0 else "sf"), self.density(z)

        start = middle - tail * spread * special.ndtri(p)
        return np.exp(increasing_root(value, -tail * p, low, high, start=start))


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(np.asarray(x, dtype=np.float64), 0.0))


def hurdle_posterior(sample: Sample, *, prior: tuple[float, float] = (1.0, 1.0), cap: float = CAP) -> Hurdle:
    """What is believed of the mean amount after seeing a sample.

    Args:
        sample: Units, how many were above zero, and the moments of their logarithms; design effects
            shrink the numbers that they count for.
        prior: The Beta prior of the share above zero.
        cap: Largest σ of the logarithms that is thought possible.

    Raises:
        ValueError: A negative amount, fewer than ten amounts above zero, or all of them equal.

    Source:
        Duan et al. (1983), J. Bus. Econ. Stat. 1, 115-126 (two parts); Fabrizi & Trivisano (2012),
        Bayesian Anal. 7, 975-996 (why σ needs a prior under which the mean exists).
    """
    if sample.n_negative:
        raise ValueError(f"{sample.n_negative:g} amounts are negative; a hurdle needs zero or more")
    if sample.n_positive < ENOUGH:
        raise ValueError(f"{sample.n_positive:g} amounts are above zero; a log-normal needs at least {ENOUGH}")
    if sample.m2_log <= 1e-12 * sample.n_positive:
        raise ValueError(f"all {sample.n_positive:g} amounts above zero are equal; their spread is not known")
    n_log = sample.n_positive / sample.deff_log
    share = beta_posterior(sample.n_positive, sample.n, prior=prior, design_effect=sample.deff_share)
    m2 = sample.m2_log / sample.deff_log
    return Hurdle(share=share, n_log=n_log, mean_log=sample.mean_log, m2_log=m2, df=n_log - 1, cap=cap)
