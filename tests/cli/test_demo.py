"""The story can be killed anywhere and told again: nothing is lost, nothing happens twice."""

import importlib
import itertools
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench import open_bench
from workbench.bench import create
from workbench.bench.engines import Engines
from workbench.ledger import Ledger

demo = importlib.import_module("workbench.cli.demo")  # the package has the command by this name
TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


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


class Registry(TOLD.Registry):
    """Aliases in memory, of files that are whole."""

    def damage(self, version):
        return None


@pytest.mark.slow
def test_the_steps_with_people_may_be_cut_off_before_any_of_their_commits(tmp_path, monkeypatch):
    """Told again they end as if they had not been: asked once, approved by each once, moved once."""
    start = tmp_path / "start"
    create(start)
    with open_bench(start) as bench:
        TOLD.register(bench)
        TOLD.audit(bench)
        TOLD.append(bench, "note", "lending/1", "w", {"version": 1}, key="demo/train-fairer/version/lending")
    registries = {}
    monkeypatch.setattr(Engines, "store", property(lambda it: registries.setdefault(it.root, Registry())))
    begin = Ledger.transaction

    def tell(root, last=0):
        left = itertools.count(1)

        def cut(ledger):
            if next(left) == last:
                raise KeyboardInterrupt
            return begin(ledger)

        monkeypatch.setattr(Ledger, "transaction", cut)
        try:
            with open_bench(root) as bench:
                steps = [demo._ask(bench, "fairer", demo.FAIRER), demo._approved(bench, "fairer", demo.FAIRER)]
                kinds = [entry.kind for entry in bench.ledger.entries() if entry.actor != "analyst"]
            return [step.outcome for step in steps], kinds
        except KeyboardInterrupt:
            return None
        finally:
            monkeypatch.setattr(Ledger, "transaction", begin)

    whole = tell(TOLD.copied(start, tmp_path / "whole"))
    assert whole[0] == ["waits", "promoted"]
    assert tell(tmp_path / "whole") == whole
    for last in itertools.count(1):
        root = TOLD.copied(start, tmp_path / f"cut-{last}")
        if tell(root, last) is not None:
            break
        assert tell(root) == whole, f"before commit {last}"
    assert last > 6
