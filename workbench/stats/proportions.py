"""Shares of yes: the Beta posterior of a binary measure.

>>> a, b = beta_posterior(0, 200), beta_posterior(5, 200)
>>> from workbench.stats.comparison import chance_above
>>> round(chance_above(b, a), 5)
0.98496
"""

from __future__ import annotations

import numpy as np

from workbench.stats.posteriors import Beta

WEAK = (1.0, 1.0)  # every share equally likely beforehand


def beta_posterior(yes: float, trials: float, *, prior: tuple[float, float] = WEAK, design_effect: float = 1.0) -> Beta:
    """What is believed of a share after seeing some trials.

    Args:
        yes: How many were yes, from 0 to `trials`.
        trials: How many there were.
        prior: The Beta prior's two numbers, each above zero.
        design_effect: By how much clustering inflates the variance, at least 1; the trials count
            for that many times less.

    Raises:
        ValueError: More yes than trials, a negative number, or a design effect below one.

    >>> beta_posterior(5, 200).mean  # (5 + 1) / (200 + 2)
    0.0297029702970297
    """
    if not 0 <= yes <= trials:
        raise ValueError(f"{yes:g} yes in {trials:g} trials; it must lie between 0 and the number of trials")
    if not design_effect >= 1:
        raise ValueError(f"design effect is {design_effect:g}; it must be at least 1")
    return Beta(prior[0] + yes / design_effect, prior[1] + (trials - yes) / design_effect)


def wilson_interval(yes: float, trials: float, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """Score interval of a share, the frequentist twin of the Beta posterior's.

    Raises:
        ValueError: There are no trials.

    Source:
        Wilson (1927), JASA 22, 209-212.

    >>> low, high = wilson_interval(0, 10)
    >>> round(low, 6), round(high, 6)
    (0.0, 0.277533)
    """
    if trials <= 0:
        raise ValueError("there are no trials; a share needs at least one")
    share = yes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def exact_interval(yes: int, trials: int, tail: float) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, which holds for rare events and few trials too.

    Args:
        yes: How many were yes, from 0 to `trials`.
        trials: How many there were, at least one.
        tail: Chance at most that the share lies beyond one end, in (0, 1/2).

    Raises:
        ValueError: There are no trials, or more yes than trials.

    Source:
        Clopper and Pearson (1934), Biometrika 26, 404-413.

    >>> low, high = exact_interval(0, 10, 0.025)
    >>> low, round(high, 6), round(1 - 0.025 ** (1 / 10), 6)
    (0.0, 0.308497, 0.308497)
    """
    from scipy import special

    if not 0 <= yes <= trials or trials < 1:
        raise ValueError(f"{yes} yes in {trials} trials; a share needs at least one trial, and no more yes than trials")
    low = float(special.betaincinv(yes, trials - yes + 1, tail)) if yes else 0.0
    high = float(special.betaincinv(yes + 1, trials - yes, 1 - tail)) if yes < trials else 1.0
    return low, high
