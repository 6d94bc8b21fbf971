"""Arms after a prior are those of brute force: exact likelihoods, one control for all, priors cut to what can be."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from workbench.stats.comparison import compare
from workbench.stats.effects import Component, EffectPrior, effect_posterior
from workbench.stats.hurdle import hurdle_posterior
from workbench.stats.moments import Sample
from workbench.stats.posteriors import StudentT
from workbench.stats.proportions import beta_posterior
from workbench.stats.shrunken import shrunken

FEW = {"a": beta_posterior(1, 200), "b": beta_posterior(5, 200)}


def grid(prior, seen, cells=1200, most=0.12):
    """Two arms' shares on a square grid: mass, the control's share, and the arm's."""
    edges = np.linspace(0, most, cells + 1)
    p = (edges[1:] + edges[:-1]) / 2
    (x0, n0), (x1, n1) = seen
    a, b = p[:, None], p[None, :]
    low, high, effect = (-1, 1 / a - 1, b / a - 1) if prior.scale == "relative" else (-a, 1 - a, b - a)
    c = prior.components[0]
    belief = stats.norm(c.mean, c.sd) if np.isinf(c.df) else stats.t(c.df, c.mean, c.sd)
    density = belief.pdf(effect) / (belief.cdf(high) - belief.cdf(low)) / (a if prior.scale == "relative" else 1)
    mass = stats.binom.pmf(x0, n0, a) * stats.binom.pmf(x1, n1, b) * density
    return mass / mass.sum(), a, b


@pytest.mark.parametrize(
    "prior",
    [
        EffectPrior.normal(0, 0.5, scale="relative"),
        EffectPrior.student(3, 0.2, 0.5, scale="relative"),
        EffectPrior.normal(0.0, 0.01),
        EffectPrior.student(4, 0.0, 0.01),
    ],
)
def test_few_events_have_their_exact_likelihood(prior):
    found = shrunken(FEW, "a", prior, ratios=True)
    mass, a, b = grid(prior, ((1, 200), (5, 200)))
    tie = np.trace(mass) / 2
    assert found.estimate["a"] == pytest.approx((mass * a).sum(), rel=1e-4)
    assert found.absolute["b"].mean == pytest.approx((mass * (b - a)).sum(), rel=1e-3)
    assert found.absolute["b"].chance_above(0.0) == pytest.approx(mass[b > a].sum() + tie, abs=1e-4)
    assert found.chance_best["b"] == pytest.approx(found.absolute["b"].chance_above(0.0), abs=1e-6)
    assert found.expected_loss["b"] == pytest.approx((mass * np.maximum(a - b, 0)).sum(), rel=2e-3)
    for edge in (-0.3, 0.4, 3.0):
        beyond = mass[b > (1 + edge) * a].sum()
        assert found.relative["b"].chance_above(edge) == pytest.approx(beyond, abs=2e-3)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_prior_wide_enough_says_what_the_data_alone_say(better):
    alone = compare(FEW, "a", better=better)
    wide = shrunken(FEW, "a", EffectPrior.normal(0.0, 1e5), better=better, ratios=True)
    told = alone.differences["b"]
    assert wide.chance_best["b"] == pytest.approx(alone.chance_best["b"], abs=1e-8)
    assert [wide.expected_loss[arm] for arm in "ab"] == pytest.approx([alone.expected_loss[a] for a in "ab"], rel=1e-8)
    assert wide.absolute["b"].interval(0.95) == pytest.approx((told.low, told.high), abs=1e-8)
    assert wide.relative["b"].interval(0.95) == pytest.approx((told.relative_low, told.relative_high), rel=1e-6)


@pytest.mark.parametrize(("estimate", "sd"), [(0.4, 1.0), (50.0, 0.5), (-3.0, 1e-4)])
def test_sure_normal_arms_have_the_closed_form(estimate, sd):
    arms = {"a": StudentT(np.inf, 100.0, 0.4), "b": StudentT(np.inf, 100.0 + estimate, 0.3)}
    prior = EffectPrior.normal(0.0, sd)
    found, exact = shrunken(arms, "a", prior).absolute["b"], effect_posterior(estimate, 0.5, prior)
    assert (found.mean, found.sd) == pytest.approx((exact.mean, exact.sd), rel=1e-8)
    assert found.interval(0.95) == pytest.approx(exact.interval(0.95), rel=1e-8)


def test_a_spike_in_a_prior_is_not_passed_over():
    prior = EffectPrior((Component(0.6, 0, 0.001), Component(0.3, 0, 1.0), Component(0.1, 0.0, 2.0, 4.0)))
    arms = {"a": StudentT(np.inf, 100, 0.5), "b": StudentT(np.inf, 102, 0.3)}
    found, exact = shrunken(arms, "a", prior).absolute["b"], effect_posterior(2, np.hypot(0.5, 0.3), prior)
    assert found.mean == pytest.approx(exact.mean, rel=1e-8)
    assert found.chance_above(0.5) == pytest.approx(exact.chance_above(0.5), rel=1e-8)


def sure(means, errors, prior):
    """Normal arms, the control first, under a mixture of normals: weights, means and covariances of all arms."""
    parts = []
    for chosen in product(prior.components, repeat=len(means) - 1):
        precision, pull, log = np.diag(1 / np.square(errors)), means / np.square(errors), 0.0
        for i, c in enumerate(chosen, 1):
            effect = np.zeros(len(means))
            effect[[0, i]] = -1, 1
            precision, pull = precision + np.outer(effect, effect) / c.sd**2, pull + effect * c.mean / c.sd**2
            log += np.log(c.weight / c.sd) - (c.mean / c.sd) ** 2 / 2
        covariance = np.linalg.inv(precision)
        centre = covariance @ pull
        parts.append((log + centre @ pull / 2 - np.linalg.slogdet(precision)[1] / 2, centre, covariance))
    log = np.array([part[0] for part in parts])
    weight = np.exp(log - log.max())
    return weight / weight.sum(), [part[1] for part in parts], [part[2] for part in parts]


@pytest.mark.parametrize("errors", [(0.5, 0.3, 0.3), (0.5, 0.3, 0.001)])
def test_arms_that_share_a_control_are_those_of_the_joint_closed_form(errors):
    prior = EffectPrior((Component(0.6, 0, 0.01), Component(0.4, 0.1, 1.0)))
    means = np.array([100.0, 102.0, 101.0])
    arms = {name: StudentT(np.inf, m, s) for name, m, s in zip("abc", means, errors, strict=True)}
    found = shrunken(arms, "a", prior)
    weights, centres, covariances = sure(means, np.array(errors), prior)
    exact = weights @ np.array(centres)
    assert [found.estimate[arm] for arm in "abc"] == pytest.approx(exact, abs=1e-5)
    assert [found.absolute[arm].mean for arm in "bc"] == pytest.approx(exact[1:] - exact[0], abs=1e-5)
    rng = np.random.default_rng(1)
    drawn = np.concatenate(
        [
            rng.multivariate_normal(centre, covariance, size=round(w * 400_000))
            for w, centre, covariance in zip(weights, centres, covariances, strict=True)
        ]
    )
    best = np.bincount(drawn.argmax(axis=1), minlength=3) / len(drawn)
    loss = (drawn.max(axis=1)[:, None] - drawn).mean(axis=0)
    assert [found.chance_best[arm] for arm in "abc"] == pytest.approx(best, abs=2e-3)
    assert [found.expected_loss[arm] for arm in "abc"] == pytest.approx(loss, rel=0.01, abs=2e-5)


def test_data_far_from_the_prior_are_weighed_as_they_are():
    prior, means, errors = EffectPrior.normal(0, 1.0), np.array([100.0, 300.0, 301.0]), np.array([0.5, 0.5, 0.4])
    arms = {name: StudentT(np.inf, m, s) for name, m, s in zip("abc", means, errors, strict=True)}
    found = shrunken(arms, "a", prior)
    _, (exact,), (spread,) = sure(means, errors, prior)
    assert [found.absolute[arm].mean for arm in "bc"] == pytest.approx(exact[1:] - exact[0], rel=1e-6)
    assert found.absolute["b"].sd == pytest.approx((spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]) ** 0.5, rel=1e-5)


def test_three_arms_that_are_alike_are_the_best_equally_often():
    found = shrunken({name: StudentT(999, 0.0, 1.0) for name in "abc"}, "a", EffectPrior.normal(0, 1000))
    assert list(found.chance_best.values()) == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert list(found.expected_loss.values()) == pytest.approx([0.84628] * 3, abs=1e-3)  # E[max of 3 normals]


def test_a_small_control_does_not_hide_which_of_two_large_arms_is_the_better():
    arms = {"a": StudentT(49, 20.0, 3.0), "b": StudentT(19_999, 30.2, 0.02), "c": StudentT(19_999, 30.1, 0.02)}
    found, alone = shrunken(arms, "a", EffectPrior.normal(0, 1000)), compare(arms, "a")
    assert [found.chance_best[arm] for arm in "abc"] == pytest.approx(list(alone.chance_best.values()), abs=1e-5)
    assert found.chance_best["b"] > 0.999


def test_money_is_compared_as_its_own_posterior_has_it():
    rng = np.random.default_rng(0)
    spent = {arm: np.where(rng.random(500) < 0.2, rng.lognormal(1, 1, 500), 0) for arm in "ab"}
    arms = {arm: hurdle_posterior(Sample.of(values)) for arm, values in spent.items()}
    told = compare(arms, "a").differences["b"]
    wide = shrunken(arms, "a", EffectPrior.normal(0.0, 1e5))
    assert wide.absolute["b"].chance_above(0.0) == pytest.approx(told.chance_above, abs=1e-6)
    tight = shrunken(arms, "a", EffectPrior.normal(0.0, 0.01, scale="relative"), ratios=True).relative["b"]
    assert tight.sd == pytest.approx(0.01, rel=0.05) and abs(tight.mean) < 0.01


def test_two_units_an_arm_have_an_expected_loss_under_a_prior():
    found = shrunken({"a": StudentT(1, 0.0, 1.0), "b": StudentT(1, 1.0, 1.0)}, "a", EffectPrior.normal(0, 1))
    x = np.linspace(-8, 8, 4001)
    mass = stats.norm.pdf(x) / (4 + (x - 1) ** 2)  # the difference of two Cauchy variables is one
    mass /= mass.sum()
    assert found.expected_loss["b"] == pytest.approx((mass * np.maximum(-x, 0)).sum(), rel=1e-3)
    assert found.chance_best["b"] == pytest.approx(mass[x > 0].sum(), abs=1e-3)


@pytest.mark.parametrize(
    ("prior", "level", "said"),
    [
        (EffectPrior.flat(), 1.0, "the prior is flat"),
        (EffectPrior.normal(0, 1, scale="relative"), -1.0, "needs one above zero"),
    ],
)
def test_what_cannot_be_weighed_is_refused(prior, level, said):
    with pytest.raises(ValueError, match=said):
        shrunken({"a": StudentT(9, level, 1.0), "b": StudentT(9, 1.0, 1.0)}, "a", prior)


def test_a_prior_of_nothing_possible_is_refused():
    with pytest.raises(ValueError, match="leaves nothing that the data find possible"):
        shrunken(FEW, "a", EffectPrior.normal(100.0, 0.01))
