"""`workbench ab`: the sentence first, exact numbers as JSON, errors that name the way out, nothing heavy imported."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.cli import main
from workbench.stats.comparison import compare
from workbench.stats.proportions import beta_posterior

HEAVY = {"pandas", "mlflow", "pymc", "scipy.stats", "matplotlib", "pyarrow", "sklearn", "papermill", "rich.console"}


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    rng = np.random.default_rng(1)
    n = 4000
    frame = pd.DataFrame({"visitor": range(n), "group": ["old", "new"] * (n // 2), "day": np.arange(n) // 400 + 1})
    frame["signed"] = (rng.random(n) < np.where(frame["group"] == "new", 0.14, 0.10)).astype(int)
    frame["before"] = rng.gamma(2, 2, n)
    frame["spend"] = frame["before"] + rng.gamma(2, 1, n) + 0.2 * (frame["group"] == "new")
    frame["orders"] = rng.poisson(2, n) + 1
    frame["note"] = "text"
    path = tmp_path_factory.mktemp("ab") / "visits.csv"
    frame.to_csv(path, index=False)
    return path


def ab(path, *more, control="old"):
    command = ["ab", str(path), "--variant", "group", "--control", control, *more]
    return CliRunner().invoke(main, command)


def test_the_sentence_comes_first_then_the_sample_ratio_then_a_table(visits):
    said = ab(visits, "--metric", "signed=binary:signed").stdout.splitlines()
    assert said[0].startswith("new against old: signed higher by 0.0")
    assert said[2] == "The arms were filled as planned (p = 1)."
    assert "chance to be better" in "".join(said) and "better" in said[-2]


def test_the_json_has_the_promised_shape_and_exact_numbers(visits):
    body = json.loads(ab(visits, "--metric", "signed=binary:signed", "--prior", "weak", "--json").stdout)
    assert body["sample_ratio"] == {"p": 1.0, "passed": True}
    assert set(body["metrics"]["signed"]) == {"old", "new"}
    frame = pd.read_csv(visits)
    yes, trials = frame.groupby("group")["signed"].sum(), frame.groupby("group")["signed"].size()
    exact = compare({arm: beta_posterior(yes[arm], trials[arm]) for arm in ("old", "new")}, "old")
    arm = body["metrics"]["signed"]["new"]
    assert arm["chance_to_win"] == exact.differences["new"].chance_above
    assert arm["expected_loss"] == exact.expected_loss["new"]
    assert arm["interval"] == [exact.differences["new"].low, exact.differences["new"].high]
    assert (arm["n"], arm["mean"], arm["verdict"]) == (2000, yes["new"] / 2000, "better")
    assert arm["relative"] == exact.differences["new"].relative
    assert isinstance(body["sentence"], str)


def test_arms_that_are_not_filled_equally_are_told_and_others_may_be_planned(tmp_path):
    frame = pd.DataFrame({"group": ["old"] * 2000 + ["new"] * 1000, "x": np.arange(3000) % 7})
    frame.to_parquet(tmp_path / "x.parquet")
    metric = ("--metric", "x=mean:x", "--json")
    failed = ab(tmp_path / "x.parquet", *metric)
    assert json.loads(failed.stdout)["sample_ratio"]["passed"] is False
    assert "state others with --shares" in failed.stderr
    assert json.loads(failed.stdout)["metrics"]["x"]["new"]["verdict"] in {"better", "worse", "not enough evidence"}
    told = ab(tmp_path / "x.parquet", "--metric", "x=mean:x").stdout
    assert "not to be trusted" in told and "No arm wins or loses by what follows" in told.splitlines()[0]
    planned = json.loads(ab(tmp_path / "x.parquet", *metric, "--shares", "old=2,new=1").stdout)
    assert planned["sample_ratio"] == {"p": 1.0, "passed": True}
    unknown = json.loads(ab(tmp_path / "x.parquet", *metric, "--shares", "unknown").stdout)
    assert unknown["sample_ratio"] == {"p": None, "passed": None}


def test_every_option_reaches_the_analysis(visits, tmp_path):
    page = tmp_path / "page.html"
    result = ab(
        visits, "--metric", "spend=mean:spend", "--metric", "price=ratio:spend/orders",
        "--metric", "high=quantile:spend@0.9", "--unit", "visitor", "--day", "day", "--covariate", "before",
        "--lower", "high", "--guardrail", "high=0.2", "--guardrail", "price", "--prior", "spend=normal(0,0.05)",
        "--rope", "0.01", "--loss", "0.01", "--cap", "spend=50", "--twin", "--html", str(page), "--name", "<b>shop</b>",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    said = result.stdout
    assert "Adjusted for before." in said and "prior: stated, normal(0,0.05)" in said
    assert "keeps the guardrail high" in said and "can be chosen" in said and "p (Holm)" in said
    assert "Looked at after each of 10 days" in said and "% more units" in said
    html = page.read_text("utf-8")
    assert "&lt;b&gt;shop&lt;/b&gt;" in html and "<b>shop" not in html
    assert "data:image/png;base64," in html and "http" not in html.replace("http-equiv", "")


def test_a_design_is_registered_without_data_and_then_followed_or_not(visits, tmp_path):
    plan, metric = tmp_path / "plan.json", ("--metric", "signed=binary:signed")
    registered = ab(tmp_path / "visits.csv", *metric, "--register", str(plan))
    assert registered.exit_code == 0 and "the data was not read" in registered.stderr and registered.stdout == ""
    kept = json.loads(ab(visits, *metric, "--registered", str(plan), "--json").stdout)
    assert kept["followed"] is True and kept["differing"] == []
    assert "follows the design that was registered" in kept["sentence"]
    broken = ab(visits, *metric, "--certainty", "0.8", "--registered", str(plan))
    assert "does not follow the design" in broken.stdout and "differs from" in broken.stderr
    assert broken.stderr.strip().endswith("in: certainty")


def test_a_registered_design_is_not_overwritten_and_has_its_time(visits, tmp_path):
    plan, metric = tmp_path / "plan.json", ("--metric", "signed=binary:signed")
    digest = ab(visits, *metric, "--register", str(plan)).stderr.partition("digest ")[2][:12]
    kept = plan.read_text("utf-8")
    at = json.loads(kept)["registered_at"]
    again = ab(visits, *metric, "--register", str(plan))
    assert f"digest {digest}, registered at {at}" in again.stderr and plan.read_text("utf-8") == kept
    other = ab(visits, *metric, "--certainty", "0.8", "--register", str(plan))
    assert other.exit_code == 2 and "holds another design, which differs in certainty" in other.stderr
    assert plan.read_text("utf-8") == kept
    used = json.loads(ab(visits, *metric, "--registered", str(plan), "--json").stdout)
    assert (used["followed"], used["registered_at"], used["design_digest"][:12]) == (True, at, digest)
    assert f"The design was registered at {at}." in ab(visits, *metric, "--registered", str(plan)).stdout
    foreign = tmp_path / "letter.txt"
    foreign.write_text("dear reader", "utf-8")
    assert "no design" in ab(visits, *metric, "--register", str(foreign)).stderr
    assert foreign.read_text("utf-8") == "dear reader"


def test_in_a_workspace_a_registration_is_told_to_the_ledger_once(visits, tmp_path):
    assert CliRunner().invoke(main, ["init", str(tmp_path / "ws")]).exit_code == 0
    words = ("--metric", "signed=binary:signed", "--name", "button", "--workspace", str(tmp_path / "ws"))
    for file in ("one.json", "two.json"):
        done = ab(visits, *words, "--register", str(tmp_path / file))
    assert "and in the ledger" in done.stderr
    with open_bench(tmp_path / "ws") as bench:
        (entry,) = bench.ledger.entries(kind="design.registered")
    assert (entry.subject, entry.actor, entry.body["name"]) == ("experiment/button", bench.actor, "button")
    assert entry.body["digest"][:12] in done.stderr


def test_a_rule_speaks_first_and_the_days_say_whether_it_fades(visits):
    words = ("--metric", "signed=binary:signed", "--day", "day", "--unit", "visitor")
    told = ab(visits, *words, "--rule", "obrien-fleming:5", "--days", "10")
    assert told.stdout.startswith(("Stopped at look", "The plan ends with look", "No answer yet after look"))
    assert "corrected for having looked, it is" in told.stdout.splitlines()[0]
    assert "new against old, signed: " in told.stdout and "fade" in told.stdout
    body = json.loads(ab(visits, *words, "--rule", "obrien-fleming:5", "--json").stdout)
    (found,) = body["sequential"]
    assert found["arm"] == "new" and found["scale"] == "relative" and found["sentence"] in told.stdout
    assert body["novelty"]["new"]["sentence"] in told.stdout
    (half,) = json.loads(ab(visits, *words, "--rule", "pocock:2", "--days", "18", "--json").stdout)["sequential"]
    assert len(half["steps"]) == 1 and half["day"] == "9"
    early = ab(visits, *words, "--rule", "pocock:2", "--days", "40")
    assert early.exit_code == 0 and "the data has 10 days, and pocock:2 looks first on day 20" in early.stderr
    assert "new against old" in early.stdout  # what stands beside the answer does not hold it up
    assert "sequential" not in json.loads(ab(visits, *words, "--json").stdout)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--metric", "x=mean:spend", "--rule", "pocock:5"], "the rule pocock:5 needs the days"),
        (["--metric", "x=mean:spend", "--rule", "now", "--day", "day"], "'now' is no stopping rule"),
        (["--metric", "x=ratio:spend/orders", "--rule", "fixed", "--day", "day"], "a rule looks at means"),
        (["--metric", "x=binary:nowhere"], "there is no column nowhere"),
        (["--metric", "x=binary:orders"], "'orders' is not 0 or 1 for every unit"),
        (
            ["--metric", "x=mean:note"],
            "'text', which is no number",
        ),
        (["--metric", "x"], "'x' is no metric"),
        (["--metric", "x=median:spend"], "of kind 'median'"),
        (["--metric", "x=mean:spend", "--lower", "y"], "lower names 'y'"),
        (["--metric", "x=mean:spend", "--guardrail", "x"], "decides and cannot be a guardrail"),
        (["--metric", "x=mean:spend", "--shares", "old=1"], "planned shares are for"),
        (["--metric", "x=mean:spend", "--prior", "archive"], "no archive from which a prior could be learned"),
        (["--metric", "x=mean:spend", "--prior", "y=weak"], "a prior is for 'y'"),
        (["--metric", "x=mean:spend", "--prior", "wide"], "'wide' is no prior"),
        (["--metric", "x=mean:spend", "--cluster", "day"], "without a unit column"),
        (["--metric", "x=mean:spend", "--stratify"], "stratify needs segments"),
        (["--metric", "x=mean:spend", "--registered", "no.json"], "cannot be read"),
        (["--metric", "x=mean:spend", "--rope", "2"], "--rope"),
    ],
)
def test_bad_input_is_told_in_words(visits, more, said):
    result = ab(visits, *more)
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.output


def test_a_control_that_is_not_there_and_a_single_arm_are_told(visits, tmp_path):
    metric = ("--metric", "x=mean:spend")
    absent = ab(visits, *metric, control="older")
    assert absent.exit_code == 2 and "arm 'older' is not in the data" in absent.stderr
    assert "the arms are: new, old" in absent.stderr
    one = pd.read_csv(visits).query("group == 'old'")
    one.to_csv(tmp_path / "one.csv", index=False)
    assert "the only arm is 'old'" in ab(tmp_path / "one.csv", *metric).stderr
    assert "there is no file" in ab(tmp_path / "none.csv", *metric).stderr


def test_a_plan_holds_the_rule_and_is_a_design_that_the_ledger_knows(visits, tmp_path, monkeypatch):
    from workbench.bench import create

    words = ("--metric", "signed=binary:signed", "--day", "day", "--unit", "visitor")
    plan = tmp_path / "plan.json"
    assert "is no stopping rule" in ab(visits, *words, "--rule", "rubbish", "--register", plan).stderr
    assert not plan.exists()
    create(tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    assert ab(visits, *words, "--rule", "obrien-fleming:5", "--register", plan).exit_code == 0
    same = ab(visits, *words, "--rule", "obrien-fleming:5", "--registered", plan, "--json")
    assert json.loads(same.stdout)["followed"] is True and json.loads(same.stdout)["in_ledger"] is True
    other = ab(visits, *words, "--rule", "chance:0.9", "--registered", plan)
    assert "it differs from" in other.stderr and "rule" in other.stderr
    edited = json.loads(plan.read_text()) | {"certainty": 0.9}
    plan.write_text(json.dumps(edited))
    again = ab(visits, *words, "--rule", "obrien-fleming:5", "--certainty", "0.9", "--registered", plan)
    assert "the ledger of this workspace knows of no such registration" in again.stderr
    plan.write_text("{}")
    assert ab(visits, *words, "--registered", plan).exit_code == 2


def test_a_guardrail_without_any_money_holds_nothing_up(visits, tmp_path):
    frame = pd.read_csv(visits).assign(refund=0.0)
    frame.to_csv(tmp_path / "r.csv", index=False)
    told = ab(tmp_path / "r.csv", "--metric", "s=binary:signed", "--metric", "r=revenue:refund", "--guardrail", "r")
    assert told.exit_code == 0 and "not shown to keep the guardrail r" in told.stdout


def test_names_are_text_and_never_sql(tmp_path):
    odd = 'x"; DROP TABLE units; --'
    pd.DataFrame({"group": ["old", "new"] * 20, odd: np.arange(40)}).to_csv(tmp_path / "odd.csv", index=False)
    result = ab(tmp_path / "odd.csv", "--metric", f"m=mean:{odd}", "--json")
    assert json.loads(result.stdout)["metrics"]["m"]["new"]["mean"] == 20.0


def test_nothing_heavy_is_imported(visits):
    code = (
        "import sys\nfrom workbench.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    words = ["ab", str(visits), "--variant", "group", "--control", "old", "--metric", "s=binary:signed"]
    words += ["--metric", "spend=revenue:spend", "--metric", "q=quantile:spend@0.5", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]" and json.loads(done.stdout)["metrics"]
