"""Priors learned from past effects: against brute force, the exact normal case, PyMC, and worlds that are known."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats import learning
from workbench.stats.effects import EffectPrior, effect_posterior
from workbench.stats.learning import CAUTIOUS, FAMILIES, FEWEST, fit_prior, spread, told


def world(seed, truth, errors):
    rng = np.random.default_rng(seed)
    return truth + rng.normal(0, errors), errors


def brute_force(x, errors):
    """Mean and sd of the next effect in the normal model, on a dense grid of location and scale."""
    size = np.sqrt(np.mean(x**2))
    m = np.linspace(-3 * size, 3 * size, 301)[:, None]
    tau = np.geomspace(0.1 * min(np.median(errors), size), 3 * np.abs(x).max(), 300)
    log = -((m / size) ** 2) / 2 - np.log1p((tau / size) ** 2) + np.log(tau)
    for estimate, error in zip(x, errors, strict=True):
        log = log + stats.norm.logpdf(estimate, m, np.hypot(tau, error))
    p = np.exp(log - log.max())
    p /= p.sum()
    mean = float((p * m).sum())
    return mean, float(np.sqrt((p * (tau**2 + (m - mean) ** 2)).sum()))


@pytest.mark.parametrize(("seed", "n", "scale", "centre"), [(0, 12, 0.02, 0.0), (1, 60, 0.01, 0.01), (2, 150, 0.05, 0)])
def test_a_normal_prior_is_what_a_dense_grid_gives(seed, n, scale, centre):
    rng = np.random.default_rng(seed)
    x, errors = world(seed + 9, rng.normal(centre, scale, n), rng.uniform(0.005, 0.02, n))
    learned = fit_prior(x, errors, range(n), family="normal")
    mean, sd = brute_force(x, errors)
    assert learned.sd == pytest.approx(sd, rel=0.02)
    assert spread(learned.prior).mean == pytest.approx(mean, abs=0.02 * sd)


def test_with_very_many_exact_effects_the_normal_case_is_the_textbooks():
    truth = np.random.default_rng(3).normal(0.0, 0.02, 1500)
    learned = fit_prior(*world(4, truth, np.full(1500, 0.01)), range(1500), family="normal")
    after = effect_posterior(0.06, 0.01, learned.prior)
    assert after.mean == pytest.approx(0.06 * 0.0004 / 0.0005, rel=0.02)
    assert after.sd == pytest.approx(0.02 * 0.01 / np.sqrt(0.0005), rel=0.02)


def test_a_known_mixture_is_recovered():
    rng = np.random.default_rng(5)
    n = 500
    truth = rng.normal(0, np.where(rng.random(n) < 0.8, 0.001, 0.03))
    learned = fit_prior(*world(6, truth, np.full(n, 0.002)), range(n))
    assert learned.family in {"two normals", "three normals"}
    found = spread(learned.prior)
    for point in (0.003, 0.01, 0.03, 0.05):
        beyond = 1 - found.cdf(np.array(point)) + found.cdf(np.array(-point))
        assert float(beyond) == pytest.approx(np.mean(np.abs(truth) > point), abs=0.02)


def test_a_known_students_t_is_recovered():
    rng = np.random.default_rng(7)
    truth = 0.01 * rng.standard_t(3, 800)
    learned = fit_prior(*world(8, truth, np.full(800, 0.003)), range(800), family="Student-t")
    found = spread(learned.prior)
    for share in (0.75, 0.95, 0.99):
        assert float(found.ppf(np.array(share))) == pytest.approx(0.01 * stats.t.ppf(share, 3), rel=0.15)


def test_the_family_is_the_simplest_that_foretells_as_well():
    truth = np.random.default_rng(11).normal(0, 0.02, 200)
    learned = fit_prior(*world(12, truth, np.full(200, 0.01)), range(200))
    assert learned.family == "normal"
    assert set(learned.scores) == set(FAMILIES)


def test_a_left_out_score_is_that_of_a_prior_learned_without_the_experiment():
    rng = np.random.default_rng(13)
    x, errors = world(14, rng.normal(0, 0.02, 25), rng.uniform(0.01, 0.02, 25))
    past = learning._past(x, errors, np.arange(25))
    for family in FAMILIES:
        grid = learning._grid(family, past)
        without = learning._normalised(grid.prior + np.delete(grid.log, 3, axis=1).sum(axis=1))
        assert learning._left_out(grid)[3] == pytest.approx(np.log(without @ np.exp(grid.log[:, 3])), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("wide", [0.02, 0.06])
def test_its_probabilities_are_right_in_the_world_it_learned_from(wide):
    """Ninety of a hundred intervals hold the truth, for experiments that it has not seen."""
    rng = np.random.default_rng(15)
    below = []
    for _ in range(25):
        truth = rng.normal(0, np.where(rng.random(80) < 0.7, 0.02, wide))
        x = truth + rng.normal(0, 0.015, 80)
        learned = fit_prior(x[:40], np.full(40, 0.015), range(40))
        posteriors = [effect_posterior(v, 0.015, learned.prior) for v in x[40:]]
        below += [float(p.cdf(np.array(t))) for t, p in zip(truth[40:], posteriors, strict=True)]
    inside = (np.array(below) > 0.05) & (np.array(below) < 0.95)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.025)


def test_below_ten_experiments_the_cautious_prior_says_that_it_is_one():
    learned = fit_prior([0.1] * 30, [0.01] * 30, [i % (FEWEST - 1) for i in range(30)], what="past tests of sales")
    assert not learned.taught and learned.prior is CAUTIOUS
    assert learned.sentence == (
        "Only 9 of the 10 past tests of sales that learning needs; "
        "instead: a cautious prior, effects mostly within ±30\u00a0%."
    )
    nothing = fit_prior([], [], [], scale="absolute")
    assert nothing.prior == EffectPrior.flat(scale="absolute") and nothing.sd == np.inf
    assert (learned.by, nothing.by) == ("under a cautious prior", "with nothing assumed")
    assert nothing.sentence == "None of the 10 past tests that learning needs; instead: nothing assumed."


def test_an_experiment_counts_once_however_many_arms_it_brings():
    rng = np.random.default_rng(16)
    x, errors = world(17, rng.normal(0, 0.02, 20), np.full(20, 0.01))
    once = fit_prior(x, errors, range(20), family="normal")
    many = fit_prior(np.repeat(x, 7), np.repeat(errors, 7), np.repeat(np.arange(20), 7), family="normal")
    assert many.sd == pytest.approx(once.sd, rel=1e-9)
    assert (many.experiments, many.effects) == (20, 140)


@pytest.mark.parametrize("factor", [1e-6, 1e9])
def test_the_unit_of_measure_does_not_matter(factor):
    rng = np.random.default_rng(18)
    x, errors = world(19, rng.normal(0, 0.02, 40), np.full(40, 0.01))
    plain, scaled = fit_prior(x, errors, range(40)), fit_prior(x * factor, errors * factor, range(40), scale="absolute")
    assert scaled.family == plain.family
    assert scaled.sd == pytest.approx(plain.sd * factor, rel=1e-9)


def test_one_mad_effect_leaves_the_rest_believable():
    rng = np.random.default_rng(20)
    x, errors = world(21, rng.normal(0, 0.01, 40), np.full(40, 0.01))
    x[0] = 5.0
    learned = fit_prior(x, errors, range(40))
    assert learned.family != "normal"
    assert 0 < effect_posterior(0.02, 0.01, learned.prior).mean < 0.018


def test_experiments_without_any_effect_give_the_cautious_prior():
    assert fit_prior([0.0] * 12, [0.01] * 12, range(12)).family == "cautious"


@pytest.mark.parametrize(
    ("estimates", "errors", "more", "said"),
    [
        ([0.1, 0.2], [0.1], {}, "2 estimates, 1 errors"),
        ([np.nan], [0.1], {}, "not finite"),
        ([0.1], [0.0], {}, "not above zero"),
        ([0.1], [0.1], {"family": "cauchy"}, "family is 'cauchy'"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(estimates, errors, more, said):
    with pytest.raises(ValueError, match=said):
        fit_prior(estimates, errors, range(len(estimates)), **more)


def test_small_effects_keep_a_digit():
    assert told(0.00043, "relative") == "+0.043\u00a0%"
    assert told(0.0, "relative") == "+0\u00a0%"


@pytest.mark.slow
def test_pymc_believes_the_same_of_the_next_effect():
    import pymc as pm

    rng = np.random.default_rng(22)
    x, errors = world(23, rng.normal(0.005, 0.02, 25), rng.uniform(0.01, 0.03, 25))
    size = float(np.sqrt(np.mean(x**2)))
    with pm.Model():
        m, tau = pm.Normal("m", 0, size), pm.HalfCauchy("tau", size)
        pm.Normal("x", m, pm.math.sqrt(tau**2 + errors**2), observed=x)
        trace = pm.sample(2000, tune=1000, chains=2, cores=1, random_seed=1, progressbar=False)
    m, tau = (trace.posterior[name].to_numpy().ravel() for name in ("m", "tau"))
    learned = fit_prior(x, errors, range(25), family="normal")
    sd = float(np.sqrt(np.mean(tau**2) + m.var()))
    assert learned.sd == pytest.approx(sd, rel=0.04)
    assert spread(learned.prior).mean == pytest.approx(m.mean(), abs=0.05 * sd)
    for share in (0.05, 0.25, 0.95):
        drawn = np.quantile(rng.normal(m, tau), share)
        assert float(spread(learned.prior).ppf(np.array(share))) == pytest.approx(drawn, abs=0.06 * sd)
