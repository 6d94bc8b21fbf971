"""`workbench audit drift` and `quality`: JSON that programs read, words and a page for people."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.data import Profile


def frame(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"income": rng.lognormal(shift, 0.5, n), "plan": rng.choice(["a", "b"], n), "same": 1})


@pytest.fixture
def tables(tmp_path):
    before, now = frame(4000, 0), frame(2000, 1, shift=0.5)
    before.to_parquet(tmp_path / "before.parquet")
    now.to_csv(tmp_path / "now.csv", index=False)
    return tmp_path


def invoke(*words, code=0):
    result = CliRunner().invoke(main, ["audit", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_drift_as_json_has_the_columns_the_share_and_the_verdict(tables):
    told = json.loads(invoke("drift", tables / "before.parquet", tables / "now.csv", "--json").stdout)
    assert told["columns"]["income"]["drifted"] is True
    assert told["columns"]["plan"]["drifted"] is told["columns"]["same"]["drifted"] is False
    for column in told["columns"].values():
        assert {"statistic", "p_value", "effect", "drifted"} <= set(column)
        assert 0 <= column["p_value"] <= 1
        assert column["effect"] <= column["statistic"]
    assert told["drifted_share"] == 1 / 3
    assert told["verdict"] == "fail"


def test_drift_in_words_names_what_drifted(tables):
    output = invoke("drift", tables / "before.parquet", tables / "now.csv").stdout
    assert output.startswith("1 of 3 columns drifted in 2,000 rows served: income")
    assert "no drift" in output


def test_a_stored_profile_is_as_good_as_its_table(tables):
    (tables / "before.json").write_text(Profile.scan(tables / "before.parquet").as_json())
    told = [
        invoke("drift", tables / name, tables / "now.csv", "--json").stdout
        for name in ("before.json", "before.parquet")
    ]
    assert told[0] == told[1]


def test_the_page_stands_alone_and_is_small(tables):
    invoke("drift", tables / "before.parquet", tables / "now.csv", "--html", tables / "drift.html")
    page = (tables / "drift.html").read_text("utf-8")
    assert len(page) < 300_000
    assert not re.search(r"(src|href)=|url\(|<script", page)
    assert "drifted" in page


def test_a_missing_column_and_texts_among_numbers_are_drift_not_an_error(tables):
    pd.DataFrame({"income": ["much"] * 500, "more": 1}).to_parquet(tables / "odd.parquet")
    told = json.loads(invoke("drift", tables / "before.parquet", tables / "odd.parquet", "--json").stdout)
    assert told["columns"]["plan"]["nulls"] == {"reference": 0.0, "current": 1.0}
    assert told["schema"] == {
        "missing": ["plan", "same"],
        "added": ["more"],
        "retyped": {"income": ["number", "text"]},
    }


def test_quality_without_anything_stated_uses_the_defaults(tables):
    told = json.loads(invoke("quality", tables / "now.csv", "--json", "--duplicates", "1").stdout)
    assert told["verdict"] == "pass"
    assert told["columns"]["plan"] == {"kind": "text", "missing": 0, "values": 2000}
    assert {check["name"] for check in told["checks"]} == {"missing", "finite", "duplicates"}


def test_quality_against_a_reference_says_what_is_broken(tables):
    output = invoke("quality", tables / "now.csv", "--reference", tables / "before.parquet").stdout
    assert "income lie outside" in output


def test_expectations_are_printed_edited_and_read_again(tables):
    printed = invoke("quality", tables / "now.csv", "--reference", tables / "before.parquet", "--expectations").stdout
    rules = json.loads(printed)
    rules["columns"]["income"] |= {"low": 0, "high": None, "outside": 0}
    (tables / "rules.json").write_text(json.dumps(rules))
    told = json.loads(invoke("quality", tables / "now.csv", "--expect", tables / "rules.json", "--json").stdout)
    assert told["verdict"] == "pass"


def test_age_and_keys_are_asked_for_by_options(tables):
    pd.DataFrame({"id": [1, 1], "at": ["2020-01-01", "2020-01-02"]}).astype({"at": "datetime64[s]"}).to_parquet(
        tables / "old.parquet"
    )
    asked = ("--key", "id", "--time", "at", "--fresh", "24", "--retention", "30", "--html", tables / "q.html")
    told = json.loads(invoke("quality", tables / "old.parquet", *asked, "--json").stdout)
    failed = {check["name"] for check in told["checks"] if check["verdict"] == "fail"}
    assert failed == {"unique", "fresh", "retention"}
    assert "rows are beyond the 30 days" in (tables / "q.html").read_text("utf-8")


def test_age_is_asked_of_a_csv_file_as_of_any_other(tables):
    at = pd.DataFrame({"at": pd.date_range(datetime.now(UTC), periods=300, freq="-1h").strftime("%Y-%m-%d %H:%M:%S")})
    for name in ("new.csv", "old.csv"):
        at.iloc[100 * (name == "old.csv") :].to_csv(tables / name, index=False)
    at.astype({"at": "datetime64[us]"}).to_parquet(tables / "new.parquet")
    (tables / "rules.json").write_text(json.dumps({"time": "at", "fresh_hours": 24}))
    for asked in (
        ("--time", "at", "--fresh", "24"),
        ("--expect", tables / "rules.json"),
        ("--time", "at", "--fresh", "24", "--reference", tables / "new.csv"),
        ("--time", "at", "--fresh", "24", "--reference", tables / "new.parquet"),
    ):
        for name, verdict in (("new.csv", "pass"), ("old.csv", "fail")):
            told = json.loads(invoke("quality", tables / name, *asked, "--json").stdout)
            checks = {check["name"]: check["verdict"] for check in told["checks"] if check["column"] == "at"}
            assert checks["fresh"] == verdict
            assert told["columns"]["at"]["kind"] == "time"
            assert set(checks.values()) - {checks["fresh"]} <= {"pass"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("quality", "now.csv", "--time", "plan", "--fresh", "1"), "'plan' is no column of moments"),
        (("drift", "nope.parquet", "now.csv"), "nope.parquet"),
        (("drift", "before.parquet", "nope.csv"), "nope.csv"),
        (("quality", "nope.csv"), "nope.csv"),
        (("quality", "now.csv", "--expect", "nope.json"), "nope.json"),
        (("quality", "now.csv", "--fresh", "1"), "column of moments"),
        (("quality", "now.csv", "--key", "nope"), "no column nope"),
        (("quality", "now.csv", "--missing", "7"), "range"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(tables, monkeypatch, words, message):
    monkeypatch.chdir(tables)
    assert message in invoke(*words, code=2).stderr
