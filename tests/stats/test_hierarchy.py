"""Segments by quadrature: eight schools, brute force over mean and spread, closed ends, and calibration."""

import numpy as np
import pytest

from workbench.stats.effects import EffectPrior
from workbench.stats.hierarchy import SpreadPrior, shrink

SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def brute(y, s, spread, mean=None, *, taus=500, mus=400):
    """Means and sds of segments, mean and spread, on a plain grid of both."""
    tau = (np.arange(taus) + 0.5) / taus * spread.scale * (6 if spread.family == "half-normal" else 300)
    if spread.family == "half-Cauchy":
        tau = spread.scale * np.tan((np.arange(taus) + 0.5) / taus * np.pi / 2)  # equal masses of the prior
    mu = np.linspace(-80, 80, mus)
    t, m = np.meshgrid(tau, mu, indexing="ij")
    log = spread.log_density(t) if spread.family == "half-normal" else np.zeros(t.shape)
    if mean is not None:
        log = log - ((m - mean[0]) / mean[1]) ** 2 / 2
    for yi, si in zip(y, s, strict=True):
        log = log - np.log(si**2 + t**2) / 2 - (yi - m) ** 2 / (si**2 + t**2) / 2
    w = np.exp(log - log.max())
    w /= w.sum()
    pull = t**2 / (s[:, None, None] ** 2 + t**2)
    theta = m + pull * (y[:, None, None] - m)
    first = (w * theta).sum((1, 2))
    second = (w * (theta**2 + s[:, None, None] ** 2 * pull)).sum((1, 2))
    return first, np.sqrt(second - first**2), (w * m).sum(), (w * t).sum()


@pytest.mark.parametrize("family", ["half-normal", "half-Cauchy"])
def test_eight_schools_are_those_of_a_plain_grid(family):
    spread = SpreadPrior(10.0, family)
    fit = shrink(SCHOOLS, ERRORS, spread, EffectPrior.normal(0, 15))
    mean, sd, mu, tau = brute(SCHOOLS, ERRORS, spread, (0, 15))
    np.testing.assert_allclose(fit.segments.mean, mean, rtol=2e-3)
    np.testing.assert_allclose(fit.segments.sd, sd, rtol=2e-3)
    assert fit.whole.mean[0] == pytest.approx(mu, rel=2e-3)
    assert fit.spread.mean == pytest.approx(tau, rel=3e-3)


def test_eight_schools_are_as_published():
    """Gelman et al., BDA3, table 5.3 (flat spread, 200 draws): medians 10 8 7 8 5 6 10 8, school A −2 to 31."""
    fit = shrink(SCHOOLS, ERRORS, SpreadPrior(1000.0))
    median = np.mean(fit.segments.interval(1e-6), axis=0)
    np.testing.assert_allclose(median, [10, 8, 7, 8, 5, 6, 10, 8], atol=1.0)
    low, high = fit.segments.interval(0.95)
    assert low[0] == pytest.approx(-2, abs=1.5) and high[0] == pytest.approx(31, abs=1.5)


@pytest.mark.slow
def test_eight_schools_are_those_that_arviz_ships():
    """ArviZ's own posterior of them (2,000 draws by PyMC): mean Normal(0, 5), spread half-Cauchy of scale 5."""
    import arviz as az

    draws = az.load_arviz_data("non_centered_eight").posterior
    fit = shrink(SCHOOLS, ERRORS, SpreadPrior(5.0, "half-Cauchy"), EffectPrior.normal(0, 5))
    theta = draws["theta"].mean(("chain", "draw")).to_numpy()
    assert np.abs((fit.segments.mean - theta) / fit.segments.sd).max() < 0.1
    assert abs(fit.whole.mean[0] - float(draws["mu"].mean())) < 0.1 * fit.whole.sd[0]
    assert abs(fit.spread.mean - float(draws["tau"].mean())) < 0.1 * fit.spread.sd


def test_equal_segments_become_one_as_their_prior_spread_goes_to_nothing():
    y, s = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 0.7])
    fit = shrink(y, s, SpreadPrior(1e-6))
    w = s**-2
    np.testing.assert_allclose(fit.segments.mean, w @ y / w.sum(), atol=1e-5)
    np.testing.assert_allclose(fit.segments.sd, w.sum() ** -0.5, rtol=1e-5)


def test_far_apart_segments_keep_their_own_estimates():
    y, s = np.array([0.0, 100.0, 250.0, -300.0]), np.full(4, 0.5)
    fit = shrink(y, s, SpreadPrior(200.0))
    np.testing.assert_allclose(fit.segments.mean, y, atol=0.01)
    np.testing.assert_allclose(fit.segments.sd, s, rtol=1e-4)
    assert fit.chance_alike < 1e-100


def test_one_segment_is_its_own_estimate():
    fit = shrink(np.array([3.0]), np.array([2.0]), SpreadPrior(1.0))
    assert fit.segments.mean[0] == pytest.approx(3.0) and fit.segments.sd[0] == pytest.approx(2.0)
    assert fit.chance_alike == pytest.approx(0.5)
    assert fit.spread.mean == pytest.approx(np.sqrt(2 / np.pi), rel=1e-6)  # its prior


def test_two_segments_are_drawn_together_as_far_as_the_prior_says():
    y, s = np.array([0.0, 1.0]), np.ones(2)
    near, far = (shrink(y, s, SpreadPrior(scale)).segments.mean for scale in (0.1, 10.0))
    assert near[1] - near[0] < 0.02 and far[1] - far[0] > 0.7


def test_a_common_level_loses_no_digits():
    y, s = np.array([0.1, 0.3, -0.2, 0.5]), np.array([0.1, 0.2, 0.1, 0.3])
    near, far = shrink(y, s, SpreadPrior(0.3)), shrink(y + 1e9, s, SpreadPrior(0.3))
    np.testing.assert_allclose(far.segments.mean - 1e9, near.segments.mean, atol=1e-6)


def test_what_is_apart_from_the_whole_agrees_with_draws():
    rng = np.random.default_rng(3)
    fit = shrink(SCHOOLS, ERRORS, SpreadPrior(10.0))
    part = rng.choice(fit.whole.weights.shape[-1], size=200_000, p=fit.whole.weights[0])
    tau = np.repeat(fit.spread.nodes, 1)[part]
    mu = rng.normal(fit.whole.means[0, part], fit.whole.sds[0, part])
    pull = tau**2 / (tau**2 + ERRORS[0] ** 2)
    theta = mu + pull * (SCHOOLS[0] - mu) + rng.normal(size=tau.size) * ERRORS[0] * np.sqrt(pull)
    assert fit.apart.sf(0.0)[0] == pytest.approx(np.mean(theta > mu), abs=0.004)
    assert fit.apart.mean[0] == pytest.approx(np.mean(theta - mu), abs=0.05)
    assert fit.segments.sf(0.0)[0] == pytest.approx(np.mean(theta > 0), abs=0.004)


def test_the_spread_knows_its_own_quantiles():
    spread = shrink(SCHOOLS, ERRORS, SpreadPrior(10.0)).spread
    low, high = spread.interval(0.9)
    assert spread.cdf(low) == pytest.approx(0.05, abs=1e-9) and spread.cdf(high) == pytest.approx(0.95, abs=1e-9)
    assert 0 < low < spread.mean < high


def test_the_chance_to_be_alike_is_a_ratio_of_likelihoods():
    y, s = np.array([0.0, 1.5]), np.ones(2)
    fit = shrink(y, s, SpreadPrior(2.0), EffectPrior.normal(0, 3))
    tau = (np.arange(200_000) + 0.5) / 200_000 * 20
    total = 2 * 9 + 1 + tau**2  # y₁ + y₂ and y₁ − y₂ are independent given τ
    log = -np.log(2 * total * 2 * (1 + tau**2)) / 2 - 1.5**2 / (4 * total) - 1.5**2 / (4 * (1 + tau**2))
    prior = np.exp(-(tau**2) / 8) * np.sqrt(2 / np.pi) / 2
    known = (np.exp(log) * prior).sum() * 20 / 200_000
    none = np.exp(-np.log(2 * 19 * 2) / 2 - 1.5**2 / 76 - 1.5**2 / 4)
    assert fit.chance_alike == pytest.approx(none / (none + known), rel=1e-6)


def test_many_fits_at_once_are_each_fit():
    rng = np.random.default_rng(4)
    y, s = rng.normal(size=(3, 4, 6)), rng.uniform(0.3, 1.0, (3, 4, 6))
    prior = EffectPrior.student(4, 0, 1)
    many = shrink(y, s, SpreadPrior(0.5), prior)
    one = shrink(y[2, 1], s[2, 1], SpreadPrior(0.5), prior)
    assert many.segments.mean.shape == (3, 4, 6) and many.chance_alike.shape == (3, 4)
    np.testing.assert_allclose(many.segments.mean[2, 1], one.segments.mean, atol=1e-9)
    np.testing.assert_allclose(many.spread.interval(0.9)[0][2, 1], one.spread.interval(0.9)[0], rtol=1e-6)


def test_a_few_nodes_more_change_nothing():
    rng = np.random.default_rng(5)
    for k in (2, 8, 300):
        y, s = rng.normal(0, 1, k), rng.uniform(0.01, 2.0, k)
        a, b = (shrink(y, s, SpreadPrior(1.0), nodes=n) for n in (32, 128))
        np.testing.assert_allclose(a.segments.mean, b.segments.mean, atol=1e-6)
        np.testing.assert_allclose(a.spread.mean, b.spread.mean, rtol=1e-6)


@pytest.mark.slow
def test_intervals_hold_what_they_say_over_5000_refits():
    """Simulation-based calibration (Talts et al. 2018): truth from the prior, 50 unequal segments, 5,000 refits."""
    rng = np.random.default_rng(20260101)
    fits, k, scale = 5000, 50, 0.1
    mu, tau = rng.normal(0.0, 0.05, fits), np.abs(rng.normal(0, scale, fits))
    theta = rng.normal(mu[:, None], tau[:, None], (fits, k))
    errors = rng.uniform(0.03, 0.12, (fits, k))
    fit = shrink(rng.normal(theta, errors), errors, SpreadPrior(scale), EffectPrior.normal(0, 0.05))
    places = {
        "segments": fit.segments.cdf(theta),
        "mean": fit.whole.cdf(mu[:, None]),
        "apart": fit.apart.cdf(theta - mu[:, None]),
        "spread": fit.spread.cdf(tau),
    }
    for name, u in places.items():
        assert ((u > 0.05) & (u < 0.95)).mean() == pytest.approx(0.90, abs=0.01), name
        shares = np.histogram(u, bins=10, range=(0, 1))[0] / u.size
        np.testing.assert_allclose(shares, 0.1, atol=0.015, err_msg=name)


@pytest.mark.parametrize(
    ("y", "s", "said"),
    [
        ([], [], "one at least"),
        ([1.0, 2.0], [1.0], "one error an estimate"),
        ([1.0, np.nan], [1.0, 1.0], "not finite"),
        ([1.0, 2.0], [1.0, 0.0], "not above zero"),
    ],
)
def test_what_cannot_be_shrunken_is_refused_in_words(y, s, said):
    with pytest.raises(ValueError, match=said):
        shrink(np.array(y), np.array(s), SpreadPrior(1.0))


def test_a_prior_of_the_spread_needs_a_scale_and_a_known_family():
    with pytest.raises(ValueError, match="above zero"):
        SpreadPrior(0.0)
    with pytest.raises(ValueError, match="half-normal, half-Cauchy"):
        SpreadPrior(1.0, "gamma")
