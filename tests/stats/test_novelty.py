"""Effects over time: plain grids, dense matrices, and how often a fading effect is found."""

import numpy as np
import pytest

from workbench.stats.hierarchy import SpreadPrior
from workbench.stats.novelty import SHORTEST, decay, walk

DAYS = np.arange(14.0)


def test_a_fading_effect_is_that_of_a_plain_grid():
    rng = np.random.default_rng(1)
    y, s = 0.1 + 0.2 * 0.5 ** (DAYS / 3) + rng.normal(0, 0.05, 14), np.full(14, 0.05)
    fit = decay(DAYS, y, s, size=0.3)
    half = np.exp(np.linspace(np.log(SHORTEST), np.log(13), 51))
    a, b = np.linspace(-0.9, 0.6, 121), np.linspace(-1.0, 1.5, 121)
    lasting, faded, total = 0.0, 0.0, 0.0
    for h, edge in zip(half, [0.5, *[1.0] * 49, 0.5], strict=True):
        left = 0.5 ** (DAYS / h)
        w = edge * np.exp(-(((y - a[:, None, None] - b[:, None] * left) / s) ** 2).sum(-1) / 2 - (b / 0.3) ** 2 / 2)
        lasting, faded = lasting + (w * a[:, None]).sum(), faded + (w * b).sum() * (1 - left[-1])
        total += w.sum()
    assert fit.lasting.mean[0] == pytest.approx(lasting / total, abs=0.02 * fit.lasting.sd[0])
    assert fit.faded.mean[0] == pytest.approx(faded / total, abs=0.02 * fit.faded.sd[0])
    assert fit.by_day.mean[0] - fit.by_day.mean[-1] == pytest.approx(fit.faded.mean[0], abs=1e-12)


def test_a_wandering_effect_is_that_of_its_precision_matrix():
    rng = np.random.default_rng(2)
    days = np.array([0.0, 1, 2, 4, 5, 6, 9])
    y, s = np.cumsum(rng.normal(0, 0.1, 7)) + rng.normal(0, 0.05, 7), rng.uniform(0.03, 0.1, 7)
    fit = walk(days, y, s, SpreadPrior(0.1))
    sigma = (np.arange(4000) + 0.5) / 4000 * 0.6
    difference = np.diff(np.eye(7), axis=0) / np.sqrt(np.diff(days))[:, None]
    precision = difference.T @ difference / sigma[:, None, None] ** 2 + np.diag(s**-2)
    mean = np.linalg.solve(precision, np.broadcast_to(y / s**2, (4000, 7))[..., None])[..., 0]
    log = mean @ (y / s**2) / 2 - np.linalg.slogdet(precision)[1] / 2 - 6 * np.log(sigma) - sigma**2 / 0.02
    w = np.exp(log - log.max())
    w /= w.sum()
    var = np.einsum("nii->ni", np.linalg.inv(precision))
    known = w @ mean
    sd = np.sqrt(w @ (var + mean**2) - known**2)
    np.testing.assert_allclose(fit.by_day.mean, known, atol=1e-3 * sd.min())
    np.testing.assert_allclose(fit.by_day.sd, sd, rtol=1e-3)
    assert fit.step.mean == pytest.approx(w @ sigma, rel=1e-3)


def test_a_still_effect_is_the_mean_of_its_days():
    y, s = np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 0.5, 1.0, 2.0])
    fit = walk(np.arange(4.0), y, s, SpreadPrior(1e-6))
    w = s**-2
    np.testing.assert_allclose(fit.by_day.mean, w @ y / w.sum(), atol=1e-4)


def test_a_fading_effect_is_found_and_a_steady_one_is_left_alone():
    rng = np.random.default_rng(3)
    found = {"fades": [], "steady": [], "grows": []}
    for kind, passing in (("fades", 0.2), ("steady", 0.0), ("grows", -0.2)):
        for _ in range(150):
            y = 0.3 + passing * 0.5 ** (DAYS / 2) + rng.normal(0, 0.04, 14)
            found[kind].append(decay(DAYS, y, np.full(14, 0.04), size=0.2).fades)
    share = {
        kind: {said: np.mean([s == said for s in seen]) for said in ("fades", "grows")} for kind, seen in found.items()
    }
    assert share["fades"]["fades"] > 0.9 and share["grows"]["grows"] > 0.9
    assert share["steady"]["fades"] < 0.08 and share["steady"]["grows"] < 0.08


def test_intervals_of_what_faded_hold_what_they_say():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(600):
        b, h = rng.normal(0, 0.2), np.exp(rng.uniform(np.log(SHORTEST), np.log(13)))
        y = 0.3 + b * 0.5 ** (DAYS / h) + rng.normal(0, 0.05, 14)
        u = decay(DAYS, y, np.full(14, 0.05), size=0.2).faded.cdf(b * (1 - 0.5 ** (13 / h)))[0]
        inside.append(0.05 < u < 0.95)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.035)


def test_a_negative_effect_fades_towards_nothing_from_below():
    fit = decay(DAYS, -0.1 - 0.3 * 0.5 ** (DAYS / 2), np.full(14, 0.02), size=0.3)
    assert fit.fades == "fades" and fit.lasting.mean[0] == pytest.approx(-0.1, abs=0.02)
    assert fit.half_life[0] == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize(
    ("days", "size", "said"),
    [([0, 1], 1.0, "at least three"), ([0, 1, 1], 1.0, "increase"), ([0, 1, 2], 0.0, "above zero")],
)
def test_what_is_no_course_is_refused(days, size, said):
    with pytest.raises(ValueError, match=said):
        decay(np.array(days), np.zeros(len(days)), np.ones(len(days)), size=size)
