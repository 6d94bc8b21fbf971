"""The A/B notebook runs on RAND and on any other file; a stand-in plays the bench."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench
from workbench.batch import parameters
from workbench.evidence import Finding
from workbench.experiments import Archive

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "ab_test.ipynb"


class Hands:
    """Takes what a notebook hands over."""

    run_id = "r1"
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.files: dict[str, str | bytes] = {}
        self.said: dict[str, Any] = {}

    def metrics(self, values: dict[str, float]) -> None:
        self.numbers |= values

    def file(self, name: str, content: str | bytes) -> None:
        self.files[name] = content

    def design(self, plan: Any) -> str:
        assert "data" not in self.said, "the design is registered before data is read"
        self.files["design.json"] = plan.as_json()
        return plan.digest

    def data(self, name: str, digest: str, rows: int) -> None:
        self.said["data"] = (name, digest, rows)

    def sentence(self, text: str) -> None:
        self.said["sentence"] = text

    def lesson(self, text: str) -> None:
        self.said["lesson"] = text

    def decision(self, word: str, why: str) -> None:
        self.said["decision"] = (word, why)

    def finding(self, finding: Finding) -> None:
        self.said["finding"] = finding

    def close(self) -> None:
        self.said["closed"] = True


def run(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Hands:
    """The notebook's code cells in order, parameters checked and injected as the runner does."""
    hands = Hands()
    monkeypatch.setattr(
        workbench, "open_bench", lambda: SimpleNamespace(record=lambda: hands, archive=lambda: Archive(()))
    )
    values = parameters.read(NOTEBOOK).validate(given)
    cells = [c for c in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    space: dict[str, Any] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), space)
        if "parameters" in cell["metadata"].get("tags", []):
            space |= values
    return hands


def test_it_answers_for_another_file(monkeypatch, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": ["old"] * 4000 + ["new"] * 4000})
    frame["bought"] = rng.random(8000) < np.where(frame["variant"] == "new", 0.12, 0.09)
    frame["dollars"] = np.where(frame["bought"], rng.lognormal(3, 0.8, 8000), 0.0).round(2)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    hands = run(
        monkeypatch,
        name="shop",
        data=str(tmp_path / "shop.csv"),
        arm="variant",
        control="old",
        arms="",
        metrics="bought=binary:bought, dollars=revenue:dollars",
        nouns="",
        lower="",
        unit="",
        cluster="",
        segments="",
        covariates="",
        shares="old=1, new=1",
        second_engine=False,
    )
    finding = hands.said["finding"]
    assert hands.said["closed"] and hands.said["data"][2] == 8000
    assert finding.subject == "experiment/shop" and finding.verdict == "pass"
    assert finding.figures["bought.new.effect"].probability > 0.99
    assert hands.numbers["sample_ratio.p"] == 1.0
    assert json.loads(hands.files["analysis.json"])["sample_ratio"]["passed"] is True
    assert hands.said["sentence"].startswith("For bought: new against old: bought higher by 0.0")
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_on_rand_it_tells_the_story(monkeypatch):
    hands = run(monkeypatch, second_engine=False)
    assert hands.said["data"][2] == 6822 + 4065 + 1401 + 3727
    assert hands.numbers["visits.95.effect"] == pytest.approx(-1.3204, abs=1e-4)
    assert "visits a year lower by 1.32 (37\u00a0%), between 0.993 and 1.65" in hands.said["sentence"]
    assert "family" in hands.said["lesson"]
    assert hands.files["differences.png"].startswith(b"\x89PNG")
    assert {"design.json", "moments.json", "analysis.json", "differences.png"} == set(hands.files)


@pytest.mark.slow
def test_on_rand_a_second_engine_agrees(monkeypatch):
    hands = run(monkeypatch)
    assert hands.numbers["two_engines.visits"] < 0.1 and hands.numbers["two_engines.spend"] < 0.1
