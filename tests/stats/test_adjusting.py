"""Adjustment is the pooled regression, saves what it says, and never moves the expected effect."""

import numpy as np
import pytest
import statsmodels.api as sm

from workbench.stats.adjusting import adjusted, saved_share, worth
from workbench.stats.joint import Joint
from workbench.stats.ratio import linear_weights, ratio_of

ONE = {"a": np.ones(1), "b": np.ones(1)}


def arm(rng: np.random.Generator, n: int, effect: float = 0.0) -> np.ndarray:
    before = rng.gamma(2, 3, (n, 2))
    return np.column_stack([before @ [0.8, -0.3] + rng.normal(effect, 2, n), before])


def test_slopes_and_effect_are_those_of_the_regression():
    rng = np.random.default_rng(1)
    a, b = arm(rng, 400), arm(rng, 400, 0.5)
    found = adjusted({"a": Joint.of(a), "b": Joint.of(b)}, ONE)
    design = np.column_stack([np.ones(800), np.repeat([0, 1], 400), np.vstack([a, b])[:, 1:]])
    fit = sm.OLS(np.concatenate([a[:, 0], b[:, 0]]), design).fit()
    assert found.slopes == pytest.approx(fit.params[2:], rel=1e-10)
    effect = found.samples["b"].mean - found.samples["a"].mean
    assert effect == pytest.approx(fit.params[1], rel=1e-10)
    error = np.hypot(found.samples["a"].error, found.samples["b"].error)
    assert error == pytest.approx(fit.bse[1], rel=5e-3)  # the regression adds that covariates differ by chance


def test_with_one_covariate_the_saved_share_is_the_squared_correlation():
    rng = np.random.default_rng(2)
    a, b = arm(rng, 50_000)[:, :2], arm(rng, 50_000)[:, :2]
    found = adjusted({"a": Joint.of(a), "b": Joint.of(b)}, ONE)
    assert found.saved == pytest.approx(np.corrcoef(a.T)[0, 1] ** 2, abs=0.01)
    assert found.worth == pytest.approx(1 / (1 - found.saved) - 1)


def test_a_covariate_that_says_nothing_saves_nothing():
    rng = np.random.default_rng(3)
    rows = {name: Joint.of(rng.normal(size=(2000, 2))) for name in "ab"}
    assert adjusted(rows, ONE).saved == pytest.approx(0, abs=2e-3)
    assert worth(0.0) == 0 and worth(1.0) == np.inf and worth(-0.25) == pytest.approx(-0.2)


def test_intervals_cover_the_true_effect_with_and_without_luck():
    rng = np.random.default_rng(4)
    inside, estimates = [], []
    for _ in range(1500):
        found = adjusted({"a": Joint.of(arm(rng, 60)), "b": Joint.of(arm(rng, 60, 0.7))}, ONE)
        effect = found.samples["b"].mean - found.samples["a"].mean
        error = np.hypot(found.samples["a"].error, found.samples["b"].error)
        inside.append(abs(effect - 0.7) < 1.98 * error)
        estimates.append(effect)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.018)
    assert np.mean(estimates) == pytest.approx(0.7, abs=0.04)


def test_a_ratio_is_adjusted_through_its_linear_form():
    """Slopes as from a regression of the linearised units, arm by arm, on the covariate."""
    rng = np.random.default_rng(5)
    arms = {}
    for name in "ab":
        before = rng.gamma(3, 1, 3000)
        count = rng.poisson(before + 1)
        arms[name] = np.column_stack([count * before + rng.normal(size=3000), count + 1, before])
    joint = {name: Joint.of(rows) for name, rows in arms.items()}
    weights = {name: linear_weights(moments) for name, moments in joint.items()}
    found = adjusted(joint, weights)
    linear = np.concatenate([rows[:, :2] @ weights[name] for name, rows in arms.items()])
    design = np.column_stack(
        [np.repeat([[1, 0], [0, 1]], 3000, axis=0), np.concatenate([r[:, 2] for r in arms.values()])]
    )
    fit = sm.OLS(linear, design).fit()
    assert found.slopes == pytest.approx(fit.params[2:], rel=1e-9)
    plain = {name: ratio_of(moments) for name, moments in joint.items()}
    assert found.saved == pytest.approx(saved_share(plain, found.samples), rel=1e-9)
    assert found.saved > 0.3


@pytest.mark.parametrize("column", [lambda x: np.ones(len(x)), lambda x: 2 * x[:, 1]])
def test_covariates_without_spread_of_their_own_are_refused(column):
    rows = arm(np.random.default_rng(6), 50)[:, :2]
    both = Joint.of(np.column_stack([rows, column(rows)]))
    with pytest.raises(ValueError, match="no spread of their own"):
        adjusted({"a": both, "b": both}, ONE)
