"""A look at an effect: against brute force over the posterior, and the choice that follows."""

import numpy as np
import pytest
from scipy import stats

from workbench.experiments.looking import EXPECTATIONS, Reading, amount, look
from workbench.stats.effects import EffectPrior

READING = Reading("orders", "new", "old", 0.03, 0.02, "relative")
PRIOR = EffectPrior.normal(0.0, 0.02, scale="relative")


def drawn(reading=READING, prior_sd=0.02):
    """A fine grid of the posterior under a normal belief."""
    x = np.linspace(-0.3, 0.3, 600_001)
    mass = stats.norm.pdf(x, reading.estimate, reading.error) * stats.norm.pdf(x, 0, prior_sd)
    return x, mass / mass.sum()


def test_chances_and_costs_are_those_of_brute_force():
    found = look(READING, PRIOR, accepted=0.001, trivial=0.01)
    x, mass = drawn()
    assert found.chance_better == pytest.approx(mass[x > 0].sum(), abs=1e-4)
    assert found.chance_trivial == pytest.approx(mass[abs(x) < 0.01].sum(), abs=1e-4)
    assert found.chance_harm == pytest.approx(mass[x < -0.01].sum(), abs=1e-4)
    assert found.cost_of_taking == pytest.approx(np.maximum(-x, 0) @ mass, rel=1e-4)
    assert found.cost_of_keeping == pytest.approx(np.maximum(x, 0) @ mass, rel=1e-4)


def test_where_less_is_better_everything_turns_round():
    up = look(READING, PRIOR, accepted=0.001, trivial=0.01)
    mirrored = Reading("orders", "new", "old", -0.03, 0.02, "relative", "lower")
    down = look(mirrored, PRIOR, accepted=0.001, trivial=0.01)
    assert down.chance_better == pytest.approx(up.chance_better)
    assert down.chance_harm == pytest.approx(up.chance_harm)
    assert down.cost_of_taking == pytest.approx(up.cost_of_taking)
    assert down.choice == up.choice


@pytest.mark.parametrize(
    ("estimate", "accepted", "choice"),
    [(0.08, 0.001, "take"), (-0.08, 0.001, "keep"), (0.0, 0.001, "wait"), (0.0, 0.05, "take")],
)
def test_what_costs_no_more_than_is_accepted_is_chosen(estimate, accepted, choice):
    found = look(Reading("orders", "new", "old", estimate, 0.02, "relative"), EXPECTATIONS[0].prior, accepted=accepted)
    assert found.choice == choice
    assert found.sentence.startswith(choice.capitalize())


def test_a_stronger_belief_in_small_effects_shrinks_more():
    shrunk = [look(READING, belief.prior, accepted=0.001).after.value for belief in EXPECTATIONS]
    assert shrunk == sorted(shrunk, reverse=True)
    assert shrunk[0] == READING.estimate


def test_the_drawn_curve_is_the_posteriors_density():
    found = look(READING, PRIOR, accepted=0.001)
    assert np.trapezoid(found.density, found.at) == pytest.approx(1, abs=1e-4)
    assert len(found.before) == len(found.at)


def test_a_belief_on_another_scale_and_a_cost_of_nothing_are_refused():
    with pytest.raises(ValueError, match="the belief is on the absolute scale"):
        look(READING, EffectPrior.normal(0, 1), accepted=0.001)
    with pytest.raises(ValueError, match="accepted is 0"):
        look(READING, PRIOR, accepted=0.0)


def test_sizes_keep_two_digits_and_never_vanish():
    assert [amount(v, "relative") for v in (0.5, 0.05, 0.005, 0.0005, 1e-7)] == [
        "50\u00a0%",
        "5.0\u00a0%",
        "0.50\u00a0%",
        "0.050\u00a0%",
        "under 0.001\u00a0%",
    ]
