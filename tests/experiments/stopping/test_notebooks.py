"""The notebooks on stopping and on planning run as they are, and on other data; a stand-in plays the bench."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.evidence import Finding
from workbench.experiments.stopping.rules import StoppingRule

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


@pytest.mark.slow
def test_the_made_up_shop_is_followed_to_its_stop(play):
    hands = play("sequential_check")
    finding = hands.finding
    assert finding.subject == "experiment/shop-test" and finding.verdict == "pass" and hands.data[0]["simulated"]
    figure = finding.figures["bought.effect"]
    assert 0 < figure.low < 0.06 < figure.high
    assert "corrected for having looked" in hands.sentence
    title = json.loads((NOTEBOOKS / "sequential_check.ipynb").read_text("utf-8"))["cells"][0]["source"]
    assert "ships 14 % of all changes that do nothing, and gives up as many as worse" in "".join(title)
    peeking = "peeking every day would ship it 14\u00a0% of the time, and call it worse 14\u00a0% of the time."
    assert peeking in hands.lesson
    assert hands.numbers["false_ships"] == pytest.approx(0.022, abs=0.004)
    assert hands.files["days.png"].startswith(b"\x89PNG")
    assert StoppingRule.from_json(hands.files["rule.json"]).text == "obrien-fleming:5, futility:0.8"
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


@pytest.mark.slow
def test_another_table_with_numbered_days_and_badly_filled_arms_is_no_evidence(play, tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"when": np.sort(rng.integers(1, 11, 6000)), "group": rng.choice(["a", "b"], 6000, p=[0.6, 0.4])}
    )
    frame["wait"] = rng.gamma(3, 2, 6000) * np.where(frame["group"] == "b", 0.7, 1.0)
    frame.to_parquet(tmp_path / "waits.parquet")
    hands = play(
        "sequential_check",
        name="waits",
        data=str(tmp_path / "waits.parquet"),
        arm="group",
        control="a",
        treated="b",
        metric="wait=mean:wait",
        less_is_better=True,
        unit="",
        day="when",
        days=10,
        rule="chance:0.99",
        relative=False,
        shares="a=1, b=1",
    )
    finding = hands.finding
    assert finding.verdict == "not enough evidence" and "not filled as planned" in finding.sentence
    assert "simulated" not in hands.data[0]
    assert "b is better" in finding.sentence and finding.figures["wait.effect"].high < 0


@pytest.mark.slow
def test_a_plan_is_made_from_rand_and_from_stated_numbers(play):
    hands = play("power")
    assert "−5.00\u00a0% visits needs" in hands.sentence
    assert hands.files["plan.png"].startswith(b"\x89PNG")
    assert "drawn together" in hands.lesson
    stated = play(
        "power", name="sign-ups", kind="binary", mean=0.1, less_is_better=False, effect=0.03,
        per_day=20000.0, rule="fixed", days=16,
    )  # fmt: skip
    assert stated.numbers["days_needed"] == 16 and "+3.00\u00a0% sign-ups needs 16 days" in stated.sentence
