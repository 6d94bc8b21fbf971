"""Many unknowns at once, each a mixture of normals: what a hierarchy believes of its segments.

`effects.EffectPosterior` is one unknown; here are fifty, or five thousand refits of fifty, in the
same arithmetic: arrays whose last axis is the mixture's parts.

>>> two = Mixtures(np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 1.0]]))
>>> two.mean.tolist(), [round(x, 3) for x in two.sd.tolist()]
([0.0, 2.0], [1.0, 1.414])
>>> [round(x, 2) for x in two.interval(0.95)[0].tolist()]
[-1.96, -0.65]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from workbench.stats.effects import EffectPosterior
from workbench.stats.moments import Floats, Whole
from workbench.stats.quadrature import increasing_root

NEGLIGIBLE = 1e-12  # weight of a part that a single unknown need not carry


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Unknowns that are mixtures of normals; the last axis of each array is the parts."""

    weights: Floats  # sum to one over the parts; broadcasts against the means
    means: Floats
    sds: Floats  # above zero

    @property
    def mean(self) -> Floats:
        """Expected values."""
        return np.asarray((self.weights * self.means).sum(axis=-1))

    @property
    def sd(self) -> Floats:
        """Standard deviations."""
        about = (self.means - self.mean[..., None]) ** 2
        return np.asarray(np.sqrt((self.weights * (self.sds**2 + about)).sum(axis=-1)))

    def cdf(self, x: float | Floats) -> Floats:
        """Probability that each is at or below x, which is one number or one for each unknown."""
        return self._tail(np.asarray(x), 1.0)

    def sf(self, x: float | Floats) -> Floats:
        """Probability that each is above x, exact where it is small."""
        return self._tail(np.asarray(x), -1.0)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Equal-tailed intervals, each of which holds its unknown with probability `level`, in (0, 1)."""
        reach = float(special.ndtri((1 + level) / 2)) * np.array([-1.0, 1.0])
        shape = (2,) + (1,) * self.mean.ndim
        sides = reach.reshape(shape)
        ends = self.means + sides[..., None] * self.sds
        tail = (1 - level) / 2
        sign = np.array([1.0, -1.0]).reshape(shape)  # the upper end is found from above
        found = increasing_root(
            lambda x: (sign * self._tail(x, sign[..., None]), self._density(x)),
            np.broadcast_to(sign * tail, (2, *self.mean.shape)),
            ends.min(axis=-1),
            ends.max(axis=-1),
            start=self.mean + sides * self.sd,
            tolerance=1e-9,
        )
        return found[0], found[1]

    def one(self, *place: int) -> EffectPosterior:
        """A single unknown by its place, without its negligible parts."""
        w = np.broadcast_to(self.weights, self.means.shape)[place]
        kept = w > NEGLIGIBLE
        share = w[kept] / w[kept].sum()
        parts = (share, self.means[place][kept], np.broadcast_to(self.sds, self.means.shape)[place][kept])
        return EffectPosterior(*(tuple(part.tolist()) for part in parts))

    def _tail(self, x: Floats, sign: float | Floats) -> Floats:
        z = sign * (x[..., None] - self.means) / self.sds
        return np.asarray((self.weights * special.ndtr(z)).sum(axis=-1))

    def _density(self, x: Floats) -> Floats:
        z = (x[..., None] - self.means) / self.sds
        return np.asarray((self.weights * np.exp(-z * z / 2) / self.sds).sum(axis=-1) / np.sqrt(2 * np.pi))


def condensed(weights: Floats, means: Floats, sds: Floats, *, places: int = 96, widths: int = 24) -> Mixtures:
    """One unknown with very many parts as one with at most `places` × `widths`.

    Parts of about the same place and width become one that has their mean and variance; the whole
    keeps its own mean and variance exactly.
    """
    centre = float(weights @ means)
    sd = float(np.sqrt(weights @ (sds**2 + (means - centre) ** 2)))
    at = np.clip(np.floor((means - centre) / sd * places / 12) + places / 2, 0, places - 1).astype(np.int64)
    wide = np.clip(np.floor(-2 * np.log2(sds / sd)) + 2, 0, widths - 1).astype(np.int64)
    bins: Whole = at * widths + wide
    size = places * widths
    w = np.bincount(bins, weights, size)
    kept = w > NEGLIGIBLE
    m = np.bincount(bins, weights * means, size) / np.where(kept, w, 1.0)
    v = np.bincount(bins, weights * (sds**2 + (means - m[bins]) ** 2), size)[kept] / w[kept]
    return Mixtures(w[kept] / w[kept].sum(), m[kept], np.sqrt(v))
