"""The A/B notebook runs on RAND and on any other file; a stand-in plays the bench."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.evidence import Finding
from workbench.experiments import Archive


@pytest.fixture
def run(play):
    return partial(play, "ab_test", bench=SimpleNamespace(archive=lambda: Archive(())))


def test_it_answers_for_another_file(run, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": ["old"] * 4000 + ["new"] * 4000})
    frame["bought"] = rng.random(8000) < np.where(frame["variant"] == "new", 0.12, 0.09)
    frame["dollars"] = np.where(frame["bought"], rng.lognormal(3, 0.8, 8000), 0.0).round(2)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    hands = run(
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
    finding = hands.finding
    assert hands.data[0]["rows"] == 8000
    assert finding.subject == "experiment/shop" and finding.verdict == "pass"
    assert finding.figures["bought.new.effect"].probability > 0.99
    assert hands.numbers["sample_ratio.p"] == 1.0
    assert json.loads(hands.files["analysis.json"])["sample_ratio"]["passed"] is True
    assert hands.sentence.startswith("For bought: new against old: bought higher by 0.0")
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_on_rand_it_tells_the_story(run):
    hands = run(second_engine=False)
    assert hands.data[0]["rows"] == 6822 + 4065 + 1401 + 3727
    assert hands.numbers["visits.95.effect"] == pytest.approx(-1.3204, abs=1e-4)
    assert "visits a year lower by 1.32 (37\u00a0%), between 0.993 and 1.65" in hands.sentence
    assert "family" in hands.lesson
    assert hands.files["differences.png"].startswith(b"\x89PNG")
    assert {"design.json", "moments.json", "analysis.json", "differences.png"} == set(hands.files)


@pytest.mark.slow
def test_on_rand_a_second_engine_agrees(run):
    hands = run()
    assert hands.numbers["two_engines.visits"] < 0.1 and hands.numbers["two_engines.spend"] < 0.1
