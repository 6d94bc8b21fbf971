"""`bandit` and `off-policy` from a shell: begin, learn, play, and judge another table from the log."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.log import BanditLog
from workbench.experiments.bandits.state import BanditDesign
from workbench.experiments.bandits.worlds import World, simulate

WORLD = World.steady({"old": 0.10, "new": 0.16}, days=3)
NEW = DecisionTable.of("shop", {"default": {"old": 0.1, "new": 0.9}})


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def log(tmp_path):
    design = BanditDesign("shop", WORLD.arms, "binary", rule="uniform")
    simulate(WORLD, design, per_day=1000, rng=np.random.default_rng(1)).log.write(tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


@pytest.fixture
def state(tmp_path):
    done = run(
        "bandit", "init", tmp_path / "s.json", "--name", "shop", "--arm", "old", "--arm", "new", "--reward", "binary"
    )
    assert done.exit_code == 0, done.stderr
    return tmp_path / "s.json"


def test_a_bandit_learns_from_a_log_and_says_what_to_play(state, log):
    done = run("bandit", "update", state, log, "--json")
    assert done.exit_code == 0, done.stderr
    table = DecisionTable.from_json(done.stdout)
    assert table.weights["default"] == {"new": 0.99, "old": 0.01}
    assert run("bandit", "table", state, "--json").stdout == done.stdout
    shown = run("bandit", "table", state).stdout
    assert "0.9900" in shown and f"table {table.version}, from 3,000 decisions up to 2026-01-03" in shown


def test_a_dry_run_writes_nothing_and_no_log_counts_twice(state, log):
    before = state.read_bytes()
    dry = run("bandit", "update", state, log, "--dry-run")
    assert dry.exit_code == 0 and "would be taken in" in dry.stderr and state.read_bytes() == before
    assert run("bandit", "update", state, log).exit_code == 0
    again = run("bandit", "update", state, log)
    assert again.exit_code == 2 and "has taken in" in again.stderr
    assert json.loads(state.read_text())["rows"] == 3000


def test_columns_may_have_other_names(state, tmp_path):
    (tmp_path / "log.csv").write_text("variant,bought\nold,0\nnew,1\n")
    refused = run("bandit", "update", state, tmp_path / "log.csv", "--arm", "variant", "--reward", "bought")
    assert refused.exit_code == 2 and "--day 2026-01-31" in refused.stderr
    named = ("--arm", "variant", "--reward", "bought", "--day", "2026-02-01")
    assert run("bandit", "update", state, tmp_path / "log.csv", *named).exit_code == 0
    assert json.loads(state.read_text())["day"] == "2026-02-01"


def test_leaves_come_from_a_file(tmp_path):
    (tmp_path / "leaves.json").write_text('[{"leaf": "eu", "condition": {"region": "DE"}}]')
    common = ("--name", "x", "--arm", "a", "--arm", "b", "--reward", "revenue", "--lower", "--half-life", "14")
    done = run("bandit", "init", tmp_path / "s.json", *common, "--leaves", tmp_path / "leaves.json")
    assert done.exit_code == 0
    body = json.loads((tmp_path / "s.json").read_text())["design"]
    assert body["better"] == "lower" and body["leaves"][0]["leaf"] == "eu" and body["half_life"] == 14.0
    assert "eu" in run("bandit", "table", tmp_path / "s.json").stdout
    assert run("bandit", "init", tmp_path / "s.json", *common).exit_code == 2


def test_another_table_is_judged_from_the_log(log, tmp_path):
    (tmp_path / "table.json").write_text(NEW.as_json())
    done = run("off-policy", log, "--target", tmp_path / "table.json", "--floor", "0.5", "--range", "0", "1", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == "pass" and found["exact"][0] < WORLD.worth(NEW) < found["exact"][1]
    assert found["values"]["SNDR"]["interval"][0] < WORLD.worth(NEW) < found["values"]["SNDR"]["interval"][1]
    cut = run(
        "off-policy", log, "--target", tmp_path / "table.json", "--floor", "0.5", "--range", "0", "1", "--clip", "1"
    )
    assert "no exact interval" in cut.stderr
    told = run("off-policy", log, "--target", tmp_path / "table.json").stdout
    assert told.startswith("Under table a decision would have earned") and "SNDR" in told and "are worth" in told


def test_a_column_of_probabilities_is_a_target(log, tmp_path):
    import pandas as pd

    frame = pd.read_parquet(log)
    frame["p"] = frame["arm"].map({"old": 0.1, "new": 0.9})
    frame.rename(columns={"reward": "bought", "propensity": "logged"}).to_csv(tmp_path / "log.csv")
    done = run(
        "off-policy", tmp_path / "log.csv", "--target", "p", "--reward", "bought", "--propensity", "logged", "--json"
    )
    assert set(json.loads(done.stdout)["values"]) == {"IPS", "SNIPS"}


def test_a_small_log_is_refused_in_words(log, tmp_path):
    whole = BanditLog.read(log)
    BanditLog(whole.arm[:60], whole.reward[:60], whole.propensity[:60], None, whole.leaf[:60], None, None).write(
        tmp_path / "small.parquet"
    )
    (tmp_path / "table.json").write_text(NEW.as_json())
    done = run("off-policy", tmp_path / "small.parquet", "--target", tmp_path / "table.json")
    assert done.exit_code == 0 and done.stdout.startswith("This log cannot say what table would have earned.")


def test_what_was_begun_is_told_as_json(tmp_path):
    common = ("--name", "x", "--arm", "a", "--arm", "b", "--reward", "binary", "--json")
    told = json.loads(run("bandit", "init", tmp_path / "s.json", *common).stdout)
    assert told["state"] == str(tmp_path / "s.json") and told["arms"] == ["a", "b"] and told["rows"] == 0
    assert told["table_version"] == json.loads(run("bandit", "table", tmp_path / "s.json", "--json").stdout)["version"]


def test_sums_of_a_warehouse_teach_what_the_rows_teach(state, log, tmp_path):
    import pandas as pd

    sums = pd.read_parquet(log).groupby(["arm", "day"])["reward"].agg(n="size", sum="sum").reset_index()
    sums.to_csv(tmp_path / "sums.csv", index=False)
    again = tmp_path / "again.json"
    again.write_bytes(state.read_bytes())
    summed = run("bandit", "update", state, tmp_path / "sums.csv", "--tallies", "--json")
    assert summed.exit_code == 0 and summed.stderr == "3,000 decisions taken in\n"
    assert summed.stdout == run("bandit", "update", again, log, "--json").stdout
    twice = run("bandit", "update", state, tmp_path / "sums.csv", "--tallies")
    assert twice.exit_code == 2 and "before" in twice.stderr


def test_the_help_says_where_a_plan_can_be_tried():
    assert "workbench run bandit" in run("bandit", "--help").stdout


def test_a_table_that_is_not_there_is_told_with_the_way_to_one(log, tmp_path):
    done = run("off-policy", log, "--target", tmp_path / "none.json")
    assert done.exit_code == 2 and "none.json cannot be read: there is no such file\nhint: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bandit", "table", "none.json"], "bandit's state none.json cannot be read: there is no such file"),
        (["bandit", "update", "none.json", "none.csv"], "bandit's state none.json cannot be read"),
        (["bandit", "update", "none.json", "none.csv", "--tallies"], "bandit's state none.json cannot be read"),
        (["bandit", "update", "s.json", "none.csv"], "the log none.csv cannot be read: there is no such file"),
        (["bandit", "update", "s.json", "none.csv", "--tallies"], "sums none.csv cannot be read"),
        (["bandit", "table", "odd.json"], "odd.json: the bandit's state is no JSON"),
        (["off-policy", "none.parquet", "--target", "none.json"], "the log none.parquet cannot be read"),
        (["off-policy", "log.parquet", "--target", "none.json"], "the table none.json cannot be read"),
        (["off-policy", "log.parquet", "--target", "odd.json"], "odd.json: the table is no JSON"),
    ],
)
def test_what_is_not_there_is_told(state, log, arguments, said, tmp_path, monkeypatch):
    (tmp_path / "odd.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2 and said in done.stderr and "[Errno" not in done.stderr and "hint: " in done.stderr


def test_what_is_no_plan_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("bandit", "init", "none/x.json", "--name", "x", "--arm", "a", "--reward", "binary")
    assert done.exit_code == 2 and "two or more" in done.stderr
