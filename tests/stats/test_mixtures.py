"""Many mixtures at once say what each one says alone."""

import numpy as np
import pytest

from workbench.stats.effects import EffectPosterior
from workbench.stats.mixtures import Mixtures, condensed


def some(rng: np.random.Generator) -> Mixtures:
    weights = rng.dirichlet(np.ones(7))
    return Mixtures(weights, rng.normal(0, 2, (4, 7)), rng.uniform(0.2, 1.5, (4, 7)))


def test_each_unknown_is_what_it_is_alone():
    many = some(np.random.default_rng(1))
    low, high = many.interval(0.9)
    for i in range(4):
        one = EffectPosterior(tuple(many.weights), tuple(many.means[i]), tuple(many.sds[i]))
        assert many.mean[i] == pytest.approx(one.mean) and many.sd[i] == pytest.approx(one.sd)
        assert (low[i], high[i]) == pytest.approx(one.interval(0.9), abs=1e-8)
        assert many.sf(0.3)[i] == pytest.approx(one.chance_above(0.3))
        assert many.one(i).interval(0.9) == pytest.approx(one.interval(0.9), abs=1e-8)


def test_a_small_probability_keeps_its_digits():
    far = Mixtures(np.ones(1), np.array([[0.0]]), np.array([[1.0]]))
    assert far.sf(20.0)[0] == pytest.approx(2.753624118606233e-89, rel=1e-9)


def test_condensed_keeps_mean_and_sd_and_nearly_every_quantile():
    rng = np.random.default_rng(2)
    w, m, s = rng.dirichlet(np.ones(20_000)), rng.gamma(2.0, 1.0, 20_000), rng.uniform(0.01, 0.5, 20_000)
    whole, few = Mixtures(w, m[None], s[None]), condensed(w, m, s)
    few = Mixtures(few.weights, few.means[None], few.sds[None])
    assert few.means.size < 2000
    assert few.mean[0] == pytest.approx(whole.mean[0], rel=1e-12) and few.sd[0] == pytest.approx(whole.sd[0], rel=1e-12)
    for level in (0.5, 0.9, 0.99):
        np.testing.assert_allclose(few.interval(level), whole.interval(level), atol=0.01 * whole.sd[0])
