"""What a run found is committed once: whoever dies on the way, one version and one set of entries come of it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.batch import Record, commit_record
from workbench.batch.commit import commit_run
from workbench.batch.folders import RunState, make_folder, write_state
from workbench.batch.tracking import KEY, MODEL_DIGEST, NOTEBOOK_DIGEST
from workbench.evidence import Finding
from workbench.ledger import digest

STATE = RunState("", "weekly/2026-01-05", "weekly", "n" * 64, {"seed": 8}, state="executed", seconds=1.5)
NOW = datetime(2026, 1, 5, tzinfo=UTC)
KINDS = sorted(["run.finished", *["version.registered"] * 2, *["evidence.recorded"] * 3])


@pytest.fixture
def tracking(tmp_path, simulated):
    return simulated.SimulatedTracking(tmp_path / "tracking.json")


@pytest.fixture
def executed(tmp_path, tracking, simulated):
    """Makes a run that was executed and not committed: its folder and state."""

    def make(hand_over=simulated.hand_over_a_model):
        run_id = tracking.start("weekly", parameters={}, tags={"workbench.key": STATE.key})
        folder = make_folder(tmp_path, "weekly", simulated.START, run_id)
        state = RunState(**{**STATE.__dict__, "run_id": run_id})
        write_state(folder, state)
        hand_over(folder)
        return folder, state

    return make


@pytest.fixture
def commit(tracking, ledger, simulated):
    clock = simulated.Clock()

    def call(folder, state):
        return commit_run(folder, state, tracking=tracking, ledger=ledger, actor="analyst", now=clock())

    return call


# what is told


def test_a_run_is_told_with_all_that_it_found(executed, commit, ledger):
    folder, state = executed()
    body = commit(folder, state)
    entry = ledger.find(STATE.key)
    assert (entry.kind, entry.subject, entry.actor) == ("run.finished", f"run/{state.run_id}", "analyst")
    assert entry.why == "It is better than the one before."
    assert entry.body == body
    assert body["parameters"] == {"seed": 8}
    assert body["metrics"] == {"f1": 0.9, "auc": 0.95}
    assert body["lessons"] == ["More data did not help."]
    assert body["data"] == [{"name": "loans", "digest": "d" * 64, "rows": 100}]
    assert body["versions"] == [["lending", 1], ["pricing", 1]]
    assert body["folder"] == folder.name
    assert ledger.verify().valid


def test_a_registered_design_is_a_tag_of_the_run(executed, commit, ledger, tracking):
    def hand_over(folder):
        record = Record.in_run(folder, now=NOW)
        record.design(SimpleNamespace(as_json=lambda: "{}", digest="f" * 64))
        record.close()

    folder, state = executed(hand_over)
    commit(folder, state)
    assert tracking.state["runs"][state.run_id]["tags"]["workbench.design"] == "f" * 64
    assert ledger.find(STATE.key).body["design"] == "f" * 64


def test_a_version_is_told_as_it_was_registered(executed, commit, ledger, tracking):
    folder, state = executed()
    commit(folder, state)
    version = ledger.version("lending", 1)
    assert version.run_id == state.run_id
    assert version.source == f"runs:/{state.run_id}/models/lending"
    assert version.model_digest == f"lending-{state.run_id}"
    assert (version.data_digest, version.feature_set, version.notebook_digest) == ("d" * 64, "loan@1", "n" * 64)
    assert version.threshold == 0.123456789
    assert version.parameters == {"seed": 8}
    assert version.metrics == {"f1": 0.9}
    assert version.registered_by == "analyst"
    kept = tracking.state["versions"][0]
    assert kept["path"] == "models/lending/model"
    assert kept["tags"]["workbench.model_digest"] == version.model_digest
    assert float(kept["tags"]["workbench.threshold"]) == version.threshold, "the tag tells the whole threshold"


def test_a_finding_about_a_model_becomes_one_about_the_version(executed, commit, ledger):
    folder, state = executed()
    commit(folder, state)
    entries = ledger.entries(kind="evidence.recorded")
    assert [entry.subject for entry in entries] == ["lending/1", "lending/1", "experiment/rand-hie"]
    assert [entry.body["subject"] for entry in entries] == [entry.subject for entry in entries]
    assert [entry.body["run_id"] for entry in entries] == [state.run_id, state.run_id, "another-run"]


def test_a_finding_carries_the_digest_that_the_evidence_room_gives_it(executed, commit, ledger):
    commit(*executed())
    for entry in ledger.entries(kind="evidence.recorded"):
        body = {name: value for name, value in entry.body.items() if name != "digest"}
        assert entry.body["digest"] == digest(body)
    from dataclasses import asdict

    entry = ledger.entries(kind="evidence.recorded")[0]
    found = Finding.from_body(entry.body)
    assert {name: value for name, value in asdict(found).items() if name != "figures"}.items() <= entry.body.items()


def test_every_entry_has_a_key_of_the_run(executed, commit, ledger):
    commit(*executed())
    assert sorted(entry.key for entry in ledger.entries()) == [
        "weekly/2026-01-05",
        "weekly/2026-01-05/evidence/1",
        "weekly/2026-01-05/evidence/2",
        "weekly/2026-01-05/evidence/3",
        "weekly/2026-01-05/version/lending",
        "weekly/2026-01-05/version/pricing",
    ]


def test_the_tracking_store_keeps_numbers_digests_and_files(executed, commit, tracking):
    folder, state = executed()
    commit(folder, state)
    kept = tracking.state["runs"][state.run_id]
    assert kept["status"] == "FINISHED"
    assert kept["metrics"] == {"f1": 0.9, "auc": 0.95}
    assert kept["tags"]["workbench.data.loans"] == "d" * 64
    assert kept["tags"]["workbench.notebook_digest"] == "n" * 64
    assert kept["tags"]["workbench.parameters"] == digest({"seed": 8})
    assert "workbench.design" not in kept["tags"], "it registered none"
    assert {"record.json", "models/lending/model/MLmodel"} <= set(kept["files"])


def test_the_ledger_is_told_last(executed, commit, tracking, ledger):
    """Whatever the ledger knows is whole in the tracking store; the other way round would be a lie."""
    folder, state = executed()
    tracking.finish = lambda run_id, status: (_ for _ in ()).throw(ConnectionError("the store is gone"))
    with pytest.raises(ConnectionError):
        commit(folder, state)
    assert ledger.entries() == []


def test_a_run_that_handed_over_nothing_says_how_to(executed, commit, ledger):
    body = commit(*executed(lambda folder: None))
    assert "record.close()" in body["sentence"]
    assert [entry.kind for entry in ledger.entries()] == ["run.finished"]


# again


def test_committing_again_changes_nothing(executed, commit, ledger, tracking):
    folder, state = executed()
    first = commit(folder, state)
    before = [entry.hash for entry in ledger.entries()], tracking.state["versions"]
    assert commit(folder, state) == first
    assert ([entry.hash for entry in ledger.entries()], tracking.state["versions"]) == before


def test_a_version_that_a_killed_attempt_registered_is_adopted(executed, commit, ledger, tracking):
    """The second attempt trained anew, with other bytes; the version keeps the digest of its own files."""
    folder, state = executed()
    key = f"{STATE.key}/version/lending"
    tags = {KEY: key, MODEL_DIGEST: "of-the-first", NOTEBOOK_DIGEST: "n" * 64}
    tracking.register("first-run", "lending", "models/lending/model", tags=tags)
    commit(folder, state)
    version = ledger.version("lending", 1)
    assert [v["version"] for v in tracking.state["versions"] if v["model"] == "lending"] == [1]
    assert (version.run_id, version.model_digest) == ("first-run", "of-the-first")
    assert version.source == "runs:/first-run/models/lending"


def test_a_version_of_a_notebook_that_was_edited_since_is_not_adopted(executed, commit, ledger, tracking):
    """Its files come of other code; telling them as this notebook's would be a lie."""
    folder, state = executed()
    tags = {KEY: f"{STATE.key}/version/lending", MODEL_DIGEST: "of-the-first", NOTEBOOK_DIGEST: "another"}
    tracking.register("first-run", "lending", "models/lending/model", tags=tags)
    for _ in range(2):
        commit(folder, state)
    assert [(v.version, v.run_id) for v in ledger.versions("lending")] == [(2, state.run_id)]
    assert [v["version"] for v in tracking.state["versions"] if v["model"] == "lending"] == [1, 2]


def test_another_key_registers_another_version(executed, commit, tracking):
    folder, state = executed()
    commit(folder, state)
    folder, state = executed()
    commit(folder, RunState(**{**state.__dict__, "key": "weekly/2026-01-12"}))
    assert [v["version"] for v in tracking.state["versions"] if v["model"] == "lending"] == [1, 2]


# cell by cell


def test_a_record_made_cell_by_cell_is_committed_under_the_run_of_the_store(tmp_path, tracking, ledger, simulated):
    def commit(record):
        commit_record(record, tracking=lambda: tracking, ledger=ledger, actor="analyst", now=simulated.Clock())

    record = Record.interactive(tmp_path, now=simulated.START, commit=commit)
    record.sentence("Seen cell by cell.")
    record.finding(simulated.Finding("experiment/rand-hie", run_id=record.run_id))
    record.close()
    record.close()
    (run_id,) = tracking.state["runs"]
    assert [entry.kind for entry in ledger.entries()] == ["evidence.recorded", "run.finished"]
    assert ledger.entries(kind="run.finished")[0].subject == f"run/{run_id}"
    assert ledger.entries(kind="evidence.recorded")[0].body["run_id"] == run_id
    assert tracking.state["runs"][run_id]["status"] == "FINISHED"


# killed


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What came of runs that were killed at each point on their way, and then run again under their key."""
    command = [
        sys.executable,
        "-W",
        "error",
        str(Path(__file__).with_name("simulated.py")),
        str(tmp_path_factory.mktemp("k")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_run_killed_anywhere_and_run_again_leaves_one_version_and_one_set_of_entries(killed):
    assert len(killed) >= 20, "every call that changes something is a point before and after"
    for found in killed:
        assert found["status"] == "finished", found
        assert found["versions"] == found["told_versions"] == [["lending", 1], ["pricing", 1]], found
        assert found["kinds"] == KINDS, found
        assert found["valid"], found


@pytest.mark.slow
def test_after_any_kill_the_ledger_tells_the_digest_of_the_files_that_are_registered(killed):
    for found in killed:
        assert found["told_digests"] == found["kept_digests"], found


@pytest.mark.slow
def test_after_any_kill_no_run_is_left_running(killed):
    for found in killed:
        assert "RUNNING" not in found["statuses"], found
        assert found["statuses"].count("FINISHED") == 1, found


@pytest.mark.slow
def test_after_any_kill_the_key_gives_the_outcome_and_runs_nothing(killed):
    assert all(found["again"] for found in killed)
