"""Chances and losses of shares, against closed sums, published numbers and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from workbench.stats.comparison import (
    chance_above,
    chances_best,
    compare,
    difference,
    difference_density,
    expected_losses,
)
from workbench.stats.posteriors import Beta
from workbench.stats.proportions import beta_posterior, exact_interval, wilson_interval


def miller(a: Beta, b: Beta) -> float:
    """P(B > A) as Evan Miller's finite sum, for whole numbers."""
    i = np.arange(int(b.a))
    terms = special.betaln(a.a + i, a.b + b.b) - np.log(b.b + i) - special.betaln(1 + i, b.b) - special.betaln(a.a, a.b)
    return float(np.exp(terms).sum())


@pytest.mark.parametrize(
    ("a", "b", "published"),
    [
        ((101, 901), (121, 881), 0.9231834390),
        ((131, 871), (151, 851), 0.9009539666),
        ((201, 801), (221, 781), 0.8636568217),
        ((501, 9501), (561, 9441), 0.9708376637),
        ((20035, 24667), (20120, 25371), 0.0372060252),
    ],
)
def test_chances_are_the_published_ones(a, b, published):
    assert chance_above(Beta(*b), Beta(*a)) == pytest.approx(published, abs=1e-9)
    assert chances_best([Beta(*a), Beta(*b)])[1] == pytest.approx(published, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(*(st.integers(1, 400) for _ in range(4)))
def test_chances_are_millers_sum(a1, b1, a2, b2):
    a, b = Beta(a1, b1), Beta(a2, b2)
    assert chance_above(b, a) == pytest.approx(miller(a, b), abs=1e-9)
    assert chance_above(a, b) == pytest.approx(miller(b, a), abs=1e-9)


def test_the_far_tail_is_exact_in_its_own_size():
    """Where one arm cannot win, the chance keeps its digits instead of drowning in one minus one."""
    low, high = Beta(6, 196), Beta(61, 141)
    assert chance_above(low, high) == pytest.approx(miller(high, low), rel=1e-6)
    assert chance_above(low, high) < 1e-12


@pytest.mark.parametrize(("yes", "chance"), [(0, 0.9849550854), (1, 0.9391364820)])
def test_small_counts_are_right(yes, chance):
    """A normal approximation says 0.5 and 0.768 here."""
    assert chance_above(beta_posterior(5, 200), beta_posterior(yes, 200)) == pytest.approx(chance, abs=1e-9)
    assert miller(beta_posterior(yes, 200), beta_posterior(5, 200)) == pytest.approx(chance, abs=1e-9)


def test_growthbooks_published_arms_are_exact_here():
    """49 of 100 against 51 of 100: its normal approximation says 0.60918."""
    assert chance_above(beta_posterior(51, 100), beta_posterior(49, 100)) == pytest.approx(0.6107705, abs=5e-8)


@pytest.mark.parametrize("times", [0.9, 1.05, 1.4])
@pytest.mark.parametrize(("a", "b"), [((6, 196), (61, 141)), ((510, 4490), (5, 45))])
def test_chances_of_a_relative_effect_are_brute_force(a, b, times):
    """P(b > times × a), as the region that matters and a guardrail's margin need it."""
    one, other = stats.beta(*b), stats.beta(*a)
    x = np.linspace(0, 1, 100_001)
    brute = float(integrate.simpson(other.pdf(x) * one.sf(times * x), x=x))
    assert chance_above(Beta(*b), Beta(*a), times=times) == pytest.approx(brute, abs=1e-9)


def test_three_arms_are_the_published_ones():
    """The case in the README of bayesian-testing, under its Beta(½, ½), computed exactly."""
    arms = [beta_posterior(k, n, prior=(0.5, 0.5)) for k, n in ((80, 1500), (80, 1200), (50, 1000))]
    assert chances_best(arms) == pytest.approx([0.0654187, 0.8933483, 0.0412330], abs=5e-8)
    assert expected_losses(arms) == pytest.approx([0.0138554, 0.0004588, 0.0170368], abs=1e-7)
    assert sum(chances_best(arms)) == pytest.approx(1, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(*(st.integers(1, 300) for _ in range(4)))
def test_losses_differ_by_exactly_the_difference_of_means(a1, b1, a2, b2):
    """E[max − A] − E[max − B] = E[B] − E[A], whatever the arms."""
    a, b = Beta(a1, b1), Beta(a2, b2)
    loss_a, loss_b = expected_losses([a, b])
    assert loss_a - loss_b == pytest.approx(b.mean - a.mean, abs=1e-13)
    assert min(loss_a, loss_b) >= 0


def test_a_tiny_loss_keeps_its_digits():
    """Stucchio's identity subtracts two chances near one; the integral does not."""
    a, b = beta_posterior(5, 200), beta_posterior(60, 200)
    exact, _ = integrate.quad(
        lambda t: special.betaincc(a.a, a.b, t) * special.betainc(b.a, b.b, t), 0, 1, epsabs=0, points=[0.1, 0.2]
    )
    assert expected_losses([a, b])[1] == pytest.approx(exact, rel=1e-6)
    assert exact < 1e-13


def test_lower_is_better_is_the_mirror():
    arms = [Beta(3, 9), Beta(5, 9), Beta(4, 4)]
    mirrored = [Beta(p.b, p.a) for p in arms]
    assert chances_best(arms, better="lower") == pytest.approx(chances_best(mirrored), abs=1e-12)
    assert expected_losses(arms, better="lower") == pytest.approx(expected_losses(mirrored), abs=1e-12)


@pytest.mark.parametrize(
    ("arm", "control"), [((81, 1121), (81, 1421)), ((6, 196), (2, 200)), ((5000, 45000), (3, 40)), ((0.5, 9.5), (3, 7))]
)
def test_intervals_hold_what_they_say(arm, control):
    """Brute force on the plane: the quantiles of difference and ratio by a fine sum."""
    a, c = Beta(*arm), Beta(*control)
    found = difference(a, c)
    u = (np.arange(400_000) + 0.5) / 400_000
    x = c.ppf(u)
    for q, level in ((found.low, 0.025), (found.high, 0.975)):
        assert a.cdf(x + q).mean() == pytest.approx(level, abs=2e-5)
    for q, level in ((found.relative_low, 0.025), (found.relative_high, 0.975)):
        assert a.cdf(x * (1 + q)).mean() == pytest.approx(level, abs=2e-5)


def test_the_density_of_a_difference_integrates_to_one():
    d = np.linspace(-0.3, 0.5, 4001)
    density = difference_density(Beta(30, 71), Beta(20, 91), d)
    assert np.trapezoid(density, d) == pytest.approx(1, abs=1e-9)
    assert np.trapezoid(density * d, d) == pytest.approx(30 / 101 - 20 / 111, abs=1e-9)


def test_wilson_is_statsmodels_own():
    from statsmodels.stats.proportion import proportion_confint

    assert wilson_interval(7, 50) == pytest.approx(proportion_confint(7, 50, method="wilson"), abs=1e-12)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_intervals_of_the_difference_cover(rate):
    """95 % intervals of 1,500 simulated pairs of equal arms hold the truth about 95 times in a hundred."""
    rng = np.random.default_rng(int(rate * 100))
    n = 400
    k = rng.binomial(n, rate, size=(1500, 2))
    pairs, times = np.unique(k, axis=0, return_counts=True)
    # the interval holds zero exactly where the chance of being above is not extreme
    chances = np.array([chance_above(beta_posterior(b, n), beta_posterior(a, n)) for a, b in pairs])
    assert times[(chances > 0.025) & (chances < 0.975)].sum() / 1500 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: beta_posterior(3, 2),
        lambda: beta_posterior(-1, 2),
        lambda: beta_posterior(1, 2, design_effect=0.5),
        lambda: Beta(0, 1),
        lambda: compare({"a": Beta(1, 1)}, "a"),
        lambda: compare({"a": Beta(1, 1), "b": Beta(1, 1)}, "c"),
        lambda: compare({"a": Beta(1, 1), "b": Beta(1, 1)}, "a", level=1.5),
        lambda: wilson_interval(0, 0),
    ],
)
def test_nonsense_is_refused(call):
    with pytest.raises(ValueError, match=r"must|needs|no trials|the arms are"):
        call()


def test_a_design_effect_counts_trials_less():
    plain, clustered = beta_posterior(50, 100), beta_posterior(50, 100, design_effect=2)
    assert clustered == beta_posterior(25, 50)
    assert clustered.sd == pytest.approx(stats.beta(26, 26).std())
    assert clustered.sd > plain.sd


def test_an_exact_interval_holds_at_its_tail_for_rare_events():
    """Wilson's lower end is above a share of half a percent twenty times too often in ten trials."""
    tail, share = 1e-4, 0.005
    for trials in (5, 10, 40, 1000):
        above = [yes for yes in range(trials + 1) if exact_interval(yes, trials, tail)[0] > share]
        assert not above or stats.binom.sf(above[0] - 1, trials, share) <= tail
        below = [yes for yes in range(trials + 1) if exact_interval(yes, trials, tail)[1] < 0.5]
        assert not below or stats.binom.cdf(below[-1], trials, 0.5) <= tail
