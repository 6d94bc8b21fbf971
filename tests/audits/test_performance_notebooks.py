"""The notebooks on performance run without an argument and on other files; a stand-in plays the bench."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.data.drop_worlds import drop_world
from workbench.evidence import Finding


@pytest.fixture
def run(play):
    return partial(play, bench=SimpleNamespace(ledger=SimpleNamespace(entries=list)))


def by_kind(hands):
    for found in hands.findings:
        assert Finding.from_body(json.loads(json.dumps(found.as_body()))).digest == found.digest
    return {found.kind: found for found in hands.findings}


@pytest.mark.slow
def test_the_loan_applications_are_audited_without_an_argument(run):
    hands = run("performance_audit")
    found = by_kind(hands)
    assert set(found) == {"performance", "calibration", "comparison", "skew"}
    assert hands.numbers["auc"] == pytest.approx(0.78, abs=0.01)
    assert found["calibration"].verdict == "pass"
    assert found["skew"].verdict == "pass" and hands.data[-1]["rows"] == 1989
    assert hands.files["reliability.png"].startswith(b"\x89PNG")


def test_numbers_without_challenger_or_score_are_audited_and_skew_is_seen(run, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"case": np.arange(3000), "price": rng.gamma(3, 10, 3000)})
    frame["guess"] = frame["price"] + rng.normal(0, 3, 3000)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(guess=frame["guess"].round(0)).to_csv(tmp_path / "b.csv", index=False)
    given = {"data": tmp_path / "a.csv", "served": tmp_path / "b.csv", "key": "case", "label": "price"}
    empty = dict.fromkeys(("score", "against", "against_score"), "")
    hands = run("performance_audit", prediction="guess", **given, **empty)
    found = by_kind(hands)
    assert set(found) == {"performance", "skew"}
    assert found["performance"].verdict == "pass" and found["performance"].figures["r2"].value > 0.9
    assert found["skew"].verdict == "fail" and "rounded to 0 decimals" in found["skew"].sentence


@pytest.mark.slow
def test_the_three_causes_of_the_known_world_are_found_without_an_argument(run):
    hands = run("why_did_it_drop")
    figures = hands.finding.figures
    assert hands.finding.verdict == "fail"
    assert all(figures[name].low > 0.01 for name in ("relation", "data_quality.income", "inputs.age"))
    assert hands.files["waterfall.png"].startswith(b"\x89PNG")
    assert "income stopped arriving" in hands.lesson
    assert sum(hands.numbers[f"cost.{k}"] for k in ("data_quality", "inputs", "relation")) == pytest.approx(
        hands.numbers["drop"], abs=1e-12
    )


def test_other_files_are_divided_too(run, tmp_path):
    for name, frame in zip(
        ("a", "b"), drop_world("rule changed", rows=1500, rng=np.random.default_rng(1)), strict=True
    ):
        frame.to_parquet(tmp_path / f"{name}.parquet")
    hands = run("why_did_it_drop", reference=tmp_path / "a.parquet", current=tmp_path / "b.parquet", time="")
    assert "the same inputs now have another outcome, most of all where region is south" in hands.lesson
    assert hands.finding.figures["relation"].probability == 1.0
