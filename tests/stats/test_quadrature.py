"""Panels and roots."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.posteriors import Beta, Meshes, StudentT
from workbench.stats.quadrature import increasing_root, panels


def test_panels_are_exact_for_high_powers():
    x, w = panels(np.array([0.0, 0.3, 2.0]))
    assert w @ x**20 == pytest.approx(2**21 / 21, rel=1e-13)


def test_a_root_is_found_where_newtons_steps_would_leave():
    root = increasing_root(
        lambda x: (np.arctan(x), 1 / (1 + x * x)), np.array([0.1]), np.array([-1e3]), np.array([1e3])
    )
    assert root == pytest.approx(np.tan(0.1), rel=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Beta(0.5, 200.5), stats.beta(0.5, 200.5)),
        (Beta(201.0, 1.0), stats.beta(201, 1)),
        (StudentT(7.0, 2.0, 3.0), stats.t(7, 2, 3)),
        (StudentT(np.inf, 2.0, 3.0), stats.norm(2, 3)),
    ],
)
def test_posteriors_are_scipys(ours, theirs):
    x = theirs.ppf([1e-6, 0.1, 0.5, 0.9])
    assert ours.cdf(x) == pytest.approx(theirs.cdf(x), rel=1e-9)
    assert ours.sf(x) == pytest.approx(theirs.sf(x), rel=1e-9)
    assert ours.ppf(np.array([1e-6, 0.3])) == pytest.approx(theirs.ppf([1e-6, 0.3]), rel=1e-7)
    assert ours.isf(np.array([1e-6, 0.3])) == pytest.approx(theirs.isf([1e-6, 0.3]), rel=1e-7)
    assert (ours.mean, ours.sd) == pytest.approx((theirs.mean(), theirs.std()))
    mesh = Meshes((ours, ours)).own(0)
    assert mesh.mass @ mesh.x == pytest.approx(theirs.mean(), rel=1e-9)


def test_draws_are_from_the_posterior():
    rng = np.random.default_rng(5)
    for posterior in (Beta(3, 4), StudentT(6, 1.0, 2.0), StudentT(np.inf, 0.0, 1.0)):
        drawn = posterior.draw(rng, 20_000)
        assert stats.kstest(posterior.cdf(drawn), "uniform").pvalue > 1e-3
