"""Laws of learning in worlds where the best arm is known: who loses least, and when forgetting pays."""

from functools import cache

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.experiments.bandits.leaves import Leaf
from workbench.experiments.bandits.state import BanditDesign
from workbench.experiments.bandits.worlds import World, simulate
from workbench.stats.bandits import arm_posteriors
from workbench.stats.best_arm import best_chances

TEN = World.steady({f"arm{i}": 0.05 + 0.01 * i for i in range(10)}, days=40)
TURNING = World.turning({"a": 0.2, "b": 0.15, "c": 0.1}, {"a": 0.08, "b": 0.15, "c": 0.2}, days=60, at=30)
THREE = World.steady({"a": 0.10, "b": 0.15, "c": 0.20}, days=40)
LEAVES = (Leaf("eu", {"region": "eu"}), Leaf("us", {"region": "us"}))
SEEDS = 8


@cache
def runs(world, **more):
    return [
        simulate(
            world,
            BanditDesign(f"s{seed}", world.arms, "mean" if world.sd else "binary", **more),
            per_day=200,
            rng=np.random.default_rng(seed),
        )
        for seed in range(SEEDS)
    ]


def lost(world, **more):
    return float(np.mean([run.regret_per_decision for run in runs(world, **more)]))


def test_uniform_play_loses_the_mean_gap():
    assert lost(TEN, rule="uniform") == pytest.approx(0.045, abs=3e-4)


def test_thompson_sampling_loses_a_third_of_that_and_less_every_week():
    assert lost(TEN) < 0.33 * lost(TEN, rule="uniform")
    weeks = np.mean([run.regret.reshape(-1, 10).mean(axis=1) for run in runs(TEN)], axis=0)
    assert (np.diff(weeks) < 0).all()


def test_greedy_play_with_a_floor_is_less_reliable_than_thompson_sampling():
    spread = [np.std([run.regret_per_decision for run in runs(TEN, **more)]) for more in ({}, {"rule": "greedy"})]
    assert lost(TEN) < lost(TEN, rule="greedy") and spread[0] < spread[1]


def test_top_two_is_surer_of_the_best_arm_and_pays_for_it():
    """The chance that another arm is the best falls exponentially under top two, slowly under Thompson."""

    def doubt(**more):
        tallies = [run.state.tallies("default") for run in runs(THREE, floor=0.0, **more)]
        chances = [best_chances(arm_posteriors("binary", [t[arm] for arm in "abc"])) for t in tallies]
        return np.mean([np.log10(c[:2].sum()) for c in chances])

    assert doubt(rule="top two") < 2 * doubt() < -3
    assert lost(THREE, floor=0.0, rule="top two") > 2 * lost(THREE, floor=0.0)


@pytest.mark.parametrize("forgetting", [{"half_life": 4.0}, {"window": 10}])
def test_forgetting_beats_remembering_where_the_world_turns(forgetting):
    assert lost(TURNING, **forgetting) < 0.45 * lost(TURNING)


def test_forgetting_costs_where_it_does_not():
    assert lost(TEN, half_life=4.0) > 1.2 * lost(TEN)


def test_leaves_find_what_one_table_for_all_cannot():
    world = World.by_leaf({"eu": {"a": 0.2, "b": 0.1}, "us": {"a": 0.1, "b": 0.2}}, days=30)
    run = simulate(
        world, BanditDesign("s", ("a", "b"), "binary", leaves=LEAVES), per_day=200, rng=np.random.default_rng(1)
    )
    assert run.regret_per_decision < 0.01  # any one table for both loses 0.05
    assert run.tables[-1].weights["eu"]["a"] > 0.95 and run.tables[-1].weights["us"]["b"] > 0.95


def test_numbers_are_learned_as_well_as_shares():
    world = World(("a", "b"), ("default",), np.tile([[[10.0, 10.5]]], (20, 1, 1)), sd=3.0)
    assert lost(world) < 0.35 * 0.25


def test_where_less_is_better_the_lowest_arm_is_what_is_lost_against():
    assert lost(THREE, better="lower", rule="uniform") == pytest.approx(0.05, abs=1e-3)
    assert lost(THREE, better="lower") < 0.01
    assert runs(THREE, better="lower")[0].tables[-1].weights["default"]["a"] > 0.9


def test_what_was_played_is_logged_with_its_propensity():
    run = runs(TEN)[0]
    versions = {table.version: table for table in run.tables}
    for i in range(0, len(run.log), 97):
        table = versions[run.log.table_version[i]]
        assert run.log.propensity[i] == table.weights[run.log.leaf[i]][run.log.arm[i]]
    assert run.state.rows == len(run.log) == 40 * 200


def test_a_table_is_worth_its_weighted_means():
    world = World.by_leaf({"eu": {"a": 0.2, "b": 0.1}, "us": {"a": 0.1, "b": 0.3}}, days=3)
    run = simulate(
        world, BanditDesign("s", ("a", "b"), "binary", leaves=LEAVES), per_day=5, rng=np.random.default_rng(1)
    )
    assert world.worth(run.tables[0]) == pytest.approx(0.175)


@pytest.mark.parametrize(
    ("arms", "per_day", "said"), [(("x", "y"), 10, "are not the world's"), (TEN.arms, 0, "at least one")]
)
def test_what_cannot_be_played_is_refused(arms, per_day, said):
    with pytest.raises(Misuse, match=said):
        simulate(TEN, BanditDesign("s", arms, "binary"), per_day=per_day, rng=np.random.default_rng(1))
