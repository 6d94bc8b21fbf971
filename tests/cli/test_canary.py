"""`workbench canary` in a workspace: begun, shown, passed over, stopped; a dry run changes nothing."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench.workspace import create
from workbench.cli import main


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a champion and a version with good evidence."""
    path = Path(__file__).parents[1] / "monitoring" / "canaries" / "conftest.py"
    spec = importlib.util.spec_from_file_location("canary_town", path)
    town = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(town)
    root = tmp_path / "w"
    create(root)
    with open_bench(root) as bench:
        town.NOON = bench.now()
        trial = town.Trial.__new__(town.Trial)
        trial.ledger, trial.now = bench.ledger, town.NOON
        trial.registered(1)
        trial.registered(2)
        with bench.ledger.transaction() as writer:
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            entry = writer.append("promotion.granted", subject="lending/1", actor="risk-officer", why="good", body=body,
                                  now=trial.now)  # fmt: skip
            writer.move_head("lending", "champion", 1, expected_generation=0, entry=entry)
    monkey = pytest.MonkeyPatch()
    monkey.setattr("workbench.promotion.gate.follow", lambda *_, **__: ())  # no registry is opened
    yield root
    monkey.undo()


def run(workspace, *words):
    return CliRunner().invoke(main, [*words, "--workspace", str(workspace)])


def test_a_canary_is_begun_shown_passed_over_and_stopped(workspace):
    asked = ("canary", "start", "lending", "2", "--steps", "5,10", "--why", "trained on the summer")
    assert "policy 'stage' allows it" in run(workspace, *asked, "--dry-run").stdout
    assert json.loads(run(workspace, "canary", "status", "--json").stdout) == []
    assert "at 5 % of the traffic" in run(workspace, *asked).stdout
    (shown,) = json.loads(run(workspace, "canary", "status", "lending", "--json").stdout)
    assert (shown["state"], shown["weight"], shown["steps"]) == ("running", 0.05, [0.05, 0.1])
    (done,) = json.loads(run(workspace, "canary", "run", "--once", "--json").stdout)
    assert done["act"] == "hold"
    again = run(workspace, *asked)
    assert again.exit_code == 2 and "is being tried already" in again.output
    assert "tried no more" in run(workspace, "canary", "stop", "lending", "--why", "enough of it").stdout
    (ended,) = json.loads(run(workspace, "canary", "status", "--all", "--json").stdout)
    assert (ended["outcome"], ended["ending"]) == ("stopped", "enough of it")


def test_what_is_declared_is_the_plan_and_what_is_no_kind_is_refused(workspace):
    told = run(workspace, "declare", "lending", "--canary", "minutes=30", "--rollback", "errors", "--why", "agreed",
               "--json")  # fmt: skip
    assert json.loads(told.stdout)["objectives"] == {"canary": {"minutes": 30.0}, "rollback": ["errors"]}
    with open_bench(workspace) as bench:
        assert bench.canaries.plan("lending", {"requests": 5}).minutes == 30
    wrong = run(workspace, "declare", "lending", "--rollback", "weather", "--why", "agreed")
    assert wrong.exit_code == 2 and "no kind of trouble" in wrong.output
    wrong = run(workspace, "canary", "start", "lending", "2", "--steps", "10,5", "--why", "backwards")
    assert wrong.exit_code == 2 and "each greater than the last" in wrong.output


def test_a_kpi_that_is_named_like_what_canaries_count_is_refused_and_an_old_one_is_told(workspace):
    refused = run(workspace, "declare", "lending", "--kpi", "errors=failed payments", "--why", "agreed")
    assert refused.exit_code == 2 and "a KPI cannot be named 'errors'" in refused.output
    with open_bench(workspace) as bench:
        body = {"stakes": "normal", "owner": "", "kpis": {"slow": "late payers", "revenue": "USD"}, "objectives": {}}
        bench.ledger.append(
            "model.declared", subject="lending", actor="risk-officer", why="as before", body=body, now=bench.now()
        )
    asked = ("canary", "start", "lending", "2", "--why", "trained on the summer", "--dry-run")
    told = run(workspace, *asked)
    assert told.exit_code == 0
    assert "as lending is declared, kpis.slow is watched by no canary" in told.stderr
    ended = run(workspace, "declare", "lending", "--kpi", "slow=", "--kpi", "late=late payers", "--why", "agreed",
                "--json")  # fmt: skip
    assert json.loads(ended.stdout)["kpis"] == {"revenue": "USD", "late": "late payers"}
    assert run(workspace, *asked).stderr == ""
