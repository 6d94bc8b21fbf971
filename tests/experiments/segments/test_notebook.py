"""The notebook of segments runs on RAND and on any other file; a stand-in plays the bench."""

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
from workbench.errors import Misuse
from workbench.evidence import Finding

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "segments.ipynb"


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

    def data(self, name: str, digest: str, rows: int) -> None:
        self.said["data"] = (name, digest, rows)

    def sentence(self, text: str) -> None:
        self.said["sentence"] = text

    def lesson(self, text: str) -> None:
        self.said["lesson"] = text

    def finding(self, finding: Finding) -> None:
        self.said["finding"] = finding

    def close(self) -> None:
        self.said["closed"] = True


def run(monkeypatch: pytest.MonkeyPatch, **given: Any) -> Hands:
    """The notebook's code cells in order, parameters checked and injected as the runner does."""
    hands = Hands()
    monkeypatch.setattr(workbench, "open_bench", lambda: SimpleNamespace(record=lambda: hands))
    values = parameters.read(NOTEBOOK).validate(given)
    space: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), space)
            if "parameters" in cell["metadata"].get("tags", []):
                space |= values
    return hands


def test_on_rand_the_apparent_winner_shrinks(monkeypatch):
    hands = run(monkeypatch)
    assert hands.said["closed"] and hands.said["finding"].kind == "segments"
    assert "Nothing says that segments differ; the apparent winner '6, 0' (−59 %" in hands.said["sentence"]
    assert "after seeing all, from −44 % to −31 %" in hands.said["lesson"]
    assert hands.files["segments.png"].startswith(b"\x89PNG")
    assert {"design.json", "moments.json", "segments.json", "segments.png"} == set(hands.files)
    assert len(json.loads(hands.files["segments.json"])["segments"]) == 12


def test_it_answers_for_another_file(monkeypatch, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": np.tile(["old", "new"], 5000), "country": rng.choice(list("abcdefgh"), 10_000)})
    better = np.where((frame["variant"] == "new") & (frame["country"] == "c"), 0.15, 0.0)
    frame["bought"] = (rng.random(10_000) < 0.10 + better).astype(int)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    hands = run(
        monkeypatch,
        name="shop",
        data=str(tmp_path / "shop.csv"),
        arm="variant",
        control="old",
        treated="new",
        metric="bought=binary:bought",
        noun="",
        less_is_better=False,
        unit="",
        cluster="",
        segments="country",
        scale="absolute",
        spread=0.05,
    )
    finding = hands.said["finding"]
    assert finding.subject == "experiment/shop" and finding.figures["segment.c.effect"].probability > 0.99
    assert "Segments differ" in finding.sentence and "Surely other than the whole: 'c'" in finding.sentence
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_for_another_file_what_is_compared_is_enough(monkeypatch, tmp_path):
    """As in the README: no unit, no cluster, no prior; what is lacking is named."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"group": np.tile(["old", "new"], 3000), "country": rng.choice(list("abc"), 6000)})
    frame["amount"] = rng.lognormal(3, 1, 6000) * (rng.random(6000) < 0.4)
    frame.to_csv(tmp_path / "orders.csv", index=False)
    told = {"data": str(tmp_path / "orders.csv"), "arm": "group", "control": "old", "treated": "new"}
    hands = run(monkeypatch, **told, metric="spend=revenue:amount", segments="country")
    assert hands.said["sentence"].startswith("new against old: over the segments the change of spend is")
    with pytest.raises(Misuse, match="the notebook is not told: metric, segments") as refused:
        run(monkeypatch, **told)
    assert refused.value.hint == "give them: -p metric=… -p segments=…"


@pytest.mark.slow
def test_on_rand_a_second_engine_agrees(monkeypatch):
    hands = run(monkeypatch, second_engine=True, segments="site")
    assert hands.numbers["two_engines.segments"] < 0.1
