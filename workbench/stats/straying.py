"""How far early estimates stray from where they end, beyond what their errors allow.

Were an effect the same on every day, an early estimate would differ from the last one by no more than
its error says. Where people get used to a change, or weekdays differ from weekends, it differs by
more, and whoever stops early believes too much. The factor by which early errors are too small is
learned from past experiments that went on: it is the one under which their early looks, shrunk by
the prior, best foretell their ends. An effect that is judged early takes its error times the factor.

>>> rng = np.random.default_rng(2)
>>> truth = rng.normal(0.0, 0.02, 400)
>>> last = truth + rng.normal(0.0, 0.002, 400)
>>> early = last + rng.normal(0.0, 2 * 0.01, 400)  # its error is said to be half as large
>>> strays = fit_straying(early, np.full(400, np.hypot(0.01, 0.002)), last, np.full(400, 0.002), range(400),
...     EffectPrior.normal(0.0, 0.02))
>>> round(strays.factor, 1)
2.0
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.stats.effects import EffectPrior, normals
from workbench.stats.learning import FEWEST
from workbench.stats.moments import Floats

EARLY = 0.5  # share of the last look's information below which a look is early
FACTORS = np.geomspace(1.0, 10.0, 47)  # that are weighed against each other, each as likely beforehand
STEP = 0.25  # normals of a prior whose sds' logarithms differ by less are taken as one


@dataclass(frozen=True)
class Straying:
    """How much wider than stated an early estimate's error is."""

    factor: float  # at least 1; by which an early error is multiplied
    experiments: int  # that had early looks
    looks: int
    sentence: str


def fit_straying(
    early: ArrayLike,
    early_errors: ArrayLike,
    last: ArrayLike,
    last_errors: ArrayLike,
    experiments: Iterable[Hashable],
    prior: EffectPrior,
) -> Straying:
    """The factor by which early errors were too small.

    Args:
        early: Estimates at looks before the last, whatever they said: none may have been chosen for being large.
        early_errors: Their standard errors, above zero.
        last: The estimate at the end, of the same experiment, arm and metric.
        last_errors: Its standard error; looks with more than half of the information at the end are left out.
        experiments: Which experiment each look belongs to; each counts once.
        prior: Learned from experiments' ends, on the estimates' scale.

    Returns:
        The factor, averaged over what is not known of it; 1 below ten experiments, or where nothing is assumed.

    Raises:
        ValueError: The lengths differ.
    """
    a, s, b, t = (np.atleast_1d(np.asarray(v, np.float64)) for v in (early, early_errors, last, last_errors))
    named = list(experiments)
    if not len(a) == len(s) == len(b) == len(t) == len(named):
        raise ValueError("early looks, ends and experiments differ in number; one each is needed")
    chosen = t**2 < EARLY * s**2
    a, s, b, t = a[chosen], s[chosen], b[chosen], t[chosen]
    groups = {name: i for i, name in enumerate(dict.fromkeys(n for n, keep in zip(named, chosen, strict=True) if keep))}
    if len(groups) < FEWEST or not prior.components:
        told = f"How far early looks stray is not known: {len(groups)} of the {FEWEST} past tests with some are there."
        return Straying(1.0, len(groups), len(a), told)
    place = np.array([groups[n] for n, keep in zip(named, chosen, strict=True) if keep])
    weight = 1.0 / np.bincount(place)[place]
    parts = _few(prior)
    log = np.array([float(weight @ _foretold(a, s, b, t, k, parts)) for k in FACTORS])
    p = np.exp(log - log.max())
    factor = float(p @ FACTORS / p.sum())
    return Straying(
        factor,
        len(groups),
        len(a),
        f"In {len(groups)} past tests early estimates strayed from their end {factor:.1f} times as far as their "
        "errors say.",
    )


def _few(prior: EffectPrior) -> tuple[Floats, Floats, Floats]:
    """A prior as a few normals: those of nearly one sd made one, moments kept."""
    w, m, sd = normals(prior)
    _, place = np.unique(np.round(np.log(sd) / STEP), return_inverse=True)
    weight = np.bincount(place, w)
    mean = np.bincount(place, w * m) / weight
    variance = np.bincount(place, w * (sd**2 + m**2)) / weight - mean**2
    kept = weight > 1e-6
    return weight[kept] / weight[kept].sum(), mean[kept], np.sqrt(variance[kept])


def _foretold(
    a: Floats, s: Floats, b: Floats, t: Floats, factor: float, parts: tuple[Floats, Floats, Floats]
) -> Floats:
    """Log density of each last estimate given the early one, whose straying is `factor` times what is stated."""
    w, m, sd = parts
    error = (factor**2 * (s**2 - t**2) + t**2)[:, None]
    wide = sd**2 + error
    log = np.log(w) - np.log(wide) / 2 - (a[:, None] - m) ** 2 / wide / 2
    part = np.exp(log - log.max(axis=1, keepdims=True))
    part /= part.sum(axis=1, keepdims=True)
    centre = m + sd**2 / wide * (a[:, None] - m)
    variance = error * sd**2 / wide + t[:, None] ** 2
    density = part * np.exp(-((b[:, None] - centre) ** 2) / variance / 2) / np.sqrt(2 * np.pi * variance)
    return np.asarray(np.log(np.maximum(density.sum(axis=1), 1e-300)))
