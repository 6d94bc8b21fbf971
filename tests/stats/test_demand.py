"""Demand over segments and prices: Laplace against brute force, PyMC and laws."""

import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from workbench.stats.demand import LOGISTIC, SMOOTH, Curve, DemandPrior, demand_posterior

PRICES = tuple(np.linspace(9, 59, 10).tolist())


def counts(rng, segments=8, prices=PRICES, seen=200, length=30.0):
    share = special.expit(1.0 - np.asarray(prices) / length + 0.3 * rng.standard_normal((segments, 1)))
    n = np.full(share.shape, float(seen))
    return rng.binomial(seen, share).astype(float), n


def test_one_cell_agrees_with_quadrature():
    prior = DemandPrior(-1.0, 0.0, Curve(0.8, 0.0, 0.0), Curve(0.6, 0.0, 0.0))
    found = demand_posterior(np.array([[70.0]]), np.array([[200.0]]), (10.0,), prior)
    z = np.linspace(-6, 4, 20_001)
    log = -((z + 1) ** 2) / 2 + 70 * z - 200 * np.logaddexp(0, z)
    mass = np.exp(log - log.max())
    dz = z[1] - z[0]
    evidence = np.log(mass.sum() * dz) + log.max() - np.log(2 * np.pi) / 2
    mass /= mass.sum()
    mean = mass @ z
    assert found.logit[0, 0] == pytest.approx(z[mass.argmax()], abs=1e-3)
    assert found.logit[0, 0] == pytest.approx(mean, abs=0.01)
    assert found.sd[0, 0] == pytest.approx(np.sqrt(mass @ (z - mean) ** 2), rel=0.01)
    assert found.log_evidence == pytest.approx(evidence, abs=0.01)


def test_two_prices_agree_with_a_grid():
    prices, y, n = (10.0, 20.0), np.array([[30.0, 5.0]]), np.array([[80.0, 40.0]])
    found = demand_posterior(y, n, prices)
    x = SMOOTH.coordinate(prices)
    cov = sum(
        c.level**2 + c.slope**2 * np.outer(x, x) + c.bend**2 * np.exp(-(((x[:, None] - x) / c.length) ** 2) / 2)
        for c in (SMOOTH.shared, SMOOTH.segment)
    )
    z = np.linspace(-5, 3, 801)
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1)
    about = grid - (SMOOTH.level + SMOOTH.slope * x)
    log = (y[0] * grid - n[0] * np.logaddexp(0, grid)).sum(-1)
    log -= np.einsum("abi,ij,abj->ab", about, np.linalg.inv(cov), about) / 2
    mass = np.exp(log - log.max())
    dz2 = (z[1] - z[0]) ** 2
    evidence = np.log(mass.sum() * dz2) + log.max() - np.log(np.linalg.det(2 * np.pi * cov)) / 2
    mass /= mass.sum()
    mean = np.einsum("ab,abi->i", mass, grid)
    sd = np.sqrt(np.einsum("ab,abi->i", mass, (grid - mean) ** 2))
    top = grid[np.unravel_index(mass.argmax(), mass.shape)]
    assert found.logit[0] == pytest.approx(top, abs=0.011)  # the grid's step is 0.01
    assert (np.abs(found.logit[0] - mean) < 0.2 * sd).all()  # five sales: the mode is not quite the mean
    assert found.sd[0] == pytest.approx(sd, rel=0.04)
    assert found.log_evidence == pytest.approx(evidence, abs=0.05)


def test_draws_have_the_posteriors_moments_and_fall():
    found = demand_posterior(*counts(np.random.default_rng(1)), PRICES)
    free = special.logit(found.draw(np.random.default_rng(2), 20_000, falls=False))
    assert free.mean(axis=0) == pytest.approx(found.logit, abs=0.02)
    assert free.std(axis=0) == pytest.approx(found.sd, rel=0.03)
    assert (np.diff(found.draw(np.random.default_rng(2), 500), axis=-1) <= 1e-12).all()


def test_no_sale_gives_back_the_prior():
    found = demand_posterior(np.zeros((2, 10)), np.zeros((2, 10)), PRICES)
    x = SMOOTH.coordinate(PRICES)
    assert found.logit == pytest.approx(np.tile(SMOOTH.level + SMOOTH.slope * x, (2, 1)), abs=1e-9)
    assert found.log_evidence == pytest.approx(0.0, abs=1e-9)


def test_a_segment_without_traffic_takes_the_others_curve_with_less_certainty():
    y, n = counts(np.random.default_rng(4), seen=2000)
    y[0], n[0] = 0, 0
    found = demand_posterior(y, n, PRICES)
    assert np.abs(found.logit[0] - found.logit[1:].mean(axis=0)).max() < 0.2
    assert found.sd[0].min() > 3 * found.sd[1:].max()


def test_a_start_from_yesterday_changes_nothing():
    y, n = counts(np.random.default_rng(5))
    before = demand_posterior(y, n, PRICES)
    found, cold = (demand_posterior(y * 1.1, n * 1.1, PRICES, start=s) for s in (before, None))
    assert found.logit == pytest.approx(cold.logit, abs=1e-6)
    assert found.covariance == pytest.approx(cold.covariance, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_million_visitors_all_alike_still_have_a_mode(share):
    n = np.full((8, 10), 1e6)
    assert np.isfinite(demand_posterior(share * n, n, PRICES).logit).all()


def test_a_mode_is_found_whatever_the_counts():
    rng = np.random.default_rng(8)
    for _ in range(200):
        n = np.floor(10 ** rng.uniform(-1, 6, (3, 6)))
        y = rng.binomial(n.astype(int), rng.beta(0.1, 0.1, (3, 6)))
        assert np.isfinite(demand_posterior(y, n, PRICES[:6]).logit).all()


def test_intervals_cover_what_was_drawn_from_the_prior():
    rng = np.random.default_rng(6)
    inside = []
    for _ in range(150):
        truth = demand_posterior(np.zeros((3, 5)), np.zeros((3, 5)), PRICES[::2]).draw(rng, 1, falls=False)[0]
        n = rng.integers(20, 400, (3, 5))
        found = demand_posterior(rng.binomial(n, truth), n, PRICES[::2])
        inside.append(np.abs(special.logit(truth) - found.logit) < 1.6449 * found.sd)
    assert np.mean(inside) == pytest.approx(0.90, abs=0.02)


def test_eighty_cells_take_milliseconds():
    y, n = counts(np.random.default_rng(7))
    before = demand_posterior(y, n, PRICES)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        demand_posterior(y, n, PRICES, start=before)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02


@pytest.mark.parametrize(
    ("bought", "seen", "prices", "said"),
    [
        ([[1.0]], [[1.0, 2.0]], (1.0,), "shapes"),
        ([[2.0]], [[1.0]], (1.0,), "more bought"),
        ([[1.0, 1.0]], [[2.0, 2.0]], (2.0, 1.0), "rise"),
        ([[1.0]], [[2.0]], (0.0,), "above zero"),
    ],
)
def test_what_cannot_be_is_refused(bought, seen, prices, said):
    with pytest.raises(ValueError, match=said):
        demand_posterior(np.array(bought), np.array(seen), prices)


def test_a_price_of_zero_has_a_place_on_the_plain_axis():
    found = demand_posterior(
        np.array([[80.0, 60.0]]), np.full((1, 2), 100.0), (0.0, 95.0), replace(SMOOTH, axis="price")
    )
    assert found.logit[0, 0] > found.logit[0, 1]
    assert LOGISTIC.coordinate((0.0, 10.0)).tolist() == [-1.0, 1.0]


@pytest.mark.slow
def test_pymc_samples_the_same_posterior():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymc as pm

    prices = (10.0, 20.0, 35.0)
    y, n = np.array([[40, 22, 9], [25, 20, 3]]), np.full((2, 3), 100)
    found = demand_posterior(y, n, prices)
    x = SMOOTH.coordinate(prices)
    with pm.Model():
        root = [
            np.linalg.cholesky(
                c.level**2
                + c.slope**2 * np.outer(x, x)
                + c.bend**2 * np.exp(-(((x[:, None] - x) / c.length) ** 2) / 2)
                + 1e-9 * np.eye(3)
            )
            for c in (SMOOTH.shared, SMOOTH.segment)
        ]
        shared = pm.math.dot(root[0], pm.Normal("a", 0, 1, shape=3))
        own = pm.math.dot(pm.Normal("b", 0, 1, shape=(2, 3)), root[1].T)
        logit = pm.Deterministic("logit", SMOOTH.level + SMOOTH.slope * x + shared + own)
        pm.Binomial("bought", n=n, logit_p=logit, observed=y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = pm.sample(1000, tune=1000, chains=2, cores=1, random_seed=1, progressbar=False, target_accept=0.9)
    drawn = trace.posterior["logit"].to_numpy().reshape(-1, 2, 3)
    assert (np.abs(drawn.mean(axis=0) - found.logit) < 0.25 * found.sd).all()
    assert drawn.std(axis=0) == pytest.approx(found.sd, rel=0.1)
