"""`drift_check` and `data_quality` run from their first cell to their last; a stand-in plays the bench."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile
from workbench.errors import Misuse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def people(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"income": rng.lognormal(shift, 0.5, n), "plan": rng.choice(["a", "b"], n)})


@pytest.fixture
def run(play):
    def over(name, served=None, **given):
        head = SimpleNamespace(version=2)
        bench = SimpleNamespace(
            ledger=SimpleNamespace(head=lambda model: head if model == "lending" else None),
            version=lambda model, version: SimpleNamespace(subject=f"{model}/{version}", version=version),
            profile=lambda model, version: Profile.scan(people(4000, 0)),
            log=SimpleNamespace(served_features=lambda model, since: served),
        )
        return play(name, bench=bench, now=NOW, **given)

    return over


def test_drift_check_tells_what_drifted_and_since_when(run):
    served = pd.concat([people(500, 1), people(500, 2), people(1000, 3, shift=0.6)], ignore_index=True)
    hands = run("drift_check", served, evidently=False, windows=4)
    finding = hands.finding
    assert (finding.kind, finding.subject, finding.verdict) == ("drift", "lending/2", "fail")
    assert "income changed most" in hands.lesson
    assert len(hands.files["drift.html"]) < 300_000


def test_drift_check_tells_the_window(run, capsys):
    served = pd.concat([people(500, 1), people(500, 2), people(1000, 3, shift=0.6)], ignore_index=True)
    run("drift_check", served, evidently=False, windows=4)
    told = capsys.readouterr().out
    assert "Part 3 of 4 is the first that drifted." in told
    assert "income changed most before part 3" in told


def test_data_quality_runs_on_the_applications_by_default(run):
    hands = run("data_quality")
    finding = hands.finding
    assert (finding.kind, finding.subject, finding.verdict) == ("quality", "table/loan applications", "pass")
    assert finding.figures["failed_checks"].value == 0
    assert set(hands.files) == {"expectations.json", "profile.json", "quality.csv", "quality.html"}


def test_data_quality_learns_from_a_version_and_says_what_is_broken(run, tmp_path):
    now = people(2000, 4)
    now.loc[:399, "income"] = np.nan
    now["at"] = NOW.replace(tzinfo=None) - timedelta(hours=30)
    now.to_parquet(tmp_path / "now.parquet")
    given = {"data": str(tmp_path / "now.parquet"), "model": "lending", "time": "at", "fresh_hours": 24.0}
    finding = run("data_quality", **given).finding
    assert (finding.subject, finding.verdict) == ("lending/2", "fail")
    assert finding.figures["missing.income"].value == 0.2
    assert finding.figures["fresh.at"].value == pytest.approx(30)


def test_data_quality_keeps_what_is_stated_where_no_parameter_says_otherwise(run, tmp_path):
    (tmp_path / "rules.json").write_text('{"missing": 0.3, "duplicates": 0.5}')
    hands = run("data_quality", expect=str(tmp_path / "rules.json"), duplicates=0.2)
    told = json.loads(hands.files["expectations.json"])
    assert (told["missing"], told["duplicates"]) == (0.3, 0.2)


def test_data_quality_of_a_model_without_a_champion_is_refused(run):
    with pytest.raises(Misuse, match="churn has no champion"):
        run("data_quality", model="churn")
