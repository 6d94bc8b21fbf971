"""The story can be killed anywhere and told again: nothing is lost, nothing happens twice."""

from pathlib import Path

import pytest

from workbench import open_bench


@pytest.mark.slow
def test_it_ends_as_if_it_had_never_been_killed(told):
    _, story, _ = told
    outcomes = {step["name"]: step["outcome"] for step in story["steps"]}
    assert outcomes["promote incumbent"] == "promoted"
    assert outcomes["promote challenger"] == "denied"
    assert outcomes["ask two people"] == "waits"
    assert outcomes["promote fairer"] == "promoted"
    assert outcomes["roll back"] == "rolled back"
    assert story["ledger"]["valid"]
    assert story["champion"] == {"model": "lending", "version": 1}


@pytest.mark.slow
def test_two_roles_approved_the_fairer_version_each_once_before_it_moved(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        trail = [
            entry for entry in bench.ledger.entries(subject="lending/3") if entry.kind.startswith(("appr", "prom"))
        ]
        stakes = [entry.body["stakes"] for entry in bench.ledger.entries(subject="lending", kind="model.declared")]
    kinds = [entry.kind for entry in trail]
    assert kinds == ["approval.requested", "approval.given", "approval.given", "promotion.granted", "approval.closed"]
    assert {entry.actor for entry in trail[1:3]} == {"risk-officer", "compliance-officer"}
    assert sorted(trail[3].body["approvals"]) == [trail[1].seq, trail[2].seq]
    assert stakes == ["high", "normal"]


@pytest.mark.slow
def test_telling_it_again_repeats_nothing(told):
    _, story, again = told
    assert again["ledger"] == story["ledger"]
    assert [s["run_id"] for s in again["steps"]] == [s["run_id"] for s in story["steps"]]


@pytest.mark.slow
def test_three_versions_were_registered_and_no_more(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert [v.version for v in bench.ledger.versions("lending")] == [1, 2, 3]
        assert [v.version for v in bench.store.registered("lending")] == [1, 2, 3]


@pytest.mark.slow
def test_no_run_is_left_running_in_mlflow(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        assert bench.store.unfinished() == []


@pytest.mark.slow
def test_the_alias_follows_the_ledger(told):
    workspace, _, _ = told
    with open_bench(workspace) as bench:
        head = bench.ledger.head("lending")
        assert bench.store.alias("lending", "champion") == (head.version, head.generation)
        assert bench.ledger.owed() == []


@pytest.mark.slow
def test_every_reported_file_is_there_and_shows_no_code(told):
    _, story, _ = told
    reports = [Path(step["report"]) for step in story["steps"] if step["report"]]
    assert len(reports) == 8
    for report in reports:
        text = report.read_text("utf-8")
        assert "fairness_audit" not in str(report) or len(text.encode()) < 300_000
        assert "open_bench" not in text


@pytest.mark.slow
def test_each_held_out_application_was_answered_once(told):
    workspace, story, _ = told
    served = next(step for step in story["steps"] if step["name"] == "serve")["figures"]
    with open_bench(workspace) as bench:
        rows = bench.log.rows(model="lending")
    assert len({row.id for row in rows}) == len(rows) == served["applications"]
