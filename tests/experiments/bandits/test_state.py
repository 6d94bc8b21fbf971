"""A bandit's state: batches and single observations agree, evidence fades, JSON is checked, weights are exact."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from workbench.errors import EngineError, Misuse
from workbench.experiments.bandits.leaves import Leaf
from workbench.experiments.bandits.state import (
    FIRST,
    BanditDesign,
    BanditState,
    Observation,
    add_tallies,
    decide_table,
    update,
)
from workbench.experiments.bandits.state_json import leaves_from_json, state_file
from workbench.stats.bandits import Tally, floored, top_two
from workbench.stats.best_arm import best_chances
from workbench.stats.posteriors import Beta

EU = Leaf("eu", {"region": "DE"})
FADING = {"half-life": {"half_life": 3.0}, "window": {"window": 4}, "never": {}}
REWARDS = {
    "binary": lambda rng, n: (rng.random(n) < 0.3).astype(float),
    "count": lambda rng, n: rng.poisson(2.0, n).astype(float),
    "mean": lambda rng, n: rng.normal(1e6, 1.0, n),
    "revenue": lambda rng, n: np.where(rng.random(n) < 0.5, rng.lognormal(3, 1, n), 0.0),
}


def design(**more):
    return BanditDesign(**{"name": "shop", "arms": ("a", "b", "c"), "reward": "binary", "leaves": (EU,), **more})


def observed(reward="binary", n=400, days=10, seed=1):
    rng = np.random.default_rng(seed)
    arms, leaves, ages = rng.integers(3, size=n), rng.integers(2, size=n), rng.integers(days, size=n)
    values = REWARDS[reward](rng, n)
    return [
        Observation("abc"[arm], value, FIRST + timedelta(days=int(age)), ("eu", "default")[leaf])
        for arm, value, age, leaf in zip(arms, values.tolist(), ages, leaves, strict=True)
    ]


def assert_same(one, two):
    assert (one.design, one.day, one.rows) == (two.design, two.day, two.rows)
    assert set(one.cells) == set(two.cells)
    for cell, tally in one.cells.items():
        assert tally == pytest.approx(two.cells[cell], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("fading", FADING)
@pytest.mark.parametrize("reward", REWARDS)
def test_a_batch_and_single_observations_in_any_order_give_one_state(reward, fading):
    plan, seen = design(reward=reward, **FADING[fading]), observed(reward)
    batch = update(BanditState.start(plan), seen)
    single = BanditState.start(plan)
    for observation in seen:  # the days are mixed
        single = update(single, observation)
    halves = update(update(BanditState.start(plan), seen[200:]), seen[:200])
    assert_same(batch, single)
    assert_same(batch, halves)
    if reward in {"binary", "count"}:
        assert decide_table(batch).version == decide_table(halves).version == decide_table(single).version


def test_weights_are_the_exact_chances_with_the_floor():
    seen = [Observation("a", 1.0, FIRST)] * 30 + [Observation("a", 0.0, FIRST)] * 70
    seen += [Observation("b", 1.0, FIRST)] * 38 + [Observation("b", 0.0, FIRST)] * 62
    chances = best_chances([Beta(31, 71), Beta(39, 63), Beta(1, 1)])
    state = update(BanditState.start(design(floor=0.02)), seen)
    weights = decide_table(state).weights
    assert list(weights["default"].values()) == pytest.approx(floored(chances, 0.02), abs=1e-11)
    assert list(weights["eu"].values()) == pytest.approx([1 / 3] * 3)
    second = decide_table(update(BanditState.start(design(floor=0.02, rule="top two")), seen)).weights["default"]
    assert list(second.values()) == pytest.approx(floored(top_two(chances), 0.02), abs=1e-11)


def test_less_can_be_better():
    seen = observed(n=900)
    high = decide_table(update(BanditState.start(design()), seen)).weights["eu"]
    low = decide_table(update(BanditState.start(design(better="lower")), seen)).weights["eu"]
    assert max(high, key=high.get) != max(low, key=low.get)


def test_evidence_counts_for_half_after_a_half_life():
    plan = design(half_life=7.0)
    state = update(BanditState.start(plan), [Observation("a", 1.0, FIRST)] * 8)
    later = state.at(FIRST + timedelta(days=14))
    assert later.tallies("default")["a"].n == pytest.approx(2.0)
    assert later.tallies("default")["a"].mean == 1.0
    with pytest.raises(Misuse, match="count for more again"):
        later.at(FIRST)


def test_evidence_falls_out_of_a_window():
    plan = design(window=3)
    state = update(BanditState.start(plan), [Observation("a", 1.0, FIRST + timedelta(days=d)) for d in range(5)])
    assert state.tallies("default")["a"].n == 3
    assert state.at(FIRST + timedelta(days=6)).tallies("default")["a"].n == 1
    late = update(state, Observation("a", 1.0, FIRST))
    assert late.tallies("default")["a"].n == 3 and late.rows == 6


def test_leaves_learn_from_each_other_where_they_may():
    seen = [Observation("b", 1.0, FIRST, "eu")] * 40 + [Observation("a", 0.0, FIRST, "eu")] * 40
    alone = decide_table(update(BanditState.start(design()), seen)).weights["default"]
    helped = decide_table(update(BanditState.start(design(borrow=10)), seen)).weights["default"]
    assert alone["b"] == pytest.approx(1 / 3) and helped["b"] > 0.85


def test_sums_from_a_warehouse_are_as_good_as_rows():
    seen = observed("revenue")
    tallies = {}
    for o in seen:
        key = (o.leaf, o.arm, o.day)
        tallies[key] = tallies.get(key, Tally()).plus(Tally.of([o.reward]))
    plan = design(reward="revenue", half_life=5.0)
    assert_same(add_tallies(BanditState.start(plan), tallies), update(BanditState.start(plan), seen))


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        (Observation("z", 1.0, FIRST), "'z' is no arm"),
        (Observation("a", 1.0, FIRST, "us"), "'us' is no leaf"),
        (Observation("a", 0.5, FIRST), "it must be 0 or 1"),
        (Observation("a", float("nan"), FIRST), "it must be 0 or 1"),
    ],
)
def test_what_the_design_does_not_know_is_refused(observation, said):
    state = BanditState.start(design())
    for given in (observation, [observation]):
        with pytest.raises(Misuse, match=said):
            update(state, given)


@pytest.mark.parametrize(
    ("reward", "value", "said"),
    [("count", 1.5, "whole number"), ("count", -1.0, "whole number"), ("revenue", -1.0, "0 or more")],
)
def test_a_reward_of_another_kind_is_refused(reward, value, said):
    with pytest.raises(Misuse, match=said):
        update(BanditState.start(design(reward=reward)), Observation("a", value, FIRST))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "no name"),
        ({"arms": ("a",)}, "two or more"),
        ({"arms": ("a", "a")}, "named once"),
        ({"reward": "money"}, "reward is 'money'"),
        ({"rule": "softmax"}, "rule is 'softmax'"),
        ({"better": "more"}, "better is 'more'"),
        ({"floor": 0.5}, "floor is 0.5"),
        ({"half_life": 0.0}, "above zero"),
        ({"half_life": 1.0, "window": 2}, "both given"),
        ({"window": 0}, "at least 1"),
        ({"borrow": -1.0}, "not be negative"),
        ({"leaves": (EU, EU)}, "a name of its own"),
        ({"leaves": (Leaf("default", {"a": 1}),)}, "taken"),
    ],
)
def test_what_is_no_design_is_refused(change, said):
    with pytest.raises(Misuse, match=said):
        design(**change)


@pytest.mark.parametrize("fading", FADING)
def test_a_state_is_json_and_back(tmp_path, fading):
    state = update(BanditState.start(design(reward="revenue", **FADING[fading])), observed("revenue"))
    assert BanditState.from_json(state.as_json()) == state
    state_file(tmp_path / "s.json").begin(state)
    assert state_file(tmp_path / "s.json").read() == state
    assert {p.name for p in tmp_path.iterdir()} == {"s.json", "s.json.lock"}


def test_an_empty_state_is_json_and_back():
    assert BanditState.from_json(BanditState.start(design()).as_json()) == BanditState.start(design())


def changed(path, value):
    body = json.loads(update(BanditState.start(design()), observed()).as_json())
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return json.dumps(body)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["format"], "workbench.bandit/2", "no bandit's state"),
        (["more"], 1, "has more"),
        (["rows"], 1.5, "rows is 1.5"),
        (["rows"], True, "rows is True"),
        (["rows"], -1, "do not belong together"),
        (["day"], "yesterday", "like 2026-01-31"),
        (["day"], None, "do not belong together"),
        (["sources"], "abc", "must be a list"),
        (["sources"], [1], "must be a str"),
        (["design"], [], "must be an object"),
        (["design", "salt"], 1, "has salt"),
        (["design", "name"], 7, "name is 7"),
        (["design", "floor"], "0.1", "floor is '0.1'"),
        (["design", "floor"], float("nan"), "floor is nan"),
        (["design", "window"], 1.5, "window is 1.5"),
        (["design", "arms"], ["a", "b"], "evidence of 'c'"),
        (["design", "leaves"], [{"leaf": "eu"}], "lacks condition"),
        (["design", "leaves"], [7], "must be an object"),
        (["cells"], {}, "must be a list"),
        (["cells"], [1], "must be an object"),
        (["cells", 0, "n"], -4.0, "cannot be"),
        (["cells", 0, "n"], float("inf"), "n is inf"),
        (["cells", 0, "arm"], ["a"], "does not know"),
        (["cells", 1], json.loads(update(BanditState.start(design()), observed()).as_json())["cells"][0], "belong"),
    ],
)
def test_a_changed_state_is_refused(path, value, said):
    with pytest.raises(Misuse, match=said):
        BanditState.from_json(changed(path, value))


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        state_file(tmp_path / "none.json").read()
    with pytest.raises(Misuse, match="no JSON"):
        BanditState.from_json("{")
    with pytest.raises(Misuse, match="no JSON"):
        leaves_from_json("[")
    with pytest.raises(EngineError, match="cannot be written"):
        state_file(tmp_path / "no" / "s.json").begin(BanditState.start(design()))


def test_a_day_is_a_date():
    assert update(BanditState.start(design()), Observation("a", 1.0, date(2026, 3, 1))).day == date(2026, 3, 1)
