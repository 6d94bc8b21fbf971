"""Several dimensions, against dense matrices on a plain grid of the spreads."""

import numpy as np
import pytest

from workbench.stats.crossed import cross
from workbench.stats.hierarchy import SpreadPrior, shrink


def dense(y, s, levels, scales, points=40):
    """Means and sds of cells: the covariance written out, every spread on a grid of midpoints."""
    n = len(y)
    same = [np.equal.outer(c, c).astype(float) for c in levels] + [np.eye(n)]
    grids = [(np.arange(points) + 0.5) / points * 4.5 * scale for scale in scales]
    tau = np.stack(np.meshgrid(*grids, indexing="ij"), -1).reshape(-1, len(scales))
    prior = np.einsum("nd,dij->nij", tau**2, np.array(same))
    inverse = np.linalg.inv(prior + np.diag(s**2))
    rows = inverse.sum(axis=2)
    total = rows.sum(axis=1)
    mu = rows @ y / total
    gap = y - mu[:, None]
    log = (np.linalg.slogdet(inverse)[1] - np.log(total) - np.einsum("ni,nij,nj->n", gap, inverse, gap)) / 2
    log = log - ((tau / np.array(scales)) ** 2).sum(axis=1) / 2
    w = np.exp(log - log.max())
    w /= w.sum()
    gain = prior @ inverse
    mean = mu[:, None] + np.einsum("nij,nj->ni", gain, gap)
    slack = 1 - gain.sum(axis=2)
    var = np.einsum("nii->ni", prior - gain @ prior) + slack**2 / total[:, None]
    first = w @ mean
    return first, np.sqrt(w @ (var + mean**2) - first**2)


def test_two_dimensions_are_those_of_dense_matrices():
    rng = np.random.default_rng(1)
    c = np.array(list(np.ndindex(3, 2)))
    y = 0.1 + np.array([0.2, 0.0, -0.1])[c[:, 0]] + np.array([0.05, -0.05])[c[:, 1]] + rng.normal(0, 0.1, 6)
    s = rng.uniform(0.05, 0.15, 6)
    scales = [0.2, 0.1, 0.05]
    fit = cross(y, s, list(c.T), [SpreadPrior(scale) for scale in scales])
    mean, sd = dense(y, s, list(c.T), scales)
    np.testing.assert_allclose(fit.cells.mean, mean, atol=0.01 * sd.min())
    np.testing.assert_allclose(fit.cells.sd, sd, rtol=0.01)


def test_one_dimension_without_a_rest_is_the_plain_hierarchy():
    rng = np.random.default_rng(2)
    y, s = rng.normal(0, 0.2, 8), rng.uniform(0.05, 0.2, 8)
    fit = cross(y, s, [np.arange(8)], [SpreadPrior(0.2), SpreadPrior(1e-9)])
    plain = shrink(y, s, SpreadPrior(0.2))
    np.testing.assert_allclose(fit.cells.mean, plain.segments.mean, atol=1e-4 * s.min())
    np.testing.assert_allclose(fit.apart.mean, plain.apart.mean, atol=1e-4 * s.min())
    np.testing.assert_allclose(fit.apart.sd, plain.apart.sd, rtol=1e-4)
    assert fit.whole.sd[0] == pytest.approx(plain.whole.sd[0], rel=1e-4)


def test_a_level_and_its_cells_add_up():
    rng = np.random.default_rng(3)
    c = np.array(list(np.ndindex(4, 3)))
    y = rng.normal(0, 0.1, 12)
    fit = cross(y, np.full(12, 0.05), list(c.T), [SpreadPrior(0.1)] * 3)
    np.testing.assert_allclose(fit.apart.mean + fit.whole.mean, fit.cells.mean, atol=1e-12)
    assert [len(m.mean) for m in fit.levels] == [4, 3] and len(fit.spreads) == 3


def test_an_empty_looking_cell_learns_from_its_row_and_column():
    c = np.array(list(np.ndindex(4, 4)))
    row, column = np.array([0.0, 0.2, 0.4, 0.6]), np.array([0.0, 0.1, 0.2, 0.3])
    y = row[c[:, 0]] + column[c[:, 1]]
    s = np.where(np.arange(16) == 15, 50.0, 0.02)
    fit = cross(np.where(s > 1, 0.0, y), s, list(c.T), [SpreadPrior(0.5), SpreadPrior(0.5), SpreadPrior(0.1)])
    assert fit.cells.mean[15] == pytest.approx(0.9, abs=0.05)


@pytest.mark.slow
def test_intervals_hold_what_they_say_along_two_dimensions():
    rng = np.random.default_rng(4)
    c = np.array(list(np.ndindex(4, 3)))
    inside, spreads = [], [SpreadPrior(0.1), SpreadPrior(0.1), SpreadPrior(0.05)]
    for _ in range(40):
        tau = np.abs(rng.normal(0, 1, 3)) * [0.1, 0.1, 0.05]
        theta = rng.normal(0, tau[0], 4)[c[:, 0]] + rng.normal(0, tau[1], 3)[c[:, 1]] + rng.normal(0, tau[2], 12)
        s = rng.uniform(0.03, 0.1, 12)
        u = cross(rng.normal(theta, s), s, list(c.T), spreads).cells.cdf(theta)
        inside.append((u > 0.05) & (u < 0.95))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    ("levels", "priors", "said"),
    [
        ([], 1, "one to 3"),
        ([[0, 1]] * 4, 5, "one to 3"),
        ([[0, 1]], 1, "need 2"),
        ([[0, 2]], 2, "without gaps"),
        ([[0, 1, 2]], 2, "without gaps"),
    ],
)
def test_what_does_not_fit_together_is_refused(levels, priors, said):
    with pytest.raises(ValueError, match=said):
        cross(np.zeros(2), np.ones(2), levels, [SpreadPrior(1.0)] * priors)
