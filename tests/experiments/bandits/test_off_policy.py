"""From a log to an answer in words: the truth of simulated worlds is met, and silence where there is none."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from workbench.errors import Misuse
from workbench.evidence import Finding
from workbench.evidence.off_policy import off_policy_finding
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.leaves import Leaf
from workbench.experiments.bandits.log import BanditLog
from workbench.experiments.bandits.off_policy import evaluate
from workbench.experiments.bandits.state import BanditDesign
from workbench.experiments.bandits.worlds import World, simulate

LEAVES = (Leaf("eu", {"region": "eu"}), Leaf("us", {"region": "us"}))
WORLD = World.by_leaf({"eu": {"a": 0.20, "b": 0.12, "c": 0.10}, "us": {"a": 0.10, "b": 0.12, "c": 0.2}}, days=10)
GOOD = {"eu": {"a": 0.8, "b": 0.1, "c": 0.1}, "us": {"a": 0.1, "b": 0.1, "c": 0.8}}
TARGET = DecisionTable.of("shop", {**GOOD, "default": GOOD["eu"]}, LEAVES)


def logged(seed, per_day=200, **more):
    design = BanditDesign(f"shop{seed}", WORLD.arms, "binary", rule="uniform", leaves=LEAVES)
    return simulate(WORLD, design, per_day=per_day, rng=np.random.default_rng(seed), **more).log


def test_the_true_value_is_met():
    """Over 60 logs: right on average, and inside nearly all intervals."""
    truth = WORLD.worth(TARGET)
    found = [evaluate(logged(seed), TARGET).result for seed in range(60)]
    for name in ("IPS", "SNIPS", "DR", "SNDR"):
        values = np.array([f.values[name].value for f in found])
        assert values.mean() == pytest.approx(truth, abs=3.5 * values.std() / np.sqrt(60))
        assert np.mean([f.values[name].interval.low <= truth <= f.values[name].interval.high for f in found]) > 0.88


def test_an_adaptive_log_is_met_too():
    """Propensities that moved from day to day, units that came again."""
    design = BanditDesign("shop", WORLD.arms, "binary", leaves=LEAVES, floor=0.1)
    values = []
    for seed in range(40):
        run = simulate(WORLD, design, per_day=200, rng=np.random.default_rng(seed), returning=1000)
        values.append(evaluate(run.log, TARGET).result.best.value)
    assert np.mean(values) == pytest.approx(WORLD.worth(TARGET), abs=3.5 * np.std(values) / np.sqrt(40))


def test_a_better_table_is_called_better_and_for_costs_worse():
    log = logged(1, per_day=1000)
    better = evaluate(log, TARGET, name="the new table")
    assert better.verdict == "pass" and better.sentence.endswith(": better.")
    assert "Under the new table a decision would have earned 0.1" in better.sentence
    assert evaluate(log, TARGET, better="lower").verdict == "fail"


def test_what_is_not_told_apart_is_said_to_be_so():
    same = DecisionTable.of("shop", {leaf: dict.fromkeys("abc", 1 / 3) for leaf in ("eu", "us", "default")}, LEAVES)
    found = evaluate(logged(1), same)
    assert found.verdict == "not enough evidence" and "anything from" in found.sentence


def test_too_small_a_log_is_refused_in_words():
    found = evaluate(logged(1, per_day=10), TARGET, name="the new table")
    assert found.verdict == "not enough evidence"
    assert found.sentence.startswith(
        "This log cannot say what the new table would have earned. The log's 100 decisions"
    )
    assert "Log about" in found.sentence


def test_arms_that_were_never_played_are_named_as_the_reason():
    log = logged(1)
    kept = [i for i, (leaf, arm) in enumerate(zip(log.leaf, log.arm, strict=True)) if (leaf, arm) != ("us", "c")]
    cut = BanditLog(
        [log.arm[i] for i in kept],
        log.reward[kept],
        log.propensity[kept],
        None,
        [log.leaf[i] for i in kept],
        None,
        None,
    )
    refusal = evaluate(cut, TARGET).result.refusal
    assert "of its plays to arms that the log never played there" in refusal


def test_a_column_of_probabilities_needs_no_table():
    log = logged(1, per_day=500)
    column = np.array([TARGET.weights[leaf][arm] for leaf, arm in zip(log.leaf, log.arm, strict=True)])
    by_column, by_table = evaluate(log, column).result, evaluate(log, TARGET).result
    assert set(by_column.values) == {"IPS", "SNIPS"}
    assert by_column.values["SNIPS"] == by_table.values["SNIPS"]


def test_the_exact_interval_is_told_where_bounds_are_known():
    found = evaluate(logged(1, per_day=500), TARGET, rewards=(0.0, 1.0), least_propensity=1 / 3)
    low, high = found.result.exact
    assert low < WORLD.worth(TARGET) < high
    assert "Whatever the rewards' shape" in found.worth


def test_an_evaluation_is_a_finding_and_plain_json():
    found = evaluate(logged(1), TARGET, clip=2.0)
    finding = off_policy_finding(found, name="shop", data_digest="d", run_id="r", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert finding.subject == "experiment/shop" and finding.verdict == found.verdict
    assert finding.figures["value.SNDR"].value == found.result.best.value
    assert finding.figures["effective"].value == found.result.effective
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest
    assert "cutting weights took away" in found.worth
    assert finding.figures["value.DM"].low is None and found.as_json()["values"]["DM"]["interval"] is None
    assert found.table().loc["DM", "interval"].startswith("none: the model's own error")
    assert list(found.table().index) == ["IPS", "SNIPS", "DM", "DR", "SNDR"]


@pytest.mark.parametrize(
    ("change", "target", "said"),
    [
        ({"propensity": None}, TARGET, "no propensities"),
        ({"leaf": ["uk"] * 5}, TARGET, "the leaf 'uk'"),
        ({"arm": ["z"] * 5}, TARGET, "the arm 'z'"),
        ({"propensity": np.zeros(5)}, TARGET, "a propensity is 0"),
        ({}, np.full(5, 2.0), "a target probability is 2"),
    ],
)
def test_what_does_not_fit_is_refused(change, target, said):
    columns = {"arm": ["a"] * 5, "reward": np.ones(5), "propensity": np.full(5, 0.5), "leaf": ["eu"] * 5}
    columns |= {"unit": None, "day": None, "table_version": None}
    with pytest.raises(Misuse, match=said):
        evaluate(BanditLog(**columns | change), target)
