"""The bandits' notebooks run on simulated worlds and on files; a stand-in plays the bench."""

import numpy as np
import pytest

from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.state import BanditState
from workbench.experiments.bandits.worlds import off_policy_example


def test_off_policy_meets_the_truth_of_its_simulated_log(play):
    hands = play("off_policy", decisions=6000, bootstrap=200)
    finding = hands.finding
    figure = finding.figures["value.SNDR"]
    assert figure.low < hands.numbers["truth"] < figure.high
    assert finding.kind == "off-policy" and finding.verdict == "pass"
    assert "holds it" in hands.lesson and "This log cannot say" in hands.lesson
    assert hands.files["estimators.png"].startswith(b"\x89PNG")


def test_off_policy_judges_a_table_from_any_log(play, tmp_path):
    example = off_policy_example(4000, rng=np.random.default_rng(2))
    frame = example.log.frame().rename(columns={"reward": "bought", "propensity": "p"})
    frame["theirs"] = [example.target.weights[leaf][arm] for leaf, arm in zip(frame["leaf"], frame["arm"], strict=True)]
    frame.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "table.json").write_text(example.target.as_json())
    given = {"data": str(tmp_path / "log.csv"), "reward": "bought", "propensity": "p", "bootstrap": 0}
    by_table = play("off_policy", target=str(tmp_path / "table.json"), **given)
    by_column = play("off_policy", target_column="theirs", **given)
    assert by_column.numbers["value.SNIPS"] == pytest.approx(by_table.numbers["value.SNIPS"])
    assert "value.SNDR" in by_table.numbers and "value.SNDR" not in by_column.numbers
    with pytest.raises(ValueError, match="no policy is given"):
        play("off_policy", **given)


def test_bandit_says_what_to_play_and_goes_on_from_its_state(play, tmp_path):
    first = play("bandit", runs=1, per_day=100)
    table = DecisionTable.from_json(first.files["table.json"])
    assert max(table.weights["default"], key=table.weights["default"].get) == "new"
    assert first.numbers["lost.this_plan"] < first.numbers["lost.equal_shares"]
    (tmp_path / "state.json").write_text(first.files["state.json"])
    (tmp_path / "log.csv").write_text("arm,reward\nold,1\nnew,0\n")
    given = {"state": str(tmp_path / "state.json"), "data": str(tmp_path / "log.csv"), "all_on": "2026-03-01"}
    second = play("bandit", runs=1, per_day=100, **given)
    before, after = (BanditState.from_json(hands.files["state.json"]) for hands in (first, second))
    assert (after.rows, str(after.day)) == (before.rows + 2, "2026-03-01")
    faded = before.tallies("default")["old"].n * 0.5 ** (20 / 5)  # from the 9th of February, with a half-life of 5
    assert after.tallies("default")["old"].n == pytest.approx(faded + 1)
