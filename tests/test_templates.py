"""Every template runs as it is begun, on a file of the user's own."""

import numpy as np
import pandas as pd
import pytest

from workbench import open_bench
from workbench.bench import create

pytestmark = pytest.mark.slow
N = 400


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A workspace with two small files: an experiment whose new arm sells more, and cases with a label."""
    root = tmp_path_factory.mktemp("templates") / "w"
    create(root)
    (root / "data").mkdir()
    rng = np.random.default_rng(0)
    new = rng.random(N) < 0.5
    sold = {
        "arm": np.where(new, "new", "control"),
        "converted": (rng.random(N) < np.where(new, 0.6, 0.3)).astype(int),
        "spend": rng.gamma(2, 10, N) * (rng.random(N) < 0.5),
        "region": rng.choice(["north", "south"], N),
        "age": rng.normal(40, 10, N),
    }
    pd.DataFrame(sold).to_csv(root / "data" / "experiment.csv", index=False)
    age, plan = rng.normal(40, 10, N), rng.choice(["basic", "plus", None], N)
    cases = {
        "case": np.arange(N),
        "age": np.where(rng.random(N) < 0.05, np.nan, age),
        "plan": plan,
        "member": rng.random(N) < 0.5,
        "sex": rng.choice(["f", "m", None], N, p=[0.45, 0.45, 0.1]),
        "label": (age + 6 * (plan == "plus") + rng.normal(0, 4, N) > 42).astype(int),
    }
    pd.DataFrame(cases).to_parquet(root / "data" / "cases.parquet")
    with open_bench(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def registered(bench):
    given = {"data": "data/cases.parquet", "protected": "sex", "left_out": "case", "reweigh_by": "sex"}
    return done(bench, "model", **given)


def done(bench, template, **given):
    path = bench.new(template, hypothesis=f"{template}s of this kind work", parameters=given)
    outcome = bench.run(path)
    assert outcome.status == "finished", outcome.sentence
    assert outcome.sentence
    return outcome


def test_an_experiment_says_which_arm_is_better(bench):
    given = {"metrics": "sales=binary:converted, spend=revenue:spend", "segments": "region", "covariates": "age"}
    outcome = done(bench, "experiment", **given, decision="ship", why="it sells more")
    assert bench.archive().named("experiment").decided == "ship: it sells more"
    assert "new against control: sales higher by" in outcome.sentence
    assert [(f["kind"], f["verdict"]) for f in outcome.findings] == [("experiment", "pass")]


def test_a_model_of_mixed_columns_is_registered_with_its_evidence(bench, registered):
    assert registered.versions == (("my-model", 1),)
    assert [f["kind"] for f in registered.findings] == ["performance"]
    assert registered.metrics["auc"] > 0.8
    assert list(bench.model("my-model", 1).feature_names_in_) == ["age", "plan", "member"]


@pytest.mark.parametrize("scored", ["out of fold", "as it is"])
def test_an_audit_of_that_version_names_the_groups(bench, registered, scored):
    path = bench.new("audit", hypothesis="Sexes are treated alike", name=f"audit {scored}")
    outcome = bench.run(path, {"data": "data/cases.parquet", "scored": scored})
    assert outcome.status == "finished", outcome.sentence
    (finding,) = outcome.findings
    assert (finding["kind"], finding["subject"]) == ("fairness", "my-model/1")
    assert {tuple(group["group"]) for group in finding["details"]["groups"]} == {("f",), ("m",), ("(unknown)",)}


def test_a_blank_one_runs_as_it_stands(bench):
    outcome = done(bench, "blank", data="data/cases.parquet", column="age", target="30")
    assert [(f["kind"], f["subject"], f["verdict"]) for f in outcome.findings] == [
        ("measurement", "my-subject", "pass")
    ]
    assert 39 < outcome.metrics["mean"] < 41


def test_a_quarter_is_reviewed_from_a_table_of_past_experiments(bench):
    rng = np.random.default_rng(1)
    weeks = pd.date_range("2025-01-06", periods=60, freq="7D").strftime("%Y-%m-%d")
    rows = {"experiment": [f"e{n}" for n in range(60)], "metric": "sales", "date": weeks}
    rows |= {"effect": rng.normal(0.005, 0.02, 60), "error": 0.01, "hypothesis": "It sells", "lesson": "It did, or not"}
    rows |= {"decision": ["ship" if effect > 0.0165 else "stop" for effect in rows["effect"]]}
    pd.DataFrame(rows).to_csv(bench.root / "data" / "past.csv", index=False)
    outcome = done(bench, "quarter_review", data="data/past.csv", since="2026-01-01", until="2026-03-01")
    assert outcome.sentence.startswith("8 experiments ended")
    assert [(f["kind"], f["subject"], f["verdict"]) for f in outcome.findings] == [
        ("review", "archive/2026-01-01", "pass")
    ]
    assert 0 <= outcome.metrics["kept"] <= outcome.metrics["claimed"]


def test_a_file_that_is_not_there_is_told_in_words(bench):
    path = bench.new("blank", hypothesis="There is a file", parameters={"data": "data/none.csv"})
    outcome = bench.run(path)
    assert outcome.status == "failed"
    assert "data/none.csv cannot be read" in outcome.sentence
