"""`drift_check` and `data_quality` run from their first cell to their last; a stand-in plays the bench."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench
from workbench.batch import parameters
from workbench.data import Profile
from workbench.errors import Misuse

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


class Hands:
    """Takes what a notebook hands over, and remembers it by name."""

    run_id = "r1"
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __init__(self) -> None:
        self.files: dict[str, str | bytes] = {}
        self.said: dict[str, Any] = {}

    def file(self, name: str, content: str | bytes) -> None:
        self.files[name] = content

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.said.__setitem__(name, given[0] if len(given) == 1 else given)


def people(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"income": rng.lognormal(shift, 0.5, n), "plan": rng.choice(["a", "b"], n)})


def bench(hands, served=None):
    head = SimpleNamespace(version=2)
    return SimpleNamespace(
        record=lambda: hands,
        ledger=SimpleNamespace(head=lambda model: head if model == "lending" else None),
        version=lambda model, version: SimpleNamespace(subject=f"{model}/{version}", version=version),
        profile=lambda model, version: Profile.scan(people(4000, 0)),
        log=SimpleNamespace(served_features=lambda model, since: served),
    )


def run(monkeypatch, name, served=None, **given):
    hands = Hands()
    path = NOTEBOOKS / f"{name}.ipynb"
    monkeypatch.setattr(workbench, "open_bench", lambda: bench(hands, served))
    values = parameters.read(path).validate(given)
    space: dict[str, Any] = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
            space |= values if cell["metadata"].get("tags") == ["parameters"] else {}
    assert "close" in hands.said
    return hands


def test_drift_check_tells_what_drifted_and_since_when(monkeypatch):
    served = pd.concat([people(500, 1), people(500, 2), people(1000, 3, shift=0.6)], ignore_index=True)
    hands = run(monkeypatch, "drift_check", served, evidently=False, windows=4)
    finding = hands.said["finding"]
    assert (finding.kind, finding.subject, finding.verdict) == ("drift", "lending/2", "fail")
    assert "income changed most" in hands.said["lesson"]
    assert len(hands.files["drift.html"]) < 300_000


def test_drift_check_tells_the_window(monkeypatch, capsys):
    served = pd.concat([people(500, 1), people(500, 2), people(1000, 3, shift=0.6)], ignore_index=True)
    run(monkeypatch, "drift_check", served, evidently=False, windows=4)
    told = capsys.readouterr().out
    assert "Part 3 of 4 is the first that drifted." in told
    assert "income changed most before part 3" in told


def test_data_quality_runs_on_the_applications_by_default(monkeypatch):
    hands = run(monkeypatch, "data_quality")
    finding = hands.said["finding"]
    assert (finding.kind, finding.subject, finding.verdict) == ("quality", "table/loan applications", "pass")
    assert finding.figures["failed_checks"].value == 0
    assert set(hands.files) == {"expectations.json", "profile.json", "quality.csv", "quality.html"}


def test_data_quality_learns_from_a_version_and_says_what_is_broken(monkeypatch, tmp_path):
    now = people(2000, 4)
    now.loc[:399, "income"] = np.nan
    now["at"] = Hands.now.replace(tzinfo=None) - timedelta(hours=30)
    now.to_parquet(tmp_path / "now.parquet")
    given = {"data": str(tmp_path / "now.parquet"), "model": "lending", "time": "at", "fresh_hours": 24.0}
    finding = run(monkeypatch, "data_quality", **given).said["finding"]
    assert (finding.subject, finding.verdict) == ("lending/2", "fail")
    assert finding.figures["missing.income"].value == 0.2
    assert finding.figures["fresh.at"].value == pytest.approx(30)


def test_data_quality_keeps_what_is_stated_where_no_parameter_says_otherwise(monkeypatch, tmp_path):
    (tmp_path / "rules.json").write_text('{"missing": 0.3, "duplicates": 0.5}')
    hands = run(monkeypatch, "data_quality", expect=str(tmp_path / "rules.json"), duplicates=0.2)
    told = json.loads(hands.files["expectations.json"])
    assert (told["missing"], told["duplicates"]) == (0.3, 0.2)


def test_data_quality_of_a_model_without_a_champion_is_refused(monkeypatch):
    with pytest.raises(Misuse, match="churn has no champion"):
        run(monkeypatch, "data_quality", model="churn")
