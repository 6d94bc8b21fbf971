"""Which arm to play how often: tallies that add and fade, posteriors from them, weights from posteriors.

A tally is all that is kept of an arm. It adds up over batches and days, and forgets: multiplied by a
share below one, its evidence counts for less while its mean stays (discounting). Weights are exact
probabilities, taken when evidence arrives; nothing is drawn when an arm is played.

>>> tallies = [Tally.of([0.0] * 180 + [1.0] * 20), Tally.of([0.0] * 170 + [1.0] * 30)]
>>> weights = thompson(arm_posteriors("binary", tallies))
>>> weights.round(4).tolist()
[0.0667, 0.9333]
>>> top_two(weights).round(4).tolist(), floored(weights, 0.1).round(4).tolist()
([0.5, 0.5], [0.1, 0.9])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.stats.best_arm import best_chances
from workbench.stats.comparison import Better
from workbench.stats.hurdle import ENOUGH, hurdle_posterior
from workbench.stats.means import MeanPrior, mean_posterior
from workbench.stats.moments import Floats, Sample
from workbench.stats.posteriors import Posterior
from workbench.stats.proportions import beta_posterior
from workbench.stats.rates import rate_posterior

Reward = Literal["binary", "count", "mean", "revenue"]

MISFIT = 2.5  # plain standard errors that a hurdle's mean may lie away from the plain mean
EQUAL = 1e-12  # relative variance below which values count as equal


class Tally(NamedTuple):
    """Rewards of one arm: numbers that add up and fade."""

    n: float = 0.0  # rewards seen, in the weight that they still have
    mean: float = 0.0
    m2: float = 0.0  # sum of squares about the mean
    positive: float = 0.0  # rewards above zero
    mean_log: float = 0.0  # of the natural logarithm of those above zero
    m2_log: float = 0.0  # sum of squares about it

    @classmethod
    def of(cls, rewards: npt.ArrayLike) -> Tally:
        """The tally of plain rewards; that of none is empty."""
        x = np.asarray(rewards, dtype=np.float64)
        if not x.size:
            return cls()
        s = Sample.of(x)
        return cls(s.n, s.mean, s.m2, s.n_positive, s.mean_log, s.m2_log)

    def plus(self, other: Tally) -> Tally:
        """Both together.

        Source:
            Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, eq. 1.5.

        >>> Tally.of([1.0, 2.0]).plus(Tally.of([3.0])).m2
        2.0
        """
        n, mean, m2 = _joined(self.n, self.mean, self.m2, other.n, other.mean, other.m2)
        return Tally(
            n,
            mean,
            m2,
            *_joined(self.positive, self.mean_log, self.m2_log, other.positive, other.mean_log, other.m2_log),
        )

    def faded(self, share: float) -> Tally:
        """The same evidence, counting for a share of what it did, in [0, 1].

        >>> Tally.of([1.0, 3.0]).faded(0.5)[:3]
        (1.0, 2.0, 1.0)
        """
        return Tally(
            self.n * share, self.mean, self.m2 * share, self.positive * share, self.mean_log, self.m2_log * share
        )


def pooled(tallies: Iterable[Tally]) -> Tally:
    """All tallies together; of none, an empty one."""
    return reduce(Tally.plus, tallies, Tally())


def borrowed(own: Tally, others: Tally, worth: float) -> Tally:
    """An arm's tally in one leaf, with what other leaves know of it as a prior of limited weight.

    Args:
        own: The arm in this leaf.
        others: The arm in all other leaves.
        worth: How many rewards the others may count for at most.

    >>> borrowed(Tally.of([1.0]), Tally.of([0.0] * 50), worth=3).n
    4.0
    """
    return own.plus(others.faded(worth / others.n) if others.n > worth else others)


def fading(days: float, half_life: float) -> float:
    """What evidence still counts for after some days, in (0, 1].

    Raises:
        ValueError: The half-life is not above zero, or the days are negative.

    >>> fading(14, half_life=7)
    0.25
    """
    if not (half_life > 0 and days >= 0):
        raise ValueError(f"half-life is {half_life:g} days, after {days:g}; it must be above zero, and days not below")
    return float(0.5 ** (days / half_life))


def arm_posteriors(reward: Reward, tallies: Sequence[Tally]) -> list[Posterior] | None:
    """What is believed of each arm's mean reward.

    Binary: Beta(1, 1) beforehand. Count: an exponential prior about the mean of all arms, counts that
    spread wider than Poisson's taken for less. Mean: a prior worth one reward at the mean and spread
    of all arms. Revenue: a hurdle where every arm has ten amounts above zero and the model reproduces
    every plain mean, otherwise as mean.

    Args:
        reward: What kind of number a reward is.
        tallies: One an arm.

    Returns:
        Posteriors of one kind, or None where nothing tells the arms apart (no spread was seen yet).

    Raises:
        ValueError: The tallies cannot be rewards of this kind.
    """
    if reward == "binary":
        return [beta_posterior(min(max(t.n * t.mean, 0.0), t.n), t.n) for t in tallies]
    together = pooled(tallies)
    if reward == "count":
        dispersion = max(1.0, _within(tallies) / together.mean) if together.mean > 0 else 1.0
        prior = (1.0, (together.n + 1) / (together.n * together.mean + 1))
        return [rate_posterior(t.n * t.mean, t.n, prior=prior, dispersion=dispersion) for t in tallies]
    if together.n <= 1 or together.m2 <= EQUAL * together.n * together.mean**2:
        return None
    weak = MeanPrior(together.mean, weight=1.0, shape=1.0, rate=together.m2 / together.n)
    plain: list[Posterior] = [mean_posterior(Sample(t.n, t.mean, t.m2), prior=weak) for t in tallies]
    if reward == "revenue":
        return _hurdles(tallies) or plain
    return plain


def thompson(posteriors: Sequence[Posterior], *, better: Better = "higher") -> Floats:
    """Each arm's share of plays under Thompson sampling: its exact chance of being the best.

    Args:
        posteriors: One an arm, of one kind.
        better: Which way is good.

    Source:
        Thompson (1933), Biometrika 25, 285-294.
    """
    return best_chances(posteriors, better=better)


def top_two(chances: npt.ArrayLike, *, leader: float = 0.5) -> Floats:
    """Each arm's share of plays under top-two Thompson sampling, from its chance of being the best.

    A share `leader` goes to the arm that looks best in a draw, the rest to the best of a later draw
    that names another arm: αᵢ (β + (1 − β) Σ_{j≠i} αⱼ / (1 − αⱼ)). It finds the best arm with fewer
    plays than Thompson sampling, which hardly plays the second best.

    Args:
        chances: The arms' chances of being the best (which way is good is settled there); they sum
            to one.
        leader: β, in (0, 1].

    Raises:
        ValueError: `leader` lies outside (0, 1].

    Source:
        Russo (2020), Simple Bayesian algorithms for best-arm identification, Oper. Res. 68, 1625-1647.

    >>> top_two([0.6, 0.3, 0.1]).round(4).tolist()  # 0.6 (0.5 + 0.5 (0.3/0.7 + 0.1/0.9)) = 0.4619
    [0.4619, 0.3917, 0.1464]
    """
    if not 0 < leader <= 1:
        raise ValueError(f"leader is {leader:g}; it must lie in (0, 1]")
    a = np.asarray(chances, dtype=np.float64)
    if a.size == 1:
        return np.ones(1)
    others = np.where(np.eye(a.size, dtype=bool), 0.0, a)  # row j: all arms but j
    rest = others.sum(axis=1, keepdims=True)
    if_not = np.divide(others, rest, out=(1 - np.eye(a.size)) / (a.size - 1), where=rest > 0)
    weights = leader * a + (1 - leader) * (a @ if_not)
    return np.asarray(weights / weights.sum())


def floored(weights: npt.ArrayLike, floor: float) -> Floats:
    """Weights of which none is below a floor; those above it give what is needed, in proportion.

    Args:
        weights: Shares that sum to one.
        floor: Smallest share, in [0, 1 / arms].

    Returns:
        Shares that sum to one.

    Raises:
        ValueError: The floor is negative, or too high for so many arms.

    >>> floored([0.9, 0.1, 0.0], 0.05).round(4).tolist()
    [0.855, 0.095, 0.05]
    """
    w = np.asarray(weights, dtype=np.float64)
    if not 0 <= floor * w.size <= 1:
        raise ValueError(f"floor is {floor:g}; with {w.size} arms it must lie in [0, {1 / w.size:g}]")
    low = np.zeros(w.size, dtype=bool)
    lifted = w / w.sum()
    while (short := (lifted < floor) & ~low).any():
        low |= short
        left = 1 - floor * low.sum()
        lifted = np.where(low, floor, w * (left / w[~low].sum() if (~low).any() else 0.0))
    return np.asarray(lifted / lifted.sum())


def _joined(n: float, mean: float, m2: float, k: float, other: float, k2: float) -> tuple[float, float, float]:
    """n, mean and centred squares of two bodies of numbers."""
    if not k:
        return n, mean, m2
    if not n:
        return k, other, k2
    total, gap = n + k, other - mean
    return total, mean + gap * k / total, m2 + k2 + gap * gap * n * k / total


def _within(tallies: Sequence[Tally]) -> float:
    """Variance of rewards about their own arm's mean; 0 where it cannot be told."""
    freedom = sum(t.n for t in tallies) - sum(t.n > 0 for t in tallies)
    return sum(t.m2 for t in tallies) / freedom if freedom > 0 else 0.0


def _hurdles(tallies: Sequence[Tally]) -> list[Posterior] | None:
    """Posteriors of the mean amount, or None where an arm has too few amounts or the model does not fit."""
    found: list[Posterior] = []
    for t in tallies:
        if t.positive < ENOUGH or t.m2_log <= EQUAL * t.positive:
            return None
        sample = Sample(t.n, t.mean, t.m2, t.positive, t.mean_log, t.m2_log)
        posterior = hurdle_posterior(sample)
        if abs(posterior.mean - t.mean) > MISFIT * sample.error:
            return None
        found.append(posterior)
    return found
