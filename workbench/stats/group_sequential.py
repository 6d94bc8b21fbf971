"""Looking a planned number of times: boundaries that keep their error, and estimates set right afterwards.

Rules:

- two-sided boundaries give half of alpha to "better" and half to "worse";
- efficacy never counts on futility being obeyed (non-binding): overruling it costs no error;
- spending boundaries need nothing from the future: a look's value depends on the information so far.

>>> [round(z, 4) for z in wang_tsiatis([1, 2, 3, 4, 5], 0.05, shape=0.5).upper]  # Pocock, two-sided
[2.4132, 2.4132, 2.4132, 2.4132, 2.4132]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from workbench.stats.crossing import Boundaries, Path, Ranking, crossing, shares, zero_of_increasing
from workbench.stats.moments import Floats

Spending = Callable[[float], float]  # share of the plan, in [0, 1] → share of the error spent by then
RANGE = 6.0  # of drifts about z, in which an interval's ends are looked for
FAR_PAST = 5.0  # stands for an infinite z where no path is left to spend on


def obrien_fleming_spending(error: float) -> Spending:
    """Next to nothing early, most at the end; `error` is the whole error of the side it is spent on.

    Source:
        Lan & DeMets (1983), α₁*.

    >>> round(obrien_fleming_spending(0.025)(0.5) * 0.025, 6)
    0.001525
    """
    z = special.ndtri(error / 2)
    return lambda share: float(2 * special.ndtr(z / np.sqrt(share))) / error if share > 0 else 0.0


def pocock_spending(share: float) -> float:
    """Nearly evenly over the looks.

    Source:
        Lan & DeMets (1983), α₂*.

    >>> round(pocock_spending(0.5), 4)
    0.6201
    """
    return float(np.log1p(np.expm1(1.0) * share))


def power_spending(exponent: float) -> Spending:
    """share^exponent: 1 spends evenly, 3 nearly as O'Brien-Fleming does.

    Raises:
        ValueError: The exponent is not above zero.

    Source:
        Kim & DeMets (1987).
    """
    if not exponent > 0:
        raise ValueError(f"exponent is {exponent:g}; it must be above zero")
    return lambda share: share**exponent


def wang_tsiatis(
    information: Sequence[float], alpha: float, *, shape: float = 0.0, two_sided: bool = True
) -> Boundaries:
    """Boundaries C tₖ^(shape − ½): O'Brien-Fleming's at shape 0, Pocock's at ½.

    Args:
        information: Of each planned look.
        alpha: Chance of any stop for a difference where there is none, in (0, 1).
        shape: How willing it is to stop early.
        two_sided: Whether "worse" is looked for as well.

    Raises:
        ValueError: Alpha or the information is out of range.

    Source:
        Pocock (1977); O'Brien & Fleming (1979); Wang & Tsiatis (1987).

    >>> [round(z, 3) for z in wang_tsiatis([1, 2], 0.05).upper]
    [2.797, 1.977]
    """
    side = _side(alpha, two_sided=two_sided)
    form = shares(information) ** (shape - 0.5)

    def made(constant: float) -> Boundaries:
        return _boundaries(information, constant * form, two_sided=two_sided)

    least = float(-special.ndtri(side))
    constant = zero_of_increasing(lambda c: side - sum(crossing(made(c)).above), least, least + 0.5)
    return made(constant)


def spending_boundaries(
    information: Sequence[float],
    alpha: float,
    spending: Spending,
    *,
    two_sided: bool = True,
    plan: Sequence[float] | None = None,
) -> Boundaries:
    """Boundaries that spend alpha as agreed, whatever information the looks turn out to have.

    Args:
        information: Of each look so far, or of all that are planned.
        alpha: In (0, 1).
        spending: `obrien_fleming_spending` of the side's error, `pocock_spending` or `power_spending`.
        two_sided: Whether "worse" is looked for as well.
        plan: How far into the plan each look is, in (0, 1]; by default its share of the last
            look's information. Stated where the last look so far is not the plan's end.

    Raises:
        ValueError: Alpha, the information or the plan is out of range.

    Source:
        Lan & DeMets (1983).

    >>> made = spending_boundaries([1, 2, 3, 4, 5], 0.05, obrien_fleming_spending(0.025))
    >>> [round(z, 4) for z in made.upper]
    [4.8769, 3.357, 2.6803, 2.2898, 2.031]
    """
    side = _side(alpha, two_sided=two_sided)
    times = shares(information)
    along = times if plan is None else np.asarray(plan, dtype=np.float64)
    if len(along) != len(times) or (np.diff(along, prepend=0.0) <= 0).any() or along[-1] > 1 + 1e-9:
        raise ValueError(f"plan is {plan}; it needs one share in (0, 1] a look, increasing")
    path, spent = Path(0.0), 0.0
    upper = []
    for t, share in zip(times, along, strict=True):
        path.step(float(t))
        until = side * spending(min(float(share), 1.0))
        upper.append(path.bound(until - spent, above=True))
        path.keep(-upper[-1] if two_sided else -np.inf, upper[-1])
        spent = until
    return _boundaries(information, np.array(upper), two_sided=two_sided)


def with_futility(boundaries: Boundaries, power: float, spending: Spending) -> tuple[Boundaries, float]:
    """The same boundaries with futility, and the drift at which they have this power.

    Args:
        boundaries: Efficacy alone, all planned looks; it stays as it is.
        power: Chance of calling an effect of that drift better, in (0.5, 1); the rest is spent.
        spending: How the rest is spent.

    Returns:
        The boundaries, whose last futility value is the upper one; and the drift, which is the
        expected z at the last look of the effect that the experiment is planned for.

    Raises:
        ValueError: The power is not in (0.5, 1).

    Source:
        Pampallona, Tsiatis & Kim (2001); Jennison & Turnbull (2000), section 7.3.
    """
    if not 0.5 < power < 1:
        raise ValueError(f"power is {power:g}; it must lie in (0.5, 1)")
    times = shares(boundaries.information)

    def spent_down(drift: float) -> list[float]:
        path, bounds, spent = Path(drift), [], 0.0
        for t, upper in zip(times, boundaries.upper, strict=True):
            path.step(float(t))
            until = (1 - power) * spending(float(t))
            bounds.append(path.bound(until - spent, above=False))
            path.keep(bounds[-1], upper)
            spent = until
        return bounds

    # with less drift the last value stays short of the upper one, with more it passes it
    last = boundaries.upper[-1]
    least = last + float(special.ndtri(power))
    drift = zero_of_increasing(lambda d: min(spent_down(d)[-1] - last, FAR_PAST), least - 0.1, least + 0.4)
    return replace(boundaries, futility=(*spent_down(drift)[:-1], last)), drift


def drift_for(boundaries: Boundaries, power: float) -> float:
    """The drift (expected z at the last look) at which the upper boundary is crossed with this probability.

    Raises:
        ValueError: The power is not in (0, 1).

    >>> round(drift_for(Boundaries((1,), (1.959964,), (-1.959964,)), 0.8), 4)
    2.8016
    """
    if not 0 < power < 1:
        raise ValueError(f"power is {power:g}; it must lie in (0, 1)")
    return zero_of_increasing(lambda d: sum(crossing(boundaries, d).above) - power, 2.0, 4.0)


@dataclass(frozen=True)
class Corrected:
    """What a comparison says that was looked at more than once, the looking taken into account."""

    estimate: float  # median-unbiased: as often too high as too low
    low: float
    high: float
    p: float  # two-sided, for no difference


def corrected(boundaries: Boundaries, estimate: float, error: float, *, level: float = 0.95) -> Corrected:
    """Estimate, interval and p-value at the last of the looks so far, stopped there or not.

    Args:
        boundaries: Of the looks up to this one (`Boundaries.until`); those before were not crossed.
        estimate: The plain difference at the last look.
        error: Its standard error, above zero.
        level: Of the interval, in (0, 1).

    Raises:
        ValueError: The error is not above zero, or the level not in (0, 1).

    Source:
        Jennison & Turnbull (2000), sections 8.3 to 8.5; the p-value does not count on futility.

    >>> once = corrected(Boundaries((1,), (1.96,), (-1.96,)), 0.3, 0.1)  # one look: nothing to correct
    >>> round(once.estimate, 6), round(once.low, 4), round(once.high, 4), round(once.p, 5)
    (0.3, 0.104, 0.496, 0.0027)
    """
    if not (error > 0 and np.isfinite([estimate, error]).all()):
        raise ValueError(f"estimate {estimate:g} with error {error:g}; both must be finite, the error above zero")
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it must lie in (0, 1)")
    z = np.array(estimate / error)
    ranking = Ranking(boundaries, reach=abs(float(z)) + RANGE)

    def effect(chance: float) -> float:
        """Under which effect a result as good as this has this chance."""
        target = float(special.ndtri(chance))
        near = float(z) + target
        return error * zero_of_increasing(lambda drift: _normal(ranking, z, drift) - target, near - 1.0, near + 0.1)

    tail = (1 - level) / 2
    unbound = ranking if boundaries.futility is None else Ranking(replace(boundaries, futility=None))
    good = float(unbound.chance(z, 0.0))
    return Corrected(effect(0.5), effect(tail), effect(1 - tail), min(1.0, 2 * min(good, 1 - good)))


def _normal(ranking: Ranking, z: Floats, drift: float) -> float:
    """The chance of a result as good, on the normal's scale, where it is all but a line in the drift."""
    return float(special.ndtri(np.clip(ranking.chance(z, drift), 1e-300, 1 - 1e-16)))


def _side(alpha: float, *, two_sided: bool) -> float:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}; it must lie in (0, 1)")
    return alpha / 2 if two_sided else alpha


def _boundaries(information: Sequence[float], upper: Floats, *, two_sided: bool) -> Boundaries:
    lower = -upper if two_sided else np.full(len(upper), -np.inf)
    return Boundaries(tuple(map(float, information)), tuple(upper.tolist()), tuple(lower.tolist()))
