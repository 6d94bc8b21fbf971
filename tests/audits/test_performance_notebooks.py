"""The notebooks on performance run without an argument and on other files; a stand-in plays the bench."""

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
from workbench.data.drop_worlds import drop_world
from workbench.evidence import Finding

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class Hands:
    """Takes what a notebook hands over."""

    run_id = "r1"
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.files: dict[str, str | bytes] = {}
        self.said: dict[str, Any] = {}
        self.findings: dict[str, Finding] = {}

    def metrics(self, values: dict[str, float]) -> None:
        self.numbers |= values

    def file(self, name: str, content: str | bytes) -> None:
        self.files[name] = content

    def data(self, name: str, digest: str, rows: int) -> None:
        self.said["data"] = (name, digest, rows)

    def sentence(self, text: str) -> None:
        self.said["sentence"] = text

    def lesson(self, text: str) -> None:
        self.said["lesson"] = text

    def finding(self, finding: Finding) -> None:
        assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest
        self.findings[finding.kind] = finding

    def close(self) -> None:
        self.said["closed"] = True


def run(monkeypatch: pytest.MonkeyPatch, name: str, **given: Any) -> Hands:
    """The notebook's code cells in order, parameters checked and injected as the runner does."""
    hands = Hands()
    bench = SimpleNamespace(record=lambda: hands, ledger=SimpleNamespace(entries=list))
    monkeypatch.setattr(workbench, "open_bench", lambda: bench)
    path = NOTEBOOKS / f"{name}.ipynb"
    values = parameters.read(path).validate(given)
    space: dict[str, Any] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), path.name, "exec"), space)
            if "parameters" in cell["metadata"].get("tags", []):
                space |= values
    assert hands.said["closed"]
    return hands


@pytest.mark.slow
def test_the_loan_applications_are_audited_without_an_argument(monkeypatch):
    hands = run(monkeypatch, "performance_audit")
    assert set(hands.findings) == {"performance", "calibration", "comparison", "skew"}
    assert hands.numbers["auc"] == pytest.approx(0.78, abs=0.01)
    assert hands.findings["calibration"].verdict == "pass"
    assert hands.findings["skew"].verdict == "pass" and hands.said["data"][2] == 1989
    assert hands.files["reliability.png"].startswith(b"\x89PNG")


def test_numbers_without_challenger_or_score_are_audited_and_skew_is_seen(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"case": np.arange(3000), "price": rng.gamma(3, 10, 3000)})
    frame["guess"] = frame["price"] + rng.normal(0, 3, 3000)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(guess=frame["guess"].round(0)).to_csv(tmp_path / "b.csv", index=False)
    given = {"data": tmp_path / "a.csv", "served": tmp_path / "b.csv", "key": "case", "label": "price"}
    empty = dict.fromkeys(("score", "against", "against_score"), "")
    hands = run(monkeypatch, "performance_audit", prediction="guess", **given, **empty)
    assert set(hands.findings) == {"performance", "skew"}
    assert hands.findings["performance"].verdict == "pass" and hands.findings["performance"].figures["r2"].value > 0.9
    assert hands.findings["skew"].verdict == "fail" and "rounded to 0 decimals" in hands.findings["skew"].sentence


@pytest.mark.slow
def test_the_three_causes_of_the_known_world_are_found_without_an_argument(monkeypatch):
    hands = run(monkeypatch, "why_did_it_drop")
    figures = hands.findings["cause"].figures
    assert hands.findings["cause"].verdict == "fail"
    assert all(figures[name].low > 0.01 for name in ("relation", "data_quality.income", "inputs.age"))
    assert hands.files["waterfall.png"].startswith(b"\x89PNG")
    assert "income stopped arriving" in hands.said["lesson"]
    assert sum(hands.numbers[f"cost.{k}"] for k in ("data_quality", "inputs", "relation")) == pytest.approx(
        hands.numbers["drop"], abs=1e-12
    )


def test_other_files_are_divided_too(monkeypatch, tmp_path):
    for name, frame in zip(
        ("a", "b"), drop_world("rule changed", rows=1500, rng=np.random.default_rng(1)), strict=True
    ):
        frame.to_parquet(tmp_path / f"{name}.parquet")
    hands = run(
        monkeypatch, "why_did_it_drop", reference=tmp_path / "a.parquet", current=tmp_path / "b.parquet", time=""
    )
    assert "the same inputs now have another outcome, most of all where region is south" in hands.said["lesson"]
    assert hands.findings["cause"].figures["relation"].probability == 1.0
