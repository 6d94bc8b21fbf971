"""`workbench monitor`, `incidents` and `replay` in a workspace: what is wrong is told, and by the exit code too."""

import json
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from workbench import open_bench
from workbench.bench import watch
from workbench.bench.workspace import create
from workbench.cli import main
from workbench.cli.incidents import moment
from workbench.errors import Misuse
from workbench.ledger import ModelVersion
from workbench.serving import Prediction


@pytest.fixture
def workspace(tmp_path):
    """A workspace with one champion that failed a tenth of its requests in the last hours."""
    root = tmp_path / "w"
    create(root)
    with open_bench(root) as bench:
        now = bench.now()
        told = ModelVersion(
            model="lending", version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
            feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=now.isoformat(), registered_by="analyst",
        )  # fmt: skip
        with bench.ledger.transaction() as writer:
            note = {"subject": "lending/1", "actor": "risk-officer", "why": "good", "now": now - timedelta(days=2)}
            writer.append("version.registered", body=told.as_body(), **note)
            body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
            writer.move_head("lending", "champion", 1, expected_generation=0,
                             entry=writer.append("promotion.granted", body=body, **note))  # fmt: skip
        bench.log.write(
            [
                Prediction(id=f"p{i}", at=now - timedelta(minutes=i), model="lending", version=1, generation=1,
                           request=f"r{i}", input_digest="d", features={"income": 1.0}, score=0.7, answer=True,
                           latency_us=900, status=500 if i % 10 == 0 else 200)
                for i in range(300)
            ]
        )  # fmt: skip
    monkey = pytest.MonkeyPatch()
    monkey.setattr("workbench.bench.composition.Bench._profile_of", lambda *_: None)  # no files are registered
    yield root
    monkey.undo()


def run(workspace, *words):
    return CliRunner().invoke(main, [*words, "--workspace", str(workspace)])


def test_a_pass_tells_what_is_wrong_opens_an_incident_and_exits_with_one(workspace):
    done = run(workspace, "monitor", "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    (line,) = told["models"]
    assert (line["model"], line["state"]) == ("lending", "act")
    assert "requests failed on our side" in line["sentence"]
    (opened,) = told["opened"]
    again = run(workspace, "monitor")
    assert "lending" in again.stdout and "0 opened" in again.stderr

    listed = json.loads(run(workspace, "incidents", "list", "--json").stdout)
    assert [one["id"] for one in listed] == [opened["id"]]
    assert "is acknowledged" in run(workspace, "incidents", "ack", opened["id"][:5], "--why", "I look").stdout
    shown = run(workspace, "incidents", "show", opened["id"]).stdout
    assert "I look" in shown and "symptoms: errors" in shown
    assert "is resolved" in run(workspace, "incidents", "resolve", opened["id"], "--why", "mended").stdout
    assert "no incident is open" in run(workspace, "incidents", "list").stderr


def test_a_dry_run_opens_nothing(workspace):
    assert run(workspace, "monitor", "--dry-run", "--model", "lending").exit_code == 1
    assert json.loads(run(workspace, "incidents", "list", "--all", "--json").stdout) == []


def test_limits_are_tried_before_they_go_live(workspace):
    run(workspace, "monitor", "--dry-run")
    strict = json.loads(run(workspace, "replay", "--since", "6h", "--json").stdout)
    assert {alarm["signal"] for alarm in strict["alarms"]} == {"errors"}
    loose = run(workspace, "replay", "--since", "6h", "--errors", "0.5")
    assert "0 alarms on 0 of 1 models" in loose.stderr
    assert run(workspace, "replay", "--since", "soon").exit_code == 2
    (workspace / "limits.toml").write_text('["*"]\nrollback = ["errors"]\n')
    policy = ("replay", "--since", "6h", "--policy", str(workspace / "limits.toml"))
    assert [alarm["back"] for alarm in json.loads(run(workspace, *policy, "--json").stdout)["alarms"]] == [True]
    assert "by itself" in run(workspace, *policy).stdout
    assert "0 alarms" in run(workspace, *policy, "--errors", "0.5").stderr
    (workspace / "limits.toml").write_text("[lending]\nerors = 1\n")
    refused = run(workspace, *policy)
    assert (refused.exit_code, "erors is no limit" in refused.stderr) == (2, True)
    for wrong in (b"\xff", None):
        (workspace / "limits.toml").unlink() if wrong is None else (workspace / "limits.toml").write_bytes(wrong)
        refused = run(workspace, *policy)
        assert (refused.exit_code, "the policy cannot be read" in refused.stderr) == (2, True)


def test_what_was_written_and_what_was_measured_is_told_as_json(workspace, tmp_path):
    for command in (["rules", "--workspace", str(workspace)], ["dashboards"]):
        out = tmp_path / command[0]
        done = CliRunner().invoke(main, ["monitor", *command, "--out", str(out), "--json"])
        assert sorted(json.loads(done.stdout)["files"]) == sorted(map(str, out.iterdir()))
    arguments = ["monitor", "metrics", "--workspace", str(workspace)]
    told = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["exposition"]
    assert told.startswith("# HELP workbench_")


def test_rules_and_dashboards_are_written(workspace, tmp_path):
    done = run(workspace, "monitor", "rules", "--out", str(tmp_path / "p"))
    assert {line.rsplit("/", 1)[1] for line in done.stdout.split()} == {
        "workbench.rules.yml", "workbench.test.yml", "prometheus.yml", "alertmanager.yml",
    }  # fmt: skip
    assert "lending" in (tmp_path / "p" / "workbench.rules.yml").read_text()
    assert CliRunner().invoke(main, ["monitor", "dashboards", "--out", str(tmp_path / "g")]).exit_code == 0
    assert json.loads((tmp_path / "g" / "workbench-models.json").read_text())["panels"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's prometheus is not installed")
def test_what_is_written_is_checked_where_it_is_asked_for(workspace, tmp_path):
    done = run(workspace, "monitor", "rules", "--check", "--out", str(tmp_path / "p"))
    assert (done.exit_code, "SUCCESS" in done.stderr) == (0, True)


def test_moments_are_read_as_people_write_them():
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert moment("2d", now) == now - timedelta(days=2)
    assert moment("2026-03-01T06:00", now) == datetime(2026, 3, 1, 6, tzinfo=UTC)
    assert moment("2026-03-01T06:00+02:00", now) == datetime(2026, 3, 1, 4, tzinfo=UTC)
    for text in ("yesterday", "7w", "99999999999d"):
        with pytest.raises(Misuse, match="is no time"):
            moment(text, now)


def test_a_scrape_is_told_a_pass_that_opens_nothing_and_is_kept_for_a_minute(workspace):
    with open_bench(workspace) as bench:
        first = bench.watch.exposition()
        assert 'workbench_model_health{model="lending",version="1",health="act"} 1' in first
        assert bench.watch.exposition() == first
        assert bench.ledger.entries(kind="incident.opened") == []


@pytest.mark.slow
def test_a_scrape_of_a_gateway_is_told_what_a_process_of_its_own_saw(workspace):
    with open_bench(workspace) as bench:
        end = time.monotonic() + 60
        while (told := bench.watch.exposition_aside()).startswith("# the first look"):
            assert time.monotonic() < end
        assert 'workbench_model_health{model="lending",version="1",health="act"} 1' in told
        assert bench.watch.exposition_aside() == told


def test_a_scrape_waits_for_no_pass_that_takes_long_and_begins_no_second(workspace, monkeypatch):
    begun, over = [], threading.Event()

    def look(self):
        begun.append(self)
        over.wait(30)
        self._told = "workbench_model_health 1\n"

    monkeypatch.setattr(watch, "AT_FIRST", 0.05)
    monkeypatch.setattr(watch, "FRESH", timedelta(0))
    monkeypatch.setattr(watch.Watch, "_look_aside", look)
    with open_bench(workspace) as bench:
        assert [bench.watch.exposition_aside()[:18] for _ in range(3)] == ["# the first look a"] * 3
        over.set()
        bench.watch._looking.join()
        assert bench.watch.exposition_aside() == "workbench_model_health 1\n"
        bench.watch._looking.join()
    assert len(begun) == 2
