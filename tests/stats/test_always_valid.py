"""Always-valid intervals: their formula by integration, their error by simulation, their price."""

import numpy as np
import pytest
from scipy import integrate, stats

from workbench.stats.always_valid import always_valid, boundary, tuned_scale


@pytest.mark.parametrize(("d", "v", "t2"), [(0.3, 0.01, 0.04), (-0.02, 1e-4, 2.5e-5), (1.7, 0.5, 9.0)])
def test_the_ratio_is_the_mixture_integrated(d, v, t2):
    mixed = integrate.quad(
        lambda e: stats.norm.pdf(d, e, np.sqrt(v)) * stats.norm.pdf(e, 0, np.sqrt(t2)), -np.inf, np.inf, epsabs=0
    )[0]
    ratio = mixed / stats.norm.pdf(d, 0, np.sqrt(v))
    assert always_valid(d, np.sqrt(v), scale=np.sqrt(t2)).p == pytest.approx(min(1, 1 / ratio), rel=1e-6)


def test_the_interval_excludes_what_the_p_value_rejects():
    error = np.array([0.5, 0.1, 0.02])
    edge = error * boundary(error, scale=0.3, alpha=0.1)
    inside, outside = (always_valid(edge * f, error, scale=0.3, alpha=0.1) for f in (1 - 1e-9, 1 + 1e-9))
    assert (inside.low < 0).all() and (outside.low > 0).all()
    assert (inside.p > 0.1).all() and (outside.p < 0.1).all()


def test_its_width_against_a_fixed_one_is_that_of_other_implementations():
    """GrowthBook's gbstats with N* = 5000 at five sample sizes."""
    n = np.array([500, 1000, 5000, 10_000, 50_000])
    found = boundary(n**-0.5, scale=tuned_scale(5000**-0.5)) / stats.norm.isf(0.025)
    np.testing.assert_allclose(found, [1.97, 1.72, 1.55, 1.56, 1.65], atol=0.006)


def test_it_is_narrowest_near_where_it_was_tuned():
    errors = np.geomspace(0.02, 0.05, 7)
    best = tuned_scale(0.03)
    widths = [boundary(0.03, scale=best * f) for f in (0.7, 1.0, 1.4)]
    assert min(widths) == widths[1]
    assert boundary(errors, scale=best).min() < 3.04


def walks(looks, runs, seed):
    """Sums of unit normals after each of so many equal looks, and the information there."""
    n = np.arange(1, looks + 1, dtype=float)
    return np.cumsum(np.random.default_rng(seed).standard_normal((runs, looks)), axis=1) / n, n


@pytest.mark.parametrize(("looks", "rate"), [(20, 0.0142), (100, 0.0191)])
def test_it_errs_as_seldom_as_was_measured_however_often_one_looks(looks, rate):
    """To 10,000 units, tuned for 5,000 of them."""
    mean, n = walks(looks, 60_000, looks)
    error = (n * 10_000 / looks) ** -0.5
    z = mean * np.sqrt(n)
    wrong = (np.abs(z) > boundary(error, scale=tuned_scale(5000**-0.5))).any(axis=1).mean()
    assert wrong == pytest.approx(rate, abs=0.0022)


@pytest.mark.parametrize(("scale", "rate", "power"), [(0.005, 0.0041, 0.593), (0.01, 0.0120, 0.664)])
def test_the_test_of_johari_errs_and_finds_as_was_measured(scale, rate, power):
    """A share of 0.1, twenty looks of 1,000 an arm, against nothing and against +10 %."""
    mean, n = walks(20, 60_000, 5)
    for effect, rise, share in ((0.0, 0.0, rate), (0.01, 0.01, power)):
        unit = np.sqrt(0.09 + (0.1 + rise) * (0.9 - rise))
        error = unit / np.sqrt(1000 * n)
        z = mean * np.sqrt(n) + effect / error
        found = (np.abs(z) > boundary(error, scale=scale)).any(axis=1).mean()
        assert found == pytest.approx(share, abs=0.002 if not effect else 0.02)


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"scale": -1.0}, {"scale": np.nan}])
def test_a_scale_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="above zero"):
        always_valid(0.1, 0.1, **wrong)


def test_an_alpha_out_of_range_is_refused():
    with pytest.raises(ValueError, match="alpha is 1"):
        boundary(0.1, scale=1.0, alpha=1.0)
    with pytest.raises(ValueError, match="alpha is 0"):
        tuned_scale(0.1, alpha=0.0)
