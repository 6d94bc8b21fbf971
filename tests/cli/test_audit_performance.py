"""`workbench audit performance` and `workbench audit cause`, as a person runs them."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from workbench import open_bench
from workbench.bench import create
from workbench.cli import main
from workbench.data.drop_worlds import drop_world


def run(*words):
    return CliRunner().invoke(main, ["audit", *map(str, words)])


@pytest.fixture
def answers(tmp_path):
    rng = np.random.default_rng(0)
    chance = rng.beta(2, 2, 2000)
    frame = pd.DataFrame({"y": (rng.random(2000) < chance).astype(int), "v1": (chance > 0.5).astype(int), "p": chance})
    frame["v2"] = np.where(rng.random(2000) < 0.15, 1 - frame["v1"], frame["v1"])
    frame.to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv", frame


def test_performance_is_told_in_words_and_tables(answers):
    done = run("performance", answers[0], "--label", "y", "--prediction", "v1", "--score", "p", "--against", "v2")
    assert done.exit_code == 0, done.output
    assert (
        "pass: Right in" in done.output
        and "pass: Probabilities are off by" in done.output
        and "Spiegelhalter" in done.output
    )
    assert "fail: v2 has -" in done.output and "surely worse" in done.output


def test_performance_as_json_has_unrounded_numbers(answers):
    path, frame = answers
    done = run("performance", path, "--label", "y", "--prediction", "v1", "--against", "v2", "--json")
    told = json.loads(done.output)
    assert told["metrics"]["f1"]["value"] == pytest.approx(f1_score(frame["y"], frame["v1"]), abs=1e-15)
    assert told["against"]["verdict"] == "fail" and told["against"]["mcnemar"]["p_value"] < 0.001
    assert told["calibration"] is None and set(told["labels"]) == {"0", "1"}


def test_a_column_that_is_not_there_is_named_with_the_nearest(answers):
    done = run("performance", answers[0], "--label", "y", "--prediction", "v11")
    assert done.exit_code == 2 and "no column 'v11'" in done.output and "did you mean 'v1'" in done.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--against", "y"), "'y' is named for two things"),
        (("--against", "v1"), "'v1' is named for two things"),
        (("--score", "p", "--against", "v2", "--against-score", "p"), "'p' is named for two things"),
        (("--against", "v2", "--against-score", "p"), "give --score and --against too"),
        (("--score", "p", "--against-score", "q"), "give --score and --against too"),
        (("--score", "word"), "a word is no number"),
        (("--score", "p", "--against", "v2", "--against-score", "word"), "a word is no number"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused_in_words(answers, more, said):
    path, frame = answers
    frame.assign(word="high", q=frame["p"]).to_csv(path, index=False)
    done = run("performance", path, "--label", "y", "--prediction", "v1", *more)
    assert done.exit_code == 2 and said in done.output


def test_causes_are_ranked_in_words_and_drawn(tmp_path):
    for name, frame in zip(
        ("may", "june"), drop_world("income stops", rows=1500, rng=np.random.default_rng(0)), strict=True
    ):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = (tmp_path / "may.csv", tmp_path / "june.csv", "--label", "repaid", "--prediction", "answer")
    done = run("cause", *files, "--leave-out", "chance", "--time", "at", "--picture", tmp_path / "w.png")
    assert done.exit_code == 0, done.output
    assert "fail: Accuracy was" in done.output
    assert "1. income stopped arriving, in" in done.output and "since 12 June 2026" in done.output
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads(run("cause", *files, "--leave-out", "chance", "--leave-out", "at", "--json").stdout)
    assert told["causes"][0]["column"] == "income" and told["causes"][0]["kind"] == "data quality"
    assert sum(cause["value"] for cause in told["causes"]) == pytest.approx(told["drop"]["value"], abs=1e-12)


def test_what_the_ledger_knows_of_the_day_is_set_beside_a_cause(tmp_path):
    create(tmp_path / "w")
    facts = [("version.registered", 1, "credit@2"), ("promotion.granted", 1, ""), ("version.registered", 2, "credit@3")]
    with open_bench(tmp_path / "w") as bench:
        for place, (kind, version, read) in enumerate([*facts, ("promotion.granted", 2, "")]):
            bench.ledger.append(
                kind,
                subject=f"lending/{version}",
                actor="ada",
                why="w",
                body={"feature_set": read, "data_digest": "d"},
                now=datetime(2026, 6, 8 + place, 9, tzinfo=UTC),
            )
    for name, frame in zip(
        ("may", "june"), drop_world("income stops", rows=1500, rng=np.random.default_rng(0)), strict=True
    ):
        frame.drop(columns="chance").to_csv(tmp_path / f"{name}.csv", index=False)
    files = (tmp_path / "may.csv", tmp_path / "june.csv", "--label", "repaid", "--prediction", "answer")
    done = run("cause", *files, "--time", "at", "--model", "lending", "--workspace", tmp_path / "w")
    assert "feature set credit@3 was deployed in place of credit@2 on 11 June 2026" in done.output
