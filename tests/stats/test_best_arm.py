"""Chances of being the best: against the slow quadrature, closed forms, Miller's sum and draws."""

import numpy as np
import pytest
from scipy import special

from workbench.stats.best_arm import best_chances
from workbench.stats.comparison import chances_best
from workbench.stats.effects import EffectPrior, effect_posterior
from workbench.stats.hurdle import Hurdle
from workbench.stats.posteriors import Beta, StudentT
from workbench.stats.rates import Gamma

FAMILIES = {
    "beta": lambda n, p: Beta(1 + n * p, 1 + n * (1 - p)),
    "gamma": lambda n, p: Gamma(1 + n * p, 1 + n),
    "student": lambda n, p: StudentT(2 + n, p, 1 / np.sqrt(n)),
    "normal": lambda n, p: StudentT(np.inf, p, 1 / np.sqrt(n)),
}


def miller(a1, b1, a2, b2):
    """P(second > first) as a finite sum of Beta functions (Miller 2015), for whole a2."""
    i = np.arange(a2)
    log = special.betaln(a1 + i, b1 + b2) - np.log(b2 + i) - special.betaln(1 + i, b2) - special.betaln(a1, b1)
    return float(np.exp(log).sum())


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_equals_the_slow_quadrature_for_any_arms(family, better):
    """Two to ten arms, with one to a million rewards each and side by side."""
    rng = np.random.default_rng(7)
    for _ in range(12):
        k = int(rng.integers(2, 11))
        n, p = 10 ** rng.uniform(0, 6, k), rng.beta(1, 8, k)
        arms = [FAMILIES[family](*pair) for pair in zip(n, p, strict=True)]
        assert best_chances(arms, better=better) == pytest.approx(chances_best(arms, better=better), abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "published"),
    [
        ((101, 901), (121, 881), 0.9231834390),
        ((131, 871), (151, 851), 0.9009539666),
        ((501, 9501), (561, 9441), 0.9708376637),
        ((20035, 24667), (20120, 25371), 0.0372060252),
    ],
)
def test_two_shares_are_millers_sum(a, b, published):
    exact = best_chances([Beta(*a), Beta(*b)])[1]
    assert exact == pytest.approx(miller(*a, *b), abs=1e-9)
    assert exact == pytest.approx(published, abs=1e-9)


def test_two_normals_are_the_normal_distribution():
    chances = best_chances([StudentT(np.inf, 1.0, 0.3), StudentT(np.inf, 1.5, 0.4)])
    assert chances[1] == pytest.approx(special.ndtr(0.5 / 0.5), abs=1e-12)


def test_two_gammas_are_an_incomplete_beta():
    """X / (X + cY) of two Gammas is Beta."""
    one, two = Gamma(12.0, 100.0), Gamma(20.0, 130.0)
    p = special.betainc(20.0, 12.0, 130 / (130 + 100))  # P(G₂/130 < G₁/100)
    assert best_chances([one, two])[0] == pytest.approx(p, abs=1e-10)


def test_draws_agree():
    rng = np.random.default_rng(3)
    arms = [Beta(1 + k, 401 - k) for k in (38, 40, 44, 47, 20)]
    drawn = np.stack([arm.draw(rng, 400_000) for arm in arms])
    shares = np.bincount(drawn.argmax(axis=0), minlength=5) / 400_000
    assert best_chances(arms) == pytest.approx(shares, abs=4e-3)
    assert best_chances(arms, better="lower") == pytest.approx(
        np.bincount(drawn.argmin(axis=0), minlength=5) / 400_000, abs=4e-3
    )


def test_a_small_chance_is_right_in_its_own_size():
    """Two in a hundred against three in ten: a chance below 1e-40, with six digits of its own."""
    exact = best_chances([Beta(301, 701), Beta(21, 981)])[1]
    assert exact == pytest.approx(miller(301, 701, 21, 981), rel=1e-6)
    assert exact < 1e-40


def test_equal_arms_share_equally_and_one_arm_is_the_best():
    assert best_chances([Beta(3, 4)] * 10) == pytest.approx(np.full(10, 0.1), abs=1e-12)
    assert best_chances([Beta(3, 4)]).tolist() == [1.0]


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_money_with_zeros_has_the_same_chances_as_by_the_slow_quadrature(better):
    arms = [
        Hurdle(Beta(31, 71), 30, 2.0, 20.0, df=29),
        Hurdle(Beta(41, 61), 40, 1.9, 40.0, df=39),
        Hurdle(Beta(301, 701), 300, 2.1, 300.0, df=299),
    ]
    assert best_chances(arms, better=better) == pytest.approx(chances_best(arms, better=better), abs=1e-7)


def test_other_posteriors_take_the_general_way():
    arms = [effect_posterior(mean, 0.3, EffectPrior.normal(0.0, 1.0)) for mean in (0.1, 0.2)]
    assert best_chances(arms).tolist() == chances_best(arms)


@pytest.mark.parametrize(("arms", "said"), [([], "no arm"), ([Beta(1, 1), Gamma(1, 1)], "different kinds")])
def test_what_cannot_be_compared_is_refused(arms, said):
    with pytest.raises(ValueError, match=said):
        best_chances(arms)
