"""The notebooks on stopping and on planning run as they are, and on other data; a stand-in plays the bench."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import workbench
from workbench.batch import parameters
from workbench.evidence import Finding
from workbench.experiments.stopping.rules import StoppingRule

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


class Hands:
    """Takes what a notebook hands over."""

    run_id = "r1"
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self):
        self.numbers, self.files, self.said = {}, {}, {}

    def metrics(self, values):
        self.numbers |= values

    def file(self, name, content):
        self.files[name] = content

    def data(self, name, digest, rows, simulated=False):
        self.said["data"] = (name, digest, rows)
        self.said["simulated"] = simulated

    def __getattr__(self, name):
        return lambda value=True: self.said.__setitem__(name, value)


def run(monkeypatch, notebook, **given):
    """The notebook's code cells in order, parameters checked and injected as the runner does."""
    path = NOTEBOOKS / f"{notebook}.ipynb"
    hands = Hands()
    monkeypatch.setattr(workbench, "open_bench", lambda: SimpleNamespace(record=lambda: hands))
    values = parameters.read(path).validate(given)
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    space = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), path.name, "exec"), space)
        if "parameters" in cell["metadata"].get("tags", []):
            space |= values
    assert hands.said["close"]
    return hands


@pytest.mark.slow
def test_the_made_up_shop_is_followed_to_its_stop(monkeypatch):
    hands = run(monkeypatch, "sequential_check")
    finding = hands.said["finding"]
    assert finding.subject == "experiment/shop-test" and finding.verdict == "pass" and hands.said["simulated"]
    figure = finding.figures["bought.effect"]
    assert 0 < figure.low < 0.06 < figure.high
    assert "corrected for having looked" in hands.said["sentence"]
    title = json.loads((NOTEBOOKS / "sequential_check.ipynb").read_text("utf-8"))["cells"][0]["source"]
    assert "ships 14 % of all changes that do nothing, and gives up as many as worse" in "".join(title)
    peeking = "peeking every day would ship it 14\u00a0% of the time, and call it worse 14\u00a0% of the time."
    assert peeking in hands.said["lesson"]
    assert hands.numbers["false_ships"] == pytest.approx(0.022, abs=0.004)
    assert hands.files["days.png"].startswith(b"\x89PNG")
    assert StoppingRule.from_json(hands.files["rule.json"]).text == "obrien-fleming:5, futility:0.8"
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


@pytest.mark.slow
def test_another_table_with_numbered_days_and_badly_filled_arms_is_no_evidence(monkeypatch, tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"when": np.sort(rng.integers(1, 11, 6000)), "group": rng.choice(["a", "b"], 6000, p=[0.6, 0.4])}
    )
    frame["wait"] = rng.gamma(3, 2, 6000) * np.where(frame["group"] == "b", 0.7, 1.0)
    frame.to_parquet(tmp_path / "waits.parquet")
    hands = run(
        monkeypatch,
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
    finding = hands.said["finding"]
    assert finding.verdict == "not enough evidence" and "not filled as planned" in finding.sentence
    assert not hands.said["simulated"]
    assert "b is better" in finding.sentence and finding.figures["wait.effect"].high < 0


@pytest.mark.slow
def test_a_plan_is_made_from_rand_and_from_stated_numbers(monkeypatch):
    hands = run(monkeypatch, "power")
    assert "−5.00\u00a0% visits needs" in hands.said["sentence"]
    assert hands.files["plan.png"].startswith(b"\x89PNG")
    assert "drawn together" in hands.said["lesson"]
    stated = run(
        monkeypatch, "power", name="sign-ups", kind="binary", mean=0.1, less_is_better=False, effect=0.03,
        per_day=20000.0, rule="fixed", days=16,
    )  # fmt: skip
    assert stated.numbers["days_needed"] == 16 and "+3.00\u00a0% sign-ups needs 16 days" in stated.said["sentence"]
